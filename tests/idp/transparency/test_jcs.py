"""RFC 8785: one spelling of each value."""

import json
from collections.abc import Callable, Mapping
from datetime import date
from enum import IntEnum, StrEnum
from json.encoder import encode_basestring
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.transparency.jcs import MAX_INTEGER, MOST_VALUES, Json, jcs

texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    texts | st.integers(-MAX_INTEGER, MAX_INTEGER) | st.booleans() | st.none(),
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=20,
)


class Word(StrEnum):
    YES = "yes"


class Figure(IntEnum):
    TWO = 2


class Name(str):
    __slots__ = ()


# What nobody may write, and what is rarely written
odd = (
    texts
    | st.text()
    | st.text().map(Name)
    | st.sampled_from([*Word, *Figure, 1.5, float("nan"), b"octets", date(2026, 11, 25), {"a"}, MappingProxyType({"b": 1})])
    | st.integers()
    | st.sampled_from([MAX_INTEGER, -MAX_INTEGER, MAX_INTEGER + 1, -MAX_INTEGER - 1])
)
anything = st.recursive(
    odd,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.sampled_from(["a", Name("b"), Word.YES, 1, None]), inner)
    ),
    max_leaves=8,
)


def spelled(value: object) -> str:
    """One value after the other, by the RFC."""
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, list | tuple):
        return f"[{','.join([spelled(part) for part in value])}]"
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise TypeError
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        return f"{{{','.join([f'{encode_basestring(name)}:{spelled(value[name])}' for name in names])}}}"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise ValueError
        return int.__repr__(value)
    raise TypeError


@given(anything)
def test_it_is_what_the_rfc_says_of_each_value_and_refused_where_it_says_nothing(value: Json) -> None:
    try:
        expected = spelled(value).encode()
    except (TypeError, ValueError):
        with pytest.raises((TypeError, ValueError)):
            jcs(value)
    else:
        assert jcs(value) == expected


@given(odd)
def test_what_is_refused_alone_is_refused_with_its_kind_wherever_it_stands(value: Json) -> None:
    def refusal(spell: Callable[[Json], object], of: Json) -> type[Exception] | None:
        try:
            spell(of)
        except (TypeError, ValueError) as error:
            return type(error)
        return None

    expected = refusal(lambda of: spelled(of).encode(), value)
    for of in (value, [value], {"a": [True, value]}, [*[0] * MOST_VALUES, value]):
        assert refusal(jcs, of) == expected


@pytest.mark.parametrize("many", [MOST_VALUES - 2, MOST_VALUES - 1, MOST_VALUES, 3 * MOST_VALUES])
def test_what_has_many_values_is_spelled_as_what_has_few(many: int) -> None:
    assert jcs([{"b": 1, "a": "é"}] * many) == b"[" + b",".join([b'{"a":"\xc3\xa9","b":1}'] * many) + b"]"
    assert jcs(list(range(many))) == json.dumps(list(range(many)), separators=(",", ":")).encode()


def test_what_holds_itself_is_refused() -> None:
    endless: list[Json] = []
    endless.append(endless)
    with pytest.raises(RecursionError):
        jcs(endless)


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


def test_any_mapping_a_tuple_and_what_is_more_than_text_or_a_number_are_written_as_what_they_are() -> None:
    assert jcs({"a": MappingProxyType({"b": (Word.YES, Figure.TWO)})}) == b'{"a":{"b":["yes",2]}}'


def test_no_space_and_no_order_of_writing_is_left() -> None:
    assert jcs({"b": [1, True, False, "x", None], "a": {}}) == b'{"a":{},"b":[1,true,false,"x",null]}'


@given(values)
def test_what_is_read_back_is_what_was_written(value: Json) -> None:
    assert json.loads(jcs(value)) == value
    assert jcs(json.loads(jcs(value))) == jcs(value)


@given(values)
def test_it_is_what_the_library_writes_in_that_order(value: Json) -> None:
    def ordered(part: Json) -> object:
        if isinstance(part, dict):
            return {name: ordered(part[name]) for name in sorted(part, key=lambda name: name.encode("utf-16-be"))}
        return [ordered(one) for one in part] if isinstance(part, list) else part

    assert jcs(value) == json.dumps(ordered(value), ensure_ascii=False, separators=(",", ":")).encode()


@given(st.dictionaries(texts, st.integers(0, 9)))
def test_the_order_of_writing_makes_no_difference(value: dict[str, int]) -> None:
    assert jcs(dict(reversed(value.items()))) == jcs(value)


def test_what_has_no_canonical_spelling_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogate"):
        jcs("\ud800")
    with pytest.raises(ValueError, match="surrogate"):
        jcs({"\ud800": 1})
    for number in (MAX_INTEGER + 1, -MAX_INTEGER - 1):
        with pytest.raises(ValueError, match="integer"):
            jcs([number])
    for value in (1.5, b"bytes", {"a"}, object()):
        with pytest.raises(TypeError):
            jcs([value])  # type: ignore[list-item] # what a caller without types might pass
