"""Which kinds of person may answer a request from abroad, and of which a national answer is.

A request asks for a set of natural persons' attributes, of legal persons', or of both. Each may be answered by one who
stands for themself, or by a representative; the registrations of the node and of the identity provider say who may.
"""

from collections.abc import Collection
from datetime import date

from connectors.formats.eidas.registry import LEGAL_PERSON, NATURAL_PERSON
from idp.protocols.eidas.person import (
    LEGAL_IDENTIFIER_NAME,
    OTHERS_IDENTIFIER_NAME,
    PERSON_IDENTIFIER_NAME,
    names_answered,
    names_asked,
)
from idp.protocols.stork.person import NAME as STORK
from idp.protocols.stork.person import kinds_asked, of_mandate
from policies.attributes import AttributeName
from policies.authentication import Assertion, ServiceRequest
from policies.catalogue import MANDATE, Catalogue
from policies.errors import AssertionRejected
from policies.mandates import fault_of_power, read_mandates
from policies.parties import RequestingNode
from policies.persons import ABOUT_A_COMPANY, EVERYBODY, PersonKind

ABOUT_A_PERSON = EVERYBODY - ABOUT_A_COMPANY
# What a national answer has of a person who stands in front of us
_OF_A_PERSON = ("family_name", "given_name", "birthdate")


def sets_of(kinds: Collection[PersonKind]) -> frozenset[str]:
    """The sets, by their namespaces, in which a node asks for these kinds."""
    sets = ((NATURAL_PERSON, ABOUT_A_PERSON), (LEGAL_PERSON, ABOUT_A_COMPANY))
    return frozenset(namespace for namespace, members in sets if not members.isdisjoint(kinds))


def kinds_for(request: ServiceRequest, node: RequestingNode) -> frozenset[PersonKind]:
    """The kinds that the request asks for, and that the node may have."""
    asked = {one.name for one in request.asked}
    if request.origin.frontend == STORK:
        return kinds_asked(request.asked) & node.persons
    natural = ABOUT_A_PERSON if PERSON_IDENTIFIER_NAME in asked else frozenset()
    legal = ABOUT_A_COMPANY if LEGAL_IDENTIFIER_NAME in asked else frozenset()
    return (natural | legal) & node.persons


def wanted_of_others(request: ServiceRequest, kinds: Collection[PersonKind], catalogue: Catalogue) -> set[AttributeName]:
    """The attributes of whoever is represented that an answer of one of these kinds may have."""
    asked = {one.name for one in request.asked}
    if request.origin.frontend == STORK:
        return asked.union(*map(of_mandate, kinds))
    known = names_asked(catalogue)
    return {name for kind in kinds for uri, name in names_answered(kind, catalogue).items() if known.get(uri) in asked}


def check_mandates(request: ServiceRequest, assertion: Assertion, on: date) -> None:
    """Where the answer says by which mandates somebody acts, one holds today, and whoever asks is told of its bounds.

    A node that does not ask for the mandate would take one for a single procedure, or up to an amount, for all. Where the
    answer says nothing of mandates, the provider's `persons` are its word that it vouches for them. Raises
    `AssertionRejected`.
    """
    value = assertion.offered.attributes.get(MANDATE)
    if value is None:
        return
    told = any(one.name == MANDATE for one in request.asked)
    if fault := fault_of_power(read_mandates(value) or (), on, told=told):
        raise AssertionRejected(fault, "a mandate that does not hold, or has bounds of which the node would not be told")


def kinds_in(assertion: Assertion, taken: Collection[PersonKind]) -> list[PersonKind]:
    """Those of the kinds `taken` that a national answer can be about, in their order.

    A person is there wherever one of their data is: a company that comes without any signs in by itself.
    """
    offered = assertion.offered.attributes
    person = any(name in offered for name in _OF_A_PERSON)
    company, other = LEGAL_IDENTIFIER_NAME in offered, OTHERS_IDENTIFIER_NAME in offered
    there = {
        PersonKind.NATURAL: person,
        PersonKind.LEGAL: company and not person and not assertion.kind.acts,
        PersonKind.FOR_NATURAL: person and other,
        PersonKind.FOR_LEGAL: person and company,
    }
    return [kind for kind in PersonKind if kind in taken and there[kind]]
