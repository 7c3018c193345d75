"""The frontend of kiosks: a citizen takes up what a kiosk asked, on a device of their own (RFC 8628 §3.3).

The form on our page at `/device` is the request. The answer leads to a page of ours that sends the citizen back to
the kiosk. It fetches what was approved; until then it lies parked.
"""

from collections.abc import Mapping
from dataclasses import replace

from connectors.connector import Inbound, Outbound, Post, Redirect
from connectors.signatures.jws import base64url
from idp.login.frontend import Admit, Received
from idp.login.states import CODE_LIFE, GRANT, Decided, Released
from idp.ports import Mark, ParkedRow, Unit
from idp.protocols.oidc.access import handle_of
from idp.protocols.oidc.device_authorization import VERIFICATION_PATH
from idp.protocols.oidc.device_codes import (
    DEVICE_LIFE,
    KIND,
    WAITING,
    KioskRequest,
    digest,
    handles_of_code,
    read_device,
    typed,
)
from idp.protocols.oidc.parts import OpenIDParts
from idp.protocols.oidc.requests.request import OPENID_REQUEST
from policies.authentication import Origin
from policies.errors import BrokerError, Conflict, NotFound, Replayed, RequestRefused
from policies.parties import ClientId, RelyingParty

ENTRY_PATH = f"{VERIFICATION_PATH}/login"
DONE_PATH, ENDED_PATH = f"{VERIFICATION_PATH}/done", f"{VERIFICATION_PATH}/ended"


class DeviceFrontend:
    """One tenant's kiosks, a frontend (`idp.login.frontend`)."""

    path = ENTRY_PATH
    signed = False
    own_page = True

    def __init__(self, parts: OpenIDParts) -> None:
        self._parts = parts

    def looked_up(self, text: str, now: int) -> tuple[str, KioskRequest]:
        """The request of the code that a citizen typed, with the handle that takes it up. Raises `NotFound`."""
        code = typed(text)
        for handle in handles_of_code(self._parts.sealer, code, now) if code else ():
            try:
                waiting = self._waiting(handle, now)
            except NotFound:
                continue
            return base64url(handle), waiting
        raise NotFound("no request waits under this code")

    def kiosk(self, waiting: KioskRequest) -> RelyingParty:
        """The kiosk that asks. Raises `RequestRefused` where it may not ask any more."""
        self.check_registered(waiting.request.origin)
        return self._parts.parties[ClientId(waiting.request.origin.service)]

    def receive(self, inbound: Inbound, now: int, admit: Admit = lambda _service: None) -> Received:
        """Take up a request, once: a code that was read off a screen is of no more use to anybody else."""
        handle = handle_of(inbound.parameters.get("request", ""))
        if handle is None:
            raise RequestRefused("no request of a kiosk")
        try:
            request = self._waiting(handle, now).request
        except NotFound as error:
            raise Replayed("login_ended", "a kiosk's request that ended or was taken up", code="login_ended") from error
        admit(request.origin.service)
        taken = Mark("device", digest(handle), now + DEVICE_LIFE)
        try:
            self._parts.commits.commit(Unit(tenant=self._parts.tenant, marks=(taken,), removed=(digest(handle),)))
        except Conflict as error:
            raise Replayed("login_ended", "a kiosk's request that was taken up at once", code="login_ended") from error
        # The device that is used here is the citizen's own: a sign-in on it is not the kiosk's to share
        return Received(replace(request, shared=None))

    def check_registered(self, origin: Origin) -> None:
        """Raises `RequestRefused` where the client is no kiosk any more, or its purpose none for kiosks."""
        party = self._parts.parties.get(ClientId(origin.service))
        purpose = self._parts.purposes.get(read_device(origin).purpose_id)
        if party is None or not party.openid.is_kiosk or purpose is None or not purpose.cross_device:
            raise RequestRefused("the kiosk or its purpose is registered so no more", oauth="unauthorized_client")

    def check_answerable(self, origin: Origin, now: int, *, release: bool) -> None:
        """Raises `AllRevoked` as for a code, and `Replayed` where the kiosk waits no longer and would fetch nothing."""
        party = self._parts.parties.get(ClientId(origin.service))
        if not release or party is None:
            return
        self._parts.signers[party.id_token_alg].at(now).ready()
        if read_device(origin).ends <= now:
            raise Replayed("login_ended", "a kiosk's request after its end", code="login_ended")

    def evidence(self, origin: Origin) -> Mapping[str, str]:
        """The nonce, which the id_token has, too."""
        return {"nonce": read_device(origin).openid.nonce}

    def session(self, decided: Decided, handle: bytes, now: int) -> None:
        """A kiosk shares no sign-in."""

    def parked(self, released: Released, now: int) -> tuple[ParkedRow, ...]:
        """The row that the kiosk fetches: a grant without a redirect address."""
        request = read_device(released.grant.origin)
        origin = replace(released.grant.origin, protocol=OPENID_REQUEST.dump(request.openid).decode())
        grant = replace(released.grant, origin=origin)
        return (self._parts.sealer.park(KIND, bytes.fromhex(request.answer), GRANT.dump(grant), now + CODE_LIFE),)

    def answer(self, released: Released, now: int) -> Outbound:
        """To the page that says where to go on."""
        return Redirect(self._parts.issuer + DONE_PATH)

    def refuse(self, origin: Origin, error: BrokerError, now: int, answer_key: bytes = b"") -> Outbound:
        """To the page that tells the kiosk, when the browser comes there: until then the citizen may change their mind."""
        handle = base64url(bytes.fromhex(read_device(origin).unrefused))
        return Post(self._parts.issuer + ENDED_PATH, (("request", handle),))

    def ended(self, text: str) -> None:
        """The citizen refused: the kiosk hears of it at its next question. Raises `StoreUnavailable`."""
        if (handle := handle_of(text)) is not None:
            self._parts.commits.commit(Unit(tenant=self._parts.tenant, removed=(digest(handle),)))

    def _waiting(self, handle: bytes, now: int) -> KioskRequest:
        payload = self._parts.parked.parked(self._parts.tenant, KIND, digest(handle), now)
        return WAITING.load(self._parts.sealer.unpark(KIND, handle, payload, now))
