"""Our own words of single logout, signed (SAML Core 2.0 §3.7): by Redirect beside the message, by POST and SOAP in it."""

import base64
import secrets
from dataclasses import dataclass

from lxml import etree

from connectors.connector import Outbound, Post
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
from connectors.signatures.redirect import signed_query
from connectors.signatures.signer import Signer
from connectors.signatures.xmlsign import sign_enveloped
from connectors.signed_messages import signed_request
from connectors.wire.names import SUCCESS

# Issuer, Signature, ...
_PLACE = 1
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
    return signed_request(
        logout_request_element(request), request.destination, binding, "", signer=signer, profile=SAML2INT
    )


def response_over_soap(issuer: str, in_response_to: str, said: LogoutStatus, signer: Signer, now: int) -> bytes:
    """An envelope with our LogoutResponse, to whoever asked on this very connection."""
    return _enveloped(_response(issuer, "", in_response_to, said, now), signer)


def response_by_redirect(
    issuer: str, url: str, in_response_to: str, said: LogoutStatus, relay_state: str, signer: Signer, now: int
) -> str:
    """The address that leads the browser to `url` with our LogoutResponse."""
    octets = etree.tostring(_response(issuer, url, in_response_to, said, now), encoding="unicode").encode()
    query = signed_query("SAMLResponse", octets, relay_state, signer, SAML2INT)
    return f"{url}{'&' if '?' in url else '?'}{query}"


def response_by_post(
    issuer: str, url: str, in_response_to: str, said: LogoutStatus, relay_state: str, signer: Signer, now: int
) -> Post:
    """The form that brings our LogoutResponse to `url`."""
    octets = sign_enveloped(_response(issuer, url, in_response_to, said, now), signer, place=_PLACE, profile=SAML2INT)
    fields = (("SAMLResponse", base64.b64encode(octets).decode()), *((("RelayState", relay_state),) if relay_state else ()))
    return Post(url, fields)


def _response(issuer: str, url: str, in_response_to: str, said: LogoutStatus, now: int) -> Element:
    response_id = "_" + secrets.token_hex(_ID_BYTES)
    return logout_response_element(
        LogoutResponse(response_id, now, issuer, url, in_response_to, said.status, said.sub_status)
    )


def _enveloped(element: Element, signer: Signer) -> bytes:
    return in_envelope(sign_enveloped(element, signer, place=_PLACE, profile=SAML2INT))
