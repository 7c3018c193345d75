"""Tokens in another spelling, and tokens that are none: one token has one text (RFC 7515 §3.1 and §7)."""

import base64
import json
from collections.abc import Iterator

from connectors.attacks.case import Case
from connectors.attacks.tokens.bench import Bench
from connectors.attacks.tokens.making import base64url, written

FORM = "token: form"
# RFC 4648 §3.5: the last letter of a text whose octets do not fill it
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_LARGE, _LONG = 64 * 1024, 2 * 1024


def form(bench: Bench) -> Iterator[Case]:
    """Spellings that a tolerant reader would mend. A signature covers the very text."""
    yield from bench.all_refused(
        FORM, "jws_form", (_texts(bench) | _respelled(bench) | _of_the_other_alphabet(bench) | _serialised(bench))
    )
    yield bench.refused(FORM, "larger than 64 kib", bench.token(claims={"filler": "x" * _LARGE}), "jws_size")
    padded = written(bench.header())[:-1] + b" " * _LONG + b"}"
    yield bench.refused(FORM, "a header larger than 2 kib", bench.signed(padded, bench.claims()), "jws_size")
    # Eight bits of base64url for every six, and no dot at all
    yield bench.refused(FORM, "noise of 1 mib", base64url(bench.key.sign(b"")) * (1024 * 1024 // 86), "jws_size")


def _texts(bench: Bench) -> dict[str, bytes]:
    token = bench.token()
    header, claims, signature = token.split(b".")
    detached = b".".join((header, b"", signature))
    return {
        "with a blank after": token + b" ",
        "with a byte order mark": b"\xef\xbb\xbf" + token,
        "with letters that are no ascii": token + "é".encode(),
        "with a fourth part": token + b"." + signature,
        "with an empty part before": b"." + token,
        "header and claims alone": b".".join((header, claims)),
        # RFC 7515 appendix F: the reader fills in a payload of its own
        "detached with a tilde": detached + b"~",
    }


def _respelled(bench: Bench) -> dict[str, bytes]:
    """The same octets spelled in another way, part by part."""
    found: dict[str, bytes] = {}
    for number, name in enumerate(("header", "claims")):
        # A blank more in the JSON until something is left over in the last letter
        parts = _uneven(written(bench.header())), _uneven(written(bench.claims()))
        texts = [base64url(part) for part in parts]
        for what, spelled in _spellings(parts[number]).items():
            said = [*texts[:number], spelled, *texts[number + 1 :]]
            signing_input = b".".join(said)
            found[f"{name} {what}"] = b".".join((signing_input, base64url(bench.key.sign(signing_input))))
    header, claims, signature = bench.token().split(b".")
    found["signature with padding"] = b".".join((header, claims, signature + b"=" * (-len(signature) % 4 or 1)))
    if len(signature) % 4:
        found["signature with bits left over"] = b".".join((header, claims, _left_over(signature)))
    found["signature in two lines"] = b".".join((header, claims, signature[:20] + b"\r\n" + signature[20:]))
    return found


def _of_the_other_alphabet(bench: Bench) -> dict[str, bytes]:
    """RFC 4648 §4 has `+` and `/` for `-` and `_`, and some readers take both."""
    found: dict[str, bytes] = {}
    for what, letter, other in (("a plus for a minus", b"-", b"+"), ("a slash for an underscore", b"_", b"/")):
        # Base64 of this has both letters, wherever it stands
        claims = base64url(written({**bench.claims(), "filler": "?>??>>???>>>~~~"}))
        signing_input = b".".join((base64url(written(bench.header())), claims.replace(letter, other)))
        found[f"claims with {what}"] = b".".join((signing_input, base64url(bench.key.sign(signing_input))))
        text, signature = b"", b""
        # A signature has them by chance
        while letter not in signature:
            text, _, signature = bench.token().rpartition(b".")
        found[f"signature with {what}"] = b".".join((text, signature.replace(letter, other)))
    return found


def _spellings(part: bytes) -> dict[str, bytes]:
    text = base64url(part)
    return {
        "with padding": base64.urlsafe_b64encode(part),
        "with bits left over": _left_over(text),
        "in two lines": text[:20] + b"\n" + text[20:],
    }


def _serialised(bench: Bench) -> dict[str, bytes]:
    """The JSON serialisations (RFC 7515 §7.2), which carry several signatures and unprotected headers."""
    token = bench.token()
    header, claims, signature = (part.decode() for part in token.split(b"."))
    evil = base64url(written({**bench.claims(), "sub": "somebody-else"})).decode()
    flat = {"protected": header, "payload": claims, "signature": signature}
    return {
        "flattened json": json.dumps(flat).encode(),
        "json with an unprotected header": json.dumps({**flat, "header": {"alg": "none"}}).encode(),
        # python-jwt took one half by one grammar and one by the other
        "compact and json at once, cve-2022-39227": json.dumps(
            {f"  {header}.{claims}.{signature}": "", "protected": header, "payload": evil, "signature": signature}
        ).encode(),
        "claims alone": written(bench.claims()),
    }


def _uneven(part: bytes) -> bytes:
    """White space inside the JSON until its base64 has bits to spare."""
    while len(part) % 3 == 0:
        part = part[:-1] + b" " + part[-1:]
    return part


def _left_over(text: bytes) -> bytes:
    """The last letter with its unused bits set: it decodes to the same octets."""
    return text[:-1] + _ALPHABET[_ALPHABET.index(text[-1]) | 1 :][:1]
