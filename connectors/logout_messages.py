"""Our own words of single logout, signed (SAML Core 2.0 §3.7): by Redirect beside the message, by POST and SOAP in it."""

import secrets
from dataclasses import dataclass

from connectors.connector import Outbound
from connectors.formats.artifact import in_envelope
from connectors.formats.logout import (
    LogoutRequest,
    LogoutResponse,
    logout_request_element,
    logout_response_element,
)
from connectors.formats.saml_message import NameIdentifier
from connectors.profiles import SAML2INT
from connectors.signatures.parse import Element
from connectors.signatures.signer import Signer
from connectors.signatures.xmlsign import sign_enveloped
from connectors.signed_messages import REQUEST_SIGNATURE_PLACE, signed_for_browser
from connectors.wire.names import SUCCESS

_ID_BYTES = 20
# A request is used when it is made
REQUEST_SECONDS = 120


@dataclass(frozen=True, slots=True)
class LogoutStatus:
    """What became of a logout: the pair of status codes to answer with."""

    status: str = SUCCESS
    sub_status: str = ""


def logout_request(issuer: str, destination: str, name: NameIdentifier, session: str, now: int) -> LogoutRequest:
    """Our LogoutRequest for one session, with a new ID."""
    request_id = "_" + secrets.token_hex(_ID_BYTES)
    return LogoutRequest(request_id, now, issuer, destination, now + REQUEST_SECONDS, name, (session,) if session else ())


def request_over_soap(request: LogoutRequest, signer: Signer) -> bytes:
    """An envelope with a request of ours."""
    return _enveloped(logout_request_element(request), signer)


def request_by_browser(request: LogoutRequest, binding: str, signer: Signer) -> Outbound:
    """The form that brings a request of ours to its Destination, or the address that leads there."""
    element = logout_request_element(request)
    return signed_for_browser(element, request.destination, binding, "", signer=signer, profile=SAML2INT)


def response_over_soap(issuer: str, in_response_to: str, said: LogoutStatus, signer: Signer, now: int) -> bytes:
    """An envelope with our LogoutResponse, to whoever asked on this very connection."""
    return _enveloped(_response(issuer, "", in_response_to, said, now), signer)


def response_by_browser(
    issuer: str,
    url: str,
    binding: str,
    in_response_to: str,
    said: LogoutStatus,
    relay_state: str,
    signer: Signer,
    now: int,
) -> Outbound:
    """The form that brings our LogoutResponse to `url`, or the address that leads there."""
    element = _response(issuer, url, in_response_to, said, now)
    return signed_for_browser(element, url, binding, relay_state, signer=signer, profile=SAML2INT, parameter="SAMLResponse")


def _response(issuer: str, url: str, in_response_to: str, said: LogoutStatus, now: int) -> Element:
    response_id = "_" + secrets.token_hex(_ID_BYTES)
    return logout_response_element(
        LogoutResponse(response_id, now, issuer, url, in_response_to, said.status, said.sub_status)
    )


def _enveloped(element: Element, signer: Signer) -> bytes:
    return in_envelope(sign_enveloped(element, signer, place=REQUEST_SIGNATURE_PLACE, profile=SAML2INT))
