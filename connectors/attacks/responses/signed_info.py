"""SignedInfo as a language: what it may say in XML signature, and may not here.

All of it is signed by the genuine key, and says what was done: the form alone refuses.
"""

import base64
from collections.abc import Iterator, Mapping

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.responses.recipes import ShapeMake, ShapeMakes, ShapeTable, each, finished, informed, outermost
from connectors.attacks.responses.settings import ResponseWorld, refused
from connectors.attacks.xml_signer import C14N, Edit, after, before, instead, part, swap, transform, value, without
from connectors.signatures.profile import DS, ENVELOPED, EXC_C14N, SHA256_URI

DIGEST, REFERENCES = "digest and signed info", "several references"
TRANSFORMS, EXTERNAL = "transforms", "external references"
_XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
_XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"
_DIGEST, _SIGNATURE = "ds:DigestValue", "ds:SignatureValue"
_DIGEST_END, _REFERENCE_END = "</ds:DigestValue>", "</ds:Reference>"
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
# As many as a message has room for
MANY_REFERENCES, MANY_TRANSFORMS = 2000, 2500


def digests(world: ResponseWorld) -> Iterator[AttackCase]:
    """DigestValue, and every other part of SignedInfo."""
    yield from refused(DIGEST, (*world.plain, world.encrypted, world.eidas), _SPLIT)
    yield from refused(DIGEST, world.plain, _VALUES)
    yield from refused(DIGEST, (*world.plain, world.eidas), _WRONG)
    yield from refused(DIGEST, (world.response, world.assertion, world.eidas), _CANONICALISATIONS)


def references(world: ResponseWorld) -> Iterator[AttackCase]:
    """One Reference, to what holds the Signature, and nothing else (CVE-2026-33487 looked at the last of several)."""
    yield from refused(REFERENCES, (*world.plain, world.encrypted, world.eidas), _SEVERAL)
    many = informed(after(_REFERENCE_END, '<ds:Reference URI="#x"/>' * MANY_REFERENCES))
    row = {"signed_info": {f"{MANY_REFERENCES}-references": many}}
    yield from refused(REFERENCES, (world.response, world.assertion), row)


def transforms(world: ResponseWorld) -> Iterator[AttackCase]:
    """Transforms are a language of programs: two of them are taken, in their order, and none is ever run as it says."""
    yield from refused(TRANSFORMS, (*world.plain, world.encrypted, world.eidas), {"transforms": _PROGRAMS})
    yield from refused(TRANSFORMS, (world.response, world.assertion, world.eidas), {"transforms": _ORDERS})
    many = informed(before("</ds:Transforms>", transform(EXC_C14N) * MANY_TRANSFORMS))
    row = {"signed_info": {f"{MANY_TRANSFORMS}-canonicalisations": many}}
    yield from refused(TRANSFORMS, (world.response, world.assertion), row)


def external(world: ResponseWorld) -> Iterator[AttackCase]:
    """A Reference that leaves its place: to a file, to a server inside of our network, to another part of the message."""
    yield from refused(EXTERNAL, (*world.plain, world.encrypted, world.eidas), {"reference": _references()})


def _references() -> ShapeMakes:
    return {**each(lambda uri: outermost(uri=uri), _ELSEWHERE), **_INSIDE}


def tables_of_any_shape() -> Mapping[str, tuple[ShapeTable, ...]]:
    """The tables of this module by their families, for whatever else is signed."""
    return {
        DIGEST: (_SPLIT, _VALUES, _WRONG, _CANONICALISATIONS),
        REFERENCES: (_SEVERAL,),
        TRANSFORMS: ({"transforms": {**_PROGRAMS, **_ORDERS}},),
        EXTERNAL: ({"reference": _references()},),
    }


def respelled(text: str) -> str:
    """Base64 whose last letter has other bits that mean nothing: another spelling of the same octets."""
    body = text.rstrip("=")
    return body[:-1] + _ALPHABET[_ALPHABET.index(body[-1]) ^ 1] + text[len(body) :]


def _second_info(text: str) -> str:
    """CVE-2025-29774: one SignedInfo is verified, and the other is believed."""
    info = part("ds:SignedInfo")(text)
    evil = value(_DIGEST, lambda _: base64.b64encode(bytes(32)).decode())(info)
    return text.replace(info, info + evil)


def _parametrised(name: str) -> ShapeMake:
    def edit(text: str) -> str:
        end = text.index("/>", text.index(f"<ds:{name}"))
        return f"{text[:end]}><ds:X/></ds:{name}>{text[end + 2 :]}"

    return informed(edit)


# Texts that readers put together differently; a canonical form drops the comment, so the signature holds
_SPLIT: ShapeTable = {
    "comment": {"digest-value-comment-cve-2025-29775": finished(before(_DIGEST_END, "<!-- AAAA -->"))},
    "cdata": {"digest-value-in-cdata": informed(value(_DIGEST, lambda text: f"<![CDATA[{text}]]>"))},
    "digest_value": {"digest-value-element": informed(before(_DIGEST_END, "<ds:X/>"))},
    "signature_shape": {"two-signed-infos-cve-2025-29774": finished(_second_info)},
    "reference": {"two-digest-values": informed(after(_DIGEST_END, f"<ds:DigestValue>AAAA{_DIGEST_END}"))},
}
_VALUES: ShapeTable = {
    "digest_value": {
        "digest-value-empty": informed(value(_DIGEST, lambda _: "")),
        "digest-value-without-padding": informed(value(_DIGEST, lambda text: text.rstrip("="))),
        "digest-value-respelled": informed(value(_DIGEST, respelled)),
    },
    "signature_value": {"signature-value-respelled": finished(value(_SIGNATURE, respelled))},
}
_METHOD = f'<ds:DigestMethod Algorithm="{SHA256_URI}"/>'
_TRANSFORMS = f"<ds:Transforms>{transform(ENVELOPED)}{transform(EXC_C14N)}</ds:Transforms>"
_CUT = value(_DIGEST, lambda text: base64.b64encode(base64.b64decode(text)[:20]).decode())
_WRONG: ShapeTable = {
    "digest": {"digest-of-nothing": outermost(digested=lambda _: b""), "digest-cut-to-20": informed(_CUT)},
    "signature": {"digest-changed-after-signing": finished(_CUT)},
    "digest_algorithm": {
        "sha1": outermost(digest=f"{DS}sha1"),
        "digest-of-another-name": outermost(digest="sha256"),
        "digest-method-with-a-parameter": _parametrised("DigestMethod"),
        "digest-method-with-a-text": informed(swap(_METHOD, _METHOD[:-2] + ">x</ds:DigestMethod>")),
        "digest-method-of-two-names": informed(after("<ds:DigestMethod", ' Other="x"')),
    },
    "signature_algorithm": {
        "method-with-a-parameter": _parametrised("SignatureMethod"),
        "method-of-two-names": informed(after("<ds:SignatureMethod", ' Other="x"')),
    },
    "signed_info": {
        "signed-info-with-an-id": informed(after("<ds:SignedInfo", ' Id="_info"')),
        "signed-info-with-a-text": informed(before("<ds:SignatureMethod", "x")),
        "signed-info-empty": informed(lambda _: "<ds:SignedInfo/>"),
        "signed-info-with-an-element-more": informed(before("</ds:SignedInfo>", "<ds:X/>")),
    },
    "reference": {"no-digest-method": informed(swap(_METHOD, "")), "no-transforms": informed(swap(_TRANSFORMS, ""))},
}


def _listing(prefixes: str) -> ShapeMake:
    """A PrefixList in SignedInfo's own canonicalisation."""
    inner = f'<ec:InclusiveNamespaces xmlns:ec="{EXC_C14N}" PrefixList="{prefixes}"/>'
    return informed(before("</ds:CanonicalizationMethod>", inner))


_CANONICALISATIONS: ShapeTable = {
    "canonicalisation_method": {
        "inclusive-canonicalisation": outermost(canonicalisation=C14N),
        "canonicalisation-with-comments": outermost(canonicalisation=f"{EXC_C14N}WithComments"),
        "prefixes-that-are-none": _listing("1 &lt;"),
        "more-prefixes-than-there-are": _listing(" ".join(f"p{n}" for n in range(33))),
        "canonicalisation-parameter": informed(before("</ds:CanonicalizationMethod>", "<ds:X/>")),
    }
}


def _to_nothing(own: str) -> str:
    """A Reference to what is not there."""
    return swap(own.partition('URI="')[2].partition('"')[0], "#other")(own)


_SEVERAL: ShapeTable = {
    "signed_info": {
        "none": informed(without("ds:Reference")),
        "genuine-last-cve-2026-33487": informed(instead("ds:Reference", lambda own: _to_nothing(own) + own)),
        "genuine-first": informed(instead("ds:Reference", lambda own: own + _to_nothing(own))),
    },
    "reference": {"within-a-reference": informed(before(_REFERENCE_END, '<ds:Reference URI="#x"/>'))},
}


def _third(algorithm: str, inside: str) -> Edit:
    """A third transform before the last, which is not run: the digest is that of the message."""
    return before(transform(EXC_C14N), transform(algorithm, inside))


_STYLESHEET = (
    '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0">'
    '<xsl:template match="/"><xsl:copy-of select="document(\'file:///etc/passwd\')"/></xsl:template></xsl:stylesheet>'
)
_OF_NOTHING = _third(_XPATH, "<ds:XPath>false()</ds:XPath>")
_PROGRAMS: ShapeMakes = {
    "xslt-cve-2022-34716": informed(_third(_XSLT, _STYLESHEET)),
    "xpath-of-nothing": informed(_OF_NOTHING),
    "xpath-with-the-digest-of-nothing": outermost(info=_OF_NOTHING, digested=lambda _: b""),
}
_ORDERS: ShapeMakes = {
    "enveloped-alone": outermost(transforms=(ENVELOPED,)),
    "the-other-way-round": outermost(transforms=(EXC_C14N, ENVELOPED)),
    "inclusive-canonicalisation": outermost(transforms=(ENVELOPED, C14N)),
    "canonicalisation-with-comments": outermost(transforms=(ENVELOPED, f"{EXC_C14N}WithComments")),
    "none-of-them": outermost(transforms=()),
    "a-text-in-a-transform": informed(swap(transform(ENVELOPED), transform(ENVELOPED, "x"))),
    "an-element-in-the-enveloped-one": informed(swap(transform(ENVELOPED), transform(ENVELOPED, "<ds:X/>"))),
    "an-attribute-of-a-transform": informed(after("<ds:Transform ", 'Id="_t" ')),
}
_ELSEWHERE = {
    "xpointer-of-its-id": "#xpointer(id('{id}'))",
    "its-id-percent-encoded": "#%5F{rest}",
    "its-id-without-a-hash-sign": "{id}",
    "its-id-behind-another-sign": "x{id}",
    "whole-document": "",
    "fragment-of-nothing": "#",
    "file": "file:///etc/passwd",
    "metadata-service-of-a-cloud": "http://169.254.169.254/latest/",
    "another-id": "#_other",
}


def _without_uri(info: str) -> str:
    begin = info.index(' URI="', info.index("<ds:Reference"))
    return info[:begin] + info[info.index('"', begin + 6) + 1 :]


_INSIDE: ShapeMakes = {
    "with-a-type": informed(after("<ds:Reference ", f'Type="{DS}Object" ')),
    "without-an-address": informed(_without_uri),
}
