"""Exclusive C14N repeats a namespace's name at each element that uses it: a small message must not become a large one."""

import resource

import pytest

from connectors.signatures.parse import canonical, parse_message
from policies.errors import AssertionRejected

RESPONSE = "urn:oasis:names:tc:SAML:2.0:protocol"


def _message(name: str, elements: int) -> bytes:
    inside = "<a:b/>" * elements
    return f'<p:Response xmlns:p="{RESPONSE}" xmlns:a="{name}">{inside}</p:Response>'.encode()


@pytest.mark.spec("security.md §2.0 rule 4")
def test_a_namespace_whose_name_is_long_is_refused_before_it_is_repeated() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(AssertionRejected) as refused:
        parse_message(_message("urn:" + "x" * 160_000, 4000))
    assert refused.value.check == "namespace"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000, "in KiB"


@pytest.mark.spec("security.md §2.0 rule 4")
@pytest.mark.parametrize(
    "declaration",
    [
        f'xmlns:a="{"x" * 150_000}:b"',
        f"xmlns:a='{'x' * 150_000}:b'",
        f'xmlns:{"a" * 100_000}="urn:b" xmlns:a="urn:c"',
    ],
    ids=["scheme", "scheme in apostrophes", "prefix"],
)
def test_no_part_of_a_declaration_is_long(declaration: str) -> None:
    message = f'<p:Response xmlns:p="{RESPONSE}" {declaration}>{"<a:b/>" * 4000}</p:Response>'.encode()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(AssertionRejected) as refused:
        parse_message(message)
    assert refused.value.check == "namespace"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000, "in KiB"


def test_what_passes_grows_by_no_more_than_the_longest_name() -> None:
    longest = "urn:" + "x" * 252
    root = parse_message(_message(longest, 4000))
    assert len(canonical(root)) < 4000 * 300
    with pytest.raises(AssertionRejected):
        parse_message(_message(longest + "x" * 10, 1))
