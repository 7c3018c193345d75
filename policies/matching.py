"""How a register's word about a person's earlier identifier is held against what they were signed in with (decision 0086).

The register says the earlier identifier, and three facts of the person that it knows. Two of these have to agree with the
facts of the sign-in, and the birth date is one of them wherever the rule names it.
Nothing is compared with anything that the broker remembers.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from policies.attributes import Attribute, AttributeName
from policies.parties import ProviderId

FACTS, ENOUGH = 3, 2
# The one fact that never changes: a namesake has another
BIRTHDATE = AttributeName("birthdate")


class ConfirmedBy(StrEnum):
    """The one without whose confirmation no link counts. The person themself always asks for it."""

    CITIZEN = "citizen"
    OFFICER = "officer"


@dataclass(frozen=True, slots=True)
class MatchingRule:
    """`[matching]` of a purpose: which attribute of the register is the earlier identifier, and which facts are compared.

    `provider_id` is the provider whose identifiers those are. `facts` has three attributes of the sign-in, each with the
    one that the register gives for it.
    """

    identifier: AttributeName
    provider_id: ProviderId
    facts: Mapping[AttributeName, AttributeName]
    confirmed_by: ConfirmedBy

    def earlier(self, released: Iterable[Attribute]) -> str:
        """The earlier identifier that counts; "" where none was said, or too few facts agree: two, and the birth date."""
        said = {one.name: one for one in released}
        agreed = [ours for ours, theirs in self.facts.items() if _spellings(said.get(ours)) & _spellings(said.get(theirs))]
        if BIRTHDATE in self.facts and BIRTHDATE not in agreed:
            return ""
        found = said[self.identifier].value if self.identifier in said else ""
        return found if isinstance(found, str) and len(agreed) >= ENOUGH else ""


def _spellings(fact: Attribute | None) -> frozenset[str]:
    """The spellings of one fact, without capitals and double spaces: a name in another script has one in Latin letters."""
    given = (fact.value, fact.latin) if fact is not None else ()
    texts = (unicodedata.normalize("NFKC", one).casefold().split() for one in given if isinstance(one, str))
    return frozenset(" ".join(words) for words in texts if words)
