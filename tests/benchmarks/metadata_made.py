# ruff: noqa: E501, S311 - the lines of a document are as long as they are, and its numbers must be the same each time
"""A signed aggregate as a large federation publishes it, always the same: `python -m tests.benchmarks.metadata_made N FILE`.

Entities have the shape of those of research federations: registration, entity attributes, scopes, mdui in two languages,
logos (some as data), two certificates, endpoints, an organization and contacts. Half of them bring prefixes of their own, as
aggregators keep them. Keys, dates and texts come from a seed. The certificates have one shape, and a key each out of a few.
"""

import base64
import hashlib
import math
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from lxml import etree

from connectors.signatures.parse import canonical

FEDERATION = "https://federation.example"
SEED = 20
# The shares of entities: identity providers, logos as data, namespaces of their own
IDP_SHARE, DATA_SHARE, OWN_SHARE = 0.6, 0.02, 0.5
_EXPONENT = 65537
_KEYS = 4
# Most numbers that are no primes have a factor in it
_SMALL = math.prod(range(3, 2000, 2))
_MODULUS = 256
VALID_UNTIL = "2100-01-01T00:00:00Z"

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" \
xmlns:mdui="urn:oasis:names:tc:SAML:metadata:ui" xmlns:mdattr="urn:oasis:names:tc:SAML:metadata:attribute" \
xmlns:mdrpi="urn:oasis:names:tc:SAML:metadata:rpi" xmlns:shibmd="urn:mace:shibboleth:metadata:1.0" \
xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" xmlns:remd="http://refeds.org/metadata" \
xmlns:alg="urn:oasis:names:tc:SAML:metadata:algsupport" xmlns:xs="http://www.w3.org/2001/XMLSchema" \
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ID="_{name}" Name="{federation}/{name}" validUntil="{until}">
"""
_TAIL = "</md:EntitiesDescriptor>\n"
_ENTITY = """  <!-- {entity_id} -->
  <{md}EntityDescriptor{own} entityID="{entity_id}">
    <{md}Extensions>
      <mdrpi:RegistrationInfo registrationAuthority="{authority}" registrationInstant="{registered}">
        <mdrpi:RegistrationPolicy xml:lang="en">{authority}/registration-policy-{number}</mdrpi:RegistrationPolicy>
      </mdrpi:RegistrationInfo>
      <mdattr:EntityAttributes>
{attributes}      </mdattr:EntityAttributes>
      <alg:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>
    </{md}Extensions>
{role}    <{md}Organization>
      <{md}OrganizationName xml:lang="en">{title}</{md}OrganizationName>
      <{md}OrganizationDisplayName xml:lang="en">{title}</{md}OrganizationDisplayName>
      <{md}OrganizationURL xml:lang="en">https://www.{host}/en/</{md}OrganizationURL>
    </{md}Organization>
    <{md}ContactPerson contactType="technical">
      <{md}GivenName>Identity service desk</{md}GivenName>
      <{md}EmailAddress>mailto:aai-{number}@{host}</{md}EmailAddress>
    </{md}ContactPerson>
    <{md}ContactPerson contactType="other" remd:contactType="http://refeds.org/metadata/contactType/security">
      <{md}EmailAddress>mailto:security@{host}</{md}EmailAddress>
    </{md}ContactPerson>
  </{md}EntityDescriptor>
"""
_ATTRIBUTE = """        <saml:Attribute Name="{name}" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri">
{values}        </saml:Attribute>
"""
_UI = """        <mdui:UIInfo>
          <mdui:DisplayName xml:lang="en">{title}</mdui:DisplayName>
          <mdui:DisplayName xml:lang="et">{local}</mdui:DisplayName>
          <mdui:Description xml:lang="en">{title} lets its members sign in to services of research &amp; public bodies.</mdui:Description>
          <mdui:InformationURL xml:lang="en">https://www.{host}/en/about</mdui:InformationURL>
          <mdui:PrivacyStatementURL xml:lang="en">https://www.{host}/en/privacy</mdui:PrivacyStatementURL>
          <mdui:Logo height="60" width="80">{logo}</mdui:Logo>
        </mdui:UIInfo>
"""
_KEY = """      <{md}KeyDescriptor{use}>
        <ds:KeyInfo>
          <ds:X509Data>
            <ds:X509Certificate>{certificate}</ds:X509Certificate>
          </ds:X509Data>
        </ds:KeyInfo>
      </{md}KeyDescriptor>
"""
_IDP = """    <{md}IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol" errorURL="https://idp.{host}/error">
      <{md}Extensions>
        <shibmd:Scope regexp="false">{host}</shibmd:Scope>
{ui}        <mdui:DiscoHints>
          <mdui:DomainHint>{host}</mdui:DomainHint>
          <mdui:GeolocationHint>geo:{latitude},{longitude}</mdui:GeolocationHint>
        </mdui:DiscoHints>
      </{md}Extensions>
{keys}      <{md}ArtifactResolutionService Binding="urn:oasis:names:tc:SAML:2.0:bindings:SOAP" Location="https://idp.{host}/idp/soap/artifact" index="1"/>
      <{md}SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.{host}/idp/slo/redirect"/>
      <{md}NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:transient</{md}NameIDFormat>
      <{md}NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:persistent</{md}NameIDFormat>
      <{md}SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.{host}/idp/sso/post"/>
      <{md}SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.{host}/idp/sso/redirect"/>
    </{md}IDPSSODescriptor>
"""
_SP = """    <{md}SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol" WantAssertionsSigned="true">
      <{md}Extensions>
{ui}      </{md}Extensions>
{keys}      <{md}SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://sp.{host}/slo/redirect"/>
      <{md}NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:transient</{md}NameIDFormat>
      <{md}AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://sp.{host}/acs/post" index="1" isDefault="true"/>
      <{md}AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact" Location="https://sp.{host}/acs/artifact" index="2"/>
      <{md}AttributeConsumingService index="1">
        <{md}ServiceName xml:lang="en">{title}</{md}ServiceName>
{requested}      </{md}AttributeConsumingService>
    </{md}SPSSODescriptor>
"""
_REQUESTED = """        <{md}RequestedAttribute FriendlyName="{friendly}" Name="{name}" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri" isRequired="{required}"/>
"""
_OWN = ' xmlns="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:mdui="urn:oasis:names:tc:SAML:metadata:ui"'
_SIGNED_INFO = (
    '<ds:SignedInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">'
    '<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>'
    '<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/><ds:Reference URI="#{id}">'
    '<ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>'
    '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></ds:Transforms>'
    '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue>{digest}</ds:DigestValue>'
    "</ds:Reference></ds:SignedInfo>"
)
_SIGNATURE = "<ds:Signature>{info}<ds:SignatureValue>{value}</ds:SignatureValue></ds:Signature>"
_CATEGORY = "http://macedir.org/entity-category"
_SUPPORT = "http://macedir.org/entity-category-support"
_CERTIFIED = "urn:oasis:names:tc:SAML:attribute:assurance-certification"
_CATEGORIES = (
    "http://refeds.org/category/research-and-scholarship",
    "https://refeds.org/category/code-of-conduct/v2",
    "https://refeds.org/category/personalized",
    "https://refeds.org/category/pseudonymous",
    "https://refeds.org/category/anonymous",
)
_WANTED = (
    ("mail", "urn:oid:0.9.2342.19200300.100.1.3"),
    ("displayName", "urn:oid:2.16.840.1.113730.3.1.241"),
    ("givenName", "urn:oid:2.5.4.42"),
    ("sn", "urn:oid:2.5.4.4"),
    ("eduPersonScopedAffiliation", "urn:oid:1.3.6.1.4.1.5923.1.1.1.9"),
)
_PLACES = ("University of", "Institute of", "City Library of", "Hospital of", "Archive of", "Laboratory of")
_LOCAL = ("Ülikool", "Instituut", "Raamatukogu", "Haigla", "Arhiiv", "Labor")
_COUNTRIES = ("ee", "nl", "fi", "de", "fr", "it", "es", "se", "no", "pl", "ie", "pt")


@dataclass(frozen=True, slots=True)
class _Template:
    """A certificate, and where its serial number, modulus and signature stand."""

    der: bytes
    serial: int
    modulus: int


def entity_id(number: int) -> str:
    """The entityID of the entity of this number."""
    return f"https://{'idp' if is_provider(number) else 'sp'}.{_host(number)}/saml"


def is_provider(number: int) -> bool:
    """Whether the entity of this number is an identity provider; the others are service providers."""
    return random.Random(f"{SEED} role {number}").random() < IDP_SHARE


def _host(number: int) -> str:
    return f"inst{number}.{_COUNTRIES[number % len(_COUNTRIES)]}.example"


def signing_key() -> rsa.RSAPrivateKey:
    """The federation's key: made from the seed, so that everybody has it."""
    return made_key("federation")


@cache
def made_key(name: str) -> rsa.RSAPrivateKey:
    """The RSA key of 2048 bits that belongs to a name."""
    numbers = random.Random(f"{SEED} {name}")
    p, q = _prime(numbers), _prime(numbers)
    phi = (p - 1) * (q - 1)
    d = pow(_EXPONENT, -1, phi)
    public = rsa.RSAPublicNumbers(_EXPONENT, p * q)
    return rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public).private_key()


def _prime(numbers: random.Random) -> int:
    """A prime of 1024 bits whose two highest bits are set (Miller and Rabin)."""
    while True:
        found = numbers.getrandbits(1024) | (3 << 1022) | 1
        if math.gcd(found, _SMALL) == 1 and (found - 1) % _EXPONENT and pow(2, found - 1, found) == 1:
            odd = found - 1
            twos = (odd & -odd).bit_length() - 1
            odd >>= twos
            if all(_passes(found, numbers.randrange(2, found - 1), odd, twos) for _ in range(4)):
                return found


def _passes(found: int, base: int, odd: int, twos: int) -> bool:
    power = pow(base, odd, found)
    return power in (1, found - 1) or any((power := power * power % found) == found - 1 for _ in range(twos - 1))


@cache
def certificate(name: str) -> bytes:
    """The self-signed certificate (DER) of `made_key`."""
    key, title = made_key(name), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name}.federation.example")])
    begins, ends = datetime(2024, 1, 1, tzinfo=UTC), datetime(2044, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder(title, title, key.public_key(), 1 << 120, begins, ends)
    return made.sign(key, SHA256()).public_bytes(Encoding.DER)


@cache
def _template() -> _Template:
    der = certificate("template")
    modulus = made_key("template").public_key().public_numbers().n.to_bytes(_MODULUS)
    return _Template(der, der.index((1 << 120).to_bytes(16)), der.index(modulus))


@cache
def _moduli() -> Sequence[bytes]:
    return tuple(made_key(f"entity {n}").public_key().public_numbers().n.to_bytes(_MODULUS) for n in range(_KEYS))


def _certificate(numbers: random.Random) -> str:
    """A certificate of its own, in lines: only its key is good, and nobody looks at more."""
    template, der = _template(), bytearray(_template().der)
    der[template.serial + 1 : template.serial + 16] = numbers.randbytes(15)
    der[template.modulus : template.modulus + _MODULUS] = _moduli()[numbers.randrange(_KEYS)]
    der[-_MODULUS:] = numbers.randbytes(_MODULUS)
    text = base64.b64encode(der).decode()
    return "\n".join(text[at : at + 64] for at in range(0, len(text), 64))


def _entity(number: int) -> str:
    numbers, provider, host = random.Random(f"{SEED} entity {number}"), is_provider(number), _host(number)
    place = numbers.randrange(len(_PLACES))
    title, local = f"{_PLACES[place]} Place {number}", f"Paiga {number} {_LOCAL[place]}"
    own = numbers.random() < OWN_SHARE
    md = "" if own else "md:"
    data = numbers.random() < DATA_SHARE
    logo = f"https://www.{host}/images/logo-80x60.png"
    if data:
        logo = "data:image/png;base64," + base64.b64encode(numbers.randbytes(numbers.randrange(1500, 4500))).decode()
    ui = _UI.format(title=title, local=local, host=host, logo=logo)
    keys = "".join(
        _KEY.format(md=md, use=f' use="{use}"' if use else "", certificate=_certificate(numbers))
        for use in (("signing", "encryption") if numbers.random() < 0.8 else ("signing", ""))
    )
    if provider:
        latitude, longitude = (f"{numbers.uniform(35, 65):.4f}" for _ in range(2))
        role = _IDP.format(md=md, host=host, ui=ui, keys=keys, latitude=latitude, longitude=longitude)
    else:
        requested = "".join(
            _REQUESTED.format(md=md, friendly=friendly, name=name, required=str(numbers.random() < 0.5).lower())
            for friendly, name in _WANTED
        )
        role = _SP.format(md=md, host=host, ui=ui, keys=keys, title=title, requested=requested)
    held = [one for one in _CATEGORIES if numbers.random() < 0.4] or [_CATEGORIES[0]]
    attributes = _attribute(_SUPPORT if provider else _CATEGORY, held)
    if numbers.random() < 0.5:
        attributes += _attribute(_CERTIFIED, ["https://refeds.org/sirtfi", "https://refeds.org/sirtfi2"])
    return _ENTITY.format(
        md=md,
        own=_OWN if own else "",
        entity_id=entity_id(number),
        authority=f"https://federation.{_COUNTRIES[number % len(_COUNTRIES)]}.example",
        registered=f"20{numbers.randrange(12, 26)}-0{numbers.randrange(1, 10)}-11T08:00:00Z",
        number=number,
        attributes=attributes,
        role=role,
        title=title,
        local=local,
        host=host,
    )


def _attribute(name: str, values: Sequence[str]) -> str:
    written = "".join(f"          <saml:AttributeValue>{one}</saml:AttributeValue>\n" for one in values)
    return _ATTRIBUTE.format(name=name, values=written)


def unsigned(count: int, *, valid_until: str = VALID_UNTIL) -> Iterator[str]:
    """The aggregate in pieces, without its Signature, whose place is after the first piece."""
    yield _HEAD.format(name=f"all-{count}", federation=FEDERATION, until=valid_until)
    for number in range(count):
        yield _entity(number)
    yield _TAIL


def signed(count: int, *, valid_until: str = VALID_UNTIL) -> bytes:
    """The aggregate with its Signature, the root's first child."""
    head, *rest = unsigned(count, valid_until=valid_until)
    return sign(head, "".join(rest))


def sign(head: str, rest: str, key: rsa.RSAPrivateKey | None = None) -> bytes:
    """A document whose root's start tag ends `head`, with a Signature between that and the rest of it."""
    root = etree.fromstring((head + rest).encode(), etree.XMLParser(huge_tree=True))
    digest = hashlib.sha256(canonical(root, most=4 * len(rest))).digest()
    info = _SIGNED_INFO.format(id=root.get("ID"), digest=base64.b64encode(digest).decode())
    value = (key or signing_key()).sign(canonical(etree.fromstring(info)), PKCS1v15(), SHA256())
    return "".join([head, _SIGNATURE.format(info=info, value=base64.b64encode(value).decode()), rest]).encode()


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(signed(int(sys.argv[1])))
