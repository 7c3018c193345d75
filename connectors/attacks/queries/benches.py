"""Where queries are judged: a node's requests, a service provider's, and both messages of its single logout."""

from connectors.attacks.messages.benches import message_benches
from connectors.attacks.messages.making import MessageBench
from connectors.attacks.messages.parties import (
    NODE_SSO,
    SLO,
    SSO,
    Judge,
    Parties,
    arguments,
    authn_judge,
    by_redirect,
    logout_request_judge,
    logout_response_judge,
    node_judge,
)
from connectors.attacks.queries.making import QueryBench
from connectors.profiles import EIDAS, SAML2INT


def query_benches(parties: Parties) -> tuple[QueryBench, ...]:
    """Prepare all entrances once: eidas, then those of the service provider."""
    found, now = message_benches(parties), parties.now
    sp, node = parties.sp_metadata, parties.node_metadata()
    of_logout = arguments("redirect", "--metadata", SLO, SAML2INT, now)

    def bench(message: MessageBench, judge: Judge, asked: tuple[str, ...], metadata: bytes) -> QueryBench:
        entrance = by_redirect(f"query {message.where}", judge, asked, metadata)
        return QueryBench(message.where, entrance, message)

    of_node = arguments("redirect", "--metadata", NODE_SSO, EIDAS, now)
    of_sp = arguments("redirect", "--metadata", SSO, SAML2INT, now)
    answering = (*of_logout, "--request-id", parties.our_request)
    return (
        bench(found.node, node_judge(parties, node, known=True), of_node, node),
        bench(found.authn, authn_judge(parties), of_sp, sp),
        bench(found.logout_request, logout_request_judge(parties), of_logout, sp),
        bench(found.logout_response, logout_response_judge(parties), answering, sp),
    )
