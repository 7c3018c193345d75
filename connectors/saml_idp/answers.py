"""Answers to services: Responses, signed as a whole, and the signed assertion in them, encrypted where the service can.

The profile is saml2int: one assertion, one AuthnStatement, at most one AttributeStatement of texts under names of URIs.
"""

from collections.abc import Iterable

from connectors.formats.saml_message import WireAttribute
from connectors.formats.saml_response import (
    RESPONSE_SIGNATURE_PLACE,
    AssertionFrame,
    ResponseHead,
    failure_element,
    frame_element,
    success_element,
)
from connectors.metadata.pinned_service import Recipe
from connectors.profiles import SAML2INT
from connectors.signatures.elements import child, made
from connectors.signatures.parse import Element
from connectors.signatures.signer import Signer
from connectors.signatures.xmlenc import encrypt
from connectors.signatures.xmlsign import sign_enveloped
from connectors.wire.names import SAML, saml


def released(
    head: ResponseHead, frame: AssertionFrame, attributes: Iterable[WireAttribute], signer: Signer, sealing: Recipe | None
) -> bytes:
    """A Response with its assertion. Both are signed: a service may look at either."""
    assertion = frame_element(frame, {})
    statement = made(saml("AttributeStatement"), {"saml": SAML})
    for one in attributes:
        attribute = child(statement, saml("Attribute"), Name=one.name, NameFormat=one.name_format)
        for value in one.values:
            child(attribute, saml("AttributeValue"), value)
    if len(statement):
        assertion.append(statement)
    sign_enveloped(assertion, signer, place=RESPONSE_SIGNATURE_PLACE, profile=SAML2INT)
    held = assertion
    if sealing is not None:
        held = encrypt(assertion, sealing.certificate, SAML2INT, content=sealing.content, transport=sealing.transport)
    return _signed(success_element(head, held), signer)


def refused(head: ResponseHead, status: str, sub_status: str, message: str, signer: Signer) -> bytes:
    """A Response that says that nothing goes."""
    return _signed(failure_element(head, status, sub_status, message), signer)


def _signed(root: Element, signer: Signer) -> bytes:
    return sign_enveloped(root, signer, place=RESPONSE_SIGNATURE_PLACE, profile=SAML2INT)
