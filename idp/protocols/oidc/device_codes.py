"""The two codes of a kiosk's request, and what lies under them (RFC 8628 §3.2 and §6.1).

The citizen types the short one, the kiosk keeps the long one. Three rows lie parked, each under a handle of its own:

| row | handle | says |
|---|---|---|
| what the kiosk asks | made of the short code with an hourly key of ours | may be taken up, once |
| whose long code it is | the long code | may be asked about |
| that nobody refused | made of the long code | gone: the citizen refused |

The answer lies under a fourth, which is made of the long code too. So a dump of the database cannot try short codes out.
"""

import hashlib
import secrets
from dataclasses import dataclass, field

from idp.ledger.ledger_keys import mac
from idp.login.sealing import HOUR, Sealer
from idp.login.state_codec import NEVER_DEFLATED, Codec
from idp.protocols.oidc.requests.request import OpenIDRequest
from policies.authentication import Origin, ServiceRequest
from policies.errors import Replayed
from policies.parties import ClientId, PurposeId

# The kind of all these rows
KIND = "device"
# This protocol's name in the table of frontends
NAME = "device"
# RFC 8628 §6.1: letters that nobody takes for another, and that spell no word; 20^8 codes are 34.5 bits
LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
USER_CODE_LENGTH, HALF = 8, 4
MAX_TYPED = 64
# Short: whoever is sent a code by a stranger has little time to be talked into it (RFC 10027)
DEVICE_LIFE = 10 * 60
# So long a code that has ended is known as such
REMEMBERED = 5 * 60
INTERVAL = 5
HANDLE_BYTES = 32


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """The part of a request that only this protocol reads: `Origin.protocol`. Handles are in hex."""

    openid: OpenIDRequest
    purpose_id: PurposeId
    answer: str = field(repr=False)
    unrefused: str = field(repr=False)
    ends: int


@dataclass(frozen=True, slots=True)
class KioskRequest:
    """A request that waits for its citizen: what lies under the short code."""

    request: ServiceRequest
    issued: int


@dataclass(frozen=True, slots=True)
class IssuedCode:
    """The client that a long code was issued to, and when it ends."""

    client_id: ClientId
    ends: int


DEVICE_REQUEST = Codec(DeviceRequest, plain=NEVER_DEFLATED)
WAITING = Codec(KioskRequest)
ISSUED = Codec(IssuedCode)


def read_device(origin: Origin) -> DeviceRequest:
    """Read what stands in an `Origin` of this protocol."""
    return DEVICE_REQUEST.load(origin.protocol.encode())


def new_user_code() -> str:
    """A short code."""
    return "".join(secrets.choice(LETTERS) for _ in range(USER_CODE_LENGTH))


def spelled(code: str) -> str:
    """The short code as people read it, `WDJB-MJHT`."""
    return f"{code[:HALF]}-{code[HALF:]}"


def typed(text: str) -> str:
    """The short code that somebody typed, whatever stands between its letters (RFC 8628 §6.1); "" where it is none."""
    if len(text) > MAX_TYPED:
        return ""
    letters = "".join(one for one in text.upper() if one.isalnum())
    return letters if len(letters) == USER_CODE_LENGTH and not set(letters) - set(LETTERS) else ""


def handle_of_answer(device_code: bytes) -> bytes:
    """Where the answer will lie."""
    return mac(device_code, b"answer")


def handle_of_unrefused(device_code: bytes) -> bytes:
    """Where it lies that nobody refused."""
    return mac(device_code, b"unrefused")


def handle_of_code(sealer: Sealer, code: str, moment: int) -> bytes:
    """Where the request of a short code lies that was issued in the hour of `moment`. Raises `Replayed`."""
    return sealer.derive("user code", code.encode(), at=moment)


def handles_of_code(sealer: Sealer, code: str, now: int) -> list[bytes]:
    """Where the request of a short code can lie that lives at `now`."""
    found = []
    for moment in {now - now % HOUR, (now - DEVICE_LIFE) - (now - DEVICE_LIFE) % HOUR}:
        try:
            found.append(handle_of_code(sealer, code, moment))
        except Replayed:
            continue
    return found


def digest(handle: bytes) -> bytes:
    """The digest by which the store knows a row."""
    return hashlib.sha256(handle).digest()
