"""The documentation's lines for refresh tokens and logout, and its resource server, run as they are printed."""

import base64
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import pytest
from typer.testing import CliRunner

from idp.cli import app as ciconia
from idp.cli.snippets import MACHINE, Framework
from idp.demo.browser import Browser
from idp.demo.loopback import client, send
from idp.demo.scene import HOST
from idp.keys.file import FileSigner
from tests.idp.server.crew import until
from tests.idp.staging import Clock
from tests.idp.staging import opened as opened_stage
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Visitor
from tests.interop.programs import running as running_program
from tests.interop.snippet_stage import GROUPED, HERE, App, SnippetStage, begun, running
from tests.interop.walking import opened, to_the_answer
from tests.ports import free_port

PEER = "Authlib in FastAPI"
API = "Authlib as a resource server"
OTHER = "other-parking"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SnippetStage]:
    with opened(SnippetStage(tmp_path_factory.mktemp("staying") / "stage", Framework.FASTAPI, GROUPED)) as stage:
        yield stage


def _signs_in(browser: Browser, stage: SnippetStage, each: App) -> None:
    """The whole way. Where another service of the group was first, the same country is asked without a choice."""
    first = browser.get(begun(browser, each))
    choice = "//a[contains(@href, '/at/demo-ee')]"
    country = browser.get(first.link(choice), origin=stage.issuer) if first.tree.xpath(choice) else first
    posting = browser.submit(country, {"citizen": "mari"})
    page = browser.get(to_the_answer(browser, browser.submit(posting, {})), origin=stage.issuer)
    assert page.status == 200, page.text


def _status(browser: Browser, each: App, path: str) -> int:
    return browser.get(f"{each.base}{path}").status


@pytest.mark.peer_row(PEER, "refreshes")
@pytest.mark.peer_row(PEER, "is told of a logout")
def test_an_app_refreshes_until_another_one_of_its_group_signs_out(stage: SnippetStage) -> None:
    with running(stage, "staying") as staying, running(stage, "leaving") as leaving, Browser() as browser:
        for each in (staying, leaving):
            _signs_in(browser, stage, each)
            assert _status(browser, each, "/me") == 200
        for _ in range(2):
            assert _status(browser, staying, "/again") == 200
        page = browser._go("POST", f"{leaving.base}/sign-out", leaving.base, "text/html", b"")
        assert page.url.startswith(f"{stage.issuer}/logout"), page.url
        assert page.tree.xpath("//a/@href[contains(., '/bye')]")
        assert _status(browser, leaving, "/me") == 401
        until(lambda: _status(browser, staying, "/me") == 401)
        assert _status(browser, staying, "/again") == 401


@pytest.mark.peer_row(PEER, "logout token of a stranger refused by it")
def test_a_logout_token_of_a_stranger_ends_nothing(stage: SnippetStage) -> None:
    with running(stage, "staying") as app, Browser() as browser, client() as http:
        _signs_in(browser, stage, app)
        for body in ("", "logout_token=x", "logout_token=eyJhbGciOiJub25lIn0.e30."):
            headers = {"content-type": "application/x-www-form-urlencoded"}
            assert send(http, "POST", f"{app.base}/oidc/logout", content=body.encode(), headers=headers).status_code == 400
        assert _status(browser, app, "/me") == 200


class MachineStage(Stage):
    """A broker with two machines behind the parking service, one with a secret and one with a key."""

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        super()._configure(port, secret, fares)
        self.told: dict[str, dict[str, object]] = {}
        purpose, file = self.receiving / "purposes" / "resident-parking.toml", self.receiving / "parties" / "parking.toml"
        text = purpose.read_text(encoding="utf-8").partition("[[examples]]")[0]
        purpose.with_stem(OTHER).write_text(text.replace('id = "resident-parking"', f'id = "{OTHER}"'), encoding="utf-8")
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace('"phone-contact"', f'"phone-contact", "{OTHER}"'), encoding="utf-8")
        for name in ("by-secret", "by-key"):
            options = ["--key-out", str(self.receiving.parent / "machine.pem")] if name == "by-key" else []
            words = ["party", "add-machine", name, "--behind", "parking", "--config", str(self.receiving), "--json"]
            run = CliRunner().invoke(ciconia, [*words, *options])
            assert run.exit_code == 0, run.output
            self.told[name] = json.loads(run.stdout)
            text = file.read_text(encoding="utf-8")
            kept = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("resource_servers"))
            file.write_text(f"{self.told[name]['line']}\n{kept}", encoding="utf-8")


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MachineStage]:
    with opened_stage(MachineStage(tmp_path_factory.mktemp("machines") / "stage", Clock())) as stage:
        yield stage


@pytest.mark.peer_row(API, "asks whether a token is alive")
@pytest.mark.peer_row(API, "token of no use refused by it")
@pytest.mark.parametrize("name", ["by-secret", "by-key"])
def test_a_machine_asks_whether_a_token_is_alive(machines: MachineStage, tmp_path: Path, name: str) -> None:
    told, port = machines.told[name], free_port()
    programs = told["snippets"]
    assert isinstance(programs, dict)
    (tmp_path / "api.py").write_text(programs[MACHINE], encoding="utf-8")
    credential = {"CLIENT_KEY": str(told["key"])} if told["key"] else {"CLIENT_SECRET": str(told["client_secret"])}
    words = [sys.executable, "-m", "uvicorn", "api:app", "--host", HOST, "--port", str(port), "--loop", "asyncio"]
    environment = {**credential, "PYTHONPATH": str(HERE / "localhost")}
    with Visitor(machines) as visitor, running_program(words, environment, tmp_path, port), client() as http:

        def calls(token: str) -> tuple[int, object]:
            headers = {"authorization": f"Bearer {token}"} if token else {}
            answer = send(http, "GET", f"http://api.localhost:{port}/mine", headers=headers)
            return answer.status_code, answer.json().get("sub")

        tokens = visitor.redeem(visitor.code(scope="openid purpose:resident-parking")).json
        sub = json.loads(base64.urlsafe_b64decode(str(tokens["id_token"]).split(".")[1] + "=="))["sub"]
        assert calls(str(tokens["access_token"])) == (200, sub)
        # Another purpose of the same app, and nobody's token
        other = visitor.redeem(visitor.code(scope=f"openid purpose:{OTHER}")).json
        assert calls(str(other["access_token"]))[0] == 403
        for token in ("", "A" * 43, quote("é")):
            assert calls(token)[0] == 401
