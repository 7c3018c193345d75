"""eIDAS as a receiving node: one signed question to another country's node, one signed and encrypted answer by POST.

The other node's kind, addresses and keys come from its approved metadata of that moment (`connectors.metadata.peers`),
never from a message. The rules of a request and of a response are the eIDAS Message Format's.
"""

import secrets
from collections.abc import Sequence
from typing import Protocol

from connectors.acting import acting_for, check_taken, namespace_of
from connectors.connector import Ask, Examined, Expectation, Inbound, Outbound
from connectors.deviations import Tolerance, tolerance
from connectors.eidas_checks import (
    acting,
    check_authentication_context,
    check_name_format,
    check_node,
    check_status,
    identifier_of,
    kind_of,
    levels_to_ask,
    names_of,
    offered_attributes,
)
from connectors.formats.eidas.registry import (
    LEGAL_MINIMUM,
    LEGAL_PERSON,
    LEGAL_PERSON_IDENTIFIER,
    NATURAL_PERSON,
    PERSON_IDENTIFIER,
    PROTOCOL_VERSIONS,
    known_to,
    spoken,
    with_additional,
)
from connectors.formats.eidas.request import EidasRequest, RequestedAttribute, asked_attributes, request_element
from connectors.formats.eidas.response import EidasAssertionMessage, read_assertion, read_response
from connectors.mapping import beside
from connectors.metadata.peers import PeerInUse
from connectors.metadata.pinned_provider import misconfigured
from connectors.profiles import EIDAS
from connectors.request_checks import MAX_REQUESTER_ID
from connectors.response_checks import (
    Envelope,
    Recipient,
    check_assertion,
    check_response,
    posted_response,
)
from connectors.signatures.parse import from_post
from connectors.signatures.shapes import ENCRYPTED_RESPONSE
from connectors.signatures.signer import DecryptionKey, DecryptionKeys, Signers, decrypting
from connectors.signatures.verification_result import UnsignedMessage
from connectors.signatures.xmldsig import verify
from connectors.signatures.xmlenc import open_assertion
from connectors.signed_messages import foreseen, signed_for_browser
from connectors.wire import names
from policies.authentication import Assertion, Offered, Requester
from policies.catalogue import Catalogue
from policies.errors import AllRevoked, BrokerError, PeerUnavailable, SignatureInvalid
from policies.parties import EntityId, IdentityProvider
from policies.persons import ABOUT_A_COMPANY, PersonKind

REQUEST_ID_BYTES = 20  # SAML Core 2.0 §1.3.4: at least 128 random bits, 160 are better

_BINDINGS = {"redirect": names.REDIRECT, "post": names.POST}
# A citizen is known by PersonIdentifier, so any NameID does: a format is asked for that nobody can fail to give
_FORMATS = (names.UNSPECIFIED, names.PERSISTENT, names.TRANSIENT)


class ApprovedPeers(Protocol):
    """Other countries' nodes, as far as they are approved and valid: `connectors.metadata.peers.Peers`."""

    def current(self, entity_id: EntityId, now: int) -> PeerInUse:
        """The node as it may be asked now. Raises `PeerUnavailable`."""


class EidasConnector:
    """Asks one country's node, the `peer` of a registration. Implements `connectors.connector.Connector`.

    `entity_id`, `acs_url` and `country` (ISO 3166-1 alpha-2) are ours, `unwrappers` our decryption keys, the newest first.
    Without a `country`, for inspection, identifiers for any country pass.
    """

    def __init__(
        self,
        *,
        provider: IdentityProvider,
        entity_id: str,
        acs_url: str,
        signer: Signers,
        unwrappers: Sequence[DecryptionKey] | DecryptionKeys,
        peers: ApprovedPeers,
        country: str | None,
        catalogue: Catalogue,
    ) -> None:
        self._provider = provider
        self._here = Recipient(entity_id=entity_id, acs_url=acs_url)
        self._signer, self._unwrappers, self._peers = signer, decrypting(unwrappers), peers
        self._country, self._catalogue, self._registry = country, catalogue, with_additional(catalogue)
        if provider.peer is None or provider.binding not in _BINDINGS:
            raise misconfigured(
                provider.source,
                "peer",
                "A country's node has no metadata address, or is asked by a binding that there is not.",
                "Name the address and the certificate of its metadata, and `redirect` or `post`.",
            )
        if not provider.assurance or country == "" or not unwrappers:
            raise misconfigured(
                provider.source,
                "assurance",
                "No level of assurance, no country of ours or no key for decryption: every answer would be refused.",
                "Map at least one level, or leave the table out for the eIDAS URIs; set `country`; make the node's keys.",
            )
        self._peer = provider.peer

    def request(self, ask: Ask, now: int) -> tuple[Outbound, Expectation]:
        """A signed AuthnRequest (eIDAS Message Format), and what its answer must match.

        Nobody is sent to a node that must refuse us, or whose every answer we would refuse. Raises `PeerUnavailable`,
        `AssuranceTooLow` (it publishes no level that reaches the minimum) and `AllRevoked`.
        """
        peer = self._peers.current(self._peer.entity_id, now)
        self._check_peer(peer)
        if not self._unwrappers(now):
            raise AllRevoked("every key that could open the answer is revoked: `ciconia keys list`")
        if ask.requester is None:
            raise BrokerError("a question to another country on behalf of nobody")
        comparison, contexts = levels_to_ask(self._provider.assurance, peer.facts.assurance, ask.minimum_assurance)
        binding = self._binding(peer)
        name_format = next((known for known in _FORMATS if known in peer.facts.name_id_formats), "")
        request = EidasRequest(
            request_id="_" + secrets.token_hex(REQUEST_ID_BYTES),
            issue_instant=now,
            destination=peer.url(binding),
            issuer=self._here.entity_id,
            provider_name=ask.requester.provider_name,
            sp_type=ask.requester.sp_type,
            requester_id=_requester_id(ask.requester, peer),
            comparison=comparison,
            contexts=contexts,
            attributes=self._attributes(ask, peer),
            name_id_format=name_format,
        )
        expectation = Expectation(
            provider_id=self._provider.provider_id,
            request_id=request.request_id,
            issued_at=now,
            minimum_assurance=ask.minimum_assurance,
            # §3: the profile always forces it, so an older authentication is no answer
            force_authentication=True,
            max_age=ask.max_age,
            name_id_format=name_format,
        )
        element, signer = request_element(request, self._registry), self._signer.at(now)
        sent = signed_for_browser(element, request.destination, binding, ask.relay_state, signer=signer, profile=EIDAS)
        return sent, expectation

    def receive(self, inbound: Inbound, expectation: Expectation, now: int) -> Assertion:
        """Judge a Response. Raises `PeerUnavailable`, and `AssertionRejected` with a name of `connectors.checks`."""
        return self.examine(inbound, expectation, now).assertion

    # The plan (eIDAS Message Format, docs/threats.md). Each block below has its number.
    #  1. An answer for this registration, by POST, one parameter.
    #  2. The keys are those of the node that was asked, approved and in force now: another country's response fails here.
    #  3. The Response is signed. Nothing of it is looked at before, and nothing is decrypted before.
    #  4. Where to, when, from whom, to what; a failure is signed too and brings no assertion.
    #  5. Exactly one EncryptedAssertion, for us; what was in it went through the plan of `verify` again.
    #  6. Meaning: time, issuer, subject confirmation, conditions, authentication, level, NameID.
    #  7. The person: country of the node, identifier between its country and ours; then what is offered.
    @foreseen
    def examine(self, inbound: Inbound, expectation: Expectation, now: int) -> Examined:
        """Like `receive`; adds the message's own names and values."""
        # 1.
        octets = from_post(posted_response(inbound, self._provider.provider_id, expectation))
        # 2.
        peer = self._peers.current(self._peer.entity_id, now)
        self._check_peer(peer)
        keys = peer.signing_keys(now)
        # 3.
        message = verify(octets, keys, ENCRYPTED_RESPONSE, EIDAS)
        if isinstance(message, UnsignedMessage):
            raise SignatureInvalid("signature_missing", "a Response that nobody signed")
        response = read_response(message.signed)
        # 4.
        envelope = Envelope(signed=True, has_assertion=response.encrypted > 0)
        check_response(response, self._peer.entity_id, self._here, expectation, now, envelope=envelope, profile=EIDAS)
        check_status(response)
        # 5.
        taken = tolerance(EIDAS, self._peer.deviations)
        assertion = read_assertion(
            open_assertion(message.signed, self._unwrappers(now), keys, EIDAS), taken, self._registry
        )
        return self._judge(assertion, response.response_id, peer, taken, expectation, now)

    def _judge(
        self,
        assertion: EidasAssertionMessage,
        response_id: str,
        peer: PeerInUse,
        taken: Tolerance,
        expectation: Expectation,
        now: int,
    ) -> Examined:
        # 6.
        issuer, here = self._peer.entity_id, self._here
        authentication, level, ends = check_assertion(
            assertion, self._provider, issuer, here, expectation, now, profile=EIDAS, tolerance=taken
        )
        check_authentication_context(authentication.context_class, peer.facts.assurance)
        check_name_format(assertion.subject.name_format, expectation.name_id_format)
        # 7.
        kind = kind_of(assertion.sets)
        check_taken(kind, self._provider)
        subject, represented = self._identifiers(kind, assertion)
        names = names_of(kind, self._catalogue, self._registry)
        offered = offered_attributes(assertion.attributes, names, self._catalogue)
        table = {uri: name for name, uri in names.items()}
        judged = Assertion(
            provider_id=self._provider.provider_id,
            issuer=issuer,
            namespace=namespace_of(self._provider.namespace, kind),
            subject=subject,
            offered=Offered(attributes=offered, loa=level),
            response_id=response_id,
            assertion_id=assertion.assertion_id,
            authenticated_at=authentication.instant,
            not_on_or_after=ends,
            session_ends=authentication.session_not_on_or_after or 0,
            deviations=taken.used,
            beside=beside(assertion.attributes, table, offered.keys()),
            said=authentication.context_class,
            kind=kind,
            acting_for=acting_for(kind, self._provider, offered, represented),
        )
        said = {uri: tuple(value.text for value in values) for uri, values in assertion.attributes.items()}
        return Examined(judged, assertion.subject.name_format, assertion.subject.value, said)

    def _identifiers(self, kind: PersonKind, assertion: EidasAssertionMessage) -> tuple[str, str]:
        """The identifiers of the person who signed in, and of the one who is represented ("" where nobody is)."""
        plain = LEGAL_PERSON_IDENTIFIER if LEGAL_PERSON in assertion.sets else PERSON_IDENTIFIER
        uris = (acting(PERSON_IDENTIFIER), plain) if kind.acts else (plain,)
        here, there = self._country, self._provider.country
        found = [identifier_of(assertion.attributes, uri, sending=there, receiving=here) for uri in uris]
        return found[0], found[1] if kind.acts else ""

    def _check_peer(self, peer: PeerInUse) -> None:
        """Held when its metadata came, and stated once more: the country is the registration's, a version is common."""
        check_node(peer.facts.country, self._provider.country)
        if {spoken(version) for version in peer.facts.versions}.isdisjoint(PROTOCOL_VERSIONS):
            theirs, ours = ", ".join(sorted(peer.facts.versions)) or "none", ", ".join(PROTOCOL_VERSIONS)
            what = f"{self._peer.entity_id} speaks no protocol version that we speak: {theirs}; ours are {ours}."
            raise PeerUnavailable(f"{what} Its operator, or an update of ours, can mend this.")

    def _binding(self, peer: PeerInUse) -> str:
        """The registration's binding where the node has it, else the one that it has."""
        wished = _BINDINGS[self._provider.binding]
        offered = [binding for binding, _ in sorted(peer.facts.endpoints) if binding in _BINDINGS.values()]
        return wished if wished in offered or not offered else offered[0]

    def _attributes(self, ask: Ask, peer: PeerInUse) -> tuple[RequestedAttribute, ...]:
        """The minimum data set of each kind that is taken, then what of the need the node supports.

        isRequired is the registry's, not ours. A representative's attributes are never asked for: they come by themselves.
        """
        kinds = ask.persons & self._provider.persons
        sets = [NATURAL_PERSON] if kinds - ABOUT_A_COMPANY else []
        if kinds & ABOUT_A_COMPANY and peer.facts.attributes >= {*LEGAL_MINIMUM}:
            sets.append(LEGAL_PERSON)
        if not sets:
            raise PeerUnavailable(f"{self._peer.entity_id} knows nobody of the kinds of person that this service takes.")
        rows = [self._catalogue.attributes[name] for name in ask.attributes if name in self._catalogue.attributes]
        needed = {row.eidas_name for row in rows} & known_to(peer.version, peer.facts.attributes)
        known = self._registry.items()
        return asked_attributes(
            (uri for uri, row in known if uri in needed and (row.additional or row.namespace in sets)), sets, self._registry
        )


def _requester_id(requester: Requester, peer: PeerInUse) -> str:
    """The RequesterID, only where the node demands it. A blind relying party has none."""
    if not peer.facts.wants_requester_id:
        return ""
    if not 0 < len(requester.requester_id) <= MAX_REQUESTER_ID:
        what = f"{peer.peer.entity_id} wants a RequesterID, and this relying party has none that may be told."
        raise PeerUnavailable(f"{what} Its registration can mend this (blind, requester_id), or leave the country out.")
    return requester.requester_id
