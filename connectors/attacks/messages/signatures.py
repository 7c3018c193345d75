"""Signatures of a message that say less than they seem to: none, another's, of something else, by another algorithm."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from connectors.attacks.case import Case
from connectors.attacks.keys import Holder
from connectors.attacks.messages.benches import PSS_SHA256
from connectors.attacks.messages.making import Bench, Draft, fresh
from connectors.attacks.responses.algorithms import certificates
from connectors.attacks.responses.signing import (
    C14N,
    HMAC_SHA256,
    MORE,
    PARSER,
    RSA_MD5,
    RSA_SHA1,
    Edit,
    How,
    flipped,
    instead,
    serialised,
    sign,
    swap,
    value,
    without,
)
from connectors.signatures.algorithms import RSA_SHA256
from connectors.signatures.parse import Element
from connectors.signatures.profile import DS, ENVELOPED, EXC_C14N, SIGNATURE
from connectors.wire.names import MD, samlp

EXCLUSION, WRAPPING = "message: signature exclusion", "message: signature wrapping"
EVIL, FOREIGN = "message: evil data in the signature", "message: foreign signature"
KEYS, ALGORITHMS = "message: key in the message", "message: algorithm confusion"
REFERENCES = "message: signed info and reference"
ECDSA_SHA256 = f"{MORE}ecdsa-sha256"
_END = "</ds:Signature>"
_TOO_MANY = 33
# what, check, octets
Row = tuple[str, str, bytes]


def signature_cases(bench: Bench, curve: Holder) -> Iterator[Case]:
    """Every one of these at one entrance. `curve` is the sender's next key, on P-256."""
    families = {
        EXCLUSION: _excluded(bench),
        WRAPPING: _wrapped(bench),
        EVIL: _evil(bench),
        FOREIGN: _foreign(bench),
        KEYS: _keys(bench),
        ALGORITHMS: _algorithms(bench, curve),
        REFERENCES: _references(bench),
    }
    for family, rows in families.items():
        yield from (bench.refused(family, what, octets, check) for what, check, octets in rows)


def _finished(bench: Bench, edit: Edit) -> bytes:
    """A good message whose Signature was edited afterwards."""
    return bench.signed(how=replace(bench.how, finished=edit))


def _told(bench: Bench, edit: Edit) -> bytes:
    """A message whose SignedInfo says something else, and was signed so."""
    return bench.signed(how=replace(bench.how, info=edit))


def _tree(octets: bytes) -> Element:
    return etree.fromstring(octets, PARSER)


# -- none, and not where it belongs ----------------------------------------------------------------------------------------


def _excluded(bench: Bench) -> Iterator[Row]:
    yield "unsigned, cve-2026-18569", "signature_missing", bench.draft().xml
    yield "by a stranger", "signature", bench.signed(how=replace(bench.how, holder=bench.strange))
    yield "empty signature", "signature_shape", _finished(bench, lambda text: text[: text.index(">") + 1] + _END)
    without_info = without("ds:SignedInfo")
    yield "no signed info", "signature_shape", _finished(bench, without_info)
    without_value = without("ds:SignatureValue")
    yield "no signature value", "signature_shape", _finished(bench, without_value)
    yield "empty signature value", "signature_value", _finished(bench, value("ds:SignatureValue", lambda _: ""))
    for what, namespace in (("https", DS.replace("http:", "https:")), ("a shorter", DS.rstrip("#"))):
        octets = _finished(bench, swap(f'xmlns:ds="{DS}"', f'xmlns:ds="{namespace}"'))
        yield f"signature of {what} namespace", "signature_missing", octets
    for what, place in (("at the end", -1), ("before the issuer", 0)):
        root = _tree(bench.signed())
        signature = root[1]
        root.remove(signature)
        root.insert(len(root) if place else 0, signature)
        yield f"signature {what}", "signature_place", serialised(root)
    root = _tree(bench.signed())
    root[0].append(root[1])
    yield "signature in the issuer", "signature_place", serialised(root)


def _wrapped(bench: Bench) -> Iterator[Row]:
    """The genuine message is there, whole, and another is read (USENIX Security 2012)."""
    yield "the signed one in extensions", "signature_place", _around(bench, "Extensions", place=1)
    yield "the signed one at the end", "signature_place", _around(bench, "", place=-1)
    root = _tree(bench.draft().xml)
    good = _tree(bench.signed())
    root.insert(1, good[1])
    root.append(good)
    yield "the signed one at the end, its signature in front", "reference", serialised(root)
    root, good = _tree(bench.draft().xml), _tree(bench.signed())
    signature = good[1]
    root.insert(1, signature)
    etree.SubElement(signature, f"{{{DS}}}Object").append(good)
    yield "the signed one in an object", "signature_shape", serialised(root)
    drafted = bench.draft()
    root, good = _tree(drafted.xml), _tree(bench.signed(drafted))
    root.insert(1, good[1])
    root.append(good)
    yield "the signed one at the end, under the same id", "duplicate_id", serialised(root)
    envelope = etree.Element("{urn:selftest:evil}Envelope", nsmap={"e": "urn:selftest:evil"})
    envelope.append(_tree(bench.signed()))
    yield "the signed one in an envelope", "root", serialised(envelope)
    root = _tree(bench.signed())
    root.insert(2, copy.deepcopy(root[1]))
    yield "its signature twice", "signature_count", serialised(root)


def _around(bench: Bench, name: str, place: int) -> bytes:
    root, good = _tree(bench.draft().xml), _tree(bench.signed())
    if name:
        holder = etree.SubElement(root, samlp(name))
        holder.append(good)
        root.insert(place, holder)
    else:
        root.append(good)
    return serialised(root)


def _evil(bench: Bench) -> Iterator[Row]:
    """The enveloped transform drops the whole Signature: what stands in it, no signature covers."""
    evil = bench.draft().xml.decode()
    yield "an object", "signature_shape", _finished(bench, swap(_END, f"<ds:Object>{evil}</ds:Object>{_END}"))
    yield "a manifest", "signature_shape", _finished(bench, swap(_END, f"<ds:Object><ds:Manifest/></ds:Object>{_END}"))
    key_info = f"<ds:KeyInfo>{evil}</ds:KeyInfo>"
    yield "in key info", "key_info", _finished(bench, swap(_END, f"{key_info}{_END}"))
    value_end = "</ds:SignatureValue>"
    yield "in the signature value", "signature_value", _finished(bench, swap(value_end, f"{evil}{value_end}"))
    second = "<ds:SignatureValue>AAAA</ds:SignatureValue>"
    yield "a second signature value", "signature_shape", _finished(bench, swap(_END, f"{second}{_END}"))
    yield "a comment in the signature value", "comment", _finished(bench, swap(value_end, f"<!-- x -->{value_end}"))


def _foreign(bench: Bench) -> Iterator[Row]:
    """Genuine signatures of the same sender, of something else (samlify #634, Keycloak CVE-2024-8698)."""
    yield "another kind of message, samlify 634", "root", bench.signed(bench.other())
    for what, other in (("another kind", bench.other), ("metadata", _metadata)):
        lent = _tree(bench.signed(other()))
        root = _tree(bench.draft().xml)
        root.insert(1, next(lent.iter(SIGNATURE)))
        yield f"of {what}", "reference", serialised(root)
    other_draft = bench.other()
    lent, root = _tree(bench.signed(other_draft)), _tree(bench.draft().said(ID=other_draft.message_id).xml)
    root.insert(1, next(lent.iter(SIGNATURE)))
    yield "of another kind, with its id, cve-2024-8698", "digest", serialised(root)
    root = _tree(bench.signed(bench.other()))
    root.tag = samlp(bench.draft().name)
    yield "another kind, renamed", "digest", serialised(root)
    before, now = bench.draft(), bench.draft()
    root, old = _tree(now.xml), _tree(bench.signed(before))
    root.insert(1, old[1])
    yield "of a message before", "reference", serialised(root)
    root, old = _tree(now.said(ID=before.message_id, IssueInstant="2001-01-01T00:00:00Z").xml), _tree(bench.signed(before))
    root.insert(1, old[1])
    yield "of a message before, with its id", "digest", serialised(root)


def _metadata() -> Draft:
    """Signed metadata, as any of it is published, in the shape of a draft."""
    contact = '<samlp:ContactPerson contactType="support"/>'
    said = {"ID": fresh(), "entityID": "https://sp.selftest.example/metadata"}
    return Draft("EntityDescriptor", said, "<samlp:Extensions/>", contact, f'xmlns:samlp="{MD}"')


# -- keys and algorithms ---------------------------------------------------------------------------------------------------


def _keys(bench: Bench) -> Iterator[Row]:
    """A stranger signs, and the message says by which key to verify that."""
    own, pinned = certificates(bench.strange), certificates(bench.holder)
    told = {
        "its own certificate, cve-2018-7644": own,
        "the pinned certificate": pinned,
        "both certificates, cve-2019-18633": certificates(bench.strange, bench.holder),
        "the name of the pinned key": "<ds:KeyName>sp.selftest.example</ds:KeyName>",
    }
    for what, inside in told.items():
        how = replace(bench.how, holder=bench.strange, key_info=f"<ds:KeyInfo>{inside}</ds:KeyInfo>")
        yield what, "signature", bench.signed(how=how)
    fetched = '<ds:RetrievalMethod URI="https://attacker.example/key"/>'
    yield "a key to fetch", "key_info", bench.signed(how=replace(bench.how, key_info=f"<ds:KeyInfo>{fetched}</ds:KeyInfo>"))


def _algorithms(bench: Bench, curve: Holder) -> Iterator[Row]:
    public = bench.holder.key.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    taken, other = bench.how.method, PSS_SHA256 if bench.how.method == RSA_SHA256 else RSA_SHA256
    yield "hmac with the public key", "signature_algorithm", bench.signed(how=How(method=HMAC_SHA256, secret=pem))
    renamed = How(method=taken, made_with=HMAC_SHA256, secret=pem)
    yield "hmac under another name", "signature", bench.signed(how=renamed)
    for what, uri in (("rsa-sha1", RSA_SHA1), ("rsa-md5", RSA_MD5), ("the other padding", other), ("none", "none")):
        yield what, "signature_algorithm", bench.signed(how=replace(bench.how, method=uri))
    yield "the other padding under its name", "signature", bench.signed(how=replace(bench.how, made_with=other))
    yield "sha-1 under its name", "signature", bench.signed(how=replace(bench.how, made_with=RSA_SHA1))
    for what, uri in (("sha-1", f"{DS}sha1"), ("md5", f"{MORE}md5")):
        yield f"digest {what}", "digest_algorithm", bench.signed(how=replace(bench.how, digest=uri))
    values: dict[str, Callable[[bytes], bytes]] = {
        "psychic signature, cve-2022-21449": lambda value: bytes(len(value)),
        "r and s in der": lambda value: encode_dss_signature(int.from_bytes(value[:32]), int.from_bytes(value[32:])),
        "r and s in exchanged places": lambda value: value[32:] + value[:32],
        "r and s with a zero between": lambda value: value[:32] + b"\x00" + value[32:],
        "r and s cut off": lambda value: value[:-1],
    }
    for what, edit in values.items():
        yield what, "signature", bench.signed(how=How(method=ECDSA_SHA256, holder=curve, value=edit))
    for what, change in _RSA_VALUES.items():
        yield what, "signature", bench.signed(how=replace(bench.how, value=change))


_RSA_VALUES: dict[str, Callable[[bytes], bytes]] = {
    "a bit flipped": flipped,
    "an octet more": lambda value: value + b"\x00",
    "a value of zeros": lambda value: bytes(len(value)),
}


# -- what was signed -------------------------------------------------------------------------------------------------------


def _references(bench: Bench) -> Iterator[Row]:
    uris = {
        "the whole document": "",
        "another id": f"#{fresh()}",
        "a file": "file:///etc/passwd",
        "an address": "https://attacker.example/message",
        "an xpointer": "#xpointer(/)",
        "an id without its mark": "message",
    }
    for what, uri in uris.items():
        yield f"reference to {what}", "reference", bench.signed(how=replace(bench.how, uri=uri))
    transforms = {
        "none": (),
        "of c14n alone": (EXC_C14N,),
        "of enveloped alone": (ENVELOPED,),
        "of xslt": (ENVELOPED, "http://www.w3.org/TR/1999/REC-xslt-19991116"),
        "of xpath": (ENVELOPED, "http://www.w3.org/TR/1999/REC-xpath-19991116"),
        "of base64": (ENVELOPED, f"{DS}base64"),
        "of inclusive c14n": (ENVELOPED, C14N),
        "of c14n with comments": (ENVELOPED, f"{EXC_C14N}WithComments"),
        "three": (ENVELOPED, EXC_C14N, EXC_C14N),
        "in another order": (EXC_C14N, ENVELOPED),
    }
    for what, chain in transforms.items():
        yield f"transforms {what}", "transforms", bench.signed(how=replace(bench.how, transforms=chain))
    inclusive = replace(bench.how, canonicalisation=C14N)
    yield "inclusive c14n of signed info", "canonicalisation_method", bench.signed(how=inclusive)
    twice = instead("ds:Reference", lambda own: own * 2)
    yield "two references, cve-2026-33487", "signed_info", _told(bench, twice)
    yield "no reference", "signed_info", _told(bench, without("ds:Reference"))
    info = "</ds:SignedInfo>"
    yield "two signed infos, cve-2025-29774", "signature_shape", _finished(bench, swap(info, f"{info}<ds:SignedInfo/>"))
    digest = "</ds:DigestValue>"
    yield "a comment in the digest, cve-2025-29775", "comment", _finished(bench, swap(digest, f"<!-- x -->{digest}"))
    yield "an element in the digest", "digest_value", _told(bench, swap(digest, f"<x/>{digest}"))
    yield "a type of the reference", "reference", _told(bench, swap("<ds:Reference ", '<ds:Reference Type="x" '))
    yield "another digest", "digest", bench.signed(how=replace(bench.how, digested=lambda octets: octets + b" "))
    void = swap("<ds:SignedInfo>", '<ds:SignedInfo xmlns:v="relative">')
    nothing = replace(bench.how, finished=void, signs=lambda _: b"", digested=lambda _: b"")
    yield "void canonicalisation, cve-2025-66568", "namespace", bench.signed(how=nothing)
    yield "changed afterwards", "digest", _changed(bench)
    begin = "<ds:SignedInfo>"
    yield "text in signed info", "signed_info", _told(bench, swap(begin, f"{begin}x"))
    yield "text in the signature", "signature_shape", _finished(bench, swap(info, f"{info}x"))
    attribute = swap("<ds:SignatureValue>", '<ds:SignatureValue Type="x">')
    yield "an attribute of the signature value", "signature_shape", _finished(bench, attribute)
    yield from _prefix_lists(bench)


def _prefix_lists(bench: Bench) -> Iterator[Row]:
    """InclusiveNamespaces, the one parameter that is taken, where it is not the one of the standard."""
    start = f'<ec:InclusiveNamespaces xmlns:ec="{EXC_C14N}" '
    parameters = {
        "that is none": f'{start}PrefixList="1x"/>',
        "of 33 prefixes": f'{start}PrefixList="{" ".join(f"p{number}" for number in range(_TOO_MANY))}"/>',
        "with another attribute": f'{start}PrefixList="saml" Type="x"/>',
        "with an element": f'{start}PrefixList="saml"><ec:x/></ec:InclusiveNamespaces>',
        "twice": f'{start}PrefixList="saml"/>' * 2,
        "under another name": f'{start}PrefixList="saml"/>'.replace("ec:Inclusive", "ec:Exclusive"),
    }
    for what, inside in parameters.items():
        method = f'<ds:CanonicalizationMethod Algorithm="{EXC_C14N}">'
        yield f"prefix list of signed info {what}", "canonicalisation_method", _told(bench, swap(method, method + inside))
        given = f'<ds:Transform Algorithm="{EXC_C14N}">'
        yield f"prefix list of the reference {what}", "transforms", _told(bench, swap(given, given + inside))


def _changed(bench: Bench) -> bytes:
    drafted = bench.draft()
    octets = sign(drafted.xml, drafted.message_id, bench.holder, bench.how)
    return octets.replace(b"<saml:Issuer>https://", b"<saml:Issuer>https://evil.", 1)
