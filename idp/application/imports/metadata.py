"""Metadata for peers whose registers hold endpoints and certificates, and the entities of a file of metadata."""

import base64
import binascii
import re
import time
from collections.abc import Iterable, Iterator, Sequence

from lxml import etree

from connectors.formats.grammar import instant
from connectors.metadata.federation_index import ends
from connectors.signatures.elements import add_key, child, made
from connectors.signatures.parse import Element, attributes, parse_metadata
from connectors.signatures.profile import DS
from connectors.wire.names import ARTIFACT, MD, POST, REDIRECT, SAMLP, md
from policies.errors import AssertionRejected

_ARMOUR = re.compile(r"-----(?:BEGIN|END) CERTIFICATE-----|\s+")
# Where questions may go to an identity provider of ours, and answers to a service
ASKED, ANSWERED = (REDIRECT, POST), (POST, ARTIFACT)


def certificate(written: str) -> bytes:
    """The DER of a certificate in base64, with or without its armour. ValueError for any other text."""
    try:
        found = base64.b64decode(_ARMOUR.sub("", written), validate=True)
    except binascii.Error:
        raise ValueError("its certificate is no base64.") from None
    if not found:
        raise ValueError("its certificate is empty.")
    return found


def service_metadata(
    entity_id: str, answers: Iterable[tuple[str, str]], signing: Sequence[bytes], encryption: Sequence[bytes]
) -> bytes:
    """The EntityDescriptor of a service: binding and address of each place for answers, the first one the default."""
    root, role = _role(entity_id, "SPSSODescriptor", signing, encryption)
    role.set("AuthnRequestsSigned", "true")
    for index, (binding, url) in enumerate(answers):
        child(role, md("AssertionConsumerService"), Binding=binding, Location=url, index=str(index))
    return _octets(root)


def provider_metadata(entity_id: str, asked_at: Iterable[tuple[str, str]], signing: Sequence[bytes]) -> bytes:
    """The EntityDescriptor of an identity provider: binding and address of each place for questions."""
    root, role = _role(entity_id, "IDPSSODescriptor", signing, ())
    for binding, url in asked_at:
        child(role, md("SingleSignOnService"), Binding=binding, Location=url)
    return _octets(root)


def entities(octets: bytes, role: str) -> Iterator[tuple[str, bytes]]:
    """Each entity of a role in a file of metadata, also of an aggregate, with its own file. ValueError with words.

    The file of one that has ended is empty.
    """
    root = parse_metadata(octets)
    found = [root] if root.tag == md("EntityDescriptor") else [*root.iter(md("EntityDescriptor"))]
    for one in found:
        if one.find(md(role)) is not None:
            one.tail = None
            held = b"" if _has_ended(one, int(time.time())) else octets if one is root else _octets(one)
            yield attributes(one).get("entityID", ""), held


def _has_ended(entity: Element, now: int) -> bool:
    """Whether the entity, a role of it or a group around it has ended, or ends at what is no time."""
    around = [text for one in entity.iterancestors() if (text := attributes(one).get("validUntil")) is not None]
    try:
        return min([ends(entity, now + 1), *(instant(text, "the metadata") for text in around)]) <= now
    except AssertionRejected:
        return True


def title_of(octets: bytes) -> str:
    """The name that metadata gives a service or provider, in English if it has one; "" for none."""
    root = parse_metadata(octets)
    paths = "//*[local-name()='UIInfo']/*[local-name()='DisplayName']", "//*[local-name()='ServiceName']"
    for path in (*paths, "//*[local-name()='OrganizationDisplayName']"):
        named = root.xpath(path)
        if isinstance(named, list) and named:
            english = [one for one in named if isinstance(one, Element) and one.get(f"{{{_XML}}}lang") == "en"]
            first = (english or named)[0]
            return " ".join((first.text or "").split()) if isinstance(first, Element) else ""
    return ""


_XML = "http://www.w3.org/XML/1998/namespace"


def _role(entity_id: str, name: str, signing: Sequence[bytes], encryption: Sequence[bytes]) -> tuple[Element, Element]:
    root = made(md("EntityDescriptor"), {"md": MD, "ds": DS}, entityID=entity_id)
    role = child(root, md(name), protocolSupportEnumeration=SAMLP)
    for use, keys in (("signing", signing), ("encryption", encryption)):
        for one in keys:
            add_key(role, md("KeyDescriptor"), use, one)
    return root, role


def _octets(root: Element) -> bytes:
    return etree.tostring(root, encoding="UTF-8", pretty_print=True)
