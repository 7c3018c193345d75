"""Messages whose octets two parsers read in two ways, or that are work for whoever reads them: signed as they should be."""

import base64
import zlib
from collections.abc import Iterator

from connectors.attacks.case import Case
from connectors.attacks.messages.making import MessageBench

DIFFERENTIAL, SIZE, ENCODING = "message: parser differential", "message: size and depth", "message: encoding of a parameter"
_TOO_LARGE, _TOO_DEEP, _TOO_MANY, _TOO_WIDE = 256 * 1024, 65, 5001, 33
_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


def octet_cases(bench: MessageBench) -> Iterator[Case]:
    """Every one of these at one entrance."""
    for what, (octets, check) in _differing(bench).items():
        yield bench.refused(DIFFERENTIAL, what, octets, check)
    for what, (octets, check) in _large(bench).items():
        yield bench.refused(SIZE, what, octets, check)
    for what, (octets, check) in _parameters(bench).items():
        yield bench.refused(ENCODING, what, octets, check)


def _differing(bench: MessageBench) -> dict[str, tuple[bytes, str]]:
    """Markup that canonicalisation drops, or a parser adds: the signature would hold over either."""
    good = bench.signed()
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
        "byte order mark": (_as_parameter(b"\xef\xbb\xbf" + good), "encoding"),
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


def _as_parameter(octets: bytes) -> bytes:
    return base64.b64encode(octets)
