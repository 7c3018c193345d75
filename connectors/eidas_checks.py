"""The rules for an answer of another country's node beyond SAML's own (eIDAS Message Format), and its offered values."""

from collections.abc import Iterator, Mapping

from connectors.formats.eidas.address import read_address
from connectors.formats.eidas.registry import (
    LEGAL_PERSON,
    LEVEL_NOT_REACHED,
    NATURAL,
    NATURAL_PERSON,
    NOTIFIED_LEVELS,
    REPRESENTATIVE_LEGAL_PERSON,
    REPRESENTATIVE_NATURAL_PERSON,
    REPRESENTATIVES,
    Registry,
    notified_from,
)
from connectors.formats.eidas.response import EidasResponse
from connectors.formats.eidas.values import EidasValue
from connectors.mapping import birthdate, several
from connectors.response_checks import check_success
from connectors.wire.names import PERSISTENT, SUCCESS, UNSPECIFIED
from connectors.wire.text import is_plain
from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName, Value
from policies.catalogue import REPRESENTED, Catalogue
from policies.errors import AssertionRejected, AssuranceTooLow
from policies.forms import MULTIPLE, AttributeKind
from policies.persons import PersonKind

# SAML Core 2.0 §3.2.2.2. The profile's list of second-level codes does not have it; nodes behind others send it.
NO_AUTHN_CONTEXT = "urn:oasis:names:tc:SAML:2.0:status:NoAuthnContext"

# The registry's words for OpenID Connect's (Core 1.0 §5.1). Unspecified says nothing, so it is not offered.
_GENDERS = {"Male": "male", "Female": "female"}
_GENDER = "gender"


def publishes(published: frozenset[str], uri: str) -> bool:
    """Whether a node's assurance-certification covers a level: a notified one up to the highest named, others by name."""
    level = NOTIFIED_LEVELS.get(uri)
    if level is None:
        return uri in published
    return any(NOTIFIED_LEVELS[known] >= level for known in published & NOTIFIED_LEVELS.keys())


def levels_to_ask(
    table: Mapping[str, LevelOfAssurance], published: frozenset[str], minimum: LevelOfAssurance
) -> tuple[str, tuple[str, ...]]:
    """Comparison and AuthnContextClassRefs that ask a node for at least `minimum` (§3, RequestedAuthnContext).

    Notified levels alone are asked as a minimum. Other levels have no order: each that reaches is listed, to be met
    exactly, and a notified one brings all higher ones. Raises `AssuranceTooLow` where no published level reaches.
    """
    reaching = [uri for uri, level in table.items() if level >= minimum and publishes(published, uri)]
    if not reaching:
        raise AssuranceTooLow("assurance_unreachable", "the country's node publishes no level that reaches what is asked")
    others = tuple(uri for uri in reaching if uri not in NOTIFIED_LEVELS)
    lowest = min((NOTIFIED_LEVELS[uri] for uri in reaching if uri in NOTIFIED_LEVELS), default=None)
    from_lowest = () if lowest is None else notified_from(lowest)
    if not others:
        return "minimum", from_lowest[:1]
    return "exact", (*from_lowest, *others)


def check_node(node_country: str, registered: str) -> None:
    """§4: a node speaks for its own country's citizens, which is the one that the citizen chose."""
    if not registered or node_country != registered:
        raise AssertionRejected("node_country", "a node whose NodeCountry is another than its registration's")


def check_status(response: EidasResponse) -> None:
    """§4: success, or a failure that the node signed. A level that was not reached is told from other failures."""
    too_low = response.status_message == LEVEL_NOT_REACHED or response.sub_status == NO_AUTHN_CONTEXT
    if response.status != SUCCESS and too_low:
        raise AssuranceTooLow("status", "the node reports that the level of assurance was not reached")
    check_success(response)


def check_authentication_context(context_class: str, published: frozenset[str]) -> None:
    """§4: a level above, or beside, what the node publishes is not believed."""
    if not publishes(published, context_class):
        raise AssertionRejected("authn_context_unpublished", "a level that the node does not publish")


def check_name_format(name_format: str, asked: str) -> None:
    """§4: the NameID has the format that was asked for, which is persistent where none was."""
    if asked != UNSPECIFIED and name_format != (asked or PERSISTENT):
        raise AssertionRejected("name_id_format", "a NameID of another format than was asked for")


def kind_of(sets: frozenset[str]) -> PersonKind:
    """§4: the kind of a sign-in, by the sets in it. One person is there, and perhaps one other for whom they act."""
    representatives = sets & set(REPRESENTATIVES)
    if REPRESENTATIVE_LEGAL_PERSON in representatives:
        raise AssertionRejected("legal_representative", "a company that acts for somebody")
    if len(sets - representatives) != 1:
        raise AssertionRejected("persons", "a person and a company at once")
    if representatives:
        return PersonKind.FOR_LEGAL if LEGAL_PERSON in sets else PersonKind.FOR_NATURAL
    return PersonKind.LEGAL if LEGAL_PERSON in sets else PersonKind.NATURAL


def names_of(kind: PersonKind, catalogue: Catalogue, registry: Registry) -> dict[AttributeName, str]:
    """Our attributes of this kind of sign-in, and the URI under which each stands.

    The wire has it the other way round than we: its plain attributes are those of whoever is represented.
    """
    named = {name: row.eidas_name for name, row in catalogue.attributes.items() if row.between_nodes(kind)}
    return {
        name: acting(uri) if kind.acts and uri in NATURAL and not name.startswith(REPRESENTED) else uri
        for name, uri in named.items()
        if uri in registry
    }


def acting(uri: str) -> str:
    """The URI under which a natural person's attribute stands where that person acts for another."""
    return uri.replace(NATURAL_PERSON, REPRESENTATIVE_NATURAL_PERSON, 1)


def identifier_of(
    attributes: Mapping[str, tuple[EidasValue, ...]], uri: str, *, sending: str, receiving: str | None
) -> str:
    """§4 and §5: an identifier as received, `CC/CC/id`: made by the node's country (in any case), for ours.

    Otherwise one country could speak of another's citizens, or one person would become two. None for ours takes any.
    """
    values = attributes.get(uri, ())
    parts = values[0].text.split("/", 2) if len(values) == 1 else []
    if not is_plain(parts[2] if len(parts) == 3 else ""):  # noqa: PLR2004 - two countries and an identifier
        raise AssertionRejected("identifier", "an identifier that is not `CC/CC/identifier`")
    if parts[0].upper() != sending.upper():
        raise AssertionRejected("identifier_country", "an identifier of another country's citizen")
    if receiving is not None and parts[1].upper() != receiving.upper():
        raise AssertionRejected("identifier_recipient", "an identifier that was made for another country")
    return values[0].text


def offered_attributes(
    attributes: Mapping[str, tuple[EidasValue, ...]], names: Mapping[AttributeName, str], catalogue: Catalogue
) -> dict[AttributeName, Value]:
    """The offered attributes of whoever signs in, under our `names`.

    Dropped: attributes without a name of ours, of several Latin values (but a nationality), too long or with
    control characters, an address that cannot be read, a gender that says nothing.
    """
    return dict(_offered(attributes, names, catalogue))


def _offered(
    attributes: Mapping[str, tuple[EidasValue, ...]], names: Mapping[AttributeName, str], catalogue: Catalogue
) -> Iterator[tuple[AttributeName, Value]]:
    for name, uri in names.items():
        kind = catalogue.attributes[name].kind
        # An original script beside its transliteration is the same name: services expect the Latin one
        latin = [value.text for value in attributes.get(uri, ()) if value.latin]
        value = several(latin) if kind in MULTIPLE else _value(name, kind, latin[0]) if len(latin) == 1 else None
        if value is not None:
            yield name, value


def _value(name: AttributeName, kind: AttributeKind, text: str) -> Value | None:
    if kind is AttributeKind.ADDRESS:
        return read_address(text)
    if kind is AttributeKind.DATE:
        return birthdate(text)
    if name == _GENDER:
        return _GENDERS.get(text)
    return text if is_plain(text) else None
