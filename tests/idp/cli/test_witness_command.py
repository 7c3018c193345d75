"""`ciconia witness`: a key, a program of its own over a socket, and a fork that it shows."""

import json
import re
import signal
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from connectors.fetch import Fetcher
from idp.cli import app
from idp.ledger.cosignature import OperatorWitness, WitnessKey, WitnessPolicy
from idp.witnessing.witness import Request
from tests.idp.cli.command import CICONIA
from tests.idp.witnessing.test_witness_service import FORKED, LOG, SIGNER, TREE, key_of

NAME = "witness.neighbour.example"


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["witness", *arguments])
    return done.exit_code, done.output


@pytest.fixture
def file(tmp_path: Path) -> Path:
    code, _ = run("new-key", str(tmp_path / "witness.key"), "--name", NAME)
    assert code == 0
    found = tmp_path / "witness.toml"
    found.write_text(
        f'listen = "127.0.0.1:0"\nname = "{NAME}"\nkeys = ["witness.key"]\nmemory = "witness.db"\n'
        f'[[logs]]\nvkeys = ["{key_of(LOG, SIGNER)}"]\n',
        encoding="utf-8",
    )
    return found


def test_a_new_key_is_private_and_is_never_written_over(tmp_path: Path) -> None:
    file = tmp_path / "witness.key"
    code, said = run("new-key", str(file), "--name", NAME, "--json")
    assert code == 0
    assert WitnessKey.read(json.loads(said)["vkey"]).name == NAME
    assert file.stat().st_mode & 0o077 == 0
    before = file.read_bytes()
    assert run("new-key", str(file), "--name", NAME)[0] == 2
    assert file.read_bytes() == before
    assert run("new-key", str(tmp_path / "other"), "--name", "a b")[0] == 2


def test_a_witness_cosigns_over_a_socket_remembers_after_a_kill_and_shows_a_fork(file: Path) -> None:
    """It needs no broker: its folder has its key, its settings and its memory, and nothing else."""
    policy: WitnessPolicy | None = None
    for steps in ([(0, 5, 200), (5, 9, 200)], [(0, 9, 409), (9, 12, 200)]):
        command = [CICONIA, "witness", "serve", "--config", str(file)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as served:
            assert served.stdout is not None
            port = re.search(r":(\d+)\.", served.stdout.readline())
            key = WitnessKey.read(served.stdout.readline().strip())
            assert port is not None
            policy = WitnessPolicy((OperatorWitness(key, "Neighbour", counts=True),))
            with Fetcher(demo=True).channel(["127.0.0.0/8"], connections=1) as channel:
                for old, new, status in steps:
                    answer = channel.ask(
                        f"http://w.localhost:{port[1]}/add-checkpoint",
                        content=TREE.request(old, new),
                        limit=10_000,
                        timeout=20,
                    )
                    assert answer.status == status
                    if status == 200:
                        assert policy.judge(TREE.head(new).text, answer.body.decode().splitlines()).witnesses
                if steps[0][0] == 0 and steps[0][2] == 409:
                    fork = Request(9, (), FORKED.note(9)).body
                    url = f"http://w.localhost:{port[1]}/add-checkpoint"
                    assert channel.ask(url, content=fork, limit=10_000, timeout=20).status == 409
            served.send_signal(signal.SIGKILL)
    code, said = run("show", "--config", str(file), "--json")
    told = json.loads(said)
    assert code == 1
    assert not told["ok"]
    assert told["logs"][0]["size"] == 12
    (found,) = told["forks"]
    assert [found["log"], found["size"]] == [LOG, 9]
    assert [TREE.note(9).decode() in found["notes"][0], found["notes"][1]] == [True, FORKED.note(9).decode()]
    code, said = run("show", "--config", str(file))
    assert code == 1
    assert f"FORK  {LOG} signed two trees of 9 leaves" in said


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ("listen = 7", "witness.toml:1: listen"),
        ('name = "a b"', "witness.toml:2: name"),
        ('keys = ["gone.key"]', "witness.toml:3: keys"),
        ("keys = []", "witness.toml:3: keys"),
        ('memory = ""', "witness.toml:4: memory"),
        ('vkeys = ["x"]', "witness.toml:6: logs.vkeys"),
        ("vkeys = []", "witness.toml:5: logs.vkeys"),
        ('vkeys = ["KEY", "OTHER"]', "witness.toml:6: logs.vkeys"),
    ],
)
def test_a_fault_of_the_file_has_its_line_and_its_fix(file: Path, wrong: str, place: str) -> None:
    wrong = wrong.replace("KEY", str(key_of(LOG, SIGNER))).replace("OTHER", str(key_of("other.example", SIGNER)))
    name = wrong.split(" ")[0]
    lines = [wrong if line.startswith(f"{name} ") else line for line in file.read_text().splitlines()]
    file.write_text("\n".join(lines), encoding="utf-8")
    code, said = run("show", "--config", str(file))
    assert code in (1, 2)
    assert place in said
    assert "Fix: " in said


def test_an_unknown_setting_and_a_missing_file_are_named(file: Path) -> None:
    file.write_text('issuer = "https://x"\n' + file.read_text(), encoding="utf-8")
    code, said = run("show", "--config", str(file))
    assert code in (1, 2)
    assert "witness.toml:1: issuer: no setting has this name." in said
    assert "cannot be read" in run("show", "--config", str(file.parent / "gone.toml"))[1]
