"""Proposals of the operator's pages over real sockets, and what `ciconia apply` and `approve` make of them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from idp.config.settings import SETTINGS_FILE
from idp.demo.browser import Browser, Page
from tests.desk.console_stage import Console, served_console
from tests.desk.stage import DeskStage
from tests.idp.changes.signing import person
from tests.idp.cli.command import in_process, json_of

FILE = "parties/parking.toml"


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with proposing(DeskStage(tmp_path_factory.mktemp("proposals"))) as found:
        yield found


@contextmanager
def proposing(stage: DeskStage) -> Iterator[Console]:
    """A broker with three persons who sign, and its pages, until the block ends."""
    found = Console(stage)
    settings = stage.config / SETTINGS_FILE
    settings.write_text(f"four_eyes = true\n{settings.read_text(encoding='utf-8')}", encoding="utf-8")
    (stage.config / "operators").mkdir()
    for name in ("mari", "juhan", "liis"):
        (stage.config / "operators" / f"{name}.pub").write_text(person(name).line, encoding="utf-8")
        (stage.folder / name).write_bytes(person(name).private)
    with stage.served(), served_console(found, stage.folder / "console.log"):
        yield found


@pytest.fixture(scope="module")
def mari(console: Console) -> Iterator[Browser]:
    with Browser() as browser:
        console.administrator(browser, "mari")
        yield browser


@pytest.fixture(scope="module")
def liis(console: Console) -> Iterator[Browser]:
    with Browser() as browser:
        console.administrator(browser, "liis")
        yield browser


def text_of(page: Page) -> str:
    # A browser drops the line feed after the tag
    return str(page.tree.xpath("//textarea")[0].text).removeprefix("\n")


def looked(console: Console, browser: Browser, old: str, new: str, file: str = FILE) -> Page:
    """The page that says what a change of a file would mean."""
    form = console.get(browser, f"/propose?file={file}")
    changed = text_of(form).replace(old, new)
    assert changed != text_of(form)
    return browser.submit(form, {"text": changed, "why": "It has a new name", "act": "look"}, "//form[@class='edit']")


def written(browser: Browser, page: Page) -> Page:
    fields = {"text": text_of(page), "why": "It has a new name", "act": "write"}
    return browser.submit(page, fields, "//form[@class='edit']")


def proposed(console: Console, browser: Browser, old: str, new: str) -> str:
    """Propose a change of the title of a service; the digest of its plan."""
    page = written(browser, looked(console, browser, old, new))
    assert page.status == 200, page.text
    return page.url.partition("plan=")[2]


def act(console: Console, word: str, plan: str, name: str) -> tuple[int, str]:
    key = console.stage.folder / name
    done = in_process(word, plan, "--as", name, "--key", key, "--config", console.config)
    return done.returncode, done.stdout + done.stderr


def state(console: Console, browser: Browser, plan: str) -> str:
    return str(console.get(browser, f"/plans?plan={plan}").tree.xpath("//p[@class='notice']")[0].text)


def files(console: Console) -> list[Path]:
    return sorted((console.config / "console" / "proposals").glob("*"))


def test_a_proposal_waits_for_a_second_person_and_then_apply_puts_it_in_force_and_into_the_folder(
    console: Console, mari: Browser
) -> None:
    page = looked(console, mari, 'en = "', 'en = "New ')
    assert "It needs a second person" in page.text
    plan = written(mari, page).url.partition("plan=")[2]
    assert "waits for an approval" in state(console, mari, plan)
    shown = in_process("plan", "--proposal", plan, "--config", console.config)
    assert f"Plan {plan}" in shown.stdout
    code, said = act(console, "apply", plan, "mari")
    assert (code, "it waits for the approval of one of: juhan, liis" in said) == (1, True)
    assert act(console, "approve", plan, "mari")[0] == 1
    assert act(console, "approve", plan, "juhan")[0] == 0
    assert "may be applied" in state(console, mari, plan)
    assert "juhan" in console.get(mari, f"/plans?plan={plan}").text
    before = (console.config / FILE).read_text(encoding="utf-8")
    assert act(console, "apply", plan, "mari")[0] == 0
    after = (console.config / FILE).read_text(encoding="utf-8")
    assert after == before.replace('en = "', 'en = "New ')
    assert console.get(mari, f"/plans?plan={plan}").status == 404
    assert ">New " in console.get(mari, "/services").text
    # The folder is what is in force: no reload takes it back
    assert "Nothing changes" in in_process("plan", "--config", console.config).stdout


def test_nobody_approves_what_they_proposed_whoever_applies_it(console: Console, mari: Browser) -> None:
    plan = proposed(console, mari, 'en = "', 'en = "Own ')
    # Before somebody else plans it, and after
    for _ in range(2):
        code, said = act(console, "approve", plan, "mari")
        assert (code, "nobody approves what they proposed" in said) == (1, True), said
        assert act(console, "apply", plan, "juhan")[0] == 1
    told = json_of(in_process("audit", "events", "--kind", "plan", "--config", console.config, "--json"))["events"]
    assert "nobody approves what they proposed" in json.dumps(told)
    assert act(console, "approve", plan, "liis")[0] == 0
    assert act(console, "apply", plan, "juhan")[0] == 0


def test_a_plan_that_something_else_overtook_is_refused(console: Console, mari: Browser) -> None:
    first, second = (proposed(console, mari, 'en = "', f'en = "{word} ') for word in ("A", "B"))
    page = looked(console, mari, 'en = "', 'en = "C ')
    assert [act(console, word, first, name)[0] for word, name in (("approve", "juhan"), ("apply", "mari"))] == [0, 0]
    assert "overtaken" in state(console, mari, second)
    code, said = act(console, "apply", second, "mari")
    assert (code, "Plan again" in said or "not the plan" in said) == (1, True), said
    # What was shown before is not what would be written now
    assert written(mari, page).status == 409
    withdrawn = mari.submit(console.get(mari, f"/plans?plan={second}"), {}, "//form[@action='/plans'][@method='post']")
    assert second[:12] not in withdrawn.text


def test_two_administrators_at_once_propose_the_same_once(console: Console, mari: Browser, liis: Browser) -> None:
    pages = [looked(console, browser, 'en = "', 'en = "Twice ') for browser in (mari, liis)]
    found = [written(browser, page).status for browser, page in zip((mari, liis), pages, strict=True)]
    assert found == [200, 409]
    assert "proposed by mari" in console.get(liis, "/plans").text


@pytest.mark.parametrize(
    "name",
    [
        "../ciconia.toml",
        "parties/../../x.toml",
        "parties/a/b.toml",
        "/etc/passwd",
        "operators/mari.pub",
        "ciconia.toml",
        "parties/.x.toml",
        "metadata/x.xml",
        "parties/x.toml\n",
        "",
    ],
)
def test_a_name_with_a_path_or_of_another_kind_proposes_nothing(console: Console, mari: Browser, name: str) -> None:
    before = files(console)
    form = console.get(mari, f"/propose?file={FILE}")
    for word in ("look", "write"):
        fields = {"file": name, "text": "x = 1", "why": "why", "act": word}
        assert mari.submit(form, fields, "//form[@class='edit']").status == 400
    assert files(console) == before
    assert console.get(mari, "/plans?plan=../../ciconia").status == 404


def test_a_form_is_of_this_sessions_own_page(console: Console, mari: Browser, liis: Browser) -> None:
    before = files(console)
    mine, theirs = (console.get(browser, f"/propose?file={FILE}") for browser in (mari, liis))
    other = str(theirs.tree.xpath("//form[@class='edit']//input[@name='token']")[0].get("value"))
    for token in ("", other):
        fields = {"text": text_of(mine) + "\n", "why": "why", "act": "write", "token": token}
        assert mari.submit(mine, fields, "//form[@class='edit']").status == 403
    assert files(console) == before


def test_what_nobody_could_serve_is_named_and_the_text_stays(console: Console, mari: Browser) -> None:
    page = looked(console, mari, "client_id", "klient_id")
    assert "It cannot be served so" in page.text
    assert "klient_id" in text_of(page)
    assert not page.tree.xpath("//button[@value='write']")


def test_an_administrator_who_was_removed_proposes_nothing_more_and_what_they_proposed_says_so(
    console: Console, mari: Browser
) -> None:
    with Browser() as browser:
        console.administrator(browser, "gone")
        plan = proposed(console, browser, 'en = "', 'en = "Late ')
        form = looked(console, browser, 'en = "', 'en = "Later ')
        assert in_process("console", "remove", "gone", "--config", console.config).returncode == 0
        assert "or your sign-in has ended" in written(browser, form).text
    assert "gone (removed)" in console.get(mari, "/plans").text
    assert act(console, "apply", plan, "mari")[0] == 1


def test_a_proposal_that_nobody_made_here_counts_as_none(console: Console, mari: Browser) -> None:
    plan = proposed(console, mari, 'en = "', 'en = "Forged ')
    file = console.config / "console" / "proposals" / f"{plan}.json"
    said = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**said, "author": "juhan"}), encoding="utf-8")
    assert console.get(mari, f"/plans?plan={plan}").status == 404
    code, said = act(console, "apply", plan, "mari")
    assert (code, "not the plan" in said) == (1, True), said


def test_a_file_of_the_folder_that_somebody_edits_is_not_overwritten(console: Console, mari: Browser) -> None:
    plan = proposed(console, mari, 'en = "', 'en = "Kept ')
    file = console.config / FILE
    edited = file.read_text(encoding="utf-8") + "# somebody is at work here\n"
    file.write_text(edited, encoding="utf-8")
    assert "The configuration folder differs from what is in force" in console.get(mari, "/plans").text
    assert act(console, "approve", plan, "juhan")[0] == 0
    code, said = act(console, "apply", plan, "mari")
    assert (code, FILE in said, file.read_text(encoding="utf-8")) == (0, True, edited)
