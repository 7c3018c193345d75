"""The kinds of person that sign in: for themselves, a company by itself, and whoever acts for another person or a company.

| kind | who signs in | whose attributes the catalogue's plain names are |
|---|---|---|
| `natural` | a person for themself | theirs |
| `legal` | a company by itself | nobody's: it has `legal_name` and its like |
| `for_natural` | a person for another one | of whoever acts; `represented_family_name` and its like are the other's |
| `for_legal` | a person for a company | of whoever acts; `legal_name` and its like are the company's |

A company that acts for another is no kind: nobody takes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from policies.mandates import Mandate


class PersonKind(StrEnum):
    """The kind of one sign-in."""

    NATURAL = "natural"
    LEGAL = "legal"
    FOR_NATURAL = "for_natural"
    FOR_LEGAL = "for_legal"

    @property
    def acts(self) -> bool:
        """Whether somebody acts for somebody else."""
        return self in ACTING


# The claim, and the attribute of SAML, that tells a service of every other kind than `natural`
PERSON_KIND = "person_kind"
NATURAL_ALONE = frozenset((PersonKind.NATURAL,))
# A person stands in front of us, for themself or for another
BY_A_PERSON = frozenset((PersonKind.NATURAL, PersonKind.FOR_NATURAL, PersonKind.FOR_LEGAL))
ABOUT_A_COMPANY = frozenset((PersonKind.LEGAL, PersonKind.FOR_LEGAL))
ACTING = frozenset((PersonKind.FOR_NATURAL, PersonKind.FOR_LEGAL))
EVERYBODY = frozenset(PersonKind)
# In English, as files and commands say it
TITLES: Mapping[PersonKind, str] = {
    PersonKind.NATURAL: "persons for themselves",
    PersonKind.LEGAL: "companies by themselves",
    PersonKind.FOR_NATURAL: "persons who act for another person",
    PersonKind.FOR_LEGAL: "persons who act for a company",
}


@dataclass(frozen=True, slots=True)
class ActingFor:
    """The one for whom somebody acts: NATURAL or LEGAL, and their identifier as received, in its scheme's namespace.

    `register` is the mandate register that names them; "" where whoever signed the person in does.
    """

    kind: PersonKind
    namespace: str
    identifier: str = field(repr=False)
    mandates: tuple[Mandate, ...] = field(default=(), repr=False)
    register: str = ""


def said_kinds(kinds: frozenset[PersonKind]) -> str:
    """Kinds in English: `persons for themselves, persons who act for a company`."""
    return ", ".join(TITLES[kind] for kind in PersonKind if kind in kinds)
