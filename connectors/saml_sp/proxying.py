"""Proxies: what a request says to those that we ask, and what an answer says of those behind them (SAML Core 2.0 §3.4.1.5).

We are one ourselves, between a service and its identity provider. A request that may be handed on no more, and one that
has been here already, ends before anybody is asked.
"""

from connectors.connector import Ask, Expectation
from connectors.formats.grammar import MAX_TEXT
from policies.authentication import Scoping
from policies.errors import AssertionRejected
from policies.registrations.saml_registration import SamlRegistration

# A chain of more is a loop that leaves us out
MAX_REQUESTERS = 16
# A record names them
MAX_AUTHORITIES = 16


def judge_scoping(scoping: Scoping, *ours: str) -> None:
    """Judge whether a service's request may go on from here. `ours` are our entity ids. Raises `AssertionRejected`."""
    if scoping.proxy_count is not None and scoping.proxy_count < 1:
        raise AssertionRejected("proxy_count", "a request that may not be handed on, and we sign in nobody ourselves")
    if not set(scoping.requesters).isdisjoint(ours) or len(scoping.requesters) > MAX_REQUESTERS:
        raise AssertionRejected("requester_loop", "a request that came from us, or through a chain without end")


def scoped(ask: Ask, registered: SamlRegistration, provider: str) -> Scoping:
    """The Scoping of our own request to the `provider` of this entity id; the default where it has to have none.

    A proxy learns whom the service takes, and for whom we ask only if its registration says so. Raises `AssertionRejected`
    where whom the service takes and whom the registration takes have nobody in common.
    """
    asked, limits = ask.scoping, [registered.proxies] if registered.proxies is not None else []
    if asked.proxy_count is not None:
        limits.append(asked.proxy_count - 1)
    providers = registered.authorities
    if registered.proxies is not None and asked.providers and provider not in asked.providers:
        providers = tuple(one for one in asked.providers if not providers or one in providers)
        if not providers:
            raise AssertionRejected("scoping", "no identity provider that both the service and the registration take")
    requesters: tuple[str, ...] = ()
    if registered.tells_requester and ask.requester is not None and ask.requester.requester_id:
        requesters = (*asked.requesters, ask.requester.requester_id)
    return Scoping(providers, min(limits, default=None), requesters)


def check_authorities(
    authorities: tuple[str, ...], registered: SamlRegistration, expectation: Expectation, ours: str
) -> None:
    """Judge who signed the citizen in, as the answer names them (§2.7.2.2). Raises `AssertionRejected`."""
    if ours in authorities:
        raise AssertionRejected("authority_loop", "an answer that says that we signed the citizen in")
    most = MAX_AUTHORITIES if expectation.proxies is None else expectation.proxies
    if len(authorities) > most or not all(0 < len(one) <= MAX_TEXT for one in authorities):
        raise AssertionRejected("authority_count", "an answer of more proxies than were asked, or of one without a name")
    if registered.authorities and not (authorities and set(authorities) <= set(registered.authorities)):
        raise AssertionRejected("authority", "an answer of somebody whom the registration does not name, or of nobody")
    if expectation.authorities and set(expectation.authorities).isdisjoint(authorities):
        raise AssertionRejected("authority", "an answer of nobody whom our request named")
