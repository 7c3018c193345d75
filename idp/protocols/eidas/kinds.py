"""Which kinds of person may answer a request from abroad, and of which a national answer is.

A request asks for a set of natural persons' attributes, of legal persons', or of both. Each may be answered by one who
stands for themself, or by a representative; the registrations of the node and of the identity provider say who may.
"""

from collections.abc import Collection
from datetime import date

from connectors.formats.eidas.registry import LEGAL_PERSON, NATURAL_PERSON
from idp.protocols.eidas.person import LEGAL_IDENTIFIER_NAME, OTHERS_IDENTIFIER_NAME, PERSON_IDENTIFIER_NAME
from idp.protocols.stork.person import NAME as STORK
from idp.protocols.stork.person import kinds_asked
from policies.authentication import Assertion, ServiceRequest
from policies.catalogue import MANDATE
from policies.errors import AssertionRejected
from policies.mandates import fault_of_power, read_mandates
from policies.parties import IdentityProvider, RequestingNode
from policies.persons import ABOUT_A_COMPANY, EVERYBODY, PersonKind

ABOUT_A_PERSON = EVERYBODY - ABOUT_A_COMPANY
# What a national answer has of a person who stands in front of us
_OF_A_PERSON = ("family_name", "given_name", "birthdate")


def sets_of(kinds: Collection[PersonKind]) -> frozenset[str]:
    """The sets, by their namespaces, in which a node asks for these kinds."""
    sets = ((NATURAL_PERSON, ABOUT_A_PERSON), (LEGAL_PERSON, ABOUT_A_COMPANY))
    return frozenset(namespace for namespace, members in sets if not members.isdisjoint(kinds))


def kinds_for(request: ServiceRequest, node: RequestingNode, provider: IdentityProvider) -> frozenset[PersonKind]:
    """The kinds that the request asks for, that the node may have, and that the provider may vouch for."""
    asked = {one.name for one in request.asked}
    if request.origin.frontend == STORK:
        return kinds_asked(request.asked) & node.persons & provider.persons
    natural = ABOUT_A_PERSON if PERSON_IDENTIFIER_NAME in asked else frozenset()
    legal = ABOUT_A_COMPANY if LEGAL_IDENTIFIER_NAME in asked else frozenset()
    return (natural | legal) & node.persons & provider.persons


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
    """Those of the kinds `taken` that a national answer can be about, in their order. Raises `AssertionRejected` for none.

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
    found = [kind for kind in PersonKind if kind in taken and there[kind]]
    if not found:
        detail = f"{assertion.provider_id} vouched for none of {', '.join(sorted(taken))}: its `persons`, or what it maps"
        raise AssertionRejected("persons_answered", detail)
    return found
