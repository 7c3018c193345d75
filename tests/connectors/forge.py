"""Makes and signs SAML responses, good and hostile. The signatures are python-xmlsec's: no code of the product signs here.

Every part of a response is a parameter of `Reply`, so that a test changes exactly one.
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any  # xmlsec has no public name for the type of its transforms

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree
from xmlsec import constants

from connectors.connector import Expectation, Inbound
from connectors.signatures.parse import Element
from policies.assurance import LEVELS_BY_NAME, LevelOfAssurance
from policies.attributes import AttributeName
from policies.parties import EntityId, IdentityProvider, ProviderId, Source, SubjectNamespace

NOW = 1_795_600_000
IDP = "https://idp.example/metadata"
SP = "https://broker.example/saml/metadata"
ACS = "https://broker.example/saml/acs"
SSO = "https://idp.example/sso"
REQUEST = "_request0123456789abcdef0123456789abcdef"
DS = "http://www.w3.org/2000/09/xmldsig#"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
HIGH = "http://eidas.europa.eu/LoA/high"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
FAILED = "urn:oasis:names:tc:SAML:2.0:status:Responder"
URI_FORMAT = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
TABLE = {
    "urn:oid:2.5.4.4": (AttributeName("family_name"), ""),
    "urn:oid:2.5.4.42": (AttributeName("given_name"), ""),
    "urn:oid:1.3.6.1.4.1.25178.1.2.3": (AttributeName("birthdate"), ""),
    "urn:oid:2.5.4.9": (AttributeName("address"), "street"),
    "urn:oid:2.5.4.7": (AttributeName("address"), "locality"),
    "urn:oid:2.5.4.6": (AttributeName("address"), "country"),
}


@dataclass(frozen=True, slots=True)
class SigningParty:
    """A key with a self-signed certificate, as an identity provider has it."""

    pem: bytes = field(repr=False)
    certificate: bytes = field(repr=False)


# A certificate that ended long ago: metadata vouches for the key, dates do not
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


def party(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, begin: datetime = LONG_AGO) -> SigningParty:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "idp.example")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=30))
        .sign(key, SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return SigningParty(pem=pem, certificate=certificate.public_bytes(Encoding.DER))


@cache
def rsa_key(number: int, bits: int = 3072) -> rsa.RSAPrivateKey:  # noqa: ARG001 - one key for each number
    """One of a few keys of RSA that all tests of a process share: making one takes up to a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def rsa_party(bits: int = 2048) -> SigningParty:
    return party(rsa.generate_private_key(public_exponent=65537, key_size=bits))


def clock(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def attribute(name: str, *values: str, name_format: str = URI_FORMAT) -> str:
    """An Attribute; a value is XML, and stands in an AttributeValue of type xs:string."""
    inner = "".join(f'<saml:AttributeValue xsi:type="xs:string">{value}</saml:AttributeValue>' for value in values)
    return f'<saml:Attribute Name="{name}" NameFormat="{name_format}" FriendlyName="x">{inner}</saml:Attribute>'


ATTRIBUTES = (
    attribute("urn:oid:2.5.4.4", "Õunapuu-李"),
    attribute("urn:oid:2.5.4.42", "Mari &amp; Jüri"),
    attribute("urn:oid:1.3.6.1.4.1.25178.1.2.3", "18870412"),
    attribute("urn:oid:2.5.4.9", "Pikk 1"),
    attribute("urn:oid:2.5.4.7", "Tallinn"),
    attribute("urn:oid:2.5.4.6", "EE"),
    attribute("urn:oid:0.0.0", "not asked for"),
)


@dataclass(frozen=True, slots=True)
class Reply:
    """One response in all its parts. A part that is None is left out; times are seconds since the epoch."""

    response_id: str = "_response0001"
    assertion_id: str = "_assertion0001"
    version: str = "2.0"
    issued: str = clock(NOW)
    assertion_issued: str = clock(NOW)
    destination: str | None = ACS
    in_response_to: str | None = REQUEST
    issuer: str | None = IDP
    issuer_attributes: str = ""
    assertion_issuer: str = IDP
    extensions: str = ""
    status: str = SUCCESS
    status_detail: str = ""
    name_id: str = "subject-0001"
    name_id_attributes: str = f'Format="{PERSISTENT}"'
    recipient: str | None = ACS
    confirmed_request: str | None = REQUEST
    confirmed_from: int | None = None
    confirmed_until: int | None = NOW + 300
    more_confirmations: str = ""
    conditions_from: int | None = NOW
    conditions_until: int | None = NOW + 300
    audiences: str = f"<saml:AudienceRestriction><saml:Audience>{SP}</saml:Audience></saml:AudienceRestriction>"
    advice: str = ""
    authenticated: str = clock(NOW)
    session_until: int | None = NOW + 3600
    context: str = HIGH
    context_inside: str = ""
    authn_statements: int = 1
    attributes: Sequence[str] = ATTRIBUTES
    statements_inside: str = ""
    assertions: bool = True
    response_end: str = ""

    def assertion(self) -> str:
        conditions = _attributes(NotBefore=self.conditions_from, NotOnOrAfter=self.conditions_until)
        data = _attributes(
            Recipient=self.recipient,
            InResponseTo=self.confirmed_request,
            NotBefore=self.confirmed_from,
            NotOnOrAfter=self.confirmed_until,
        )
        name = f"<saml:NameID {self.name_id_attributes}>{self.name_id}</saml:NameID>" if self.name_id_attributes else ""
        authentication = (
            f'<saml:AuthnStatement AuthnInstant="{self.authenticated}" SessionIndex="_s"'
            f"{_attributes(SessionNotOnOrAfter=self.session_until)}>"
            '<saml:SubjectLocality Address="192.0.2.1"/>'
            f"<saml:AuthnContext><saml:AuthnContextClassRef>{self.context}</saml:AuthnContextClassRef>{self.context_inside}"
            "</saml:AuthnContext></saml:AuthnStatement>"
        )
        return (
            f'<saml:Assertion ID="{self.assertion_id}" Version="2.0"'
            f' IssueInstant="{self.assertion_issued}">'
            f"<saml:Issuer>{self.assertion_issuer}</saml:Issuer>"
            f"<saml:Subject>{name}"
            '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">'
            f"<saml:SubjectConfirmationData{data}></saml:SubjectConfirmationData>"
            f"</saml:SubjectConfirmation>{self.more_confirmations}</saml:Subject>"
            f"<saml:Conditions{conditions}>{self.audiences}</saml:Conditions>{self.advice}"
            f"{authentication * self.authn_statements}"
            f"<saml:AttributeStatement>{''.join(self.attributes)}{self.statements_inside}</saml:AttributeStatement>"
            "</saml:Assertion>"
        )

    def xml(self) -> bytes:
        """The whole response, unsigned."""
        issuer = "" if self.issuer is None else f"<saml:Issuer{self.issuer_attributes}>{self.issuer}</saml:Issuer>"
        return (
            f'<samlp:Response xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" xmlns:xs="http://www.w3.org/2001/XMLSchema"'
            f' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ID="{self.response_id}" Version="{self.version}"'
            f' IssueInstant="{self.issued}"{_attributes(Destination=self.destination, InResponseTo=self.in_response_to)}'
            f' Consent="urn:oasis:names:tc:SAML:2.0:consent:obtained">{issuer}{self.extensions}'
            f'<samlp:Status><samlp:StatusCode Value="{self.status}"></samlp:StatusCode>'
            f"{self.status_detail}</samlp:Status>"
            f"{self.assertion() if self.assertions else ''}{self.response_end}</samlp:Response>"
        ).encode()


def reply_of(now: int, request_id: str | None, here: str = ACS, audience: str = SP) -> Reply:
    """A good response of this moment to a request, or to none."""
    return Reply(
        issued=clock(now),
        assertion_issued=clock(now),
        authenticated=clock(now),
        destination=here,
        recipient=here,
        in_response_to=request_id,
        confirmed_request=request_id,
        confirmed_until=now + 300,
        conditions_from=now,
        conditions_until=now + 300,
        session_until=now + 3600,
        audiences=f"<saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction>",
    )


def _attributes(**values: str | int | None) -> str:
    return "".join(
        f' {name}="{clock(value) if isinstance(value, int) else value}"'
        for name, value in values.items()
        if value is not None
    )


# -- signing, with python-xmlsec -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class How:
    """How a Signature is made: xmlsec's names of methods, and what is done to the template before it is signed."""

    signature: Any = constants.TransformRsaSha256
    digest: Any = constants.TransformSha256
    c14n: Any = constants.TransformExclC14N
    transforms: tuple[Any, ...] = (constants.TransformEnveloped, constants.TransformExclC14N)
    prefixes: str = ""
    prefix: str = "ds"
    edit: Callable[[Element], None] = lambda _template: None
    key_info: Sequence[bytes] = ()
    references: int = 1


def signed(xml: bytes, element_ids: Sequence[str], by: SigningParty, how: How = How()) -> bytes:
    """Sign the elements with these IDs, the inner ones first, each with a Signature after its Issuer."""
    root = etree.fromstring(xml)
    for element_id in element_ids:
        sign_element(root, element_id, by, how)
    return etree.tostring(root)


def sign_element(root: Element, element_id: str, by: SigningParty, how: How) -> None:
    element = next(found for found in root.iter() if found.get("ID") == element_id)
    template = xmlsec.template.create(root, how.c14n, how.signature, ns=how.prefix)
    for _ in range(how.references):
        reference = xmlsec.template.add_reference(template, how.digest, uri=f"#{element_id}")
        for transform in how.transforms:
            node = xmlsec.template.add_transform(reference, transform)
            if how.prefixes and transform is constants.TransformExclC14N:
                _inclusive(node, how.prefixes)
    if how.prefixes:
        _inclusive(template[0][0], how.prefixes)
    if how.key_info:
        data = etree.SubElement(etree.SubElement(template, f"{{{DS}}}KeyInfo"), f"{{{DS}}}X509Data")
        for certificate in how.key_info:
            etree.SubElement(data, f"{{{DS}}}X509Certificate").text = base64.b64encode(certificate).decode()
    element.insert(1, template)
    how.edit(template)
    xmlsec.tree.add_ids(root, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(by.pem, constants.KeyDataFormatPem, None)
    context.sign(template)


def _inclusive(node: Element, prefixes: str) -> None:
    exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#"
    inner = etree.SubElement(node, f"{{{exclusive}}}InclusiveNamespaces", nsmap={"ec": exclusive})
    inner.set("PrefixList", prefixes)


def signed_reply(reply: Reply, by: SigningParty, which: str = "response", how: How = How()) -> bytes:
    """A reply signed at `response`, `assertion`, `both` or `neither`."""
    ids = {
        "response": [reply.response_id],
        "assertion": [reply.assertion_id],
        "both": [reply.assertion_id, reply.response_id],
        "neither": [],
    }
    return signed(reply.xml(), ids[which], by, how)


def post(xml: bytes, **more: str) -> Inbound:
    return Inbound(binding="post", parameters={"SAMLResponse": base64.b64encode(xml).decode(), **more})


# -- what the broker expects -----------------------------------------------------------------------------------------------


def metadata(*parties: SigningParty, use: str = ' use="signing"', entity_id: str = IDP, sso: str = SSO) -> bytes:
    keys = "".join(
        f"<md:KeyDescriptor{use}><ds:KeyInfo><ds:X509Data><ds:X509Certificate>\n"
        f"{base64.encodebytes(party.certificate).decode()}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
        for party in parties
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!-- pinned -->'
        f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="{DS}" entityID="{entity_id}">'
        f'<!-- a comment between elements --><md:IDPSSODescriptor protocolSupportEnumeration="{SAMLP}">{keys}'
        f'<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{sso}"/>'
        f'<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="{sso}/post"/>'
        "</md:IDPSSODescriptor></md:EntityDescriptor>"
    ).encode()


def provider(pinned: bytes, **changes: object) -> IdentityProvider:
    settings: dict[str, object] = {
        "provider_id": ProviderId("ee"),
        "title": {"en": "Estonia"},
        "country": "EE",
        "namespace": SubjectNamespace("demo/EE"),
        "entity_id": EntityId(IDP),
        "metadata": pinned,
        "attributes": TABLE,
        "subject_attribute": "",
        "assurance": {name: level for name, level in LEVELS_BY_NAME.items() if name.startswith("http")},
        "source": Source("providers/ee.toml", 1),
    }
    return IdentityProvider(**(settings | changes))  # type: ignore[arg-type] # a test changes one field by its name


def expectation(
    *, minimum: LevelOfAssurance = LevelOfAssurance.SUBSTANTIAL, force: bool = False, max_age: int | None = None
) -> Expectation:
    return Expectation(
        provider_id=ProviderId("ee"),
        request_id=REQUEST,
        issued_at=NOW - 60,
        minimum_assurance=minimum,
        force_authentication=force,
        max_age=max_age,
    )
