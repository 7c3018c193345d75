"""The check of what persons did on their own page (`idp.ledger.person_records`)."""

from collections.abc import Collection, Iterator, Mapping

from sqlalchemy import Row

from idp.ledger.person_records import OF_AN_ACT
from policies.persons import ACTING

Facts = Mapping[str, object]
_SENT = {"basis", "client", "loa", "policy", "purpose", "record", "time"}
_DECISION = {"about", "kind", "record", "time"}


def faults_of_own_act(
    row: Row[tuple[object, ...]], present: Collection[str], facts: Mapping[str, Facts], *, erased: bool
) -> Iterator[str]:
    """The faults of one record. A person's act has a subject and a counter until it is erased."""
    if {*present} != OF_AN_ACT:
        yield "an act of a person does not have these openings"
    if len({erased, row.subject is None, row.position is None}) != 1:
        yield "an act of a person has a subject and a counter until it is erased"
    for name, members in (("sent", _SENT), ("decision", _DECISION)):
        said = facts.get(name)
        # One that does not open is a fault of its own
        if said is not None and set(said) != members:
            yield "an act of a person says more or less than it may"
    yield from faults_of_subject(row, facts)


def faults_of_subject(row: Row[tuple[object, ...]], facts: Mapping[str, Facts]) -> Iterator[str]:
    """The fault of a subject's part that is of another record or person."""
    if "subject" not in facts:
        return
    # Whoever is represented beside them has an index of the same length
    said = {name: value for name, value in facts["subject"].items() if name != "represented"}
    if said != {"record": row.record.hex(), "subject": (row.subject or b"").hex()}:
        yield "its subject's part is of another record or subject"
    if ("represented" in facts["subject"]) != (facts.get("decision", {}).get("person") in ACTING):
        yield "its person acts for somebody exactly where it says for whom"
