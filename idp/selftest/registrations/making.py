"""A case of a registration: its family says what it is tried with, its name also where."""

from idp.selftest.case import Case, Entrance, Kind
from idp.selftest.messages.making import case_name


def refused(family: str, what: str, entrance: Entrance, octets: bytes, check: str) -> Case:
    """What must be refused, by this check."""
    return Case(case_name(family, what, entrance.name), family, Kind.MESSAGE, entrance, octets, check)


def unusable(family: str, what: str, entrance: Entrance, octets: bytes, known_by: str) -> Case:
    """What must not be used: known by the code of the refusal, or by the key of the registration that has to be mended."""
    return refused(family, what, entrance, octets, known_by)


def accepted(family: str, what: str, entrance: Entrance, octets: bytes) -> Case:
    """What must be accepted."""
    return Case(case_name(family, what, entrance.name), family, Kind.VALID, entrance, octets, None)
