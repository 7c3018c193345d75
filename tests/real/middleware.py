"""A node that writes and reads messages as the German eIDAS middleware 4.0 (Governikus) does, and one by its library.

Written from what its published source does (`EidasResponse`, `EidasMetadataService`, `RequestHandler`, `EidasRequest`,
`EidasMetadataNode`), in words of our own. It imports nothing of the product. Germany has it answer alone; what asks is made
by the same library, as its demo does.

GET  /eidas-middleware/Metadata                   GET  /eidas-demo/Metadata
GET  /eidas-middleware/RequestReceiver            GET  /eidas-demo/ask: a page that posts a request
                                                  POST /eidas-demo/NewReceiverServlet: what came, as JSON
"""

import base64
import json
import secrets
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from urllib.parse import unquote

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from lxml import etree

from tests.real import wire
from tests.real.site import Reply, Site, metadata, posting
from tests.real.their_view import Other, known, other, values_of
from tests.real.wire import MD, POST, REDIRECT, SAML, SAMLP, SUCCESS, Element, Refused

EIDAS = "http://eidas.europa.eu/saml-extensions"
NATURAL = "http://eidas.europa.eu/attributes/naturalperson"
HIGH = "http://eidas.europa.eu/LoA/high"
ENTITY = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
RESPONDER = "urn:oasis:names:tc:SAML:2.0:status:Responder"
AUTHN_FAILED = "urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"
MORE = "http://www.w3.org/2007/05/xmldsig-more#"
HASHES = {f"{MORE}sha256-rsa-MGF1": SHA256(), f"{MORE}sha384-rsa-MGF1": SHA384(), f"{MORE}sha512-rsa-MGF1": SHA512()}
DAY = 86_400
# Name -> friendly name; the first four are what may be in Latin and in another script
ATTRIBUTES: Mapping[str, str] = {
    "CurrentFamilyName": "FamilyName",
    "CurrentGivenName": "FirstName",
    "BirthName": "BirthName",
    "PersonIdentifier": "PersonIdentifier",
    "CurrentAddress": "CurrentAddress",
    "PlaceOfBirth": "PlaceOfBirth",
    "DateOfBirth": "DateOfBirth",
    "Nationality": "Nationality",
}
LATIN = frozenset({"CurrentFamilyName", "CurrentGivenName", "BirthName"})
_LATIN = 'eidasnp:LatinScript="true" '
MINIMUM = ("PersonIdentifier", "CurrentFamilyName", "CurrentGivenName", "DateOfBirth")


@dataclass
class Middleware(Site):
    """Germany's middleware for one receiving country. `trusted` signs the other node's metadata (DER)."""

    trusted: bytes = b""
    person: Mapping[str, str] = field(default_factory=dict)
    validity_days: int = 30
    version: str = "1.4.1"
    # Seconds from now to the NotBefore of its confirmation
    not_before: int = 0
    cancelled: bool = False
    edit: Callable[[str], str] = str

    def __post_init__(self) -> None:
        Site.__init__(self, "middleware")
        self.messages, self.encryption = wire.made("SAML of DE", curve=True), wire.made("encryption of DE", curve=False)
        self.service = f"{self.base}/eidas-middleware/Metadata"
        self.receiver = f"{self.base}/eidas-middleware/RequestReceiver"
        self.demo = f"{self.base}/eidas-demo/Metadata"
        self.acs_url = f"{self.base}/eidas-demo/NewReceiverServlet"
        self.requests: list[Element] = []
        self._open: set[str] = set()

    @property
    def metadata_key(self) -> wire.Key:
        """It signs its metadata by the key of its messages."""
        return self.messages

    def answer(self, method: str, path: str, fields: Mapping[str, str], raw: str) -> Reply:
        match method, path:
            case "GET", "/eidas-middleware/Metadata":
                return metadata(self._metadata(self.service, "_eumiddleware", self._extensions(), self._idp()))
            case "GET", "/eidas-demo/Metadata":
                return metadata(self._metadata(self.demo, f"_{secrets.token_hex(16)}", self._methods(), self._sp()))
            case "GET", "/eidas-middleware/RequestReceiver":
                return self._received(self._by_redirect(fields, raw), fields.get("RelayState", ""))
            case "GET", "/eidas-demo/ask":
                return posting(fields["at"], "SAMLRequest", self._request(fields["at"]), "State#1")
            case "POST", "/eidas-demo/NewReceiverServlet":
                return self._came(fields)
        return 404, "text/plain", b""

    # -- metadata ----------------------------------------------------------------------------------------------------------

    def _metadata(self, entity_id: str, metadata_id: str, extensions: str, role: str) -> bytes:
        # java.time has nine digits
        until = wire.instant(time.time() + self.validity_days * DAY, 9)
        contact = (
            "<md:Company>Governikus</md:Company><md:GivenName>A</md:GivenName><md:SurName>B</md:SurName>"
            "<md:EmailAddress>a@de.example</md:EmailAddress><md:TelephoneNumber>+49</md:TelephoneNumber></md:ContactPerson>"
        )
        text = (
            f'<md:EntityDescriptor xmlns:md="{MD}" xmlns:alg="urn:oasis:names:tc:SAML:metadata:algsupport" '
            f'xmlns:ds="{wire.DS}" xmlns:eidas="{EIDAS}" xmlns:saml2="{SAML}" xmlns:xs="http://www.w3.org/2001/XMLSchema" '
            f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ID="{metadata_id}" entityID="{entity_id}" '
            f'validUntil="{until}"><md:Extensions>{extensions}</md:Extensions>{role}'
            '<md:Organization><md:OrganizationName xml:lang="en">Germany</md:OrganizationName>'
            '<md:OrganizationDisplayName xml:lang="en">Germany</md:OrganizationDisplayName>'
            '<md:OrganizationURL xml:lang="en">https://de.example</md:OrganizationURL></md:Organization>'
            f'<md:ContactPerson contactType="technical">{contact}<md:ContactPerson contactType="support">{contact}'
            "</md:EntityDescriptor>"
        )
        return wire.signed(text, self.messages, wire.ECDSA, 0)

    def _extensions(self) -> str:
        said = (
            ("urn:oasis:names:tc:SAML:attribute:assurance-certification", "", HIGH),
            ("http://eidas.europa.eu/entity-attributes/protocol-version", ' xsi:type="xs:string"', self.version),
            (
                "http://eidas.europa.eu/entity-attributes/application-identifier",
                ' xsi:type="xs:string"',
                "German eIDAS Middleware version: 4.0.2",
            ),
            (
                "http://macedir.org/entity-category",
                "",
                "http://eidas.europa.eu/entity-attributes/termsofaccess/requesterid",
            ),
        )
        attributes = "".join(
            f'<saml2:Attribute Name="{name}" NameFormat="{wire.URI}"><saml2:AttributeValue{kind}>{value}'
            "</saml2:AttributeValue></saml2:Attribute>"
            for name, kind, value in said
        )
        container = "urn:oasis:names:tc:SAML:metadata:attribute"
        return (
            f'<mdattr:EntityAttributes xmlns:mdattr="{container}">{attributes}</mdattr:EntityAttributes>{self._methods()}'
        )

    def _methods(self) -> str:
        return (
            f'<alg:DigestMethod Algorithm="{wire.XENC}sha256"/>'
            f'<alg:SigningMethod Algorithm="{wire.ECDSA}" MinKeySize="256"/>'
            f'<alg:SigningMethod Algorithm="{wire.RSA_PSS}" MaxKeySize="4096" MinKeySize="3072"/>'
        )

    def _key(self, use: str, key: wire.Key, method: str = "") -> str:
        return (
            f'<md:KeyDescriptor use="{use}"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{key.text}</ds:X509Certificate>'
            f"</ds:X509Data></ds:KeyInfo>{method}</md:KeyDescriptor>"
        )

    def _idp(self) -> str:
        services = "".join(
            f'<md:SingleSignOnService Binding="{binding}" Location="{self.receiver}"/>' for binding in (POST, REDIRECT)
        )
        # Without a NameFormat
        supported = "".join(
            f'<saml2:Attribute FriendlyName="{friendly}" Name="{NATURAL}/{name}"/>' for name, friendly in ATTRIBUTES.items()
        )
        return (
            f'<md:IDPSSODescriptor WantAuthnRequestsSigned="true" protocolSupportEnumeration="{SAMLP}">'
            "<md:Extensions><eidas:NodeCountry>DE</eidas:NodeCountry></md:Extensions>"
            f"{self._key('signing', self.messages)}<md:NameIDFormat>{UNSPECIFIED}</md:NameIDFormat>{services}{supported}"
            "</md:IDPSSODescriptor>"
        )

    def _sp(self) -> str:
        """Without a NodeCountry, and without a protocol version above it."""
        method = f'<md:EncryptionMethod Algorithm="{wire.XENC11}aes256-gcm"/>'
        return (
            f'<md:SPSSODescriptor AuthnRequestsSigned="true" WantAssertionsSigned="false" '
            f'protocolSupportEnumeration="{SAMLP}">'
            f"{self._key('signing', self.messages)}{self._key('encryption', self.encryption, method)}"
            f"<md:NameIDFormat>{UNSPECIFIED}</md:NameIDFormat><md:NameIDFormat>{TRANSIENT}</md:NameIDFormat>"
            f'<md:AssertionConsumerService Binding="{POST}" Location="{self.acs_url}" index="1" isDefault="true"/>'
            "</md:SPSSODescriptor>"
        )

    # -- it answers --------------------------------------------------------------------------------------------------------

    def _by_redirect(self, fields: Mapping[str, str], raw: str) -> Element:
        """The request of a signed query. Raises `Refused`."""
        octets = zlib.decompress(base64.b64decode(fields["SAMLRequest"]), -zlib.MAX_WBITS)
        asking = other(octets, "SPSSODescriptor", self.trusted)
        public, hashed = x509.load_der_x509_certificate(asking.signing).public_key(), HASHES.get(fields["SigAlg"])
        if hashed is None or not isinstance(public, RSAPublicKey):
            raise Refused("a signature of another kind than RSA-PSS")
        covered = raw.partition("&Signature=")[0].encode()
        try:
            signature = base64.b64decode(unquote(fields["Signature"]))
            public.verify(signature, covered, PSS(MGF1(hashed), hashed.digest_size), hashed)
        except InvalidSignature:
            raise Refused("the signature of the query does not hold") from None
        return etree.fromstring(octets)

    def _received(self, root: Element, relay_state: str) -> Reply:
        """Judge a request like its `RequestHandler`, and answer."""
        asking = known(root.findtext(f"{{{SAML}}}Issuer") or "", "SPSSODescriptor", self.trusted)
        if root.get("ForceAuthn") != "true" or root.get("IsPassive") != "false":
            raise Refused("ForceAuthn or IsPassive")
        if bool(root.findtext(f".//{{{EIDAS}}}SPType")) == bool(asking.sp_type):
            raise Refused("the sector type stands nowhere, or twice")
        if root.get("AssertionConsumerServiceURL") not in (None, asking.url):
            raise Refused("AssertionConsumerServiceURL")
        self.requests.append(root)
        text = self._failure(root, asking) if self.cancelled else self._success(root, asking)
        return posting(asking.url, "SAMLResponse", wire.signed(text, self.messages, wire.ECDSA, 1), relay_state)

    def _response(self, request: Element, asking: Other, now: float, inside: str) -> str:
        return (
            f'<saml2p:Response xmlns:saml2p="{SAMLP}" Destination="{asking.url}" ID="_{secrets.token_hex(20)}" '
            f'InResponseTo="{request.get("ID")}" IssueInstant="{wire.instant(now, 9)}" Version="2.0">'
            f'<saml2:Issuer xmlns:saml2="{SAML}">{self.service}</saml2:Issuer>{inside}</saml2p:Response>'
        )

    def _failure(self, request: Element, asking: Other) -> str:
        status = (
            f'<saml2p:Status><saml2p:StatusCode Value="{RESPONDER}"><saml2p:StatusCode Value="{AUTHN_FAILED}"/>'
            "</saml2p:StatusCode><saml2p:StatusMessage>Authentication cancelled by user</saml2p:StatusMessage>"
            "</saml2p:Status>"
        )
        return self._response(request, asking, time.time(), status)

    def _success(self, request: Element, asking: Other) -> str:
        now = time.time()
        status = f'<saml2p:Status><saml2p:StatusCode Value="{SUCCESS}"/></saml2p:Status>'
        held = wire.encrypted(self._assertion(request, asking, now), asking.encryption)
        return self._response(request, asking, now, status + held)

    def _assertion(self, request: Element, asking: Other, now: float) -> str:
        issued, end = wire.instant(now, 9), wire.instant(now + 600, 9)
        begin = wire.instant(now + self.not_before, 9)
        attributes = "".join(
            f'<saml2:Attribute FriendlyName="{ATTRIBUTES[name]}" Name="{NATURAL}/{name}" NameFormat="{wire.URI}">'
            '<saml2:AttributeValue xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            f'{_LATIN if name in LATIN else ""}xsi:type="eidasnp:{name}Type">{escape(value)}</saml2:AttributeValue>'
            "</saml2:Attribute>"
            for name, value in self.person.items()
        )
        return self.edit(
            f'<saml2:Assertion xmlns:saml2="{SAML}" xmlns:eidasnp="{NATURAL}" ID="_{secrets.token_hex(20)}" '
            f'IssueInstant="{issued}" Version="2.0"><saml2:Issuer>{self.service}</saml2:Issuer><saml2:Subject>'
            f'<saml2:NameID Format="{UNSPECIFIED}">{escape(self.person["PersonIdentifier"])}</saml2:NameID>'
            f'<saml2:SubjectConfirmation Method="{wire.BEARER}"><saml2:SubjectConfirmationData '
            f'InResponseTo="{request.get("ID")}" NotBefore="{begin}" NotOnOrAfter="{end}" Recipient="{asking.url}"/>'
            f'</saml2:SubjectConfirmation></saml2:Subject><saml2:Conditions NotBefore="{issued}" NotOnOrAfter="{end}">'
            f"<saml2:AudienceRestriction><saml2:Audience>{asking.entity_id}</saml2:Audience></saml2:AudienceRestriction>"
            f'</saml2:Conditions><saml2:AuthnStatement AuthnInstant="{issued}" SessionIndex="_{secrets.token_hex(20)}">'
            f"<saml2:AuthnContext><saml2:AuthnContextClassRef>{HIGH}</saml2:AuthnContextClassRef></saml2:AuthnContext>"
            f"</saml2:AuthnStatement><saml2:AttributeStatement>{attributes}</saml2:AttributeStatement></saml2:Assertion>"
        )

    # -- its library asks --------------------------------------------------------------------------------------------------

    def _request(self, destination: str) -> bytes:
        request_id = f"_{secrets.token_hex(20)}"
        self._open.add(request_id)
        attributes = "".join(
            f'<eidas:RequestedAttribute Name="{NATURAL}/{name}" NameFormat="{wire.URI}" '
            f'isRequired="{str(name in MINIMUM).lower()}"/>'
            for name in ATTRIBUTES
        )
        text = (
            f'<saml2p:AuthnRequest xmlns:saml2p="{SAMLP}" xmlns:eidas="{EIDAS}" Destination="{destination}" '
            f'ForceAuthn="true" '
            f'ID="{request_id}" IsPassive="false" IssueInstant="{wire.instant(time.time(), 9)}" ProviderName="eIDAS demo" '
            f'Version="2.0"><saml2:Issuer xmlns:saml2="{SAML}" Format="{ENTITY}">{self.demo}</saml2:Issuer>'
            f"<saml2p:Extensions><eidas:SPType>public</eidas:SPType><eidas:RequestedAttributes>{attributes}"
            "</eidas:RequestedAttributes></saml2p:Extensions>"
            f'<saml2p:NameIDPolicy AllowCreate="true" Format="{TRANSIENT}"/>'
            '<saml2p:RequestedAuthnContext Comparison="minimum">'
            f'<saml2:AuthnContextClassRef xmlns:saml2="{SAML}">{HIGH}</saml2:AuthnContextClassRef>'
            "</saml2p:RequestedAuthnContext></saml2p:AuthnRequest>"
        )
        return wire.signed(text, self.messages, wire.ECDSA, 1)

    def _came(self, fields: Mapping[str, str]) -> Reply:
        octets = base64.b64decode(fields["SAMLResponse"])
        said = other(octets, "IDPSSODescriptor", self.trusted)
        root = wire.verified(octets, said.signing)
        request_id = root.get("InResponseTo", "")
        if request_id not in self._open:
            raise Refused("an answer to no question")
        self._open.discard(request_id)
        codes = [code.get("Value", "") for code in root.iter(f"{{{SAMLP}}}StatusCode")]
        if codes[0] != SUCCESS:
            return 200, "application/json", json.dumps({"failed": codes}).encode()
        (holder,) = root.findall(f"{{{SAML}}}EncryptedAssertion")
        assertion = wire.decrypted(holder, self.encryption)
        values = values_of(assertion, said, self.demo, self.acs_url, request_id)
        return 200, "application/json", json.dumps({"values": values}).encode()
