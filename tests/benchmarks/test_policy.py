"""The benchmark of policies runs, and measures what the page about performance promises."""

import pytest

from tests.benchmarks import policy
from tests.peers import require_peer
from tests.policies.cedar import PRESENT


@pytest.mark.slow
def test_each_promised_ratio_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    require_peer("cedarpy", present=PRESENT)
    # The tests beside this one need their cores
    monkeypatch.setattr(policy, "stay_on_one_core", lambda: None)
    targets = policy.measured(rounds=1, parties=200, reloads=1).targets
    assert [target.name for target in targets] == [
        "decide_vs_cedarpy",
        "explain_vs_decide",
        "plan_growth",
        "reload_vs_login",
    ]
    assert all(target.measured > 0 for target in targets)
