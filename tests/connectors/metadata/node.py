"""A country's node as tests need one: keys on curves (they are quick to make), metadata, and its signature."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from connectors.formats.eidas.metadata import Role
from connectors.formats.eidas.own_metadata import (
    SIGNATURE_PLACE,
    ConnectorMetadata,
    ProxyMetadata,
    connector_element,
    proxy_element,
)
from connectors.formats.operator import Operator
from connectors.profiles import EIDAS
from connectors.signatures.jwk import thumbprint
from connectors.signatures.parse import Element, parse_canonical
from connectors.signatures.pinned_keys import prepared
from connectors.signatures.shapes import METADATA
from connectors.signatures.verification_result import Signed, SignedMessage
from connectors.signatures.xmldsig import verify
from connectors.signatures.xmlsign import sign_enveloped
from idp.keys.file import FileSigner
from tests.connectors.forge import rsa_key

NOW = 1_795_600_000
DAY = 24 * 3600
ENTITY = "https://node.example/metadata"
LOA = "http://eidas.europa.eu/LoA/"
PERSON = "http://eidas.europa.eu/attributes/naturalperson/"
Edit = Callable[[Element], None]
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def signer_of(key: Key, begin: int = NOW - DAY, end: int = NOW + 1000 * DAY) -> FileSigner:
    """A key with a certificate of these dates."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "node.example")])
    start = datetime.fromtimestamp(begin, UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(seconds=end - begin))
        .sign(key, SHA256())
    )
    return FileSigner(key, key.public_key(), certificate.public_bytes(Encoding.DER), thumbprint(key.public_key()))


def unloadable(der: bytes) -> bytes:
    """The same certificate as X.509 version 4, which nobody loads."""
    version = bytes.fromhex("a003020102")
    assert version in der
    return der.replace(version, bytes.fromhex("a003020103"))


def curve_signer(begin: int = NOW - DAY, end: int = NOW + 1000 * DAY) -> FileSigner:
    return signer_of(ec.generate_private_key(ec.SECP256R1()), begin, end)


@cache
def rsa_signer(number: int = 0, bits: int = 3072) -> FileSigner:
    return signer_of(rsa_key(number, bits))


@cache
def key(name: str) -> FileSigner:
    """A key on P-256 of this name, made once: "metadata", "messages", "next", "stranger"."""
    return curve_signer() if name else rsa_signer()


ORGANIZATION = Operator(
    name="Ministry of Nodes",
    display_name="Nodes",
    url="https://nodes.example/",
    support="help@nodes.example",
    technical="tech@nodes.example",
)


def proxy(**changes: object) -> ProxyMetadata:
    """A sending node's metadata, with some parts of it changed."""
    metadata = ProxyMetadata(
        metadata_id="_m1",
        valid_until=NOW + DAY,
        entity_id=ENTITY,
        country="EE",
        signing=(key("messages").certificate,),
        encryption=(),
        application_identifier="ciconia:0.1.0",
        organization=ORGANIZATION,
        profile=EIDAS,
        redirect_url="https://node.example/sso",
        post_url="https://node.example/sso",
        assurance=(f"{LOA}high",),
    )
    return replace(metadata, **changes)  # type: ignore[arg-type] # a test names fields of the class


def connector(**changes: object) -> ConnectorMetadata:
    """A receiving node's metadata, with some parts of it changed."""
    metadata = ConnectorMetadata(
        metadata_id="_m1",
        valid_until=NOW + DAY,
        entity_id=ENTITY,
        country="EE",
        signing=(key("messages").certificate,),
        encryption=(rsa_signer().certificate,),
        application_identifier="ciconia:0.1.0",
        organization=ORGANIZATION,
        profile=EIDAS,
        acs_url="https://node.example/acs",
    )
    return replace(metadata, **changes)  # type: ignore[arg-type] # a test names fields of the class


def element(metadata: ProxyMetadata | ConnectorMetadata, edit: Edit | None = None) -> Element:
    """Unsigned, with a test's changes to the tree."""
    root = proxy_element(metadata) if isinstance(metadata, ProxyMetadata) else connector_element(metadata)
    if edit is not None:
        edit(root)
    return root


def octets(metadata: ProxyMetadata | ConnectorMetadata, edit: Edit | None = None, by: str = "metadata") -> bytes:
    """The metadata that a node publishes, signed by its metadata key or another."""
    return sign_enveloped(element(metadata, edit), key(by), place=SIGNATURE_PLACE, profile=EIDAS)


def signed(metadata: ProxyMetadata | ConnectorMetadata, edit: Edit | None = None) -> Signed:
    """The result of its verification."""
    pinned = prepared(key("metadata").public_key, EIDAS)
    message = verify(octets(metadata, edit), [pinned], METADATA, EIDAS)
    assert isinstance(message, SignedMessage)
    return message.signed


def role_of(metadata: ProxyMetadata | ConnectorMetadata) -> Role:
    return "proxy" if isinstance(metadata, ProxyMetadata) else "connector"


def find(root: Element, local: str) -> Element:
    """The first element of this local name."""
    return next(found for found in root.iter(f"{{*}}{local}"))


def remove(local: str) -> Edit:
    """Take every element of this local name out."""

    def edit(root: Element) -> None:
        for found in list(root.iter(f"{{*}}{local}")):
            parent = found.getparent()
            assert parent is not None
            parent.remove(found)

    return edit


def twice(local: str) -> Edit:
    """Let the first element of this local name stand twice."""

    def edit(root: Element) -> None:
        found = find(root, local)
        found.addnext(parse_canonical(etree.tostring(found)))

    return edit


def text(local: str, value: str) -> Edit:
    """Another text in the first element of this local name."""

    def edit(root: Element) -> None:
        find(root, local).text = value

    return edit


def attribute(local: str, name: str, value: str | None) -> Edit:
    """Another value of an attribute of the first element of this local name; None takes it out."""

    def edit(root: Element) -> None:
        found = find(root, local) if local else root
        if value is None:
            del found.attrib[name]
        else:
            found.set(name, value)

    return edit
