"""Requests and logout as others send them, each part a knob: libxmlsec signs what is posted, pyca what is redirected.

No code of the product makes or signs anything here.
"""

import base64
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from connectors.connector import Inbound
from tests.connectors import forge
from tests.connectors.forge import DS, NOW, SAML, SAMLP, SUCCESS, How, SigningParty, clock

HERE = "https://broker.example/saml/here"
PEER = "https://peer.example/metadata"
ACS, OTHER_ACS = "https://peer.example/acs", "https://peer.example/other/acs"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
NAMES = f'xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}"'


@dataclass(frozen=True, slots=True)
class Message:
    """One message in text: what its root is, the attributes of that (None leaves one out), and what stands inside."""

    root: str
    issued: str | None = clock(NOW)
    destination: str | None = HERE
    version: str | None = "2.0"
    message_id: str | None = "_message0001"
    more: str = ""
    issuer: str = f"<saml:Issuer>{PEER}</saml:Issuer>"
    inside: str = ""

    def xml(self) -> str:
        """The whole of it."""
        written = {
            "ID": self.message_id,
            "Version": self.version,
            "IssueInstant": self.issued,
            "Destination": self.destination,
        }
        listed = "".join(f' {name}="{value}"' for name, value in written.items() if value is not None)
        return f"<samlp:{self.root} {NAMES}{listed}{self.more}>{self.issuer}{self.inside}</samlp:{self.root}>"


NAME_ID = f'<saml:NameID Format="{forge.PERSISTENT}" NameQualifier="q">Õunapuu-0001</saml:NameID>'
SESSION = "<samlp:SessionIndex>session-0001</samlp:SessionIndex>"
LOGOUT_REQUEST = Message("LogoutRequest", more=f' NotOnOrAfter="{clock(NOW + 120)}"', inside=NAME_ID + SESSION)
LOGOUT_RESPONSE = Message(
    "LogoutResponse",
    more=' InResponseTo="_asked"',
    inside=f'<samlp:Status><samlp:StatusCode Value="{SUCCESS}"/></samlp:Status>',
)
AUTHN_REQUEST = Message("AuthnRequest")


def posted(xml: str, by: SigningParty | None, parameter: str, **more: str) -> Inbound:
    """By POST, signed at its root; unsigned without a party."""
    octets = xml.encode() if by is None else forge.signed(xml.encode(), ["_message0001"], by, How())
    return Inbound("post", {parameter: base64.b64encode(octets).decode(), **more})


def deflated(octets: bytes) -> bytes:
    made = zlib.compressobj(wbits=-15)
    return made.compress(octets) + made.flush()


def spelled(octets: bytes) -> str:
    """The text as a value of a query."""
    return quote(base64.b64encode(octets).decode(), safe="")


def signature(text: str, by: SigningParty) -> str:
    return spelled(_loaded(by.pem).sign(text.encode(), PKCS1v15(), SHA256()))


@cache
def _loaded(pem: bytes) -> rsa.RSAPrivateKey:
    key = load_pem_private_key(pem, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def query(xml: str, by: SigningParty, parameter: str, relay_state: str | None = None) -> str:
    """A signed query; RelayState as it is spelled."""
    pairs = [
        (parameter, spelled(deflated(xml.encode()))),
        ("RelayState", relay_state),
        ("SigAlg", quote(RSA_SHA256, safe="")),
    ]
    text = "&".join(f"{name}={value}" for name, value in pairs if value is not None)
    return f"{text}&Signature={signature(text, by)}"


def redirected(xml: str, by: SigningParty, parameter: str, relay_state: str | None = None) -> Inbound:
    return Inbound("redirect", {}, query(xml, by, parameter, relay_state))


def both(xml: str, by: SigningParty, parameter: str) -> Sequence[Inbound]:
    """By each of the two bindings."""
    return (posted(xml, by, parameter), redirected(xml, by, parameter))


# -- metadata --------------------------------------------------------------------------------------------------------------


def key_descriptor(party: SigningParty, use: str = ' use="signing"') -> str:
    certificate = base64.encodebytes(party.certificate).decode()
    data = f"<ds:X509Data><ds:X509Certificate>\n{certificate}</ds:X509Certificate></ds:X509Data>"
    return f"<md:KeyDescriptor{use}><ds:KeyInfo>{data}</ds:KeyInfo></md:KeyDescriptor>"


def service(url: str, index: int | str, more: str = "", binding: str = "HTTP-POST") -> str:
    """An AssertionConsumerService."""
    uri = f"urn:oasis:names:tc:SAML:2.0:bindings:{binding}"
    return f'<md:AssertionConsumerService Binding="{uri}" Location="{url}" index="{index}"{more}/>'


SERVICES = service(OTHER_ACS, 0) + service(ACS, 3, ' isDefault="true"')


def sp_metadata(*parties: SigningParty, services: str = SERVICES, use: str = ' use="signing"', before: str = "") -> bytes:
    """A service provider's EntityDescriptor, with what stands before its services."""
    keys = "".join(key_descriptor(party, use) for party in parties)
    return (
        f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="{DS}" entityID="{PEER}">'
        f'<md:SPSSODescriptor protocolSupportEnumeration="{SAMLP}">{keys}{before}{services}</md:SPSSODescriptor>'
        "</md:EntityDescriptor>"
    ).encode()
