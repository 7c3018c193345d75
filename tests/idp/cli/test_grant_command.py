"""`ciconia ledger grant` and `erase`: two officers, and what is on record of each step."""

import subprocess
import time
from pathlib import Path
from typing import Any  # whatever a command answers

import pytest

from idp.application.mandate_desk import MandateDesk
from idp.audit.grants import Grants
from idp.config.settings import load_settings
from idp.store import tables
from policies.errors import GrantRefused, NotFound
from policies.operators import Operators
from tests.idp.cli.ledgers import opened
from tests.idp.cli.test_plan_apply import ANNA, BERT, EVE, City, city, guarded
from tests.idp.store.units import release, unit

__all__ = ["city", "guarded"]
MARI, OTHER = b"m" * 32, b"o" * 32
WHY = ("--reason", "case 7")
AUDITOR = ("--auditor", "liis")


@pytest.fixture
def records(guarded: City) -> dict[bytes, str]:
    """A record of each of two persons."""
    found = {}
    settings = load_settings(guarded.folder)
    with opened(guarded.folder) as (store, _):
        for subject in (MARI, OTHER):
            draft = release(subject)
            one = unit(record=draft)
            store.commit(type(one)(tenant=settings.tenant, marks=one.marks, decision=one.decision, record=draft))
            found[subject] = draft.record.hex()
    return found


def grant(city: City, *words: str) -> tuple[int, dict[str, Any]]:
    code, told = city.run("ledger", "grant", "new", *AUDITOR, *WHY, *words, who=ANNA)
    return code, told


def opened_grant(city: City, *words: str) -> bytes:
    """A grant that two officers signed."""
    code, told = grant(city, *words)
    assert (code, told["state"]) == (0, "waiting"), told
    code, told = city.run("ledger", "grant", "approve", str(told["grant"]), who=BERT)
    assert (code, told["state"], told["officers"]) == (0, "open", ["anna", "bert"]), told
    return bytes.fromhex(str(told["grant"]))


def steps(city: City) -> list[tuple[str, str]]:
    """The steps on record, and who made them. The whole ledger fits."""
    return sorted((one["act"], one["who"]) for one in city.records() if one["kind"] == "mandate")


def use(city: City, grant_id: bytes, auditor: str = "liis", now: int = 0, record: str = "") -> Any:
    """The grant, and the person whom it opens."""
    with opened(city.folder) as (store, keys):
        desk = MandateDesk(load_settings(city.folder), store, keys)
        return desk.grants.use(grant_id, auditor, now or int(time.time()) + 1, bytes.fromhex(record))


def refused(city: City, grant_id: bytes, why: str, **given: Any) -> None:
    with pytest.raises(GrantRefused, match=why):
        use(city, grant_id, **given)


@pytest.mark.spec("decisions.md 24")
def test_a_grant_of_two_officers_opens_one_person_to_its_auditor_and_each_use_is_on_record(
    guarded: City, records: dict[bytes, str]
) -> None:
    one = opened_grant(guarded, "--record", records[MARI])
    assert use(guarded, one)[1] == MARI
    refused(guarded, one, "another person", record=records[OTHER])
    use(guarded, one)
    used = [("used", "liis"), ("used", "liis")]
    assert steps(guarded) == [("approved", "bert"), ("asked", "anna"), ("refused", "liis"), *used]
    assert [each.used for each in grants_of(guarded, MARI)] == [2]
    told = [each for each in guarded.records() if each["kind"] == "mandate"]
    assert {(each["auditor"], each["scope"], each["mandate"]) for each in told} == {("liis", "person", one.hex())}
    assert records[MARI] not in str(told), "the record of a grant names nobody"


@pytest.mark.spec("decisions.md 24")
def test_without_a_second_officer_after_its_end_or_for_somebody_else_it_is_refused_on_record(
    guarded: City, records: dict[bytes, str]
) -> None:
    _, told = grant(guarded, "--record", records[MARI])
    waiting = bytes.fromhex(str(told["grant"]))
    refused(guarded, waiting, "waiting")
    code, told = guarded.run("ledger", "grant", "approve", waiting.hex(), who=ANNA)
    assert code == 1
    assert "the same officer signed it already" in told["error"]["detail"]
    code, told = guarded.run("ledger", "grant", "approve", waiting.hex(), who=EVE)
    assert code == 1
    assert "nobody is known by this key" in told["error"]["detail"]
    refused(guarded, waiting, "waiting")
    one = opened_grant(guarded, "--record", records[MARI], "--days", "1")
    refused(guarded, one, "another auditor's", auditor="eve")
    refused(guarded, one, "ended", now=int(time.time()) + 2 * 86400)
    code, told = guarded.run("ledger", "grant", "end", one.hex(), who=BERT)
    assert (code, told["state"]) == (0, "ended")
    refused(guarded, one, "ended")
    code, _ = guarded.run("ledger", "grant", "approve", one.hex(), who=ANNA)
    assert code == 1
    refused(guarded, b"?" * 16, "no such grant")
    assert [act for act, _ in steps(guarded)].count("refused") == 8
    assert ("used", "liis") not in steps(guarded)


def test_a_period_opens_the_records_of_its_days_alone(guarded: City, records: dict[bytes, str]) -> None:
    one = opened_grant(guarded, "--from", "2026-09-01", "--to", "2026-09-30")
    found, subject = use(guarded, one, record=records[MARI])
    assert (found.scope, subject) == ("period", MARI), "NOW is in September 2026"
    other = opened_grant(guarded, "--from", "2026-10-01", "--to", "2026-10-31")
    refused(guarded, other, "not of the period", record=records[MARI])
    with pytest.raises(NotFound):
        use(guarded, other, record="3f" * 16)
    assert [act for act, _ in steps(guarded)].count("used") == 1, "a refused use is on record as refused"
    assert [each.grant for each in grants_of(guarded, MARI)] == [one]


def grants_of(city: City, subject: bytes) -> Any:
    with opened(city.folder) as (store, keys):
        return MandateDesk(load_settings(city.folder), store, keys).grants.touching(subject)


@pytest.mark.spec("decisions.md 24")
def test_the_command_opens_a_person_under_a_grant_and_nobody_without_one(guarded: City, records: dict[bytes, str]) -> None:
    _, told = grant(guarded, "--record", records[MARI])
    waiting = str(told["grant"])
    by = ("--as", "liis")
    code, told = guarded.run("ledger", "person", "--grant", waiting, *by)
    assert (code, told["error"]["code"]) == (1, "grant_refused")
    guarded.run("ledger", "grant", "approve", waiting, who=BERT)
    code, told = guarded.run("ledger", "person", "--grant", waiting, *by)
    assert code == 0, told
    assert [each["record"] for each in told["records"]] == [records[MARI]]
    code, told = guarded.run("ledger", "person", "--grant", waiting, "--as", "eve")
    assert (code, told["error"]["detail"]) == (1, "the grant is another auditor's.")
    period = opened_grant(guarded, "--from", "2026-09-01", "--to", "2026-09-30").hex()
    code, told = guarded.run("ledger", "person", "--grant", period, *by, "--record", records[OTHER])
    assert [each["record"] for each in told["records"]] == [records[OTHER]]
    code, told = guarded.run("ledger", "person", "--grant", period, *by)
    assert code == 1
    assert [act for act, _ in steps(guarded)].count("used") == 2


def test_everybody_sees_all_grants_and_a_person_those_that_reach_them(guarded: City, records: dict[bytes, str]) -> None:
    mine = opened_grant(guarded, "--record", records[MARI])
    theirs = opened_grant(guarded, "--record", records[OTHER])
    code, told = guarded.run("ledger", "grant", "list")
    assert code == 0
    assert {each["grant"] for each in told["grants"]} == {mine.hex(), theirs.hex()}
    assert {each["state"] for each in told["grants"]} == {"open"}
    assert not any(record in str(told) for record in records.values())
    assert [each.grant for each in grants_of(guarded, MARI)] == [mine]
    assert grants_of(guarded, b"nobody".ljust(32)) == ()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--from", "1026-01-01", "--to", "2026-01-01"), "at most 366 days"),
        ((), "one person, or a period"),
        # No calendar has the day behind it
        (("--from", "9999-01-01", "--to", "9999-12-31"), "no later than the grant"),
        (("--auditor", "<liis>", "--from", "2026-01-01", "--to", "2026-01-02"), "letters, digits"),
        (("--reason", " ", "--from", "2026-01-01", "--to", "2026-01-02"), "reason"),
    ],
)
def test_a_grant_that_nobody_could_mean_is_refused(guarded: City, words: tuple[str, ...], why: str) -> None:
    code, told = guarded.run("ledger", "grant", "new", *AUDITOR, *WHY, *words, who=ANNA)
    assert code == 1, told
    assert why in told["error"]["detail"]
    assert guarded.run("ledger", "grant", "list")[1]["grants"] == []


def test_a_period_that_ends_before_it_begins_is_refused(guarded: City) -> None:
    code, told = guarded.run(
        "ledger", "grant", "new", *AUDITOR, *WHY, "--from", "2026-02-01", "--to", "2026-01-01", who=ANNA
    )
    assert code == 2, told
    assert guarded.run("ledger", "grant", "list")[1]["grants"] == []


def test_an_officer_whose_key_is_taken_out_grants_nothing_any_more(guarded: City, records: dict[bytes, str]) -> None:
    one = opened_grant(guarded, "--record", records[MARI])
    with opened(guarded.folder) as (store, keys):
        settings = load_settings(guarded.folder)
        desk = MandateDesk(settings, store, keys)
        fewer: Operators = {key: name for key, name in desk.operators().items() if name != "bert"}
        grants = Grants(engine=store.engine, tenant=settings.tenant, keys=keys, operators=lambda: fewer, record=desk.record)
        with pytest.raises(GrantRefused, match="waiting"):
            grants.use(one, "liis", int(time.time()) + 1)


def test_a_row_that_somebody_else_wrote_is_no_grant(guarded: City, records: dict[bytes, str]) -> None:
    _, told = grant(guarded, "--record", records[MARI])
    one = bytes.fromhex(str(told["grant"]))
    with opened(guarded.folder) as (store, _), store.engine.begin() as connection:
        connection.execute(tables.mandates.update().values(signatures='{"anna":"x","bert":"y"}'))
    refused(guarded, one, "no such grant")


def test_where_operators_names_one_person_nobody_grants(city: City) -> None:
    city.four_eyes(ANNA, on=False)
    assert city.apply(ANNA)[0] == 0
    code, told = grant(city, "--from", "2026-09-01", "--to", "2026-09-30")
    assert code == 1
    assert "fewer than two persons" in told["error"]["detail"]


# -- erasures by officers


@pytest.mark.spec("decisions.md 21")
def test_two_officers_begin_an_erasure_and_one_of_them_withdraws_it(guarded: City, records: dict[bytes, str]) -> None:
    code, told = guarded.run("ledger", "erase", "new", records[MARI], *WHY, who=ANNA)
    assert (code, told["due"]) == (0, None), told
    one = str(told["id"])
    assert guarded.run("ledger", "erase", "list")[1]["erasures"] == []
    code, told = guarded.run("ledger", "erase", "approve", one, who=ANNA)
    assert code == 1
    assert "the same officer" in told["error"]["detail"]
    code, told = guarded.run("ledger", "erase", "approve", one, who=BERT)
    assert code == 0
    assert told["due"]
    (waiting,) = guarded.run("ledger", "erase", "list")[1]["erasures"]
    assert waiting["who"] == ["anna", "bert"]
    code, told = guarded.run("ledger", "erase", "withdraw", one, who=BERT)
    assert code == 0, told
    assert guarded.run("ledger", "erase", "list")[1]["erasures"] == []
    said = [(each["kind"], each["act"]) for each in guarded.records() if each["kind"] in ("mandate", "erasure")]
    wanted = [("mandate", act) for act in ("asked", "refused", "approved", "ended")]
    assert sorted(said) == sorted([*wanted, ("erasure", "asked"), ("erasure", "withdrawn")])


def test_an_erasure_of_a_record_that_is_not_there_is_refused(guarded: City) -> None:
    code, told = guarded.run("ledger", "erase", "new", "0" * 32, *WHY, who=ANNA)
    assert code == 1
    assert "about nobody" in told["error"]["detail"]


def test_a_document_is_signed_by_ssh_keygen(guarded: City, records: dict[bytes, str], tmp_path: Path) -> None:
    _, told = grant(guarded, "--record", records[MARI])
    file = tmp_path / "grant.json"
    assert guarded.run("ledger", "grant", "document", str(told["grant"]), file)[0] == 0
    key = guarded.key(BERT)
    key.chmod(0o600)
    subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-n", "ciconia-plan", "-f", str(key), str(file)], check=True, capture_output=True
    )
    code, told = guarded.run("ledger", "grant", "approve", str(told["grant"]), "--signature", f"{file}.sig")
    assert (code, told["state"]) == (0, "open"), told
