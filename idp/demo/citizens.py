"""The citizens of the demo's countries and cities: made up, and so are the cities."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

CITY = "Storkhaven"

# The wire names that the demo's identity providers use (spec: SAML attribute names, NameFormat uri)
NAMES = {
    "family_name": "urn:oid:2.5.4.4",
    "given_name": "urn:oid:2.5.4.42",
    "birthdate": "urn:oid:1.3.6.1.4.1.25178.1.2.3",
    "person_identifier": "urn:oid:1.3.6.1.4.1.25178.1.2.15",
    "email": "urn:oid:0.9.2342.19200300.100.1.3",
    "address.street": "urn:oid:2.5.4.9",
    "address.postal_code": "urn:oid:2.5.4.17",
    "address.locality": "urn:oid:2.5.4.7",
    "address.country": "urn:oid:2.5.4.6",
}
# Bulgaria's registers have names in Cyrillic and in Latin script; the second name of each is the country's own
LATIN_NAMES = {"family_name": "urn:bg:names:latin:family", "given_name": "urn:bg:names:latin:given"}


@dataclass(frozen=True, slots=True)
class Citizen:
    """A person who can sign in at a demo country's identity provider.

    `attributes` maps keys of `NAMES` to values, `latin` keys of `LATIN_NAMES` to their transliterations.
    """

    key: str
    about: str
    loa: str
    attributes: dict[str, str] = field(repr=False)
    latin: dict[str, str] = field(default_factory=dict, repr=False)
    # By language, beside the English `about`
    about_in: dict[str, str] = field(default_factory=dict)

    def said(self, language: str) -> str:
        """A description in this language, or in English."""
        return self.about_in.get(language, self.about)

    @property
    def wire(self) -> dict[str, str]:
        """The attributes that the country's identity provider sends, by wire name."""
        named = {NAMES[key]: value for key, value in self.attributes.items()}
        return named | {LATIN_NAMES[key]: value for key, value in self.latin.items()}


HIGH = "http://eidas.europa.eu/LoA/high"
SUBSTANTIAL = "http://eidas.europa.eu/LoA/substantial"
LOW = "http://eidas.europa.eu/LoA/low"


_SAID = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
CITIZENS, BULGARIANS, CARD_HOLDERS, PARTNERS = (
    tuple(Citizen(**one) for one in _SAID[where]) for where in ("estonians", "bulgarians", "card_holders", "partners")
)


def citizen(key: str) -> Citizen | None:
    """The citizen of a key, if there is one."""
    return next((one for one in (*CITIZENS, *BULGARIANS, *CARD_HOLDERS, *PARTNERS) if one.key == key), None)
