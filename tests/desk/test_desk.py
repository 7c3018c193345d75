"""The auditor's desk over real sockets: who gets in, who does not, and what is reached where."""

import base64
import os
import signal
import time
from pathlib import Path

import httpx2
import pytest

from idp.demo.browser import Browser, Page
from idp.ledger.merkle_tree import leaf_hash
from tests.desk.stage import DeskStage, number_in
from tests.idp.cli.command import Served, ciconia, json_of
from tests.idp.server.crew import until
from tests.idp.tile_reader import leaves_of, root_of

NAME = "liis"


@pytest.fixture(scope="module")
def number(stage: DeskStage, served: Served) -> str:
    """The number of the demo's Mari at the desk, which she learns there and the operator lists."""
    with Browser() as browser:
        refused = stage.sign_in(browser)
    assert refused.status == 403
    found = number_in(refused)
    stage.relist(served, {found: NAME})
    return found


def answered(port: int, host: str, path: str = "/") -> httpx2.Response:
    return httpx2.get(f"http://127.0.0.1:{port}{path}", headers={"host": host}, timeout=30)


def home(stage: DeskStage, browser: Browser) -> Page:
    """The desk's first page, by a link of its own: a Strict cookie comes along."""
    return browser.get(f"{stage.url}/", origin=stage.url)


def test_a_listed_person_signs_in_with_their_eid_reads_and_signs_out(stage: DeskStage, served: Served, number: str) -> None:
    with Browser() as browser:
        assert "You are signed in" in stage.sign_in(browser).text
        desk = home(stage, browser)
        assert f"Signed in as {NAME}" in desk.text
        assert "Was the record changed?" in desk.text
        assert number not in desk.text
        assert number not in served.stderr
        kept = [value for (_, name), value in browser._jar.items() if name == "__Host-desk"]
        left = browser.submit(desk, {}, "//form[@action='/sign-out']")
        assert "Sign in to the auditor" in left.text
    # Whoever copied the cookie has no session any more
    copied = {"host": stage.url.removeprefix("http://"), "cookie": f"__Host-desk={kept[0][0]}"}
    assert "Sign in to the" in httpx2.get(f"http://127.0.0.1:{stage.desk_port}/", headers=copied, timeout=30).text
    assert [line for line in served.lines if "auditor_signed_in" in line and NAME in line]
    assert [line for line in served.lines if "auditor_signed_out" in line and NAME in line]


@pytest.mark.usefixtures("served", "number")
@pytest.mark.spec("issue 31 item 4")
def test_an_auditor_reads_the_leaves_that_the_public_cannot(stage: DeskStage) -> None:
    with Browser() as browser:
        stage.sign_in(browser)
        cookie = next(value for (_, name), value in browser._jar.items() if name == "__Host-desk")[0]

    def got(place: str, cookie: str = cookie) -> httpx2.Response:
        told = {"host": stage.url.removeprefix("http://"), "cookie": f"__Host-desk={cookie}"}
        return httpx2.get(f"http://127.0.0.1:{stage.desk_port}/log/{place}", headers=told, timeout=30)

    until(lambda: got("checkpoint").status_code == 200)
    # One checkpoint for all: the broker signs the next one at any moment
    _, leaf_count, root, *_ = got("checkpoint").text.split("\n")
    size = int(leaf_count)
    assert 0 < size < 256
    leaves = leaves_of(got(f"tile/entries/000.p/{size}").content)
    assert b"".join(leaf_hash(leaf) for leaf in leaves) == got(f"tile/0/000.p/{size}").content
    assert root_of(size, lambda place: got(place).content) == base64.b64decode(root)
    for place in ("tile/entries/000", "tile/0/00", "entries/000", "", "vkey", "checkpoint/"):
        assert got(place).status_code == 404
    for place in ("checkpoint", f"tile/entries/000.p/{size}"):
        nobody = got(place, "of nobody")
        assert (nobody.status_code, nobody.headers["location"]) == (303, "/?ended=1")
    at_the_broker = answered(stage.broker_port, stage.issuer.removeprefix("http://"), f"/log/tile/entries/000.p/{size}")
    assert at_the_broker.status_code == 404


def test_a_citizen_who_is_no_auditor_learns_their_number_at_the_desk_and_sees_nothing(
    stage: DeskStage, served: Served, number: str
) -> None:
    with Browser() as browser:
        refused = stage.sign_in(browser, "juhan")
        assert (refused.status, number_in(refused) != number) == (403, True)
        assert "Sign in to the auditor" in home(stage, browser).text
        for path in ("/over-asking", "/record.csv?table=log_keys", "/over-asking.jsonl?table=over_asking"):
            assert "Sign in to the auditor" in browser.get(f"{stage.url}{path}", origin=stage.url).text, path
    assert [line for line in served.lines if "auditor_failed" in line and "not_listed" in line]
    deadline = time.monotonic() + 20
    while True:
        told = json_of(ciconia("audit", "events", "--kind", "administrator", "--config", stage.config, "--json"))["events"]
        assert isinstance(told, list)
        if any((one["facts"]["about"], one["why"], one["who"]) == ("ciconia", "not_listed", "") for one in told):
            break
        assert time.monotonic() < deadline, "the failure has a leaf"


def test_a_person_below_high_does_not_get_in(stage: DeskStage, served: Served, number: str) -> None:
    with Browser() as browser:
        assert "You are signed in" not in stage.sign_in(browser, "toomas").text
        assert "Sign in to the auditor" in home(stage, browser).text
    assert served.process.poll() is None
    assert number


def test_a_listed_person_who_is_taken_out_of_the_list_has_no_session_any_more(
    stage: DeskStage, served: Served, number: str
) -> None:
    with Browser() as browser:
        stage.sign_in(browser)
        assert "Signed in as" in home(stage, browser).text
        stage.relist(served, {"A" * 52: "somebody-else"})
        assert "Sign in to the auditor" in home(stage, browser).text
        stage.relist(served, {number: NAME})
        assert "Signed in as" in home(stage, browser).text


def test_an_answer_of_the_broker_serves_once_and_in_one_browser(stage: DeskStage, served: Served, number: str) -> None:
    with Browser() as browser, Browser() as other:
        used = stage.sign_in(browser).url
        assert "/callback?" in used
        assert browser.get(used, origin=stage.issuer).status == 403
        # Another browser, which began a sign-in of its own
        other.get(f"{stage.url}/sign-in/ciconia", origin=stage.url)
        assert other.get(used, origin=stage.issuer).status == 403
        assert "Sign in to the auditor" in home(stage, other).text
    assert number not in served.stderr


def test_a_form_of_another_site_signs_nobody_out(stage: DeskStage, served: Served, number: str) -> None:
    with Browser() as browser:
        stage.sign_in(browser)
        host = stage.url.removeprefix("http://")
        cookie = "; ".join(f"{name}={value}" for (_, name), (value, _) in browser._jar.items() if name == "__Host-desk")
        headers = {"host": host, "cookie": cookie, "sec-fetch-site": "cross-site", "origin": stage.issuer}
        answer = httpx2.post(f"http://127.0.0.1:{stage.desk_port}/sign-out", headers=headers, data={"a": "b"}, timeout=30)
        assert answer.status_code == 403
        assert "Signed in as" in home(stage, browser).text
    assert number not in served.stderr


def test_desk_and_broker_are_reached_at_their_own_addresses_alone(stage: DeskStage, served: Served) -> None:
    desk, broker = stage.url.removeprefix("http://"), stage.issuer.removeprefix("http://")
    assert answered(stage.desk_port, desk).status_code == 200
    assert answered(stage.broker_port, broker, "/jwks").status_code == 200
    # Neither listener knows the other's host, whatever the path; and the desk no bare address
    for path in ("/", "/record.csv", "/callback", "/jwks", "/authorize", "/log/checkpoint"):
        assert answered(stage.broker_port, desk, path).status_code == 421, path
        assert answered(stage.desk_port, broker, path).status_code == 421, path
        assert answered(stage.desk_port, f"127.0.0.1:{stage.desk_port}", path).status_code == 421, path
    # At its own address neither has the other's pages
    assert answered(stage.desk_port, desk, "/jwks").status_code == 404
    assert answered(stage.broker_port, broker, "/over-asking").status_code == 404
    assert served.process.poll() is None


def test_a_desk_that_dies_comes_back_and_ends_with_the_broker(tmp_path: Path) -> None:
    stage = DeskStage(tmp_path / "stage")
    desk, broker = (url.removeprefix("http://") for url in (stage.url, stage.issuer))
    with stage.served() as served:
        children = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children")
        before = {int(number) for number in children.read_text(encoding="ascii").split()}
        # One worker, and the desk
        assert len(before) == 2
        for process in before:
            os.kill(process, signal.SIGKILL)

        def back() -> bool:
            now = {int(number) for number in children.read_text(encoding="ascii").split()}
            return len(now) == 2 and not now & before

        until(back)
        until(lambda: answered(stage.desk_port, desk).status_code == 200)
        assert answered(stage.broker_port, broker, "/jwks").status_code == 200
        assert served.end(signal.SIGTERM) == 0
        with pytest.raises(httpx2.ConnectError):
            answered(stage.desk_port, desk)
        assert "Traceback" not in served.stderr


def test_a_desk_whose_tenant_cannot_be_opened_says_so_and_logins_go_on(tmp_path: Path) -> None:
    stage = DeskStage(tmp_path / "stage")
    desk, broker = (url.removeprefix("http://") for url in (stage.url, stage.issuer))
    with stage.served() as served:
        key = stage.config / "keys" / "es256.pem"
        sound = key.read_bytes()
        key.write_bytes(b"half a key")
        # Nobody has asked the desk yet, so it is opened now
        refused = answered(stage.desk_port, desk)
        assert (refused.status_code, "cannot be opened now" in refused.text) == (503, True)
        assert answered(stage.broker_port, broker, "/jwks").status_code == 200
        key.write_bytes(sound)
        until(lambda: answered(stage.desk_port, desk).status_code == 200)
        assert served.process.poll() is None
