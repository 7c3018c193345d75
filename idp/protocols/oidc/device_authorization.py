"""A kiosk asks for a citizen: the device authorization endpoint (RFC 8628 §3.1 and §3.2).

There is no `verification_uri_complete`: with it, one link in a message would do, and nobody would have to read the code off
the screen in front of them (RFC 8628 §5.4, RFC 10027).
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import replace

from connectors.connector import Inbound
from connectors.signatures.jws import base64url
from connectors.wire.claims import Json
from idp.login.sealing import Sealer
from idp.ports import ParkedRow, Unit
from idp.protocols.oidc.access import challenge
from idp.protocols.oidc.client import Clients
from idp.protocols.oidc.device_codes import (
    DEVICE_LIFE,
    DEVICE_REQUEST,
    HANDLE_BYTES,
    INTERVAL,
    ISSUED,
    KIND,
    NAME,
    REMEMBERED,
    WAITING,
    DeviceRequest,
    IssuedCode,
    KioskRequest,
    handle_of_answer,
    handle_of_code,
    handle_of_unrefused,
    new_user_code,
    spelled,
)
from idp.protocols.oidc.direct import DirectRequest, JsonAnswer, oauth_error, success, unavailable
from idp.protocols.oidc.grant_types import assertion_used, spending
from idp.protocols.oidc.parts import OpenIDParts
from idp.protocols.oidc.requests.request import QUERY, ReturnAddress, judged, read_protocol
from policies.authentication import Origin, ServiceRequest
from policies.errors import Conflict, RequestRefused, StoreUnavailable, about
from policies.parties import ClientId, RelyingParty, ServiceId
from policies.purposes import MOST_ACROSS_DEVICES

VERIFICATION_PATH = "/device"
MAX_PARAMETERS = 100_000
# What of an authentication request a kiosk may send; the rest is about a browser that comes back
TAKEN = ("scope", "claims", "acr_values", "ui_locales", "nonce")


class DeviceAuthorization:
    """Issues the codes of kiosks. One tenant's."""

    def __init__(self, parts: OpenIDParts, clients: Clients) -> None:
        self._parts, self._clients = parts, clients

    def answer(self, call: DirectRequest, now: int) -> JsonAnswer:
        """Answer a kiosk. It authenticates as at the token endpoint."""
        try:
            return success(self._issued(call, now))
        except RequestRefused as error:
            of_client = error.status == 401  # noqa: PLR2004 # HTTP
            return oauth_error(error, challenge=challenge("Basic", self._parts.issuer) if of_client else "")
        except StoreUnavailable as error:
            return unavailable(error.detail)

    def _issued(self, call: DirectRequest, now: int) -> Mapping[str, Json]:
        given = call.given
        if sum(map(len, given)) + sum(map(len, given.values())) > MAX_PARAMETERS:
            raise RequestRefused("The request is too long.", status=413)
        caller = self._clients.caller(given, call.authorization, now, call.certificate)
        device_code, user_code = secrets.token_bytes(HANDLE_BYTES), new_user_code()
        with about(caller.party.client_id), spending(self._parts, caller):
            request = self._request(given, caller.party, device_code, now)
            rows = _rows(self._parts.sealer, request, device_code, user_code, now)
            unit = Unit(tenant=self._parts.tenant, marks=caller.marks, parked=rows)
        try:
            self._parts.commits.commit(unit)
        except Conflict as error:
            raise assertion_used() from error
        return {
            "device_code": base64url(device_code),
            "user_code": spelled(user_code),
            "verification_uri": self._parts.issuer + VERIFICATION_PATH,
            "expires_in": DEVICE_LIFE,
            "interval": INTERVAL,
        }

    def _request(self, given: Mapping[str, str], party: RelyingParty, device_code: bytes, now: int) -> ServiceRequest:
        """The kiosk's request, judged as one that comes through a browser."""
        if not party.openid.is_kiosk:
            raise RequestRefused("The client is not registered for the device code.", oauth="unauthorized_client")
        # The long code proves what PKCE proves of a code: only whoever asked has it
        proof = {"code_challenge": base64url(hashlib.sha256(device_code).digest()), "code_challenge_method": "S256"}
        parameters = {name: given[name] for name in TAKEN if name in given} | {"response_type": "code"} | proof
        parts, nowhere = self._parts, ReturnAddress("", QUERY, "")
        asked = judged(Inbound("post", parameters), party, nowhere, parts.purposes, parts.catalogue, str)
        if not parts.purposes[asked.purpose_id].cross_device:
            sentence = "The purpose is not for kiosks: its file does not say cross_device."
            raise RequestRefused(sentence, oauth="invalid_scope")
        if asked.minimum_assurance > MOST_ACROSS_DEVICES:
            sentence = f"A kiosk gets at most {MOST_ACROSS_DEVICES.label}."
            raise RequestRefused(sentence, oauth="unmet_authentication_requirements")
        protocol = DeviceRequest(
            openid=replace(read_protocol(asked.origin), code_challenge=""),
            purpose_id=asked.purpose_id,
            answer=handle_of_answer(device_code).hex(),
            unrefused=handle_of_unrefused(device_code).hex(),
            ends=now + DEVICE_LIFE,
        )
        origin = Origin(
            NAME,
            ServiceId(party.client_id),
            party.client_id,
            # Answered once, however often somebody begins
            message_id=hashlib.sha256(protocol.answer.encode()).hexdigest(),
            protocol=DEVICE_REQUEST.dump(protocol).decode(),
        )
        # Signed in anew and asked in full: whoever was talked into it has each chance to notice
        return replace(asked, origin=origin, force_authentication=True, ask_anew=True, at_most=MOST_ACROSS_DEVICES)


def _rows(
    sealer: Sealer, request: ServiceRequest, device_code: bytes, user_code: str, now: int
) -> tuple[ParkedRow, ParkedRow, ParkedRow]:
    ends = now + DEVICE_LIFE
    waiting = WAITING.dump(KioskRequest(request, now))
    issued = ISSUED.dump(IssuedCode(ClientId(request.origin.service), ends))
    return (
        sealer.park(KIND, handle_of_code(sealer, user_code, now), waiting, ends),
        sealer.park(KIND, device_code, issued, ends + REMEMBERED),
        sealer.park(KIND, handle_of_unrefused(device_code), b"{}", ends + REMEMBERED),
    )
