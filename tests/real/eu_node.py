"""A country's node that writes and reads messages as the European Commission's eIDAS-Node 2.9 does, in both of its roles.

Written from what its published source does (`EidasProtocolProcessor`, `AssertionUtil`, `EidasMetadata` and the validators
of its SAML engine), in words of our own. It imports nothing of the product.

GET  /EidasNodeProxy/ServiceMetadata              GET  /EidasNodeConnector/ConnectorMetadata
POST /EidasNodeProxy/ColleagueRequest             GET  /EidasNodeConnector/ask: a page that posts a request
                                                  POST /EidasNodeConnector/ColleagueResponse: what came, as JSON
"""

import base64
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from html import escape

from tests.real import wire
from tests.real.site import Reply, Site, metadata, posting
from tests.real.their_view import Other, other, values_of
from tests.real.wire import MD, POST, REDIRECT, SAML, SAMLP, SUCCESS, Element, Refused

EIDAS = "http://eidas.europa.eu/saml-extensions"
NATURAL = "http://eidas.europa.eu/attributes/naturalperson"
LEGAL = "http://eidas.europa.eu/attributes/legalperson"
LOA = "http://eidas.europa.eu/LoA/"
ENTITY = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
FORMATS = (
    "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
    "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
)
# Its configuration has a URL here that is nobody's (`responder`)
RESPONDER = "http://C-PEPS.gov.xx"
# Suffix -> friendly name, whether it is of the minimum data set
ATTRIBUTES: Mapping[str, tuple[str, bool]] = {
    "PersonIdentifier": ("PersonIdentifier", True),
    "CurrentFamilyName": ("FamilyName", True),
    "CurrentGivenName": ("FirstName", True),
    "DateOfBirth": ("DateOfBirth", True),
    "BirthName": ("BirthName", False),
    "PlaceOfBirth": ("PlaceOfBirth", False),
    "CurrentAddress": ("CurrentAddress", False),
    "Gender": ("Gender", False),
}
LIFE = 300
_STATUS = "urn:oasis:names:tc:SAML:2.0:status:"
# What it answers when the country's own sign-in failed
RESPONDER_STATUS = (f"{_STATUS}Responder", f"{_STATUS}AuthnFailed", "003002 - Authentication Failed")


@dataclass(frozen=True)
class Said:
    """A Proxy-Service's answer in its parts; the defaults are what the node writes. `edit` has the assertion's text."""

    declaration: str = "<saml2:AuthnContextDecl/>"
    one_time_use: bool = False
    address: str = "127.0.0.1"
    failure: tuple[str, str, str] | None = None
    edit: Callable[[str], str] = str


@dataclass(frozen=True)
class Asked:
    """A Connector's request in its parts, as `Said`."""

    sp_type: str = "public"
    requester_id: str = ""
    # XML after the RequestedAttributes that the node knows: a country's own additional ones
    additional: str = ""
    level: str = f"{LOA}low"
    edit: Callable[[str], str] = str


@dataclass
class EuNode(Site):
    """One country's node. `trusted` is the certificate (DER) that signs the other node's metadata."""

    country: str
    trusted: bytes = b""
    # Where `sp_type` stands: in the metadata of its Connector, or with each request
    sp_type_in_metadata: str = ""
    person: Mapping[str, str] = field(default_factory=dict)
    said: Said = Said()
    versions: tuple[str, ...] = ("1.4", "1.3", "1.2")
    life: int = 86_400

    def __post_init__(self) -> None:
        Site.__init__(self, f"eu-{self.country.lower()}")
        self.messages = wire.made(f"messages of {self.country}", curve=False)
        self.encryption = wire.made(f"encryption of {self.country}", curve=False)
        self.metadata_key = wire.made(f"metadata of {self.country}", curve=True)
        self.service = f"{self.base}/EidasNodeProxy/ServiceMetadata"
        self.connector = f"{self.base}/EidasNodeConnector/ConnectorMetadata"
        self.acs_url = f"{self.base}/EidasNodeConnector/ColleagueResponse"
        self.requests: list[Element] = []
        self._asking: Asked | None = None
        self._open: dict[str, str] = {}

    def answer(self, method: str, path: str, fields: Mapping[str, str], raw: str) -> Reply:  # noqa: ARG002 - no query is signed
        match method, path:
            case "GET", "/EidasNodeProxy/ServiceMetadata":
                return metadata(self._metadata(self.service, self._proxy(), self._proxy_attributes()))
            case "GET", "/EidasNodeConnector/ConnectorMetadata":
                sp_type = f"<eidas:SPType>{self.sp_type_in_metadata}</eidas:SPType>" if self.sp_type_in_metadata else ""
                return metadata(self._metadata(self.connector, self._connector(), self._attributes(()), sp_type))
            case "POST", "/EidasNodeProxy/ColleagueRequest":
                return self._colleague_request(fields)
            case "GET", "/EidasNodeConnector/ask":
                return posting(fields["at"], "SAMLRequest", self._request(fields["at"]), "a-token-of-the-connector")
            case "POST", "/EidasNodeConnector/ColleagueResponse":
                return self._colleague_response(fields)
        return 404, "text/plain", b""

    def will_ask(self, **changes: object) -> None:
        """How its Connector's next requests are."""
        self._asking = replace(Asked(), **changes)  # type: ignore[arg-type] # a test changes fields by their names

    # -- metadata ----------------------------------------------------------------------------------------------------------

    def _metadata(self, entity_id: str, role: str, attributes: str, sp_type: str = "") -> bytes:
        until = wire.instant(int(time.time()) + self.life, 3)
        text = (
            f'<md:EntityDescriptor xmlns:md="{MD}" xmlns:alg="urn:oasis:names:tc:SAML:metadata:algsupport" '
            f'xmlns:eidas="{EIDAS}" xmlns:saml2="{SAML}" xmlns:ds="{wire.DS}" ID="_{secrets.token_hex(20)}" '
            f'entityID="{entity_id}" validUntil="{until}"><md:Extensions>'
            '<mdattr:EntityAttributes xmlns:mdattr="urn:oasis:names:tc:SAML:metadata:attribute">'
            f"{attributes}</mdattr:EntityAttributes>{sp_type}"
            f'<alg:DigestMethod Algorithm="{wire.XENC}sha512"/><alg:SigningMethod Algorithm="{wire.RSA_PSS_512}"/>'
            f"</md:Extensions>{role}"
            '<md:Organization><md:OrganizationName xml:lang="en">A ministry</md:OrganizationName>'
            '<md:OrganizationDisplayName xml:lang="en">A ministry</md:OrganizationDisplayName>'
            '<md:OrganizationURL xml:lang="en">https://ministry.example</md:OrganizationURL></md:Organization>'
            + "".join(
                f'<md:ContactPerson contactType="{kind}"><md:Company>A ministry</md:Company><md:GivenName>A</md:GivenName>'
                f"<md:SurName>B</md:SurName><md:EmailAddress>{kind}@ministry.example</md:EmailAddress>"
                "<md:TelephoneNumber>+1</md:TelephoneNumber></md:ContactPerson>"
                for kind in ("support", "technical")
            )
            + "</md:EntityDescriptor>"
        )
        return wire.signed(text, self.metadata_key, wire.ECDSA, 0, "xs")

    def _attributes(self, more: tuple[tuple[str, tuple[str, ...]], ...]) -> str:
        names = "http://eidas.europa.eu/entity-attributes"
        said = (
            (f"{names}/protocol-version", self.versions),
            (f"{names}/application-identifier", ("CEF:eIDAS-ref:2.9.0",)),
            *more,
        )
        return "".join(
            f'<saml2:Attribute Name="{name}" NameFormat="{wire.URI}">'
            + "".join(
                '<saml2:AttributeValue xmlns:xs="http://www.w3.org/2001/XMLSchema" '
                f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="xs:string">{value}</saml2:AttributeValue>'
                for value in values
            )
            + "</saml2:Attribute>"
            for name, values in said
        )

    def _proxy_attributes(self) -> str:
        return self._attributes((("urn:oasis:names:tc:SAML:attribute:assurance-certification", (f"{LOA}high",)),))

    def _key(self, use: str, key: wire.Key, methods: str = "") -> str:
        return (
            f'<md:KeyDescriptor use="{use}"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{key.text}</ds:X509Certificate>'
            f"</ds:X509Data></ds:KeyInfo>{methods}</md:KeyDescriptor>"
        )

    def _country(self) -> str:
        return f"<md:Extensions><eidas:NodeCountry>{self.country}</eidas:NodeCountry></md:Extensions>"

    def _proxy(self) -> str:
        services = "".join(
            f'<md:SingleSignOnService Binding="{binding}" Location="{self.base}/EidasNodeProxy/ColleagueRequest"/>'
            for binding in (REDIRECT, POST)
        )
        supported = "".join(
            f'<saml2:Attribute FriendlyName="{friendly}" Name="{NATURAL}/{name}" NameFormat="{wire.URI}"/>'
            for name, (friendly, _) in ATTRIBUTES.items()
        )
        return (
            f'<md:IDPSSODescriptor WantAuthnRequestsSigned="true" protocolSupportEnumeration="{SAMLP}">{self._country()}'
            f"{self._key('signing', self.messages)}{self._formats()}{services}{supported}</md:IDPSSODescriptor>"
        )

    def _connector(self) -> str:
        methods = "".join(f'<md:EncryptionMethod Algorithm="{wire.XENC11}aes{bits}-gcm"/>' for bits in (256, 192, 128))
        return (
            '<md:SPSSODescriptor AuthnRequestsSigned="true" WantAssertionsSigned="true" '
            f'protocolSupportEnumeration="{SAMLP}">{self._country()}{self._key("signing", self.messages)}'
            f"{self._key('encryption', self.encryption, methods)}{self._formats()}"
            f'<md:AssertionConsumerService Binding="{POST}" Location="{self.acs_url}" index="0" isDefault="true"/>'
            f'<md:AssertionConsumerService Binding="{REDIRECT}" Location="{self.acs_url}" index="1" isDefault="false"/>'
            "</md:SPSSODescriptor>"
        )

    def _formats(self) -> str:
        return "".join(f"<md:NameIDFormat>{name}</md:NameIDFormat>" for name in FORMATS)

    # -- Proxy-Service -----------------------------------------------------------------------------------------------------

    def _colleague_request(self, fields: Mapping[str, str]) -> Reply:
        octets = base64.b64decode(fields["SAMLRequest"])
        asking = other(octets, "SPSSODescriptor", self.trusted)
        root = wire.verified(octets, asking.signing)
        self._check_request(root, asking)
        self.requests.append(root)
        return posting(asking.url, "SAMLResponse", self.response(root, asking), fields.get("RelayState", ""))

    def _check_request(self, root: Element, asking: Other) -> None:
        """Judge a request like its validators."""
        if root.get("ForceAuthn") != "true" or root.get("IsPassive") != "false" or not root.get("Destination"):
            raise Refused("ForceAuthn, IsPassive or Destination")
        if root.get("AssertionConsumerServiceURL") not in (None, asking.url):
            raise Refused("AssertionConsumerServiceURL is not the metadata's")
        if not root.get("ProviderName"):
            raise Refused("no ProviderName")
        if len(root.findall(f".//{{{EIDAS}}}SPType")) + bool(asking.sp_type) != 1:
            raise Refused("not exactly one SPType")
        policy = root.find(f"{{{SAMLP}}}NameIDPolicy")
        if policy is not None and policy.get("Format") not in FORMATS:
            raise Refused("NameIDPolicy")
        context = root.find(f"{{{SAMLP}}}RequestedAuthnContext")
        if context is None or context.get("Comparison") != "minimum" or len(context) != 1:
            raise Refused("RequestedAuthnContext")
        wanted = {one.get("Name", ""): one for one in root.iter(f"{{{EIDAS}}}RequestedAttribute")}
        for name, (_, mandatory) in ATTRIBUTES.items():
            one = wanted.get(f"{NATURAL}/{name}")
            if (one is None and mandatory) or (one is not None and one.get("isRequired") != str(mandatory).lower()):
                raise Refused(f"{name} is not asked for as the registry has it")

    def response(self, request: Element, asking: Other) -> bytes:
        """Write its signed answer to a request."""
        now, consent = time.time(), ' Consent="urn:oasis:names:tc:SAML:2.0:consent:obtained"'
        status, held = self._status(SUCCESS, "", SUCCESS), ""
        if self.said.failure is not None:
            status, consent = self._status(*self.said.failure), ""
        else:
            held = wire.encrypted(self._assertion(request, asking, now), asking.encryption)
        text = (
            f'<saml2p:Response xmlns:saml2p="{SAMLP}" xmlns:ds="{wire.DS}" xmlns:eidas-legal="{LEGAL}" '
            f'xmlns:eidas-natural="{NATURAL}" xmlns:saml2="{SAML}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
            f'{consent} Destination="{asking.url}" ID="{_id()}" InResponseTo="{request.get("ID")}" '
            f'IssueInstant="{wire.instant(now, 3)}" Version="2.0">'
            f'<saml2:Issuer Format="{ENTITY}">{self.service}</saml2:Issuer>{status}{held}</saml2p:Response>'
        )
        return wire.signed(text, self.messages, wire.RSA_PSS_512, 1)

    def _status(self, code: str, second: str, message: str) -> str:
        nested = f'<saml2p:StatusCode Value="{second}"/>' if second else ""
        said = f"<saml2p:StatusMessage>{escape(message)}</saml2p:StatusMessage>" if message else ""
        return f'<saml2p:Status><saml2p:StatusCode Value="{code}">{nested}</saml2p:StatusCode>{said}</saml2p:Status>'

    def _assertion(self, request: Element, asking: Other, now: float) -> str:
        begin, end = wire.instant(now, 3), wire.instant(now + LIFE, 3)
        attributes = "".join(
            f'<saml2:Attribute FriendlyName="{ATTRIBUTES[name][0]}" Name="{NATURAL}/{name}" NameFormat="{wire.URI}">'
            '<saml2:AttributeValue xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            f'xsi:type="eidas-natural:{name}Type">{escape(value)}</saml2:AttributeValue></saml2:Attribute>'
            for name, value in self.person.items()
        )
        once = "<saml2:OneTimeUse/>" if self.said.one_time_use else ""
        address = f' Address="{self.said.address}"' if self.said.address else ""
        return self.said.edit(
            f'<saml2:Assertion xmlns:eidas-legal="{LEGAL}" xmlns:eidas-natural="{NATURAL}" xmlns:saml2="{SAML}" '
            f'ID="{_id()}" IssueInstant="{begin}" Version="2.0">'
            f'<saml2:Issuer Format="{ENTITY}">{self.service}</saml2:Issuer><saml2:Subject>'
            f'<saml2:NameID Format="{FORMATS[2]}" NameQualifier="{RESPONDER}">0123456</saml2:NameID>'
            f'<saml2:SubjectConfirmation Method="{wire.BEARER}"><saml2:SubjectConfirmationData{address} '
            f'InResponseTo="{request.get("ID")}" NotOnOrAfter="{end}" Recipient="{asking.url}"/>'
            f'</saml2:SubjectConfirmation></saml2:Subject><saml2:Conditions NotBefore="{begin}" NotOnOrAfter="{end}">'
            f"<saml2:AudienceRestriction><saml2:Audience>{asking.entity_id}</saml2:Audience></saml2:AudienceRestriction>{once}"
            f'</saml2:Conditions><saml2:AuthnStatement AuthnInstant="{begin}"><saml2:AuthnContext>'
            f"<saml2:AuthnContextClassRef>{LOA}high</saml2:AuthnContextClassRef>{self.said.declaration}"
            f"</saml2:AuthnContext></saml2:AuthnStatement><saml2:AttributeStatement>{attributes}</saml2:AttributeStatement>"
            "</saml2:Assertion>"
        )

    # -- Connector ---------------------------------------------------------------------------------------------------------

    def _request(self, destination: str) -> bytes:
        asked, request_id = self._asking or Asked(), _id()
        self._open[request_id] = asked.level
        sp_type = "" if self.sp_type_in_metadata else f"<eidas:SPType>{asked.sp_type}</eidas:SPType>"
        attributes = "".join(
            f'<eidas:RequestedAttribute FriendlyName="{friendly}" Name="{NATURAL}/{name}" NameFormat="{wire.URI}" '
            f'isRequired="{str(mandatory).lower()}"/>'
            for name, (friendly, mandatory) in ATTRIBUTES.items()
        )
        requester = f"<saml2p:RequesterID>{asked.requester_id}</saml2p:RequesterID>" if asked.requester_id else ""
        text = (
            f'<saml2p:AuthnRequest xmlns:saml2p="{SAMLP}" xmlns:ds="{wire.DS}" xmlns:eidas="{EIDAS}" xmlns:saml2="{SAML}" '
            f'AssertionConsumerServiceURL="{self.acs_url}" Consent="urn:oasis:names:tc:SAML:2.0:consent:unspecified" '
            f'Destination="{destination}" ForceAuthn="true" ID="{request_id}" IsPassive="false" '
            f'IssueInstant="{wire.instant(time.time(), 3)}" ProtocolBinding="{POST}" ProviderName="A service" '
            f'Version="2.0">'
            f'<saml2:Issuer Format="{ENTITY}">{self.connector}</saml2:Issuer><saml2p:Extensions>{sp_type}'
            f"<eidas:RequestedAttributes>{attributes}{asked.additional}</eidas:RequestedAttributes></saml2p:Extensions>"
            f'<saml2p:NameIDPolicy AllowCreate="true" Format="{FORMATS[0]}"/>'
            f'<saml2p:RequestedAuthnContext Comparison="minimum"><saml2:AuthnContextClassRef>{asked.level}'
            "</saml2:AuthnContextClassRef></saml2p:RequestedAuthnContext>"
            + (f"<saml2p:Scoping>{requester}</saml2p:Scoping>" if requester else "")
            + "</saml2p:AuthnRequest>"
        )
        return wire.signed(asked.edit(text), self.messages, wire.RSA_PSS_512, 1)

    def _colleague_response(self, fields: Mapping[str, str]) -> Reply:
        octets = base64.b64decode(fields["SAMLResponse"])
        said = other(octets, "IDPSSODescriptor", self.trusted)
        root = wire.verified(octets, said.signing)
        level = self._open.pop(root.get("InResponseTo", ""), None)
        if level is None or root.get("Destination") != self.acs_url:
            raise Refused("an answer to no question, or to another address")
        codes = [code.get("Value", "") for code in root.iter(f"{{{SAMLP}}}StatusCode")]
        if codes[0] != SUCCESS:
            if root.find(f".//{{{SAML}}}EncryptedAssertion") is not None:
                raise Refused("a failure with an assertion")
            told = {"failed": codes, "message": root.findtext(f".//{{{SAMLP}}}StatusMessage") or ""}
            return 200, "application/json", json.dumps(told).encode()
        holders = root.findall(f"{{{SAML}}}EncryptedAssertion")
        if len(holders) != 1 or root.find(f"{{{SAML}}}Assertion") is not None:
            raise Refused("not exactly one encrypted assertion")
        assertion = wire.decrypted(holders[0], self.encryption)
        values = values_of(assertion, said, self.connector, self.acs_url, root.get("InResponseTo", ""))
        if not re.fullmatch(rf"[A-Z]{{2}}/{self.country}/\S+", values.get(f"{NATURAL}/PersonIdentifier", "")):
            raise Refused("PersonIdentifier")
        return 200, "application/json", json.dumps({"values": values}).encode()


def _id() -> str:
    """An identifier as its `SAMLEngineUtils.generateNCName` has them: with dots and lines in it."""
    return "_" + secrets.token_urlsafe(45).replace("_", ".")
