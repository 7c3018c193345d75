"""SignedInfo as a language: what it may say in XML signature, and may not here.

All of it is signed by the genuine key, and says what was done: the form alone refuses.
"""

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace

from connectors.signatures.profile import DS, ENVELOPED, EXC_C14N, SHA256_URI
from idp.selftest.case import Case
from idp.selftest.responses.making import Row, Setting, World, refused
from idp.selftest.responses.signatures import finished
from idp.selftest.responses.signing import C14N, MORE, Edit, OctetEdit, swap, transform

DIGEST, REFERENCES, TRANSFORMS, EXTERNAL = (
    "digest and signed info",
    "several references",
    "transforms",
    "external references",
)
_XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
_XPATH_FILTER = "http://www.w3.org/2002/06/xmldsig-filter2"
_XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"
_BASE64 = f"{DS}base64"
_DECRYPT = "http://www.w3.org/2002/07/decrypt#XML"
_STR = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#STR-Transform"
_DIGEST_END = "</ds:DigestValue>"
_TRANSFORMS = f"<ds:Transforms>{transform(ENVELOPED)}{transform(EXC_C14N)}</ds:Transforms>"
# As many as a message has room for
MANY_REFERENCES, MANY_TRANSFORMS = 2000, 2500


def digests(world: World) -> Iterator[Case]:
    """DigestValue, and every other part of SignedInfo."""
    settings = (*world.plain, world.encrypted, world.eidas)
    yield from refused(DIGEST, settings, *_SPLIT, *_TWICE)
    yield from refused(DIGEST, world.plain, *_VALUES)
    yield from refused(DIGEST, (*world.plain, world.eidas), *_WRONG)
    yield from refused(DIGEST, (*world.plain, world.eidas), *_FORMS)
    yield from refused(DIGEST, (world.response, world.assertion, world.eidas), *_CANONICALISATIONS)


def references(world: World) -> Iterator[Case]:
    """One Reference, to what holds the Signature, and nothing else (CVE-2026-33487 looked at the last of several)."""
    settings = (*world.plain, world.encrypted, world.eidas)
    yield from refused(REFERENCES, settings, *_SEVERAL)
    many = '<ds:Reference URI="#x"/>' * MANY_REFERENCES
    edit = swap("</ds:Reference>", f"</ds:Reference>{many}")
    row: Row = (f"{MANY_REFERENCES}-references", "signed_info", _informed(edit))
    yield from refused(REFERENCES, (world.response, world.assertion), row)


def transforms(world: World) -> Iterator[Case]:
    """Transforms are a language of programs: two of them are taken, in their order, and none is ever run as it says."""
    settings = (*world.plain, world.encrypted, world.eidas)
    yield from refused(TRANSFORMS, settings, *_PROGRAMS)
    yield from refused(TRANSFORMS, (world.response, world.assertion, world.eidas), *_ORDERS)
    edit = swap("</ds:Transforms>", f"{transform(EXC_C14N) * MANY_TRANSFORMS}</ds:Transforms>")
    row: Row = (f"{MANY_TRANSFORMS}-canonicalisations", "signed_info", _informed(edit))
    yield from refused(TRANSFORMS, (world.response, world.assertion), row)


def external(world: World) -> Iterator[Case]:
    """A Reference that leaves its place: to a file, to a server inside of our network, to another part of the message."""
    settings = (world.response, world.assertion, world.both, world.encrypted, world.eidas)
    for what, uri in _ELSEWHERE.items():
        yield from refused(EXTERNAL, settings, (what, "reference", _to(uri)))
    yield from refused(EXTERNAL, settings, *_INSIDE)


# -- digests ---------------------------------------------------------------------------------------------------------------


def _informed(edit: Edit) -> Callable[[Setting], bytes]:
    """The outermost SignedInfo edited, and then signed."""
    return lambda setting: setting.outermost(replace(setting.how, info=edit))


def _digested(edit: OctetEdit) -> Callable[[Setting], bytes]:
    return lambda setting: setting.outermost(replace(setting.how, digested=edit))


def _value(change: Callable[[str], str], name: str = "DigestValue") -> Edit:
    """Edit the text of a value in base64."""

    def edit(text: str) -> str:
        begin = text.index(f"<ds:{name}>") + len(f"<ds:{name}>")
        end = text.index(f"</ds:{name}>")
        return text[:begin] + change(text[begin:end]) + text[end:]

    return edit


def _respelled(text: str) -> str:
    """The last letter before the padding has bits that mean nothing: another spelling of the same octets."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    body = text.rstrip("=")
    return body[:-1] + alphabet[alphabet.index(body[-1]) ^ 1] + text[len(body) :]


def _cut_to(octets: int) -> Edit:
    return _value(lambda text: base64.b64encode(base64.b64decode(text)[:octets]).decode())


# Texts that readers put together differently; a canonical form drops the comment, so the signature holds
_SPLIT: tuple[Row, ...] = (
    ("digest-value-comment-cve-2025-29775", "comment", finished(swap(_DIGEST_END, f"<!-- AAAA -->{_DIGEST_END}"))),
    (
        "digest-value-in-a-comment-before-another",
        "comment",
        finished(_value(lambda text: f"<!--{text}-->{base64.b64encode(bytes(32)).decode()}")),
    ),
    ("digest-value-in-cdata", "cdata", _informed(_value(lambda text: f"<![CDATA[{text}]]>"))),
    ("digest-value-instruction", "processing_instruction", _informed(swap(_DIGEST_END, f"<?x?>{_DIGEST_END}"))),
    ("digest-value-element", "digest_value", _informed(swap(_DIGEST_END, f"<ds:X/>{_DIGEST_END}"))),
    ("signature-value-comment", "comment", finished(swap("</ds:SignatureValue>", "<!-- --></ds:SignatureValue>"))),
    ("signed-info-comment", "comment", finished(swap("<ds:SignatureMethod", "<!-- --><ds:SignatureMethod"))),
)


def _second_info(text: str, *, before: bool) -> str:
    """CVE-2025-29774: one SignedInfo is verified, and the other is believed."""
    begin, end = text.index("<ds:SignedInfo>"), text.index("</ds:SignedInfo>") + len("</ds:SignedInfo>")
    info = text[begin:end]
    evil = _value(lambda _: base64.b64encode(bytes(32)).decode())(info)
    return text[:begin] + (evil + info if before else info + evil) + text[end:]


_TWICE: tuple[Row, ...] = (
    (
        "two-signed-infos-cve-2025-29774",
        "signature_shape",
        finished(lambda text: _second_info(text, before=False)),
    ),
    ("two-signed-infos-evil-first", "signature_shape", finished(lambda text: _second_info(text, before=True))),
    ("two-digest-values", "reference", _informed(swap(_DIGEST_END, f"{_DIGEST_END}<ds:DigestValue>AAAA{_DIGEST_END}"))),
)
_VALUES: tuple[Row, ...] = (
    ("digest-value-empty", "digest_value", _informed(_value(lambda _: ""))),
    ("digest-value-without-padding", "digest_value", _informed(_value(lambda text: text.rstrip("=")))),
    ("digest-value-respelled", "digest_value", _informed(_value(_respelled))),
    ("digest-value-as-hex", "digest_value", _informed(_value(lambda text: base64.b64decode(text).hex() + "."))),
    ("digest-value-of-two-texts", "digest_value", _informed(_value(lambda text: f"{text}{text}"))),
    ("signature-value-in-the-alphabet-of-urls", "signature_value", finished(_value(lambda _: "-_-_", "SignatureValue"))),
    (
        "signature-value-without-padding",
        "signature_value",
        finished(_value(lambda text: text.rstrip("="), "SignatureValue")),
    ),
    ("signature-value-respelled", "signature_value", finished(_value(_respelled, "SignatureValue"))),
)
_WRONG: tuple[Row, ...] = (
    ("digest-of-nothing", "digest", _digested(lambda _: b"")),
    ("digest-of-zeros", "digest", _informed(_value(lambda _: base64.b64encode(bytes(32)).decode()))),
    ("digest-of-another-element", "digest", _digested(lambda octets: octets + b" ")),
    ("digest-cut-to-20", "digest", _informed(_cut_to(20))),
    ("digest-cut-to-one", "digest", _informed(_cut_to(1))),
    ("digest-changed-after-signing", "signature", finished(_value(lambda _: base64.b64encode(bytes(32)).decode()))),
    ("sha1", "digest_algorithm", lambda setting: setting.outermost(replace(setting.how, digest=f"{DS}sha1"))),
    ("md5", "digest_algorithm", lambda setting: setting.outermost(replace(setting.how, digest=f"{MORE}md5"))),
    ("sha224", "digest_algorithm", lambda setting: setting.outermost(replace(setting.how, digest=f"{MORE}sha224"))),
    (
        "digest-of-another-name",
        "digest_algorithm",
        lambda setting: setting.outermost(replace(setting.how, digest="sha256")),
    ),
)
_METHOD = f'<ds:DigestMethod Algorithm="{SHA256_URI}"/>'
_FORMS: tuple[Row, ...] = (
    ("signed-info-with-an-id", "signed_info", _informed(swap("<ds:SignedInfo>", '<ds:SignedInfo Id="_info">'))),
    ("signed-info-with-a-text", "signed_info", _informed(swap("<ds:SignatureMethod", "x<ds:SignatureMethod"))),
    ("signed-info-empty", "signed_info", _informed(lambda _: "<ds:SignedInfo/>")),
    ("signed-info-with-an-element-more", "signed_info", _informed(swap("</ds:SignedInfo>", "<ds:X/></ds:SignedInfo>"))),
    ("method-with-a-parameter", "signature_algorithm", _informed(lambda text: _parametrised(text, "SignatureMethod"))),
    (
        "digest-method-with-a-parameter",
        "digest_algorithm",
        _informed(swap(_METHOD, _METHOD[:-2] + "><ds:X/></ds:DigestMethod>")),
    ),
    ("digest-method-with-a-text", "digest_algorithm", _informed(swap(_METHOD, _METHOD[:-2] + ">x</ds:DigestMethod>"))),
    ("digest-method-of-two-names", "digest_algorithm", _informed(swap("<ds:DigestMethod", '<ds:DigestMethod Other="x"'))),
    ("method-of-two-names", "signature_algorithm", _informed(swap("<ds:SignatureMethod", '<ds:SignatureMethod Other="x"'))),
    ("no-digest-method", "reference", _informed(swap(_METHOD, ""))),
    ("no-transforms", "reference", _informed(swap(_TRANSFORMS, ""))),
)


def _parametrised(text: str, name: str) -> str:
    begin = text.index(f"<ds:{name}")
    end = text.index("/>", begin)
    return f"{text[:end]}><ds:X/></ds:{name}>{text[end + 2 :]}"


def _canonicalised(algorithm: str) -> Callable[[Setting], bytes]:
    return lambda setting: setting.outermost(replace(setting.how, canonicalisation=algorithm))


def _listing(prefixes: str) -> Callable[[Setting], bytes]:
    """A PrefixList in SignedInfo's own canonicalisation."""
    inner = f'<ec:InclusiveNamespaces xmlns:ec="{EXC_C14N}" PrefixList="{prefixes}"/>'
    return _informed(swap("</ds:CanonicalizationMethod>", f"{inner}</ds:CanonicalizationMethod>"))


_CANONICALISATIONS: tuple[Row, ...] = (
    ("inclusive-canonicalisation", "canonicalisation_method", _canonicalised(C14N)),
    ("canonicalisation-with-comments", "canonicalisation_method", _canonicalised(f"{EXC_C14N}WithComments")),
    ("canonicalisation-1-1", "canonicalisation_method", _canonicalised("http://www.w3.org/2006/12/xml-c14n11")),
    ("canonicalisation-2", "canonicalisation_method", _canonicalised("http://www.w3.org/2010/xml-c14n2")),
    ("canonicalisation-unknown", "canonicalisation_method", _canonicalised("urn:selftest:none")),
    ("canonicalisation-empty", "canonicalisation_method", _canonicalised("")),
    ("prefixes-that-are-none", "canonicalisation_method", _listing("1 &lt;")),
    ("more-prefixes-than-there-are", "canonicalisation_method", _listing(" ".join(f"p{n}" for n in range(33)))),
    (
        "canonicalisation-parameter",
        "canonicalisation_method",
        _informed(swap("</ds:CanonicalizationMethod>", "<ds:X/></ds:CanonicalizationMethod>")),
    ),
)

# -- references ------------------------------------------------------------------------------------------------------------


def _reference(text: str) -> str:
    end = "</ds:Reference>"
    return text[text.index("<ds:Reference") : text.index(end) + len(end)]


def _repeated(times: int) -> Edit:
    """The one Reference, so many times."""
    return lambda text: text.replace(_reference(text), _reference(text) * times)


def _beside(other: Callable[[str], str], *, before: bool) -> Edit:
    """A second Reference, made of the first one."""

    def edit(text: str) -> str:
        own = _reference(text)
        return text.replace(own, other(own) + own if before else own + other(own))

    return edit


def _elsewhere(reference: str) -> str:
    """To what is not there, with a digest of nothing."""
    begin = reference.index('URI="') + 5
    return reference[:begin] + "#other" + reference[reference.index('"', begin) :]


_SEVERAL: tuple[Row, ...] = (
    ("the-same-twice", "signed_info", _informed(_repeated(2))),
    ("none", "signed_info", _informed(_repeated(0))),
    ("genuine-last-cve-2026-33487", "signed_info", _informed(_beside(_elsewhere, before=True))),
    ("genuine-first", "signed_info", _informed(_beside(_elsewhere, before=False))),
    ("within-a-reference", "reference", _informed(swap("</ds:Reference>", '<ds:Reference URI="#x"/></ds:Reference>'))),
)

# -- transforms ------------------------------------------------------------------------------------------------------------


def _program(algorithm: str, inside: str = "") -> Callable[[Setting], bytes]:
    """A third transform before the last, which is not run: the digest is that of the message."""
    return _informed(swap(transform(EXC_C14N), transform(algorithm, inside) + transform(EXC_C14N)))


def _instead(*algorithms: str) -> Callable[[Setting], bytes]:
    return lambda setting: setting.outermost(replace(setting.how, transforms=algorithms))


_STYLESHEET = (
    '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0">'
    '<xsl:template match="/"><xsl:copy-of select="document(\'file:///etc/passwd\')"/></xsl:template></xsl:stylesheet>'
)
_PROGRAMS: tuple[Row, ...] = (
    ("xslt-cve-2022-34716", "transforms", _program(_XSLT, _STYLESHEET)),
    ("xpath-of-nothing", "transforms", _program(_XPATH, "<ds:XPath>false()</ds:XPath>")),
    (
        "xpath-filter",
        "transforms",
        _program(_XPATH_FILTER, f'<f:XPath xmlns:f="{_XPATH_FILTER}" Filter="subtract">/*</f:XPath>'),
    ),
    ("base64", "transforms", _program(_BASE64)),
    ("decryption", "transforms", _program(_DECRYPT)),
    ("security-token-reference", "transforms", _program(_STR)),
    (
        "xpath-with-the-digest-of-nothing",
        "transforms",
        lambda setting: setting.outermost(
            replace(
                setting.how,
                info=swap(transform(EXC_C14N), transform(_XPATH, "<ds:XPath>false()</ds:XPath>") + transform(EXC_C14N)),
                digested=lambda _: b"",
            )
        ),
    ),
)
_ORDERS: tuple[Row, ...] = (
    ("enveloped-alone", "transforms", _instead(ENVELOPED)),
    ("canonicalisation-alone", "transforms", _instead(EXC_C14N)),
    ("the-other-way-round", "transforms", _instead(EXC_C14N, ENVELOPED)),
    ("enveloped-twice", "transforms", _instead(ENVELOPED, ENVELOPED, EXC_C14N)),
    ("canonicalisation-twice", "transforms", _instead(ENVELOPED, EXC_C14N, EXC_C14N)),
    ("inclusive-canonicalisation", "transforms", _instead(ENVELOPED, C14N)),
    ("canonicalisation-with-comments", "transforms", _instead(ENVELOPED, f"{EXC_C14N}WithComments")),
    ("none-of-them", "transforms", _instead()),
    ("a-text-in-a-transform", "transforms", _informed(swap(transform(ENVELOPED), transform(ENVELOPED, "x")))),
    (
        "an-element-in-the-enveloped-one",
        "transforms",
        _informed(swap(transform(ENVELOPED), transform(ENVELOPED, "<ds:X/>"))),
    ),
    ("an-attribute-of-a-transform", "transforms", _informed(swap("<ds:Transform ", '<ds:Transform Id="_t" '))),
)

# -- external references ---------------------------------------------------------------------------------------------------


def _to(uri: str) -> Callable[[Setting], bytes]:
    return lambda setting: setting.outermost(replace(setting.how, uri=uri))


_ELSEWHERE = {
    "whole-document": "",
    "fragment-of-nothing": "#",
    "file": "file:///etc/passwd",
    "metadata-service-of-a-cloud": "http://169.254.169.254/latest/",
    "relative-address": "other.xml",
    "address-with-a-fragment": "https://evil.selftest.example/#x",
    "xpointer-of-all": "#xpointer(/)",
    "another-id": "#_other",
    "content-id": "cid:part@selftest.example",
}


def _of_answer(uri: Callable[[str], str]) -> Callable[[Setting], bytes]:
    """A URI that is made of the ID which it should be."""

    def make(setting: Setting) -> bytes:
        answer = setting.good
        own = answer.response_id if setting.at_response else answer.assertion_id
        return setting.outermost(replace(setting.how, uri=uri(own)), answer)

    return make


_INSIDE: tuple[Row, ...] = (
    ("xpointer-of-its-id", "reference", _of_answer(lambda own: f"#xpointer(id('{own}'))")),
    ("its-id-with-a-blank", "reference", _of_answer(lambda own: f"#{own} ")),
    ("its-id-percent-encoded", "reference", _of_answer(lambda own: f"#%5F{own[1:]}")),
    ("its-id-without-a-hash-sign", "reference", _of_answer(lambda own: own)),
    ("its-id-behind-another-sign", "reference", _of_answer(lambda own: f"x{own}")),
    ("with-a-type", "reference", _informed(swap("<ds:Reference ", f'<ds:Reference Type="{DS}Object" '))),
    (
        "without-an-address",
        "reference",
        _informed(lambda text: text.replace(_reference(text), _without_uri(_reference(text)))),
    ),
)


def _without_uri(reference: str) -> str:
    begin = reference.index(" URI=")
    return reference[:begin] + reference[reference.index('"', begin + 6) + 1 :]
