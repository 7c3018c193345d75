"""The input of the benchmark of signatures: keys and messages, made at each run.

A message is what an identity provider of citizens sends: a Response signed as a whole by RSA-2048 with SHA-256, the
certificate and that of its authority in KeyInfo, an assertion of one AuthnStatement and some attributes with FriendlyName
and xsi:type. Attributes make a message larger.
"""

import base64
import secrets
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID
from lxml import etree

from connectors.connector import Expectation, Inbound
from connectors.metadata.pinned_provider import pinned_provider
from connectors.profiles import SAML2INT
from connectors.saml_sp.connector import SamlConnector
from connectors.signatures.decryption_keys import FileUnwrapper
from connectors.signatures.pinned_keys import PinnedKey
from connectors.signatures.xmlenc import encrypt
from idp.keys.file import RSA_BITS, FileSigner
from policies.parties import EntityId, Source
from tests.connectors import forge
from tests.connectors.forge import How, Reply, SigningParty

# A citizen of nowhere: identity and address
VALUES = {
    "urn:oid:2.5.4.4": ("sn", "Õunapuu-Mägi"),
    "urn:oid:2.5.4.42": ("givenName", "Mari Jüriöö"),
    "urn:oid:1.3.6.1.4.1.25178.1.2.3": ("schacDateOfBirth", "18870412"),
    "urn:oid:1.3.6.1.4.1.25178.1.2.15": ("schacPersonalUniqueID", "urn:schac:personalUniqueID:ee:EID:48704120000"),
    "urn:oid:2.5.4.9": ("street", "Pikk tänav 17, korter 4"),
    "urn:oid:2.5.4.7": ("l", "Tallinn"),
    "urn:oid:2.5.4.6": ("c", "EE"),
}


def _attribute(name: str, friendly: str, value: str) -> str:
    return forge.attribute(name, value).replace('FriendlyName="x"', f'FriendlyName="{friendly}"')


def _named(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "EE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Identity of Nowhere"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _certificate(name: str, key: rsa.RSAPublicKey, issuer: str, by: rsa.RSAPrivateKey, *, authority: bool) -> bytes:
    """DER of a certificate as an authority issues it, with the usual extensions."""
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    where = x509.UniformResourceIdentifier(f"http://ca.example/{issuer.replace(' ', '-')}.crl")
    about = AuthorityInformationAccessOID
    access = [
        x509.AccessDescription(about.CA_ISSUERS, x509.UniformResourceIdentifier("http://ca.example/issuing.crt")),
        x509.AccessDescription(about.OCSP, x509.UniformResourceIdentifier("http://ocsp.ca.example")),
    ]
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"),
        False,  # the value of each
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=800))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, **usage),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
        .add_extension(x509.CRLDistributionPoints([x509.DistributionPoint([where], None, None, None)]), critical=False)
        .add_extension(x509.AuthorityInformationAccess(access), critical=False)
    )
    policies = x509.PolicyInformation(
        x509.ObjectIdentifier("0.4.0.194112.1.1"), ["https://ca.example/practice/statement.pdf"]
    )
    builder = builder.add_extension(x509.CertificatePolicies([policies]), critical=False)
    if not authority:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName("idp.example")]), critical=False
        ).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    return builder.sign(by, SHA256()).public_bytes(Encoding.DER)


@dataclass(frozen=True)
class World:
    """The keys of one run, and the messages that they made. `now` is the clock's: some peers read it themselves."""

    now: int = field(default_factory=lambda: int(time.time()))
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    # As `ciconia init` makes them
    our_key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, RSA_BITS))

    @cached_property
    def chain(self) -> tuple[bytes, bytes]:
        """DER of the identity provider's certificate, and of its authority's."""
        authority = rsa.generate_private_key(65537, 3072)
        root = rsa.generate_private_key(65537, 4096)
        mine = _certificate(
            "idp.example signing", self.key.public_key(), "Issuing CA of Nowhere", authority, authority=False
        )
        theirs = _certificate("Issuing CA of Nowhere", authority.public_key(), "Root CA of Nowhere", root, authority=True)
        return mine, theirs

    @cached_property
    def party(self) -> SigningParty:
        """The identity provider, as it signs."""
        return SigningParty(
            pem=self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), certificate=self.chain[0]
        )

    @cached_property
    def metadata(self) -> bytes:
        """Its metadata, pinned."""
        return forge.metadata(self.party)

    @cached_property
    def keys(self) -> tuple[PinnedKey, ...]:
        """Its keys, ready."""
        return tuple(pinned_provider(self.metadata, EntityId(forge.IDP), Source("idp.xml", 1)).keys)

    @cached_property
    def unwrapper(self) -> FileUnwrapper:
        """Our key that decrypts, with its certificate."""
        authority = rsa.generate_private_key(65537, 2048)
        certificate = _certificate("broker encryption", self.our_key.public_key(), "Ours", authority, authority=False)
        return FileUnwrapper(_private_key=self.our_key, certificate=certificate, key_id="ours")

    def connector(self) -> SamlConnector:
        """The receiver of its answers. It asks nothing here, so any key may stand for the one that signs questions."""
        signer = FileSigner(self.our_key, self.our_key.public_key(), b"", "ours")
        return SamlConnector(
            provider=forge.provider(self.metadata),
            entity_id=forge.SP,
            acs_url=forge.ACS,
            signer=signer,
            unwrappers=[self.unwrapper],
        )

    @cached_property
    def reply(self) -> Reply:
        """An ordinary answer of now."""
        clock = forge.clock(self.now)
        return Reply(
            response_id="_" + secrets.token_hex(20),
            assertion_id="_" + secrets.token_hex(20),
            name_id=base64.b64encode(secrets.token_bytes(32)).decode(),
            issued=clock,
            assertion_issued=clock,
            authenticated=clock,
            confirmed_until=self.now + 300,
            conditions_from=self.now - 5,
            conditions_until=self.now + 300,
            session_until=self.now + 3600,
            attributes=[_attribute(name, *said) for name, said in VALUES.items()],
        )

    @cached_property
    def message(self) -> bytes:
        """The ordinary message, of 8.5 KB."""
        return in_utf8(forge.signed_reply(self.reply, self.party, "response", How(key_info=self.chain)))

    @cached_property
    def encrypted(self) -> bytes:
        """The ordinary message with its assertion encrypted to us: AES-256-GCM, RSA-OAEP with SHA-256.

        It has no certificates: with them it would be half as large again.
        """
        root = etree.fromstring(self.reply.xml())
        assertion = root[-1]
        root.replace(assertion, encrypt(assertion, self.unwrapper.certificate, SAML2INT))
        forge.sign_element(root, self.reply.response_id, self.party, How())
        return in_utf8(etree.tostring(root))


def expectation(world: World) -> Expectation:
    """The expectation that its messages match."""
    return replace(forge.expectation(), issued_at=world.now - 60)


def in_utf8(xml: bytes) -> bytes:
    """Letters as they are, in place of references to them."""
    return etree.tostring(etree.fromstring(xml), encoding="unicode").encode()


def posted(xml: bytes) -> Inbound:
    """The message in the form that a browser posts."""
    return Inbound(binding="post", parameters={"SAMLResponse": base64.b64encode(xml).decode()})
