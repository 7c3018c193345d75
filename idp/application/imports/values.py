"""Values of a peer's files (JSON, YAML, literals of PHP), each read as what we expect, or as nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Unread:
    """An expression of a file that only the peer's own program could evaluate, and its line.

    Its text may hold a secret, and is never shown.
    """

    text: str = field(repr=False)
    line: int


def text(table: Mapping[str, object], *path: str) -> str:
    """The text at a path of keys; "" where there is none, or something else."""
    value: object = table
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value.strip() if isinstance(value, str) else ""


def flag(table: Mapping[str, object], key: str, *, default: bool = False) -> bool:
    """Whether a key says yes; Keycloak writes "true" as a text."""
    value = table.get(key, default)
    return value is True or (isinstance(value, str) and value.strip().lower() in {"true", "yes", "on", "1"})


def table(value: object, *path: str) -> Mapping[str, object]:
    """The table at a path of keys; an empty one where there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return {str(name): one for name, one in value.items()} if isinstance(value, Mapping) else {}


def rows(value: object) -> list[Mapping[str, object]]:
    """The tables of a list."""
    return [table(one) for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def texts(value: object) -> list[str]:
    """The texts of a list; one text is a list of one."""
    found = value if isinstance(value, list) else [value]
    return [one.strip() for one in found if isinstance(one, str) and one.strip()]


def unread(value: object) -> Iterator[tuple[str, Unread]]:
    """Every expression in a value that nobody evaluated, by where it stands. An alias of YAML is looked at once."""
    waiting: list[tuple[str, object]] = [("", value)]
    seen: set[int] = set()
    while waiting:
        path, one = waiting.pop()
        if isinstance(one, Unread):
            yield path, one
        elif isinstance(one, Mapping | list) and id(one) not in seen:
            seen.add(id(one))
            inside = one.items() if isinstance(one, Mapping) else enumerate(one)
            waiting += [(f"{path}.{key}" if path else str(key), below) for key, below in inside]
