"""A service of the city that speaks SAML, in a test's hands: libxmlsec reads what it gets, and no code of the product."""

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

import xmlsec
from lxml import etree

from connectors.connector import Outbound, Post, Redirect
from connectors.formats.artifact import in_envelope, resolve_element
from connectors.formats.authn_request import AuthnRequest, authn_request_element
from connectors.profiles import SAML2INT
from connectors.signatures.algorithms import ALGORITHMS, RSA_SHA256
from connectors.signatures.parse import Element
from connectors.signatures.xmlsign import sign_enveloped
from connectors.signed_messages import signed_for_browser
from connectors.wire.names import ARTIFACT, DISCOVERY, REDIRECT
from idp.keys.file import create_saml_key, load_signer
from tests.idp.web.visitor import Answer, Visitor

NAMES = {
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
    "xenc": "http://www.w3.org/2001/04/xmlenc#",
}
PREFIXES = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMES.items())
# Where an element of an AuthnRequest stands that has none of its name
PLACES = {"Extensions": 1, "Subject": 1}
ENTITY, ACS = "https://library.storkhaven.example/saml", "https://library.storkhaven.example/saml/acs"
NEEDS = (
    '<md:Extensions><a:EntityAttributes xmlns:a="urn:oasis:names:tc:SAML:metadata:attribute"><s:Attribute '
    'xmlns:s="urn:oasis:names:tc:SAML:2.0:assertion" Name="urn:oasis:names:tc:SAML:profiles:subject-id:req">'
    "<s:AttributeValue>{}</s:AttributeValue></s:Attribute></a:EntityAttributes></md:Extensions>"
)
ARTIFACTS = "https://library.storkhaven.example/saml/artifact?from=us"
PARTY = """\
client_id = "{name}"
protocol = "saml"
title.en = "City library"
entity_id = "{entity}"
metadata = "metadata/{name}.xml"
purposes = ["{purpose}"]
{more}
[attributes]
birthdate = "age_over(18)"
address = "resident_of(Storkhaven)"
email = "exact"
"""


@dataclass
class SamlParty:
    """The service `library`, whose key lies in `folder`. `encrypts`: its metadata has an encryption key."""

    folder: Path
    issuer: str
    clock: Callable[[], int]
    encrypts: bool = True
    more: str = ""
    wanted: str = ""
    methods: str = ""
    needs: str = ""
    artifacts: bool = False
    entity: str = ENTITY
    acs: str = ACS
    logout: str = ""
    returns: str = ""
    name: str = "library"
    purpose: str = "resident-parking"
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.key_file = self.folder / "library.pem"
        create_saml_key(self.key_file, "library.storkhaven.example")
        self.signer = load_signer(self.key_file)

    @property
    def files(self) -> dict[str, str]:
        """Its registration in the broker's folder."""
        return {
            f"parties/{self.name}.toml": PARTY.format(
                entity=self.entity, more=self.more, name=self.name, purpose=self.purpose
            ),
            f"metadata/{self.name}.xml": self.metadata(),
        }

    def metadata(self) -> str:
        certificate = base64.b64encode(self.signer.certificate).decode()
        info = (
            f'<ds:KeyInfo xmlns:ds="{NAMES["ds"]}"><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate>'
            "</ds:X509Data></ds:KeyInfo>"
        )
        uses = ("signing", "encryption") if self.encrypts else ("signing",)
        methods = {"encryption": self.methods}
        keys = "".join(f'<md:KeyDescriptor use="{use}">{info}{methods.get(use, "")}</md:KeyDescriptor>' for use in uses)
        artifact = f'<md:AssertionConsumerService Binding="{ARTIFACT}" Location="{ARTIFACTS}" index="1"/>'
        by_artifact = artifact if self.artifacts else ""
        needs = NEEDS.format(self.needs) if self.needs else ""
        response = f'<d:DiscoveryResponse xmlns:d="{DISCOVERY}" Binding="{DISCOVERY}" Location="{self.returns}" index="1"/>'
        returns = f"<md:Extensions>{response}</md:Extensions>" if self.returns else ""
        return (
            f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{self.entity}">{needs}'
            f'<md:SPSSODescriptor AuthnRequestsSigned="true" protocolSupportEnumeration="{NAMES["samlp"]}">{returns}{keys}'
            f'{self.logout}<md:AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" '
            f'Location="{self.acs}" index="0" isDefault="true"/>{by_artifact}{self.wanted}'
            "</md:SPSSODescriptor></md:EntityDescriptor>"
        )

    def request(self, *inside: str, **changes: object) -> Element:
        """An AuthnRequest that is accepted, but for `changes` of its attributes; None leaves one out.

        `inside` are elements: one takes the place of that of its name, or comes last.
        """
        self.asked.append(f"_{secrets.token_hex(20)}")
        root = authn_request_element(
            AuthnRequest(
                request_id=self.asked[-1],
                issue_instant=self.clock(),
                destination=f"{self.issuer}/saml/sso",
                issuer=self.entity,
                acs_url=self.acs,
                force_authentication=False,
                comparison="minimum",
                contexts=("http://eidas.europa.eu/LoA/substantial",),
            )
        )
        for name, value in changes.items():
            root.set(name, str(value))
            if value is None:
                del root.attrib[name]
        for text in inside:
            new = etree.fromstring(f"<a {PREFIXES}>{text}</a>")[0]
            old = root.find(new.tag)
            if old is not None:
                root.replace(old, new)
            else:
                root.insert(PLACES.get(etree.QName(new).localname, len(root)), new)
        return root

    def sent(self, root: Element, binding: str = REDIRECT, relay_state: str = "to the shelf") -> Outbound:
        url = f"{self.issuer}/saml/sso"
        return signed_for_browser(root, url, binding, relay_state, signer=self.signer, profile=SAML2INT)

    def simply(self, root: Element, relay_state: str = "to the shelf") -> Post:
        """By POST-SimpleSign."""
        octets = etree.tostring(root)
        text = b"SAMLRequest=" + octets + f"&RelayState={relay_state}&SigAlg={RSA_SHA256}".encode()
        fields = {
            "SAMLRequest": base64.b64encode(octets).decode(),
            "RelayState": relay_state,
            "SigAlg": RSA_SHA256,
            "Signature": base64.b64encode(self.signer.sign(text, ALGORITHMS[RSA_SHA256])).decode(),
        }
        return Post(f"{self.issuer}/saml/sso", tuple(fields.items()))

    def asks(self, visitor: Visitor, root: Element | None = None, binding: str = REDIRECT) -> Answer:
        """The browser comes from the service with its request."""
        return arrives(visitor, self.sent(self.request() if root is None else root, binding))

    def resolves(self, artifact: str, *, signed: bool = True, **changes: str) -> bytes:
        """The SOAP envelope that fetches the answer of an artifact, but for `changes` of the question: "" takes one out."""
        url = f"{self.issuer}/saml/artifact"
        root = resolve_element(f"_{secrets.token_hex(20)}", self.clock(), url, self.entity, artifact)
        for name, value in changes.items():
            if value:
                root.set(name, value)
            else:
                del root.attrib[name]
        octets = sign_enveloped(root, self.signer, place=1, profile=SAML2INT) if signed else etree.tostring(root)
        return in_envelope(octets)

    def read(self, answer: Answer, certificate: bytes) -> "Heard":
        """The answer that a page posts."""
        assert answer.found("//main//form/@action") == [self.acs], answer.text
        return self.heard(answer.fields, certificate)

    def heard(self, fields: Mapping[str, str], certificate: bytes, methods: list[str] | None = None) -> "Heard":
        """The answer in a form, both of its signatures verified, decrypted where it is encrypted, by which `methods`."""
        octets = base64.b64decode(fields["SAMLResponse"])
        response = etree.fromstring(octets)
        verified(response, certificate)
        encrypted = response.findall(".//xenc:EncryptedData", NAMES)
        if methods is not None:
            methods += [str(one.get("Algorithm")) for one in response.iterfind(".//xenc:EncryptionMethod", NAMES)]
        for data in encrypted:
            manager = xmlsec.KeysManager()
            manager.add_key(xmlsec.Key.from_file(str(self.key_file), xmlsec.constants.KeyDataFormatPem))
            xmlsec.EncryptionContext(manager).decrypt(data)
        for assertion in response.iterfind(".//saml:Assertion", NAMES):
            verified(etree.fromstring(etree.tostring(assertion)), certificate)
        return Heard(response, fields.get("RelayState", ""), was_encrypted=bool(encrypted))


def arrives(visitor: Visitor, outbound: Outbound, origin: str = "https://library.storkhaven.example") -> Answer:
    """A browser that another site sends here."""
    parts = urlsplit(outbound.url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    headers: Mapping[str, str | None] = {"sec-fetch-site": "cross-site"}
    if isinstance(outbound, Redirect):
        return visitor.go("GET", path, headers=headers)
    assert isinstance(outbound, Post)
    return visitor.comes_back(path, origin, dict(outbound.fields))


def verified(root: Element, certificate: bytes) -> None:
    """The signature over the whole of `root`, by libxmlsec."""
    xmlsec.tree.add_ids(root, ["ID"])
    signature = root.find("ds:Signature", NAMES)
    assert signature is not None
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(certificate, xmlsec.constants.KeyDataFormatCertDer)
    context.verify(signature)
    (reference,) = signature.findall(".//ds:Reference", NAMES)
    assert reference.get("URI") == f"#{root.get('ID')}"


@dataclass
class Heard:
    """A Response, read."""

    root: Element
    relay_state: str
    was_encrypted: bool

    def text(self, path: str) -> str:
        return self.root.findtext(f".//{path}", "", NAMES)

    def value(self, path: str, name: str) -> str:
        found = self.root.find(f".//{path}", NAMES)
        assert found is not None, path
        return found.get(name, "")

    @cached_property
    def statuses(self) -> list[str]:
        """Top and second-level status, without what is the same in all."""
        codes = self.root.iterfind(".//samlp:StatusCode", NAMES)
        return [str(one.get("Value")).rpartition(":")[2] for one in codes]

    @cached_property
    def attributes(self) -> dict[str, list[str]]:
        return {
            str(one.get("Name")): [str(value.text) for value in one]
            for one in self.root.iterfind(".//saml:Attribute", NAMES)
        }
