"""The public bodies for which this broker stands at identity providers, and what those want to know of it itself.

Each body is an entity of its own there: its name is on the page of the identity provider, and an answer for one body is for
no other. All of them have the broker's keys and the broker's addresses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from policies.parties import Source, Translated

# The code of what we are for each body in SPID (Avviso 19): it serves public bodies, and signs with its own key
FULL_AGGREGATOR = "pub-ag-full"
SPID, CIE = "spid", "cie"


@dataclass(frozen=True, slots=True)
class Contact:
    """How somebody is reached, and the codes by which registers know them: the element of metadata, and its text."""

    email: str = ""
    telephone: str = ""
    codes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Body:
    """One public body. `place` is its path under the address of all of them."""

    body_id: str
    place: str
    name: Translated
    display_name: Translated
    url: str
    contact: Contact
    source: Source
    # the entity id by which identity providers know it already; "" is the address of its metadata
    entity_id: str = ""


@dataclass(frozen=True, slots=True)
class Aggregator:
    """The broker's operator in the metadata of each body. `scheme` says in whose extensions: "spid", "cie", or ""."""

    company: str
    contact: Contact
    scheme: str = ""
