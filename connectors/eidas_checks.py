"""The rules for an answer of another country's node beyond SAML's own (eIDAS Message Format), and its offered values."""

from collections.abc import Iterator, Mapping

from connectors.formats.eidas.address import read_address
from connectors.formats.eidas.registry import (
    CURRENT_ADDRESS,
    DATE_OF_BIRTH,
    LEVEL_NOT_REACHED,
    NATURAL,
    NATURAL_PERSON,
    NOTIFIED_LEVELS,
    PERSON_IDENTIFIER,
    REPRESENTATIVES,
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
from policies.catalogue import Catalogue
from policies.errors import AssertionRejected, AssuranceTooLow
from policies.forms import MULTIPLE

# SAML Core 2.0 §3.2.2.2. The profile's list of second-level codes does not have it; nodes behind others send it.
NO_AUTHN_CONTEXT = "urn:oasis:names:tc:SAML:2.0:status:NoAuthnContext"

# The registry's words for OpenID Connect's (Core 1.0 §5.1). Unspecified says nothing, so it is not offered.
_GENDERS = {"Male": "male", "Female": "female"}
_GENDER = f"{NATURAL_PERSON}/Gender"


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


def check_kind(sets: frozenset[str]) -> None:
    """§4: a natural person, for themself. Beside a representative the plain attributes are of whom they act for."""
    if sets & set(REPRESENTATIVES):
        raise AssertionRejected("representation", "somebody who acts for another")
    if NATURAL_PERSON not in sets:
        raise AssertionRejected("minimum_data_set", "an assertion without a natural person")


def person_identifier(attributes: Mapping[str, tuple[EidasValue, ...]], *, sending: str, receiving: str | None) -> str:
    """§4 and §5: PersonIdentifier as received, `CC/CC/id`: made by the node's country (in any case), for ours.

    Otherwise one country could speak of another's citizens, or one person would become two. None for ours takes any.
    """
    values = attributes.get(PERSON_IDENTIFIER, ())
    parts = values[0].text.split("/", 2) if len(values) == 1 else []
    if not is_plain(parts[2] if len(parts) == 3 else ""):  # noqa: PLR2004 - two countries and an identifier
        raise AssertionRejected("identifier", "a PersonIdentifier that is not `CC/CC/identifier`")
    if parts[0].upper() != sending.upper():
        raise AssertionRejected("identifier_country", "an identifier of another country's citizen")
    if receiving is not None and parts[1].upper() != receiving.upper():
        raise AssertionRejected("identifier_recipient", "an identifier that was made for another country")
    return values[0].text


def offered_attributes(
    attributes: Mapping[str, tuple[EidasValue, ...]], catalogue: Catalogue
) -> dict[AttributeName, Value]:
    """The offered attributes of a person, under the catalogue's names.

    Dropped: attributes without a name in the catalogue, of several Latin values (but a nationality), too long or with
    control characters, an address that cannot be read, a gender that says nothing.
    """
    return dict(_offered(attributes, catalogue))


def _offered(
    attributes: Mapping[str, tuple[EidasValue, ...]], catalogue: Catalogue
) -> Iterator[tuple[AttributeName, Value]]:
    for name, row in catalogue.attributes.items():
        # An original script beside its transliteration is the same name: services expect the Latin one
        latin = [value.text for value in attributes.get(row.eidas, ()) if value.latin] if row.eidas in NATURAL else []
        value = several(latin) if row.kind in MULTIPLE else _value(row.eidas, latin[0]) if len(latin) == 1 else None
        if value is not None:
            yield name, value


def _value(uri: str, text: str) -> Value | None:
    if uri == CURRENT_ADDRESS:
        return read_address(text)
    if uri == DATE_OF_BIRTH:
        return birthdate(text)
    if uri == _GENDER:
        return _GENDERS.get(text)
    return text if is_plain(text) else None
