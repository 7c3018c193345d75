"""Whatever is done to the octets of a case, its judge raises our own kinds of errors and nothing else.

Hypothesis takes a case, opens the envelope that it comes in (the parts of a token, a deflated query), and flips, cuts,
repeats and plants bytes inside. What the judges' net catches counts as failed here: `unforeseen` is a defect.
"""

import ast
import base64
import binascii
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.attacks.attack_case import AttackCase, Entrance
from connectors.attacks.responses.response_judges import AsItCame
from connectors.attacks.verdict import verdict_of
from idp.selftest.run import GENERATORS

ROOT = Path(__file__).parents[3]
EXAMPLES = 400
# Bytes that mean something to one of the parsers below
_OF_XML = (*b"< > & \" ' <!-- ]]> <![CDATA[ &#0; xmlns: ID=".split(), b"\x00", b"\xef\xbb\xbf")
_OF_OTHERS = (*b"{ } [ null 1e999 \\ud800 = - %zz + ..".split(), b"\r\n", b"\xff", b"\xe2\x80\xae")

Envelope = tuple[bytes, Callable[[bytes], bytes]]


@cache
def corpus() -> Mapping[str, Sequence[AttackCase]]:
    """The cases of each generator whose octets came from outside: `AsItCame` reads what the generator itself wrote."""
    now = int(time.time())
    return {
        name: [case for case in generator(now) if not isinstance(case.entrance.judge, AsItCame)]
        for name, generator in GENERATORS.items()
    }


@st.composite
def edits(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """One change, whose places are fractions of whatever it is done to."""
    kind = draw(st.sampled_from(["flip", "cut", "repeat", "plant", "end"]))
    start, length = draw(st.floats(0, 1)), draw(st.integers(1, 64))
    bit = draw(st.integers(0, 7))
    planted: bytes = draw(st.sampled_from(_OF_XML + _OF_OTHERS))

    def edit(octets: bytes) -> bytes:
        at = min(int(start * len(octets)), max(len(octets) - 1, 0))
        match kind:
            case "flip" if octets:
                return octets[:at] + bytes([octets[at] ^ (1 << bit)]) + octets[at + 1 :]
            case "cut":
                return octets[:at] + octets[at + length :]
            case "repeat":
                return octets[:at] + octets[at : at + length] * 2 + octets[at + length :]
            case "end":
                return octets[:at]
            case _:
                return octets[:at] + planted + octets[at:]

    return edit


def envelopes(octets: bytes) -> Sequence[Envelope]:
    """Open these octets: each inside, and how it is closed again. The octets themselves come first."""
    found: list[Envelope] = [(octets, lambda changed: changed)]
    parts = octets.split(b".")
    if len(parts) in (3, 5):
        for number in range(len(parts)):
            found += _part(parts, number)
    if b"SAMLRe" in octets:
        found += _query(octets)
    return found


def _part(parts: Sequence[bytes], number: int) -> Sequence[Envelope]:
    def close(changed: bytes) -> bytes:
        spelled = base64.urlsafe_b64encode(changed).rstrip(b"=")
        return b".".join([*parts[:number], spelled, *parts[number + 1 :]])

    try:
        return [(base64.urlsafe_b64decode(parts[number] + b"=" * (-len(parts[number]) % 4)), close)]
    except (ValueError, binascii.Error):
        return []


def _query(octets: bytes) -> Sequence[Envelope]:
    try:
        pairs = dict(parse_qsl(octets.decode("ascii")))
        (name,) = {"SAMLRequest", "SAMLResponse"} & pairs.keys()
        inside = zlib.decompressobj(-15).decompress(base64.b64decode(pairs[name], validate=True), 1 << 20)
    except (ValueError, binascii.Error, zlib.error):
        return []

    def close(changed: bytes) -> bytes:
        packer = zlib.compressobj(wbits=-15)
        packed = base64.b64encode(packer.compress(changed) + packer.flush()).decode()
        return urlencode({**pairs, name: packed}, quote_via=quote).encode()

    return [(inside, close)]


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.spec("issue 5: no exception of lxml, xmlsec, pyca or jose ever leaves its module under its own name")
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_a_judge_raises_our_kinds_alone_on_mutated_cases(generator: str, data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(corpus()[generator]), label="case")
    inside, close = data.draw(st.sampled_from(envelopes(case.octets)), label="envelope")
    for edit in data.draw(st.lists(edits(), min_size=1, max_size=4), label="edits"):
        inside = edit(inside)
    assert verdict_of(case.entrance.judge, close(inside)).surprise == "", close(inside)


@pytest.mark.parametrize("generator", GENERATORS)
@settings(max_examples=EXAMPLES // 2)
@given(octets=st.one_of(st.binary(max_size=300), st.text(max_size=200).map(str.encode)), data=st.data())
def test_a_judge_raises_our_kinds_alone_on_any_octets(generator: str, octets: bytes, data: st.DataObject) -> None:
    entrances: Mapping[str, Entrance] = {case.entrance.name: case.entrance for case in corpus()[generator]}
    entrance = entrances[data.draw(st.sampled_from(sorted(entrances)))]
    verdict = verdict_of(entrance.judge, octets)
    assert verdict.surprise == ""
    assert not verdict.accepted


def test_the_envelopes_are_opened_and_closed_again() -> None:
    """Else nothing but the outermost text would be tried."""
    opened = {name: max(len(envelopes(case.octets)) for case in cases) for name, cases in corpus().items()}
    assert opened["tokens"] > 3
    token = b".".join([b"e30", b"e30", b"AAAA"])
    for inside, close in envelopes(token):
        assert close(inside) == token
    packer = zlib.compressobj(wbits=-15)
    packed = base64.b64encode(packer.compress(b"<x/>") + packer.flush()).decode()
    query = urlencode({"SAMLRequest": packed, "RelayState": "a"}, quote_via=quote).encode()
    _, (inside, close) = envelopes(query)
    assert inside == b"<x/>"
    assert envelopes(close(b"<y/>"))[1][0] == b"<y/>"


LIBRARIES = ("lxml", "xmlsec", "pyexpat", "xml.parsers", "cryptography", "jose", "joserfc", "asn1crypto", "pyhanko")


def _of_libraries(tree: ast.Module) -> set[str]:
    """The names in a module that come from these libraries."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(LIBRARIES):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.asname or alias.name.split(".")[0] for alias in node.names if alias.name.startswith(LIBRARIES)}
    return names


def _root(node: ast.expr | None) -> str:
    while isinstance(node, ast.Attribute | ast.Call):
        node = node.value if isinstance(node, ast.Attribute) else node.func
    return node.id if isinstance(node, ast.Name) else ""


def _raised(tree: ast.AST, names: set[str]) -> Iterator[ast.Raise]:
    """List what is raised, except by a class that derives from a library's: it speaks to the library, in its words."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef) and any(_root(base) in names for base in node.bases):
            continue
        if isinstance(node, ast.Raise) and node.exc is not None:
            yield node
        yield from _raised(node, names)


def test_nobody_raises_an_exception_of_a_library() -> None:
    looked_at = 0
    for floor in ("policies", "connectors", "idp"):
        for path in (ROOT / floor).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            names = _of_libraries(tree)
            raised = list(_raised(tree, names))
            looked_at += bool(names and raised)
            assert not [node.lineno for node in raised if _root(node.exc) in names], path
    assert looked_at > 10, "the rule looks at nothing"
