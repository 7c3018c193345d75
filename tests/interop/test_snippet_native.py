"""The documentation's app on a device, run as it is printed: it opens a browser, and listens on its loopback."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import pytest

from idp.cli.snippets import Framework
from idp.demo.browser import Browser
from idp.demo.scene import HOST
from tests.idp.server.crew import until
from tests.interop.snippet_stage import HERE, LOW, RELEASED, SnippetStage
from tests.interop.walking import opened, to_the_answer, to_the_country

PEER = "Authlib on a device"
pytestmark = pytest.mark.slow
# The browser of this device: it keeps the address that it was to open
OPENING = 'import sys; open("address", "w").write(sys.argv[1]); open("opened", "w").close()'


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SnippetStage]:
    with opened(SnippetStage(tmp_path_factory.mktemp("device") / "stage", Framework.NATIVE, ("device",))) as stage:
        yield stage


def _ran(stage: SnippetStage, folder: Path, citizen: str = "mari", **changed: str) -> tuple[int, str, str]:
    """The program's exit code, and what it printed, after a sign-in whose request was changed on the way."""
    (folder / "app.py").write_text(stage.apps["device"].text, encoding="utf-8")
    environment = {
        "PYTHONPATH": str(HERE / "localhost"),
        "BROWSER": f"{shlex.quote(sys.executable)} -c {shlex.quote(OPENING)} %s",
        "PATH": "/usr/bin:/bin",
    }
    program = subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _signs_in(stage, folder, citizen, changed)
        if "state" in changed:
            assert program.poll() is None, "it waits for the answer to its own request"
            program.terminate()
        said, told = program.communicate(timeout=60)
    finally:
        program.kill()
        program.communicate()
    return program.returncode, said, told


def _signs_in(stage: SnippetStage, folder: Path, citizen: str, changed: Mapping[str, str]) -> None:
    """The citizen's way, from the browser that the program opens to its answer on the loopback."""
    until((folder / "opened").exists)
    parts = urlsplit((folder / "address").read_text(encoding="utf-8"))
    asked = dict(parse_qsl(parts.query))
    assert set(changed) <= set(asked)
    address = urlunsplit(parts._replace(query=urlencode({**asked, **changed})))
    with Browser() as browser:
        posting = browser.submit(to_the_country(browser, stage, address), {"citizen": citizen})
        back = to_the_answer(browser, browser.submit(posting, {}))
        assert back.startswith(f"http://{HOST}:")
        assert browser.get(back.replace(HOST, "device.localhost", 1), origin=stage.issuer).status == 200


@pytest.mark.peer_row(PEER, "signs in")
def test_a_citizen_signs_in(stage: SnippetStage, tmp_path: Path) -> None:
    code, said, told = _ran(stage, tmp_path)
    assert code == 0, told
    person = json.loads(said)
    assert {name: person[name] for name in person if name != "sub"} == RELEASED


@pytest.mark.peer_row(PEER, "broken state refused by it")
def test_an_answer_to_another_request_is_not_taken(stage: SnippetStage, tmp_path: Path) -> None:
    _, said, _ = _ran(stage, tmp_path, state="a-state-that-nobody-chose")
    assert not said


@pytest.mark.peer_row(PEER, "broken nonce refused by it")
def test_a_broken_nonce_is_noticed_by_the_app(stage: SnippetStage, tmp_path: Path) -> None:
    code, said, told = _ran(stage, tmp_path, nonce="a-nonce-that-nobody-chose")
    assert (code, said) == (1, "")
    assert "nonce" in told


@pytest.mark.peer_row(PEER, "lower level refused by it")
def test_a_lower_level_is_noticed_by_the_app(stage: SnippetStage, tmp_path: Path) -> None:
    code, said, told = _ran(stage, tmp_path, "toomas", scope=f"openid purpose:{LOW}")
    assert (code, said) == (1, "")
    assert "lower level" in told


@pytest.mark.peer_row(PEER, "other purpose refused by it")
def test_another_purpose_is_noticed_by_the_app(stage: SnippetStage, tmp_path: Path) -> None:
    code, said, told = _ran(stage, tmp_path, scope=f"openid purpose:{LOW}")
    assert (code, said) == (1, "")
    assert "another purpose" in told
