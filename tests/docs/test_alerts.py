"""The rules of docs/alerts.yaml fire when they are meant to: Prometheus' own tool plays alerts_test.yaml over them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.peers import require_peer

PLAYED = Path(__file__).with_name("alerts_test.yaml")


@pytest.mark.peer
def test_rules_fire_when_they_are_meant_to_and_not_else() -> None:
    require_peer("promtool", present=shutil.which("promtool") is not None)
    done = subprocess.run(["promtool", "test", "rules", PLAYED], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
