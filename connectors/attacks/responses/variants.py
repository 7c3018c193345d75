"""Valid answers in other spellings and with other signatures: what the standards allow, and real peers send."""

import base64
import re
from collections.abc import Iterator
from dataclasses import replace

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.responses.algorithms import certificates, key_value
from connectors.attacks.responses.markup import as_octets, posted
from connectors.attacks.responses.parties import CURVES
from connectors.attacks.responses.recipes import each, finished, late, sent, signed, throughout
from connectors.attacks.responses.response_draft import XS
from connectors.attacks.responses.settings import Make, Makes, ResponseWorld, Setting, accepted
from connectors.attacks.xml_signer import DIGESTS, MORE, NEWER, Edit, OctetEdit, in_lines, same, swap, swap_octets, value
from connectors.signatures.algorithms import ECDSA_BY_CURVE
from connectors.signatures.profile import SHA256_URI
from connectors.wire.names import SAML, SAMLP

SPELLINGS, SIGNATURES = "valid spellings", "valid signatures"
_XSI = ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def valid_spellings(world: ResponseWorld) -> Iterator[AttackCase]:
    """One message, spelled in many ways."""
    yield from accepted(SPELLINGS, world.all, {"as-it-is": sent(), "indented": sent(spelled=_indented)}, _LATE)
    yield from accepted(SPELLINGS, world.plain, each(lambda edit: sent(spelled=edit), _PREFIXES))
    yield from accepted(SPELLINGS, (*world.plain, world.encrypted, world.eidas), _OCTETS)


def valid_signatures(world: ResponseWorld) -> Iterator[AttackCase]:
    """Every algorithm and every key of the profiles, and each way to write a Signature."""
    settings, on = (*world.plain, world.encrypted, world.eidas), world.keys.on
    for uri, name in DIGESTS.items():
        if name in ("sha256", "sha384", "sha512"):
            yield from accepted(SIGNATURES, settings, {f"digest-of-{name}": throughout(digest=uri)})
            yield from accepted(SIGNATURES, world.plain, {f"rsa-{name}": throughout(method=f"{MORE}rsa-{name}")})
            pss = {f"pss-{name}": throughout(method=f"{NEWER}{name}-rsa-MGF1")}
            yield from accepted(SIGNATURES, world.nodes, pss)
            ecdsa = {f"ecdsa-{name}": throughout(method=f"{MORE}ecdsa-{name}", holder=on["p-256"])}
            yield from accepted(SIGNATURES, (world.response, world.eidas), ecdsa)
    for name, holder in on.items():
        of_curve = {f"key-on-{name}": throughout(method=ECDSA_BY_CURVE[CURVES[name].name], holder=holder)}
        takers = (*world.plain, *world.nodes) if name in ("p-256", "p-384", "p-521") else world.nodes
        yield from accepted(SIGNATURES, takers, of_curve)
    rolled = {"other-key-of-a-rollover": throughout(holder=world.keys.next_idp)}
    yield from accepted(SIGNATURES, (*world.plain, world.encrypted), rolled)
    yield from accepted(SIGNATURES, (world.both,), {"each-key-of-a-rollover": signed(holder=world.keys.next_idp)})
    good = {"key-without-use-cve-2026-16443": sent()}
    yield from accepted(SIGNATURES, world.plain, good, entrance=world.entrances["without use"])
    hints = each(lambda inside: throughout(key_info=f"<ds:KeyInfo>{inside}</ds:KeyInfo>"), _hints(world))
    yield from accepted(SIGNATURES, settings, _FORMS, hints)


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


def _indented(text: str) -> str:
    """A pretty printer's text: white space between elements, and none in texts."""
    return text.replace("><", ">\n    <").replace(">\n    </saml:AttributeValue>", "></saml:AttributeValue>")


_PREFIXES: dict[str, Edit] = {
    "other-prefixes": _other_prefixes,
    "default-namespaces": _default_namespaces,
    "namespaces-at-the-root": _at_the_root,
}


def _wrapped(width: int, line_end: str) -> Make:
    return lambda setting: (
        in_lines(width, line_end)(base64.b64encode(setting.sent()).decode()).removeprefix(line_end).encode()
    )


def _before(text: str) -> OctetEdit:
    return lambda octets: text.encode() + octets


def _turned(octets: bytes) -> bytes:
    """Attributes of the Response in another order and in other quotes."""
    return re.sub(rb'ID="(_r\w+)" Version="2.0"', rb"Version = '2.0'   ID='\1'", octets, count=1)


def _windows(setting: Setting) -> bytes:
    """Line ends that a gateway changed: every parser reads them as before."""
    octets = setting.sent(framed=swap("<samlp:Status>", "\n<samlp:Status>\n"))
    return octets.replace(b"\n", b"\r\n")


_OCTETS: Makes = {
    "base64-on-one-line": lambda setting: posted(setting.sent()),
    "base64-in-lines-of-mime": _wrapped(76, "\r\n"),
    "line-break-before-base64": lambda setting: b"\r\n" + posted(setting.sent()),
    # The finished octets, spelled otherwise: what is canonical stays
    "xml-declaration": as_octets(envelope=_before('<?xml version="1.0" encoding="UTF-8"?>\n')),
    "white-space-around-the-message": as_octets(envelope=lambda octets: b"\n  " + octets + b"\r\n"),
    "order-and-quotes-of-attributes": as_octets(envelope=_turned),
    "line-ends-of-windows": _windows,
}


def _referenced(setting: Setting) -> bytes:
    """The name in another spelling, after it was signed."""
    answer, name = setting.good, setting.template.name_id
    other = f"&#x{ord(name[0]):x};&#{ord(name[1])};{name[2:]}"
    return setting.sent(answer, late=swap_octets(f">{name}<", f">{other}<"))


_LATE: Makes = {
    "letters-as-references": _referenced,
    "white-space-in-end-tags": late("</saml:Subject>", "</saml:Subject >"),
}


def _including(prefixes: str) -> Make:
    """Prefixes that are canonicalised although nothing but a value uses them."""

    def make(setting: Setting) -> bytes:
        how = replace(setting.how, inclusive=prefixes)
        return setting.sent(spelled=_at_the_root if setting.encryption is None else same, how=how, response_how=how)

    return make


_FORMS: Makes = {
    "prefix-of-its-own": throughout(prefix="dsig"),
    "default-namespace": throughout(prefix=""),
    "inclusive-namespaces": _including("xs"),
    "inclusive-namespaces-of-many": _including("xs xsi saml samlp #default nowhere"),
    "signature-value-in-lines": finished(value("ds:SignatureValue", in_lines(20))),
    "digest-value-in-lines": throughout(info=value("ds:DigestValue", in_lines(20))),
    "white-space-in-signed-info": throughout(info=lambda text: text.replace("><", ">\n  <")),
    "white-space-in-the-signature": finished(swap("<ds:SignatureValue>", "\n  <ds:SignatureValue>")),
    "quotes-of-algorithms": throughout(info=lambda text: text.replace(f'"{SHA256_URI}"', f"'{SHA256_URI}'")),
}


def _hints(world: ResponseWorld) -> dict[str, str]:
    """KeyInfo may say this, and nobody reads it."""
    idp = world.keys.idp
    return {"certificate": certificates(idp), "key-value": f"<ds:KeyValue>{key_value(idp)}</ds:KeyValue>"}
