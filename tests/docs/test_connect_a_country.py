"""docs/connect-a-country.md, followed by two operators who have nothing else: a country is connected, a login crosses."""

import hashlib
import re
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from shutil import copyfile

import pytest

from connectors.metadata.peers import FAILURES, NODE_VALIDITY
from idp.application.load import load_all
from idp.config.settings import Settings
from idp.demo.browser import Browser, Page
from idp.demo.city import City, services
from idp.demo.scene import bound
from idp.demo.stage_servers import StageServers
from idp.keys.file import CERTIFICATE_LIFE, create_token_key, load_signer
from idp.protocols.eidas.receiving_node import METADATA_LIFE
from policies.assurance import LevelOfAssurance
from policies.parties import ProviderId
from tests.docs.operators import ISSUERS, Block, Operators, blocks_of, copied

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "connect-a-country.md"
BLOCKS = blocks_of(PAGE)
SECRET = "made up for this test"
MAKING, STARTING, APPROVING = "1. Make a node", "4. Start both", "5. Approve what the metadata says"
SETTING_UP = (MAKING, "2. Give the other side what it must trust", "3. Register the other side")
LEVELS, NEW_KEY, TAKEN_OUT = "Levels", "Change a key", "Take a country out"
LISTED, MOVED = "Rest on a list that is fetched again", "When a node moves"
DECISION = "//form[.//*[@name='decided']]"


@pytest.fixture
def operators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Operators]:
    monkeypatch.chdir(tmp_path)
    both = Operators(tmp_path)
    yield both
    both.close()


@pytest.fixture
def city(operators: Operators, tmp_path: Path) -> Iterator[City]:
    """A city with a service. What it needs of the receiving node is no matter of the page: see `register`."""
    listening = bound(0)
    create_token_key(tmp_path / "fares.pem", "ES256")
    base = f"http://storkhaven.localhost:{listening.getsockname()[1]}"
    known = services(base, {"parking": SECRET, "budget": SECRET}, load_signer(tmp_path / "fares.pem"))
    made, playing = City(base=base, issuer=operators.words[ISSUERS["receiving"]], services=known), StageServers()
    playing.thread("city", made.app(), listening)
    yield made
    playing.close()
    listening.close()
    made.close()


def follow(operators: Operators, *sections: str) -> None:
    for section in sections:
        for block in BLOCKS:
            if block.section == section:
                operators.follow(block)


def register(city: City, folder: Path) -> None:
    """The city's service at the receiving node, as the demo has it."""
    words = {"@CITY@": city.base, "@PARKING_SECRET_SHA256@": hashlib.sha256(SECRET.encode()).hexdigest()}
    for name in ("parties/parking.toml", "purposes/resident-parking.toml"):
        text = resources.files("idp.demo").joinpath("receiving", name).read_text(encoding="utf-8")
        for word, value in words.items():
            text = text.replace(word, value)
        (folder / name).write_text(text, encoding="utf-8")


def picker(browser: Browser, city: City) -> Page:
    page = browser.get(f"{city.base}/parking/login")
    assert page.status == 200, page.text
    return page


def countries(page: Page) -> list[str]:
    """Those that can be chosen."""
    found = page.tree.xpath("//ul[@class='countries']//*[self::a or self::button]//*[@class='country']/text()")
    assert isinstance(found, list)
    return [str(name) for name in found]


def log_in(operators: Operators, city: City) -> dict[str, object]:
    """One citizen's way there and back; what the service was told in the end."""
    issuer = operators.words[ISSUERS["receiving"]]
    with Browser() as browser:
        page = browser.choose(picker(browser, city), "/at/ee")
        for fields, form in (({"citizen": "mari"}, "//form"), ({}, "//form"), ({"choice": "continue"}, DECISION)):
            assert page.status == 200, page.text
            page = browser.submit(page, {**page.boxes, **fields}, form)
        question = browser.submit(page, {})
        assert question.status == 200, question.text
        leaving = browser.submit(question, {"choice": "approve"}, DECISION)
        end = browser.get(
            leaving.link("//main//a[contains(@href, 'code=')]"), origin=issuer, accept="application/json"
        ).json()
    token, userinfo = end["id_token"], end["userinfo"]
    assert isinstance(token, dict)
    assert isinstance(userinfo, dict)
    return {**token, **userinfo}


def until_they_know_each_other(operators: Operators) -> None:
    operators.until_in_use("receiving", operators.told("sending"))
    operators.until_in_use("sending", operators.told("receiving"))


@pytest.mark.slow
@pytest.mark.spec("decisions.md 30; eidas.md §6 additions wait")
def test_whoever_follows_the_page_alone_connects_a_country_changes_a_key_and_takes_it_out(
    operators: Operators, city: City, tmp_path: Path
) -> None:
    follow(operators, *SETTING_UP)
    register(city, tmp_path / "receiving")
    follow(operators, STARTING)
    with Browser() as browser:
        assert countries(picker(browser, city)) == []

    follow(operators, APPROVING)
    assert "What is approved of it can be used." in operators.printed[-1]
    until_they_know_each_other(operators)
    with Browser() as browser:
        assert countries(picker(browser, city)) == ["Estonia"]
    told = log_in(operators, city)
    assert told["acr"] == "http://eidas.europa.eu/LoA/high"
    assert (told["age_over_18"], "birthdate" in told, "family_name" in told) == (True, False, False)

    before = operators.told("sending")
    follow(operators, NEW_KEY)
    assert operators.told("sending") != before
    until_they_know_each_other(operators)
    assert log_in(operators, city)["sub"] == told["sub"]

    follow(operators, TAKEN_OUT)
    with Browser() as browser:
        assert countries(picker(browser, city)) == []


@pytest.mark.slow
def test_the_table_of_levels_on_the_page_is_one_that_loads(operators: Operators, tmp_path: Path) -> None:
    follow(operators, *SETTING_UP, LEVELS)
    _, configuration, _ = load_all(copied("receiving", tmp_path / "tried"))
    levels = configuration.providers[ProviderId("ee")].assurance
    assert set(levels.values()) == {LevelOfAssurance.LOW, LevelOfAssurance.SUBSTANTIAL}


@pytest.mark.slow
def test_a_list_and_a_node_that_moved_are_registered_beside_the_old_one(operators: Operators, tmp_path: Path) -> None:
    follow(operators, *SETTING_UP)
    folder = copied("receiving", tmp_path / "moved")
    (lines,) = [block.text for block in BLOCKS if block.section == MOVED]
    old = (folder / "providers" / "ee.toml").read_text(encoding="utf-8")
    for key in tomllib.loads(lines):
        old = re.sub(rf"(?m)^{key} = .*\n", "", old)
    (folder / "providers" / "ee-new.toml").write_text(f"{lines}\n{old}", encoding="utf-8")
    (listed,) = [block.text for block in BLOCKS if block.section == LISTED]
    (folder / "service_list.toml").write_text(listed, encoding="utf-8")
    copyfile(folder / "metadata" / "ee.pem", folder / "metadata" / "publisher.pem")
    _, configuration, _ = load_all(folder)
    assert configuration.node_list is not None
    assert configuration.providers[ProviderId("ee-new")].instead_of == "ee"


def test_every_section_with_something_to_do_is_done_by_a_test() -> None:
    assert list(dict.fromkeys(block.section for block in BLOCKS)) == [
        *SETTING_UP,
        STARTING,
        APPROVING,
        LEVELS,
        NEW_KEY,
        LISTED,
        MOVED,
        TAKEN_OUT,
    ]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.text.splitlines()[0])
def test_a_block_is_commands_or_a_file_that_it_names(block: Block) -> None:
    assert block.language in {"console", "toml"}
    assert block.commands if block.language == "console" else block.file


def test_what_ends_when_is_what_the_code_has() -> None:
    text = PAGE.read_text(encoding="utf-8")
    hours, days, years = METADATA_LIFE // 3600, NODE_VALIDITY // 86400, CERTIFICATE_LIFE.days // 365
    assert f"ours {hours} hours, made again every {hours // 2}; another's {days} days at most" in text
    assert f"every {Settings.model_fields['probe_seconds'].default:.0f} seconds (`probe_seconds`)" in text
    assert f"(ours {years} years)" in text
    assert (FAILURES, "two failed fetches in a row" in text) == (2, True)


def test_the_checks_that_the_page_explains_are_those_of_the_code() -> None:
    sources = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "connectors").rglob("*.py"))
    rows = [
        line for line in PAGE.read_text(encoding="utf-8").splitlines() if re.match(r"\| (it|`metadata fetch`) says", line)
    ]
    named = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row.split("|")[1])}
    assert named >= {"signature", "address", "metadata_old"}
    assert not [name for name in named if f'"{name}"' not in sources]
