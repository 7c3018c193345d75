"""SignedInfo as a language: what it may say in XML signature, and may not here.

All of it is signed by the genuine key, and says what was done: the form alone refuses.
"""

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace

from connectors.attacks.case import Case
from connectors.attacks.responses.making import Make, Makes, Setting, Table, World, refused
from connectors.attacks.responses.ways import each, finished, informed, outermost
from connectors.attacks.signing import C14N, Edit, after, before, instead, part, swap, transform, value, without
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


def digests(world: World) -> Iterator[Case]:
    """DigestValue, and every other part of SignedInfo."""
    yield from refused(DIGEST, (*world.plain, world.encrypted, world.eidas), _SPLIT)
    yield from refused(DIGEST, world.plain, _VALUES)
    yield from refused(DIGEST, (*world.plain, world.eidas), _WRONG)
    named = each(lambda algorithm: outermost(canonicalisation=algorithm), _CANONICALISATIONS)
    canonicalisations = {**named, **_PARAMETERS}
    yield from refused(
        DIGEST, (world.response, world.assertion, world.eidas), {"canonicalisation_method": canonicalisations}
    )


def references(world: World) -> Iterator[Case]:
    """One Reference, to what holds the Signature, and nothing else (CVE-2026-33487 looked at the last of several)."""
    yield from refused(REFERENCES, (*world.plain, world.encrypted, world.eidas), _SEVERAL)
    many = informed(after(_REFERENCE_END, '<ds:Reference URI="#x"/>' * MANY_REFERENCES))
    row = {"signed_info": {f"{MANY_REFERENCES}-references": many}}
    yield from refused(REFERENCES, (world.response, world.assertion), row)


def transforms(world: World) -> Iterator[Case]:
    """Transforms are a language of programs: two of them are taken, in their order, and none is ever run as it says."""
    yield from refused(TRANSFORMS, (*world.plain, world.encrypted, world.eidas), {"transforms": _PROGRAMS})
    yield from refused(TRANSFORMS, (world.response, world.assertion, world.eidas), {"transforms": _ORDERS})
    many = informed(before("</ds:Transforms>", transform(EXC_C14N) * MANY_TRANSFORMS))
    row = {"signed_info": {f"{MANY_TRANSFORMS}-canonicalisations": many}}
    yield from refused(TRANSFORMS, (world.response, world.assertion), row)


def external(world: World) -> Iterator[Case]:
    """A Reference that leaves its place: to a file, to a server inside of our network, to another part of the message."""
    elsewhere = each(lambda uri: outermost(uri=uri), _ELSEWHERE)
    yield from refused(EXTERNAL, (*world.plain, world.encrypted, world.eidas), {"reference": {**elsewhere, **_INSIDE}})


def respelled(text: str) -> str:
    """Base64 whose last letter has other bits that mean nothing: another spelling of the same octets."""
    body = text.rstrip("=")
    return body[:-1] + _ALPHABET[_ALPHABET.index(body[-1]) ^ 1] + text[len(body) :]


def _zeros(_: str) -> str:
    return base64.b64encode(bytes(32)).decode()


def _cut_to(octets: int) -> Make:
    return informed(value(_DIGEST, lambda text: base64.b64encode(base64.b64decode(text)[:octets]).decode()))


def _second_info(text: str, *, first: bool) -> str:
    """CVE-2025-29774: one SignedInfo is verified, and the other is believed."""
    info = part("ds:SignedInfo")(text)
    evil = value(_DIGEST, _zeros)(info)
    return text.replace(info, evil + info if first else info + evil)


def _parametrised(name: str) -> Edit:
    def edit(text: str) -> str:
        end = text.index("/>", text.index(f"<ds:{name}"))
        return f"{text[:end]}><ds:X/></ds:{name}>{text[end + 2 :]}"

    return edit


# Texts that readers put together differently; a canonical form drops the comment, so the signature holds
_SPLIT: Table = {
    "comment": {"digest-value-comment-cve-2025-29775": finished(before(_DIGEST_END, "<!-- AAAA -->"))},
    "cdata": {"digest-value-in-cdata": informed(value(_DIGEST, lambda text: f"<![CDATA[{text}]]>"))},
    "processing_instruction": {"digest-value-instruction": informed(before(_DIGEST_END, "<?x?>"))},
    "digest_value": {"digest-value-element": informed(before(_DIGEST_END, "<ds:X/>"))},
    "signature_shape": {"two-signed-infos-cve-2025-29774": finished(lambda text: _second_info(text, first=False))},
    "reference": {"two-digest-values": informed(after(_DIGEST_END, f"<ds:DigestValue>AAAA{_DIGEST_END}"))},
}
_VALUES: Table = {
    "digest_value": {
        "digest-value-empty": informed(value(_DIGEST, lambda _: "")),
        "digest-value-without-padding": informed(value(_DIGEST, lambda text: text.rstrip("="))),
        "digest-value-respelled": informed(value(_DIGEST, respelled)),
    },
    "signature_value": {
        "signature-value-without-padding": finished(value(_SIGNATURE, lambda text: text.rstrip("="))),
        "signature-value-respelled": finished(value(_SIGNATURE, respelled)),
    },
}
_METHOD = f'<ds:DigestMethod Algorithm="{SHA256_URI}"/>'
_TRANSFORMS = f"<ds:Transforms>{transform(ENVELOPED)}{transform(EXC_C14N)}</ds:Transforms>"
_WRONG: Table = {
    "digest": {
        "digest-of-nothing": outermost(digested=lambda _: b""),
        "digest-of-another-element": outermost(digested=lambda octets: octets + b" "),
        "digest-cut-to-20": _cut_to(20),
    },
    "signature": {"digest-changed-after-signing": finished(value(_DIGEST, _zeros))},
    "digest_algorithm": {
        "sha1": outermost(digest=f"{DS}sha1"),
        "digest-of-another-name": outermost(digest="sha256"),
        "digest-method-with-a-parameter": informed(_parametrised("DigestMethod")),
        "digest-method-with-a-text": informed(swap(_METHOD, _METHOD[:-2] + ">x</ds:DigestMethod>")),
        "digest-method-of-two-names": informed(after("<ds:DigestMethod", ' Other="x"')),
    },
    "signature_algorithm": {
        "method-with-a-parameter": informed(_parametrised("SignatureMethod")),
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


def _listing(prefixes: str) -> Make:
    """A PrefixList in SignedInfo's own canonicalisation."""
    inner = f'<ec:InclusiveNamespaces xmlns:ec="{EXC_C14N}" PrefixList="{prefixes}"/>'
    return informed(before("</ds:CanonicalizationMethod>", inner))


_CANONICALISATIONS = {
    "inclusive-canonicalisation": C14N,
    "canonicalisation-with-comments": f"{EXC_C14N}WithComments",
    "canonicalisation-unknown": "urn:selftest:none",
}
_PARAMETERS: Makes = {
    "prefixes-that-are-none": _listing("1 &lt;"),
    "more-prefixes-than-there-are": _listing(" ".join(f"p{n}" for n in range(33))),
    "canonicalisation-parameter": informed(before("</ds:CanonicalizationMethod>", "<ds:X/>")),
}


def _repeated(change: Callable[[str, str], str]) -> Make:
    """Another text in place of the one Reference, made of it and of one to what is not there."""

    def both(own: str) -> str:
        return change(own, swap(own.partition('URI="')[2].partition('"')[0], "#other")(own))

    return informed(instead("ds:Reference", both))


_SEVERAL: Table = {
    "signed_info": {
        "none": informed(without("ds:Reference")),
        "genuine-last-cve-2026-33487": _repeated(lambda own, other: other + own),
        "genuine-first": _repeated(lambda own, other: own + other),
    },
    "reference": {"within-a-reference": informed(before(_REFERENCE_END, '<ds:Reference URI="#x"/>'))},
}


def _third(algorithm: str, inside: str = "") -> Edit:
    """A third transform before the last, which is not run."""
    return before(transform(EXC_C14N), transform(algorithm, inside))


def _program(algorithm: str, inside: str = "") -> Make:
    """The digest is that of the message."""
    return informed(_third(algorithm, inside))


def _in_enveloped(inside: str) -> Make:
    return informed(swap(transform(ENVELOPED), transform(ENVELOPED, inside)))


def _instead(*algorithms: str) -> Make:
    return outermost(transforms=algorithms)


_STYLESHEET = (
    '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0">'
    '<xsl:template match="/"><xsl:copy-of select="document(\'file:///etc/passwd\')"/></xsl:template></xsl:stylesheet>'
)
_NOTHING = "<ds:XPath>false()</ds:XPath>"
_PROGRAMS: Makes = {
    "xslt-cve-2022-34716": _program(_XSLT, _STYLESHEET),
    "xpath-of-nothing": _program(_XPATH, _NOTHING),
    "xpath-with-the-digest-of-nothing": outermost(info=_third(_XPATH, _NOTHING), digested=lambda _: b""),
}
_ORDERS: Makes = {
    "enveloped-alone": _instead(ENVELOPED),
    "the-other-way-round": _instead(EXC_C14N, ENVELOPED),
    "inclusive-canonicalisation": _instead(ENVELOPED, C14N),
    "canonicalisation-with-comments": _instead(ENVELOPED, f"{EXC_C14N}WithComments"),
    "none-of-them": _instead(),
    "a-text-in-a-transform": _in_enveloped("x"),
    "an-element-in-the-enveloped-one": _in_enveloped("<ds:X/>"),
    "an-attribute-of-a-transform": informed(after("<ds:Transform ", 'Id="_t" ')),
}
_ELSEWHERE = {
    "whole-document": "",
    "fragment-of-nothing": "#",
    "file": "file:///etc/passwd",
    "metadata-service-of-a-cloud": "http://169.254.169.254/latest/",
    "another-id": "#_other",
}


def _of_answer(uri: Edit) -> Make:
    """A URI that is made of the ID which it should be."""

    def make(setting: Setting) -> bytes:
        answer = setting.good
        own = answer.response_id if setting.at_response else answer.assertion_id
        return setting.outermost(replace(setting.how, uri=uri(own)), answer)

    return make


_INSIDE: Makes = {
    "xpointer-of-its-id": _of_answer(lambda own: f"#xpointer(id('{own}'))"),
    "its-id-percent-encoded": _of_answer(lambda own: f"#%5F{own[1:]}"),
    "its-id-without-a-hash-sign": _of_answer(lambda own: own),
    "its-id-behind-another-sign": _of_answer(lambda own: f"x{own}"),
    "with-a-type": informed(after("<ds:Reference ", f'Type="{DS}Object" ')),
    "without-an-address": informed(lambda text: text.replace(_uri(text), "", 1)),
}


def _uri(info: str) -> str:
    begin = info.index(' URI="', info.index("<ds:Reference"))
    return info[begin : info.index('"', begin + 6) + 1]
