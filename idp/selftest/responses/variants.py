"""Valid answers in other spellings and with other signatures: what the standards allow, and real peers send."""

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from connectors.formats.names import SAML, SAMLP
from connectors.signatures.algorithms import ECDSA_BY_CURVE
from connectors.signatures.profile import SHA256_URI
from idp.selftest.case import Case
from idp.selftest.responses.algorithms import certificates, key_value
from idp.selftest.responses.answer import XS, fresh
from idp.selftest.responses.making import Make, Setting, World, accepted
from idp.selftest.responses.markup import posted
from idp.selftest.responses.party_keys import CURVES
from idp.selftest.responses.signatures import finished
from idp.selftest.responses.signing import DIGESTS, MORE, NEWER, Edit, How, OctetEdit, swap, swap_octets

SPELLINGS, SIGNATURES = "valid spellings", "valid signatures"
_XSI = ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
_OF_SAML2INT = ("p-256", "p-384", "p-521")


def valid_spellings(world: World) -> Iterator[Case]:
    """One message, spelled in many ways."""
    yield from accepted(
        SPELLINGS, world.all, ("as-it-is", lambda setting: setting.sent()), ("indented", _spelled(_indented))
    )
    yield from accepted(SPELLINGS, world.plain, *_PREFIXES)
    settings = (*world.plain, world.encrypted, world.eidas)
    yield from accepted(SPELLINGS, settings, *_OCTETS)
    yield from accepted(SPELLINGS, world.all, *_LATE)


def valid_signatures(world: World) -> Iterator[Case]:
    """Every algorithm and every key of the profiles, and each way to write a Signature."""
    settings = (*world.plain, world.encrypted, world.eidas)
    for uri, name in DIGESTS.items():
        if name not in ("sha256", "sha384", "sha512"):
            continue
        yield from accepted(SIGNATURES, settings, (f"digest-of-{name}", _digest(uri)))
        yield from _by(world.plain, f"rsa-{name}", How(method=f"{MORE}rsa-{name}"))
        yield from _by((world.eidas, world.eidas_both), f"pss-{name}", How(method=f"{NEWER}{name}-rsa-MGF1"))
        on_curve = How(method=f"{MORE}ecdsa-{name}", holder=world.keys.on["p-256"])
        yield from _by((world.response, world.eidas), f"ecdsa-{name}", on_curve)
    for name, holder in world.keys.on.items():
        on_curve = How(method=ECDSA_BY_CURVE[CURVES[name].name], holder=holder)
        nodes = (world.eidas, world.eidas_both)
        yield from _by((*world.plain, *nodes) if name in _OF_SAML2INT else nodes, f"key-on-{name}", on_curve)
    next_key = replace(world.response.how, holder=world.keys.next_idp)
    yield from _by((*world.plain, world.encrypted), "other-key-of-a-rollover", next_key)
    yield from accepted(SIGNATURES, (world.both,), ("each-key-of-a-rollover", lambda setting: setting.sent(how=next_key)))
    good: tuple[str, Make] = ("key-without-use-cve-2026-16443", lambda setting: setting.sent())
    yield from accepted(SIGNATURES, world.plain, good, entrance=world.entrances.without_use)
    yield from accepted(SIGNATURES, settings, *_FORMS)
    for what, key_info in _hints(world).items():
        yield from accepted(SIGNATURES, settings, (what, _told(key_info)))


# -- spellings -------------------------------------------------------------------------------------------------------------


def _spelled(edit: Edit) -> Make:
    return lambda setting: setting.sent(spelled=edit)


def _other_prefixes(text: str) -> str:
    for old, new in (("samlp", "p"), ("saml", "a")):
        text = text.replace(f"xmlns:{old}=", f"xmlns:{new}=")
        text = text.replace(f"<{old}:", f"<{new}:").replace(f"</{old}:", f"</{new}:")
    return text


def _default_namespaces(text: str) -> str:
    """The default namespace is that of the protocol, and in the assertion that of assertions."""
    text = text.replace(f' xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}"', f' xmlns="{SAMLP}" xmlns:s="{SAML}"').replace(
        "samlp:", ""
    )
    head, begin, tail = text.partition("<saml:Assertion")
    body = (begin + tail).replace(f'xmlns:saml="{SAML}"', f'xmlns="{SAML}"').replace("<saml:", "<").replace("</saml:", "</")
    return head.replace("<saml:", "<s:").replace("</saml:", "</s:") + body


def _at_the_root(text: str) -> str:
    """Everything is declared once, on the Response."""
    text = text.replace(f' xmlns:saml="{SAML}" xmlns:xs="{XS}"{_XSI}', "")
    return text.replace("<samlp:Response", f'<samlp:Response xmlns:xs="{XS}"{_XSI}', 1)


def _at_each_element(text: str) -> str:
    """Every element declares the namespace of its name, and nothing else does."""
    text = text.replace(f' xmlns:saml="{SAML}"', "").replace(f' xmlns:samlp="{SAMLP}"', "")
    text = re.sub(r"<(samlp:\w+)", rf'<\1 xmlns:samlp="{SAMLP}"', text)
    return re.sub(r"<(saml:\w+)", rf'<\1 xmlns:saml="{SAML}"', text)


def _indented(text: str) -> str:
    """As a pretty printer writes it: white space between elements, and none in texts."""
    return text.replace("><", ">\n    <").replace(">\n    </saml:AttributeValue>", "></saml:AttributeValue>")


def _included(prefixes: str) -> Make:
    """Prefixes that are canonicalised although nothing but a value uses them."""

    def make(setting: Setting) -> bytes:
        how = replace(setting.how, inclusive=prefixes)
        spelled = _at_the_root if setting.encryption is None else _as_it_is
        return setting.sent(spelled=spelled, how=how, response_how=how)

    return make


def _as_it_is(text: str) -> str:
    return text


_UNUSED = 'xmlns:unused="urn:selftest:unused"'
_PREFIXES: tuple[tuple[str, Make], ...] = (
    ("other-prefixes", _spelled(_other_prefixes)),
    ("default-namespaces", _spelled(_default_namespaces)),
    ("namespaces-at-the-root", _spelled(_at_the_root)),
    ("namespaces-at-each-element", _spelled(_at_each_element)),
    ("namespaces-that-nobody-uses", _spelled(swap("<samlp:Response", f"<samlp:Response {_UNUSED}"))),
)


def _wrapped(width: int, line_end: str) -> Make:
    def make(setting: Setting) -> bytes:
        text = base64.b64encode(setting.sent()).decode()
        return (line_end.join(text[at : at + width] for at in range(0, len(text), width)) + line_end).encode()

    return make


def _finished(edit: OctetEdit) -> Make:
    """The finished octets, spelled otherwise: what is canonical stays."""

    def make(setting: Setting) -> bytes:
        octets = setting.sent(envelope=edit)
        return octets if octets.startswith(b"<") else posted(octets)

    return make


def _before(text: str) -> OctetEdit:
    return lambda octets: text.encode() + octets


def _turned(octets: bytes) -> bytes:
    """Attributes of the Response in another order and in other quotes."""
    return re.sub(rb'ID="(_r\w+)" Version="2.0"', rb"Version = '2.0'   ID='\1'", octets, count=1)


def _windows(setting: Setting) -> bytes:
    """Line ends that a gateway changed: every parser reads them as before."""
    octets = setting.sent(framed=swap("<samlp:Status>", "\n<samlp:Status>\n"))
    return octets.replace(b"\n", b"\r\n")


_OCTETS: tuple[tuple[str, Make], ...] = (
    ("base64-on-one-line", lambda setting: posted(setting.sent())),
    ("base64-in-lines-of-mime", _wrapped(76, "\r\n")),
    ("base64-in-lines-of-pem", _wrapped(64, "\n")),
    ("line-break-before-base64", lambda setting: b"\r\n" + posted(setting.sent())),
    ("xml-declaration", _finished(_before('<?xml version="1.0" encoding="UTF-8"?>\n'))),
    ("xml-declaration-without-encoding", _finished(_before('<?xml version="1.0"?>'))),
    ("xml-declaration-in-other-quotes", _finished(_before("<?xml version='1.0' encoding='utf-8' standalone='no' ?>"))),
    ("white-space-around-the-message", _finished(lambda octets: b"\n  " + octets + b"\r\n")),
    ("order-and-quotes-of-attributes", _finished(_turned)),
    ("white-space-in-tags", _finished(swap_octets("<samlp:Status>", "<samlp:Status\r\n\t>"))),
    ("line-ends-of-windows", _windows),
)


def _of_name(edit: Callable[[str], str]) -> Make:
    """The name in another spelling, after it was signed."""

    def make(setting: Setting) -> bytes:
        answer = setting.good
        return setting.sent(answer, late=swap_octets(f">{answer.name_id}<", f">{edit(answer.name_id)}<"))

    return make


_LATE: tuple[tuple[str, Make], ...] = (
    ("letters-as-references", _of_name(lambda name: f"&#x{ord(name[0]):x};&#{ord(name[1])};{name[2:]}")),
    ("white-space-in-end-tags", lambda setting: setting.changed("</saml:Subject>", "</saml:Subject >")),
    ("line-break-in-end-tags", lambda setting: setting.changed("</saml:NameID>", "</saml:NameID\n>")),
)

# -- signatures ------------------------------------------------------------------------------------------------------------


def _changed(change: Callable[[How], How]) -> Make:
    """Every Signature of the setting made in another way."""
    return lambda setting: setting.sent(how=change(setting.how), response_how=change(setting.how))


def _digest(uri: str) -> Make:
    return _changed(lambda how: replace(how, digest=uri))


def _told(key_info: str) -> Make:
    return _changed(lambda how: replace(how, key_info=f"<ds:KeyInfo>{key_info}</ds:KeyInfo>"))


def _by(settings: tuple[Setting, ...], what: str, how: How) -> Iterator[Case]:
    return accepted(SIGNATURES, settings, (what, lambda setting: setting.sent(how=how, response_how=how)))


def _in_lines(name: str) -> Edit:
    """The text of a value in lines, as signers wrap it."""

    def edit(text: str) -> str:
        begin = text.index(f"<ds:{name}>") + len(f"<ds:{name}>")
        end = text.index(f"</ds:{name}>")
        value = text[begin:end]
        lines = "\n".join(value[at : at + 20] for at in range(0, len(value), 20))
        return f"{text[:begin]}\n{lines}\n\t{text[end:]}"

    return edit


def _info(edit: Edit) -> Make:
    return _changed(lambda how: replace(how, info=edit))


def _spaced(text: str) -> str:
    return text.replace("><", ">\n  <")


_FORMS: tuple[tuple[str, Make], ...] = (
    ("prefix-of-its-own", _changed(lambda how: replace(how, prefix="dsig"))),
    ("default-namespace", _changed(lambda how: replace(how, prefix=""))),
    ("inclusive-namespaces", _included("xs")),
    ("inclusive-namespaces-of-many", _included("xs xsi saml samlp #default nowhere")),
    ("inclusive-default-namespace", _included("#default")),
    ("signature-value-in-lines", finished(_in_lines("SignatureValue"))),
    ("digest-value-in-lines", _info(_in_lines("DigestValue"))),
    ("white-space-in-signed-info", _info(_spaced)),
    ("white-space-in-the-signature", finished(swap("<ds:SignatureValue>", "\n  <ds:SignatureValue>"))),
    (
        "identifier-of-the-signature",
        finished(lambda text: text.replace("<ds:Signature ", f'<ds:Signature Id="{fresh("s")}" ')),
    ),
    ("quotes-of-algorithms", _info(lambda text: text.replace(f'"{SHA256_URI}"', f"'{SHA256_URI}'"))),
)


def _hints(world: World) -> dict[str, str]:
    """What KeyInfo may say, which nobody reads."""
    idp, node = world.keys.idp, world.keys.node
    serial = "<ds:X509IssuerSerial><ds:X509IssuerName>CN=x</ds:X509IssuerName><ds:X509SerialNumber>1</ds:X509SerialNumber>"
    named = "<ds:X509SKI>AAAA</ds:X509SKI><ds:X509SubjectName>CN=x</ds:X509SubjectName>"
    lines = base64.encodebytes(idp.certificate).decode()
    return {
        "certificate": certificates(idp),
        "chain-of-certificates": certificates(idp, world.keys.second, world.keys.next_idp),
        "chain-of-strangers": certificates(world.keys.stranger, node),
        "certificate-in-lines": f"<ds:X509Data><ds:X509Certificate>\n{lines}</ds:X509Certificate></ds:X509Data>",
        "key-value": f"<ds:KeyValue>{key_value(idp)}</ds:KeyValue>",
        "key-name": "<ds:KeyName>a key</ds:KeyName>",
        "issuer-and-serial": f"<ds:X509Data>{serial}</ds:X509IssuerSerial></ds:X509Data>",
        "subject-and-identifier": f"<ds:X509Data>{named}</ds:X509Data>",
        "everything": f"<ds:KeyName>k</ds:KeyName><ds:KeyValue>{key_value(idp)}</ds:KeyValue>{certificates(idp)}",
    }
