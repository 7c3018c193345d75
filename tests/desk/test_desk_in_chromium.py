"""The desk in a real browser: passkeys, pages for everybody, and what a page may do."""

import json

import httpx2
import pytest
from playwright.sync_api import Browser, FilePayload, Request, expect

from idp.demo.browser import Browser as Citizen
from idp.desk.auditor.questions import PAGES
from tests.desk.passkey import authenticator, enrol, link_for, sign_in
from tests.desk.stage import DeskStage, number_in
from tests.e2e.browser import THEMES, Theme, decide, overflow, violations, window
from tests.idp.cli.command import Served, in_process, json_of
from tests.idp.server.crew import until

pytestmark = pytest.mark.peer

PATHS = tuple(page.path for page in PAGES)


def events_of_auditors(stage: DeskStage) -> str:
    told = json_of(in_process("audit", "events", "--kind", "auditor", "--config", stage.config, "--json"))
    return json.dumps(told["events"], separators=(",", ":"))


def test_a_link_enrols_one_passkey_once_which_signs_in_until_its_auditor_is_removed(
    chromium: Browser, stage: DeskStage, served: Served
) -> None:
    link = link_for("first", stage.config)
    token = link.partition("#")[2]
    with window(chromium) as opened, window(chromium) as other:
        authenticator(opened)
        enrol(opened.page, link)
        sign_in(opened.page, stage.url)
        assert "Signed in as first" in opened.page.content()
        assert opened.complaints == []
        # The link is used up, whoever else has it
        authenticator(other)
        other.page.goto(link)
        other.page.get_by_role("button", name="Enrol a passkey on this device").click()
        expect(other.page.get_by_role("heading", level=1)).to_have_text("You were not signed in")
        assert token not in served.stderr
        told = json_of(in_process("auditor", "list", "--config", stage.config, "--json"))["auditors"]
        assert isinstance(told, list)
        assert [(one["name"], one["enrolled"]) for one in told] == [("first", True)]
        assert in_process("auditor", "add", "first", "--config", stage.config).returncode == 1
        # As soon as its leaf has a place
        until(lambda: '"auditor.enrolled","who":"first"' in events_of_auditors(stage))
        assert in_process("auditor", "remove", "first", "--config", stage.config).returncode == 0
        opened.page.goto(f"{stage.url}/over-asking")
        assert "Sign in to the auditor" in opened.page.content()
        opened.page.goto(f"{stage.url}/sign-in/passkey")
        opened.page.get_by_role("button", name="Use my passkey").click()
        expect(opened.page.get_by_role("heading", level=1)).to_have_text("You were not signed in")
    assert in_process("auditor", "remove", "first", "--config", stage.config).returncode == 1


def test_an_answer_of_a_passkey_serves_once(chromium: Browser, stage: DeskStage, served: Served) -> None:
    seen: list[tuple[str, str]] = []

    def note(request: Request) -> None:
        if request.method == "POST" and request.url.endswith("/sign-in/passkey"):
            seen.append((request.post_data or "", request.all_headers().get("cookie", "")))

    with window(chromium) as opened:
        authenticator(opened)
        enrol(opened.page, link_for("replayed", stage.config))
        opened.page.on("request", note)
        sign_in(opened.page, stage.url)
        way = next(one["value"] for one in opened.context.cookies() if one["name"] == "__Host-desk")
    (body, cookie), *_ = seen
    assert "__Host-desk-way=" in cookie
    host = stage.url.removeprefix("http://")
    headers = {"host": host, "cookie": cookie, "origin": stage.url, "content-type": "application/x-www-form-urlencoded"}
    address = f"http://127.0.0.1:{stage.desk_port}/sign-in/passkey"
    for _ in range(2):
        again = httpx2.post(address, headers=headers, content=body, timeout=30)
        assert (again.status_code, "__Host-desk=" in str(again.headers)) == (403, False)
    # And another site's page posts none
    other = {**headers, "origin": stage.issuer}
    assert httpx2.post(address, headers=other, content=body, timeout=30).status_code == 403
    assert way not in served.stderr


@pytest.mark.spec("WCAG 2.2 AA, and 1.4.6 of AAA")
@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_on_any_page_of_the_desk(
    chromium: Browser, stage: DeskStage, served: Served, theme: Theme
) -> None:
    assert served.process.poll() is None
    with window(chromium, theme=theme) as opened:
        for path in ("/", "/?ended=1", "/sign-in/passkey", "/enrol", "/no-such-page", "/callback"):
            opened.page.goto(f"{stage.url}{path}")
            assert violations(opened.page) == [], path
        authenticator(opened)
        enrol(opened.page, link_for(f"axe-{theme}", stage.config))
        assert violations(opened.page) == []
        sign_in(opened.page, stage.url)
        with Citizen() as citizen:
            stage.release(citizen)
        for path in PATHS:
            opened.page.goto(f"{stage.url}{path}")
            assert violations(opened.page) == [], path
        # What comes of a form: a record, files that open nothing, and receipts
        opened.page.goto(f"{stage.url}/prove?record=0")
        assert violations(opened.page) == []
        for path in ("/person", "/receipts"):
            opened.page.goto(f"{stage.url}{path}")
            file = FilePayload(name="a.json", mimeType="application/json", buffer=b"{}")
            opened.page.locator("input[type=file]").set_input_files([file])
            opened.page.get_by_role("button", name="Compare").click()
            expect(opened.page.locator("main .notice").first).to_be_visible()
            assert violations(opened.page) == [], path
        assert opened.complaints == []


def test_nobody_needs_a_script_to_sign_in_with_their_eid_read_and_sign_out(
    chromium: Browser, stage: DeskStage, served: Served
) -> None:
    with Citizen() as citizen:
        stage.relist(served, {number_in(stage.sign_in(citizen)): "plain"})
    with window(chromium, scripts=False, width=320) as opened:
        page = opened.page
        page.goto(stage.url)
        assert overflow(page) == []
        page.get_by_role("link", name="Sign in with your eID").click()
        page.locator("a[href*='/at/']").first.click()
        page.locator("button[value=mari]").click()
        page.get_by_role("button").click()
        decide(page)
        # The broker's page leads to the desk by itself, and that one to its first page
        expect(page.locator(".signed")).to_contain_text("Signed in as plain")
        for path in PATHS:
            page.goto(f"{stage.url}{path}")
            # A wide table scrolls in a region of its own (WCAG 2.2, 1.4.10 exempts it), and the page does not
            assert not [each for each in overflow(page) if each.startswith("HTML")], path
        page.get_by_role("link", name="Asked too much", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Which services ask for more than they get?")
        page.get_by_role("button", name="Sign out").click()
        assert "Sign in to the auditor" in page.content()
        assert opened.complaints == []
