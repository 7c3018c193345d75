"""Pushed authorization requests (RFC 9126): the request lies with us, and the browser carries its name alone.

It lies for 90 seconds, sealed under a handle of client and identifier: another client's `client_id` is another handle. The
SHA-256 of that handle is also the mark that the answer takes (`idp.login.finish.message_digest`), and with it the row goes.
"""

import json
import secrets
from collections.abc import Mapping

from connectors.wire.claims import read_object
from idp.login.finish import message_digest, message_octets
from idp.ports import ParkedRow
from idp.protocols.oidc.parts import OpenIDParts
from policies.parties import RelyingParty

REQUEST_URI = "urn:ietf:params:oauth:request_uri:"
# A citizen's browser follows at once. RFC 9126 §2.2 has 5 to 600 seconds, and its example this
LIFE = 90
IDENTIFIER_BYTES = 32
KIND = "pushed"


def park(parts: OpenIDParts, party: RelyingParty, parameters: Mapping[str, str], now: int) -> tuple[str, ParkedRow]:
    """The `request_uri` of a pushed request, and the row that it stands for."""
    identifier = secrets.token_urlsafe(IDENTIFIER_BYTES)
    content = json.dumps(dict(parameters), ensure_ascii=False, separators=(",", ":")).encode()
    row = parts.sealer.park(KIND, message_octets(party.client_id, identifier), content, now + LIFE)
    return REQUEST_URI + identifier, row


def identifier_of(request_uri: str) -> str:
    """The part of a `request_uri` of ours behind its name. Nothing is proven by that."""
    return request_uri.removeprefix(REQUEST_URI)


def pushed(parts: OpenIDParts, party: RelyingParty, identifier: str, now: int) -> Mapping[str, str]:
    """The parameters that this client pushed. Raises `NotFound` where there are none, or of another client."""
    sealed = parts.parked.parked(parts.tenant, KIND, message_digest(party.client_id, identifier), now)
    content = parts.sealer.unpark(KIND, message_octets(party.client_id, identifier), sealed, now)
    return {name: value for name, value in read_object(content).items() if isinstance(value, str)}
