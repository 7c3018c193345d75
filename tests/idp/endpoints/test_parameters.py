"""The parameters of a query or form are read as the standard library reads them, each once."""

import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.endpoints.http import MAX_FIELDS, parameters
from policies.errors import RequestRefused

PIECES = [
    "a",
    "b",
    "=",
    "&",
    "%",
    "2",
    "B",
    "F",
    "+",
    "%2B",
    "%2b",
    "%2F",
    "%3D",
    "%25",
    "%C3%BC",
    "%C3",
    ";",
    "%26",
    "%00",
]


def _by_the_library(raw: bytes) -> list[tuple[str, str]] | None:
    try:
        return urllib.parse.parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError:
        return None


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_parameters_are_those_of_the_library(text: str) -> None:
    pairs = _by_the_library(text.encode())
    if pairs is None or len(dict(pairs)) != len(pairs):
        with pytest.raises(RequestRefused):
            parameters(text.encode())
    else:
        assert list(parameters(text.encode()).items()) == pairs


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=5))
def test_what_a_browser_encodes_comes_back(fields: dict[str, str]) -> None:
    assert parameters(urllib.parse.urlencode(fields, errors="surrogatepass").encode()) == fields


@pytest.mark.parametrize("raw", [b"\xc3\xbc=1", b"a=%C3", b"a=1&a=2", b"a&%61"])
def test_what_does_not_decode_or_repeats_is_refused(raw: bytes) -> None:
    with pytest.raises(RequestRefused):
        parameters(raw)


def test_too_many_are_refused() -> None:
    fits = "&".join(f"a{number}" for number in range(MAX_FIELDS)).encode()
    assert len(parameters(fits)) == MAX_FIELDS
    with pytest.raises(RequestRefused):
        parameters(fits + b"&a")
