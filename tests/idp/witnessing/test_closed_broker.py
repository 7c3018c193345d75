"""`fail = "closed"` in a whole broker of two workers, beside a real `ciconia witness serve` that stops and comes back."""

import json
import re
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from idp.config.settings import SETTINGS_FILE, load_settings
from idp.demo.browser import Browser
from idp.keys.ledger_files import LOG_VKEY
from idp.ledger.cosignature import WitnessKey
from idp.ledger.key_list import read_keys
from tests.idp.cli.command import CICONIA, in_process
from tests.idp.server.crew import until
from tests.idp.server.machines import DECISION, Machines, sign_in, to_the_question
from tests.idp.witnessing.neighbour import NAME, OPERATOR
from tests.ports import free_port

TITLE = "We cannot record anything at the moment"
MAX_AGE, WORKERS = 60, 2
# Until the last cosignature is too old, with what a busy machine takes
PATIENCE = 2 * MAX_AGE + 60


class RealWitness:
    """The folder of a witness, and its program."""

    def __init__(self, folder: Path, log: Path) -> None:
        folder.mkdir()
        self.file, self.port = folder / "witness.toml", free_port()
        made = in_process("witness", "new-key", folder / "witness.key", "--name", NAME)
        self.key = WitnessKey.read(made.stdout.strip())
        vkeys = [str(key) for key in read_keys(log.read_text(encoding="utf-8"))]
        lines = [f'listen = "127.0.0.1:{self.port}"', f'name = "{NAME}"', 'keys = ["witness.key"]', 'memory = "witness.db"']
        self.file.write_text("\n".join([*lines, "[[logs]]", f"vkeys = {vkeys}", ""]), encoding="utf-8")

    @property
    def settings(self) -> str:
        """The part of a broker's settings about it."""
        return (
            f'\n[[witnesses]]\nurl = "http://witness.localhost:{self.port}"\nvkey = "{self.key}"\n'
            f'operator = "{OPERATOR}"\nnetworks = ["127.0.0.0/8"]\n'
            f'[witness_policy]\nquorum = 1\nfail = "closed"\nmax_age_seconds = {MAX_AGE}\n'
        )

    @contextmanager
    def serving(self) -> Iterator[None]:
        """The program, from the moment it listens; at the end it is stopped."""
        command = [CICONIA, "witness", "serve", "--config", str(self.file)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as served:
            assert served.stdout is not None
            assert NAME in served.stdout.readline()
            try:
                yield
            finally:
                served.send_signal(signal.SIGTERM)
                assert served.wait(30) == 0


def open_workers(stage: Machines) -> set[bool]:
    """For each worker, by what it last said: whether it takes releases."""
    said = (json.loads(line) for line in stage.log(0).splitlines() if '"witnesses_' in line)
    last = {line["worker"]: line["event"] == "witnesses_cosign" for line in said}
    return set(last.values()) if len(last) == WORKERS else set()


def recorded(stage: Machines) -> int:
    """How many records there are: the log's beginning, and each release."""
    with closing(sqlite3.connect(stage.receiving / "ciconia.db")) as connection:
        return int(connection.execute("SELECT count(*) FROM records").fetchone()[0])


@pytest.mark.slow
@pytest.mark.spec("decisions.md 23")
def test_a_closed_broker_signs_in_refuses_while_its_witness_is_away_and_signs_in_again(tmp_path: Path) -> None:
    stage = Machines.alone(tmp_path / "stage")
    folder = stage.folders[0]
    witness = RealWitness(tmp_path / "witness", load_settings(folder).key_folder / LOG_VKEY)
    with (folder / SETTINGS_FILE).open("a", encoding="utf-8") as settings:
        settings.write(witness.settings)
    party = stage.party()
    with stage.serving(0, "--workers", str(WORKERS)), Browser() as waiting:
        with witness.serving():
            until(lambda: open_workers(stage) == {True}, PATIENCE)
            assert sign_in(stage, party, "mari")
            assert recorded(stage) == 2
            address, _ = party.begin()
            question = to_the_question(stage, waiting, address, "juhan")
        until(lambda: open_workers(stage) == {False}, PATIENCE)
        # Nobody is sent to sign in for nothing, and who stands before the question gets no code
        with Browser() as fresh:
            page = fresh.get(party.begin()[0])
        refused = waiting.submit(question, {"choice": "approve"}, DECISION)
        for each in (page, refused):
            assert (each.status, TITLE in each.text) == (503, True), each.text
            assert not re.search("code=|SAMLResponse", each.text)
        assert recorded(stage) == 2
        with witness.serving():
            until(lambda: open_workers(stage) == {True}, PATIENCE)
            assert sign_in(stage, party, "mari")
            assert recorded(stage) == 3
    assert "witnesses_missing" in stage.log(0)
    assert "witness_unreachable" in stage.log(0)
    party.close()
    stage.close()
