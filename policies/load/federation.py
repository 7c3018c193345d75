"""The keys of `parties/*.toml` about a service in its federations."""

from policies.federation.categories import RAF_VALUES, InFederation
from policies.load.table import URI, Table, nearest

_MARKS_FIX = 'write entity_categories = ["https://refeds.org/category/pseudonymous"], or leave it out.'
_RAF_FIX = 'write refeds_assurance = ["https://refeds.org/assurance/IAP/medium"], or leave it out.'


def read_marks(table: Table, key: str, fix: str = _MARKS_FIX) -> frozenset[str]:
    """Entity categories and certifications, by their URIs."""
    found = table.texts(key, fix, required=key in table)
    for index, mark in enumerate(found):
        if not URI.fullmatch(mark):
            table.problem(key, f"{mark!r} is no URI.", fix, str(index))
    return frozenset(found)


def read_raf(table: Table) -> tuple[str, ...]:
    """Values of REFEDS assurance."""
    found = table.texts("refeds_assurance", _RAF_FIX, required="refeds_assurance" in table)
    for index, value in enumerate(found):
        if value not in RAF_VALUES:
            table.problem("refeds_assurance", f"{value!r} is none.", nearest(value, RAF_VALUES), str(index))
    return found


def read_federation(table: Table) -> InFederation:
    """A service's own. Problems go to the table's list."""
    return InFederation(read_marks(table, "entity_categories"), read_raf(table))
