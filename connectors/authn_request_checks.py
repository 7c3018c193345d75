"""The checks of a service provider's AuthnRequest, as an identity provider receives it (saml2int, SAML Profiles §4.1.4.1).

Their names are in `connectors.checks.AUTHN_REQUEST_CHECKS`. An answer to this request carries a citizen's identity, so it
goes nowhere but where the pinned metadata of its sender says: an address that the request brings is compared, never used.
Times are seconds since the epoch; nothing here reads a clock.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from connectors.connector import Inbound
from connectors.formats.authn_request import AuthnRequestMessage, read_authn_request
from connectors.formats.service_provider import ServiceProviderFacts
from connectors.profiles import Profile
from connectors.request_checks import MAX_CONTEXTS
from connectors.response_checks import check_issued
from connectors.signatures.pinned_keys import PinnedKey
from connectors.signatures.shapes import REQUEST
from connectors.signed_messages import foreseen, signed_message
from connectors.wire.names import ARTIFACT, CONSENTS, EMAIL, PAOS, PERSISTENT, POST, TRANSIENT, UNSPECIFIED
from connectors.wire.text import is_plain
from policies.errors import AssertionRejected

# The NameID formats that we could give to some service; "" is a request that does not care
NAME_ID_FORMATS = frozenset(("", PERSISTENT, TRANSIENT, EMAIL, UNSPECIFIED))


@foreseen
def receive_authn_request(
    inbound: Inbound, keys: Sequence[PinnedKey], party: ServiceProviderFacts, here: str, now: int, profile: Profile
) -> tuple[AuthnRequestMessage, str]:
    """Verify, read and judge a request by either binding; the RelayState to hand back with the answer.

    `keys` are those of `party` alone, `here` is the address that received it. Raises `AssertionRejected`.
    """
    signed, relay_state = signed_message(inbound, "SAMLRequest", keys, REQUEST, profile)
    return judge_authn_request(read_authn_request(signed), party, here, now, profile), relay_state


def judge_authn_request(
    request: AuthnRequestMessage,
    party: ServiceProviderFacts,
    here: str,
    now: int,
    profile: Profile,
    *,
    formats: Collection[str] = NAME_ID_FORMATS,
) -> AuthnRequestMessage:
    """Judge a request whose signature held, as the server does in two steps: `addressed_request`, `check_wishes`.

    Raises `AssertionRejected`.
    """
    found = addressed_request(request, party, here, now, profile)
    check_wishes(found, party, formats)
    return found


def addressed_request(
    request: AuthnRequestMessage,
    party: ServiceProviderFacts,
    here: str,
    now: int,
    profile: Profile,
    *,
    of_program: bool = False,
) -> AuthnRequestMessage:
    """Judge from whom, to whom and when. What fails here is answered nowhere. A program's request is answered by PAOS.

    In what comes back `acs_url` is where the answer goes, from the metadata, and `protocol_binding` how. Raises
    `AssertionRejected`.
    """
    if not party.entity_id or request.issuer != party.entity_id:
        raise AssertionRejected("issuer", "a request of another issuer than whose key signed it")
    # A service cannot know to whom a program will take its request (ECP 2.0 §2.3.2)
    if not here or request.destination not in ((here, "") if of_program else (here,)):
        raise AssertionRejected("destination", "a request to another address, or to none")
    check_issued(request.issue_instant, now, "request_issued", profile)
    acs_url, binding = _acs_url(request, party, of_program=of_program)
    return replace(request, acs_url=acs_url, protocol_binding=binding)


def check_wishes(request: AuthnRequestMessage, party: ServiceProviderFacts, formats: Collection[str]) -> None:
    """Judge what is asked for: what fails here is told to the service. `formats` are those of NameIDs that it can have.

    Raises `AssertionRejected`.
    """
    if request.beyond:
        raise AssertionRejected(request.beyond[0], f"{', '.join(request.beyond)}, which nobody here gives")
    _check_subject(request, party, formats)
    _check_contexts(request)
    if request.attribute_index is not None and request.attribute_index not in party.wanted:
        raise AssertionRejected("attribute_index", "an AttributeConsumingServiceIndex that the metadata does not have")
    if request.consent and request.consent not in CONSENTS:
        raise AssertionRejected("consent", "a Consent that SAML does not have")
    if request.provider_name and not is_plain(request.provider_name):
        raise AssertionRejected("provider_name", "a ProviderName that is too long or has control characters")


def _acs_url(request: AuthnRequestMessage, party: ServiceProviderFacts, *, of_program: bool) -> tuple[str, str]:
    """Where the answer goes (SAML Core 2.0 §3.4.1), and by which binding: by URL, by index, or the default.

    It is always the metadata's own text.
    """
    by_binding = {PAOS: party.paos_urls} if of_program else {POST: party.acs_urls, ARTIFACT: party.artifact_urls}
    asked = {binding: urls for binding, urls in by_binding.items() if urls and request.protocol_binding in ("", binding)}
    if not asked:
        raise AssertionRejected("protocol_binding", "a ProtocolBinding that the metadata does not have, or we do not")
    if request.acs_index is not None:
        if request.acs_url or request.protocol_binding:
            raise AssertionRejected("acs_index", "an index beside an address or a binding, which says two things")
        for binding, urls in asked.items():
            if request.acs_index in urls:
                return urls[request.acs_index], binding
        raise AssertionRejected("acs_index", "an AssertionConsumerServiceIndex that the metadata does not have")
    if not request.acs_url:
        return _default_of(party, asked)
    # An address of the request's own would be a way out of our house for a citizen's attributes
    for binding, urls in asked.items():
        for url in urls.values():
            if url == request.acs_url:
                return url, binding
    raise AssertionRejected("acs_url", "an AssertionConsumerServiceURL that the metadata does not have")


def _default_of(party: ServiceProviderFacts, asked: Mapping[str, Mapping[int, str]]) -> tuple[str, str]:
    if ARTIFACT in asked and party.default_artifact:
        return party.default_artifact, ARTIFACT
    binding, urls = next(iter(asked.items()))
    return (urls[party.default_index] if binding == POST else next(iter(urls.values()))), binding


def _check_subject(request: AuthnRequestMessage, party: ServiceProviderFacts, formats: Collection[str]) -> None:
    """How the citizen is to be named."""
    wanted = request.name_id_format
    unlisted = wanted not in ("", UNSPECIFIED) and party.name_id_formats and wanted not in party.name_id_formats
    if wanted not in formats or unlisted:
        raise AssertionRejected("name_id_policy", "a NameID format that cannot be had")
    # With another's name it would ask for the identifier under which a citizen is known there
    if request.sp_name_qualifier not in ("", party.entity_id):
        raise AssertionRejected("name_id_policy", "an SPNameQualifier of somebody else")


def _check_contexts(request: AuthnRequestMessage) -> None:
    """How surely the citizen is to be authenticated (saml2int SDP-SP07)."""
    if request.comparison not in ("", "exact", "minimum", "better", "maximum"):
        raise AssertionRejected("authn_context_comparison", "a RequestedAuthnContext of a comparison that there is not")
    contexts = request.contexts
    if request.comparison and (not 0 < len(contexts) <= MAX_CONTEXTS or len(set(contexts)) != len(contexts)):
        raise AssertionRejected("authn_context_refs", f"no context, more than {MAX_CONTEXTS}, or one that stands twice")
    if not all(contexts):
        raise AssertionRejected("authn_context_refs", "a context that is empty")
