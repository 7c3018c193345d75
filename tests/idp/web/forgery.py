"""Answers of the demo country with exactly one thing wrong, signed with its own key unless that is what is wrong."""

import base64
import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

import xmlsec
from lxml import etree

from idp.demo.citizens import citizen
from idp.demo.country import SAML, _Context
from tests.idp.web.stage import Stage


@dataclass(frozen=True)
class Forgery:
    """The changes to an answer: the text before signing, the octets after, times in seconds, and whose key signs what.

    `sealed` makes what stands in the place of the assertion, signed or not, before the response is signed.
    """

    text: Callable[[str], str] = lambda text: text
    octets: Callable[[bytes], bytes] = lambda octets: octets
    ahead: int = 0
    life: int = 300
    by_latvia: bool = False
    signed: tuple[str, ...] = ("assertion", "response")
    who: str = "mari"
    sealed: Callable[[bytes], etree._Element] | None = None

    def made(self, stage: Stage, question: Mapping[str, str]) -> dict[str, str]:
        """The fields that the browser posts to us."""
        asked = stage.country._by_redirect(urlencode(question, quote_via=quote, safe=""), question)
        now = time.time() + self.ahead
        context = _Context(
            request=asked.get("ID") or "",
            target=asked.get("AssertionConsumerServiceURL") or "",
            issuer=stage.country.entity_id,
            audience=asked.findtext(f"{{{SAML}}}Issuer") or "",
            instant=_utc(now),
            end=_utc(now + self.life),
        )
        root = etree.fromstring(self.text(context.response(citizen(self.who))))
        country = stage.latvia if self.by_latvia else stage.country
        xmlsec.tree.add_ids(root, ["ID"])
        if "assertion" in self.signed:
            for assertion in root.findall(f"{{{SAML}}}Assertion"):
                country._sign(assertion)
        if self.sealed is not None:
            (held,) = root.findall(f"{{{SAML}}}Assertion")
            root.replace(held, self.sealed(etree.tostring(held, with_tail=False)))
        if "response" in self.signed:
            country._sign(root)
        message = self.octets(etree.tostring(root))
        return {"SAMLResponse": base64.b64encode(message).decode(), "RelayState": question["RelayState"]}


def swapped(before: str, after: str) -> Callable[[str], str]:
    """Replace a text that has to be there."""

    def change(text: str) -> str:
        assert before in text, before
        return text.replace(before, after)

    return change


def dropped(start: str, end: str) -> Callable[[str], str]:
    """Leave out from `start` up to and with `end`."""

    def change(text: str) -> str:
        begin = text.index(start)
        return text[:begin] + text[text.index(end, begin + len(start)) + len(end) :]

    return change


def spliced(before: bytes, after: bytes) -> Callable[[bytes], bytes]:
    """Replace octets that have to be there, once, after the signature was made."""

    def change(octets: bytes) -> bytes:
        assert before in octets, before
        return octets.replace(before, after, 1)

    return change


def wrapped(octets: bytes) -> bytes:
    """XSW: the signed assertion hides in a second Response's Extensions, an evil one stands in its place."""
    root = etree.fromstring(octets)
    evil = copy.deepcopy(root)
    evil.set("ID", "_evil")
    for signature in evil.findall("{http://www.w3.org/2000/09/xmldsig#}Signature"):
        evil.remove(signature)
    assertion = evil.find(f"{{{SAML}}}Assertion")
    assert assertion is not None
    assertion.set("ID", "_evil2")
    extensions = etree.Element("{urn:oasis:names:tc:SAML:2.0:protocol}Extensions")
    extensions.append(root)
    evil.insert(1, extensions)
    return etree.tostring(evil)


def doubled(octets: bytes) -> bytes:
    """Two signatures in one assertion."""
    root = etree.fromstring(octets)
    signature = root.find(".//{http://www.w3.org/2000/09/xmldsig#}Signature")
    assert signature is not None
    signature.addnext(copy.deepcopy(signature))
    return etree.tostring(root)


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
