"""A message that is signed as a whole, as it comes through a browser: requests and logout, by POST or by Redirect.

By POST the Signature stands in the XML (`connectors.signatures.xmldsig`), by Redirect beside it in the query
(`connectors.signatures.redirect`). Either way what comes out is `Signed`, or a refusal: there is no third way.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from connectors.connector import Inbound
from connectors.profiles import Profile
from connectors.signatures.parse import from_post
from connectors.signatures.pinned_keys import PinnedKey
from connectors.signatures.redirect import verify_query
from connectors.signatures.verification_result import Signed, UnsignedMessage
from connectors.signatures.xmldsig import Shape, verify
from policies.errors import AssertionRejected, BrokerError, SignatureInvalid

T = TypeVar("T")


def signed_message(
    inbound: Inbound, parameter: str, keys: Sequence[PinnedKey], shape: Shape, profile: Profile
) -> tuple[Signed, str]:
    """The octets that a signature covered, and the RelayState beside them, "" where there is none.

    `parameter` is SAMLRequest or SAMLResponse, `shape` one without an inner element. RelayState is signed by Redirect, and
    by POST it is not: it means nothing to us. Raises `SignatureInvalid` and `AssertionRejected` (`keys` where it has none).
    """
    if not keys:
        # Ours to mend, and a refusal like any other
        raise AssertionRejected("keys", "whoever sends has no key that is registered and in force")
    if inbound.binding == "redirect":
        return verify_query(inbound.raw, parameter, keys, profile)
    if inbound.binding != "post":
        raise AssertionRejected("binding", "a message by another binding than POST or Redirect")
    if parameter not in inbound.parameters or not {parameter, "RelayState"}.issuperset(inbound.parameters):
        raise AssertionRejected("parameters", f"not exactly a {parameter} and a RelayState")
    signed = signed_root(from_post(inbound.parameters[parameter]), keys, shape, profile)
    return signed, inbound.parameters.get("RelayState", "")


def signed_root(octets: bytes, keys: Sequence[PinnedKey], shape: Shape, profile: Profile) -> Signed:
    """The message of which the root is signed. Raises as `signed_message`."""
    message = verify(octets, keys, shape, profile)
    if isinstance(message, UnsignedMessage):
        raise SignatureInvalid("signature_missing", "a message that nobody signed as a whole")
    return message.signed


def foreseen(judge: Callable[[], T]) -> T:
    """Call `judge`. A surprise in a parser becomes the refusal `unforeseen`, and never a 500 or the parser's words."""
    try:
        return judge()
    except BrokerError:
        raise
    except Exception as error:  # noqa: BLE001 - the edge of judging
        # Without the cause: a library's words may quote the message.
        raise AssertionRejected("unforeseen", type(error).__name__) from None
