"""The verified bytes of a request of SAML, by either binding, and which node or service vouches for them."""

import base64
import html
import re
import zlib
from collections.abc import Mapping, Sequence
from urllib.parse import unquote_to_bytes

from connectors.connector import Inbound
from connectors.formats.eidas.registry import REQUEST_DENIED
from connectors.formats.eidas.request import RequestHead, read_request_head
from connectors.profiles import EIDAS, Profile
from connectors.request_checks import PeerRequestRefused
from connectors.signatures.parse import MAX_PARAMETER
from connectors.signatures.pinned_keys import PinnedKey
from connectors.signatures.shapes import REQUEST
from connectors.signatures.verification_result import Signed
from connectors.signatures.xmldsig import Shape
from connectors.signed_messages import foreseen, signed_message
from policies.errors import AssertionRejected
from policies.parties import EntityId

# Octets in which the Issuer of a message is looked for: it stands behind the declarations of the root. So much base64 holds
# them, deflated or not; in a query each letter may be spelled with three
_HEAD, _SPELLED = 4 * 1024, 8 * 1024
# The first Issuer of what is XML: of an AuthnRequest that we take, its first child. An entity id has 1024 characters at the
# most (SAML Core 2.0 §8.3.6), and to read the references of a longer text costs what nobody may ask for without a signature
_ISSUER = re.compile(rb"<(?:[^\s<>/:]+:)?Issuer(?:\s[^<>]*)?>([^<]{0,1024})<")


# The check of a RelayState, and SAML Bindings 2.0 §3.4.3, in octets
RELAY_STATE, _MAX_RELAY_STATE = "relay_state", 80


def verified_request(
    inbound: Inbound,
    keys: Mapping[EntityId, Sequence[PinnedKey]],
    profile: Profile = EIDAS,
    *,
    simple: bool = False,
    shape: Shape = REQUEST,
) -> tuple[Signed, RequestHead, str, EntityId]:
    """The signed octets, their head, the RelayState beside them ("" for none), and who sent them: a node or a service.

    `keys` are those of all who are registered, as approved and in force now. Only the keys of the one that the message
    names are tried (of anybody, where it names none that we know), so that more of them do not make a forgery cost more. A
    key verifies first; then the signed Issuer has to have this very key: two may publish one certificate. `simple` takes
    POST-SimpleSign, too. Raises `PeerRequestRefused`, which only a page may tell: nobody that we know vouches for it.
    """
    anybody = next((of_sender for of_sender in keys.values() if of_sender), ())
    if not anybody:
        raise PeerRequestRefused("keys", "nobody who is registered has metadata that is approved and valid now")
    tried = keys.get(EntityId(unverified_issuer(inbound))) or anybody
    try:
        signed, relay_state = foreseen(signed_message)(inbound, "SAMLRequest", tried, shape, profile, simple=simple)
    except AssertionRejected as error:
        hint = " Is its sender registered, and its metadata the one of today?" if error.check == "signature" else ""
        raise PeerRequestRefused(error.check, f"{error.detail}.{hint}") from error
    head = read_request_head(signed)
    sender = EntityId(head.issuer)
    if signed.key_id not in {key.key_id for key in keys.get(sender, ())}:
        raise PeerRequestRefused("issuer", "a request whose Issuer has not the key that signed it")
    return signed, head, relay_state, sender


def check_relay_state(relay_state: str) -> None:
    """Raises `PeerRequestRefused` for one that is too long: it does not go back either."""
    if len(relay_state.encode()) > _MAX_RELAY_STATE:
        detail = f"a RelayState of more than {_MAX_RELAY_STATE} octets"
        raise PeerRequestRefused(RELAY_STATE, detail, saml_sub_status=REQUEST_DENIED)


def unverified_issuer(inbound: Inbound, parameter: str = "SAMLRequest") -> str:
    """The claimed Issuer of a message: a hint at whose keys to try, and nothing else. "" where it cannot be seen.

    Only the head of the message is searched. By Redirect it must be unpacked before anybody vouches for it: 300 octets
    make 256 KiB, and a search through these takes 12 ms.
    """
    try:
        if inbound.binding == "redirect":
            pieces = dict(piece.partition("=")[::2] for piece in inbound.raw[:MAX_PARAMETER].split("&"))
            packed = _decoded(unquote_to_bytes(pieces.get(parameter, "")[: 3 * _SPELLED]))
            octets = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, _HEAD)
        elif inbound.binding == "soap":
            octets = inbound.raw[:_HEAD].encode()
        else:
            octets = _decoded(inbound.parameters.get(parameter, "")[:_SPELLED].encode())[:_HEAD]
        found = _ISSUER.search(octets)
        return html.unescape(found[1].decode()) if found else ""
    except (ValueError, zlib.error):
        return ""


def _decoded(spelled: bytes) -> bytes:
    """The head of base64, which may be in lines. Raises ValueError."""
    head = b"".join(spelled.split())[:_SPELLED]
    return base64.b64decode(head[: len(head) // 4 * 4])
