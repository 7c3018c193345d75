"""The meaning of a database's own word for a fault, and what to do: one table for `serve`, `migrate`, `doctor` and others.

The word is all that we say of an error: a code of SQLite, or a type of psycopg with an SQLSTATE. For a connection that was
not made libpq gives no SQLSTATE, only a text that may quote names and values: it is matched here, and never shown.
"""

import re

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
_RESTORE = "Restore it from its backup."
_LACKS = (
    "It lacks a table or a column that this program made: somebody else changed it.",
    f"`ciconia doctor --config DIR` names the table. {_RESTORE}",
)
_MEANS = {
    "refused": ("Nobody listens there.", "Start the server, and see that `database` names its host and port."),
    "no such host": ("The host is not known.", "See that `database` names it as the name service knows it."),
    "no answer": ("The host does not answer.", "See that `database` names it, and that no firewall is between."),
    "no primary": (
        "No host of `database` is what it asks for: a server that writes, the primary.",
        "Name the primary, and no other target_session_attrs than read-write.",
    ),
    "parameter": (
        "`database` has a parameter, or a value of one, that libpq does not know.",
        "See to the spelling of what stands behind its `?`.",
    ),
    "TLS": ("The way to the server could not be encrypted as `database` asks.", "See to sslmode and sslrootcert there."),
    "closed": ("The server closed the connection.", "See that it runs: its log says why."),
    "3D000": ("The server has no database of this name.", "Make it (CREATE DATABASE), or name another in `database`."),
    "28000": (
        "The server does not let this user in: it has no such role, or no line of pg_hba.conf for it.",
        "Make the role (CREATE ROLE .. LOGIN) or the line, or name another user in `database`.",
    ),
    "28P01": (
        "The server does not take this user's password, or got none.",
        "See to the user and the password of `database`, or to the password file.",
    ),
    "42501": (
        "The role has not the rights for it.",
        "Make it the owner of the database (ALTER DATABASE .. OWNER TO ..) and of its tables.",
    ),
    "42P01": _LACKS,
    "42703": _LACKS,
    "SQLITE_ERROR": _LACKS,
    "25006": ("The server only reads: it is a standby, or was made read-only.", "Name the primary in `database`."),
    "53100": ("The server's disk is full.", "Make room on it."),
    "53300": ("The server has no connection free.", "Raise its max_connections, or end what else holds them."),
    "57P03": ("The server is starting, or stopping.", "Try again when it answers; its log says what it waits for."),
    "57014": ("The server took too long.", "Look at what else keeps it busy."),
    "55P03": ("Somebody else holds the lock.", "Try again when they are done."),
    "SQLITE_FULL": ("The disk is full.", "Make room on it."),
    "SQLITE_READONLY": (
        "The file, one beside it (-wal, -shm), or its folder cannot be written to.",
        "Let the broker's account write to all of them.",
    ),
    "SQLITE_CANTOPEN": (
        "SQLite cannot open it: it is a folder, or closed to this account.",
        "See that `database` names a file, and that this account may read and write it and its folder.",
    ),
    "SQLITE_PERM": ("The file is closed to this account.", "Let the broker's account read and write it."),
    "SQLITE_NOTADB": ("It is no database of SQLite.", f"See that `database` names the right file. {_RESTORE}"),
    "SQLITE_CORRUPT": ("The file is damaged.", _RESTORE),
    "SQLITE_IOERR_SHMSIZE": ("The disk has no room for what SQLite keeps beside the file.", "Make room on it."),
    "SQLITE_IOERR": ("The disk failed.", "The log of the machine says how."),
    "SQLITE_BUSY": ("Another process holds it.", "Try again when that one is done."),
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
