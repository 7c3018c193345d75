"""The status pairs of refusals (SAML Core 2.0 §3.2.2.2), and the refusals of requests that carry them."""

from collections.abc import Mapping

from connectors.formats.eidas.registry import INVALID_ATTRIBUTE, INVALID_NAME_ID_POLICY, REQUESTER, RESPONDER
from connectors.request_checks import PeerRequestRefused
from policies.errors import AssertionRejected, RequestRefused

_STATUS = "urn:oasis:names:tc:SAML:2.0:status:"
NO_AUTHN_CONTEXT = f"{_STATUS}NoAuthnContext"
NO_PASSIVE = f"{_STATUS}NoPassive"
NO_SUPPORTED_IDP = f"{_STATUS}NoSupportedIDP"
PROXY_COUNT_EXCEEDED = f"{_STATUS}ProxyCountExceeded"
REQUEST_UNSUPPORTED = f"{_STATUS}RequestUnsupported"
UNKNOWN_PRINCIPAL = f"{_STATUS}UnknownPrincipal"

# What a check of `connectors.authn_request_checks` that failed is told as; of the others that the request is at fault
_PAIRS: Mapping[str, tuple[str, str]] = {
    "attribute_index": (REQUESTER, INVALID_ATTRIBUTE),
    "authn_context_unmet": (RESPONDER, NO_AUTHN_CONTEXT),
    "authn_context_declaration": (RESPONDER, NO_AUTHN_CONTEXT),
    "name_id_policy": (REQUESTER, INVALID_NAME_ID_POLICY),
    "is_passive": (RESPONDER, NO_PASSIVE),
    "subject": (RESPONDER, UNKNOWN_PRINCIPAL),
    "conditions": (REQUESTER, REQUEST_UNSUPPORTED),
    "proxy_count": (RESPONDER, PROXY_COUNT_EXCEEDED),
    "requester_loop": (RESPONDER, PROXY_COUNT_EXCEEDED),
    "idp_list_unknown": (RESPONDER, NO_SUPPORTED_IDP),
}


class ServiceRequestRefused(PeerRequestRefused):
    """The service's move: `check` names the failed check, both statuses are the codes to answer with."""

    code = RequestRefused.code
    public = RequestRefused.public


def refused(error: AssertionRejected | PeerRequestRefused) -> ServiceRequestRefused:
    """The same refusal, as a service is told."""
    status, sub_status = _PAIRS.get(error.check, (REQUESTER, ""))
    return ServiceRequestRefused(error.check, error.detail, saml_status=status, saml_sub_status=sub_status)
