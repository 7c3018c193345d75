"""The searcher finds a value in every encoding that it says it knows, and nothing in noise."""

import base64
import gzip
import json
import random
import sqlite3
import urllib.parse
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.canary.needles import needles, search

NAME = "Kanaarilind-Õitsev"
BORN = "1887-03-09"
POSTCODE = "QZ97 3XJ"
VALUES = (NAME, BORN, POSTCODE)


def raw_deflate(data: bytes) -> bytes:
    packing = zlib.compressobj(6, wbits=-15)
    return packing.compress(data) + packing.flush()


WRAPPINGS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": bytes,
    "hex": lambda data: data.hex().encode(),
    "hex in capitals": lambda data: data.hex().upper().encode(),
    "base64": base64.b64encode,
    "base64url": lambda data: base64.urlsafe_b64encode(data).rstrip(b"="),
    "percent": lambda data: urllib.parse.quote_from_bytes(data, safe="").encode(),
    "percent, every byte": lambda data: "".join(f"%{byte:02x}" for byte in data).encode(),
    "zlib": zlib.compress,
    "gzip": gzip.compress,
    "a deflated message in base64, as SAML sends it": lambda data: base64.b64encode(raw_deflate(data)),
    "that in a query": lambda data: urllib.parse.quote(base64.b64encode(raw_deflate(data)), safe="").encode(),
    "base64 in base64": lambda data: base64.b64encode(b"{" + base64.b64encode(data) + b"}"),
    "hex of zlib": lambda data: zlib.compress(data).hex().encode(),
}


def noise(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311 - the same noise in every run, and no secret


def test_a_value_is_found_in_every_wrapping_and_at_every_alignment() -> None:
    for wrap in WRAPPINGS.values():
        for before in range(3):
            for charset in ["utf-8", "utf-16-le", "utf-16-be"]:
                for value in VALUES:
                    planted = wrap(b"x" * before + value.encode(charset) + b"\x01tail")
                    data = noise(500, 1) + b'"' + planted + b'"' + noise(500, 2)
                    assert search(data, needles([value])) == {value}, value


def test_a_birth_date_is_found_in_every_spelling() -> None:
    for written in [
        "1887-03-09",
        "18870309",
        "09.03.1887",
        "09/03/1887",
        "09-03-1887",
        "09031887",
        "03/09/1887",
        "-2613427200",
    ]:
        for wrapping in (*list(WRAPPINGS.values())[:6], zlib.compress):
            data = noise(300, 3) + b'"' + wrapping(b"born " + written.encode() + b";") + b'"' + noise(300, 4)
            assert search(data, needles([BORN])) == {BORN}


@pytest.mark.parametrize("value", ["1887-03-09", "18870309"])
def test_both_spellings_of_the_source_seek_the_same(value: str) -> None:
    assert set(needles([value])) == set(needles([BORN]))


def test_a_value_deflated_alone_is_found_in_the_middle_of_other_bytes() -> None:
    # Nothing tells where a raw stream begins, so the stream itself is a needle
    assert search(noise(777, 5) + raw_deflate(NAME.encode()) + noise(333, 6), needles([NAME])) == {NAME}


def test_other_letters_and_escapes_are_found() -> None:
    for data in (NAME.upper().encode(), NAME.lower().encode(), json.dumps({"n": NAME}).encode(), NAME.encode("latin-1")):
        assert search(b"<" + data + b">", needles([NAME])) == {NAME}
    assert search(b"a &amp; b &lt; kanaari", needles(["a & b < kanaari"]))


def test_noise_betrays_nothing() -> None:
    sought = needles([*VALUES, "EE-18703091234", "kanaarilind@post.example"])
    for seed in range(5):
        data = noise(60_000, seed)
        assert not search(data, sought)
        assert not search(base64.b64encode(data[:20_000]) + b"\n" + data[20_000:30_000].hex().encode(), sought)


def test_a_value_that_noise_could_hold_is_no_canary() -> None:
    with pytest.raises(ValueError, match="too short"):
        needles(["4711"])


@pytest.mark.parametrize("checkpointed", [True, False])
def test_a_value_in_a_database_or_its_write_ahead_log_is_found(tmp_path: Path, *, checkpointed: bool) -> None:
    path = tmp_path / "planted.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("CREATE TABLE t (a, b)")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("INSERT INTO t VALUES (?, ?)", (noise(50, 7), zlib.compress(f"born {BORN}".encode())))
    connection.execute("INSERT INTO t VALUES (?, ?)", (POSTCODE, noise(3000, 8)))
    if checkpointed:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    held = {name: (tmp_path / name).read_bytes() for name in ("planted.db", "planted.db-wal")}
    connection.close()
    where = "planted.db" if checkpointed else "planted.db-wal"
    assert search(held.pop(where), needles(VALUES)) == {BORN, POSTCODE}
    (other,) = held.values()
    assert not search(other, needles(VALUES))
