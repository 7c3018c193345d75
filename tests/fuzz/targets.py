"""The fuzzer's targets: each takes octets, and raises `Broken` for a finding.

responses  a SAML response, as it comes, or signed at the response, at the assertion or at both, plain and encrypted; both
           profiles
metadata   signed metadata of a node and of an entity, and a pinned file
queries    a signed query as it comes, or of any message; a wish for a choice of discovery
tokens     an id_token, a client assertion and a logout token as they come, or with any header and claims
messages   a request, a logout, both messages of a resolution: as they come, or signed, alone or in a SOAP envelope, or as
           a form with a signature beside
notes      a checkpoint, a proof, a receipt
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from lxml import etree

from connectors.addresses import FetchError
from connectors.attacks.messages.over_soap import soap_benches
from connectors.attacks.messages.parties import message_benches, new_parties
from connectors.attacks.xml_signer import ECDSA_SHA256
from connectors.client_assertion import ExpectedClientAssertion, judge_client_assertion
from connectors.connector import Inbound
from connectors.discovery import discovery_request
from connectors.dpop_proof import ExpectedProof, judge_dpop_proof
from connectors.formats.artifact import (
    in_envelope,
    read_artifact,
    read_artifact_resolve,
    read_artifact_response,
    read_signed_resolve,
)
from connectors.formats.authn_request import read_authn_request
from connectors.formats.eidas.metadata import read_pinned_peer
from connectors.formats.eidas.request import read_request
from connectors.formats.eidas.response import read_assertion, read_response
from connectors.formats.logout import read_logout_request, read_logout_response
from connectors.formats.metadata import read_identity_provider
from connectors.formats.saml import read_signed_assertion, read_signed_response, read_unverified_response
from connectors.id_token import ExpectedIdToken, judge_id_token
from connectors.logout_token import ExpectedLogoutToken, judge_logout_token
from connectors.metadata.judgement import facts_of_entity, facts_of_node, signed_octets
from connectors.profiles import EIDAS, SAML2INT
from connectors.saml_sp.connector import SamlConnector
from connectors.signatures.decryption_keys import unwrapper_of_pem
from connectors.signatures.jwk import public_jwk
from connectors.signatures.parse import parse_canonical
from connectors.signatures.redirect import verify_query
from connectors.signatures.shapes import (
    ARTIFACT_RESOLVE,
    ENCRYPTED_RESPONSE,
    LOGOUT_REQUEST,
    LOGOUT_RESPONSE,
    OR_ENCRYPTED,
    REQUEST,
    RESPONSE,
)
from connectors.signatures.signer import NoSigner
from connectors.signatures.verification_result import Signed, SignedMessage, UnsignedMessage
from connectors.signatures.xmldsig import Shape, verify
from connectors.signatures.xmlenc import open_assertion
from connectors.signed_messages import signed_message
from connectors.wire.names import saml
from idp.ledger.checkpoint import TreeHead, VerifierKey, open_note, sign_note
from idp.receipts.inclusion_proof import read_proof
from idp.receipts.receipt import MEMBERS, signed_receipt
from idp.receipts.receipt_verify import verify_receipt
from policies.errors import AssertionRejected, BrokerError, RequestRefused, SignatureInvalid
from policies.parties import EntityId
from tests.connectors import forge
from tests.fuzz.mutating import parsed
from tests.fuzz.reading import by_expat, by_lxml
from tests.fuzz.world import SIGNATURE, World, canonical

NAME = "https://log.example"


class Broken(Exception):
    """A finding: something happened that never may."""


@dataclass(frozen=True, slots=True)
class Target:
    """`run` tries octets; `seeds` are where it starts."""

    run: Callable[[bytes], None]
    seeds: Sequence[bytes]
    xml: bool


def targets(world: World) -> Mapping[str, Target]:
    """All of them, over one world."""
    return {
        "responses": Responses(world).target(),
        "metadata": Metadata(world).target(),
        "queries": Queries(world).target(),
        "tokens": Tokens(world).target(),
        "messages": Messages(world).target(),
        "notes": Notes().target(),
    }


def refused(error: AssertionRejected) -> None:
    """A refusal is fine, unless it is one that nobody foresaw."""
    if error.check == "unforeseen":
        raise Broken(f"unforeseen: {error.detail}")


def held(world: World, signed: Signed) -> None:
    """The oracle: these octets were signed by the key that was asked for, and two parsers read the same in them."""
    if not world.made(signed.octets):
        raise Broken("octets were accepted that nobody signed")
    read_alike(signed.octets)


def read_alike(octets: bytes) -> None:
    """Two parsers that share no code read the same. Names that only later editions of XML have are beyond expat."""
    try:
        theirs = by_expat(octets)
    except ValueError:
        names = [str(name) for element in etree.fromstring(octets).iter() for name in (element.tag, *element.attrib)]
        if all(name.isascii() for name in names):
            raise Broken("two parsers differ about what is XML") from None
        return
    if by_lxml(octets) != theirs:
        raise Broken("two parsers read different things")


class Responses:
    """A byte chooses how it is signed, then comes the message."""

    def __init__(self, world: World) -> None:
        self._world = world
        party = forge.party(world.key)
        provider = forge.provider(forge.metadata(party))
        ours = unwrapper_of_pem(world.our_pem)
        self._unwrappers = (ours,)
        parts = {"provider": provider, "entity_id": forge.SP, "acs_url": forge.ACS, "signer": NoSigner()}
        self._plain = SamlConnector(**parts)  # type: ignore[arg-type] # the same parts for both
        self._encrypted = SamlConnector(**parts, unwrappers=self._unwrappers)  # type: ignore[arg-type] # as above

    def target(self) -> Target:
        """Seeds for every way of signing, and one that is signed already."""
        message = forge.Reply().xml()
        failure = forge.Reply(assertions=False, status=forge.FAILED).xml()
        ready = b"\x00" + self._signed(message, response=True, assertion=False, encrypt=False)
        return Target(self.run, [ready, *(bytes([how]) + message for how in range(8)), b"\x01" + failure], xml=True)

    def run(self, octets: bytes) -> None:
        """Sign as the first byte says, then judge by both profiles."""
        how, message = octets[:1] or b"\x00", octets[1:]
        number = how[0] % 8
        if number:
            try:
                message = self._signed(message, response=number & 1 > 0, assertion=number & 2 > 0, encrypt=number & 4 > 0)
            except ValueError:
                return
        self._verified(message)
        inbound = forge.post(message)
        for connector in (self._plain, self._encrypted):
            try:
                connector.examine(inbound, forge.expectation(), forge.NOW)
            except AssertionRejected as error:
                refused(error)

    def _signed(self, message: bytes, *, response: bool, assertion: bool, encrypt: bool) -> bytes:
        root = parsed(message)
        if root is None:
            raise ValueError("no document")
        inner = root.find(f"{{{forge.SAML}}}Assertion")
        for signable in [root] if inner is None else [root, inner]:
            for signature in signable.findall(SIGNATURE):
                signable.remove(signature)
        if inner is not None:
            if assertion:
                self._world.sign(inner, 1)
            if encrypt:
                root.replace(inner, self._world.encrypt(canonical(inner)))
        if response:
            self._world.sign(root, 1)
        return canonical(root)

    def _verified(self, message: bytes) -> None:
        for shape, profile, key in (
            (RESPONSE, SAML2INT, self._world.pinned),
            (OR_ENCRYPTED, SAML2INT, self._world.pinned),
            (ENCRYPTED_RESPONSE, EIDAS, self._world.eidas),
        ):
            try:
                match verify(message, [key], shape, profile):
                    case UnsignedMessage(unverified_octets=unverified):
                        read_unverified_response(unverified)
                    case SignedMessage(signed=signed, unverified_envelope=b""):
                        held(self._world, signed)
                        if profile is EIDAS:
                            read_response(signed)
                        else:
                            read_signed_response(signed, encrypted=shape is OR_ENCRYPTED)
                        if parse_canonical(signed.octets).find(saml("EncryptedAssertion")) is not None:
                            opened = open_assertion(signed, self._unwrappers, [key], profile)
                            read_alike(opened.octets)
                            (read_assertion if profile is EIDAS else read_signed_assertion)(opened)
                    case SignedMessage(signed=signed):
                        held(self._world, signed)
                        read_signed_assertion(signed)
            except AssertionRejected as error:
                refused(error)


class Metadata:
    """A byte chooses whether it is signed."""

    def __init__(self, world: World) -> None:
        self._world = world

    def target(self) -> Target:
        """A provider's and, in shape, a node's."""
        plain = forge.metadata(forge.party(self._world.key)).replace(
            b"entityID=", b'ID="_m" validUntil="2026-12-01T00:00:00Z" entityID='
        )
        return Target(self.run, [b"\x00" + plain, b"\x01" + plain], xml=True)

    def run(self, octets: bytes) -> None:
        """Judge as fetched metadata, and as a pinned file."""
        how, message = octets[:1] or b"\x00", octets[1:]
        if how[0] % 2:
            root = parsed(message)
            if root is None:
                return
            try:
                self._world.sign(root, 0)
                message = canonical(root)
            except ValueError:
                return
        self._fetched(message)
        for read in (
            lambda text: read_identity_provider(text, EntityId(forge.IDP)),
            lambda text: read_pinned_peer(text, "proxy"),
        ):
            try:
                read(message)
            except ValueError:
                pass
            except AssertionRejected as error:
                refused(error)

    def _fetched(self, message: bytes) -> None:
        for key, profile in ((self._world.pinned, SAML2INT), (self._world.eidas, EIDAS)):
            try:
                signed = signed_octets(message, (key,), profile)
                held(self._world, signed)
                facts_of_entity(signed, profile)
                facts_of_node(signed, "proxy")
                facts_of_node(signed, "connector")
            except FetchError as error:
                if error.check == "unforeseen":
                    raise Broken("unforeseen") from error


class Queries:
    """A byte chooses: a query as it comes, or a message that is put into one and signed."""

    def __init__(self, world: World) -> None:
        self._world = world

    def target(self) -> Target:
        """A request, a response, and a query that is signed already."""
        request = forge.Reply().xml().replace(b"samlp:Response", b"samlp:AuthnRequest")
        ready = self._world.query("SAMLRequest", request, b"state").encode()
        wish = b"\x00entityID=x&return=" + forge.ACS.encode()
        return Target(self.run, [b"\x00" + ready, b"\x01" + request, b"\x02" + forge.Reply().xml(), wish], xml=True)

    def run(self, octets: bytes) -> None:
        """Judge as a request and as a response; what is accepted was signed as it stood."""
        how, message = octets[:1] or b"\x00", octets[1:]
        parameter = "SAMLResponse" if how[0] & 2 else "SAMLRequest"
        self._chosen(message.decode("latin-1"))
        raw = self._world.query(parameter, message, b"r") if how[0] & 1 or how[0] & 2 else message.decode("latin-1")
        for expected in ("SAMLRequest", "SAMLResponse"):
            for profile, key in ((SAML2INT, self._world.pinned), (EIDAS, self._world.eidas)):
                try:
                    signed, _ = verify_query(raw, expected, [key], profile)
                except AssertionRejected as error:
                    refused(error)
                    continue
                parts = dict(piece.split("=", 1) for piece in raw.split("&"))
                covered = "&".join(f"{name}={parts[name]}" for name in (expected, "RelayState", "SigAlg") if name in parts)
                if not self._world.made(covered.encode()):
                    raise Broken("a query was accepted that nobody signed")
                read_alike(signed.octets)
                try:
                    read_request(signed)
                except AssertionRejected as error:
                    refused(error)

    def _chosen(self, text: str) -> None:
        """A wish for a choice leads back to the registered address, or nowhere."""
        try:
            found = discovery_request(dict(parse_qsl(text)), (forge.ACS,))
        except RequestRefused:
            return
        if found.answer("urn:x").partition("?")[0] != forge.ACS:
            raise Broken("a browser is sent to an address that nobody registered")


class Messages:
    """A byte chooses: signed inside or not, in an envelope or not, or in a form with a signature beside."""

    def __init__(self, world: World) -> None:
        self._world = world

    def target(self) -> Target:
        """One of each kind, of the attack corpus; an envelope, and an artifact."""
        parties = new_parties(forge.NOW)
        benches = (*message_benches(parties).each, *soap_benches(parties))
        seeds = [bytes([how]) + bench.draft().xml for bench in benches for how in (1, 3, 5)]
        return Target(self.run, [*seeds, b"\x00" + in_envelope(benches[2].draft().xml), b"\x00AAQAAQ=="], xml=True)

    def run(self, octets: bytes) -> None:
        """Judge as each kind: by POST, over SOAP, beside a form, and as the parts of a resolution."""
        how, message = (octets[:1] or b"\x00")[0], octets[1:]
        if how & 1 and (root := parsed(message)) is not None:
            try:
                self._world.sign(root, 1)
                message = canonical(root)
            except ValueError:
                return
        if how & 2:
            message = in_envelope(message)
        value = self._world.raw_signature(
            self._world.remember(b"SAMLRequest=" + message + f"&SigAlg={ECDSA_SHA256}".encode())
        )
        sent = {"SAMLRequest": base64.b64encode(message).decode()}
        beside = {"SigAlg": ECDSA_SHA256, "Signature": base64.b64encode(value).decode()}
        inbounds = [Inbound("post", sent), Inbound("soap", {}, message.decode("utf-8", "replace"))]
        inbounds += [Inbound("post", {**sent, **beside})] if how & 4 else []
        for inbound in inbounds:
            for shape, read in _KINDS:
                self._judged(inbound, shape, read)
        for look in (read_artifact_resolve, read_artifact_response, lambda text: read_artifact(text.decode("latin-1"))):
            try:
                look(message)
            except AssertionRejected as error:
                refused(error)

    def _judged(self, inbound: Inbound, shape: Shape, read: Callable[[Signed], object]) -> None:
        try:
            signed, _ = signed_message(inbound, "SAMLRequest", [self._world.pinned], shape, SAML2INT, simple=True)
            if "Signature" not in inbound.parameters:
                held(self._world, signed)
            read_alike(signed.octets)
            read(signed)
        except AssertionRejected as error:
            refused(error)


_KINDS: Sequence[tuple[Shape, Callable[[Signed], object]]] = (
    (REQUEST, read_authn_request),
    (LOGOUT_REQUEST, read_logout_request),
    (LOGOUT_RESPONSE, read_logout_response),
    (ARTIFACT_RESOLVE, read_signed_resolve),
)


class Tokens:
    """A byte chooses: a token as it comes, or a header and claims, with a zero byte between, that are signed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._claims = {
            "iss": forge.IDP, "sub": "subject", "aud": "client", "iat": forge.NOW, "exp": forge.NOW + 300, "nonce": "n",
            "acr": "http://eidas.europa.eu/LoA/high", "auth_time": forge.NOW, "name": "\u674e", "jti": "j", "azp": "client",
        }  # fmt: skip

    def target(self) -> Target:
        """One of each kind."""
        header = self._world.token_header()
        claims = json.dumps(self._claims).encode()
        client = json.dumps({**self._claims, "iss": "client", "sub": "client", "aud": forge.SP}).encode()
        events: dict[str, dict[str, str]] = {"http://schemas.openid.net/event/backchannel-logout": {}}
        logout = json.dumps({**{k: v for k, v in self._claims.items() if k != "nonce"}, "events": events}).encode()
        ready = self._world.token(header, claims).encode()
        typed = header.replace(b'"JWT"', b'"logout+jwt"')
        made = [b"\x01" + header + b"\x00" + body for body in (claims, client)]
        jwk = public_jwk(self._world.key.public_key())
        proof = json.dumps({"alg": "ES256", "typ": "dpop+jwt", "jwk": jwk}).encode()
        request = json.dumps({"htm": "POST", "htu": forge.SP, "iat": forge.NOW, "jti": "j"}).encode()
        more = [b"\x01" + typed + b"\x00" + logout, b"\x01" + proof + b"\x00" + request]
        return Target(self.run, [b"\x00" + ready, *made, *more], xml=False)

    def run(self, octets: bytes) -> None:
        """Judge as every kind; what is accepted was signed."""
        how, rest = octets[:1] or b"\x00", octets[1:]
        if how[0] & 1:
            header, _, claims = rest.partition(b"\x00")
            token = self._world.token(header, claims)
        else:
            token = rest.decode("latin-1")
        keys, now = [self._world.token_key], forge.NOW
        judges: Sequence[Callable[[], object]] = (
            lambda: judge_id_token(token, keys, ExpectedIdToken(forge.IDP, "client", "ES256", "n", None), now),
            lambda: judge_client_assertion(token, keys, ExpectedClientAssertion("client", forge.SP, "ES256"), now),
            lambda: judge_dpop_proof((token,), ExpectedProof("POST", (forge.SP,), ("ES256",)), now),
            lambda: judge_logout_token(token, keys, ExpectedLogoutToken(forge.IDP, "client", "ES256"), now),
        )
        accepted = 0
        for judge in judges:
            try:
                judge()
                accepted += 1
            except AssertionRejected as error:
                refused(error)
        if accepted > 1:
            raise Broken("one token was accepted as two kinds")
        if accepted and not self._world.made(base64.urlsafe_b64decode(token.split(".")[1] + "==")):
            raise Broken("claims were accepted that nobody signed")


class Notes:
    """A byte chooses: a text as it comes, one that the log signs first, or a receipt that it signs first."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self._verifier = VerifierKey(NAME, self._key.public_key().public_bytes_raw())
        self._signed: set[str] = set()

    def target(self) -> Target:
        """A checkpoint, a proof and the beginning of a receipt."""
        head = f"{NAME}\n4\n{base64.b64encode(hashlib.sha256(b'').digest()).decode()}\n"
        note = sign_note(head, NAME, self._key)
        self._signed.add(head)
        proof = f"c2sp.org/tlog-proof@v1\nindex 0\n{base64.b64encode(b'x' * 32).decode()}\n\n{note}"
        receipt = json.dumps({name: {} for name in sorted(MEMBERS)})
        seeds = (b"\x00" + note.encode(), b"\x00" + proof.encode(), b"\x01" + head.encode(), b"\x02" + receipt.encode())
        return Target(self.run, seeds, xml=False)

    def run(self, octets: bytes) -> None:
        """Read what auditors and citizens bring: only what was signed may be accepted."""
        how, text = octets[:1] or b"\x00", octets[1:]
        if how[0] % 3 == 1:
            said = text.decode("utf-8", "replace")
            self._signed.add(said)
            text = sign_note(said, NAME, self._key).encode()
        elif how[0] % 3 == 2:
            try:
                text = signed_receipt(json.loads(text), self._key)
            except (ValueError, TypeError, AttributeError, RecursionError, BrokerError):
                return
        try:
            opened = open_note(text, self._verifier)
            if opened not in self._signed:
                raise Broken("a note was accepted that nobody signed")
            TreeHead.read(opened)
        except SignatureInvalid:
            pass
        for read in (read_proof, lambda octets: verify_receipt(octets, [self._verifier])):
            try:
                read(text)
            except AssertionRejected as error:
                refused(error)
