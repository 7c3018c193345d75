"""The log's tiles over HTTP: anybody computes the checkpoint's root from them; other addresses are not there."""

import time
from urllib.parse import urlsplit

import httpx2
import pytest

from idp.ledger.checkpoint import TreeHead, open_note
from tests.idp.tile_reader import root_of
from tests.idp.web.stage import Stage
from tests.idp.web.test_receipts_http import with_proof
from tests.idp.web.visitor import Visitor
from tests.tile_client import audited


def got(visitor: Visitor, path: str, method: str = "GET") -> httpx2.Response:
    host = urlsplit(visitor.stage.issuer).netloc
    return visitor.http.request(method, f"http://127.0.0.1:{host.rpartition(':')[2]}{path}", headers={"host": host})


@pytest.mark.spec("issue 31 item 4; consent.md §8")
def test_the_checkpoints_root_comes_out_of_the_tiles(visitor: Visitor, stage: Stage) -> None:
    visitor.code()
    with_proof(visitor)
    note = got(visitor, "/log/checkpoint").content
    head = TreeHead.read(open_note(note, stage.application.keys.ledger.log.at(int(time.time())).verifier))
    assert head.size > 0
    assert root_of(head.size, lambda place: got(visitor, f"/log/{place}").content) == head.root
    first = got(visitor, "/log/tile/0/000.p/1")
    assert (first.status_code, len(first.content)) == (200, 32)
    assert first.headers["content-type"] == "application/octet-stream"
    assert first.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "set-cookie" not in first.headers
    assert got(visitor, "/log/tile/0/000.p/1", "HEAD").status_code == 200


@pytest.mark.peer
@pytest.mark.spec("issue 31, real parts")
def test_another_makers_client_reads_the_log_at_its_own_addresses(visitor: Visitor, stage: Stage) -> None:
    visitor.code()
    with_proof(visitor)
    note = got(visitor, "/log/checkpoint").text
    vkey = str(stage.application.keys.ledger.log.at(int(time.time())).verifier)
    found = audited(f"{stage.issuer}/log", note, vkey, entries=False)
    assert found is not None
    assert (found.size, found.tiles > 0, found.bundles) == (int(note.split("\n")[1]), True, 0)


@pytest.mark.spec("issue 31 item 4")
@pytest.mark.parametrize(
    "place",
    [
        *("0/x001/000", "0/x001/000.p/255", "7/000.p/1", "0/x999/x999/999"),  # no checkpoint covers them
        *("0/0", "00/000", "8/000", "0/x000/000", "0/000.p/0", "0/000.p/256", "0/000.p/01", "", "0/", "0/000/", "x"),
        *("entries/000", "entries/000.p/1", "entries/"),  # for auditors
        *("0/%30%30%30%2ep/0", "0/000.p/1%0a", "0/..%2f000"),
    ],
)
def test_what_is_no_tile_of_this_log_is_not_there_and_nobody_keeps_that(visitor: Visitor, place: str) -> None:
    answer = got(visitor, f"/log/tile/{place}")
    assert answer.status_code == 404
    assert "immutable" not in answer.headers.get("cache-control", "")
