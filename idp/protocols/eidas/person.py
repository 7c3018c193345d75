"""A person of a national answer in eIDAS' attributes: complete minimum data sets, and what else was asked for.

| of the catalogue | eIDAS | how |
|---|---|---|
| `family_name`, `given_name`, `legal_name` | names | in another script with the Latin form, `NAME.latin` |
| `birthdate` | DateOfBirth | a whole date, or none |
| `person_identifier` | PersonIdentifier | made per receiving country, never the national one |
| `legal_person_identifier` | LegalPersonIdentifier | the register's own number, behind both countries (decision 0089) |
| `address`, `legal_address` | CurrentAddress, LegalPersonAddress | base64 of its parts |
| `gender` | Gender | `Male`, `Female`, `Unspecified`; ISO/IEC 5218 codes are read |

Whoever acts for another is the representative, of whom the minimum data set goes and nothing else: no additional attribute
either, but those that the catalogue has for kinds that act alone, such as `mandate`. The plain attributes are
the other's, which the catalogue calls `represented_family_name` and so on.
"""

from collections.abc import Collection, Mapping, Sequence

from connectors.formats.eidas.address import write_address
from connectors.formats.eidas.registry import (
    LEGAL_PERSON,
    NATURAL_PERSON,
    REPRESENTATIVE_NATURAL_PERSON,
    EidasAttribute,
    with_additional,
)
from connectors.formats.eidas.values import EidasValue
from policies.attributes import EXACT, Address, Attribute, AttributeName, Value, latin_name
from policies.authentication import AskedAttribute, Assertion
from policies.catalogue import REPRESENTED, Catalogue
from policies.errors import AssertionRejected
from policies.latin import is_latin
from policies.persons import ABOUT_A_COMPANY, PersonKind

GENDER = AttributeName("gender")
PERSON_IDENTIFIER_NAME = AttributeName("person_identifier")
OTHERS_IDENTIFIER_NAME = AttributeName(f"{REPRESENTED}person_identifier")
LEGAL_IDENTIFIER_NAME = AttributeName("legal_person_identifier")
IDENTIFIERS = (PERSON_IDENTIFIER_NAME, OTHERS_IDENTIFIER_NAME, LEGAL_IDENTIFIER_NAME)
_GENDERS = {
    "male": "Male",
    "1": "Male",
    "female": "Female",
    "2": "Female",
    "unspecified": "Unspecified",
    "9": "Unspecified",
}


def names_asked(catalogue: Catalogue) -> Mapping[str, AttributeName]:
    """Our name for each attribute that a node may ask for and that the catalogue has too, by URI."""
    known = with_additional(catalogue)
    return {one.eidas: one.name for one in catalogue.attributes.values() if one.eidas in known}


def names_answered(kind: PersonKind, catalogue: Catalogue) -> Mapping[str, AttributeName]:
    """Our name for each attribute that an answer of this kind may have, by URI, in the registry's order."""
    asked, found = names_asked(catalogue), dict[str, AttributeName]()
    plain = LEGAL_PERSON if kind in ABOUT_A_COMPANY else NATURAL_PERSON
    for uri, known in with_additional(catalogue).items():
        name = asked.get(uri, AttributeName(""))
        if known.namespace == REPRESENTATIVE_NATURAL_PERSON and kind.acts and known.mandatory:
            name = asked[uri.replace(REPRESENTATIVE_NATURAL_PERSON, NATURAL_PERSON)]
        elif known.namespace == NATURAL_PERSON and kind is PersonKind.FOR_NATURAL:
            name = AttributeName(REPRESENTED + name)
        elif known.namespace != plain and not known.additional:
            continue
        if name in catalogue.attributes and catalogue.attributes[name].between_nodes(kind):
            found[uri] = name
    return found


def kind_of(names: Collection[AttributeName]) -> PersonKind:
    """The kind of an answer with attributes of these names: each has the identifiers of whom it is about."""
    if LEGAL_IDENTIFIER_NAME in names:
        return PersonKind.FOR_LEGAL if PERSON_IDENTIFIER_NAME in names else PersonKind.LEGAL
    return PersonKind.FOR_NATURAL if OTHERS_IDENTIFIER_NAME in names else PersonKind.NATURAL


def always_sent(kind: PersonKind, catalogue: Catalogue) -> frozenset[AttributeName]:
    """The names of the minimum data sets of an answer of this kind."""
    known, names = with_additional(catalogue), names_answered(kind, catalogue)
    return frozenset(name for uri, name in names.items() if known[uri].mandatory and not known[uri].additional)


def data_sets(
    kind: PersonKind,
    requested: Collection[AskedAttribute],
    assertion: Assertion,
    identifiers: Mapping[AttributeName, str],
    catalogue: Catalogue,
) -> tuple[Attribute, ...]:
    """The attributes to send, in the registry's order: the minimum data sets, and what else was asked for and is there.

    `identifiers` are those between the two countries, by the names of `IDENTIFIERS`. Raises `AssertionRejected` where a
    minimum data set cannot be complete: the detail tells the operator what is missing.
    """
    asked, registry, names = names_asked(catalogue), with_additional(catalogue), names_answered(kind, catalogue)
    required = {one.name: one.required for one in requested}
    offered = {**assertion.offered.attributes, **identifiers}
    found: list[Attribute] = []
    for uri, name in names.items():
        known, wanted = registry[uri], asked.get(uri)
        # Nobody may ask for a representative's: theirs go with every answer that has one
        if wanted is not None and wanted not in required:
            if known.mandatory and not known.additional:
                raise AssertionRejected("minimum_data_set", "a request that does not ask for all of it")
            continue
        one = _one(known, name, offered)
        if one is not None:
            found.append(one)
        elif required[wanted] if known.additional and wanted is not None else known.mandatory:
            raise _missing(known, name, assertion)
    return tuple(found)


def wire_values(attributes: Collection[Attribute], catalogue: Catalogue) -> tuple[tuple[str, tuple[EidasValue, ...]], ...]:
    """The attributes of an answer by URI, in the registry's order, with the Latin form beside a value in another script."""
    by_name, registry = {one.name: one for one in attributes}, with_additional(catalogue)
    names = names_answered(kind_of(by_name), catalogue)
    return tuple((uri, _values(registry[uri], by_name[name])) for uri, name in names.items() if name in by_name)


def in_registry_order(attributes: Collection[Attribute], catalogue: Catalogue) -> Sequence[Attribute]:
    """The attributes of an answer in the order of the eIDAS registry, and behind them what only STORK has."""
    by_name = {one.name: one for one in attributes}
    first = [name for name in names_answered(kind_of(by_name), catalogue).values() if name in by_name]
    return [by_name[name] for name in dict.fromkeys((*first, *by_name))]


def _values(known: EidasAttribute, one: Attribute) -> tuple[EidasValue, ...]:
    if isinstance(one.value, tuple):
        return tuple(map(EidasValue, one.value))
    text = _text(known, one.name, one.value) or ""
    return (EidasValue(text, latin=False), EidasValue(one.latin)) if one.latin else (EidasValue(text),)


def _one(known: EidasAttribute, name: AttributeName, offered: Mapping[AttributeName, Value]) -> Attribute | None:
    """The attribute as it would be sent; None where there is none, or none that eIDAS could say."""
    value = offered.get(name)
    if isinstance(value, tuple):
        return Attribute(name, EXACT, value) if value and all(map(known.is_value, value)) else None
    text = _text(known, name, value)
    if value is None or text is None or not known.is_value(text):
        return None
    if not known.transliterated or is_latin(text):
        # What the page shows is what is sent: the registry's word, not the country's
        return Attribute(name, EXACT, text if isinstance(value, str) else value)
    latin = offered.get(latin_name(name))
    if not isinstance(latin, str) or not known.is_value(latin) or not is_latin(latin):
        return None
    return Attribute(name, EXACT, value, latin)


def _text(known: EidasAttribute, name: AttributeName, value: Value | None) -> str | None:
    """A value as eIDAS writes it; None for what it cannot."""
    if isinstance(value, Address):
        try:
            return write_address(value, known.namespace)
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
