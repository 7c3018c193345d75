"""Both sides of an exchange with a peer: who they are, what we send, and how we judge what comes, on a real clock.

Whoever answers is `forge.IDP`, whoever asks is `forge.SP`, whichever of both the peer is.
"""

import base64
import re
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import load_der_x509_certificate
from lxml import etree

from connectors.authn_request_checks import receive_authn_request
from connectors.connector import Ask, Expectation, Inbound, Outbound, Redirect
from connectors.formats.authn_request import AuthnRequestMessage
from connectors.formats.logout import LogoutRequest, LogoutResponse
from connectors.formats.service_provider import ServiceProviderFacts
from connectors.logout_checks import ExpectedLogout, receive_logout_request, receive_logout_response
from connectors.profiles import SAML2INT, Profile
from connectors.saml_sp.connector import SamlConnector
from connectors.signatures.decryption_keys import FileUnwrapper
from connectors.signatures.parse import Element
from connectors.signatures.pinned_keys import PinnedKey, key_of_certificate
from connectors.signatures.redirect import signed_query
from connectors.signatures.signer import Signers
from connectors.signatures.xmlenc import encrypt
from connectors.signatures.xmlsign import sign_enveloped
from connectors.wire.names import POST, REDIRECT, SUCCESS
from idp.keys.file import FileSigner
from policies.assurance import LevelOfAssurance
from policies.authentication import Assertion
from tests.connectors import forge
from tests.connectors.forge import ACS, DS, IDP, SAML, SAMLP, SP, SSO, SigningParty
from tests.connectors.metadata.node import signer_of
from tests.connectors.sent import Message

OURS, THEIRS, STRANGER = "ours", "theirs", "stranger"
SLO = {IDP: "https://idp.example/slo", SP: "https://broker.example/saml/slo"}
SUBJECT, SESSION = "subject-0001", "session-0001"
RELAY_STATE = "a/b+c=é"
SIGNED_AT = ("response", "assertion", "both")
_DAY = 24 * 3600
_XS = "http://www.w3.org/2001/XMLSchema"
_ISSUED = re.compile(r'(IssueInstant="[^"]*:)(\d)(\d)')
_CIPHER = re.compile(r"(<(?:\w+:)?CipherValue[^>]*>[\w+/\s]{40})([\w+/])")


def clock() -> int:
    return int(time.time())


# -- keys ------------------------------------------------------------------------------------------------------------------


@cache
def key(name: str) -> FileSigner:
    """A key of RSA-3072 of this name, whose certificate holds today."""
    assert name in (OURS, THEIRS, STRANGER)
    return signer_of(forge.rsa_key((OURS, THEIRS, STRANGER).index(name)), clock() - _DAY, clock() + 30 * _DAY)


def certificate_pem(signer: FileSigner) -> str:
    return load_der_x509_certificate(signer.certificate).public_bytes(Encoding.PEM).decode()


def private_pem(signer: FileSigner) -> str:
    return signer._private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def written(folder: Path, keys: Mapping[str, FileSigner] | None = None) -> dict[str, str]:
    """Each key in a file of its own, for peers that read them so: `theirs.key`, `theirs.crt`, ..."""
    paths = {}
    for name, signer in (keys or {name: key(name) for name in (OURS, THEIRS, STRANGER)}).items():
        for ending, text in (("key", private_pem(signer)), ("crt", certificate_pem(signer))):
            path = folder / f"{name}.{ending}"
            path.write_text(text, encoding="ascii")
            paths[f"{name}.{ending}"] = str(path)
    return paths


def party_of(signer: FileSigner) -> SigningParty:
    return SigningParty(pem=private_pem(signer).encode(), certificate=signer.certificate)


def unwrapper(signer: FileSigner) -> FileUnwrapper:
    private_key = signer._private_key
    assert isinstance(private_key, rsa.RSAPrivateKey)
    return FileUnwrapper(_private_key=private_key, certificate=signer.certificate, key_id=signer.key_id)


def pinned(name: str = THEIRS, profile: Profile = SAML2INT) -> Sequence[PinnedKey]:
    return [key_of_certificate(key(name).certificate, profile)]


# -- metadata, for peers that read it --------------------------------------------------------------------------------------


def metadata(entity: str, name: str) -> str:
    """The metadata of `IDP` or `SP`: one key for everything, each service by both bindings."""
    certificate = base64.b64encode(key(name).certificate).decode()
    data = f"<ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data>"
    common = f"<md:KeyDescriptor><ds:KeyInfo>{data}</ds:KeyInfo></md:KeyDescriptor>"
    common += "".join(f'<md:SingleLogoutService Binding="{uri}" Location="{SLO[entity]}"/>' for uri in (REDIRECT, POST))
    if entity == IDP:
        services = "".join(f'<md:SingleSignOnService Binding="{uri}" Location="{SSO}"/>' for uri in (REDIRECT, POST))
        kind, more = "IDPSSODescriptor", 'WantAuthnRequestsSigned="true"'
    else:
        services = f'<md:AssertionConsumerService Binding="{POST}" Location="{ACS}" index="0" isDefault="true"/>'
        kind, more = "SPSSODescriptor", 'AuthnRequestsSigned="true"'
    return (
        f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="{DS}" entityID="{entity}">'
        f'<md:{kind} {more} protocolSupportEnumeration="{SAMLP}">{common}{services}</md:{kind}></md:EntityDescriptor>'
    )


# -- we ask ----------------------------------------------------------------------------------------------------------------


def connector(binding: str = "redirect", *, by: Signers | None = None, of: str = THEIRS) -> SamlConnector:
    """Ours, to the identity provider whose key is `of`; it signs with `by`, and opens what is encrypted to us."""
    pinned_metadata = forge.metadata(party_of(key(of))).replace(f"{SSO}/post".encode(), SSO.encode())
    return SamlConnector(
        provider=forge.provider(pinned_metadata, binding=binding),
        entity_id=SP,
        acs_url=ACS,
        signer=by or key(OURS),
        unwrappers=[unwrapper(key(OURS))],
    )


def asked(binding: str, by: str = OURS) -> tuple[Inbound, Expectation]:
    """Our AuthnRequest, as its receiver has it, and what its answer must match."""
    ask = Ask(relay_state=RELAY_STATE, minimum_assurance=LevelOfAssurance.SUBSTANTIAL, force_authentication=False)
    outbound, expectation = connector(binding, by=key(by)).request(ask, clock())
    return arrived(outbound), expectation


def arrived(outbound: Outbound) -> Inbound:
    if isinstance(outbound, Redirect):
        return redirected(outbound.url)
    return Inbound("post", dict(outbound.fields))


def redirected(url: str) -> Inbound:
    return Inbound("redirect", {}, urlsplit(url).query)


def posted(parameter: str, octets: bytes) -> Inbound:
    return Inbound("post", {parameter: base64.b64encode(octets).decode()})


def receive(answer: Inbound, expectation: Expectation, of: str = THEIRS) -> Assertion:
    """We judge a response; `of` is whose key we pinned."""
    return connector(of=of).receive(answer, expectation, clock())


# -- we answer -------------------------------------------------------------------------------------------------------------


def reply(request_id: str) -> forge.Reply:
    """A good response of this moment to a request, not signed yet."""
    now = clock()
    return replace(forge.reply_of(now, request_id), response_id=f"_r{now}", assertion_id=f"_a{now}", name_id=SUBJECT)


def text_of(reply: forge.Reply) -> bytes:
    """Its XML, with an assertion that needs nothing around it to be read."""
    needed = f'<saml:Assertion xmlns:saml="{SAML}" xmlns:xs="{_XS}" xmlns:xsi="{_XS}-instance" '
    return reply.xml().replace(b"<saml:Assertion ", needed.encode(), 1)


def response(request_id: str, signed_at: str, *, encrypted: bool = False, by: str = OURS) -> bytes:
    """A response of ours, made by our own signing and encryption."""
    return signed_response(reply(request_id), signed_at, encrypted=encrypted, by=key(by), profile=SAML2INT)


def signed_response(
    reply: forge.Reply, signed_at: str, *, encrypted: bool, by: FileSigner, profile: Profile, to: FileSigner | None = None
) -> bytes:
    """The parts of a reply signed by `xmlsign` and encrypted by `xmlenc`, the inner ones first."""
    root = etree.fromstring(text_of(reply))
    assertion = root[-1]
    if signed_at in ("assertion", "both"):
        # By itself, with the namespaces that its values' types name
        alone = etree.fromstring(etree.tostring(assertion))
        assertion = _replaced(assertion, etree.fromstring(sign_enveloped(alone, by, place=1, profile=profile)))
    if encrypted:
        _replaced(assertion, encrypt(assertion, (to or key(THEIRS)).certificate, profile))
    if signed_at in ("response", "both"):
        return sign_enveloped(root, by, place=1, profile=profile)
    return etree.tostring(root)


def _replaced(old: Element, new: Element) -> Element:
    parent = old.getparent()
    assert parent is not None
    parent.replace(old, new)
    return new


def judge_request(request: Inbound, of: str = THEIRS) -> AuthnRequestMessage:
    """We judge a peer's AuthnRequest, as the identity provider that it asks."""
    asking = ServiceProviderFacts(entity_id=SP, acs_urls={0: ACS}, default_index=0)
    return receive_authn_request(request, pinned(of), asking, SSO, clock(), SAML2INT)[0]


# -- single logout, from `sender` to the other -----------------------------------------------------------------------------


def logout_request(sender: str, binding: str, by: str = OURS) -> Inbound:
    name = f'<saml:NameID Format="{forge.PERSISTENT}">{SUBJECT}</saml:NameID>'
    inside = f"{name}<samlp:SessionIndex>{SESSION}</samlp:SessionIndex>"
    message = _logout("LogoutRequest", sender, f' NotOnOrAfter="{forge.clock(clock() + 120)}"', inside)
    return _sent("SAMLRequest", message, binding, RELAY_STATE if binding == "redirect" else "", by)


def logout_response(sender: str, binding: str, in_response_to: str, relay_state: str, by: str = OURS) -> Inbound:
    inside = f'<samlp:Status><samlp:StatusCode Value="{SUCCESS}"/></samlp:Status>'
    message = _logout("LogoutResponse", sender, f' InResponseTo="{in_response_to}"', inside)
    return _sent("SAMLResponse", message, binding, relay_state, by)


def _logout(root: str, sender: str, more: str, inside: str) -> bytes:
    issued, destination, issuer = forge.clock(clock()), SLO[_other(sender)], f"<saml:Issuer>{sender}</saml:Issuer>"
    message = Message(root, issued, destination, message_id=f"_l{time.time_ns()}", more=more, issuer=issuer, inside=inside)
    return message.xml().encode()


def _sent(parameter: str, message: bytes, binding: str, relay_state: str, by: str) -> Inbound:
    if binding == "redirect":
        return Inbound("redirect", {}, signed_query(parameter, message, relay_state, key(by), SAML2INT))
    signed = sign_enveloped(etree.fromstring(message), key(by), place=1, profile=SAML2INT)
    relayed = {"RelayState": relay_state} if relay_state else {}
    return Inbound("post", {**posted(parameter, signed).parameters, **relayed})


def judge_logout_request(request: Inbound, sender: str, of: str = THEIRS) -> LogoutRequest:
    expected = ExpectedLogout(sender, SLO[_other(sender)])
    return receive_logout_request(request, pinned(of), expected, clock(), SAML2INT)[0]


def judge_logout_response(answer: Inbound, sender: str, request_id: str, of: str = THEIRS) -> LogoutResponse:
    expected = ExpectedLogout(sender, SLO[_other(sender)], request_id)
    return receive_logout_response(answer, pinned(of), expected, clock(), SAML2INT)[0]


def _other(entity: str) -> str:
    return SP if entity == IDP else IDP


# -- what came, and what somebody did to it on the way ---------------------------------------------------------------------


def octets_of(message: Inbound) -> bytes:
    """The XML of a message, whichever way it came, believed by nobody."""
    parameters = message.parameters or dict(parse_qsl(message.raw))
    octets = base64.b64decode(next(parameters[name] for name in ("SAMLRequest", "SAMLResponse") if name in parameters))
    return zlib.decompress(octets, wbits=-15) if message.binding == "redirect" else octets


def relay_state_of(message: Inbound) -> str:
    return (message.parameters or dict(parse_qsl(message.raw))).get("RelayState", "")


def id_of(message: Inbound) -> str:
    return etree.fromstring(octets_of(message)).get("ID", "")


def altered(message: Inbound) -> Inbound:
    """One digit of the time in the last signed part, or one sign of the ciphertext, is another; all else is as it was."""
    text = octets_of(message).decode()
    if _CIPHER.search(text) is not None:
        at = list(_CIPHER.finditer(text))[-1].start(2)
        changed = text[:at] + ("B" if text[at] == "A" else "A") + text[at + 1 :]
    else:
        at = list(_ISSUED.finditer(text))[-1].start(3)
        changed = text[:at] + str(9 - int(text[at])) + text[at + 1 :]
    assert len(changed) == len(text)
    assert changed != text
    return _again(message, changed.encode())


def _again(message: Inbound, octets: bytes) -> Inbound:
    if message.binding == "post":
        name = next(name for name in ("SAMLRequest", "SAMLResponse") if name in message.parameters)
        return replace(message, parameters={**message.parameters, **posted(name, octets).parameters})
    deflater = zlib.compressobj(wbits=-15)
    packed = quote(base64.b64encode(deflater.compress(octets) + deflater.flush()), safe="")
    return replace(message, raw=re.sub(r"(?<=SAMLRe)(quest|sponse)=[^&]*", rf"\1={packed}", message.raw))
