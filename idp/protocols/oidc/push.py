"""The endpoint for pushed authorization requests (RFC 9126 §2): the request is judged whole and at once, and parked."""

from collections.abc import Callable, Mapping

from connectors.connector import Inbound
from connectors.request_object import SKEW
from connectors.wire.claims import Json
from idp.login.finish import message_digest
from idp.login.states import LOGIN_LIFE
from idp.ports import Mark, Unit
from idp.protocols.oidc.access import SUSPENDED, challenge
from idp.protocols.oidc.client import PROOFS, Authenticated, Clients
from idp.protocols.oidc.direct import NO_STORE, DirectRequest, JsonAnswer, oauth_error, unavailable
from idp.protocols.oidc.grant_types import spending, used_before
from idp.protocols.oidc.parts import OpenIDParts
from idp.protocols.oidc.pushed import LIFE, park
from idp.protocols.oidc.request_objects import OBJECT, REFERENCE, RequestObjects, Unpacked
from idp.protocols.oidc.senders import Senders
from policies.errors import Conflict, RequestRefused, StoreUnavailable, about
from policies.parties import ClientId

# A request of every parameter at its limit has less. It lies in the database, and a public client proves nothing
MAX_PUSHED = 32 * 1024
OBJECT_USED = "The request object was used already: its jti was seen before."

# Judges a request as the authorization endpoint does, and raises `RequestRefused`
Judge = Callable[[Unpacked, int], object]


class Pushes:
    """Takes pushed requests. One tenant's."""

    def __init__(
        self, parts: OpenIDParts, clients: Clients, senders: Senders, objects: RequestObjects, judge: Judge
    ) -> None:
        self._parts, self._clients, self._senders, self._objects, self._judge = parts, clients, senders, objects, judge

    def push(self, call: DirectRequest, now: int) -> JsonAnswer:
        """Take a request. A refusal is an answer too, in the words of the token endpoint (RFC 9126 §2.3)."""
        try:
            return self._senders.renewed(call, self._answered(call, now), now, knows=self._knows_nonces(call))
        except StoreUnavailable as error:
            return unavailable(error.detail)

    def _knows_nonces(self, call: DirectRequest) -> bool:
        """Whether the token endpoint will ask it for a nonce: with one from here, its first request there holds."""
        party = self._parts.parties.get(ClientId(self._clients.named(call.form, call.authorization)))
        return party is not None and party.openid.is_fapi2

    def _answered(self, call: DirectRequest, now: int) -> JsonAnswer:
        try:
            return JsonAnswer(201, NO_STORE, self._push(call, now))
        except RequestRefused as error:
            of_client = error.status == 401  # noqa: PLR2004 # HTTP
            return oauth_error(error, challenge=challenge("Basic", self._parts.issuer) if of_client else "")

    def _push(self, call: DirectRequest, now: int) -> Mapping[str, Json]:
        # 1. who calls
        caller = self._clients.caller(call.given, call.authorization, now, call.certificate)
        with about(caller.party.client_id):
            if self._parts.off(caller.party.client_id):
                raise RequestRefused(SUSPENDED, oauth="unauthorized_client")
            with spending(self._parts, caller):
                given, caller = self._senders.pushed(call, caller, now)
            with spending(self._parts, caller):
                return self._parked(given, caller, now, key=given.get("dpop_jkt", "") if call.proofs else "")

    def _parked(self, given: Mapping[str, str], caller: Authenticated, now: int, *, key: str) -> Mapping[str, Json]:
        """Judge and park. `key` is the thumbprint of the key whose proof came in the header, "" without one."""
        # 2. what it asks, judged as if a citizen stood there already
        if REFERENCE in given:
            raise RequestRefused("A pushed request has no request_uri (RFC 9126 section 2.1).")
        unpacked, marks = self._unpacked(given, caller, now, key)
        parameters = unpacked.inbound.parameters
        if sum(map(len, parameters)) + sum(map(len, parameters.values())) > MAX_PUSHED:
            raise RequestRefused(f"The request is longer than {MAX_PUSHED} characters.", status=413)
        self._judge(unpacked, now)
        # 3. one unit, durable
        request_uri, row = park(self._parts, caller.party, parameters, now)
        unit = Unit(tenant=self._parts.tenant, marks=(*caller.marks, *marks), parked=(row,))
        try:
            self._parts.commits.commit(unit)
        except Conflict as error:
            used = RequestRefused(OBJECT_USED, oauth="invalid_request_object")
            raise used_before(error) or used from error
        return {"request_uri": request_uri, "expires_in": LIFE}

    def _unpacked(
        self, given: Mapping[str, str], caller: Authenticated, now: int, key: str
    ) -> tuple[Unpacked, tuple[Mark, ...]]:
        """The parameters that count, and the one use of an object: only what is inside counts (RFC 9126 §3)."""
        party = caller.party
        if OBJECT not in given:
            # Nothing that proves who calls is kept
            kept = {name: value for name, value in given.items() if name not in PROOFS} | {"client_id": party.client_id}
            return Unpacked(Inbound("redirect", kept), was_pushed=True), ()
        judged = self._objects.judged(given[OBJECT], party, now)
        inside = dict(judged.parameters)
        # RFC 9449 §10.1: the key of the header binds the code, also of a signed request that names none
        if key and inside.setdefault("dpop_jkt", key) != key:
            raise RequestRefused("dpop_jkt inside is not the key of the DPoP header.", oauth="invalid_dpop_proof")
        request = Unpacked(Inbound("redirect", inside), was_pushed=True, was_signed=True)
        if not judged.jti:
            return request, ()
        # The mark that ends a login which began with the same object in the address, too: it has one use in all
        end = judged.ends + SKEW + LOGIN_LIFE
        return request, (Mark("request", message_digest(party.client_id, judged.jti), end),)
