"""Where queries are judged: a node's requests, a service provider's, and both messages of its single logout."""

from connectors.attacks.messages.benches import PSS_SHA256, Drafts
from connectors.attacks.messages.parties import (
    NODE_SSO,
    SLO,
    SSO,
    Parties,
    arguments,
    authn_judge,
    by_redirect,
    logout_request_judge,
    logout_response_judge,
    one_node_judge,
)
from connectors.attacks.queries.making import Bench
from connectors.profiles import EIDAS, SAML2INT
from connectors.signatures.algorithms import RSA_SHA256


def benches(parties: Parties) -> tuple[Bench, ...]:
    """All entrances, prepared once: eidas, then those of the service provider."""
    drafts, now = Drafts(parties), parties.now
    of_node = arguments("redirect", "--metadata", NODE_SSO, EIDAS, now)
    of_sp = arguments("redirect", "--metadata", SSO, SAML2INT, now)
    of_logout = arguments("redirect", "--metadata", SLO, SAML2INT, now)
    answering = (*of_logout, "--request-id", parties.our_request)
    sp, node = parties.sp_metadata, parties.node_metadata()
    node_bench = Bench(
        where="authn-request eidas",
        entrance=by_redirect("query authn-request eidas", one_node_judge(parties, node), of_node, node),
        parameter="SAMLRequest",
        holder=parties.node,
        algorithm=PSS_SHA256,
        draft=drafts.node_request,
        other=drafts.logout_request,
        strange=parties.stranger,
        following=parties.node_next,
        now=now,
    )
    of_sender = (
        ("authn-request saml2int", authn_judge(parties), of_sp, "SAMLRequest", drafts.authn_request),
        ("logout-request", logout_request_judge(parties), of_logout, "SAMLRequest", drafts.logout_request),
        (
            "logout-response",
            logout_response_judge(parties, parties.our_request),
            answering,
            "SAMLResponse",
            drafts.logout_response,
        ),
    )
    return (
        node_bench,
        *(
            Bench(
                where=where,
                entrance=by_redirect(f"query {where}", judge, options, sp),
                parameter=parameter,
                holder=parties.sp,
                algorithm=RSA_SHA256,
                draft=draft,
                other=drafts.logout_request if draft != drafts.logout_request else drafts.authn_request,
                strange=parties.stranger,
                following=parties.sp_next,
                now=now,
            )
            for where, judge, options, parameter, draft in of_sender
        ),
    )
