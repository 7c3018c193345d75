"""Tokens in another spelling, and JSON of two readings: one token has one text (RFC 7515 §3.1 and §7) and one meaning."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping

from connectors.attacks.attack_case import Row
from connectors.attacks.tokens.jws_text import base64url, written
from connectors.attacks.tokens.token_benches import TokenBench
from connectors.wire.claims import MAX_INTEGER

# RFC 4648 §3.5: the last letter of a text whose octets do not fill it
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_LARGE, _LONG = 64 * 1024, 2 * 1024
# Levels: more than are taken, in a header that is small enough; and more than Python's stack has, in a client assertion
_TOO_DEEP, _DEEP = 65, 2_500


def form(bench: TokenBench) -> Iterator[Row]:
    """Spellings that a tolerant reader would mend. A signature covers the very text."""
    spelled = {**_texts(bench), **_respelled(bench), **_serialised(bench)}
    yield from ((what, octets, "jws_form") for what, octets in spelled.items())
    yield "larger than 64 kib", bench.token(claims={"filler": "x" * _LARGE}), "jws_size"
    padded = written(bench.header())[:-1] + b" " * _LONG + b"}"
    yield "a header larger than 2 kib", bench.signed(padded, bench.claims()), "jws_size"
    # Eight bits of base64url for every six, and no dot at all
    yield "noise of 1 mib", base64url(bench.key.sign(b"")) * (1024 * 1024 // 86), "jws_size"


def _texts(bench: TokenBench) -> dict[str, bytes]:
    token = bench.token()
    header, claims, signature = token.split(b".")
    return {
        "with a blank after": token + b" ",
        "with a byte order mark": b"\xef\xbb\xbf" + token,
        "with letters that are no ascii": token + "é".encode(),
        "with a fourth part": token + b"." + signature,
        "with an empty part before": b"." + token,
        "header and claims alone": b".".join((header, claims)),
        # RFC 7515 appendix F: the reader fills in a payload of its own
        "detached with a tilde": b".".join((header, b"", signature)) + b"~",
        "signature with padding": token + b"=" * (-len(signature) % 4 or 1),
        "signature in two lines": b".".join((header, claims, signature[:20] + b"\r\n" + signature[20:])),
        "signature with a plus for a minus": _of_the_other_alphabet(bench, b"-", b"+"),
        "signature with a slash for an underscore": _of_the_other_alphabet(bench, b"_", b"/"),
    }


def _of_the_other_alphabet(bench: TokenBench, letter: bytes, other: bytes) -> bytes:
    """RFC 4648 §4 has `+` and `/` for `-` and `_`, and some readers take both. A signature has them by chance."""
    text, signature = b"", b""
    while letter not in signature:
        text, _, signature = bench.token().rpartition(b".")
    return b".".join((text, signature.replace(letter, other)))


def _respelled(bench: TokenBench) -> dict[str, bytes]:
    """The octets of header and claims spelled in another way, and signed so."""
    spellings: Mapping[str, Callable[[bytes], bytes]] = {
        "with padding": base64.urlsafe_b64encode,
        "with bits left over": lambda part: _left_over(base64url(part)),
        "in two lines": lambda part: base64url(part)[:20] + b"\n" + base64url(part)[20:],
    }
    found: dict[str, bytes] = {}
    for number, name in enumerate(("header", "claims")):
        # A blank more in the JSON until something is left over in the last letter
        parts = _uneven(written(bench.header())), _uneven(written(bench.claims()))
        for what, spelled in spellings.items():
            said = [spelled(part) if place == number else base64url(part) for place, part in enumerate(parts)]
            signing_input = b".".join(said)
            found[f"{name} {what}"] = b".".join((signing_input, base64url(bench.key.sign(signing_input))))
    return found


def _serialised(bench: TokenBench) -> dict[str, bytes]:
    """The JSON serialisations (RFC 7515 §7.2), which carry several signatures and unprotected headers."""
    header, claims, signature = (part.decode() for part in bench.token().split(b"."))
    evil = base64url(written({**bench.claims(), "sub": "somebody-else"})).decode()
    flat = {"protected": header, "payload": claims, "signature": signature}
    return {
        "json with an unprotected header": json.dumps({**flat, "header": {"alg": "none"}}).encode(),
        # python-jwt took one half by one grammar and one by the other
        "compact and json at once, cve-2022-39227": json.dumps(
            {f"  {header}.{claims}.{signature}": "", **flat, "payload": evil}
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


def json_of_a_token(bench: TokenBench) -> Iterator[Row]:
    """Header and claims that are not one strict object: members twice, numbers that are none, text that is no text."""
    for what, octets in _broken(written(bench.header()), b'"alg":"none"').items():
        yield f"header, {what}", bench.signed(octets, bench.claims()), "jws_header"
    claims = written(bench.claims())
    deep = {"lists deeper than a stack": _nested(claims, _DEEP)}
    for what, octets in (_broken(claims, b'"iss":"https://attacker.example"') | deep | _numbers(bench)).items():
        yield f"claims, {what}", bench.signed(bench.header(), octets), "jws_claims"


def _broken(good: bytes, member: bytes) -> dict[str, bytes]:
    """`member` is one that the object has too, with another value."""
    return {
        "a member twice, the other first": b"{" + member + b"," + good[1:],
        "a member twice, the other last": good[:-1] + b"," + member + b"}",
        "a member twice, further in": good[:-1] + b',"x":{"y":1,"y":2}}',
        "rubbish after it": good + b"x",
        "a byte order mark": b"\xef\xbb\xbf" + good,
        "octets that are no utf-8": good[:-1] + b',"x":"\xff"}',
        "a lone surrogate": good[:-1] + b',"x":"\\ud800"}',
        "a list": b"[" + good + b"]",
        "nothing": b"",
        "deep lists": _nested(good, _TOO_DEEP),
        "nan": good[:-1] + b',"x":NaN}',
    }


def _nested(good: bytes, levels: int) -> bytes:
    """Lists within the object itself, which is the first level."""
    return good[:-1] + b',"x":' + b"[" * levels + b"0" + b"]" * levels + b"}"


def _numbers(bench: TokenBench) -> dict[str, bytes]:
    """A good token whose `exp` is a number that programs read differently, or that is none."""
    without = written({name: value for name, value in bench.claims().items() if name != "exp"})
    spelled = {
        "infinity as a time": b"Infinity",
        "a time beyond 2^53": b"%d" % (MAX_INTEGER + 1),
        "a time of five thousand digits": b"9" * 5_000,
    }
    return {what: without[:-1] + b',"exp":' + text + b"}" for what, text in spelled.items()}
