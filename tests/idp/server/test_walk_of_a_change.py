"""Two machines over one PostgreSQL, and logins all the time: a change is planned, approved, applied and taken back."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any  # whatever a command answers

import pytest

from tests.alone import within
from tests.idp.changes.signing import Person, person
from tests.idp.cli.command import Served, ciconia, json_of
from tests.idp.server.crew import until
from tests.idp.server.machines import Citizens, Machines, turns, verified
from tests.postgres import server

PURPOSE, PARTY = "purposes/resident-parking.toml", "parties/parking.toml"
ANNA, BERT = person("anna"), person("bert")
pytestmark = pytest.mark.slow


class Stage:
    """Two machines of two workers each, whose folders name Anna and Bert."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.machines = Machines(folder, database=server().fresh())
        stack.callback(self.machines.close)
        self.folders, self._keys = self.machines.folders, folder
        for one in self.folders:
            (one / "operators").mkdir()
            for who in (ANNA, BERT):
                (one / "operators" / f"{who.name}.pub").write_text(who.line)
                (folder / f"{who.name}.key").write_bytes(who.private)
            settings = one / "ciconia.toml"
            settings.write_text(f"four_eyes = true\n{settings.read_text()}")
        self.served: list[Served] = [
            stack.enter_context(self.machines.serving(number, "--workers", "2")) for number in range(2)
        ]
        stack.enter_context(turns(self.machines.front, self.machines.ports))

    def run(self, *words: str, who: Person | None = None, at: int = 0, code: int = 0) -> dict[str, Any]:
        by = ("--as", who.name, "--key", self._keys / f"{who.name}.key") if who else ()
        ended = ciconia(*words, *by, "--config", self.folders[at], "--json")
        assert ended.returncode == code, ended.stdout + ended.stderr
        return json_of(ended)

    def widen(self, name: str, *, at: int = 0) -> None:
        """One attribute more, which no service of the demo asks for."""
        mail = "[attributes.email]"
        more = f'[attributes.{name}]\nform = "exact"\nrequired = false\nwhy.en = "A greeting."\n\n{mail}'
        self.edit(PURPOSE, mail, more, at=at)
        self.edit(PARTY, 'email = "exact"', f'email = "exact"\n{name} = "exact"', at=at)

    def edit(self, file: str, old: str, new: str, *, at: int = 0) -> None:
        path = self.folders[at] / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new, 1))

    def await_everywhere(self, number: int) -> float:
        """The seconds until each of four workers serves this configuration."""

        def there() -> bool:
            lines = [line for at in range(2) for line in self.machines.log(at).splitlines()]
            return sum("configuration_in_force" in line and f'"number": {number}' in line for line in lines) == 4

        return until(there)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with ExitStack() as stack:
        yield Stage(stack, tmp_path / "stage")


@pytest.mark.spec("issue: plan, apply, approve and rollback over two machines under load with no failed login")
def test_a_change_is_planned_approved_applied_and_taken_back_and_no_login_fails(stage: Stage) -> None:
    taken_up = []
    with Citizens(stage.machines).flowing() as citizens:
        citizens.await_more(2)
        stage.widen("person_identifier")
        plan = str(stage.run("plan")["plan"])
        assert stage.run("apply", plan, who=ANNA, code=1)["error"]["code"] == "approval_missing"
        stage.run("approve", plan, who=ANNA, code=1)
        stage.run("approve", plan, who=BERT)
        assert stage.run("apply", plan, who=ANNA)["number"] == 2
        taken_up.append(stage.await_everywhere(2))
        citizens.await_more(2)
        # Less goes at once
        assert stage.run("rollback", who=BERT)["number"] == 3
        taken_up.append(stage.await_everywhere(3))
        citizens.await_more(2)
        # What nobody approved is not taken up by a reload of the other machine, and a broken folder neither
        stage.widen("given_name", at=1)
        stage.served[1].process.send_signal(signal.SIGHUP)
        until(lambda: "folder_not_approved" in stage.machines.log(1))
        stage.edit(PURPOSE, 'form = "exact"', "form = nothing", at=1)
        stage.served[1].process.send_signal(signal.SIGHUP)
        until(lambda: f"{PURPOSE}:" in stage.machines.log(1))
        citizens.await_more(4)
        assert stage.run("plan", at=0)["base"]["number"] == 3
    assert citizens.failed == []
    print(f"taken up after {taken_up} s; {citizens.done} logins, the longest took {citizens.longest:.2f} s")
    assert max(taken_up) < within(2)
    assert verified(stage.folders[0], staged=True) > citizens.done
