"""The names in the eIDAS technical specifications (SAML Message Format, SAML Attribute Profile; versions 1.2 to 1.4).

| set | URI |
|---|---|
| natural person | `http://eidas.europa.eu/attributes/naturalperson/` + name |
| legal person | `http://eidas.europa.eu/attributes/legalperson/` + name |
| representatives | the same with `representative/` before the name |

We pass on natural persons' attributes, and tell those of legal persons and representatives from unknown ones.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from connectors.wire.names import PERSISTENT, TRANSIENT, UNSPECIFIED
from policies.assurance import LevelOfAssurance
from policies.visible import is_visible

EIDAS = "http://eidas.europa.eu/saml-extensions"
NATURAL_PERSON = "http://eidas.europa.eu/attributes/naturalperson"
LEGAL_PERSON = "http://eidas.europa.eu/attributes/legalperson"
REPRESENTATIVE_NATURAL_PERSON = "http://eidas.europa.eu/attributes/naturalperson/representative"
REPRESENTATIVE_LEGAL_PERSON = "http://eidas.europa.eu/attributes/legalperson/representative"

# The prefixes that the specifications use
EIDAS_PREFIX = "eidas"
NATURAL_PREFIX = "eidas-natural"

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
class NaturalAttribute:
    """An attribute of natural persons (SAML Attribute Profile §2.2).

    `xsi_type` is the local name of its type in the namespace of natural persons. `form` is the pattern of its values, ""
    where any text is one.
    """

    uri: str
    friendly_name: str
    xsi_type: str
    mandatory: bool = False
    transliterated: bool = False
    form: str = ""

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


def _natural(
    name: str, friendly: str = "", *, mandatory: bool = False, latin: bool = False, form: str = ""
) -> NaturalAttribute:
    return NaturalAttribute(
        uri=f"{NATURAL_PERSON}/{name}",
        friendly_name=friendly or name,
        xsi_type=f"{name}Type",
        mandatory=mandatory,
        transliterated=latin,
        form=form,
    )


_NATURAL = (
    # Sending country, receiving country, and what is unique between them
    _natural("PersonIdentifier", mandatory=True, form=r"[A-Z]{2}/[A-Z]{2}/\S{1,256}"),
    _natural("CurrentFamilyName", "FamilyName", mandatory=True, latin=True),
    _natural("CurrentGivenName", "FirstName", mandatory=True, latin=True),
    _natural("DateOfBirth", mandatory=True, form=_DATE),
    _natural("BirthName", latin=True),
    _natural("PlaceOfBirth"),
    _natural("CurrentAddress"),
    _natural("Gender", form="Male|Female|Unspecified"),
    # From here on of protocol version 1.3
    _natural("PhoneNumber"),
    _natural("Nationality", form=_COUNTRY),
    _natural("CountryOfBirth", form=_COUNTRY),
    _natural("TownOfBirth"),
    _natural("CountryOfResidence", form=_COUNTRY),
    _natural("EmailAddress"),
)
NATURAL: Mapping[str, NaturalAttribute] = {attribute.uri: attribute for attribute in _NATURAL}
PERSON_IDENTIFIER, CURRENT_FAMILY_NAME, CURRENT_GIVEN_NAME, DATE_OF_BIRTH = (attribute.uri for attribute in _NATURAL[:4])
CURRENT_ADDRESS = f"{NATURAL_PERSON}/CurrentAddress"
# The minimum data set of natural persons (Implementing Regulation (EU) 2015/1501, annex §1)
MINIMUM = tuple(attribute.uri for attribute in _NATURAL if attribute.mandatory)

_LEGAL_MANDATORY = ("LegalPersonIdentifier", "LegalName")
_LEGAL_OPTIONAL = (
    *("LegalPersonAddress", "VATRegistrationNumber", "TaxReference", "D-2012-17-EUIdentifier"),
    *("LEI", "EORI", "SEED", "SIC", "LegalPhoneNumber", "LegalEmailAddress"),
)
# Attributes of legal persons: URI -> mandatory
LEGAL: Mapping[str, bool] = {
    **{f"{LEGAL_PERSON}/{name}": True for name in _LEGAL_MANDATORY},
    **{f"{LEGAL_PERSON}/{name}": False for name in _LEGAL_OPTIONAL},
}
LEGAL_MINIMUM = tuple(uri for uri, mandatory in LEGAL.items() if mandatory)

# The minimum data set of each kind of representative
REPRESENTATIVE_MINIMUMS: Mapping[str, tuple[str, ...]] = {
    REPRESENTATIVE_NATURAL_PERSON: tuple(uri.replace(NATURAL_PERSON, REPRESENTATIVE_NATURAL_PERSON) for uri in MINIMUM),
    REPRESENTATIVE_LEGAL_PERSON: tuple(uri.replace(LEGAL_PERSON, REPRESENTATIVE_LEGAL_PERSON) for uri in LEGAL_MINIMUM),
}


def representative_kind(uri: str) -> str:
    """The namespace of representatives that an attribute is of; "" for every other attribute."""
    return next((kind for kind in REPRESENTATIVE_MINIMUMS if uri.startswith(kind + "/")), "")
