"""`make interop` calls a failure the peer's own only where that is proved, and its page fits its list of peers."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from idp.demo import loopback
from tests.interop import run
from tests.interop.instance import Instance, started
from tests.interop.peer import Fault, Flow, Outcome, Role, Session
from tests.ports import free_port

SHORT = Fault("short", "16 characters", "Its code_verifier is too short.", source="lib.pm", line="random(16)")
# It listens, and gives its first answer a second later
SLOW = """
import sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer
class Slow(BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(1)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<metadata/>")
HTTPServer(("127.0.0.1", int(sys.argv[1])), Slow).serve_forever()
"""


@dataclass
class Installed:
    said: str = "1.0"

    def version(self) -> str:
        return self.said

    def pinned(self) -> str:
        return ""

    def text(self, source: str) -> str:
        if source != "lib.pm":
            raise FileNotFoundError(source)
        return "my $verifier = random(16);"


@dataclass
class Peer:
    """A peer whose flows fail with the words of `failing`."""

    failing: dict[str, str]
    flows: Sequence[Flow] = (Flow("short"), Flow("usual"))
    faults: Sequence[Fault] = (SHORT,)
    name: str = "made up"
    role: Role = Role.CLIENT
    documented: str = "README"
    package: Installed = field(default_factory=Installed)

    @contextmanager
    def opened(self, folder: Path) -> Iterator[Session]:
        def session(flow: Flow) -> None:
            if flow.name in self.failing:
                raise ValueError(self.failing[flow.name])

        assert not folder.exists()
        yield session


def _outcomes(peer: Peer, folder: Path) -> list[Outcome]:
    return [one.outcome for one in run.tried(peer, folder / "new")]


def test_a_failure_with_its_proof_is_the_peers_own(tmp_path: Path) -> None:
    assert _outcomes(Peer({"short": "a code_verifier of 16 characters"}), tmp_path) == [Outcome.PEER, Outcome.WORKS]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("short", "16 characters", "why", source="lib.pm", line="random(43)"),
        Fault("short", "16 characters", "why", source="gone.pm", line="random(16)"),
        Fault("short", "16 characters", "why", source="lib.pm"),
        Fault("short", "16 characters", "why", issue="somebody said so"),
        Fault("short", "", "why", source="lib.pm", line="random(16)"),
        Fault("usual", "16 characters", "why", source="lib.pm", line="random(16)"),
    ],
    ids=["another line", "no such file", "no line", "no address", "fits every failure", "another flow"],
)
def test_a_failure_without_its_proof_is_ours(fault: Fault, tmp_path: Path) -> None:
    peer = Peer({"short": "16 characters", "usual": "else"}, faults=(fault,))
    assert _outcomes(peer, tmp_path)[0] is Outcome.OURS


def test_another_failure_of_a_flow_with_a_named_fault_is_ours(tmp_path: Path) -> None:
    assert _outcomes(Peer({"short": "no such scope"}), tmp_path) == [Outcome.OURS, Outcome.WORKS]


def test_a_named_fault_that_does_not_show_is_told(tmp_path: Path) -> None:
    assert _outcomes(Peer({}), tmp_path) == [Outcome.GONE, Outcome.WORKS]


def test_the_exit_code_says_whether_every_failure_is_the_peers_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CI", raising=False)

    def ended(peer: Peer) -> int:
        monkeypatch.setattr(run, "PEERS", (peer,))
        return run.main(["--json"])

    assert ended(Peer({"short": "16 characters"})) == 0
    assert ended(Peer({"short": "else"})) == 1
    assert ended(Peer({})) == 1
    missing = Peer({}, package=Installed(""))
    assert ended(missing) == 0
    monkeypatch.setenv("CI", "true")
    assert ended(missing) == 1
    assert '"result": "not installed"' in capsys.readouterr().out


def test_a_program_that_listens_before_it_can_answer_has_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "TIMEOUT", 0.1)
    instance = Instance(Flow("usual"), "slow", free_port(), tmp_path / "slow", "", "")
    words = [sys.executable, "-c", SLOW, str(instance.port)]
    with started(instance, lambda _: (words, {}), b"", "/metadata") as published:
        assert published == b"<metadata/>"
