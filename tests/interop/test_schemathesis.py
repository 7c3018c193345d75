"""schemathesis over our OpenAPI against a running broker: nothing that it makes up is answered by a 5xx."""

import json
import subprocess
from pathlib import Path

import pytest

from idp.web.described import openapi
from tests.idp.staging import Clock, opened
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Visitor
from tests.interop.peer import VENV
from tests.peers import require_peer

PROGRAM = VENV / "bin" / "schemathesis"
SECONDS = "45"


@pytest.mark.slow
@pytest.mark.peer
@pytest.mark.parametrize("authenticated", [False, True], ids=["as a stranger", "as a service"])
def test_no_request_of_a_described_shape_is_a_defect(tmp_path: Path, *, authenticated: bool) -> None:
    require_peer("schemathesis", present=PROGRAM.exists())
    with opened(Stage(tmp_path / "stage", Clock())) as stage, Visitor(stage) as visitor:
        document = tmp_path / "openapi.json"
        document.write_text(json.dumps(openapi(stage.application.asgi)), encoding="utf-8")
        host = stage.issuer.removeprefix("http://")
        headers = ["-H", f"Host: {host}"] + (["-H", f"Authorization: {visitor.basic('parking')}"] if authenticated else [])
        command = [str(PROGRAM), "run", str(document), "-u", f"http://127.0.0.1:{host.rpartition(':')[2]}", *headers]
        asked = ["--checks", "not_a_server_error", "--phases", "coverage,fuzzing", "--max-time", SECONDS]
        asked += ["--request-timeout", "60"]
        run = subprocess.run([*command, *asked], cwd=tmp_path, capture_output=True, text=True, check=False)
        answer = visitor.go("GET", "/jwks")
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]
    assert "passed" in run.stdout
    assert answer.status == 200, "it still serves"
