"""Entity categories, certifications and REFEDS assurance, as what a decision may look at. Each of them only narrows.

A category that names a set of attributes is a promise to ask for no others. Where a service has such categories, what none
of their sets has stays. A code of conduct names no set: it promises how data are handled, and takes whatever is asked for.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

_OID = "urn:oid:"
_EDU_PERSON = f"{_OID}1.3.6.1.4.1.5923.1.1.1."
_SUBJECT_ID = "urn:oasis:names:tc:SAML:attribute:"
_MAIL = frozenset({f"{_OID}0.9.2342.19200300.100.1.3"})
# displayName, givenName, sn
_NAMES = frozenset({f"{_OID}2.16.840.1.113730.3.1.241", f"{_OID}2.5.4.42", f"{_OID}2.5.4.4"})
# eduPersonScopedAffiliation, schacHomeOrganization
_AFFILIATION = frozenset({f"{_EDU_PERSON}9", f"{_OID}1.3.6.1.4.1.25178.1.2.9"})
_ASSURANCE = frozenset({f"{_EDU_PERSON}11"})
# eduPersonPrincipalName, eduPersonTargetedID
_SHARED = frozenset({f"{_EDU_PERSON}6", f"{_EDU_PERSON}10"})

_PSEUDONYMOUS = _AFFILIATION | _ASSURANCE | {f"{_SUBJECT_ID}pairwise-id"}
# REFEDS Research & Scholarship 1.3 §4, Anonymous, Pseudonymous and Personalized Access 2.0 §4
SETS: Mapping[str, frozenset[str]] = {
    "http://refeds.org/category/research-and-scholarship": _NAMES | _MAIL | _SHARED | {f"{_EDU_PERSON}9"},
    "https://refeds.org/category/anonymous": _AFFILIATION,
    "https://refeds.org/category/pseudonymous": _PSEUDONYMOUS,
    "https://refeds.org/category/personalized": _NAMES | _MAIL | _AFFILIATION | _ASSURANCE | {f"{_SUBJECT_ID}subject-id"},
}
# GÉANT and REFEDS Data Protection Code of Conduct: what the service's metadata asks for
CODES_OF_CONDUCT = frozenset(
    {"http://www.geant.net/uri/dataprotection-code-of-conduct/v1", "https://refeds.org/category/code-of-conduct/v2"}
)

# REFEDS Assurance Framework 2.0. Nothing under it counts without the first
RAF = "https://refeds.org/assurance"
# A value says each of these, too (§2.2, §2.3)
_SAYS: Mapping[str, tuple[str, ...]] = {
    f"{RAF}/IAP/high": (f"{RAF}/IAP/medium", f"{RAF}/IAP/low"),
    f"{RAF}/IAP/medium": (f"{RAF}/IAP/low",),
    f"{RAF}/ATP/ePA-1d": (f"{RAF}/ATP/ePA-1m",),
}
RAF_VALUES = frozenset(
    {
        RAF,
        *(f"{RAF}/ID/{name}" for name in ("unique", "eppn-unique-no-reassign", "eppn-unique-reassign-1y")),
        *(f"{RAF}/IAP/{name}" for name in ("low", "medium", "high", "local-enterprise")),
        *(f"{RAF}/ATP/{name}" for name in ("ePA-1m", "ePA-1d")),
        *(f"{RAF}/{name}" for name in ("profile/cappuccino", "profile/espresso", "version/2")),
    }
)


@dataclass(frozen=True, slots=True)
class InFederation:
    """A service in its federations. `marks` are the entity categories and certifications of its metadata.

    `assurance` are the values of REFEDS assurance that a person has to have, all of them.
    """

    marks: frozenset[str] = frozenset()
    assurance: tuple[str, ...] = ()


def lets(marks: Collection[str], names: Collection[str]) -> bool:
    """Whether the categories among `marks` let an attribute go that has these names on the wire. Without a set: all."""
    sets = [SETS[mark] for mark in marks if mark in SETS]
    if not sets or not CODES_OF_CONDUCT.isdisjoint(marks):
        return True
    return any(name in one for one in sets for name in names)


def assured(wanted: Collection[str], said: Collection[str]) -> bool:
    """Whether a person's values of eduPersonAssurance say all that is wanted."""
    if not wanted:
        return True
    known = {*said, *(more for value in said for more in _SAYS.get(value, ()))}
    return RAF in known and known.issuperset(wanted)
