"""The scanner against any document: a text is written from a made-up tree, and each key must be found where it was put."""

import json
import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.load.lines import KeyLines, Path

KEYS = st.text(min_size=1, max_size=6).filter(str.isprintable) | st.sampled_from(
    ["a", "b", "title", "zh-Hans", "urn:oid:2.5.4.4", "#", "]", "=", ".", "'", "{"]
)
SCALARS = st.one_of(
    st.integers(-1000, 1000),
    st.booleans(),
    st.text(st.characters(codec="utf-8", exclude_characters="\x7f"), max_size=8),
)


def quoted(key: str) -> str:
    """A JSON string is a TOML basic string."""
    return json.dumps(key, ensure_ascii=False)


class Written:
    """A document, and on which line each path was put."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.where: dict[Path, int] = {}

    def put(self, path: Path, text: str) -> None:
        self.lines.append(text)
        self.where.setdefault(path, len(self.lines))


DOCUMENTS = st.dictionaries(
    KEYS,
    st.one_of(
        SCALARS,
        st.lists(SCALARS, max_size=3),
        st.dictionaries(KEYS, SCALARS, max_size=3).map(lambda table: ("table", table)),
        st.lists(st.dictionaries(KEYS, SCALARS, max_size=2), min_size=1, max_size=3).map(lambda each: ("tables", each)),
    ),
    max_size=5,
)


def scalar(value: object) -> str:
    return quoted(value) if isinstance(value, str) else str(value).lower()


def write(document: dict[str, object]) -> Written:
    written = Written()
    tables = {key: value for key, value in document.items() if isinstance(value, tuple)}
    for key, value in document.items():
        if isinstance(value, list):
            written.put((key,), f"{quoted(key)} = [ # [a comment] = ")
            for index, one in enumerate(value):
                written.put((key, str(index)), f"  {scalar(one)},")
            written.lines.append("]")
        elif key not in tables:
            written.put((key,), f"  {quoted(key)}\t= {scalar(value)} # a = 1")
    for key, (kind, content) in tables.items():
        for index, one in enumerate([content] if kind == "table" else content):
            path: Path = (key,) if kind == "table" else (key, str(index))
            written.put(path, f"[{quoted(key)}]" if kind == "table" else f"[[ {quoted(key)} ]]")
            for inner, value in one.items():
                written.put((*path, inner), f"{quoted(inner)}={scalar(value)}")
                written.lines.append("")
    return written


@given(DOCUMENTS)
@settings(max_examples=100)
def test_every_key_of_any_document_is_found_on_its_line(document: dict[str, object]) -> None:
    written = write(document)
    text = "\n".join(written.lines)
    tomllib.loads(text)
    lines = KeyLines(text)
    assert {path: lines.line(path) for path in written.where} == written.where
