"""Signatures of a query that do not hold, and what a query holds that must not be believed, signed as it should be."""

import base64
import zlib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connectors.attacks.attack_case import AttackCase, Row
from connectors.attacks.messages.signatures import differing
from connectors.attacks.queries.query_benches import Pairs, QueryBench, SignedBeside, escaped, hmac_with, joined, signer
from connectors.attacks.responses.algorithms import as_der
from connectors.attacks.xml_signer import ECDSA_SHA256, HMAC_SHA256, RSA_SHA1, Signing, flipped, sign
from connectors.formats.grammar import written
from connectors.signatures.algorithms import RSA_PSS_SHA256, RSA_SHA256

_TOO_LARGE = 256 * 1024
_BOMB = 16 * 1024 * 1024


def signature_cases(bench: QueryBench) -> Iterator[AttackCase]:
    """Every one of these at one entrance."""
    families = {
        "algorithm": _algorithms,
        "signature": _signatures,
        "signature inside": _inside,
        "inflation": _inflation,
        "message": _meaning,
        "parser differential": _differing,
    }
    return bench.refused_rows({f"query: {family}": rows(bench) for family, rows in families.items()})


def _differing(bench: QueryBench) -> Iterator[Row]:
    """Markup that canonicalisation drops, or a parser adds: the query's signature holds over it."""
    for what, (xml, check) in differing(bench.message.draft().xml).items():
        yield what, bench.query(bench.pairs(xml)), check


def of_any_algorithm(bench: SignedBeside) -> Iterator[Row]:
    """Another algorithm than the profile's, said or done."""
    usual, holder = bench.message.how.method, bench.message.holder
    other = RSA_PSS_SHA256 if usual == RSA_SHA256 else RSA_SHA256
    said = {"rsa-sha1": RSA_SHA1, "the other padding": other, "none": "none", "empty": " ", "with a blank": f"{usual} "}
    for what, uri in said.items():
        yield f"called {what}", bench.made(how=uri), "signature_algorithm"
    mac = hmac_with(holder.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    yield "hmac with the public key", bench.made(mac, HMAC_SHA256), "signature_algorithm"
    yield "hmac under its name", bench.made(mac), "signature"
    yield "sha-1 under its name", bench.made(signer(holder, RSA_SHA1)), "signature"
    yield "the other padding under its name", bench.made(signer(holder, other)), "signature"
    yield "rsa under the name of ecdsa", bench.made(how=ECDSA_SHA256), "signature"


def of_any_value(bench: SignedBeside) -> Iterator[Row]:
    """A stranger's signature, and values that some verifiers took."""
    usual = bench.message.how.method
    yield "of a stranger", bench.made(signer(bench.message.strange, usual)), "signature"
    good, curve = signer(bench.message.holder, usual), signer(bench.message.following, ECDSA_SHA256)
    yield "with a bit flipped", bench.made(lambda octets: flipped(good(octets))), "signature"
    yield "with an octet more", bench.made(lambda octets: good(octets) + b"\x00"), "signature"
    yield "psychic, cve-2022-21449", bench.made(lambda octets: bytes(len(curve(octets))), ECDSA_SHA256), "signature"
    yield "in der", bench.made(lambda octets: as_der(curve(octets)), ECDSA_SHA256), "signature"
    # By POST the same key signs XML; its SignatureValue is of something else
    yield "of the message", bench.made(lambda _: good(bench.message.draft().xml)), "signature"
    yield "of the hash of its text", bench.made(lambda octets: good(octets[:32])), "signature"


def _algorithms(bench: QueryBench) -> Iterator[Row]:
    yield from of_any_algorithm(bench)
    message, algorithm = bench.pairs()
    exchanged = (message, ("SigAlg", escaped(ECDSA_SHA256)))
    yield "exchanged after signing", bench.sent(exchanged, joined((message, algorithm))), "signature"


def _signatures(bench: QueryBench) -> Iterator[Row]:
    yield from of_any_value(bench)
    good = bench.pairs()
    name, value = bench.signature(joined(good))
    spelled = {"empty": "", "with padding too much": value + "%3D", "that is no base64": "%21"}
    for what, other in spelled.items():
        yield f"value {what}", joined((*good, (name, other))).encode(), "signature_value"
    yield "of a query before", bench.sent(bench.pairs(), joined(bench.pairs())), "signature"


def _inside(bench: QueryBench) -> Iterator[Row]:
    """An XML signature where the query is signed, or instead of it: nobody falls back from one to the other."""
    drafted = bench.message.draft()
    signed_xml = sign(drafted.xml, drafted.message_id, bench.message.holder, Signing(method=bench.algorithm))
    pairs = bench.pairs(signed_xml)
    yield "beside that of the query", bench.query(pairs), "signature_place"
    yield "instead of that of the query", joined((pairs[0],)).encode(), "signature_missing"
    yield "and an algorithm without value", joined((*pairs, ("Signature", ""))).encode(), "signature_value"
    yield "and a stranger's of the query", bench.query(pairs, signer(bench.message.strange, bench.algorithm)), "signature"
    twice = drafted.xml.replace(
        b"</saml:Issuer>", b'</saml:Issuer><x xmlns="urn:x" Id="%s"/>' % drafted.message_id.encode(), 1
    )
    yield "an id twice", bench.query(bench.pairs(twice)), "duplicate_id"
    piece = b'<ds:Object xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/></samlp:'
    hidden = drafted.xml.replace(b"</samlp:" + drafted.name.encode(), piece + drafted.name.encode())
    yield "an object of a signature", bench.query(bench.pairs(hidden)), "signature_place"


def _inflation(bench: QueryBench) -> Iterator[Row]:
    """A packed message is bounded, whole and alone; we unpack it only after its signature held."""
    good = bench.message.draft().xml
    raw = zlib.compress(good, wbits=-zlib.MAX_WBITS)
    end = good[good.rindex(b"</") :]
    large = good.removesuffix(end) + b" " * _TOO_LARGE + end
    bomb = _bomb()
    packs = {
        "a message of more than 256 kib": (zlib.compress(large, wbits=-zlib.MAX_WBITS), "size"),
        "a bomb of 16 mib": (bomb, "size"),
        "a message with a bomb behind it": (raw + bomb[: 8 * 1024], "deflate"),
        "rubbish behind it": (raw + b"x", "deflate"),
        "cut off": (raw[:-4], "deflate"),
        "with the head of zlib": (zlib.compress(good), "deflate"),
        "not packed": (good, "deflate"),
        "nothing in it": (zlib.compress(b"", wbits=-zlib.MAX_WBITS), "not_well_formed"),
    }
    for what, (octets, check) in packs.items():
        yield what, bench.query(_of(bench, base64.b64encode(octets).decode())), check
    # Bombs are not even touched where nobody whom we know signed them
    unsigned = _of(bench, base64.b64encode(bomb).decode())
    yield "a stranger's bomb", bench.query(unsigned, signer(bench.message.strange, bench.algorithm)), "signature"
    text = base64.b64encode(raw).decode()
    spelled = {
        "with a blank": f"{text[:20]} {text[20:]}",
        "in the alphabet of addresses": base64.urlsafe_b64encode(raw + b"\xff\xff\xff").decode().rstrip("="),
        "with padding too much": f"{text.rstrip('=')}===",
    }
    for what, value in spelled.items():
        yield f"base64 {what}", bench.query(_of(bench, value)), "base64"


@cache
def _bomb() -> bytes:
    """The same in every query: what is fresh is the signature over it."""
    return zlib.compress(bytes(_BOMB), 9, -zlib.MAX_WBITS)


def _of(bench: QueryBench, value: str) -> Pairs:
    return (bench.message.parameter, escaped(value)), ("SigAlg", escaped(bench.algorithm))


def _meaning(bench: QueryBench) -> Iterator[Row]:
    """The message inside is judged as one by POST is: the same plan, the same grammar, the same meaning."""
    make, good = bench.message.draft, bench.message.draft().xml
    issued = "logout_issued" if "logout" in bench.where else "request_issued"
    rows: dict[str, tuple[bytes, str]] = {
        "another issuer": (good.replace(b"<saml:Issuer>https://", b"<saml:Issuer>https://evil.", 1), "issuer"),
        "another address": (make().said(Destination="https://attacker.example/").xml, "destination"),
        "too old": (make().said(IssueInstant=written(bench.message.now - 3600)).xml, issued),
    }
    if "eidas" in bench.where:
        # Of a service provider `inspect` takes every kind of message, and tells it from the others by its root
        rows["another kind of message, samlify 634"] = (replace(bench.message.other(), issuer=make().issuer).xml, "root")
    for what, (xml, check) in rows.items():
        yield what, bench.query(bench.pairs(xml)), check
