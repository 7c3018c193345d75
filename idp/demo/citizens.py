"""The citizens of the demo's countries and cities: made up, and so are the cities."""

import tomllib
from dataclasses import dataclass, field, replace
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
    "legal_person_identifier": "urn:example:company-number",
    "legal_name": "urn:example:company-name",
    "mandate": "urn:example:mandate",
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


_ACTS = {"en": "may act for", "et": "võib tegutseda ettevõtte eest", "zh-Hans": "可代表企业办事"}
_SAID = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
CITIZENS, BULGARIANS, PORTUGUESE, AUSTRIANS, CARD_HOLDERS, PARTNERS = (
    tuple(Citizen(**one) for one in _SAID[where])
    for where in ("estonians", "bulgarians", "portuguese", "austrians", "card_holders", "partners")
)


def representative(one: Citizen, company: str) -> Citizen:
    """The same person, who may ask for a harbour permit for a company: their country's sign-in vouches for the mandate."""
    mandate = '{"procedures": ["harbour-permit"]}'
    of_company = {"legal_person_identifier": "12345678", "legal_name": company, "mandate": mandate}
    said = {language: f"{text} ({_ACTS[language]} {company})" for language, text in one.about_in.items()}
    return replace(
        one,
        key=f"{one.key}-acting",
        about=f"{one.about} ({_ACTS['en']} {company})",
        about_in=said,
        attributes=one.attributes | of_company,
    )


def citizen(key: str) -> Citizen | None:
    """The citizen of a key, if there is one."""
    everybody = (*CITIZENS, *BULGARIANS, *PORTUGUESE, *AUSTRIANS, *CARD_HOLDERS, *PARTNERS)
    return next((one for one in everybody if one.key == key), None)
