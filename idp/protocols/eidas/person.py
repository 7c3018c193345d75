"""A person of a national answer in eIDAS' attributes: the complete minimum data set, and what else was asked for.

| of the catalogue | eIDAS | how |
|---|---|---|
| `family_name`, `given_name` | names | in another script with the Latin form, which the table calls `NAME.latin` |
| `birthdate` | DateOfBirth | a whole date, or none |
| `person_identifier` | PersonIdentifier | made per receiving country, never the national one |
| `address` | CurrentAddress | base64 of its parts |
| `gender` | Gender | `Male`, `Female`, `Unspecified`; ISO/IEC 5218 codes are read |
"""

from collections.abc import Collection, Iterable, Mapping

from connectors.formats.eidas.address import write_address
from connectors.formats.eidas.registry import MINIMUM, NATURAL, PERSON_IDENTIFIER, EidasAttribute
from connectors.formats.eidas.values import EidasValue
from policies.attributes import EXACT, Address, Attribute, AttributeName, Value, latin_name
from policies.authentication import AskedAttribute, Assertion
from policies.catalogue import Catalogue
from policies.errors import AssertionRejected
from policies.latin import is_latin

GENDER = AttributeName("gender")
PERSON_IDENTIFIER_NAME = AttributeName("person_identifier")
_GENDERS = {
    "male": "Male",
    "1": "Male",
    "female": "Female",
    "2": "Female",
    "unspecified": "Unspecified",
    "9": "Unspecified",
}


def minimum_data(
    requested: Collection[AskedAttribute], assertion: Assertion, identifier: str, catalogue: Catalogue
) -> tuple[Attribute, ...]:
    """The attributes to send, in the registry's order: the minimum data set, and what else was asked for and is there.

    Raises `AssertionRejected` where the minimum data set cannot be complete: the detail tells the operator what is missing.
    """
    asked = {attribute.name for attribute in requested}
    names = names_by_uri(catalogue)
    found: dict[str, Attribute] = {}
    for uri, known in NATURAL.items():
        if names.get(uri) not in asked:
            continue
        offered = {names[uri]: identifier} if uri == PERSON_IDENTIFIER else assertion.offered.attributes
        one = _one(known, names[uri], offered)
        if one is not None:
            found[uri] = one
        elif known.mandatory:
            raise _missing(known, names[uri], assertion)
    if not set(MINIMUM) <= found.keys():
        raise AssertionRejected("minimum_data_set", "a request that does not ask for all of it")
    return tuple(found.values())


def in_registry_order(attributes: Iterable[Attribute], catalogue: Catalogue) -> list[Attribute]:
    """The attributes in the order of the eIDAS registry."""
    places = {uri: place for place, uri in enumerate(NATURAL)}
    return sorted(attributes, key=lambda one: places[catalogue.attributes[one.name].eidas])


def names_by_uri(catalogue: Catalogue) -> Mapping[str, AttributeName]:
    """Our name for each attribute of natural persons that the catalogue has too."""
    return {one.eidas: one.name for one in catalogue.attributes.values() if one.eidas in NATURAL}


def eidas_values(one: Attribute, catalogue: Catalogue) -> tuple[str, tuple[EidasValue, ...]]:
    """The attribute's URI, and its values: the Latin form beside one in another script."""
    uri = catalogue.attributes[one.name].eidas
    if isinstance(one.value, tuple):
        return uri, tuple(map(EidasValue, one.value))
    if one.latin:
        return uri, (EidasValue(_text(one.name, one.value) or "", latin=False), EidasValue(one.latin))
    return uri, (EidasValue(_text(one.name, one.value) or ""),)


def _one(known: EidasAttribute, name: AttributeName, offered: Mapping[AttributeName, Value]) -> Attribute | None:
    """The attribute as it would be sent; None where there is none, or none that eIDAS could say."""
    value = offered.get(name)
    if isinstance(value, tuple):
        return Attribute(name, EXACT, value) if all(map(known.is_value, value)) else None
    text = _text(name, value)
    if value is None or text is None or not known.is_value(text):
        return None
    if not known.transliterated or is_latin(text):
        # What the page shows is what is sent: the registry's word, not the country's
        return Attribute(name, EXACT, text if isinstance(value, str) else value)
    latin = offered.get(latin_name(name))
    if not isinstance(latin, str) or not known.is_value(latin) or not is_latin(latin):
        return None
    return Attribute(name, EXACT, value, latin)


def _text(name: AttributeName, value: Value | None) -> str | None:
    """A value as eIDAS writes it; None for what it cannot."""
    if isinstance(value, Address):
        try:
            return write_address(value)
        except ValueError:
            return None
    if not isinstance(value, str):
        return None
    return _GENDERS.get(value.lower()) if name == GENDER else value


def _missing(known: EidasAttribute, name: AttributeName, assertion: Assertion) -> AssertionRejected:
    """Advice for the operator of this node. It holds nobody's values."""
    provider = assertion.provider_id
    value = assertion.offered.attributes.get(name)
    if isinstance(value, str) and known.transliterated and not is_latin(value):
        detail = f"{name} in another script, and no Latin form of it: map `{latin_name(name)}` for {provider}"
        return AssertionRejected("latin_script", detail, code="misconfigured")
    if value is not None:
        return AssertionRejected("minimum_data_set", f"{provider} gave a {name} that eIDAS cannot say: it must be whole")
    return AssertionRejected("minimum_data_set", f"{provider} gave no {name}: map it, or ask the provider for it")
