"""Senders of requests and logout, their metadata, and the entrances that judge them.

saml2int   a service provider: RSA-2048, P-256 in a rollover; answers go to two addresses of its metadata
eidas      the receiving node of another country: RSA-3072, P-256
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from cryptography.hazmat.primitives.asymmetric import ec

from connectors.attacks.attack_case import Entrance
from connectors.attacks.key_holders import KeyHolder, ec_holder, rsa_holder
from connectors.attacks.messages.drafts import MessageBench, MessageDraft, draft, fresh
from connectors.attacks.metadata_text import SIGNING, key_descriptors
from connectors.attacks.xml_signer import Signing
from connectors.authn_request_checks import receive_authn_request
from connectors.connector import Inbound
from connectors.formats.eidas.metadata import read_pinned_peer
from connectors.formats.eidas.registry import EIDAS as EIDAS_NAMESPACE
from connectors.formats.eidas.registry import MINIMUM, NATURAL
from connectors.formats.grammar import written
from connectors.formats.metadata import read_participant
from connectors.formats.service_provider import read_service_provider
from connectors.logout_checks import ExpectedLogout, receive_logout_request, receive_logout_response
from connectors.node_request import verified_request
from connectors.profiles import EIDAS, SAML2INT, Profile
from connectors.request_checks import Asking, receive_request
from connectors.signatures.algorithms import RSA_PSS_SHA256, RSA_SHA256
from connectors.signatures.pinned_keys import PinnedKey, key_of_certificate
from connectors.signatures.profile import DS
from connectors.signatures.shapes import REQUEST
from connectors.signed_messages import signed_message
from connectors.wire.names import ARTIFACT, ATTRNAME_URI, MD, PAOS, PERSISTENT, POST, SAMLP, SUCCESS
from policies.parties import EntityId

SP = "https://sp.selftest.example/metadata"
ACS = "https://sp.selftest.example/acs"
SECOND_ACS = "https://sp.selftest.example/second/acs"
ARTIFACT_ACS = "https://sp.selftest.example/artifact"
PAOS_ACS = "https://sp.selftest.example/paos"
NODE = "https://fi.selftest.example/eidas/metadata"
NODE_ACS = "https://fi.selftest.example/eidas/acs"
SSO = "https://broker.selftest.example/saml/sso"
SLO = "https://broker.selftest.example/saml/slo"
NODE_SSO = "https://broker.selftest.example/eidas/sso"
METADATA = "metadata.xml"
ENCRYPTED = "urn:oasis:names:tc:SAML:2.0:nameid-format:encrypted"
# How a Destination may be wrong
DESTINATIONS = ("of another", "with a slash", "as the beginning of another", "absent", "empty")
# Base64 of so many octets has no bits that mean nothing
OF_384_OCTETS = {"signature-value-respelled": "signature"}
PinnedKeys = tuple[PinnedKey, ...]
Judge = Callable[[Inbound], object]


@dataclass(frozen=True, slots=True)
class Parties:
    """Everybody of one run, and the ID of our own LogoutRequest that LogoutResponses answer. `now` in seconds."""

    now: int
    sp: KeyHolder
    sp_next: KeyHolder
    node: KeyHolder
    node_next: KeyHolder
    stranger: KeyHolder
    our_request: str = field(repr=False)

    @property
    def sp_metadata(self) -> bytes:
        """The service provider's. It has an address by another binding too, where no answer to a browser ever goes."""
        services = (
            _service(POST, ACS, 0, ' isDefault="true"')
            + _service(POST, SECOND_ACS, 1)
            + _service(ARTIFACT, ARTIFACT_ACS, 2)
            + _service(PAOS, PAOS_ACS, 3)
        )
        wanted = (
            '<md:AttributeConsumingService index="0"><md:ServiceName xml:lang="en">Self-test</md:ServiceName>'
            '<md:RequestedAttribute Name="urn:oid:2.5.4.4"/></md:AttributeConsumingService>'
        )
        # It lists one that we do not have
        formats = "".join(f"<md:NameIDFormat>{uri}</md:NameIDFormat>" for uri in (PERSISTENT, ENCRYPTED))
        role = f"{key_descriptors(SIGNING, self.sp, self.sp_next)}{formats}{services}{wanted}"
        return _entity(SP, "", role).encode()

    def node_metadata(self, sp_type: str = "") -> bytes:
        """The receiving node's, of Finland. Where it has no SPType itself, its requests say theirs."""
        said = f"<md:Extensions><eidas:SPType>{sp_type}</eidas:SPType></md:Extensions>" if sp_type else ""
        country = "<md:Extensions><eidas:NodeCountry>FI</eidas:NodeCountry></md:Extensions>"
        role = f"{country}{key_descriptors(SIGNING, self.node, self.node_next)}{_service(POST, NODE_ACS, 0)}"
        return _entity(NODE, f' xmlns:eidas="{EIDAS_NAMESPACE}"', role, said).encode()


def new_parties(now: int) -> Parties:
    """Everybody, with new keys."""
    return Parties(
        now=now,
        sp=rsa_holder("sp.selftest.example", now),
        sp_next=ec_holder("sp.selftest.example", now, ec.SECP256R1()),
        node=rsa_holder("fi.selftest.example", now, 3072),
        node_next=ec_holder("fi.selftest.example", now, ec.SECP256R1()),
        stranger=rsa_holder("sp.selftest.example", now, 3072),
        our_request=fresh(),
    )


def authn_judge(parties: Parties, keys: PinnedKeys | None = None, *, entity_id: str = SP, here: str = SSO) -> Judge:
    """A service provider's AuthnRequests, as an identity provider receives them.

    Here and below `keys` verify, and the keys of the metadata where none are given: no key at all is an attack too.
    """
    facts = read_service_provider(parties.sp_metadata)
    party = replace(facts, entity_id=entity_id)
    held = _pinned(facts.certificates, SAML2INT) if keys is None else keys
    return lambda inbound: receive_authn_request(inbound, held, party, here, parties.now, SAML2INT)


def node_judge(parties: Parties, metadata: bytes, *, known: bool = False) -> Judge:
    """Another node's AuthnRequests, as a sending node receives them: the node is found by its key and its Issuer.

    `known` says that it is known beforehand, as `ciconia inspect` has it.
    """
    facts = read_pinned_peer(metadata, "connector")
    keys = _pinned(facts.signing, EIDAS)
    asking = Asking(NODE, NODE_ACS, facts.sp_type, facts.name_id_formats)

    def judge(inbound: Inbound) -> object:
        if known:
            signed, _ = signed_message(inbound, "SAMLRequest", keys, REQUEST, EIDAS)
        else:
            signed, _, _, _ = verified_request(inbound, {EntityId(NODE): keys})
        return receive_request(signed, here=NODE_SSO, peer=asking, now=parties.now, profile=EIDAS)

    return judge


def logout_request_judge(
    parties: Parties, keys: PinnedKeys | None = None, *, issuer: str = SP, destination: str = SLO
) -> Judge:
    """LogoutRequests of the service provider."""
    held = participants_keys(parties) if keys is None else keys
    expected = ExpectedLogout(issuer, destination)
    return lambda inbound: receive_logout_request(inbound, held, expected, parties.now, SAML2INT)


def logout_response_judge(parties: Parties, keys: PinnedKeys | None = None, *, request_id: str | None = None) -> Judge:
    """LogoutResponses of the service provider, to our request unless another one is named."""
    held = participants_keys(parties) if keys is None else keys
    expected = ExpectedLogout(SP, SLO, parties.our_request if request_id is None else request_id)
    return lambda inbound: receive_logout_response(inbound, held, expected, parties.now, SAML2INT)


def by_post(name: str, parameter: str, judge: Judge, arguments: tuple[str, ...] | None, metadata: bytes) -> Entrance:
    """Messages by POST. A file holds the XML, or the parameter itself where it does not begin with `<`."""

    def try_one(octets: bytes) -> None:
        text = base64.b64encode(octets).decode() if octets.startswith(b"<") else octets.decode("utf-8", "replace")
        judge(Inbound("post", {parameter: text}))

    return Entrance(name, try_one, arguments, {METADATA: metadata})


def by_redirect(name: str, judge: Judge, arguments: tuple[str, ...] | None, metadata: bytes) -> Entrance:
    """Queries as they came, without their `?`."""

    def try_one(octets: bytes) -> None:
        judge(Inbound("redirect", {}, octets.decode("ascii", "replace")))

    return Entrance(name, try_one, arguments, {METADATA: metadata})


def arguments(kind: str, metadata: str, destination: str, profile: Profile, now: int, *more: str) -> tuple[str, ...]:
    """Arguments that ask `ciconia inspect` the same; `metadata` is the option that names that file."""
    sender = (metadata, f"{{folder}}/{METADATA}", "--destination", destination)
    return ("--as", kind, *sender, "--profile", profile.name, "--at", str(now), *more)


def participants_keys(parties: Parties) -> PinnedKeys:
    """The keys of the service provider, from its metadata."""
    return _pinned(read_participant(parties.sp_metadata).certificates, SAML2INT)


def _pinned(certificates: frozenset[bytes] | tuple[bytes, ...], profile: Profile) -> PinnedKeys:
    return tuple(key_of_certificate(certificate, profile) for certificate in certificates)


def _entity(entity_id: str, namespaces: str, role: str, extensions: str = "") -> str:
    return (
        f'<md:EntityDescriptor xmlns:md="{MD}" xmlns:ds="{DS}"{namespaces} entityID="{entity_id}">{extensions}'
        "<md:SPSSODescriptor"
        f' protocolSupportEnumeration="{SAMLP}" AuthnRequestsSigned="true">{role}</md:SPSSODescriptor>'
        "</md:EntityDescriptor>"
    )


def _service(binding: str, url: str, index: int, default: str = "") -> str:
    return f'<md:AssertionConsumerService Binding="{binding}" Location="{url}" index="{index}"{default}/>'


LOA = "http://eidas.europa.eu/LoA/"
Make = Callable[[], MessageDraft]
BY_PERSON = "urn:oasis:names:tc:SAML:2.0:logout:user"


@dataclass(frozen=True, slots=True)
class MessageDrafts:
    """Good messages, each with an ID of its own."""

    parties: Parties

    def authn_request(self) -> MessageDraft:
        """A service provider's question."""
        children = (
            f'<samlp:NameIDPolicy AllowCreate="true" Format="{PERSISTENT}"/>'
            '<samlp:RequestedAuthnContext Comparison="minimum">'
            f"<saml:AuthnContextClassRef>{LOA}substantial</saml:AuthnContextClassRef></samlp:RequestedAuthnContext>"
        )
        said = {"Destination": SSO, "AssertionConsumerServiceURL": ACS, "ProtocolBinding": POST, "ForceAuthn": "true"}
        return draft("AuthnRequest", SP, children, self.parties.now, **said)

    def node_request(self) -> MessageDraft:
        """A node's question for the minimum data set of a natural person."""
        asked = "".join(
            f'<eidas:RequestedAttribute FriendlyName="{NATURAL[name].friendly_name}" Name="{name}"'
            f' NameFormat="{ATTRNAME_URI}" isRequired="true"/>'
            for name in MINIMUM
        )
        children = (
            f'<samlp:Extensions xmlns:eidas="{EIDAS_NAMESPACE}"><eidas:SPType>public</eidas:SPType>'
            f"<eidas:RequestedAttributes>{asked}</eidas:RequestedAttributes></samlp:Extensions>"
            f'<samlp:NameIDPolicy AllowCreate="true" Format="{PERSISTENT}"/>'
            '<samlp:RequestedAuthnContext Comparison="minimum">'
            f"<saml:AuthnContextClassRef>{LOA}substantial</saml:AuthnContextClassRef></samlp:RequestedAuthnContext>"
        )
        said = {"Destination": NODE_SSO, "ForceAuthn": "true", "IsPassive": "false", "ProviderName": "Self-test"}
        return draft("AuthnRequest", NODE, children, self.parties.now, **said)

    def logout_request(self) -> MessageDraft:
        """Ends one session of somebody who is invented, and visibly so."""
        children = (
            f'<saml:NameID Format="{PERSISTENT}" SPNameQualifier="{SP}">nobody-of-the-selftest</saml:NameID>'
            f"<samlp:SessionIndex>{fresh()}</samlp:SessionIndex>"
        )
        said = {"Destination": SLO, "NotOnOrAfter": written(self.parties.now + 300), "Reason": BY_PERSON}
        return draft("LogoutRequest", SP, children, self.parties.now, **said)

    def logout_response(self) -> MessageDraft:
        """Answers our request."""
        children = f'<samlp:Status><samlp:StatusCode Value="{SUCCESS}"/></samlp:Status>'
        said = {"Destination": SLO, "InResponseTo": self.parties.our_request}
        return draft("LogoutResponse", SP, children, self.parties.now, **said)


@dataclass(frozen=True, slots=True)
class MessageBenches:
    """The entrances by POST. `typed_node` is a node whose metadata says its SPType.

    `nothing` are those of expectations of which a part is empty, and which nothing may match: inspection takes none such.
    """

    authn: MessageBench
    node: MessageBench
    logout_request: MessageBench
    logout_response: MessageBench
    typed_node: MessageBench
    nothing: Mapping[str, MessageBench]

    @property
    def each(self) -> tuple[MessageBench, ...]:
        """The four kinds of message."""
        return self.authn, self.node, self.logout_request, self.logout_response


def message_benches(parties: Parties) -> MessageBenches:
    """Prepare all entrances once."""
    drafts, now = MessageDrafts(parties), parties.now
    sp, node, typed = parties.sp_metadata, parties.node_metadata(), parties.node_metadata("private")
    of_node = arguments("authn-request", "--sp-metadata", NODE_SSO, EIDAS, now)
    ask, end, answer = drafts.authn_request, drafts.logout_request, drafts.logout_response

    def of_provider(name: str, judge: Judge, make: Make, other: Make, asked: tuple[str, ...] | None = None) -> MessageBench:
        parameter, how = "SAMLResponse" if make == answer else "SAMLRequest", Signing(method=RSA_SHA256)
        entrance = by_post(name, parameter, judge, asked, sp)
        return MessageBench(name, entrance, parameter, parties.sp, parties.sp_next, how, make, parties.stranger, other, now)

    def of_country(name: str, metadata: bytes) -> MessageBench:
        parameter, how, make = "SAMLRequest", Signing(method=RSA_PSS_SHA256), drafts.node_request
        entrance = by_post(name, parameter, node_judge(parties, metadata), of_node, metadata)
        keys = parties.node, parties.node_next
        return MessageBench(
            name, entrance, parameter, *keys, how, make, parties.stranger, end, now, otherwise=OF_384_OCTETS
        )

    def empty(what: str, judge: Judge, make: Make) -> MessageBench:
        return of_provider(f"nothing expected: {what}", judge, make, end)

    of_sp = arguments("authn-request", "--sp-metadata", SSO, SAML2INT, now)
    of_logout = arguments("logout-request", "--metadata", SLO, SAML2INT, now)
    answering = arguments("logout-response", "--metadata", SLO, SAML2INT, now, "--request-id", parties.our_request)
    nothing = {
        "requests of nobody": (authn_judge(parties, entity_id=""), ask),
        "requests to nowhere": (authn_judge(parties, here=""), ask),
        "logout of nobody": (logout_request_judge(parties, issuer=""), end),
        "logout to nowhere": (logout_request_judge(parties, destination=""), end),
        "logout that nobody asked": (logout_response_judge(parties, request_id=""), answer),
    }
    return MessageBenches(
        authn=of_provider("authn-request saml2int", authn_judge(parties), ask, end, of_sp),
        node=of_country("authn-request eidas", node),
        logout_request=of_provider("logout-request", logout_request_judge(parties), end, answer, of_logout),
        logout_response=of_provider("logout-response", logout_response_judge(parties), answer, end, answering),
        typed_node=of_country("authn-request eidas typed", typed),
        nothing={what: empty(what, judge, make) for what, (judge, make) in nothing.items()},
    )
