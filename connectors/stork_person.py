"""A person as STORK says it, in the catalogue's attributes and back.

| STORK | of the catalogue | how |
|---|---|---|
| eIdentifier | `person_identifier` | `CC/CC/identifier`, made for one country |
| surname, givenName, inheritedFamilyName | names | the Latin form |
| dateOfBirth | `birthdate` | `YYYYMMDD`, or as much of it as is known: nothing is made up |
| gender | `gender` | `M`, `F` |
| canonicalResidenceAddress | `address` | its parts; number and apartment go into the street |
"""

from collections.abc import Mapping, Sequence

from connectors.eidas_checks import identifier_of
from connectors.formats.eidas.registry import PERSON_IDENTIFIER
from connectors.formats.eidas.values import EidasValue
from connectors.formats.stork.registry import ATTRIBUTES, AVAILABLE, NOT_AVAILABLE
from connectors.formats.stork.values import StorkComplex, StorkSaid, StorkText, complex_of, texts_of
from connectors.mapping import birthdate, several
from connectors.wire.text import MAX_VALUE, is_plain
from policies.attributes import Address, AttributeName, Value
from policies.catalogue import AttributeType, Catalogue
from policies.forms import MULTIPLE, AttributeKind
from policies.latin import is_latin

_GENDERS = {"M": "male", "F": "female"}
_TO_STORK = {"male": "M", "1": "M", "female": "F", "2": "F"}
_YEAR_AND_MONTH = 6
_NUMBERS = ("streetNumber", "apartmentNumber")


def identifier_between(texts: Sequence[str], *, sending: str, receiving: str | None) -> str:
    """The eIdentifier as received: made by the country that was asked, for ours. As eIDAS has it, and its checks."""
    said = {PERSON_IDENTIFIER: tuple(map(EidasValue, texts))}
    return identifier_of(said, PERSON_IDENTIFIER, sending=sending, receiving=receiving)


def offered_attributes(said: Mapping[str, StorkSaid], catalogue: Catalogue) -> dict[AttributeName, Value]:
    """The attributes that an answer offers, under the catalogue's names. Dropped: what is too long, or has controls."""
    found: dict[AttributeName, Value] = {}
    for name, row in catalogue.attributes.items():
        value = _read(row, said) if row.stork in ATTRIBUTES else None
        if value is not None:
            found[name] = value
    return found


def _read(row: AttributeType, said: Mapping[str, StorkSaid]) -> Value | None:
    texts = texts_of(said, row.stork)
    if row.kind is AttributeKind.MANDATE:
        return None
    if row.kind in MULTIPLE:
        return several(texts)
    if row.kind is AttributeKind.ADDRESS:
        complexes = complex_of(said, row.stork)
        return _address(complexes[0]) if len(complexes) == 1 else None
    if len(texts) != 1:
        return None
    text = texts[0]
    if row.kind is AttributeKind.DATE:
        return birthdate(f"{text[:4]}-{text[4:]}" if len(text) == _YEAR_AND_MONTH else text)
    if row.name == "gender":
        return _GENDERS.get(text)
    return text if is_plain(text) else None


def _address(value: StorkComplex) -> Address | None:
    street = " ".join(filter(None, (value.text(name) for name in ("streetName", *_NUMBERS))))
    address = Address(
        street=street,
        postal_code=value.text("postalCode"),
        locality=value.text("town"),
        region=value.text("state"),
        country=value.text("countryCodeAddress"),
    )
    parts = (address.street, address.postal_code, address.locality, address.region)
    return address if all(is_plain(part) for part in parts if part) and len(street) <= MAX_VALUE else None


def stork_value(row: AttributeType, value: Value, latin: str = "") -> StorkSaid:
    """Our answer about an attribute: its value in STORK's form, or that it is not available in one."""
    values = _written(row, value, latin)
    # A represented person's have no name of their own: they stand within a mandate
    known = ATTRIBUTES.get(row.stork)
    texts = [one.text for one in values if isinstance(one, StorkText)]
    said = values and (known is None or all(map(known.is_value, texts)))
    return StorkSaid(AVAILABLE, values) if said else StorkSaid(NOT_AVAILABLE)


def _written(row: AttributeType, value: Value, latin: str) -> tuple[StorkText | StorkComplex, ...]:
    match value:
        case Address():
            # The schema wants all four
            parts = {
                "countryCodeAddress": value.country,
                "state": value.region,
                "town": value.locality,
                "postalCode": value.postal_code,
                "streetName": value.street,
            }
            whole = all(text for name, text in parts.items() if name != "state")
            return (StorkComplex(tuple((name, text) for name, text in parts.items() if text)),) if whole else ()
        case tuple():
            return tuple(map(StorkText, value))
        case str() if row.kind is AttributeKind.DATE:
            return (StorkText(value.replace("-", "")),)
        case str() if row.name == "gender":
            known = _TO_STORK.get(value.lower(), "")
            return (StorkText(known),) if known else ()
        case str() if is_latin(value):
            return (StorkText(value),)
        case str() if latin:
            return StorkText(value, latin=False), StorkText(latin)
        case _:
            return ()
