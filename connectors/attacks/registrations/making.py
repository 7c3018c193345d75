"""A case of a registration: its family says what it is tried with, its name also where.

What refuses is a check, the code of a refusal, or the key of the registration that has to be mended.
"""

from connectors.attacks.case import Case, Entrance, Kind, case_name


def refused(family: str, what: str, entrance: Entrance, octets: bytes, check: str) -> Case:
    """A case that this check must refuse."""
    return Case(case_name(family, what, entrance.name), family, Kind.MESSAGE, entrance, octets, check)


def accepted(family: str, what: str, entrance: Entrance, octets: bytes) -> Case:
    """A case that must be accepted."""
    return Case(case_name(family, what, entrance.name), family, Kind.VALID, entrance, octets, None)
