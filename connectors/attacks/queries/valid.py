"""Queries that must be accepted: whatever order and spelling a sender chose, as long as it signed that very text."""

from collections.abc import Iterator

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.queries.query_benches import Pairs, QueryBench, escaped, joined, signer
from connectors.attacks.queries.texts import each, in_lower_case, new_state
from connectors.attacks.xml_signer import ECDSA_SHA256, MORE, NEWER
from connectors.signatures.redirect import DEFLATE

VALID = "valid queries"


def valid_queries(bench: QueryBench) -> Iterator[AttackCase]:
    """Every one of these at one entrance."""
    state = new_state()
    for what, octets in {
        "plain": bench.query(),
        "with relay state": bench.query(bench.pairs(relay_state=state)),
        "with an empty relay state": bench.query(bench.pairs(relay_state="")),
        "with a relay state of 80 octets": bench.query(bench.pairs(relay_state=state.ljust(80, "x"))),
        "with a relay state that is no ascii": bench.query(bench.pairs(relay_state="Zürich Σ/+=&?#")),
    }.items():
        yield bench.accepted(VALID, what, octets)
    yield from _ordered(bench)
    yield from _spelled(bench)
    yield from _signed(bench)
    declared = b'<?xml version="1.0" encoding="UTF-8"?>\n' + bench.message.draft().xml + b"\n"
    yield bench.accepted(VALID, "a declaration in its message", bench.query(bench.pairs(declared)))
    default = ("SAMLEncoding", escaped(DEFLATE))
    yield bench.accepted(VALID, "the encoding said", bench.query() + f"&{joined((default,))}".encode())


def _ordered(bench: QueryBench) -> Iterator[AttackCase]:
    """The signature is over the order of the standard, whatever the order of the pairs."""
    message, state, algorithm = bench.pairs(relay_state=new_state())
    signature = bench.signature(joined((message, state, algorithm)))
    orders: dict[str, Pairs] = {
        "signature first": (signature, message, state, algorithm),
        "backwards": (signature, algorithm, state, message),
        "relay state first": (state, message, algorithm, signature),
    }
    yield from bench.all_accepted(
        VALID, {f"in another order, {what}": joined(pairs).encode() for what, pairs in orders.items()}
    )


def _spelled(bench: QueryBench) -> Iterator[AttackCase]:
    good = bench.pairs(relay_state="a b")
    spellings = {
        "escapes in lower case": each(good, in_lower_case),
        "a plus for a blank": each(good, lambda value: value.replace("%20", "+")),
        "slashes and equals as they are": each(good, lambda value: value.replace("%2F", "/").replace("%3D", "=")),
        "colons as they are": each(good, lambda value: value.replace("%3A", ":")),
    }
    yield from bench.all_accepted(VALID, {what: bench.query(pairs) for what, pairs in spellings.items()})


def _signed(bench: QueryBench) -> Iterator[AttackCase]:
    """By each algorithm and key of the profile."""
    name = f"{NEWER}sha{{}}-rsa-MGF1" if "MGF1" in bench.algorithm else f"{MORE}rsa-sha{{}}"
    for bits in (384, 512):
        uri = name.format(bits)
        yield bench.accepted(
            VALID, f"sha-{bits}", bench.query(bench.pairs(algorithm=uri), signer(bench.message.holder, uri))
        )
    rolled = bench.query(bench.pairs(algorithm=ECDSA_SHA256), signer(bench.message.following, ECDSA_SHA256))
    yield bench.accepted(VALID, "the next key of a rollover", rolled)
