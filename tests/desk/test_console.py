"""The operator's pages over real sockets: who gets in, what they show, and that they write nothing but proposals."""

import hashlib
from collections.abc import Iterator

import httpx2
import pytest

from idp.application.recorded_act import account
from idp.demo.browser import Browser
from idp.desk.operator.pages import PAGES
from tests.desk.console_stage import Console, served_console
from tests.desk.software_passkey import PRESENT, enrol, options_in, sign_in
from tests.desk.stage import DeskStage
from tests.idp.cli.command import Served, in_process, json_of


@pytest.fixture(scope="module")
def console(stage: DeskStage) -> Console:
    return Console(stage)


@pytest.fixture(scope="module", autouse=True)
def pages(console: Console, served: Served) -> Iterator[Served]:
    assert served.process.poll() is None
    with served_console(console, console.stage.folder / "console.log") as found:
        yield found


def answered(console: Console, path: str = "/", host: str = "", **headers: str) -> httpx2.Response:
    told = {"host": host or console.url.removeprefix("http://"), **headers}
    return httpx2.get(f"http://127.0.0.1:{console.port}{path}", headers=told, timeout=30)


def posted(console: Console, path: str, content: str, **headers: str) -> httpx2.Response:
    told = {"host": console.url.removeprefix("http://"), "content-type": "application/x-www-form-urlencoded", **headers}
    return httpx2.post(f"http://127.0.0.1:{console.port}{path}", headers=told, content=content, timeout=30)


def test_a_link_enrols_one_passkey_once_which_signs_in_until_its_administrator_is_removed(
    console: Console, pages: Served
) -> None:
    link, key = console.link_for("first"), console.passkey()
    with Browser() as browser, Browser() as other:
        assert "Your passkey is enrolled" in enrol(browser, link, key).text
        assert "You were not signed in" in enrol(other, link, console.passkey()).text
        # A session is never one that somebody planted (session fixation)
        cookie, planted = (console.url.removeprefix("http://"), "__Host-console"), "A" * 43
        browser._jar[cookie] = other._jar[cookie] = (planted, True)
        assert "Signed in as first" in sign_in(browser, console.url, key).text
        assert browser._jar[cookie][0] != planted
        assert "or your sign-in has ended" in console.get(other, "/services").text
        assert in_process("console", "add", "First", "--config", console.config).returncode == 1
        assert in_process("console", "remove", "first", "--config", console.config).returncode == 0
        assert "or your sign-in has ended" in console.get(browser, "/services").text
        assert "You were not signed in" in sign_in(browser, console.url, key).text
    assert link.partition("#")[2] not in pages.stderr
    assert in_process("console", "remove", "first", "--config", console.config).returncode == 1


def test_a_passkey_whose_holder_was_not_verified_signs_nobody_in_and_an_answer_serves_once(console: Console) -> None:
    key = console.passkey()
    with Browser() as browser:
        enrol(browser, console.link_for("unverified"), key)
        page = browser.get(f"{console.url}/sign-in/passkey")
        assert browser.submit(page, {"answer": key.used(options_in(page), PRESENT)}).status == 403
        page = browser.get(f"{console.url}/sign-in/passkey")
        way, answer = dict(browser._jar), key.used(options_in(page))
        assert "Signed in as unverified" in browser.submit(page, {"answer": answer}).text
        browser._jar.update(way)
        again = browser.submit(page, {"answer": answer})
        assert (again.status, "Signed in" in again.text) == (409, False)


def test_each_page_shows_what_is_in_force_and_the_line_of_the_command(console: Console) -> None:
    with Browser() as browser:
        home = console.administrator(browser, "reader")
        assert "Resident parking" in console.get(browser, "/services").text
        for page in PAGES:
            shown = console.get(browser, page.path)
            assert shown.status == 200, page.path
            assert f"--config {console.config}" in shown.text, page.path
        assert home.tree.xpath("//dt[.='Configuration']/following-sibling::dd")[0].text.startswith("1 (")
        disable = console.get(browser, "/switches?thing=party+parking").text
        line = f"ciconia party disable parking --kind party --reason WHY --config {console.config}"
        assert line in disable
        done = in_process(
            *line.replace("WHY", "Its secret leaked").split()[1:6], "--reason", "leak", "--config", console.config
        )
        assert done.returncode == 0
        assert "leak" in console.get(browser, "/").text
        again = in_process("party", "enable", "parking", "--reason", "mended", "--config", console.config)
        assert again.returncode == 0


def test_nobody_reads_a_page_without_a_session_by_another_host_or_in_a_frame(console: Console) -> None:
    for page in PAGES[1:]:
        assert answered(console, page.path).headers["location"] == "/?ended=1"
        assert answered(console, f"{page.stem}.jsonl?table=services").headers["location"] == "/?ended=1"
    for host in ("localhost", "127.0.0.1", f"127.0.0.1:{console.port}", "evil.example", console.stage.issuer[7:]):
        assert answered(console, host=host).status_code == 421, host
    for path in ("/", "/sign-in/passkey", "/enrol", "/nothing"):
        found = answered(console, path).headers
        assert "frame-ancestors 'none'" in found["content-security-policy"]
        assert found["x-frame-options"] == "DENY"


def test_another_sites_form_posts_nothing(console: Console) -> None:
    with Browser() as browser:
        console.administrator(browser, "posted")
        cookie = "; ".join(f"{name}={value}" for (_, name), (value, _) in browser._jar.items())
        for headers in ({"origin": console.stage.issuer}, {"origin": "null"}, {}, {"sec-fetch-site": "same-site"}):
            assert posted(console, "/sign-out", "", cookie=cookie, **headers).status_code == 403, headers
        assert "Signed in as posted" in console.get(browser, "/").text


def test_who_may_sign_in_is_on_record_and_an_auditors_passkey_opens_nothing(console: Console) -> None:
    in_process("console", "add", "noted", "--config", console.config)
    in_process("console", "remove", "noted", "--config", console.config)
    told = json_of(in_process("audit", "events", "--kind", "administrator", "--config", console.config, "--json"))["events"]
    assert isinstance(told, list)
    found = [(one["type"], one["who"]) for one in told if one["facts"].get("about") == "noted"]
    assert found == [("administrator.added", account()), ("administrator.removed", account())]
    listed = json_of(in_process("console", "list", "--config", console.config, "--json"))["administrators"]
    auditors = json_of(in_process("auditor", "list", "--config", console.config, "--json"))["auditors"]
    assert isinstance(listed, list)
    assert isinstance(auditors, list)
    assert {one["name"] for one in auditors}.isdisjoint({one["name"] for one in listed})


def test_the_pages_write_nothing_but_their_own_file(console: Console) -> None:
    def seen() -> dict[str, str]:
        files = [path for path in console.config.rglob("*") if path.is_file() and not path.name.startswith("ciconia.db")]
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.parent.name != "console"}

    before = seen()
    with Browser() as browser:
        console.administrator(browser, "quiet")
        for page in PAGES:
            console.get(browser, page.path)
    assert seen() == before
