"""Messages that are signed as a whole and go through a browser: questions and logout, by POST or by Redirect.

By POST the Signature stands in the XML (`connectors.signatures.xmldsig`), by Redirect beside it in the query
(`connectors.signatures.redirect`). A message that comes is `Signed`, or refused: there is no third way.
"""

import base64
from collections.abc import Callable, Sequence
from functools import wraps
from typing import ParamSpec, TypeVar

from lxml import etree

from connectors.connector import Inbound, Outbound, Post, Redirect
from connectors.formats.artifact import message_in
from connectors.profiles import Profile
from connectors.signatures.parse import Element, from_post
from connectors.signatures.pinned_keys import PinnedKey
from connectors.signatures.redirect import MAX_RELAY_STATE, signed_query, verify_query
from connectors.signatures.signer import Signer
from connectors.signatures.simple_sign import verify_form
from connectors.signatures.verification_result import Signed, UnsignedMessage
from connectors.signatures.xmldsig import Shape, verify
from connectors.signatures.xmlsign import sign_enveloped
from connectors.wire.names import POST
from policies.errors import AssertionRejected, BrokerError, SignatureInvalid

P = ParamSpec("P")
T = TypeVar("T")

# The children of a question, and of each message of logout, stand in this order: Issuer, Signature, ...
REQUEST_SIGNATURE_PLACE = 1


def signed_for_browser(
    message: Element,
    url: str,
    binding: str,
    relay_state: str,
    *,
    signer: Signer,
    profile: Profile,
    parameter: str = "SAMLRequest",
) -> Outbound:
    """Sign a message and address it to `url`, by the binding of this URI: POST, else Redirect."""
    if binding == POST:
        signed = sign_enveloped(message, signer, place=REQUEST_SIGNATURE_PLACE, profile=profile)
        return post_of(signed, url, relay_state, parameter)
    octets = etree.tostring(message, encoding="unicode").encode()
    query = signed_query(parameter, octets, relay_state, signer, profile)
    return Redirect(url=f"{url}{'&' if '?' in url else '?'}{query}")


def post_of(signed: bytes, url: str, relay_state: str, parameter: str = "SAMLResponse") -> Post:
    """A signed message as a form for the browser."""
    fields = ((parameter, base64.b64encode(signed).decode()), ("RelayState", relay_state))
    return Post(url=url, fields=fields if relay_state else fields[:1])


def signed_message(
    inbound: Inbound, parameter: str, keys: Sequence[PinnedKey], shape: Shape, profile: Profile, *, simple: bool = False
) -> tuple[Signed, str]:
    """The octets that a signature covered, and the RelayState beside them, "" where there is none.

    `parameter` is SAMLRequest or SAMLResponse, `shape` one without an inner element. RelayState is signed by Redirect, and
    by POST it is not: it means nothing to us. `simple` takes a form that is signed as a whole, too.
    Raises `SignatureInvalid` and `AssertionRejected` (`keys` where it has none).
    """
    if not keys:
        # Ours to mend, and a refusal like any other
        raise AssertionRejected("keys", "whoever sends has no key that is registered and in force")
    if inbound.binding == "redirect":
        return verify_query(inbound.raw, parameter, keys, profile)
    if inbound.binding == "soap":
        return signed_root(message_in(inbound.raw.encode()), keys, shape, profile), ""
    if inbound.binding != "post":
        raise AssertionRejected("binding", "a message by another binding than POST, Redirect or SOAP")
    relay_state = inbound.parameters.get("RelayState", "")
    if len(relay_state) > MAX_RELAY_STATE:
        raise AssertionRejected("parameters", f"a RelayState of {len(relay_state)} characters")
    if simple and "Signature" in inbound.parameters:
        return verify_form(inbound.parameters, parameter, keys, profile)
    if parameter not in inbound.parameters or not {parameter, "RelayState"}.issuperset(inbound.parameters):
        raise AssertionRejected("parameters", f"not exactly a {parameter} and a RelayState")
    signed = signed_root(from_post(inbound.parameters[parameter]), keys, shape, profile)
    return signed, relay_state


def signed_root(octets: bytes, keys: Sequence[PinnedKey], shape: Shape, profile: Profile) -> Signed:
    """The message of which the root is signed. Raises as `signed_message`."""
    message = verify(octets, keys, shape, profile)
    if isinstance(message, UnsignedMessage):
        raise SignatureInvalid("signature_missing", "a message that nobody signed as a whole")
    return message.signed


def foreseen(judge: Callable[P, T]) -> Callable[P, T]:
    """Make a surprise in a parser the refusal `unforeseen`, and never a 500 or the parser's words."""

    @wraps(judge)
    def judged(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return judge(*args, **kwargs)
        except BrokerError:
            raise
        except Exception as error:  # noqa: BLE001 - the edge of judging
            # Without the cause: a library's words may quote the message.
            raise AssertionRejected("unforeseen", type(error).__name__) from None

    return judged
