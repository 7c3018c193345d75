"""Our side as a SAML identity provider: services ask by AuthnRequest, and get a Response (SAML Profiles 2.0 §4.1).

A request counts once its signature has held, and its answer goes where the service's pinned metadata says. What fails
before that is known gets a page alone; what fails after it, a signed answer with its status.
"""

from collections.abc import Collection, Mapping
from urllib.parse import quote, urlencode, urlsplit

from connectors.authn_request_checks import addressed_request, check_wishes
from connectors.connector import Inbound, Outbound, Post, Redirect
from connectors.formats.authn_request import AuthnRequestMessage, read_authn_request
from connectors.formats.eidas.registry import REQUEST_DENIED, REQUESTER, RESPONDER
from connectors.formats.operator import Operator
from connectors.formats.saml_message import WireAttribute
from connectors.formats.saml_response import AssertionFrame, ResponseHead, message_id
from connectors.node_request import unverified_issuer, verified_request
from connectors.profiles import SAML2INT
from connectors.request_checks import PeerRequestRefused
from connectors.saml_idp import answers
from connectors.saml_idp.attribute_names import AttributeNames
from connectors.saml_idp.own_metadata import identity_provider_metadata
from connectors.saml_idp.statuses import NO_AUTHN_CONTEXT, NO_PASSIVE, ServiceRequestRefused, refused
from connectors.signatures.signer import Signers
from connectors.signed_messages import post_of
from connectors.wire.names import ARTIFACT, ATTRNAME_URI, POST, REDIRECT, SOAP
from idp.login.frontend import Admit, Declined, Received
from idp.login.states import Decided, Grant, Released
from idp.ports import ParkedRow, SessionRow
from idp.protocols.saml.artifacts import Artifacts
from idp.protocols.saml.parts import SamlParts
from idp.protocols.saml.question import (
    FORMATS,
    Parts,
    SamlQuestion,
    context_of,
    formats_of,
    in_our_words,
    origin_of,
    read_question,
)
from idp.protocols.saml.services import KnownService
from idp.system.addresses import (
    ecp_url,
    entity_id,
    error_url,
    idp_entity_id,
    idp_logout_soap_url,
    idp_logout_url,
    resolution_url,
    sso_url,
)
from policies.authentication import Origin, ServiceRequest
from policies.errors import (
    AssertionRejected,
    AssuranceTooLow,
    AuthenticationFailed,
    BrokerError,
    ReleaseDenied,
    Replayed,
    RequestRefused,
    Suspended,
)
from policies.load.saml_services import EMAIL
from policies.parties import ServiceId
from policies.registrations.saml_service import SubjectKind

# A response is used when it is made
ANSWER_SECONDS = 300
# SAML V2.0 Subject Identifier Attributes Profile 1.0 §3
_SUBJECTS = {
    SubjectKind.PAIRWISE_ID: "urn:oasis:names:tc:SAML:attribute:pairwise-id",
    SubjectKind.SUBJECT_ID: "urn:oasis:names:tc:SAML:attribute:subject-id",
}
# What OpenID Connect calls it, by which both protocols' refusals are one kind (docs/cross-protocol.md)
_BY_CODE = {
    "login_required": (RESPONDER, NO_PASSIVE),
    "interaction_required": (RESPONDER, NO_PASSIVE),
    "consent_required": (RESPONDER, NO_PASSIVE),
    "unmet_authentication_requirements": (RESPONDER, NO_AUTHN_CONTEXT),
}


class SamlIdentityProvider:
    """One tenant's, a frontend (`idp.login.frontend`)."""

    path = "/saml/sso"
    signed = True
    own_page = False

    def __init__(self, parts: SamlParts) -> None:
        issuer = parts.issuer
        self._entity_id, self._sso_url = idp_entity_id(issuer), sso_url(issuer)
        # The scope of subject identifiers is a name of ours
        self._scope = urlsplit(issuer).hostname or ""
        self.services = parts.services
        self.parts, self._purposes = parts, parts.purposes
        self._parts = Parts(entity_id(issuer), parts.providers, parts.catalogue, AttributeNames(issuer, parts.catalogue))
        self._signer, self._sessions = parts.signer, parts.sessions
        self.artifacts = Artifacts(parts, self.services, self.response)

    def receive(self, inbound: Inbound, now: int, admit: Admit = lambda _service: None) -> Received | Declined:
        """Judge a request. Who asks is the Issuer, if it has the key that signed.

        Raises `ServiceRequestRefused` where nobody vouches for it, or nobody knows where its answer may go.
        """
        service, request, relay_state = self._addressed(inbound, now)
        exactly = request.contexts if request.comparison == "exact" else ()
        question = SamlQuestion(request.acs_url, relay_state, exactly, request.protocol_binding == ARTIFACT)
        origin = origin_of(service, request.request_id, question)
        admit(ServiceId(service.party.client_id))
        try:
            check_wishes(request, service.pinned.facts, formats_of(service))
            found = self.in_our_words(request, origin, service)
        except (AssertionRejected, RequestRefused) as error:
            told = refused(error) if isinstance(error, AssertionRejected) else error
            told.peer = service.party.client_id
            return Declined(origin, told, at_once=True)
        return Received(found)

    def in_our_words(self, request: AuthnRequestMessage, origin: Origin, service: KnownService) -> ServiceRequest:
        """A request in our words, of this service's one purpose. Raises `AssertionRejected` and `RequestRefused`."""
        return in_our_words(request, origin, service, self._purposes[service.party.purposes[0]], self._parts)

    def check_registered(self, origin: Origin) -> None:
        """Raises `RequestRefused` where the service or the address of the answer is registered no more."""
        self._registered(origin)

    def check_answerable(self, origin: Origin, now: int, *, release: bool) -> None:
        """Whatever a service is told is signed: raises `AllRevoked` and `KeysUnavailable`."""
        self._signer.at(now).ready()

    def evidence(self, origin: Origin) -> Mapping[str, str]:
        """The request's ID, which the answer has as InResponseTo, in the place of a nonce: receipts have one form."""
        return {"nonce": origin.message_id}

    def session(self, decided: Decided, handle: bytes, now: int) -> SessionRow | None:
        """The row of the session that a group of services shares."""
        return self._sessions.row(decided, handle, now) if self._sessions is not None else None

    def parked(self, released: Released, now: int) -> tuple[ParkedRow, ...]:
        """Nothing where the answer is whole, and the row of an artifact."""
        if not read_question(released.grant.origin).by_artifact:
            return ()
        return (self.artifacts.parked(released, now),)

    def answer(self, released: Released, now: int) -> Outbound:
        """The signed Response with its one assertion, encrypted where the service can open one; or its artifact."""
        origin = released.grant.origin
        question = read_question(origin)
        if not question.by_artifact:
            octets = self.response(released.grant, released.answer_key, now)
            return post_of(octets, question.acs_url, question.relay_state)
        self._registered(origin)
        relayed = {"RelayState": question.relay_state} if question.relay_state else {}
        query = urlencode({"SAMLart": self.artifacts.written(released), **relayed}, quote_via=quote)
        return Redirect(f"{question.acs_url}{'&' if '?' in question.acs_url else '?'}{query}")

    def response(self, grant: Grant, answer_key: bytes, now: int) -> bytes:
        """The same Response for the same key of 32 octets. Raises `RequestRefused` where it may go nowhere any more."""
        service = self._registered(grant.origin)
        to = read_question(grant.origin).acs_url
        head = self._head(message_id(answer_key, "response"), grant.origin, to, now)
        frame = self._frame(grant, answer_key, service, now)
        attributes = (*self._subject(grant, service), *self._parts.names.written(grant.attributes, grant.kind))
        return answers.released(head, frame, attributes, self._signer.at(now), service.pinned.sealing)

    def refuse(self, origin: Origin, error: BrokerError, now: int, answer_key: bytes = b"") -> Post:
        """A signed Response that says as much of a failure as the service may know.

        There is nothing in it that an artifact would have to keep from the browser: it is posted to the default address.
        """
        facts, question = self._registered(origin).pinned.facts, read_question(origin)
        to = facts.acs_urls[facts.default_index] if question.by_artifact else question.acs_url
        return post_of(self.failure(origin, error, to, now, answer_key), to, question.relay_state)

    def failure(self, origin: Origin, error: BrokerError, to: str, now: int, answer_key: bytes = b"") -> bytes:
        """The octets of that Response, for an address of the metadata."""
        status, sub_status, message = _codes(error)
        response_id = message_id(answer_key, "response")
        head = self._head(response_id, origin, to, now)
        return answers.refused(head, status, sub_status, message, self._signer.at(now))

    def _addressed(self, inbound: Inbound, now: int) -> tuple[KnownService, AuthnRequestMessage, str]:
        """The service that asks, its request and its RelayState. Raises `ServiceRequestRefused`, for a page alone."""
        service = None
        try:
            signed, _, relay_state, sender = verified_request(inbound, self.services.keys, SAML2INT, simple=True)
            service = self.services.named(sender)
            request = read_authn_request(signed)
            request = addressed_request(request, service.pinned.facts, self._sso_url, now, SAML2INT)
        except (PeerRequestRefused, AssertionRejected) as error:
            told = refused(error)
            if why := self.services.why_not(unverified_issuer(inbound)):
                told.detail = f"{told.detail} {why}"
            told.peer = service.party.client_id if service is not None else ""
            raise told from error
        return service, request, relay_state

    def _registered(self, origin: Origin) -> KnownService:
        service = self.services.of(origin.service)
        known = service is not None and service.choices.entity_id == origin.issuer
        question = read_question(origin)
        if service is None or not known or question.acs_url not in _urls(service, question):
            raise RequestRefused("the service, or the address of the answer, is registered no more", status=403)
        if not origin.message_id and not service.choices.unsolicited:
            raise RequestRefused("the service takes no answers any more that it did not ask for", status=403)
        return service

    def _head(self, response_id: str, origin: Origin, to: str, now: int) -> ResponseHead:
        return ResponseHead(response_id, now, to, origin.message_id, self._entity_id)

    def _frame(self, grant: Grant, answer_key: bytes, service: KnownService, now: int) -> AssertionFrame:
        subject = service.choices.subject
        is_persistent = subject is SubjectKind.PERSISTENT
        return AssertionFrame(
            assertion_id=message_id(answer_key, "assertion"),
            issue_instant=now,
            issuer=self._entity_id,
            name_id=_name_id(grant, answer_key, subject),
            name_id_format=FORMATS[subject],
            name_qualifier=self._entity_id if is_persistent else "",
            sp_name_qualifier=service.choices.entity_id if is_persistent else "",
            recipient=read_question(grant.origin).acs_url,
            in_response_to=grant.origin.message_id,
            audience=service.choices.entity_id,
            not_before=now,
            not_on_or_after=now + ANSWER_SECONDS,
            authn_instant=grant.authenticated_at,
            context_class=grant.context or context_of(read_question(grant.origin), service, grant.loa),
            authorities=grant.authorities,
            session_index=grant.sid or message_id(answer_key, "session"),
        )

    def _subject(self, grant: Grant, service: KnownService) -> tuple[WireAttribute, ...]:
        """The identifier as an attribute, where the registration has it so."""
        name = _SUBJECTS.get(service.choices.subject)
        value = f"{grant.sub}@{self._scope}"
        return (WireAttribute(name, ATTRNAME_URI, (value,), ()),) if name else ()


def _urls(service: KnownService, question: SamlQuestion) -> Collection[str]:
    """The addresses of the metadata to which such an answer may go."""
    facts = service.pinned.facts
    if question.by_program:
        return facts.paos_urls.values() if service.choices.ecp else ()
    return facts.urls(question.by_artifact)


def idp_metadata(
    issuer: str,
    signer: Signers,
    now: int,
    valid_for: int,
    *,
    operator: Operator | None = None,
    programs: bool = False,
) -> bytes:
    """Our signed metadata for services, which is served at our entity id. `programs`: those of some service may ask."""
    return identity_provider_metadata(
        entity_id=idp_entity_id(issuer),
        sso_url=sso_url(issuer),
        artifact_url=resolution_url(issuer),
        logout={REDIRECT: idp_logout_url(issuer), POST: idp_logout_url(issuer), SOAP: idp_logout_soap_url(issuer)},
        scope=urlsplit(issuer).hostname or "",
        error_url=error_url(issuer),
        ecp_url=ecp_url(issuer) if programs else "",
        operator=operator,
        signer=signer,
        now=now,
        valid_for=valid_for,
    )


def _name_id(grant: Grant, answer_key: bytes, subject: SubjectKind) -> str:
    match subject:
        case SubjectKind.PERSISTENT:
            return grant.sub
        case SubjectKind.MAIL:
            # The purpose requires it in full, or did when the login began
            address = next((str(one.value) for one in grant.attributes if one.name == EMAIL), "")
            if not address:
                raise RequestRefused("the service is named a mail address, and none was released")
            return address
        case _:
            # In a shared sign-in the session's name is the person's, too: so a logout can say whom it is about, and
            # nothing has to be kept for that
            return grant.sid or message_id(answer_key, "transient")


def _codes(error: BrokerError) -> tuple[str, str, str]:
    """Status, second-level status and message of a failure.

    A service learns the same of a citizen who stopped at the country, of one who refused here, and of the policy.
    """
    match error:
        case ServiceRequestRefused():
            return error.saml_status, error.saml_sub_status, f"{error.check}: {error.detail}"
        case RequestRefused():
            status, sub_status = _BY_CODE.get(error.oauth, (REQUESTER, ""))
            return status, sub_status, error.detail
        case AssuranceTooLow():
            return RESPONDER, NO_AUTHN_CONTEXT, ""
        case ReleaseDenied() | AuthenticationFailed() | Replayed() | Suspended():
            return RESPONDER, REQUEST_DENIED, ""
        case _:
            return RESPONDER, "", ""
