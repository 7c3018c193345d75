"""A signed query by hand: the pairs as they are sent, and the text that is signed, which need not be the same.

SAMLRequest=…&RelayState=…&SigAlg=…&Signature=…
"""

import base64
import hmac
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm

from connectors.attacks.attack_case import CaseBench, CaseKind
from connectors.attacks.key_holders import KeyHolder
from connectors.attacks.messages.drafts import MessageBench
from connectors.attacks.messages.parties import (
    NODE_SSO,
    SLO,
    SSO,
    Judge,
    Parties,
    arguments,
    authn_judge,
    by_redirect,
    logout_request_judge,
    logout_response_judge,
    message_benches,
    node_judge,
)
from connectors.attacks.xml_signer import raw_signature
from connectors.profiles import EIDAS, SAML2INT

Pairs = tuple[tuple[str, str], ...]
Sign = Callable[[bytes], bytes]
_HASHES: dict[str, HashAlgorithm] = {
    "sha1": SHA1(),  # noqa: S303 - what must be refused is signed with it
    "sha256": SHA256(),
    "sha384": SHA384(),
    "sha512": SHA512(),
}


def packed(xml: bytes) -> str:
    """A message as the parameter's value: base64 of raw DEFLATE (RFC 1951)."""
    return base64.b64encode(zlib.compress(xml, wbits=-zlib.MAX_WBITS)).decode()


def escaped(text: str) -> str:
    """Percent escapes of everything that is not unreserved (RFC 3986 §2.3)."""
    return quote(text, safe="")


def joined(pairs: Pairs) -> str:
    """Pairs, whose values are spelled already, as a query."""
    return "&".join(f"{name}={value}" for name, value in pairs)


def signer(holder: KeyHolder, uri: str) -> Sign:
    """A signature by a key of a holder, by the algorithm that a URI names."""
    name = next(name for name in _HASHES if name in uri.rpartition("#")[2])
    return lambda octets: raw_signature(holder.key, octets, _HASHES[name], pss="MGF1" in uri)


def hmac_with(secret: bytes) -> Sign:
    """A MAC under a secret that is none."""
    return lambda octets: hmac.digest(secret, octets, "sha256")


class SignedBeside(Protocol):
    """A bench of messages whose signature stands beside them: a query, or a form."""

    @property
    def message(self) -> MessageBench:
        """The bench of the same message by POST."""

    def made(self, sign: Sign | None = None, how: str = "") -> bytes:
        """A good one whose signature is made so, and called so."""


@dataclass(frozen=True, slots=True)
class QueryBench(CaseBench):
    """Where queries with one kind of message are judged; `message` makes and signs it, for POST too."""

    kind = CaseKind.REDIRECT
    message: MessageBench

    @property
    def algorithm(self) -> str:
        """The URI by which the sender signs."""
        return self.message.how.method

    @property
    def sign(self) -> Sign:
        """The sender's signature."""
        return signer(self.message.holder, self.algorithm)

    def pairs(self, xml: bytes | None = None, relay_state: str | None = None, algorithm: str = "") -> Pairs:
        """The pairs that are signed, in order, as a form has them. None leaves RelayState out, "" is there and empty."""
        text = packed(self.message.draft().xml if xml is None else xml)
        found = [(self.message.parameter, escaped(text))]
        if relay_state is not None:
            found.append(("RelayState", escaped(relay_state)))
        return (*found, ("SigAlg", escaped(algorithm or self.algorithm)))

    def signature(self, text: str, sign: Sign | None = None) -> tuple[str, str]:
        """The pair of a signature over a text."""
        return "Signature", escaped(base64.b64encode((sign or self.sign)(text.encode())).decode())

    def query(self, pairs: Pairs | None = None, sign: Sign | None = None) -> bytes:
        """A query that is signed over these very pairs, in this very order."""
        covered = self.pairs() if pairs is None else pairs
        return joined((*covered, self.signature(joined(covered), sign))).encode()

    def made(self, sign: Sign | None = None, how: str = "") -> bytes:
        """A good message with a signature beside it that is made in another way, or called so."""
        return self.query(self.pairs(algorithm=how), sign)

    def sent(self, pairs: Pairs, covered: str) -> bytes:
        """A query of these pairs, and a genuine signature over another text."""
        return joined((*pairs, self.signature(covered))).encode()


def query_benches(parties: Parties) -> tuple[QueryBench, ...]:
    """Prepare all entrances once: eidas, then those of the service provider."""
    found, now = message_benches(parties), parties.now
    sp, node = parties.sp_metadata, parties.node_metadata()
    of_logout = arguments("redirect", "--metadata", SLO, SAML2INT, now)

    def bench(message: MessageBench, judge: Judge, asked: tuple[str, ...], metadata: bytes) -> QueryBench:
        entrance = by_redirect(f"query {message.where}", judge, asked, metadata)
        return QueryBench(message.where, entrance, message)

    of_node = arguments("redirect", "--metadata", NODE_SSO, EIDAS, now)
    of_sp = arguments("redirect", "--metadata", SSO, SAML2INT, now)
    answering = (*of_logout, "--request-id", parties.our_request)
    return (
        bench(found.node, node_judge(parties, node, known=True), of_node, node),
        bench(found.authn, authn_judge(parties), of_sp, sp),
        bench(found.logout_request, logout_request_judge(parties), of_logout, sp),
        bench(found.logout_response, logout_response_judge(parties), answering, sp),
    )
