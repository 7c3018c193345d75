"""A missing peer is a skip with a reason on a laptop, and a failure in CI."""

import pytest

from tests.peers import require_peer


def test_a_peer_that_is_there_lets_the_test_go_on() -> None:
    require_peer("chromium", present=True)


def test_without_it_a_laptop_skips_and_says_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"chromium is not installed here: `bash \.ci/peers`"):
        require_peer("chromium", present=False)


@pytest.mark.spec("house style 32")
def test_without_it_ci_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="chromium"):
        require_peer("chromium", present=False)
