"""The public body in whose name an identity provider is asked: that of the service, where the registrations say so."""

from collections.abc import Mapping
from dataclasses import replace

from connectors.connector import Ask
from connectors.saml_sp.proxying import judge_scoping
from idp.system.addresses import bodies_url, entity_id
from policies.bodies import Body
from policies.parties import IdentityProvider, RelyingParty


def body_entity_id(issuer: str, body: Body) -> str:
    """The entity id of a body among identity providers."""
    return body.entity_id or f"{bodies_url(issuer)}/{body.place}"


def judged_in_the_name(
    ask: Ask, provider: IdentityProvider, party: RelyingParty, bodies: Mapping[str, Body], issuer: str
) -> Ask:
    """The question in the name of the service's body, if the provider is asked so; else in our own.

    Raises `AssertionRejected` where the request may go on from here no more: it came from us, in whatever name.
    """
    ours = [entity_id(issuer)]
    if ask.scoping.requesters:
        ours += [body_entity_id(issuer, one) for one in bodies.values()]
    judge_scoping(ask.scoping, *ours)
    if not provider.saml.speaks_for or not party.body:
        return ask
    return replace(ask, speaks_as=body_entity_id(issuer, bodies[party.body]), attribute_service=party.attribute_service)
