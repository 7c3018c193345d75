"""Signed metadata of the right key: what it says of the entity, and until when."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from connectors.attacks.attack_case import AttackCase, refused
from connectors.attacks.key_holders import KeyHolder
from connectors.attacks.metadata_text import SIGNING, key_descriptors
from connectors.attacks.registrations.entrances import NEAR, MetadataBench, registered
from connectors.attacks.registrations.public_keys import PublicKey, certificate, prime
from connectors.attacks.xml_signer import Edit, cut, same, swap
from connectors.formats.grammar import written
from connectors.metadata.judgement import MAX_VALIDITY, NODE_VALIDITY
from connectors.profiles import EIDAS, SAML2INT
from connectors.signatures.algorithms import RSA_PSS_SHA256
from connectors.signatures.profile import DS, ENVELOPED, EXC_C14N
from connectors.wire.names import SAMLP
from policies.deviations import NO_PROTOCOL_VERSION, REGISTERED_COUNTRY

TIME = "metadata: its end"
WHOSE = "metadata: another entity"
SAYS = "metadata: what it says"
ADDRESSES = "metadata: addresses"
VALID = "valid metadata"
_END = "</md:EntityDescriptor>"
_COUNTRY = "<eidas:NodeCountry>EE</eidas:NodeCountry>"
_BAD_URLS = {"http": "http://ee.selftest.example/post", "credentials in it": "https://a:b@ee.selftest.example/post"}


def content_cases(bench: MetadataBench, weak: KeyHolder, ended: KeyHolder) -> Iterator[AttackCase]:
    """All of them, for one kind of metadata. `weak` is RSA of 1024 bits, `ended` a key whose certificate ended."""
    yield from _time(bench)
    yield from _valid(bench)
    if bench.of == "node":
        yield from _node(bench)
        yield from _of_whom(bench)
        yield from _to_be_used(bench, ended)
        yield from deviating(bench)
    else:
        yield from _entity(bench, weak)


def _time(bench: MetadataBench) -> Iterator[AttackCase]:
    until, now = f'validUntil="{written(bench.now + NEAR)}"', bench.now
    furthest = now + (NODE_VALIDITY + EIDAS.skew if bench.of == "node" else MAX_VALIDITY + SAML2INT.skew)

    def ends(value: str) -> bytes:
        return bench.signed(swap(until, f'validUntil="{value}"'))

    yield bench.refused(TIME, "a year ago", ends(written(now - 365 * 86400)), "metadata_expired")
    yield bench.refused(TIME, "now", ends(written(now)), "metadata_expired")
    yield bench.refused(TIME, "a second too far", ends(written(furthest + 1)), "metadata_far")
    yield bench.refused(TIME, "in the year 9999", ends("9999-12-31T23:59:59Z"), "metadata_far")
    yield bench.refused(TIME, "none", bench.signed(swap(until, "")), "metadata")
    of_role = swap("<md:IDPSSODescriptor ", f"<md:IDPSSODescriptor {until} ")
    yield bench.refused(TIME, "of a role alone", bench.signed(lambda text: of_role(swap(until, "")(text))), "metadata")
    yield bench.refused(TIME, "empty", ends(""), "time")
    yield bench.refused(TIME, "without a time zone", ends(written(now + NEAR).removesuffix("Z")), "time")
    yield bench.refused(TIME, "no time", ends("soon"), "time")
    yield bench.accepted(VALID, "the last second", ends(written(now + 1)))
    yield bench.accepted(VALID, "as far as may be", ends(written(furthest)))


def _node(bench: MetadataBench) -> Iterator[AttackCase]:
    key = base64.b64encode(bench.another.certificate).decode()
    role = "md:IDPSSODescriptor"
    changes: Mapping[str, Edit] = {
        "no role": lambda text: text.replace(role, "md:RoleDescriptor"),
        "two roles": swap(f"</{role}>", f'</{role}><{role} protocolSupportEnumeration="{SAMLP}"/>'),
        "no country": swap(_COUNTRY, ""),
        "two countries": swap(_COUNTRY, _COUNTRY.replace("EE", "LV") + _COUNTRY),
        "another country in another role": swap(
            _END, f"<md:RoleDescriptor>{_COUNTRY.replace('EE', 'LV')}</md:RoleDescriptor>{_END}"
        ),
        "a country of three letters": swap(">EE<", ">EST<"),
        "no address": lambda text: cut("<md:SingleSignOnService", "/>")(cut("<md:SingleSignOnService", "/>")(text)),
        "a certificate that is none": swap(key, "AAAA"),
        "a key without a certificate": cut("<ds:X509Certificate>", "</ds:X509Certificate>"),
        "no entityID": swap(' entityID="https://ee.selftest.example/eidas/metadata"', ""),
    }
    yield from bench.all_refused(SAYS, "metadata", {what: bench.signed(edit) for what, edit in changes.items()})
    for what, url in _BAD_URLS.items():
        # The facts of a node are shown on a terminal: what is no visible ASCII ends before
        check = "metadata_address" if url.isascii() else "metadata"
        yield bench.refused(ADDRESSES, what, bench.signed(swap("https://ee.selftest.example/post", url)), check)


def _of_whom(bench: MetadataBench) -> Iterator[AttackCase]:
    """A registration says who it is: another entity's metadata may be signed by the same key, of one ministry's many."""
    here = bench.at(registered(bench.holder, bench.now, "node metadata, as registered"))
    yield here.accepted(VALID, "of the entity", here.signed())
    for what, url in {
        "another": "https://lv.selftest.example/eidas/metadata",
        "a longer name": "https://ee.selftest.example/eidas/metadata/",
    }.items():
        other = here.signed(swap('entityID="https://ee.selftest.example/eidas/metadata"', f'entityID="{url}"'))
        yield here.refused(WHOSE, what, other, "metadata_entity")
    yield here.refused(WHOSE, "another country", here.signed(swap(">EE<", ">LV<")), "metadata_country")


def _to_be_used(bench: MetadataBench, ended: KeyHolder) -> Iterator[AttackCase]:
    """Approved as it is, and asked: what is not there is not used, and what does not say its use is for both."""
    here = bench.at(registered(bench.holder, bench.now, "node metadata, approved", approved=True))
    use = ' use="signing"'
    yield here.accepted(VALID, "with all that is needed", here.signed())
    yield here.accepted(VALID, "a key without use signs", here.signed(lambda text: text.replace(use, "")))
    unused = here.signed(lambda text: text.replace(use, ' use="encryption"'))
    yield refused(SAYS, "no key that signs", here.entrance, unused, "country_unavailable")
    unknown = here.signed(lambda text: text.replace(use, ' use="other"'))
    yield refused(SAYS, "keys for a use that there is not", here.entrance, unknown, "country_unavailable")
    other = here.signed(lambda text: text.replace("<saml:AttributeValue>1.", "<saml:AttributeValue>9."))
    yield refused(SAYS, "no version in common", here.entrance, other, "country_unavailable")
    late = bench.at(registered(ended, bench.now, "node metadata, by a certificate that ended"))
    yield late.refused(TIME, "of the certificate that signs it", late.signed(by=ended), "metadata_key")


def _entity(bench: MetadataBench, weak: KeyHolder) -> Iterator[AttackCase]:
    sole = cut("<md:IDPSSODescriptor", "</md:IDPSSODescriptor>")
    asked = "https://idp.selftest.example/sso"
    changes: Mapping[str, Edit] = {
        "no role": lambda text: cut("<md:SPSSODescriptor", "</md:SPSSODescriptor>")(sole(text)),
        "roles of another protocol": lambda text: text.replace(f'"{SAMLP}"', '"urn:oasis:names:tc:SAML:1.1:protocol"'),
        "a role twice": swap(
            "</md:SPSSODescriptor>", f'</md:SPSSODescriptor><md:SPSSODescriptor protocolSupportEnumeration="{SAMLP}"/>'
        ),
        "no entityID": lambda text: swap(' entityID="https://idp.selftest.example/metadata"', "")(sole(text)),
        "an empty entityID": swap('entityID="https://idp.selftest.example/metadata"', 'entityID=""'),
        "no key that signs": lambda text: text.replace(' use="signing"', ' use="encryption"'),
        "a weak key": swap("<md:KeyDescriptor", f"{key_descriptors(SIGNING, weak)}<md:KeyDescriptor"),
        "a key that is none": swap(
            "<md:KeyDescriptor", f"{key_descriptors(SIGNING, replace(weak, certificate=b'none'))}<md:KeyDescriptor"
        ),
    }
    yield from bench.all_refused(SAYS, "metadata", {what: bench.signed(edit) for what, edit in changes.items()})
    for what, url in _BAD_URLS.items():
        answered = bench.signed(swap("https://idp.selftest.example/acs", url))
        yield bench.refused(ADDRESSES, f"{what}, to ask", bench.signed(swap(asked, url)), "metadata_address")
        yield bench.refused(ADDRESSES, f"{what}, to answer", answered, "metadata_address")
    yield bench.accepted(VALID, "a service alone", bench.signed(sole))
    yield bench.accepted(VALID, "a provider alone", bench.signed(cut("<md:SPSSODescriptor", "</md:SPSSODescriptor>")))


def _valid(bench: MetadataBench) -> Iterator[AttackCase]:
    how = bench.how
    changes: Mapping[str, Edit] = {
        "plain": same,
        "a comment between elements": swap("<md:IDPSSODescriptor", "<!-- of this year -->\n<md:IDPSSODescriptor"),
        "a key without use": swap(' use="signing"', ""),
        "two keys in a rollover": swap("<md:KeyDescriptor", f"{key_descriptors(SIGNING, bench.strange)}<md:KeyDescriptor"),
    }
    yield from bench.all_accepted(VALID, {what: bench.signed(edit) for what, edit in changes.items()})
    late: Mapping[str, Edit] = {
        "a comment that was put there": swap("<md:IDPSSODescriptor", "<!-- x --><md:IDPSSODescriptor"),
        "an xml declaration": lambda text: f'<?xml version="1.0" encoding="UTF-8"?>\n{text}',
        "a comment in the signature": swap("<ds:SignatureValue>", "<!-- x --><ds:SignatureValue>"),
    }
    yield from bench.all_accepted(VALID, {what: bench.signed(late=edit) for what, edit in late.items()})
    yield bench.accepted(VALID, "signed as the whole document", bench.signed(how=replace(how, uri="")))
    yield bench.accepted(VALID, "another prefix", bench.signed(how=replace(how, prefix="sig")))
    yield bench.accepted(VALID, "one transform", bench.signed(how=replace(how, transforms=(ENVELOPED, EXC_C14N))))
    yield bench.accepted(VALID, "prefixes in its list", bench.signed(how=replace(how, inclusive="md saml")))
    certificate = base64.b64encode(bench.strange.certificate).decode()
    data = f"<ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data>"
    brought = f'<ds:KeyInfo xmlns:ds="{DS}">{data}</ds:KeyInfo>'
    yield bench.accepted(VALID, "a key info that says another key", bench.signed(how=replace(how, key_info=brought)))
    if bench.of == "node" and how.method == RSA_PSS_SHA256:
        yield bench.accepted(
            VALID, "a longer hash", bench.signed(how=replace(how, method=RSA_PSS_SHA256.replace("256", "512")))
        )


DEVIATIONS, VALID_DEVIATIONS = "metadata: deviations", "valid deviations of metadata"
_ROLE_END = "</md:IDPSSODescriptor>"
_VALUE = "<saml:AttributeValue>{}</saml:AttributeValue>"
_HIGH = _VALUE.format("http://eidas.europa.eu/LoA/high")
_VERSIONS = "".join(_VALUE.format(version) for version in ("1.4", "1.3", "1.2"))
_GENDER = "http://eidas.europa.eu/attributes/naturalperson/Gender"


def deviating(bench: MetadataBench) -> Iterator[AttackCase]:
    """Those that are on for every node, and those that a registration switches on."""
    here = bench.at(registered(bench.holder, bench.now, "node metadata, approved", approved=True))
    yield from here.all_accepted(VALID_DEVIATIONS, {what: here.signed(edit) for what, edit in _USUAL.items()})
    yield from here.all_refused(DEVIATIONS, "metadata", {what: here.signed(edit) for what, edit in _MORE.items()})
    for what, edit in _UNUSABLE.items():
        yield refused(DEVIATIONS, what, here.entrance, here.signed(edit), "country_unavailable")
    yield from _registered(bench)


def _supported(name_format: str = "", name: str = _GENDER) -> Edit:
    """One more attribute that the node says it supports."""
    return swap(_ROLE_END, f'<saml:Attribute Name="{name}"{name_format}/>{_ROLE_END}')


def _versions(*values: str) -> Edit:
    return swap(_VERSIONS, "".join(map(_VALUE.format, values)))


def _levels(*values: str) -> Edit:
    return swap(_HIGH, _HIGH + "".join(map(_VALUE.format, values)))


_USUAL: Mapping[str, Edit] = {
    "an attribute without its format": _supported(),
    "a version of three numbers": _versions("1.4.1"),
    "words beside a level": _levels("High", "Substantial", "Low"),
}
_MORE: Mapping[str, Edit] = {
    "an attribute without format and name": _supported(name=""),
    "an attribute whose name no uri has": _supported(name="Gender of a citizen"),
    "no country": swap(_COUNTRY, ""),
}
_UNUSABLE: Mapping[str, Edit] = {
    "a version of four numbers": _versions("1.4.1.1"),
    "an older version alone": _versions("1.1"),
    "no version": lambda text: text.replace(_VERSIONS, ""),
}


def _registered(bench: MetadataBench) -> Iterator[AttackCase]:
    """A country, or a version, that its registration stands in for: never one that the metadata contradicts."""
    by = registered(
        bench.holder,
        bench.now,
        "node metadata, whose registration stands in",
        approved=True,
        deviations=frozenset({REGISTERED_COUNTRY, NO_PROTOCOL_VERSION}),
    )
    here = bench.at(by)
    yield here.accepted(VALID_DEVIATIONS, "all that is needed", here.signed())
    yield here.accepted(VALID_DEVIATIONS, "no country", here.signed(swap(_COUNTRY, "")))
    yield here.accepted(VALID_DEVIATIONS, "no version", here.signed(lambda text: text.replace(_VERSIONS, "")))
    other = swap(_COUNTRY, _COUNTRY.replace("EE", "LV"))
    yield here.refused(DEVIATIONS, "another country", here.signed(other), "metadata_country")
    elsewhere = f"<md:RoleDescriptor>{_COUNTRY.replace('EE', 'LV')}</md:RoleDescriptor></md:EntityDescriptor>"

    def said_elsewhere(text: str) -> str:
        return text.replace(_COUNTRY, "").replace("</md:EntityDescriptor>", elsewhere)

    yield here.refused(DEVIATIONS, "no country, and another elsewhere", here.signed(said_elsewhere), "metadata")
    yield here.refused(DEVIATIONS, "an empty country", here.signed(swap(">EE<", "><")), "metadata")
    yield refused(DEVIATIONS, "an unknown version", by, here.signed(_versions("9.9")), "country_unavailable")


SHARED = "metadata: keys like ours"
VALID_BESIDE = "valid metadata beside keys of ours"


def shared_factor_cases(bench: MetadataBench, ours: KeyHolder) -> Iterator[AttackCase]:
    """All of them, for a node's metadata. `ours` is an RSA key of ours."""
    if not isinstance(ours.key, rsa.RSAPrivateKey) or not isinstance(bench.another.key, ec.EllipticCurvePrivateKey):
        raise TypeError("keys of another kind")
    own, issuer = ours.key.public_key(), bench.another.key
    at = bench.at(
        registered(bench.holder, bench.now, "node, beside a key of ours", own=frozenset({own.public_numbers().n}))
    )

    def beside(key: PublicKey) -> bytes:
        descriptor = key_descriptors(SIGNING, replace(bench.another, certificate=certificate(key, issuer, bench.now)))
        return at.signed(swap("<md:KeyDescriptor", f"{descriptor}<md:KeyDescriptor"))

    sharing = rsa.RSAPublicNumbers(65537, ours.key.private_numbers().p * prime()).public_key()
    yield at.refused(SHARED, "a prime of ours", beside(sharing), "metadata_key")
    yield at.refused(SHARED, "our own key", beside(own), "metadata_key")
    apart = rsa.RSAPublicNumbers(65537, prime() * prime()).public_key()
    yield at.accepted(VALID_BESIDE, "a key of its own", beside(apart))
