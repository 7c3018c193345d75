"""`ciconia plan`, `apply`, `approve` and `rollback`: who may change what, and what is on record afterwards."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any  # whatever a command answers

import pytest
from sqlalchemy import select

from idp.audit.verify import verify_ledger
from idp.changes.history import History
from idp.config.settings import load_settings
from idp.keys.ledger_files import load_ledger_keys
from idp.ledger.leaf import open_opening
from idp.store import tables
from idp.store.store import open_store
from tests.idp.changes.signing import Person, person
from tests.idp.cli.command import ciconia, json_of
from tests.policies.load.files import PARTY

PURPOSE = "purposes/resident-parking.toml"
ANNA, BERT, EVE = person("anna"), person("bert"), person("eve")


class City:
    """A city whose configuration changes, and the persons who change it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "parties").mkdir(exist_ok=True)
        (folder / "parties" / "parking.toml").write_text(PARTY)

    def four_eyes(self, *persons: Person, on: bool = True) -> None:
        (self.folder / "operators").mkdir(exist_ok=True)
        for one in persons:
            (self.folder / "operators" / f"{one.name}.pub").write_text(one.line)
        settings = self.folder / "ciconia.toml"
        text = settings.read_text()
        assert "four_eyes = false\n" in text
        settings.write_text(text.replace("four_eyes = false\n", f"four_eyes = {str(on).lower()}\n"))

    def key(self, who: Person) -> Path:
        path = self.folder.parent / f"{who.name}.key"
        path.write_bytes(who.private)
        return path

    def edit(self, old: str, new: str, file: str = PURPOSE) -> None:
        path = self.folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    def run(self, *words: str | Path, who: Person | None = None) -> tuple[int, dict[str, Any]]:
        by = ("--as", who.name, "--key", self.key(who)) if who else ()
        ended = ciconia(*words, *by, "--config", self.folder, "--json")
        assert "Traceback" not in ended.stderr, ended.stderr
        return ended.returncode, json_of(ended)

    def plan(self) -> dict[str, Any]:
        code, told = self.run("plan")
        assert code == 0, told
        return told

    def apply(self, who: Person | None = None) -> tuple[int, dict[str, Any]]:
        return self.run("apply", str(self.plan()["plan"]), who=who)

    def records(self) -> list[dict[str, Any]]:
        """Everything that operators did, in the ledger; and nothing in it is wrong."""
        settings = load_settings(self.folder)
        keys = load_ledger_keys(settings.key_folder, settings.origin)
        store = open_store(settings.database_url, tenant=settings.tenant, ledger_keys=keys)
        try:
            assert not verify_ledger(store.engine, tenant=settings.tenant, keys=keys).findings
            with store.engine.connect() as connection:
                places = dict(connection.execute(select(tables.leaves.c.leaf_hash, tables.leaves.c.leaf_index)).all())
                rows = connection.execute(tables.records.select()).all()
            found = []
            for row in sorted(rows, key=lambda row: places[row.leaf_hash]):
                key = keys.period_key(settings.tenant, row.time)
                opened = open_opening(key, settings.tenant, row.record, "decision", row.decision_opening)
                found.append(json.loads(opened.content))
            return found
        finally:
            store.close()

    def in_force(self) -> int:
        settings = load_settings(self.folder)
        keys = load_ledger_keys(settings.key_folder, settings.origin)
        store = open_store(settings.database_url, tenant=settings.tenant, ledger_keys=keys)
        try:
            newest = History(engine=store.engine, tenant=settings.tenant, keys=keys, commits=store).newest()
            return newest.number if newest else 0
        finally:
            store.close()


@pytest.fixture
def city(with_purpose: Path, tmp_path: Path) -> City:
    return City(Path(shutil.copytree(with_purpose, tmp_path / "city")))


@pytest.fixture
def guarded(city: City) -> City:
    """Anna and Bert may change it, and one of them alone may widen nothing."""
    city.four_eyes(ANNA, BERT)
    code, told = city.apply()
    assert (code, told["number"]) == (0, 1), told
    return city


def widen(city: City) -> None:
    city.edit('form = "age_over(18)"', 'form = "exact"')


def test_without_persons_the_account_applies_and_the_ledger_says_what_widened(city: City) -> None:
    assert city.apply()[0] == 0
    widen(city)
    told = city.plan()
    assert [one["attribute"] for one in told["wider"]] == ["birthdate"]
    assert told["approvals"] == []
    code, done = city.apply()
    assert (code, done["number"], done["placed"]) == (0, 2, True)
    last = city.records()[-1]
    assert last["kind"] == "configuration"
    assert str(last["who"]).startswith("unix:")
    assert "would newly receive" in str(last["widened"])
    code, done = city.run("apply", str(told["plan"]))
    assert code == 1
    assert "something else was put in force: configuration 2 (unix:" in done["error"]["detail"]
    code, done = city.run("apply", str(city.plan()["plan"]))
    assert (code, done["error"]["detail"]) == (1, "nothing changes: the same configuration is in force.")


def test_a_widening_waits_for_a_second_person_and_a_narrowing_does_not(guarded: City) -> None:
    widen(guarded)
    plan = str(guarded.plan()["plan"])
    code, told = guarded.apply(ANNA)
    assert (code, told["error"]["code"]) == (1, "approval_missing")
    assert guarded.in_force() == 1
    assert guarded.run("approve", plan, who=BERT)[0] == 0
    code, told = guarded.apply(ANNA)
    assert (code, told["number"]) == (0, 2), told
    last = guarded.records()[-1]
    assert (last["who"], last["approved"]) == ("anna", ["bert"])
    guarded.edit('form = "exact"', 'form = "age_over(18)"')
    code, told = guarded.apply(BERT)
    assert (code, told["number"]) == (0, 3), told
    # Back to what says more
    code, told = guarded.run("rollback", who=BERT)
    assert (code, told["error"]["code"]) == (1, "approval_missing")
    assert guarded.run("approve", str(told["plan"]), "--to", "2", who=ANNA)[0] == 0
    code, told = guarded.run("rollback", who=BERT)
    assert (code, told["number"]) == (0, 4), told
    changes = [one for one in guarded.records() if one["kind"] == "configuration"]
    assert changes[3]["after"] == changes[1]["after"]


def test_who_may_not_approve_is_refused_and_on_record(guarded: City) -> None:
    widen(guarded)
    plan = str(guarded.plan()["plan"])
    assert guarded.apply(ANNA)[0] == 1
    for who, digest, why in (
        (ANNA, plan, "nobody approves their own plan"),
        (EVE, plan, "nobody is known by this key or signature (as eve)"),
        (BERT, "0" * 64, "it is of another plan (as bert)"),
        (None, plan, "nobody is known by this key or signature"),
    ):
        code, told = guarded.run("approve", digest, who=who)
        assert (code, told["error"]["code"]) == (1, "refused"), told
        last = guarded.records()[-1]
        assert (last["kind"], last["act"], last["plan"], last["reason"]) == ("plan", "refused", digest, why)
    assert guarded.run("approve", plan, who=BERT)[0] == 0
    assert guarded.run("approve", plan, who=BERT)[0] == 1
    assert guarded.records()[-1]["reason"] == "they approved it already"
    # Somebody else's name does not help
    code, told = guarded.run("approve", plan, "--as", "bert", "--key", guarded.key(ANNA))
    assert code == 1
    assert "the key is of anna" in told["error"]["detail"]
    assert guarded.in_force() == 1


def test_an_approval_counts_for_its_plan_alone(guarded: City) -> None:
    widen(guarded)
    plan = str(guarded.plan()["plan"])
    assert guarded.run("approve", plan, who=BERT)[0] == 0
    guarded.edit('form = "resident_of', 'form = "exact" # ')
    code, told = guarded.run("apply", plan, who=ANNA)
    assert code == 1
    assert "the files are others than then" in told["error"]["detail"]
    assert guarded.apply(ANNA)[1]["error"]["code"] == "approval_missing"


@pytest.mark.parametrize(
    "change",
    [
        lambda city: city.edit("https://parking.", "https://evil.", "parties/parking.toml"),
        lambda city: city.edit("2bb80d53", "3bb80d53", "parties/parking.toml"),
        lambda city: city.edit("four_eyes = true", "four_eyes = false", "ciconia.toml"),
        lambda city: (city.folder / "operators" / "eve.pub").write_text(EVE.line),
        lambda city: (city.folder / "operators" / "bert.pub").write_text(EVE.line),
        lambda city: city.edit('id = "resident-parking"', 'id = "resident-parking"\nretention = "P9Y"'),
    ],
    ids=["address", "secret", "four eyes", "person", "key", "retention"],
)
def test_what_no_comparison_sees_waits_too(guarded: City, change: Callable[[City], object]) -> None:
    change(guarded)
    assert guarded.apply(ANNA)[1]["error"]["code"] == "approval_missing"
    assert guarded.apply(EVE)[0] == 1
    assert guarded.in_force() == 1


def test_one_goes_back_to_before_two_persons_were_needed(city: City) -> None:
    assert city.apply()[0] == 0
    city.four_eyes(ANNA, BERT)
    assert city.apply()[0] == 0
    _, told = city.run("rollback", who=ANNA)
    assert city.run("approve", str(told["plan"]), "--to", "1", who=BERT)[0] == 0
    assert city.run("rollback", who=ANNA)[1]["number"] == 3
    _, told = city.run("rollback", "--list")
    assert [one["number"] for one in told["configurations"]] == [3, 2, 1]
    assert told["configurations"][0]["digest"] == told["configurations"][2]["digest"], "the one before is in force again"


@pytest.mark.parametrize("words", [("approve", "\udcff"), ("apply", "no plan"), ("rollback", "--to", str(2**63))])
def test_what_is_no_plan_and_no_number_is_a_mistake_in_the_command(city: City, words: tuple[str, ...]) -> None:
    assert city.run(*words)[1]["error"]["code"] == "usage"


def test_a_plan_is_of_one_tenant(city: City) -> None:
    (city.folder / "tenants" / "north").mkdir(parents=True)
    code, told = city.run("plan")
    assert (code, told["problems"][0]["what"]) == (1, "has several tenants.")


def test_explanations_and_less_go_at_once(guarded: City) -> None:
    guarded.edit("A permit is given to adults.", "Adults park here.")
    guarded.edit('birthdate = "exact"', 'birthdate = "age_over(18)"', "parties/parking.toml")
    assert guarded.apply(BERT)[0] == 0


@pytest.mark.parametrize(
    ("said", "file"),
    [
        ("Resident parking", "parties/parking.toml"),
        ("Parking permit for residents", PURPOSE),
        ("Parking by-law of Storkhaven, section 7 (made up for the demo)", PURPOSE),
    ],
)
def test_what_tells_a_citizen_who_asks_waits(guarded: City, said: str, file: str) -> None:
    guarded.edit(f'"{said}"', '"The tax office"', file)
    assert guarded.apply(BERT)[0] == 1


def test_what_was_never_to_be_added_needs_an_approval_of_its_own(city: City) -> None:
    city.four_eyes(ANNA, BERT, on=False)
    city.edit('id = "resident-parking"', 'id = "resident-parking"\nnever = ["gender"]')
    assert city.apply()[0] == 0
    city.edit('never = ["gender"]', "")
    _, told = city.apply(ANNA)
    assert [need["for"] for need in told["approvals"]] == ["resident-parking/gender"]
    plan = str(told["plan"])
    assert city.run("approve", plan, who=BERT)[0] == 1
    assert city.run("approve", plan, "--for", "resident-parking/gender", who=ANNA)[0] == 1
    assert city.run("approve", plan, "--for", "resident-parking/gender", who=BERT)[0] == 0
    assert city.apply(ANNA)[0] == 0


def test_who_is_alone_names_a_second_person_although_something_is_never_to_be_added(city: City) -> None:
    city.edit('id = "resident-parking"', 'id = "resident-parking"\nnever = ["gender"]')
    (city.folder / "operators").mkdir()
    for one in (ANNA, BERT):
        (city.folder / "operators" / f"{one.name}.pub").write_text(one.line)
        assert city.apply(ANNA)[0] == 0


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen on this machine")
def test_a_machine_without_a_network_approves_with_ssh_keygen(guarded: City, tmp_path: Path) -> None:
    widen(guarded)
    paper = tmp_path / "plan.json"
    assert guarded.run("plan", "--out", paper)[0] == 0
    assert "would newly receive" in paper.read_text()
    key = guarded.key(BERT)
    key.chmod(0o600)
    subprocess.run(["ssh-keygen", "-Y", "sign", "-n", "ciconia-plan", "-f", str(key), str(paper)], check=True)
    plan = str(guarded.plan()["plan"])
    assert guarded.run("approve", plan, "--signature", f"{paper}.sig")[1]["who"] == "bert"
    assert guarded.apply(ANNA)[0] == 0


def test_a_plan_needs_no_key_and_no_database(city: City) -> None:
    assert city.apply()[0] == 0
    shutil.rmtree(city.folder / "keys")
    widen(city)
    assert [one["attribute"] for one in city.plan()["wider"]] == ["birthdate"]
    for name in ("ciconia.toml", "ciconia.db"):
        (city.folder / name).unlink()
    told = city.plan()
    assert (told["base"], told["issuer"], bool(told["wider"])) == ({"digest": "", "number": 0}, "", True)
    shown = ciconia("plan", "--config", city.folder, "--format", "markdown")
    assert "## More would leave\n" in shown.stdout
