"""Files to and from the desk: a download that somebody pauses holds nothing, and a form is bounded before it is read."""

import asyncio
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from idp.desk.auditor.uploads import MAX_FILES, files_in
from idp.sequencer.sequencer import Sequencer
from idp.store.store import Store
from policies.errors import RequestRefused
from tests.desk.city_desk import CityDesk, city_desk
from tests.idp.audit.conftest import SIZE, city_folder, city_store, filled, migrated
from tests.idp.store.units import KEYS, edit, release, unit

__all__ = ["city_folder", "city_store", "filled", "migrated"]


@pytest.fixture
def desk(city_store: Store, tmp_path: Path) -> Iterator[CityDesk]:
    with city_desk(city_store, tmp_path) as found:
        yield found


def test_a_bundle_that_somebody_pauses_holds_no_snapshot(desk: CityDesk, city_folder: Path) -> None:
    address = desk.address("/bundle")
    host, port = address.removeprefix("http://").partition("/")[0].split(":")
    with closing(socket.socket()) as pausing:
        pausing.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        pausing.connect((host, int(port)))
        head = "".join(f"{name}: {value}\r\n" for name, value in desk.headers.items())
        pausing.sendall(f"GET /bundle HTTP/1.1\r\n{head}\r\n".encode())
        assert pausing.recv(1024).startswith(b"HTTP/1.1 200")
        time.sleep(1)
        # Whoever holds a snapshot keeps SQLite from folding its log into the file
        edit(city_folder, "INSERT INTO summaries VALUES ('other.example', 1, zeroblob(10))")
        with closing(sqlite3.connect(city_folder / "ciconia.db")) as connection:
            busy, log, folded = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        assert (busy, log, folded) == (0, 0, 0)


def test_a_bundle_refuses_filters_that_it_does_not_know_by_their_names(desk: CityDesk) -> None:
    for query in (
        {"attribute": "birthdate"},
        {"country": "EE", "service": "service-01"},
        {"basis": "consent"},
        {"a<b": ""},
    ):
        refused = desk.get("/bundle", **query)
        names = ", ".join(name.replace("<", "&lt;") for name in query if name != "service")
        assert (refused.status_code, f"and not of: {names}." in refused.text) == (400, True), refused.text


def test_a_bundle_that_cannot_be_whole_is_a_page_and_no_file(desk: CityDesk, city_folder: Path) -> None:
    assert desk.get("/bundle", since="yesterday").status_code == 400
    edit(city_folder, "DELETE FROM leaves WHERE leaf_index = 8300")
    refused = desk.get("/bundle", service="service-01")
    assert (refused.status_code, "ciconia ledger verify" in refused.text) == (503, True)
    edit(city_folder, "DELETE FROM checkpoints")
    assert desk.get("/bundle").status_code == 404


def test_two_auditors_export_at_once_while_the_sequencer_writes(desk: CityDesk, city_store: Store) -> None:
    whole = desk.get("/releases.csv", table="releases").text
    found, ended = dict[str, list[httpx2.Response]](), threading.Event()

    def export(name: str, path: str, **query: str) -> None:
        while not ended.is_set():
            found.setdefault(name, []).append(desk.get(path, **query))

    threads = [
        threading.Thread(target=export, args=("table", "/releases.jsonl"), kwargs={"table": "releases"}),
        threading.Thread(target=export, args=("bundle", "/bundle"), kwargs={"service": "service-05"}),
    ]
    sequencer, written = Sequencer(city_store, KEYS, checkpoint_seconds=0), 0
    for thread in threads:
        thread.start()
    ends = time.monotonic() + 8
    while time.monotonic() < ends:
        city_store.commit(unit(record=release()))
        sequencer.step()
        written += 1
    ended.set()
    for thread in threads:
        thread.join()
    sequencer.stop()
    assert {one.status_code for each in found.values() for one in each} == {200}
    assert len(found["table"]) > 1
    # Each bundle is signed to its end, whatever was written meanwhile
    assert all(b'"signature"' in one.content.splitlines()[-1] for one in found["bundle"])
    assert written > 10
    rows = desk.rows("/releases", "releases")
    assert sum(int(str(row["releases"])) for row in rows if row["service"] == "parking") == written
    assert whole.count("\n") == len(rows)
    assert SIZE + written == desk.auditor.engine.connect().exec_driver_sql("SELECT size FROM trees").scalar()


# -- uploads


def form(*parts: bytes, end: bytes = b"\r\n--b--\r\n") -> bytes:
    return b"".join(b"\r\n--b\r\n" + part for part in parts).removeprefix(b"\r\n") + end


FILE = b'Content-Disposition: form-data; name="files"; filename="%s"\r\nContent-Type: x\r\n\r\n%s'


def test_the_files_of_a_form_are_read_as_they_were_sent() -> None:
    octets = (b"", b"\r\n\r\n", b"x--b", b"\xff\r\n--c", b"a: b\r\n\r\nContent-Disposition: x")
    parts = [FILE % (str(place).encode(), each) for place, each in enumerate(octets)]
    field = b'Content-Disposition: form-data; name="a"\r\n\r\nb'
    assert files_in("b", form(field, *parts)) == [(str(place), each) for place, each in enumerate(octets)]
    assert files_in("b", form(FILE % ("ä%22".encode(), b"x")))[0][0] == "ä%22"
    assert len(files_in("b", form(FILE % (b"n" * 500, b"x")))[0][0]) == 100


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b",
        b"--b--\r\n",
        form(FILE % (b"a", b"x"), end=b""),
        form(FILE % (b"a", b"x"), end=b"\r\n--b"),
        form(b"no head"),
        form(b"x: " + b"y" * 5000 + b"\r\n\r\nz"),
        form(b'Content-Disposition: form-data; name="a"\r\n\r\nb'),
        form(*[b"\r\n"] * (MAX_FILES + 1)),
        b"--bb\r\n" + FILE % (b"a", b"x") + b"\r\n--bb--\r\n",
        # A million boundaries
        b"\r\n--b" * 1_000_000,
    ],
)
def test_a_form_that_no_browser_posts_is_refused_at_once(body: bytes) -> None:
    begins = time.process_time()
    with pytest.raises(RequestRefused):
        files_in("b", body)
    assert time.process_time() - begins < 2


def test_a_form_is_taken_apart_where_no_other_request_waits(desk: CityDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    loops = list[object]()

    def seen(boundary: str, body: bytes) -> Sequence[tuple[str, bytes]]:
        try:
            loops.append(asyncio.get_running_loop())
        except RuntimeError:
            loops.append(None)
        return files_in(boundary, body)

    monkeypatch.setattr("idp.desk.auditor.application.files_in", seen)
    answer = desk.post("/receipts", *[b"{}" * 400] * MAX_FILES)
    assert (answer.status_code, "Receipts do not agree" in answer.text) == (200, True)
    assert desk.post("/receipts", *[b"{}"] * (MAX_FILES + 1)).status_code == 400
    assert loops == [None, None]
