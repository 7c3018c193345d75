"""JSON that two readers read in two ways, in the header and in the claims: all of it is signed as it should be."""

from collections.abc import Iterator

from connectors.attacks.case import Case
from connectors.attacks.tokens.bench import Bench
from connectors.attacks.tokens.making import written
from connectors.wire.claims import MAX_INTEGER

JSON = "token: json"
# Levels: more than are taken, in a header that is small enough; and deeper than any reader's stack
# The deep ones fit into a client assertion, and are deeper than Python goes
_TOO_DEEP, _DEEP = 65, 2_500


def json_of_a_token(bench: Bench) -> Iterator[Case]:
    """Not one strict object: members twice, numbers that are none, text that is no text."""
    header, claims = written(bench.header()), written(bench.claims())
    yield from bench.all_refused(
        JSON,
        "jws_header",
        {
            f"header, {what}": bench.signed(octets, bench.claims())
            for what, octets in _broken(header, b'"alg":"none"').items()
        },
    )
    yield from bench.all_refused(
        JSON,
        "jws_claims",
        {
            f"claims, {what}": bench.signed(bench.header(), octets)
            for what, octets in (
                _broken(claims, b'"iss":"https://attacker.example"') | _deep(claims) | _numbers(bench)
            ).items()
        },
    )


def _broken(good: bytes, member: bytes) -> dict[str, bytes]:
    """`member` is one that the object has too, with another value."""
    return {
        "a member twice, the other first": b"{" + member + b"," + good[1:],
        "a member twice, the other last": good[:-1] + b"," + member + b"}",
        "a member twice, further in": good[:-1] + b',"x":{"y":1,"y":2}}',
        "rubbish after it": good + b"x",
        "cut off": good[:-1],
        "a byte order mark": b"\xef\xbb\xbf" + good,
        "octets that are no utf-8": good[:-1] + b',"x":"\xff"}',
        "a lone surrogate": good[:-1] + b',"x":"\\ud800"}',
        "a list": b"[" + good + b"]",
        "nothing": b"",
        "deep lists": _nested(good, b"[", b"]", _TOO_DEEP),
        "nan": good[:-1] + b',"x":NaN}',
    }


def _deep(good: bytes) -> dict[str, bytes]:
    return {"lists deeper than a stack": _nested(good, b"[", b"]", _DEEP)}


def _nested(good: bytes, opening: bytes, closing: bytes, levels: int) -> bytes:
    """Within the object itself, which is the first level."""
    return good[:-1] + b',"x":' + opening * levels + b"0" + closing * levels + b"}"


def _numbers(bench: Bench) -> dict[str, bytes]:
    """A good token whose `exp` is a number that programs read differently, or that is none."""
    without = written({name: value for name, value in bench.claims().items() if name != "exp"})
    spelled = {
        "infinity as a time": b"Infinity",
        "a time beyond 2^53": b"%d" % (MAX_INTEGER + 1),
        "a time of five thousand digits": b"9" * 5_000,
    }
    return {what: without[:-1] + b',"exp":' + text + b"}" for what, text in spelled.items()}
