"""The demo country's citizens: made up, and so is the city."""

from dataclasses import dataclass, field

CITY = "Storkhaven"

# The wire names that the demo country's identity provider uses (spec: SAML attribute names, NameFormat uri)
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


@dataclass(frozen=True, slots=True)
class Citizen:
    """Somebody who can sign in at the demo country's identity provider. `attributes` maps keys of `NAMES` to values."""

    key: str
    about: str
    loa: str
    attributes: dict[str, str] = field(repr=False)


def _citizen(key: str, about: str, loa: str, values: tuple[str, ...]) -> Citizen:
    return Citizen(key, about, loa, dict(zip(NAMES, values, strict=True)))


HIGH = "http://eidas.europa.eu/LoA/high"
LOW = "http://eidas.europa.eu/LoA/low"

CITIZENS = (
    _citizen(
        "mari",
        "Mari Maasikas, grown up, lives in Storkhaven",
        HIGH,
        (
            "Maasikas",
            "Mari",
            "19900228",
            "EE-49002280001",
            "mari.maasikas@post.example",
            "Canal Street 12",
            "4711",
            CITY,
            "NL",
        ),
    ),
    _citizen(
        "juhan",
        "Juhan Juurikas, grown up, lives elsewhere",
        HIGH,
        (
            "Juurikas",
            "Juhan",
            "19640601",
            "EE-36406010002",
            "juhan.juurikas@post.example",
            "Pikk 3",
            "10123",
            "Tallinn",
            "EE",
        ),
    ),
    _citizen(
        "liisi",
        "Liisi Lepik, sixteen years old, lives in Storkhaven",
        HIGH,
        ("Lepik", "Liisi", "20100909", "EE-61009090003", "liisi.lepik@post.example", "Mill Lane 4", "4712", CITY, "NL"),
    ),
    _citizen(
        "toomas",
        "Toomas Tamm, signed in with a password alone (assurance low)",
        LOW,
        (
            "Tamm",
            "Toomas",
            "19810311",
            "EE-38103110004",
            "toomas@post.example",
            "Harbour Square 1",
            "4713",
            CITY,
            "NL",
        ),
    ),
)


def citizen(key: str) -> Citizen | None:
    """The citizen of this key, if there is one."""
    return next((one for one in CITIZENS if one.key == key), None)
