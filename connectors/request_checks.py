"""The checks of another node's request (eIDAS SAML Message Format §3.1 and §3.2), each under its own name.

Their names are in `connectors.checks.REQUEST_CHECKS`. Times are seconds since the epoch; nothing here reads a clock.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from connectors.formats.eidas.registry import (
    INVALID_ATTRIBUTE,
    INVALID_NAME_ID_POLICY,
    NAME_ID_FORMATS,
    NATURAL_PERSON,
    NOTIFIED_LEVELS,
    PLAIN,
    REQUEST_DENIED,
    REQUESTER,
    SP_TYPES,
    VERSION_MISMATCH,
    Registry,
    incomplete,
    is_level,
    notified,
    notified_from,
    representative_kind,
    set_of,
)
from connectors.formats.eidas.request import EidasRequest, RequestedAttribute, read_request
from connectors.formats.stork.request import StorkRequest
from connectors.profiles import Profile
from connectors.signatures.verification_result import Signed
from connectors.wire.names import CONSENTS, POST, REDIRECT, SOAP, UNSPECIFIED
from connectors.wire.text import is_plain
from policies.errors import AssertionRejected, RequestRefused

# SAML Core 2.0 §8.3.6, and eIDAS Message Format: an anyURI of at most 1024 characters
MAX_REQUESTER_ID = 1024

_BINDINGS = frozenset(("", POST, REDIRECT, SOAP))


# Three notified levels, and as many of other scales as anybody has: they travel through the browser and back
MAX_CONTEXTS = 16


class PeerRequestRefused(RequestRefused):
    """The requesting node's move: `check` names the failed check, both statuses are the codes to answer with."""

    code = "node_request_refused"
    public = "The node of the country that asks made a request that we cannot accept. Its operator can mend this."

    def __init__(self, check: str, detail: str, *, saml_status: str = REQUESTER, saml_sub_status: str = "") -> None:
        super().__init__(detail)
        self.check = check
        self.saml_status = saml_status
        self.saml_sub_status = saml_sub_status


@dataclass(frozen=True, slots=True)
class Asking:
    """The facts in the asking node's metadata: `sp_type` is "" where it has none, `name_id_formats` may be empty.

    `sets` are the namespaces of the kinds of person that its registration lets it ask for.
    """

    entity_id: str
    acs_url: str
    sp_type: str
    name_id_formats: frozenset[str]
    sets: frozenset[str] = frozenset((NATURAL_PERSON,))


def receive_request(
    signed: Signed, *, here: str, peer: Asking, now: int, profile: Profile, registry: Registry = PLAIN
) -> EidasRequest:
    """Read and judge a request that the peer signed. Raises `PeerRequestRefused`, and nothing else."""
    try:
        request = read_request(signed)
    except AssertionRejected as error:
        status = VERSION_MISMATCH if error.check == "version" else REQUESTER
        raise PeerRequestRefused(error.check, error.detail, saml_status=status) from None
    return check_request(request, here=here, peer=peer, now=now, profile=profile, registry=registry)


def check_request(
    request: EidasRequest, *, here: str, peer: Asking, now: int, profile: Profile, registry: Registry = PLAIN
) -> EidasRequest:
    """Judge a request that `peer` sent to `here`, our address; the result has what may be answered."""
    check_envelope(request, peer.entity_id, here, now, profile, bindings=_BINDINGS, urls=("", peer.acs_url))
    _check_manner(request, peer)
    check_contexts(request.comparison, request.contexts)
    # Either there or here, so that it cannot say two things
    if bool(request.sp_type) == bool(peer.sp_type) or (request.sp_type or peer.sp_type) not in SP_TYPES:
        raise PeerRequestRefused("sp_type", "not exactly one SPType, in the request or in the metadata")
    if request.requester_id and (len(request.requester_id) > MAX_REQUESTER_ID or len(request.requester_id.split()) != 1):
        raise PeerRequestRefused("requester_id", "a RequesterID that is too long, or no URI")
    attributes = _judged_attributes(request.attributes, peer.sets, registry)
    return replace(request, sp_type=request.sp_type or peer.sp_type, attributes=attributes)


def check_envelope(
    request: EidasRequest | StorkRequest,
    sender: str,
    here: str,
    now: int,
    profile: Profile,
    *,
    bindings: Collection[str],
    urls: Collection[str],
) -> None:
    """From whom, to whom, when, and where the answer goes: by one of `bindings`, to one of `urls`."""

    def refuse(check: str, detail: str) -> PeerRequestRefused:
        return PeerRequestRefused(check, detail, saml_sub_status=REQUEST_DENIED)

    if request.issuer != sender:
        raise refuse("issuer", "a request of another issuer than whose key signed it")
    if request.destination != here:
        raise refuse("destination", "a request to another address, or to none")
    if not now - profile.max_age - profile.skew <= request.issue_instant <= now + profile.skew:
        raise refuse("request_issued", "a request that was not issued now")
    if request.protocol_binding not in bindings:
        raise refuse("protocol_binding", "a ProtocolBinding that the profile does not have")
    # An address of the request's own would be a way out of our house for a citizen's attributes
    if request.acs_url not in urls:
        raise refuse("acs_url", "an AssertionConsumerServiceURL that is not the one we know")


def _check_manner(request: EidasRequest, peer: Asking) -> None:
    """How the citizen is to be authenticated and named."""
    if not request.force_authentication:
        raise PeerRequestRefused("force_authn", "a request without ForceAuthn")
    if request.is_passive is not False:
        raise PeerRequestRefused("is_passive", "a request that is passive, or does not say that it is not")
    if request.consent and request.consent not in CONSENTS:
        raise PeerRequestRefused("consent", "a Consent that SAML does not have")
    if request.provider_name and not is_plain(request.provider_name):
        raise PeerRequestRefused("provider_name", "a ProviderName that is too long or has control characters")
    wanted = request.name_id_format
    unlisted = wanted != UNSPECIFIED and peer.name_id_formats and wanted not in peer.name_id_formats
    if wanted and (wanted not in NAME_ID_FORMATS or unlisted):
        raise PeerRequestRefused(
            "name_id_policy", "a NameID format that cannot be had", saml_sub_status=INVALID_NAME_ID_POLICY
        )
    if request.allow_create is False:
        raise PeerRequestRefused(
            "name_id_policy", "a NameIDPolicy that forbids a new identifier", saml_sub_status=INVALID_NAME_ID_POLICY
        )


def check_contexts(comparison: str, contexts: Sequence[str]) -> None:
    """The rules of RequestedAuthnContext (eIDAS SAML Message Format §3.2.2). Raises `PeerRequestRefused`."""
    if comparison not in ("minimum", "exact"):
        raise PeerRequestRefused("authn_context_comparison", "a RequestedAuthnContext that is no minimum and not exact")
    if not 0 < len(contexts) <= MAX_CONTEXTS or len(set(contexts)) != len(contexts):
        detail = f"no level of assurance, more than {MAX_CONTEXTS}, or one that stands twice"
        raise PeerRequestRefused("authn_context_refs", detail)
    if not all(is_level(uri) for uri in contexts):
        raise PeerRequestRefused("authn_context_level", "a level that is none, spelled like a notified one")
    known = [uri for uri in contexts if notified(uri)]
    if comparison == "minimum":
        if len(contexts) != 1 or not known:
            raise PeerRequestRefused("authn_context_minimum", "a minimum other than one notified level")
        return
    if len(known) == len(contexts):
        raise PeerRequestRefused("authn_context_exact", "notified levels alone, and exactly")
    if known and set(known) != set(notified_from(min(NOTIFIED_LEVELS[uri] for uri in known))):
        raise PeerRequestRefused("authn_context_exact", "a notified level without those above it")


def _judged_attributes(
    asked: Sequence[RequestedAttribute], taken: frozenset[str], registry: Registry
) -> tuple[RequestedAttribute, ...]:
    """The attributes, of the sets that are `taken` and additional ones, of a request that asks in the right way."""

    def refuse(check: str, detail: str) -> PeerRequestRefused:
        return PeerRequestRefused(check, detail, saml_sub_status=INVALID_ATTRIBUTE)

    names = {attribute.name for attribute in asked}
    if len(names) != len(asked):
        raise refuse("requested_twice", "an attribute that is asked for twice")
    for attribute in asked:
        if representative_kind(attribute.name):
            raise refuse("representative_requested", "a representative's attributes, which nobody may ask for")
        known = registry.get(attribute.name)
        if known is None and attribute.required:
            raise refuse("unknown_required", "an attribute that is required and that nobody here knows")
        # Of additional attributes, each request says whether it requires them
        if known is not None and not known.additional and attribute.required != known.mandatory:
            raise refuse("is_required", "an isRequired other than the registry's")
    sets = set(map(set_of, names)) - {""}
    if not sets or incomplete(sets, names):
        raise refuse("minimum_data_set", "a request without a minimum data set, or without all of one")
    if sets.isdisjoint(taken):
        raise refuse("persons", "a request for a kind of person that the node is not registered for")
    kept = {uri for uri, known in registry.items() if known.additional or known.namespace in taken}
    return tuple(attribute for attribute in asked if attribute.name in kept)
