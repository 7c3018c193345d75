"""The text of a query: what is signed is what came, in the order of the standard, each parameter once, as it is spelled."""

import secrets
from collections.abc import Callable, Iterator
from urllib.parse import unquote

from connectors.attacks.attack_case import AttackCase, Row
from connectors.attacks.queries.query_benches import Pairs, QueryBench, escaped, joined, packed
from connectors.signatures.redirect import DEFLATE

_TOO_LARGE, _TOO_LONG = 256 * 1024, 1025


def text_cases(bench: QueryBench) -> Iterator[AttackCase]:
    """Every one of these at one entrance."""
    families = {"order": _order, "spelling": _spelling, "relay state": _relay_state, "parameters": _parameters}
    return bench.refused_rows({f"query: {family}": rows(bench) for family, rows in families.items()})


def _order(bench: QueryBench) -> Iterator[Row]:
    """Signed in another order than the standard's, which is that of the signature wherever the pairs stand."""
    message, state, algorithm = bench.pairs(relay_state=new_state())
    orders: dict[str, Pairs] = {
        "relay state first": (state, message, algorithm),
        "algorithm before relay state": (message, algorithm, state),
    }
    for what, pairs in orders.items():
        yield f"signed with {what}", bench.query(pairs), "signature"
    without = (message, algorithm)
    yield "signed without relay state", bench.sent((message, state, algorithm), joined(without)), "signature"
    yield "signed without the algorithm", bench.sent((message, state, algorithm), joined((message, state))), "signature"
    yield "signed without the message", bench.sent((message, state, algorithm), joined((state, algorithm))), "signature"
    yield "signed of the message alone", bench.sent((message, algorithm), joined((message,))), "signature"
    yield "signed with an ampersand at its end", bench.sent(without, f"{joined(without)}&"), "signature"
    yield (
        "signed with an empty relay state",
        bench.sent(without, joined((message, ("RelayState", ""), algorithm))),
        "signature",
    )
    swapped = (message, ("RelayState", algorithm[1]), ("SigAlg", state[1]))
    yield "values in exchanged places", bench.query(swapped), "signature_algorithm"
    # One text of two names: the border between parameters moves
    moved = (message, ("RelayState", f"x%26SigAlg%3D{algorithm[1]}"), algorithm)
    yield "a parameter inside of another", bench.sent(moved, joined((message, ("RelayState", "x"), algorithm))), "signature"


def _spelling(bench: QueryBench) -> Iterator[Row]:
    """Another spelling of what was signed (SAML Bindings 2.0 §3.4.4.1: the signer's own escapes)."""
    good = bench.pairs(relay_state="a b+c/d=")
    respelled = {
        "in lower case escapes": each(good, in_lower_case),
        "with a plus for a blank": each(good, lambda value: value.replace("%20", "+")),
    }
    for what, pairs in respelled.items():
        if pairs != good:
            yield f"spelled again {what}", bench.sent(pairs, joined(good)), "signature"
    decoded = "&".join(f"{name}={unquote(value)}" for name, value in good)
    yield "signed over the decoded text", bench.sent(good, decoded), "signature"
    yield "signed over twice escaped text", bench.sent(good, joined(each(good, escaped))), "signature"
    message, state, algorithm = good
    names: dict[str, Pairs] = {
        "a name in escapes": ((f"%53{message[0][1:]}", message[1]), state, algorithm),
        "a name in lower case": ((message[0].lower(), message[1]), state, algorithm),
        "a name with a blank": ((f"{message[0]}+", message[1]), state, algorithm),
    }
    for what, pairs in names.items():
        yield what, bench.query(pairs), "parameters"
    values = {"an escape that is none": "%zz", "a blank": "a b"}
    for what, value in values.items():
        pairs = (message, ("RelayState", value), algorithm)
        yield f"relay state with {what}", bench.query(pairs), "parameters"
    yield "relay state that is no utf-8", bench.query((message, ("RelayState", "%FF%FE"), algorithm)), "encoding"
    yield "message that is no utf-8", bench.query(((message[0], "%FF"), algorithm)), "encoding"
    query = bench.query(good)
    yield "with its question mark", b"?" + query, "parameters"
    yield "with a fragment", query + b"#x", "parameters"
    # One parameter, in which everything else stands
    yield "in semicolons", query.replace(b"&", b";"), "signature_missing"
    yield "in entities", query.replace(b"&", b"&amp;"), "parameters"


def _relay_state(bench: QueryBench) -> Iterator[Row]:
    """Present, empty and absent are three texts, and none of them is signed by another's signature."""
    message, state, algorithm = bench.pairs(relay_state=new_state())
    empty, absent = (message, ("RelayState", ""), algorithm), (message, algorithm)
    present = (message, state, algorithm)
    other = (message, ("RelayState", new_state()), algorithm)
    named = {"present": present, "empty": empty, "absent": absent}
    for signed_as, covered in named.items():
        for sent_as, pairs in named.items():
            if signed_as != sent_as:
                yield f"signed {signed_as} and sent {sent_as}", bench.sent(pairs, joined(covered)), "signature"
    yield "of another", bench.sent(other, joined(present)), "signature"
    yield "without its value", bench.query(present).replace(joined((state,)).encode(), b"RelayState"), "parameters"
    long = bench.pairs(relay_state="x" * _TOO_LONG)
    yield "of 1025 characters", bench.query(long), "parameters"
    yield "twice", bench.query((message, state, state, algorithm)), "parameters"
    yield "twice, once unsigned", bench.query(present) + b"&" + joined((state,)).encode(), "parameters"


def _parameters(bench: QueryBench) -> Iterator[Row]:
    """Each once, none that is not known, one message: SimpleSAMLphp CVE-2025-27773, OpenSAML CVE-2025-31335."""
    good = bench.pairs()
    message, algorithm = good
    signature = bench.signature(joined(good))
    evil = (message[0], escaped(packed(bench.message.draft().xml)))
    opposite = "SAMLResponse" if message[0] == "SAMLRequest" else "SAMLRequest"
    beside = (opposite, evil[1])
    query = bench.query(good)

    def sent(*pairs: tuple[str, str]) -> bytes:
        return joined(pairs).encode()

    yield "both messages, the other first, cve-2025-27773", sent(beside, *good, signature), "parameters"
    yield "both messages, the other last, cve-2025-27773", sent(*good, signature, beside), "parameters"
    yield "both messages, both signed", bench.query((message, beside, algorithm)), "parameters"
    if "eidas" in bench.where:
        # A service provider sends both, and `inspect` takes either
        yield "the other message's name", bench.query(((opposite, message[1]), algorithm)), "parameters"
    yield "the message twice, evil first, cve-2025-31335", sent(evil, *good, signature), "parameters"
    yield "the message twice, evil last, cve-2025-31335", sent(*good, signature, evil), "parameters"
    yield "the same message twice", sent(message, *good, signature), "parameters"
    yield "the algorithm twice", sent(*good, algorithm, signature), "parameters"
    yield "the signature twice", sent(*good, signature, signature), "parameters"
    yield "a name that nobody knows", sent(*good, signature, ("next", "https%3A%2F%2Fattacker.example")), "parameters"
    yield "a name that nobody knows, signed", bench.query((message, ("x", "y"), algorithm)), "parameters"
    yield "an artifact beside", sent(*good, signature, ("SAMLart", "AAQAAA")), "parameters"
    yield "an empty pair", query + b"&", "parameters"
    yield "a name alone", query + b"&x", "parameters"
    yield "a pair without a name", query + b"&=x", "parameters"
    yield "no message", sent(algorithm, signature), "parameters"
    yield "nothing at all", new_state().encode(), "parameters"
    yield "no signature", sent(*good), "signature_missing"
    yield "no algorithm", sent(message, signature), "signature_missing"
    yield "neither signature nor algorithm", sent(message), "signature_missing"
    yield "another encoding", sent(*good, signature, ("SAMLEncoding", escaped(f"{DEFLATE}-none"))), "deflate"
    yield "no encoding", sent(*good, signature, ("SAMLEncoding", "")), "deflate"
    yield "larger than 256 kib", sent(*good, signature, ("RelayState", "x" * _TOO_LARGE)), "size"


def new_state() -> str:
    """A handle, as a relay state should be."""
    return secrets.token_urlsafe(16)


def each(pairs: Pairs, spell: Callable[[str], str]) -> Pairs:
    """These pairs with their values spelled in another way."""
    return tuple((name, spell(value)) for name, value in pairs)


def in_lower_case(value: str) -> str:
    """With lower-case escapes, as some platforms write them."""
    pieces = value.split("%")
    return "%".join([pieces[0], *(piece[:2].lower() + piece[2:] for piece in pieces[1:])])
