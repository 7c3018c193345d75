"""RFC 8785: one spelling of each value."""

import json

import pytest

from idp.ledger.canonical_json import jcs

MAX_INTEGER = 2**53 - 1


@pytest.mark.spec("RFC 8785 §3.2.3")
def test_names_are_ordered_by_their_utf_16_units() -> None:
    # the example of the RFC
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    found = json.loads(jcs(dict.fromkeys(names, 1)))
    assert list(found) == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


@pytest.mark.spec("RFC 8785 §3.2.2.2")
def test_text_is_escaped_as_little_as_possible() -> None:
    assert jcs("\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/") == b'"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'
    assert jcs("\b\t\n\f\r\x7f\u2028") == b'"\\b\\t\\n\\f\\r\x7f\xe2\x80\xa8"'


def test_what_has_no_canonical_spelling_is_refused() -> None:
    with pytest.raises(ValueError, match="UTF-8"):
        jcs("\ud800")
    with pytest.raises(ValueError, match="surrogates"):
        jcs({"\ud800": 1})
    for number in (MAX_INTEGER + 1, -MAX_INTEGER - 1):
        with pytest.raises(ValueError, match="integer domain"):
            jcs([number])
    for value in (b"bytes", {"a"}, object()):
        with pytest.raises(ValueError, match="unsupported"):
            jcs([value])  # type: ignore[list-item] # what a caller without types might pass
