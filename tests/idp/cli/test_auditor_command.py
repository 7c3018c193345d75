"""`ciconia auditor`: each act is on record with who did it, and no name is another person's."""

import json
import time

import pytest

from idp.application.auditor_desks import listed
from idp.application.mandate_desk import MandateDesk
from idp.application.recorded_act import account
from idp.audit.grants import Grants
from idp.config.settings import load_settings
from idp.desk.sessions import CIVIL, PASSKEY, entry_of
from idp.store.records.passkeys import PasskeyHolder, PasskeyRegister, link_digest
from policies.errors import GrantRefused
from policies.operators import OperatorKey, Operators
from tests.idp.cli.ledgers import opened
from tests.idp.cli.test_grant_command import grant, opened_grant, records
from tests.idp.cli.test_plan_apply import ANNA, City, city, guarded

__all__ = ["city", "guarded", "records"]
SUB = "MFRGGZDFMZTWQ2LK"
TABLE = f"""
[auditor]
listen = "127.0.0.1:8500"
url = "https://audit.city.example"
client = "auditors"
persons = {{ "{SUB}" = "liis" }}
passkeys = true
"""


@pytest.fixture
def desk(guarded: City) -> City:
    """A city with a desk, where Anna and Bert are the officers."""
    settings = guarded.folder / "ciconia.toml"
    settings.write_text(settings.read_text() + TABLE)
    return guarded


def of_auditors(city: City) -> list[tuple[str, str, str]]:
    """The acts about auditors on record, in their order: which, about whom, by whom."""
    return [
        (one["act"], one["about"], one["who"])
        for one in city.records()
        if one["kind"] == "act" and one["act"].startswith("auditor_")
    ]


def register_of(city: City) -> PasskeyRegister:
    settings = load_settings(city.folder)
    with opened(city.folder) as (store, keys):
        return PasskeyRegister(engine=store.engine, tenant=settings.tenant, keys=keys)


@pytest.mark.spec("issue 31 item 8")
def test_who_adds_and_removes_an_auditor_is_on_record(desk: City) -> None:
    code, told = desk.run("auditor", "add", "juhan")
    assert code == 0, told
    assert desk.run("auditor", "add", "juhan")[0] == 1
    assert desk.run("auditor", "remove", "nobody")[0] == 1
    assert desk.run("auditor", "remove", "juhan")[0] == 0
    assert of_auditors(desk) == [("auditor_added", "juhan", account()), ("auditor_removed", "juhan", account())]
    _, told = desk.run("audit", "events", "--kind", "auditor")
    assert [(one["type"], one["who"]) for one in told["events"]] == [
        ("auditor.added", account()),
        ("auditor.removed", account()),
    ]


@pytest.mark.spec("issue 31 item 8")
def test_who_enrols_a_passkey_is_on_record_before_it_counts(desk: City) -> None:
    code, told = desk.run("auditor", "add", "juhan")
    assert code == 0, told
    token, seen = told["link"].partition("#")[2], list[tuple[str, bool]]()
    register = register_of(desk)

    def record(name: str) -> None:
        seen.append((name, any(one.credential for one in register.holders())))

    def enrol(token: str, credential: bytes = b"c") -> PasskeyHolder | None:
        return register.enrol(link_digest(token), credential, b"key", 0, int(time.time()), record)

    assert enrol("another") is None
    assert seen == []
    assert enrol(token)
    assert seen == [("juhan", False)]
    assert enrol(token, b"d") is None
    assert len(seen) == 1


@pytest.mark.spec("decisions.md 24")
def test_no_auditor_has_the_name_of_another_of_an_officer_or_of_a_grant(desk: City, records: dict[bytes, str]) -> None:
    code, told = desk.run(
        "ledger", "grant", "new", "--auditor", "eve", "--reason", "case 7", "--record", max(records.values()), who=ANNA
    )
    assert code == 0, told
    for name, why in (("liis", "lists"), ("LIIS", "lists"), ("anna", "officer"), ("Bert", "officer"), ("Eve", "a grant")):
        code, told = desk.run("auditor", "add", name)
        assert code == 1, name
        assert why in json.dumps(told), name
    assert of_auditors(desk) == []
    assert desk.run("ledger", "grant", "end", str(told_grant(desk)), who=ANNA)[0] == 0
    assert desk.run("auditor", "add", "eve")[0] == 0
    assert desk.run("auditor", "add", "EVE")[0] == 1


def told_grant(city: City) -> str:
    (one,) = city.run("ledger", "grant", "list")[1]["grants"]
    return str(one["grant"])


@pytest.mark.spec("decisions.md 24")
def test_an_officer_gets_no_grant_and_uses_none(desk: City, records: dict[bytes, str]) -> None:
    for name in ("anna", "Bert"):
        code, told = grant(desk, "--record", max(records.values()), "--auditor", name)
        assert (code, "officer" in told["error"]["detail"]) == (1, True), told
    one = opened_grant(desk, "--record", max(records.values()))
    with opened(desk.folder) as (store, keys):
        settings = load_settings(desk.folder)
        mandates = MandateDesk(settings, store, keys)
        # Liis becomes an officer after she got the grant
        both: Operators = {**mandates.operators(), OperatorKey(b"l" * 32): "Liis"}
        grants = Grants(
            engine=store.engine, tenant=settings.tenant, keys=keys, operators=lambda: both, record=mandates.record
        )
        with pytest.raises(GrantRefused, match="officer"):
            grants.use(one, "liis", int(time.time()) + 1)


def test_a_passkey_under_the_name_of_a_listed_person_signs_nobody_in(desk: City) -> None:
    assert desk.run("auditor", "add", "juhan")[0] == 0
    register, settings = register_of(desk), load_settings(desk.folder)
    (link,) = (one.link for one in register.holders())
    enrolled = register.enrol(link, b"credential", b"key", 0, int(time.time()), lambda _: None)
    assert enrolled is not None
    assert settings.auditor is not None
    names = listed(settings.auditor, register)
    assert names(CIVIL, entry_of(SUB)) == "liis"
    assert names(PASSKEY, enrolled.entry) == "juhan"
    later = settings.auditor.model_copy(update={"persons": {SUB: "Juhan"}})
    assert listed(later, register)(PASSKEY, enrolled.entry) is None
