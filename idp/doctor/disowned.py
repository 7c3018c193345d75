"""Sign-ins of which a person said on their page that they did not make them."""

from collections.abc import Iterator

from sqlalchemy import select

from idp.doctor.database import our_rows, place_of
from idp.doctor.examination import Examination
from idp.doctor.finding import WARNING, DoctorFinding
from idp.ledger.person_records import DISOWNED
from idp.store import tables

SHOWN = 5
_WHY = "Somebody may sign in as other people. What was alive of these sign-ins has ended, and their services are told."


def disowned(case: Examination) -> Iterator[DoctorFinding]:
    """Finds those of the last thirty days, by the records of what the persons said."""
    with our_rows(case, sealed=False) as found:
        if found is None:
            return
        table = tables.marks.c
        query = select(table.digest).where(table.tenant == case.settings.tenant, table.kind == DISOWNED)
        with found[0].connect() as connection:
            records = [digest.hex() for digest in connection.scalars(query.order_by(table.ends.desc()))]
    if records:
        named = ", ".join(records[:SHOWN]) + (f" and {len(records) - SHOWN} more" if len(records) > SHOWN else "")
        count = "1 sign-in" if len(records) == 1 else f"{len(records)} sign-ins"
        what = f"Of {count} in the last thirty days the person said that they did not make it: records {named}."
        fix = f"Look at each: `ciconia ledger show {records[0]}`. Then ask the country's sign-in service."
        yield WARNING(place_of(case), "sign_in_disowned", what, _WHY, fix)
