"""The checks of another country's request over STORK (D5.8), each under its own name (`connectors.checks`)."""

from connectors.formats.eidas.registry import INVALID_ATTRIBUTE, REQUEST_DENIED, VERSION_MISMATCH
from connectors.formats.stork.registry import ATTRIBUTES, IS_AGE_OVER, QAA_NOT_SUPPORTED
from connectors.formats.stork.request import StorkRequest, read_request
from connectors.profiles import STORK
from connectors.request_checks import PeerRequestRefused, check_envelope
from connectors.signatures.verification_result import Signed
from connectors.wire.names import CONSENTS, POST
from connectors.wire.text import is_plain
from policies.errors import AssertionRejected
from policies.parties import StorkPeer

_SUB_STATUSES = {
    "qaa": QAA_NOT_SUPPORTED,
    "requested_value": INVALID_ATTRIBUTE,
    "requested_attributes": INVALID_ATTRIBUTE,
}


def receive_request(signed: Signed, *, here: str, country: str, peer: StorkPeer, now: int) -> StorkRequest:
    """Read and judge a request that the peer signed; attributes that STORK does not have are dropped.

    Raises `PeerRequestRefused`, and nothing else.
    """
    try:
        request = read_request(signed)
    except AssertionRejected as error:
        sub_status = _SUB_STATUSES.get(error.check, "")
        if error.check == "version":
            raise PeerRequestRefused(error.check, error.detail, saml_status=VERSION_MISMATCH) from None
        raise PeerRequestRefused(error.check, error.detail, saml_sub_status=sub_status) from None
    check_envelope(request, peer.entity_id, here, now, STORK, bindings=(POST,), urls=(peer.url,))
    if not request.force_authentication:
        raise PeerRequestRefused("force_authn", "a request without ForceAuthn")
    if request.is_passive:
        raise PeerRequestRefused("is_passive", "a request that is passive")
    if request.consent and request.consent not in CONSENTS:
        raise PeerRequestRefused("consent", "a Consent that SAML does not have")
    if not is_plain(request.provider_name):
        raise PeerRequestRefused("provider_name", "a ProviderName that is empty, too long or has control characters")
    _check_country(request, country, peer)
    _check_attributes(request)
    return request


def _check_country(request: StorkRequest, country: str, peer: StorkPeer) -> None:
    """A country that asks us as a middleware says for which service, and nobody asks us for another country's citizens."""
    if peer.middleware and request.vidp is None:
        raise PeerRequestRefused("sp_information", "a request to a middleware without SPInformation")
    if request.vidp is not None and request.vidp.citizen_country not in ("", country):
        detail = "a request for a citizen of another country"
        raise PeerRequestRefused("citizen_country", detail, saml_sub_status=REQUEST_DENIED)


def _check_attributes(request: StorkRequest) -> None:
    if len({one.name for one in request.attributes}) != len(request.attributes):
        detail = "an attribute that is asked for twice"
        raise PeerRequestRefused("requested_twice", detail, saml_sub_status=INVALID_ATTRIBUTE)
    for one in request.attributes:
        if one.name not in ATTRIBUTES and one.required:
            detail = "an attribute that is required and that STORK does not have"
            raise PeerRequestRefused("unknown_required", detail, saml_sub_status=INVALID_ATTRIBUTE)
        if one.name == IS_AGE_OVER and len(one.values) != 1:
            detail = "isAgeOver without one age"
            raise PeerRequestRefused("requested_value", detail, saml_sub_status=INVALID_ATTRIBUTE)
