"""Signed metadata of the right key: what it says of the entity, and until when."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import replace

from connectors.attacks.case import Case, refused
from connectors.attacks.keys import Holder
from connectors.attacks.registrations.described import NEAR, Bench, key_descriptor
from connectors.attacks.registrations.deviating import deviating
from connectors.attacks.registrations.entrances import registered
from connectors.attacks.signing import Edit, cut, same, swap
from connectors.formats.grammar import written
from connectors.metadata.judgement import MAX_VALIDITY, NODE_VALIDITY
from connectors.profiles import EIDAS, SAML2INT
from connectors.signatures.algorithms import RSA_PSS_SHA256
from connectors.signatures.profile import DS, ENVELOPED, EXC_C14N
from connectors.wire.names import POST, SAMLP

TIME = "metadata: its end"
WHOSE = "metadata: another entity"
SAYS = "metadata: what it says"
ADDRESSES = "metadata: addresses"
VALID = "valid metadata"
_END = "</md:EntityDescriptor>"
_COUNTRY = "<eidas:NodeCountry>EE</eidas:NodeCountry>"
_BAD_URLS = {
    "http": "http://ee.selftest.example/post",
    "credentials in it": "https://a:b@ee.selftest.example/post",
    "another letter in its host": "https://\u0435e.selftest.example/post",
}


def content_cases(bench: Bench, weak: Holder, ended: Holder) -> Iterator[Case]:
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


def _time(bench: Bench) -> Iterator[Case]:
    until, now = f'validUntil="{written(bench.now + NEAR)}"', bench.now
    furthest = now + (NODE_VALIDITY + EIDAS.skew if bench.of == "node" else MAX_VALIDITY + SAML2INT.skew)

    def ends(value: str) -> bytes:
        return bench.signed(swap(until, f'validUntil="{value}"'))

    yield bench.refused(TIME, "a year ago", ends(written(now - 365 * 86400)), "metadata_expired")
    yield bench.refused(TIME, "now", ends(written(now)), "metadata_expired")
    yield bench.refused(TIME, "a second too far", ends(written(furthest + 1)), "metadata_far")
    yield bench.refused(TIME, "in the year 9999", ends("9999-12-31T23:59:59Z"), "metadata_far")
    yield bench.refused(TIME, "none", bench.signed(swap(until, "")), "metadata")
    yield bench.refused(TIME, "empty", ends(""), "time")
    yield bench.refused(TIME, "without a time zone", ends(written(now + NEAR).removesuffix("Z")), "time")
    yield bench.refused(TIME, "no time", ends("soon"), "time")
    yield bench.accepted(VALID, "the last second", ends(written(now + 1)))
    yield bench.accepted(VALID, "as far as may be", ends(written(furthest)))


def _node(bench: Bench) -> Iterator[Case]:
    key = base64.b64encode(bench.another.certificate).decode()
    post = f'<md:SingleSignOnService Binding="{POST}" Location="https://ee.selftest.example/post"/>'
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
        "two addresses of a binding": swap(post, post + post.replace("/post", "/other")),
        "a certificate that is none": swap(key, "AAAA"),
        "a chain in place of a key": swap(
            "</ds:X509Data>", f"<ds:X509Certificate>{key}</ds:X509Certificate></ds:X509Data>"
        ),
        "a key without a certificate": cut("<ds:X509Certificate>", "</ds:X509Certificate>"),
        "no entityID": swap(' entityID="https://ee.selftest.example/eidas/metadata"', ""),
    }
    yield from bench.all_refused(SAYS, "metadata", {what: bench.signed(edit) for what, edit in changes.items()})
    for what, url in _BAD_URLS.items():
        # The facts of a node are shown on a terminal: what is no visible ASCII ends before
        check = "metadata_address" if url.isascii() else "metadata"
        yield bench.refused(ADDRESSES, what, bench.signed(swap("https://ee.selftest.example/post", url)), check)


def _of_whom(bench: Bench) -> Iterator[Case]:
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


def _to_be_used(bench: Bench, ended: Holder) -> Iterator[Case]:
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


def _entity(bench: Bench, weak: Holder) -> Iterator[Case]:
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
        "a weak key": swap("<md:KeyDescriptor", f"{key_descriptor(weak)}<md:KeyDescriptor"),
        "a key that is none": swap(
            "<md:KeyDescriptor", f"{key_descriptor(replace(weak, certificate=b'none'))}<md:KeyDescriptor"
        ),
    }
    yield from bench.all_refused(SAYS, "metadata", {what: bench.signed(edit) for what, edit in changes.items()})
    for what, url in _BAD_URLS.items():
        answered = bench.signed(swap("https://idp.selftest.example/acs", url))
        yield bench.refused(ADDRESSES, f"{what}, to ask", bench.signed(swap(asked, url)), "metadata_address")
        yield bench.refused(ADDRESSES, f"{what}, to answer", answered, "metadata_address")
    yield bench.accepted(VALID, "a service alone", bench.signed(sole))
    yield bench.accepted(VALID, "a provider alone", bench.signed(cut("<md:SPSSODescriptor", "</md:SPSSODescriptor>")))


def _valid(bench: Bench) -> Iterator[Case]:
    how = bench.how
    changes: Mapping[str, Edit] = {
        "plain": same,
        "a comment between elements": swap("<md:IDPSSODescriptor", "<!-- of this year -->\n<md:IDPSSODescriptor"),
        "what nobody knows": swap(_END, f'<x xmlns="urn:x" ID="_x">y</x>{_END}'),
        "another role": swap(_END, f'<md:AttributeAuthorityDescriptor protocolSupportEnumeration="{SAMLP}"/>{_END}'),
        "a key without use": swap(' use="signing"', ""),
        "two keys in a rollover": swap("<md:KeyDescriptor", f"{key_descriptor(bench.strange)}<md:KeyDescriptor"),
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
