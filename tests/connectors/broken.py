"""One broken answer for every check of bytes, structure and signature: good but for the one thing that its check is about.

`tests/connectors/test_saml_refuses.py` runs them, and holds their names against `connectors.checks.SAML_CHECKS`.
"""

import base64
from collections.abc import Callable
from dataclasses import replace

from lxml import etree
from xmlsec import constants

from connectors.connector import Inbound
from connectors.signatures.parse import Element
from policies.parties import ProviderId
from tests.connectors import forge
from tests.connectors.cases import Case, bytes_sent, first, raw, reply, sent, signature, tree
from tests.connectors.forge import DS, How, Reply, SigningParty, attribute, signed_reply


def _insert_child(local: str, child: str) -> Callable[[Element], None]:
    def change(root: Element) -> None:
        etree.SubElement(first(root, local), f"{{{DS}}}{child}")

    return change


def _drop_prefixes(template: Element) -> None:
    """Before signing: a PrefixList that is no list of prefixes."""
    exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#"
    inner = etree.SubElement(template[0][0], f"{{{exclusive}}}InclusiveNamespaces")
    inner.set("PrefixList", "1 <")


def _canonicalisation_parameter(root: Element) -> None:
    etree.SubElement(first(root, "CanonicalizationMethod"), f"{{{DS}}}XPath").set("PrefixList", "xs")


def _method_parameter(template: Element) -> None:
    template[0][1].append(etree.Element(f"{{{DS}}}HMACOutputLength"))


def _reference_attribute(name: str, value: str) -> Callable[[Element], None]:
    def edit(template: Element) -> None:
        first(template, "Reference").set(name, value)

    return edit


def _duplicate_signature(root: Element) -> None:
    root.insert(1, forge.clone(root[1]))


def _move_signature(root: Element) -> None:
    root.append(root[1])


def _swap_first_two(root: Element) -> None:
    root.insert(0, root[1])


def _empty_signed_info(root: Element) -> None:
    for child in list(first(root, "SignedInfo")):
        first(root, "SignedInfo").remove(child)


def _second_signed_info(root: Element) -> None:
    """CVE-2025-29774: one SignedInfo is verified, the other is believed."""
    info = first(root, "SignedInfo")
    info.addnext(forge.clone(info))


def _without_assertion_child(root: Element) -> None:
    """The assertion goes where no assertion belongs."""
    root[2].append(root[-1])


def _assertion_first(root: Element) -> None:
    root.insert(0, root[-1])


STRANGER: SigningParty = forge.rsa_party()
NAMESPACED = "https://namespaced.example"

HOW_IT_CAME = (
    Case("binding", "by redirect", lambda key: Inbound("redirect", forge.post(signed_reply(Reply(), key)).parameters)),
    Case("parameters", "with a SAMLRequest", lambda key: forge.post(signed_reply(Reply(), key), SAMLRequest="PGE+")),
    sent("parameters", "without a message", RelayState="r"),
    replace(
        reply("provider", "of another provider"),
        expectation=replace(forge.expectation(), provider_id=ProviderId("fi")),
    ),
)

BYTES = (
    sent("size", "300 kB", SAMLResponse=base64.b64encode(b"<a>" + b" " * 300_000 + b"</a>").decode()),
    sent("base64", "blank", SAMLResponse=""),
    sent("base64", "space", SAMLResponse="PGE+ PC9hPg=="),
    sent("base64", "tab", SAMLResponse="PGE+\tPC9hPg=="),
    sent("base64", "url alphabet", SAMLResponse="PGE-PC9hPg=="),
    sent("base64", "no padding", SAMLResponse="PGE+PC9hPg"),
    sent("base64", "another spelling", SAMLResponse="PGE+PC9hPh=="),
    sent("base64", "not ascii", SAMLResponse="PGE+PC9hPgä="),
    sent("base64", "trailing", SAMLResponse="PGE+PC9hPg==PGE+"),
    bytes_sent("encoding", "UTF-16", "<a/>".encode("utf-16")),
    bytes_sent("encoding", "latin", "<a>é</a>".encode("latin-1")),
    bytes_sent("encoding", "byte order mark", b"\xef\xbb\xbf<a/>"),
    bytes_sent("encoding", "declared UTF-7", b'<?xml version="1.0" encoding="UTF-7"?><a/>'),
    bytes_sent("encoding", "XML 1.1", b'<?xml version="1.1"?><a/>'),
    raw("doctype", "empty", "<samlp:Response", "<!DOCTYPE r><samlp:Response"),
    raw("doctype", "laughs", "<samlp:Response", '<!DOCTYPE r [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><samlp:Response'),
    raw("doctype", "external", "<samlp:Response", '<!DOCTYPE r SYSTEM "file:///etc/passwd"><samlp:Response'),
    raw("doctype", "entity declaration", "<samlp:Status>", '<!ENTITY a "b"><samlp:Status>'),
    raw("entity", "in a value", "Pikk 1", "Pikk &one;"),
    raw("entity", "in an attribute", 'Consent="', 'Consent="&a;'),
    raw("comment", "in a value", "Pikk 1", "Pikk <!-- x -->1"),
    raw("comment", "in DigestValue", "<ds:DigestValue>", "<ds:DigestValue><!-- CVE-2025-29775 -->"),
    raw("comment", "in NameID", "subject-0001", "subject-0001<!-- -->.evil"),
    raw("comment", "after the root", "</samlp:Response>", "</samlp:Response><!-- x -->"),
    raw("cdata", "in a value", "Pikk 1", "<![CDATA[Pikk 1]]>"),
    raw("processing_instruction", "in NameID", "subject-0001", "subject<?x y?>-0001"),
    raw("processing_instruction", "before the root", "<samlp:Response", '<?xml-stylesheet href="x"?><samlp:Response'),
    raw("processing_instruction", "late declaration", "<samlp:Response", ' <?xml version="1.0"?><samlp:Response'),
    bytes_sent("not_well_formed", "open", b"<a>"),
    bytes_sent("not_well_formed", "nothing", b" "),
    bytes_sent("not_well_formed", "unbound prefix", b"<a:b/>"),
    raw("not_well_formed", "two roots", "</samlp:Response>", "</samlp:Response><a/>"),
    raw("not_well_formed", "nul", "Pikk 1", "Pikk &#0;"),
    raw("not_well_formed", "attribute twice", 'Version="2.0"', 'Version="2.0" Version="2.0"'),
    bytes_sent("depth", "65", b"<a>" * 65 + b"</a>" * 65),
    bytes_sent("not_well_formed", "depth 10000", b"<a>" * 10_000 + b"</a>" * 10_000),
    bytes_sent("elements", "5001", b"<a>" + b"<b/>" * 5000 + b"</a>"),
    bytes_sent("attributes", "33", b"<a " + b" ".join(b'a%d=""' % number for number in range(33)) + b"/>"),
    raw("namespace", "relative", "<samlp:Status>", '<samlp:Status xmlns:evil="relative">'),
    raw("namespace", "empty", "<samlp:Status>", '<samlp:Status xmlns="">'),
    raw("namespace", "path", "<samlp:Status>", '<samlp:Status xmlns:evil="/x">'),
    raw("namespace", "with a reference", "<samlp:Status>", '<samlp:Status xmlns:e="urn:&#x61;">'),
    raw("namespace", "ID in one", "<samlp:Status>", f'<samlp:Status xmlns:e="{NAMESPACED}" e:ID="_x">'),
    raw("namespace", "xml id", "<samlp:Status>", '<samlp:Status xml:id="_x">'),
    raw("namespace", "xml base", "<samlp:Status>", '<samlp:Status xml:base="https://x.example">'),
)

STRUCTURE = (
    bytes_sent("root", "another", b"<a/>"),
    bytes_sent("root", "a LogoutResponse", Reply().xml().replace(b"samlp:Response", b"samlp:LogoutResponse")),
    tree("structure", "assertion deeper", _without_assertion_child),
    Case(
        "structure",
        "assertion before Issuer",
        lambda key: forge.post(_changed(signed_reply(Reply(), key, "assertion"), _assertion_first)),
    ),
    reply("one_assertion", "none", assertions=False),
    reply("one_assertion", "two", response_end=Reply(assertion_id="_second").assertion()),
    reply("one_assertion", "one in a value", attributes=(attribute("urn:x", Reply(assertion_id="_second").assertion()),)),
    reply("duplicate_id", "the same", assertion_id="_response0001", which="neither"),
    raw("duplicate_id", "as Id of the Signature", "<ds:Signature ", '<ds:Signature Id="_assertion0001" '),
    reply("signature_missing", "unsigned", which="neither"),
    reply("signature_missing", "unsigned success without assertion", which="neither", assertions=False),
    tree("signature_place", "at the end", _move_signature),
    reply(
        "signature_place",
        "after another Issuer",
        response_end=f'<x xmlns="urn:x"><saml:Issuer>i</saml:Issuer><Signature xmlns="{DS}"/></x>',
    ),
    tree("signature_place", "before Issuer", _swap_first_two),
    Case("signature_place", "without Issuer", lambda key: forge.post(_unissued(key))),
    reply("signature_place", "KeyInfo in a confirmation", confirmation_data_inside=f'<KeyInfo xmlns="{DS}"/>'),
    tree("signature_count", "two", _duplicate_signature),
    tree("signature_shape", "empty", lambda root: root[1].clear()),
    tree("signature_shape", "Object", lambda root: root[1].append(etree.Element(f"{{{DS}}}Object"))),
    tree("signature_shape", "two SignedInfo", _second_signed_info),
    tree("signature_shape", "no value", lambda root: root[1].remove(root[1][1])),
    tree("signature_shape", "attribute", lambda root: root[1].set("Type", "x")),
    tree("key_info", "RetrievalMethod", lambda root: _insert_key_info(root, "RetrievalMethod")),
    tree("key_info", "an assertion", lambda root: _insert_key_info(root, "Object")),
)


def _changed(xml: bytes, change: Callable[[Element], None]) -> bytes:
    root = etree.fromstring(xml)
    change(root)
    return etree.tostring(root)


def _unissued(key: SigningParty) -> bytes:
    """A signed Response without Issuer: xmlsec signs it with Status before the Signature."""
    return forge.signed(Reply(issuer=None).xml(), ["_response0001"], key)


def _insert_key_info(root: Element, child: str) -> None:
    etree.SubElement(etree.SubElement(root[1], f"{{{DS}}}KeyInfo"), f"{{{DS}}}{child}")


SIGNATURE = (
    signature("signed_info", "attribute", How(edit=lambda template: template[0].set("Id", "_info"))),
    tree("signed_info", "empty", _empty_signed_info),
    signature("signed_info", "two references", How(references=2)),
    signature("canonicalisation_method", "inclusive", How(c14n=constants.TransformInclC14N)),
    signature("canonicalisation_method", "with comments", How(c14n=constants.TransformExclC14NWithComments)),
    tree("signed_info", "text", lambda root: setattr(first(root, "SignedInfo"), "text", "x")),
    tree("signed_info", "text later", lambda root: setattr(first(root, "SignatureMethod"), "tail", "x")),
    tree("canonicalisation_method", "parameter", _canonicalisation_parameter),
    tree("canonicalisation_method", "text", lambda root: setattr(first(root, "CanonicalizationMethod"), "text", "x")),
    signature("canonicalisation_method", "odd prefixes", How(edit=_drop_prefixes)),
    signature("signature_algorithm", "SHA-1", How(signature=constants.TransformRsaSha1)),
    signature("signature_algorithm", "SHA-224", How(signature=constants.TransformRsaSha224)),
    Case("signature_algorithm", "HMAC with the public key", lambda key: forge.post(_hmac(key))),
    tree("signature_algorithm", "parameter", lambda root: _method_parameter(root[1])),
    signature("reference", "Type", How(edit=_reference_attribute("Type", "http://www.w3.org/2000/09/xmldsig#Object"))),
    signature("reference", "whole document", How(edit=_reference_attribute("URI", ""))),
    tree("reference", "a file", lambda root: first(root, "Reference").set("URI", "file:///etc/passwd")),
    tree("reference", "a relative address", lambda root: first(root, "Reference").set("URI", "x_response0001")),
    tree("reference", "xpointer", lambda root: first(root, "Reference").set("URI", "#xpointer(/)")),
    Case("reference", "the other element", lambda key: forge.post(_signature_of_assertion_at_response(key))),
    signature("transforms", "enveloped alone", How(transforms=(constants.TransformEnveloped,))),
    signature("transforms", "C14N alone", How(transforms=(constants.TransformExclC14N,)), "assertion"),
    signature(
        "transforms",
        "three",
        How(transforms=(constants.TransformEnveloped, constants.TransformExclC14N, constants.TransformExclC14N)),
    ),
    signature("transforms", "inclusive", How(transforms=(constants.TransformEnveloped, constants.TransformInclC14N))),
    tree("transforms", "other way round", lambda root: first(root, "Transforms").append(first(root, "Transform"))),
    tree(
        "transforms",
        "XSLT",
        lambda root: first(root, "Transform").set("Algorithm", "http://www.w3.org/TR/1999/REC-xslt-19991116"),
    ),
    tree("transforms", "XPath", lambda root: first(root, "Transform").append(etree.Element(f"{{{DS}}}XPath"))),
    signature("digest_algorithm", "SHA-1", How(digest=constants.TransformSha1)),
    tree("digest_algorithm", "parameter", _insert_child("DigestMethod", "X")),
    tree("digest_value", "element", _insert_child("DigestValue", "X")),
    tree("digest_value", "empty", lambda root: setattr(first(root, "DigestValue"), "text", "")),
    tree("signature_value", "element", _insert_child("SignatureValue", "X")),
    tree("signature_value", "not base64", lambda root: setattr(first(root, "SignatureValue"), "text", "a-b_")),
    tree("signature_value", "empty", lambda root: setattr(first(root, "SignatureValue"), "text", " ")),
    tree("signature", "other octets", lambda root: setattr(first(root, "SignatureValue"), "text", "AAAA" * 86)),
    tree("signature", "other digest", lambda root: setattr(first(root, "DigestValue"), "text", "A" * 43 + "=")),
    Case("signature", "by a stranger", lambda _key: forge.post(signed_reply(Reply(), STRANGER))),
    Case(
        "signature",
        "by a stranger with own KeyInfo",
        lambda _key: forge.post(signed_reply(Reply(), STRANGER, "both", How(key_info=(STRANGER.certificate,)))),
    ),
    Case(
        "signature",
        "by a stranger with the pinned certificate in KeyInfo",
        lambda key: forge.post(signed_reply(Reply(), STRANGER, "both", How(key_info=(key.certificate,)))),
    ),
    Case("signature", "of the Response good, of the assertion a stranger's", lambda key: forge.post(_mixed(STRANGER, key))),
    Case("signature", "of the assertion good, of the Response a stranger's", lambda key: forge.post(_mixed(key, STRANGER))),
    raw("digest", "a value", "Pikk 1", "Pikk 2"),
    raw("digest", "a value in a signed assertion", "Pikk 1", "Pikk 2", "assertion"),
    raw("digest", "a value in both", "Pikk 1", "Pikk 2", "both"),
    raw("digest", "white space", "<samlp:Status>", " <samlp:Status>"),
)


def _hmac(key: SigningParty) -> bytes:
    """CVE-2009-0217's family: the public key, which everybody has, as the secret of a MAC."""
    root = etree.fromstring(signed_reply(Reply(), key))
    first(root, "SignatureMethod").set("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256")
    return etree.tostring(root)


def _signature_of_assertion_at_response(key: SigningParty) -> bytes:
    """A genuine Signature of the assertion, put where the Response's belongs."""
    root = etree.fromstring(signed_reply(Reply(), key, "assertion"))
    root.insert(1, root[-1][1])
    return etree.tostring(root)


def _mixed(of_assertion: SigningParty, of_response: SigningParty) -> bytes:
    return forge.signed(signed_reply(Reply(), of_assertion, "assertion"), ["_response0001"], of_response)


CASES = HOW_IT_CAME + BYTES + STRUCTURE + SIGNATURE
