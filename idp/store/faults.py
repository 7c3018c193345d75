"""The meaning of a database's own word for a fault, and what to do: one table for `serve`, `migrate`, `doctor` and others.

The word is all that we say of an error: a code of SQLite, or a type of psycopg with an SQLSTATE. For a connection that was
not made libpq gives no SQLSTATE, only a text that may quote names and values: it is matched here, and never shown.
"""

import re
import tomllib
from pathlib import Path

# Texts of libpq, psycopg and the server for a connection that was not made, and our word. The first match counts: one of
# several hosts may be down, and another a standby. A server that speaks another language matches none.
_SAID = tuple(
    (re.compile(pattern), word)
    for pattern, word in (
        (r'FATAL: +database ".*" does not exist', "3D000"),
        (r'FATAL: +role ".*" (does not exist|is not permitted to log in)', "28000"),
        (r"no pg_hba\.conf entry|pg_hba\.conf rejects|(Peer|Ident) authentication failed", "28000"),
        (r"password authentication failed|no password supplied", "28P01"),
        (r"FATAL: +permission denied for database", "42501"),
        (r"hot standby mode|session is (not )?read-only", "no primary"),
        (r"too many clients|too many connections|remaining connection slots", "53300"),
        (r"the database system is", "57P03"),
        (r"could not translate host name|failed to resolve host", "no such host"),
        (r"timeout expired|timed out|No route to host|Network is unreachable", "no answer"),
        (r"Connection refused|on socket \".*\" failed", "refused"),
        (r"closed (the connection )?unexpectedly|terminating connection", "closed"),
        (r"invalid (URI query|connection) |in URI query|(bad|invalid \w+) value", "parameter"),
        (r"SSL|certificate", "TLS"),
    )
)
_MEANS = {
    word: (row["means"], row["mend"])
    for word, row in tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")).items()
}
_ANY = (
    "The server was not reached, or let nobody in.",
    "See that it runs, that `database` names it, and that the user may use it: its log says why.",
)
_OF_PSYCOPG = re.compile(r"[A-Za-z]+ (?:\((?P<said>[A-Za-z ]+)\)|(?P<state>[0-9A-Z]{5}))")


def word_of(said: str) -> str:
    """Our word, or the SQLSTATE, for the text of a connection that was not made; "" if it is unknown."""
    return next((word for pattern, word in _SAID if pattern.search(said)), "")


def meaning(detail: str) -> tuple[str, str]:
    """The meaning of a `StoreUnavailable`'s detail, and what to do: a sentence or two each, empty if unknown."""
    if detail == "OperationalError":
        return _ANY
    if detail.startswith("SQLITE_"):
        code = "_".join(detail.split("_")[:2])
        return _MEANS.get(detail) or _MEANS.get(code, ("", ""))
    found = _OF_PSYCOPG.fullmatch(detail)
    return _MEANS.get(found["said"] or found["state"], ("", "")) if found else ("", "")


def advice(detail: str) -> str:
    """`meaning` as a text to follow a sentence, with a space before it; "" if unknown."""
    return "".join(f" {part}" for part in meaning(detail) if part)


def explained(detail: str) -> str:
    """The detail with its `advice`, without a full stop at its end, as a detail is."""
    return f"{detail}.{advice(detail)}".removesuffix(".")
