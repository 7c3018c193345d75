"""Sign-ins that nobody made: `ciconia doctor` names the records, and no person."""

from pathlib import Path

from sqlalchemy import insert

from idp.ledger.person_records import DISOWNED
from idp.store import tables
from tests.idp.doctor.shelf import HOST, meddling
from tests.idp.doctor.ward import NOW, WARNING, examined, only


def test_what_a_person_disowned_is_named_by_its_record(city: Path) -> None:
    with meddling(city) as connection:
        row = {"tenant": HOST, "kind": DISOWNED, "digest": b"r" * 16, "unit": b"u", "ends": NOW + 60}
        connection.execute(insert(tables.marks).values(**row))
    found = only(examined(city))
    assert found.severity is WARNING
    assert "Of 1 sign-in in the last thirty days" in found.what
    assert (b"r" * 16).hex() in found.what
