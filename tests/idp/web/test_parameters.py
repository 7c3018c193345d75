"""The parameters of a query or form are read as the standard library reads them, each once."""

import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.web.requests import MAX_FIELDS, MAX_MESSAGE_BODY, MAX_QUOTED, parameters
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


def test_what_is_quoted_beyond_all_need_is_refused_before_it_costs_anything() -> None:
    fits = b"a=" + b"%41" * MAX_QUOTED
    assert parameters(fits) == {"a": "A" * MAX_QUOTED}
    with pytest.raises(RequestRefused, match="quoted"):
        parameters(fits + b"&b=%41")


def test_a_bare_percent_sign_costs_what_a_quoted_one_costs_and_is_counted_as_one() -> None:
    assert parameters(b"%" * MAX_QUOTED) == {"%" * MAX_QUOTED: ""}
    with pytest.raises(RequestRefused, match="quoted"):
        parameters(b"%" * (MAX_QUOTED + 1))


@pytest.mark.parametrize("line_end", ["\r\n", ""])
def test_the_longest_answer_of_a_country_is_not_too_much(line_end: str) -> None:
    signs = "+/" * 38 + line_end
    answer = {"SAMLResponse": signs * (MAX_MESSAGE_BODY // (len(urllib.parse.quote(signs, safe="")) + 1))}
    assert parameters(urllib.parse.urlencode(answer).encode()) == answer
    lines = "A" * 76 + line_end
    answer = {"SAMLResponse": lines * (MAX_MESSAGE_BODY // (76 + 3 * len(line_end)) - 1)}
    assert parameters(urllib.parse.urlencode(answer).encode()) == answer
