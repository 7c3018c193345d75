"""The names in the eIDAS technical specifications (SAML Message Format, SAML Attribute Profile; versions 1.2 to 1.4).

| set | URI |
|---|---|
| natural person | `http://eidas.europa.eu/attributes/naturalperson/` + name |
| legal person | `http://eidas.europa.eu/attributes/legalperson/` + name |
| representatives | the same with `representative/` before the name |

In the plain sets is the person whom the answer is about; where somebody acts for them, that one is the representative.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from connectors.wire.names import PERSISTENT, TRANSIENT, UNSPECIFIED
from policies.assurance import LevelOfAssurance
from policies.catalogue import Catalogue
from policies.visible import is_visible

EIDAS = "http://eidas.europa.eu/saml-extensions"
NATURAL_PERSON = "http://eidas.europa.eu/attributes/naturalperson"
LEGAL_PERSON = "http://eidas.europa.eu/attributes/legalperson"
REPRESENTATIVE_NATURAL_PERSON = "http://eidas.europa.eu/attributes/naturalperson/representative"
REPRESENTATIVE_LEGAL_PERSON = "http://eidas.europa.eu/attributes/legalperson/representative"

XSD = "http://www.w3.org/2001/XMLSchema"

# The prefixes that the EU's own node uses
EIDAS_PREFIX = "eidas"
NATURAL_PREFIX = "eidas-natural"
PREFIXES: Mapping[str, str] = {
    NATURAL_PERSON: NATURAL_PREFIX,
    LEGAL_PERSON: "eidas-legal",
    REPRESENTATIVE_NATURAL_PERSON: "eidas-natural-representative",
    REPRESENTATIVE_LEGAL_PERSON: "eidas-legal-representative",
}

# The versions of the protocol that we speak, the newest first
PROTOCOL_VERSIONS = ("1.4", "1.3", "1.2")
# A version as the German middleware writes it, whose third number changes nothing on the wire
_PATCH = re.compile(r"([0-9]+\.[0-9]+)\.[0-9]+")

PUBLIC = "public"
PRIVATE = "private"
SP_TYPES = frozenset((PUBLIC, PRIVATE))

NAME_ID_FORMATS = (PERSISTENT, TRANSIENT, UNSPECIFIED)

# SAML Core 2.0 §3.2.2.2: the codes of the profile, top and second level
REQUESTER = "urn:oasis:names:tc:SAML:2.0:status:Requester"
RESPONDER = "urn:oasis:names:tc:SAML:2.0:status:Responder"
VERSION_MISMATCH = "urn:oasis:names:tc:SAML:2.0:status:VersionMismatch"
FAILURES = frozenset((REQUESTER, RESPONDER, VERSION_MISMATCH))
AUTHN_FAILED = "urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"
INVALID_ATTRIBUTE = "urn:oasis:names:tc:SAML:2.0:status:InvalidAttrNameOrValue"
INVALID_NAME_ID_POLICY = "urn:oasis:names:tc:SAML:2.0:status:InvalidNameIDPolicy"
REQUEST_DENIED = "urn:oasis:names:tc:SAML:2.0:status:RequestDenied"
SUB_STATUSES = frozenset((AUTHN_FAILED, INVALID_ATTRIBUTE, INVALID_NAME_ID_POLICY, REQUEST_DENIED))

# The StatusMessage of ours that says that the level was not reached: the profile has no code for it
LEVEL_NOT_REACHED = "The requested level of assurance was not reached."

_LOA = "http://eidas.europa.eu/LoA/"
# How we and others usually call the levels of a scheme that is not notified; any other URI is as good
_NOT_NOTIFIED_LOA = "http://eidas.europa.eu/NotNotified/LoA/"
NOTIFIED_LEVELS: Mapping[str, LevelOfAssurance] = {f"{_LOA}{level.label}": level for level in LevelOfAssurance}


def is_patch(version: str) -> bool:
    """Whether a protocol version has three numbers, of which the first two are a version of ours."""
    return spoken(version) in PROTOCOL_VERSIONS and version not in PROTOCOL_VERSIONS


def spoken(version: str) -> str:
    """The protocol version that a text counts as: without its third number, where it has one."""
    found = _PATCH.fullmatch(version)
    return found[1] if found else version


def not_ours(versions: Iterable[str]) -> list[str]:
    """Those of a node's protocol versions that we do not speak, sorted: what its operator has, and we do not use."""
    return sorted(version for version in versions if spoken(version) not in PROTOCOL_VERSIONS)


def notified(uri: str) -> bool:
    """Whether this is one of the three notified levels, in their one spelling."""
    return uri in NOTIFIED_LEVELS


def is_level(uri: str) -> bool:
    """Whether this may name a level: a notified one, or a URI that does not begin like one (in whatever case)."""
    return notified(uri) or (":" in uri and not uri.lower().startswith(_LOA.lower()))


def level_uri(level: LevelOfAssurance, *, is_notified: bool) -> str:
    """Our name for a level of a scheme that is notified, or is not (Regulation (EU) 910/2014 art. 9)."""
    return f"{_LOA if is_notified else _NOT_NOTIFIED_LOA}{level.label}"


def notified_from(level: LevelOfAssurance) -> tuple[str, ...]:
    """The notified levels from this one up, the lowest first."""
    return tuple(uri for uri, known in NOTIFIED_LEVELS.items() if known >= level)


@dataclass(frozen=True, slots=True)
class EidasAttribute:
    """An attribute of a person (SAML Attribute Profile §2).

    `xsi_type` is the local name of its type in `namespace`, which is also its set, unless it is `additional`: of a sector,
    and of no set. `form` is the pattern of its values, "" where any text is one.
    """

    namespace: str
    uri: str
    friendly_name: str
    xsi_type: str
    mandatory: bool = False
    transliterated: bool = False
    form: str = ""
    prefix: str = ""
    additional: bool = False

    def is_value(self, text: str) -> bool:
        """Whether a text is of the attribute's type. One that shows nothing, as white space does, is of none."""
        if not is_visible(text):
            return False
        if self.form and not re.fullmatch(self.form, text):
            return False
        return self.form != _DATE or _in_calendar(text)


def _in_calendar(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_COUNTRY = r"[A-Z][A-Z]"
# Sending country, receiving country, and what is unique between them
_IDENTIFIER = r"[A-Z]{2}/[A-Z]{2}/\S{1,256}"


def _attribute(
    name: str, friendly: str = "", *, mandatory: bool = False, latin: bool = False, form: str = ""
) -> EidasAttribute:
    """A row of the tables below, whose namespace is added with the table's."""
    return EidasAttribute("", name, friendly or name, f"{name}Type", mandatory, latin, form)


_NATURAL = (
    _attribute("PersonIdentifier", mandatory=True, form=_IDENTIFIER),
    _attribute("CurrentFamilyName", "FamilyName", mandatory=True, latin=True),
    _attribute("CurrentGivenName", "FirstName", mandatory=True, latin=True),
    _attribute("DateOfBirth", mandatory=True, form=_DATE),
    _attribute("BirthName", latin=True),
    _attribute("PlaceOfBirth"),
    _attribute("CurrentAddress"),
    _attribute("Gender", form="Male|Female|Unspecified"),
    # From here on of protocol version 1.3
    _attribute("PhoneNumber"),
    _attribute("Nationality", form=_COUNTRY),
    _attribute("CountryOfBirth", form=_COUNTRY),
    _attribute("TownOfBirth"),
    _attribute("CountryOfResidence", form=_COUNTRY),
    _attribute("EmailAddress"),
)
_LEGAL = (
    _attribute("LegalPersonIdentifier", mandatory=True, form=_IDENTIFIER),
    _attribute("LegalName", mandatory=True, latin=True),
    _attribute("LegalPersonAddress", "LegalAddress"),
    _attribute("VATRegistrationNumber", "VATRegistration"),
    *map(_attribute, ("TaxReference", "D-2012-17-EUIdentifier", "LEI", "EORI", "SEED", "SIC")),
    # Of protocol version 1.3
    *map(_attribute, ("LegalPhoneNumber", "LegalEmailAddress")),
)


def _set(namespace: str, rows: Iterable[EidasAttribute], before: str = "") -> Mapping[str, EidasAttribute]:
    prefix = PREFIXES[namespace]
    named = [replace(row, namespace=namespace, prefix=prefix, uri=f"{namespace}/{row.uri}") for row in rows]
    return {row.uri: replace(row, friendly_name=before + row.friendly_name) for row in named}


Registry = Mapping[str, EidasAttribute]

NATURAL = _set(NATURAL_PERSON, _NATURAL)
LEGAL = _set(LEGAL_PERSON, _LEGAL)
# The plain sets, which may be asked for; and every attribute, by URI
PLAIN: Registry = {**NATURAL, **LEGAL}
ATTRIBUTES: Registry = {
    **PLAIN,
    **_set(REPRESENTATIVE_NATURAL_PERSON, _NATURAL, "Representative"),
    **_set(REPRESENTATIVE_LEGAL_PERSON, _LEGAL, "Representative"),
}
# The minimum data set of each kind (Implementing Regulation (EU) 2015/1501, annex), by namespace
MINIMUMS: Mapping[str, tuple[str, ...]] = {
    namespace: tuple(uri for uri, known in ATTRIBUTES.items() if known.mandatory and known.namespace == namespace)
    for namespace in PREFIXES
}
MINIMUM, LEGAL_MINIMUM = MINIMUMS[NATURAL_PERSON], MINIMUMS[LEGAL_PERSON]
PERSON_IDENTIFIER, CURRENT_FAMILY_NAME, CURRENT_GIVEN_NAME, DATE_OF_BIRTH = MINIMUM
LEGAL_PERSON_IDENTIFIER, LEGAL_NAME = LEGAL_MINIMUM
# Those of which several values would be several persons
SINGLE = frozenset(uri for kind in MINIMUMS.values() for uri in kind if not ATTRIBUTES[uri].transliterated)
REPRESENTATIVES = (REPRESENTATIVE_NATURAL_PERSON, REPRESENTATIVE_LEGAL_PERSON)
_OLDEST = PROTOCOL_VERSIONS[-1]
_SINCE_1_3 = frozenset(
    uri
    for known in PREFIXES
    for uri in (
        *(f"{known}/{name}" for name in ("PhoneNumber", "Nationality", "CountryOfBirth", "TownOfBirth")),
        *(f"{known}/{name}" for name in ("CountryOfResidence", "EmailAddress", "LegalPhoneNumber", "LegalEmailAddress")),
    )
)


def up_to(newest: str) -> tuple[str, ...]:
    """This version of the protocol and the older ones, the newest first."""
    return PROTOCOL_VERSIONS[PROTOCOL_VERSIONS.index(newest) :]


def known_to(version: str, uris: Iterable[str]) -> frozenset[str]:
    """Those attributes for which a node of this protocol version may be asked, whatever its metadata names."""
    return frozenset(uris) - _SINCE_1_3 if version == _OLDEST else frozenset(uris)


def with_additional(catalogue: Catalogue) -> Registry:
    """Every attribute, and the additional ones that a catalogue adds to them (SAML Attribute Profile §2.9)."""
    found = dict(ATTRIBUTES)
    for row in catalogue.attributes.values():
        if (known := row.eidas_form) is not None:
            namespace, _, local = known.type.removeprefix("{").partition("}")
            found[row.eidas] = EidasAttribute(
                namespace,
                row.eidas,
                known.friendly_name,
                local,
                known.required,
                known.transliterated,
                known.pattern,
                "xs" if namespace == XSD else f"type{len(found)}",
                additional=True,
            )
    return found


def set_of(uri: str) -> str:
    """The namespace of the set that an attribute is of; "" for one that no plain set has.

    Whatever stands under the representatives' namespaces is theirs, also where no table has it.
    """
    known = ATTRIBUTES.get(uri)
    return known.namespace if known is not None else representative_kind(uri)


def representative_kind(uri: str) -> str:
    """The namespace of representatives that an attribute is of; "" for every other attribute."""
    return next((kind for kind in REPRESENTATIVES if uri.startswith(kind + "/")), "")


def incomplete(sets: Iterable[str], there: Collection[str]) -> list[str]:
    """The friendly names in the minimum data sets of `sets` that are not `there`."""
    return [ATTRIBUTES[uri].friendly_name for kind in sets for uri in MINIMUMS[kind] if uri not in there]
