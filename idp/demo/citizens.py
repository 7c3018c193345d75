"""The citizens of the demo's two countries: made up, and so is the city."""

from dataclasses import dataclass, field

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

    @property
    def wire(self) -> dict[str, str]:
        """The attributes that the country's identity provider sends, by wire name."""
        named = {NAMES[key]: value for key, value in self.attributes.items()}
        return named | {LATIN_NAMES[key]: value for key, value in self.latin.items()}


HIGH = "http://eidas.europa.eu/LoA/high"
SUBSTANTIAL = "http://eidas.europa.eu/LoA/substantial"
LOW = "http://eidas.europa.eu/LoA/low"


def _citizen(key: str, about: str, loa: str, person: str, contact: str, latin: str = "") -> Citizen:
    """A citizen whose values stand in the order of `NAMES`, and of `LATIN_NAMES`, with `|` between them."""
    values = dict(zip(NAMES, f"{person}|{contact}".split("|"), strict=True))
    return Citizen(key, about, loa, values, dict(zip(LATIN_NAMES, latin.split("|"), strict=True)) if latin else {})


CITIZENS = (
    _citizen(
        "mari",
        "Mari Maasikas, grown up, lives in Storkhaven",
        HIGH,
        "Maasikas|Mari|19900228|EE-49002280001",
        f"mari.maasikas@post.example|Canal Street 12|4711|{CITY}|NL",
    ),
    _citizen(
        "juhan",
        "Juhan Juurikas, grown up, lives elsewhere",
        HIGH,
        "Juurikas|Juhan|19640601|EE-36406010002",
        "juhan.juurikas@post.example|Pikk 3|10123|Tallinn|EE",
    ),
    _citizen(
        "liisi",
        "Liisi Lepik, sixteen years old, lives in Storkhaven",
        HIGH,
        "Lepik|Liisi|20100909|EE-61009090003",
        f"liisi.lepik@post.example|Mill Lane 4|4712|{CITY}|NL",
    ),
    _citizen(
        "toomas",
        "Toomas Tamm, signed in with a password alone (assurance low)",
        LOW,
        "Tamm|Toomas|19810311|EE-38103110004",
        f"toomas@post.example|Harbour Square 1|4713|{CITY}|NL",
    ),
)


BULGARIANS = (
    _citizen(
        "ivana",
        "Ивана Иванова, grown up, lives in Storkhaven; her name is in Cyrillic",
        SUBSTANTIAL,
        "Иванова|Ивана|19850517|BG-8505170005",
        f"ivana.ivanova@post.example|Rope Walk 7|4711|{CITY}|NL",
        "Ivanova|Ivana",
    ),
    _citizen(
        "petar",
        "Петър Петров, signed in with a password alone (assurance low)",
        LOW,
        "Петров|Петър|19591224|BG-5912240006",
        "petar@post.example|Pirotska 5|1000|Sofia|BG",
        "Petrov|Petar",
    ),
)


CARD_HOLDERS = (
    _citizen(
        "sanne",
        "Sanne Smit, grown up, lives in Storkhaven",
        SUBSTANTIAL,
        "Smit|Sanne|19930817|card-0007",
        f"sanne.smit@post.example|Rope Walk 2|4711|{CITY}|NL",
    ),
    _citizen(
        "daan",
        "Daan de Wit, sixty-four years old, lives in Storkhaven",
        SUBSTANTIAL,
        "de Wit|Daan|19620420|card-0008",
        f"daan.dewit@post.example|Canal Street 40|4711|{CITY}|NL",
    ),
)


def citizen(key: str) -> Citizen | None:
    """The citizen of a key, if there is one."""
    return next((one for one in (*CITIZENS, *BULGARIANS, *CARD_HOLDERS) if one.key == key), None)
