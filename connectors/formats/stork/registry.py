"""STORK's names, levels and attributes, as data (STORK D5.8, STORK 2.0 D4). STORK 2.0 keeps the namespaces of 1.0."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from policies.visible import is_visible

STORK = "urn:eu:stork:names:tc:STORK:1.0:assertion"
STORKP = "urn:eu:stork:names:tc:STORK:1.0:protocol"
BASE = "http://www.stork.gov.eu/1.0/"

# The sub-status for a level that cannot be had
QAA_NOT_SUPPORTED = "http://www.stork.gov.eu/saml20/statusCodes/QAANotSupported"

AVAILABLE, NOT_AVAILABLE, WITHHELD = "Available", "NotAvailable", "Withheld"
STATUSES = frozenset((AVAILABLE, NOT_AVAILABLE, WITHHELD))

QAA_LEVELS = ("1", "2", "3", "4")

_COUNTRY = r"[A-Z]{2}"
_QAA = "[1-4]"
# Cl@ve of Spain writes 03
_REACHED_QAA = "0?[1-4]"
_DATE = r"[0-9]{4}(?:[0-9]{2}(?:[0-9]{2})?)?"
# XML Schema's dates and truth values, inside of a mandate
_XS_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_BOOLEAN = "true|false|1|0"
_DECIMAL = r"[0-9]{1,15}(?:\.[0-9]{1,4})?"


def stork(local: str) -> str:
    """An element or attribute of the assertion namespace, in lxml's spelling."""
    return f"{{{STORK}}}{local}"


def storkp(local: str) -> str:
    """An element of the protocol namespace, in lxml's spelling."""
    return f"{{{STORKP}}}{local}"


@dataclass(frozen=True, slots=True)
class Part:
    """One element of a complex value: a text of a form ("" for any), or parts of its own.

    `names` are its spellings, the published one first: the schema has both of some.
    """

    names: tuple[str, ...]
    form: str = ""
    required: bool = False
    parts: tuple["Part", ...] = ()
    many: bool = False


@dataclass(frozen=True, slots=True)
class StorkAttribute:
    """An attribute by its short name. `parts` are those of a complex one, else a value is a text of `form` ("": any)."""

    name: str
    form: str = ""
    many: bool = False
    parts: tuple[Part, ...] = ()

    @property
    def uri(self) -> str:
        """Its name on the wire."""
        return BASE + self.name

    def is_value(self, text: str) -> bool:
        """Whether a text is of the attribute's type."""
        return has_form(text, self.form)


def has_form(text: str, form: str) -> bool:
    """Whether a text shows something, and is of a form; a date is one of the calendar."""
    if not is_visible(text) or (form and not re.fullmatch(form, text)):
        return False
    return form not in (_DATE, _XS_DATE) or _in_calendar(text)


def _in_calendar(text: str) -> bool:
    digits = text.replace("-", "")
    try:
        date(int(digits[:4]), int(digits[4:6] or 1), int(digits[6:] or 1))
    except ValueError:
        return False
    return True


def _part(*names: str, form: str = "", required: bool = False, many: bool = False) -> Part:
    return Part(names, form, required, many=many)


_AQAA = _part("AQAA", form=_QAA)
_ADDRESS = (
    _part("countryCodeAddress", form=_COUNTRY, required=True),
    _part("state"),
    _part("municipalityCode"),
    _part("town", required=True),
    _part("postalCode", required=True),
    _part("streetName", required=True),
    _part("streetNumber"),
    _part("apartmentNumber"),
)
# Visible ASCII: signs that look alike, or cannot be seen, would make two persons of one
IDENTIFIER_FORM = r"[A-Z]{2}/[A-Z]{2}/[!-~]{1,256}"
_PERSON = (
    _part("eIdentifier", form=IDENTIFIER_FORM),
    _part("givenName"),
    _part("surname"),
    _part("dateOfBirth", form=_DATE),
    _part("eLPIdentifier", form=IDENTIFIER_FORM),
    _part("legalName"),
    _part("textRegisteredAddress"),
    Part(("canonicalRegisteredAddress",), parts=_ADDRESS),
    _part("legalForm"),
)
MANDATE_CONTENT = (
    _part("typePower", "typeOfPower", required=True),
    Part(
        ("timeRestriction",),
        parts=(_part("validFrom", form=_XS_DATE), _part("validTo", form=_XS_DATE)),
    ),
    _part("isJoined", "isJoint", form=_BOOLEAN),
    _part("isChained", form=_BOOLEAN),
    _part("originalMandate"),
    _part("originalMandateType"),
    Part(
        ("transactionLimit",),
        parts=(_part("amount", form=_DECIMAL, required=True), _part("currency", form="[A-Z]{3}", required=True)),
    ),
    _AQAA,
)
_MANDATE = (
    Part(("represented",), parts=_PERSON, required=True),
    Part(("representative", "representing"), parts=_PERSON, required=True),
    Part(("mandateContent",), parts=MANDATE_CONTENT, required=True, many=True),
)
_ATTRIBUTES = (
    StorkAttribute("eIdentifier", IDENTIFIER_FORM),
    StorkAttribute("givenName"),
    StorkAttribute("surname"),
    StorkAttribute("inheritedFamilyName"),
    StorkAttribute("adoptedFamilyName"),
    StorkAttribute("gender", "[MF]"),
    StorkAttribute("dateOfBirth", _DATE),
    # ISO 3166-1 alpha-2, or the four letters of a country that is no more (ISO 3166-3)
    StorkAttribute("countryCodeOfBirth", "[A-Z]{2}|[A-Z]{4}"),
    StorkAttribute("nationalityCode", _COUNTRY, many=True),
    StorkAttribute("placeOfBirth"),
    StorkAttribute("maritalStatus", "[SMPDW]"),
    StorkAttribute("textResidenceAddress"),
    StorkAttribute("canonicalResidenceAddress", parts=_ADDRESS),
    StorkAttribute("eMail"),
    StorkAttribute("title"),
    StorkAttribute("pseudonym"),
    StorkAttribute("fiscalNumber"),
    StorkAttribute("residencePermit"),
    StorkAttribute("age", r"[0-9]{1,3}"),
    StorkAttribute("isAgeOver", r"[1-9][0-9]{0,2}"),
    StorkAttribute("citizenQAALevel", _REACHED_QAA),
    # Legal persons and powers (STORK 2.0)
    StorkAttribute("eLPIdentifier", IDENTIFIER_FORM),
    StorkAttribute("legalName"),
    StorkAttribute("represented", parts=_PERSON),
    StorkAttribute("representative", parts=_PERSON),
    StorkAttribute("mandateContent", parts=MANDATE_CONTENT, many=True),
    StorkAttribute("mandate", parts=_MANDATE, many=True),
    # Studies and work (STORK 2.0)
    StorkAttribute(
        "isStudent",
        parts=(_part("study"), _part("nameOfInstitution", required=True), _part("course"), _AQAA),
        many=True,
    ),
    StorkAttribute(
        "hasDegree",
        parts=(
            _part("study", required=True),
            _part("level", form=".", required=True),
            _part("yearObtained", form="[0-9]{4}", required=True),
            _part("nameOfInstitution", required=True),
            _AQAA,
        ),
        many=True,
    ),
    StorkAttribute(
        "isAcademicStaff",
        parts=(
            _part("nameOfInstitution", required=True),
            _part("occupation", required=True),
            _part("knowledgeArea"),
            _AQAA,
        ),
        many=True,
    ),
    StorkAttribute("habilitation", parts=(_part("ability", required=True), _AQAA), many=True),
    StorkAttribute("acTitle", parts=(_part("titleNormalised", required=True), _AQAA), many=True),
)
ATTRIBUTES: Mapping[str, StorkAttribute] = {one.uri: one for one in _ATTRIBUTES}
# A misspelling that the middleware of Austria sends
ALIASES: Mapping[str, str] = {f"{BASE}citizenQAAlevel": f"{BASE}citizenQAALevel"}
EIDENTIFIER, IS_AGE_OVER = f"{BASE}eIdentifier", f"{BASE}isAgeOver"
CITIZEN_QAA, MANDATE = f"{BASE}citizenQAALevel", f"{BASE}mandate"
# In a mandate, one is a natural person by these parts, a legal one by all others
NATURAL_PARTS = frozenset(("eIdentifier", "givenName", "surname", "dateOfBirth"))
