"""Programs without a browser (Enhanced Client or Proxy Profile 2.0): they bring a code that their citizen got here.

```
the citizen's browser, on any device                    the program
  /saml/ecp/begin?providerId=ENTITYID                     asks the service, and gets its AuthnRequest (PAOS)
  country, question, approval: the code                   POST /saml/ecp, the code as the password of HTTP Basic
                                                          takes the Response to the service
```

Nobody has a password here. The code is the approval: it names what was released to this one service, counts once, and for
five minutes. Deployed programs ask for a name and a password, and send any name beside it.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import replace

from connectors.authn_request_checks import addressed_request, check_wishes
from connectors.connector import Inbound, Post
from connectors.formats.artifact import in_ecp_envelope
from connectors.formats.authn_request import AuthnRequestMessage, read_authn_request
from connectors.node_request import verified_request
from connectors.profiles import SAML2INT
from connectors.saml_idp.statuses import refused
from idp.ledger.ledger_keys import mac
from idp.login.frontend import Admit, Received
from idp.login.states import GRANT, Decided, Grant, Released
from idp.ports import Mark, ParkedRow, Unit
from idp.protocols.saml.identity_provider import SamlIdentityProvider
from idp.protocols.saml.question import SamlQuestion, formats_of, origin_of
from idp.protocols.saml.services import KnownService
from idp.system.addresses import ecp_url, idp_entity_id
from policies.assurance.ladders import Reached, at, said_name
from policies.authentication import Origin
from policies.errors import AssertionRejected, BrokerError, Conflict, NotFound, ReleaseDenied, Replayed, RequestRefused
from policies.parties import EntityId, ServiceId
from policies.purposes import MOST_ACROSS_DEVICES

# This protocol's name in the table of frontends, and the kind of its rows
NAME = "ecp"
CODE_PATH = "/saml/ecp/code"
# As long as a question may lie before a citizen
LIFE = 5 * 60
# 120 bits, which nobody tries out; six groups of four letters
_OCTETS, _GROUP = 15, 4
_MAX_AUTHORIZATION = 1024
_ELSE = "the request asks for something else than its citizen has approved, who approves what the service always asks for"


class Programs:
    """One tenant's, a frontend (`idp.login.frontend`)."""

    path = "/saml/ecp/begin"
    signed = False
    own_page = False

    def __init__(self, saml: SamlIdentityProvider) -> None:
        self._parts, self._saml = saml.parts, saml
        self._url, self._entity_id = ecp_url(saml.parts.issuer), idp_entity_id(saml.parts.issuer)

    def receive(self, inbound: Inbound, now: int, admit: Admit = lambda _service: None) -> Received:
        """Begin for a service. Raises `RequestRefused`, in the same words for one that there is not."""
        try:
            service = self._saml.services.named(EntityId(inbound.parameters.get("providerId", "")))
        except KeyError as error:
            raise RequestRefused("no service whose programs sign in here") from error
        if not service.choices.ecp:
            raise RequestRefused("no service whose programs sign in here")
        admit(ServiceId(service.party.client_id))
        acs_url = next(iter(service.pinned.facts.paos_urls.values()))
        origin = replace(origin_of(service, "", SamlQuestion(acs_url, by_program=True)), frontend=NAME)
        found = self._saml.in_our_words(self._nothing(service, now), origin, service)
        # The program may stand on another device, as a kiosk does
        bounds = replace(found, shared=None, ask_anew=True, force_authentication=True, at_most=MOST_ACROSS_DEVICES)
        return Received(bounds)

    def check_registered(self, origin: Origin) -> None:
        """Raises `RequestRefused` where the service has no programs any more, or its purpose is none for them."""
        service = self._saml.services.of(origin.service)
        purpose = self._parts.purposes.get(service.party.purposes[0]) if service is not None else None
        known = service is not None and service.choices.ecp and service.choices.entity_id == origin.issuer
        if not known or purpose is None or not purpose.cross_device:
            raise RequestRefused("the service or its purpose is registered so no more", status=403)

    def check_answerable(self, origin: Origin, now: int, *, release: bool) -> None:
        """Raises `AllRevoked` and `KeysUnavailable`."""
        self._parts.signer.at(now).ready()

    def evidence(self, origin: Origin) -> Mapping[str, str]:
        """No request has come yet that a record could name."""
        return {"nonce": ""}

    def session(self, decided: Decided, handle: bytes, now: int) -> None:
        """A program shares no sign-in."""

    def parked(self, released: Released, now: int) -> tuple[ParkedRow, ...]:
        """The row that the code stands for."""
        return (self._parts.sealer.park(NAME, _handle(released), GRANT.dump(released.grant), now + LIFE),)

    def answer(self, released: Released, now: int) -> Post:
        """To the page that shows the code. It stands in no address."""
        return Post(self._parts.issuer + CODE_PATH, (("code", _spelled(_handle(released))),))

    def refuse(self, origin: Origin, error: BrokerError, now: int, answer_key: bytes = b"") -> Post:
        """To the page that says that there is no code. No program waits for one."""
        return Post(self._parts.issuer + CODE_PATH, (("code", ""),))

    def answered(self, octets: bytes, authorization: str, now: int) -> bytes:
        """The answer to a program's envelope: a signed Response, or a signed failure.

        Raises `NotFound` where there is no code that counts, and `PeerRequestRefused` and `AssertionRejected` where nobody
        vouches for the request.
        """
        inbound = Inbound("soap", {}, octets.decode("utf-8", "replace"))
        signed, _, _, sender = verified_request(inbound, self._saml.services.keys, SAML2INT)
        service = self._saml.services.named(sender)
        if not service.choices.ecp:
            raise AssertionRejected("protocol_binding", "a request by a program, and the registration does not say ecp")
        request, facts = read_authn_request(signed), service.pinned.facts
        request = addressed_request(request, facts, self._url, now, SAML2INT, of_program=True)
        handle = code_of(authorization)
        grant = self._waiting(handle, sender, now)
        exactly = request.contexts if request.comparison == "exact" else ()
        question = SamlQuestion(request.acs_url, contexts=exactly, by_program=True)
        origin = origin_of(service, request.request_id, question)
        try:
            check_wishes(request, facts, formats_of(service))
            self._check(request, origin, grant, service, now)
            self._take(handle, now)
            message = self._saml.response(replace(grant, origin=origin), mac(handle, b"response"), now)
        except (AssertionRejected, RequestRefused, ReleaseDenied) as error:
            told = refused(error) if isinstance(error, AssertionRejected) else error
            message = self._saml.failure(origin, told, request.acs_url, now)
        return in_ecp_envelope(message, request.acs_url)

    def _check(self, request: AuthnRequestMessage, origin: Origin, grant: Grant, service: KnownService, now: int) -> None:
        """Whether what its citizen has approved is what the request asks for, and may go. Raises what tells the service."""
        if not self._saml.artifacts.holds(grant, now):
            raise ReleaseDenied("what was approved may go no more")
        # Nobody is asked any more, and who has a code signed in for it
        quiet = replace(request, is_passive=False, force_authentication=False)
        if self._entity_id in quiet.scoping.providers:
            # Shibboleth lists the identity provider that the program may choose, and the program has chosen
            quiet = replace(quiet, scoping=replace(quiet.scoping, providers=()))
        found = self._saml.in_our_words(quiet, origin, service)
        usual = self._saml.in_our_words(self._nothing(service, now), origin, service)
        if (found.asked, found.unknown, found.scoping) != (usual.asked, usual.unknown, usual.scoping):
            raise RequestRefused(_ELSE)
        since = request.issue_instant - int(SAML2INT.skew)
        if not found.minimum_assurance <= grant.loa <= found.at_most:
            raise AssertionRejected("authn_context_unmet", "classes of authentication that the citizen's sign-in is not of")
        words = service.party.vocabulary
        if found.contexts and not said_name(found.contexts, words, Reached(at(grant.loa))):
            raise AssertionRejected("authn_context_unmet", "a level of its ladder that the citizen's sign-in is not of")
        if request.force_authentication and grant.authenticated_at < since:
            raise AssertionRejected("authn_context_unmet", "a sign-in of now, and the code is of one before")

    def _waiting(self, handle: bytes, sender: EntityId, now: int) -> Grant:
        try:
            row = self._parts.parked.parked(self._parts.tenant, NAME, _digest(handle), now)
            grant = GRANT.load(self._parts.sealer.unpark(NAME, handle, row, now))
        except Replayed as error:
            raise NotFound("a code that has ended") from error
        if grant.origin.issuer != sender:
            raise NotFound("a code for another service")
        return grant

    def _take(self, handle: bytes, now: int) -> None:
        """The code counts once. Raises `NotFound` where somebody was faster."""
        mark = Mark(NAME, _digest(handle), now + 2 * LIFE)
        try:
            self._parts.commits.commit(Unit(tenant=self._parts.tenant, marks=(mark,), removed=(_digest(handle),)))
        except Conflict as error:
            raise NotFound("a code that was used") from error

    def _nothing(self, service: KnownService, now: int) -> AuthnRequestMessage:
        return AuthnRequestMessage("", now, service.choices.entity_id, self._url)


def code_of(authorization: str) -> bytes:
    """The handle of the code that stands as the password of HTTP Basic (RFC 7617). Raises `NotFound`."""
    scheme, _, text = authorization.partition(" ")
    try:
        known = scheme.lower() == "basic" and len(text) <= _MAX_AUTHORIZATION
        found = binascii.a2b_base64(text.strip().encode("ascii"), strict_mode=True) if known else b""
        handle = base64.b32decode(found.rpartition(b":")[2].replace(b"-", b"").replace(b" ", b"").upper())
    except ValueError:
        handle = b""
    if len(handle) != _OCTETS:
        raise NotFound("no code")
    return handle


def _spelled(handle: bytes) -> str:
    letters = base64.b32encode(handle).decode()
    return "-".join(letters[place : place + _GROUP] for place in range(0, len(letters), _GROUP))


def is_code(text: str) -> bool:
    """Whether a text is spelled as our codes are."""
    try:
        handle = base64.b32decode(text.replace("-", ""))
    except ValueError:
        return False
    return len(handle) == _OCTETS and _spelled(handle) == text


def _handle(released: Released) -> bytes:
    return mac(released.answer_key, b"code of a program")[:_OCTETS]


def _digest(handle: bytes) -> bytes:
    return hashlib.sha256(handle).digest()
