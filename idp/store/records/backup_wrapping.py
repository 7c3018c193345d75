"""Wraps all that leads to a person in a backup, under the key of its day: once that is destroyed, nobody finds them there.

A wrapped value is one octet, the day (4 octets), and AES-SIV (RFC 5297), which gives one value for one value: a person's
records still belong together. A login has the name that a service knows the person by, so it is wrapped, too. What an
earlier version wrote is not wrapped, and stays as it is.
"""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from idp.ledger.ledger_keys import DAY, derived
from idp.store import tables
from policies.errors import NotFound
from policies.parties import Tenant

WRAPPED: Mapping[str, tuple[str, ...]] = {
    tables.subjects.name: ("subject", "salt"),
    tables.records.name: ("subject", "login_opening"),
    tables.erasures.name: ("subject", "seal"),
}
_MARK = b"\x01"
_DAY_OCTETS, _TAG_OCTETS = 4, 16
# The length of a person's index that is wrapped: then the rest of the row is wrapped as well
_WRAPPED_INDEX = 1 + _DAY_OCTETS + _TAG_OCTETS + 32

Row = dict[str, object]
# The key of a day; None if it is destroyed
KeyOfDay = Callable[[int], bytes | None]


class BackupWrapping:
    """Wraps the rows of one backup."""

    def __init__(self, key: bytes, day: int, tenant: Tenant) -> None:
        self._cipher, self._tenant = _cipher(key), tenant.encode()
        self._head = _MARK + day.to_bytes(_DAY_OCTETS)

    def row(self, table: str, row: Row) -> Row:
        """A row as it stands in the backup."""
        named = WRAPPED.get(table, ())
        for name in named if isinstance(row.get("subject"), bytes) else ():
            if isinstance(value := row[name], bytes):
                row[name] = self._head + self._cipher.encrypt(value, [self._tenant, self._head])
        return row


def unwrap(file: Path, tenant: Tenant, key_of_day: KeyOfDay) -> None:
    """Unwrap a copy of a backup in its place. Raises `NotFound` if the key of its day is destroyed, or another."""
    ciphers: dict[int, AESSIV] = {}
    refused: list[str] = []

    def opened(value: bytes | None, subject: bytes | None) -> bytes | None:
        if value is None or subject is None or len(subject) != _WRAPPED_INDEX:
            return value
        head, sealed = value[: 1 + _DAY_OCTETS], value[1 + _DAY_OCTETS :]
        day = int.from_bytes(head[1:])
        if day not in ciphers:
            if (key := key_of_day(day)) is None:
                made = f"{datetime.fromtimestamp(day * DAY, UTC):%Y-%m-%d}"
                what = f"it is of {made}, and the key of that day is not in keys/backups/"
                refused.append(f"{what}: a backup can be read for fourteen days. Restore a newer one")
                raise ValueError
            ciphers[day] = _cipher(key)
        try:
            return ciphers[day].decrypt(sealed, [tenant.encode(), head])
        except InvalidTag:
            refused.append("the key of its day is another one than it was made with")
            raise

    with closing(sqlite3.connect(file)) as connection:
        connection.create_function("opened", 2, opened, deterministic=True)
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA foreign_keys = OFF")
        try:
            with connection:
                for table, names in WRAPPED.items():
                    values = ", ".join(f"{name} = opened({name}, subject)" for name in names)
                    connection.execute(f"UPDATE {table} SET {values}")  # noqa: S608  our names
        except sqlite3.Error as error:
            raise NotFound(refused[0] if refused else "the file is damaged, or no backup") from error


def _cipher(key: bytes) -> AESSIV:
    return AESSIV(derived(key, b"", b"backup mac") + derived(key, b"", b"backup"))
