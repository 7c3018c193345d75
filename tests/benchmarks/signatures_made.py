"""What the benchmark of signatures verifies: keys and messages, made at each run.

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
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID
from lxml import etree

from connectors.connector import Expectation, Inbound
from connectors.metadata.pinned import pinned_provider
from connectors.profiles import SAML2INT
from connectors.saml import SamlConnector
from connectors.signatures.decryption_keys import FileUnwrapper
from connectors.signatures.keys import PinnedKey
from connectors.signatures.xmlenc import encrypt
from idp.keys.file import RSA_BITS, FileSigner
from policies.parties import EntityId, IdentityProvider, Source
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
ORDINARY = len(VALUES)
EDUPERSON = "urn:oid:1.3.6.1.4.1.5923.1.1.1."


def attributes(count: int) -> tuple[str, ...]:
    """So many attributes; behind those of a citizen, any others."""
    named = list(VALUES.items())[:count]
    named += [
        (f"{EDUPERSON}{number}", ("another", f"the value of number {number}")) for number in range(count - len(named))
    ]
    return tuple(
        forge.attribute(name, value).replace('FriendlyName="x"', f'FriendlyName="{friendly}"')
        for name, (friendly, value) in named
    )


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
    curve_key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

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
    def provider(self) -> IdentityProvider:
        """Its registration."""
        return forge.provider(self.metadata)

    @cached_property
    def keys(self) -> tuple[PinnedKey, ...]:
        """Its keys, ready."""
        return pinned(self.metadata)

    @cached_property
    def unwrapper(self) -> FileUnwrapper:
        """Our key that decrypts, with its certificate."""
        authority = rsa.generate_private_key(65537, 2048)
        certificate = _certificate("broker encryption", self.our_key.public_key(), "Ours", authority, authority=False)
        return FileUnwrapper(_private_key=self.our_key, certificate=certificate, key_id="ours")

    def connector(self, *unwrappers: FileUnwrapper) -> SamlConnector:
        """Who receives its answers. It asks nothing here, so any key may stand for the one that signs questions."""
        signer = FileSigner(self.our_key, self.our_key.public_key(), b"", "ours")
        return SamlConnector(
            provider=self.provider, entity_id=forge.SP, acs_url=forge.ACS, signer=signer, unwrappers=unwrappers
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
            attributes=attributes(ORDINARY),
        )

    @cached_property
    def how(self) -> How:
        """How it signs."""
        return How(key_info=self.chain)

    def signed(self, reply: Reply, which: str = "response") -> bytes:
        """An answer, signed."""
        return in_utf8(forge.signed_reply(reply, self.party, which, self.how))

    @cached_property
    def message(self) -> bytes:
        """The ordinary message, of 8.5 KB."""
        return self.signed(self.reply)

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

    def of_size(self, octets: int, which: str = "response") -> bytes:
        """A message of at most so many octets, and nearly: without certificates, with more attributes or fewer."""

        def made(count: int) -> bytes:
            return in_utf8(forge.signed_reply(replace(self.reply, attributes=attributes(count)), self.party, which))

        least, beyond = 0, octets // 100
        while least + 1 < beyond:
            middle = (least + beyond) // 2
            least, beyond = (middle, beyond) if len(made(middle)) <= octets else (least, middle)
        return made(least)


def pinned(metadata: bytes) -> tuple[PinnedKey, ...]:
    """The keys of pinned metadata, ready."""
    return tuple(pinned_provider(metadata, EntityId(forge.IDP), Source("idp.xml", 1)).keys)


def expectation(world: World) -> Expectation:
    """What its messages must match."""
    return replace(forge.expectation(), issued_at=world.now - 60)


def in_utf8(xml: bytes) -> bytes:
    """Letters as they are, in place of references to them."""
    return etree.tostring(etree.fromstring(xml), encoding="unicode").encode()


def posted(xml: bytes) -> Inbound:
    """As the browser posts it."""
    return Inbound(binding="post", parameters={"SAMLResponse": base64.b64encode(xml).decode()})
