"""Signatures of a message that say less than they seem to: none, another's, of something else, by another algorithm.

Messages go through the same verification as responses. Here each of its checks is tried at each entrance; the many
spellings of one attack are in `responses/`.
"""

import base64
import copy
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.messages.drafts import MessageBench, MessageDraft, fresh
from connectors.attacks.responses.algorithms import as_der, certificates
from connectors.attacks.responses.signatures import DROPPED, EMPTIED
from connectors.attacks.responses.signed_info import tables_of_any_shape
from connectors.attacks.xml_signer import (
    ECDSA_SHA256,
    HMAC_SHA256,
    PARSER,
    RSA_SHA1,
    Edit,
    OctetEdit,
    Signing,
    flipped,
    instead,
    serialised,
    swap,
)
from connectors.signatures.algorithms import RSA_PSS_SHA256, RSA_SHA256
from connectors.signatures.parse import Element
from connectors.signatures.profile import DS, ENVELOPED, EXC_C14N, SIGNATURE
from connectors.wire.names import MD, samlp

EXCLUSION, WRAPPING = "message: signature exclusion", "message: signature wrapping"
EVIL, FOREIGN = "message: evil data in the signature", "message: foreign signature"
KEYS, ALGORITHMS = "message: key in the message", "message: algorithm confusion"
REFERENCES = "message: signed info and reference"
_END, _INFO_END, _VALUE_END = "</ds:Signature>", "</ds:SignedInfo>", "</ds:SignatureValue>"
# what, check, octets
Row = tuple[str, str, bytes]


def signature_cases(bench: MessageBench) -> Iterator[AttackCase]:
    """Every one of these at one entrance."""
    families = {
        EXCLUSION: _excluded(bench),
        WRAPPING: _wrapped(bench),
        EVIL: _evil(bench),
        FOREIGN: _foreign(bench),
        KEYS: _keys(bench),
        ALGORITHMS: _algorithms(bench),
        REFERENCES: _references(bench),
    }
    told = {family: ((what, octets, check) for what, check, octets in rows) for family, rows in families.items()}
    yield from bench.refused_rows(told)
    yield from bench.tabled({EXCLUSION: (EMPTIED,), EVIL: (DROPPED,)})
    yield from bench.tabled({f"message: {family}": tables for family, tables in tables_of_any_shape().items()})


def _made(bench: MessageBench, **how: Any) -> bytes:  # Any: fields of `Signing`
    """A good message whose Signature is made in another way."""
    return bench.signed(how=replace(bench.how, **how))


def _finished(bench: MessageBench, old: str, new: str) -> bytes:
    """A good message whose Signature is edited after it was made."""
    return _made(bench, finished=swap(old, new))


def _informed(bench: MessageBench, old: str, new: str) -> bytes:
    """A good message whose SignedInfo is edited, and then signed."""
    return _made(bench, info=swap(old, new))


def _tree(octets: bytes) -> Element:
    return etree.fromstring(octets, PARSER)


def _excluded(bench: MessageBench) -> Iterator[Row]:
    """No signature, or one that is not where it belongs."""
    yield "unsigned, cve-2026-18569", "signature_missing", bench.draft().xml
    yield "by a stranger", "signature", _made(bench, holder=bench.strange)
    yield "of a shorter namespace", "signature_missing", _finished(bench, f'"{DS}"', f'"{DS.rstrip("#")}"')
    root = _tree(bench.signed())
    root.append(root[1])
    yield "signature at the end", "signature_place", serialised(root)
    root = _tree(bench.signed())
    root[0].append(root[1])
    yield "signature in the issuer", "signature_place", serialised(root)


def _wrapped(bench: MessageBench) -> Iterator[Row]:
    """The genuine message is there, whole, and another is read (USENIX Security 2012)."""
    root, good = _tree(bench.draft().xml), _tree(bench.signed())
    root.insert(1, etree.Element(samlp("Extensions")))
    root[1].append(good)
    yield "the signed one in extensions", "signature_place", serialised(root)
    root, good = _tree(bench.draft().xml), _tree(bench.signed())
    root.insert(1, good[1])
    root.append(good)
    yield "the signed one at the end, its signature in front", "reference", serialised(root)
    root, good = _tree(bench.draft().xml), _tree(bench.signed())
    root.insert(1, good[1])
    etree.SubElement(root[1], f"{{{DS}}}Object").append(good)
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


def _evil(bench: MessageBench) -> Iterator[Row]:
    """The enveloped transform drops the whole Signature: what stands in it, no signature covers."""
    evil = bench.draft().xml.decode()
    yield "an object", "signature_shape", _finished(bench, _END, f"<ds:Object>{evil}</ds:Object>{_END}")
    yield "in key info", "key_info", _finished(bench, _END, f"<ds:KeyInfo>{evil}</ds:KeyInfo>{_END}")
    yield "in the signature value", "signature_value", _finished(bench, _VALUE_END, f"{evil}{_VALUE_END}")
    yield "a comment in the signature value", "comment", _finished(bench, _VALUE_END, f"<!-- x -->{_VALUE_END}")


def _foreign(bench: MessageBench) -> Iterator[Row]:
    """The Signature is genuine, and of something else."""
    yield "another kind of message, samlify 634", "root", bench.signed(bench.other())
    yield "of metadata", "reference", _lent(bench, _metadata(), bench.draft())
    before, other = bench.draft(), bench.other()
    yield "of a message before", "reference", _lent(bench, before, bench.draft())
    evil = bench.draft().said(ID=before.message_id, IssueInstant="2001-01-01T00:00:00Z")
    yield "of a message before, with its id", "digest", _lent(bench, before, evil)
    with_its_id = _lent(bench, other, bench.draft().said(ID=other.message_id))
    yield "of another kind, with its id, cve-2024-8698", "digest", with_its_id
    root = _tree(bench.signed(bench.other()))
    root.tag = samlp(bench.draft().name)
    yield "another kind, renamed", "digest", serialised(root)


def _lent(bench: MessageBench, genuine: MessageDraft, evil: MessageDraft) -> bytes:
    """The evil message with the Signature of the genuine one."""
    root = _tree(evil.xml)
    root.insert(1, next(_tree(bench.signed(genuine)).iter(SIGNATURE)))
    return serialised(root)


def _metadata() -> MessageDraft:
    """Metadata as a draft: anybody can fetch a Signature that a party made of theirs."""
    contact = '<samlp:ContactPerson contactType="support"/>'
    said = {"ID": fresh(), "entityID": "https://sp.selftest.example/metadata"}
    return MessageDraft("EntityDescriptor", said, "<samlp:Extensions/>", contact, f'xmlns:samlp="{MD}"')


def _keys(bench: MessageBench) -> Iterator[Row]:
    """A stranger signs, and the message says by which key to verify that."""
    told = {
        "its own certificate, cve-2018-7644": certificates(bench.strange),
        "both certificates, cve-2019-18633": certificates(bench.strange, bench.holder),
    }
    for what, inside in told.items():
        yield what, "signature", _made(bench, holder=bench.strange, key_info=f"<ds:KeyInfo>{inside}</ds:KeyInfo>")
    fetched = '<ds:RetrievalMethod URI="https://attacker.example/key"/>'
    yield "a key to fetch", "key_info", _made(bench, key_info=f"<ds:KeyInfo>{fetched}</ds:KeyInfo>")


def _algorithms(bench: MessageBench) -> Iterator[Row]:
    """Another algorithm than the profile's, said or done."""
    pem = bench.holder.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    taken, other = bench.how.method, RSA_PSS_SHA256 if bench.how.method == RSA_SHA256 else RSA_SHA256
    mac = Signing(method=HMAC_SHA256, secret=pem)
    yield "hmac with the public key", "signature_algorithm", bench.signed(how=mac)
    renamed = Signing(method=taken, made_with=HMAC_SHA256, secret=pem)
    yield "hmac under another name", "signature", bench.signed(how=renamed)
    for what, uri in (("rsa-sha1", RSA_SHA1), ("the other padding", other), ("none", "none")):
        yield what, "signature_algorithm", _made(bench, method=uri)
    yield "the other padding under its name", "signature", _made(bench, made_with=other)
    yield "digest sha-1", "digest_algorithm", _made(bench, digest=f"{DS}sha1")
    values: dict[str, OctetEdit] = {
        "psychic signature, cve-2022-21449": lambda value: bytes(len(value)),
        "r and s in der": as_der,
    }
    for what, edit in values.items():
        yield what, "signature", bench.signed(how=Signing(method=ECDSA_SHA256, holder=bench.following, value=edit))
    yield "a bit flipped", "signature", _made(bench, value=flipped)


def _references(bench: MessageBench) -> Iterator[Row]:
    """SignedInfo says what is signed, and how: one Reference, to the message itself, and no program."""
    programs = (ENVELOPED, "http://www.w3.org/TR/1999/REC-xslt-19991116")
    yield "transforms of xslt", "transforms", _made(bench, transforms=programs)
    twice = instead("ds:Reference", lambda own: own * 2)
    yield "two references, cve-2026-33487", "signed_info", _made(bench, info=twice)
    second = _finished(bench, _INFO_END, f"{_INFO_END}<ds:SignedInfo/>")
    yield "two signed infos, cve-2025-29774", "signature_shape", second
    yield "a type of the reference", "reference", _informed(bench, "<ds:Reference ", '<ds:Reference Type="x" ')
    void: Edit = swap("<ds:SignedInfo>", '<ds:SignedInfo xmlns:v="relative">')
    nothing = _made(bench, finished=void, signs=lambda _: b"", digested=lambda _: b"")
    yield "void canonicalisation, cve-2025-66568", "namespace", nothing
    yield "changed afterwards", "digest", bench.signed().replace(b"<saml:Issuer>https://", b"<saml:Issuer>https://evil.", 1)
    yield "text in signed info", "signed_info", _informed(bench, "<ds:SignedInfo>", "<ds:SignedInfo>x")
    typed = _finished(bench, "<ds:SignatureValue>", '<ds:SignatureValue Type="x">')
    yield "an attribute of the signature value", "signature_shape", typed
    yield from _prefix_lists(bench)


def _prefix_lists(bench: MessageBench) -> Iterator[Row]:
    """InclusiveNamespaces, the one parameter that is taken, where it is not the one of the standard."""
    start = f'<ec:InclusiveNamespaces xmlns:ec="{EXC_C14N}" '
    parameters = {
        "of 33 prefixes": f'{start}PrefixList="{" ".join(f"p{number}" for number in range(33))}"/>',
        "with another attribute": f'{start}PrefixList="saml" Type="x"/>',
        "with an element": f'{start}PrefixList="saml"><ec:x/></ec:InclusiveNamespaces>',
        "twice": f'{start}PrefixList="saml"/>' * 2,
        "under another name": f'{start}PrefixList="saml"/>'.replace("ec:Inclusive", "ec:Exclusive"),
    }
    method, given = (f'<ds:{name} Algorithm="{EXC_C14N}">' for name in ("CanonicalizationMethod", "Transform"))
    for what, inside in parameters.items():
        told = _informed(bench, method, method + inside)
        yield f"prefix list of signed info {what}", "canonicalisation_method", told
        yield f"prefix list of the reference {what}", "transforms", _informed(bench, given, given + inside)


DIFFERENTIAL, SIZE, ENCODING = "message: parser differential", "message: size and depth", "message: encoding of a parameter"
_TOO_LARGE, _TOO_DEEP, _TOO_MANY, _TOO_WIDE = 256 * 1024, 65, 5001, 33
_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


def octet_cases(bench: MessageBench) -> Iterator[AttackCase]:
    """Every one of these at one entrance."""
    families = {DIFFERENTIAL: differing(bench.signed()), SIZE: _large(bench)}
    if bench.parameter:
        families[DIFFERENTIAL]["byte order mark"] = base64.b64encode(b"\xef\xbb\xbf" + bench.signed()), "encoding"
        families[ENCODING] = _parameters(bench)
    return bench.refused_rows({family: [(what, *row) for what, row in rows.items()] for family, rows in families.items()})


def differing(good: bytes) -> dict[str, tuple[bytes, str]]:
    """Markup that canonicalisation drops, or a parser adds: the signature would hold over either."""
    root = good[1 : good.index(b" ")]

    def before(markup: bytes) -> bytes:
        return markup + good

    def inside(markup: bytes) -> bytes:
        return good.replace(b"</saml:Issuer>", markup + b"</saml:Issuer>", 1)

    def declared(text: bytes) -> bytes:
        return good.replace(b"<" + root, b"<" + root + b" " + text, 1)

    doctype = b"<!DOCTYPE " + root
    return {
        "doctype": (before(doctype + b">"), "doctype"),
        "billion laughs": (before(doctype + b' [<!ENTITY l0 "lol">' + _LAUGHS.encode() + b"]>"), "doctype"),
        "entity that nobody declared": (inside(b"&x;"), "entity"),
        "comment in a text, cve-2017-11427": (inside(b"<!-- x -->"), "comment"),
        "cdata": (inside(b"<![CDATA[]]>"), "cdata"),
        "processing instruction, oneuptime 2988": (inside(b"<?x abc?>"), "processing_instruction"),
        "relative namespace, cve-2025-66568": (declared(b'xmlns:v="relative"'), "namespace"),
        "id in a namespace": (declared(b'xmlns:v="urn:v" v:ID="x"'), "namespace"),
        "two roots": (good + good, "not_well_formed"),
        "cut off": (good[:-1], "not_well_formed"),
        "another encoding declared": (before(b'<?xml version="1.0" encoding="ISO-8859-1"?>'), "encoding"),
        "octets that are no utf-8": (inside(b"\xff"), "encoding"),
    }


def _large(bench: MessageBench) -> dict[str, tuple[bytes, str]]:
    good = bench.signed()
    end = good[good.rindex(b"</") :]

    def within(markup: bytes) -> bytes:
        return good.removesuffix(end) + markup + end

    attributes = b"".join(b' a%d=""' % number for number in range(_TOO_WIDE))
    return {
        "larger than 256 kib": (within(b" " * _TOO_LARGE), "size"),
        "deeper than 64": (within(b"<x>" * _TOO_DEEP + b"</x>" * _TOO_DEEP), "depth"),
        "more than 5000 elements": (within(b"<x/>" * _TOO_MANY), "elements"),
        "more than 32 attributes": (within(b"<x" + attributes + b"/>"), "attributes"),
    }


def _parameters(bench: MessageBench) -> dict[str, tuple[bytes, str]]:
    """The parameter as a form would have it, spelled in another way: strict base64, line ends alone pass."""
    good = bench.signed()
    text = base64.b64encode(good)
    urlsafe = base64.urlsafe_b64encode(good + b"\n" * (-len(good) % 3)).replace(b"=", b"")
    deflated = zlib.compress(good, wbits=-zlib.MAX_WBITS)
    return {
        "blanks in it": (text[:40] + b" " + text[40:], "base64"),
        "the alphabet of addresses": (urlsafe.replace(urlsafe[40:42], b"-_"), "base64"),
        "padding too much": (text.rstrip(b"=") + b"===", "base64"),
        "twice in base64": (base64.b64encode(text), "not_well_formed"),
        "deflated as for redirect": (base64.b64encode(deflated), "encoding"),
    }
