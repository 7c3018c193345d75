"""The program that `ciconia party add` prints for a service with a key: pushed requests, and tokens bound by DPoP."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from idp.cli.snippets import Framework
from idp.demo.browser import Browser
from idp.demo.scene import HOST
from idp.protocols.oidc.senders import NONCE_SLOT
from tests.idp.staging import Clock
from tests.interop import snippet_tests as proved
from tests.interop.node import require_node
from tests.interop.snippet_stage import SnippetStage, begun, running
from tests.interop.walking import opened, to_the_answer, to_the_country

KIND = "strict-key"


STAGES = [
    pytest.param(
        Framework.EXPRESS,
        id="express",
        marks=[pytest.mark.peer, pytest.mark.peer_row("openid-client in Express", "signs in by the profile fapi2")],
    ),
    pytest.param(
        Framework.FASTAPI,
        id="fastapi",
        marks=[pytest.mark.slow, pytest.mark.peer_row("Authlib in FastAPI", "signs in by the profile fapi2")],
    ),
]


@pytest.fixture(scope="module")
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SnippetStage]:
    if request.param is Framework.EXPRESS:
        require_node("express-session")
    with opened(SnippetStage(tmp_path_factory.mktemp("fapi2") / "stage", request.param, (KIND,))) as stage:
        yield stage


@pytest.mark.parametrize("stage", STAGES, indirect=True)
def test_a_citizen_signs_in_by_the_strongest_profile(stage: SnippetStage) -> None:
    text = (stage.receiving / "parties" / f"{KIND}.toml").read_text(encoding="utf-8")
    assert 'profile = "fapi2"' in text
    proved.signs_in(stage, KIND)


@pytest.mark.slow
@pytest.mark.peer_row("Authlib in FastAPI", "asks once more with a new nonce")
def test_a_citizen_who_takes_longer_than_a_nonce_lives_signs_in(tmp_path: Path) -> None:
    clock, ahead = Clock(), tmp_path / "ahead"
    ahead.write_text("0")
    with opened(SnippetStage(tmp_path / "stage", Framework.FASTAPI, (KIND,), clock)) as stage:
        stage.apps[KIND].environment["AHEAD"] = str(ahead)
        with running(stage, KIND) as app, Browser() as browser, capture_logs() as lines:
            country = to_the_country(browser, stage, begun(browser, app))
            clock.ahead = 2 * NONCE_SLOT + 1
            ahead.write_text(str(clock.ahead))
            back = to_the_answer(browser, browser.submit(browser.submit(country, {"citizen": "mari"}), {}))
            page = browser.get(back.replace(f"http://{HOST}:{app.port}/", f"{app.base}/"), origin=stage.issuer)
    assert page.status == 200, page.text
    assert page.json()["age_over_18"] is True
    assert any("use_dpop_nonce" in str(line.get("detail")) for line in lines), "the first proof was too old"
