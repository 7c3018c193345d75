"""The six worked services: each rule is held by an example, nothing is left to find, and the pages show what goes today."""

import json
import re
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from idp.cli import app
from idp.pages.languages import LANGUAGES
from policies.lint import lint
from policies.simulation.mutate import missing_examples, mutate
from tests.docs.pages import DOCS, navigation
from tests.docs.service_pages import NAMES, REGISTER, SERVICES, bits, configuration, explained, page, register_page


@pytest.mark.parametrize("name", NAMES)
def test_each_rule_of_a_service_is_held_and_nothing_is_left_to_find(name: str) -> None:
    found = configuration(name)
    examples = [(purpose_id, one) for purpose_id, each in found.examples.items() for one in each]
    assert not [told for purpose_id, one in examples for told in found.differences(purpose_id, one)]
    assert not missing_examples(found)
    tried = mutate(found)
    assert tried.tried > 10
    assert not tried.unheld
    files = {path.relative_to(SERVICES / name).as_posix(): path.read_bytes() for path in (SERVICES / name).rglob("*.*")}
    assert not [one for one in lint(found, files, languages=LANGUAGES) if not one.accepted]


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_takes_the_folder_and_finds_nothing(name: str) -> None:
    before = sorted((SERVICES / name).rglob("*"))
    done = CliRunner().invoke(app, ["plan", "--config", str(SERVICES / name), "--json"])
    assert done.exit_code == 0, done
    told = json.loads(done.stdout)
    assert (told["findings"], told["stops"]) == ([], [])
    assert told["wider"]
    assert sorted((SERVICES / name).rglob("*")) == before


@pytest.mark.parametrize("name", NAMES)
def test_a_page_shows_what_the_decision_lets_go_today(name: str) -> None:
    assert page(name) == (SERVICES / f"{name}.md").read_text(encoding="utf-8"), "run python -m tests.docs.service_pages"
    assert f"services/{name}.md" in navigation()


def test_the_record_of_processing_that_the_site_shows_is_the_one_of_today() -> None:
    assert REGISTER.read_text(encoding="utf-8") == register_page(), "run python -m tests.docs.service_pages"
    assert f"(services/{REGISTER.name})" in (DOCS / "record-of-processing.md").read_text(encoding="utf-8")


def test_a_parking_permit_costs_two_bits_of_those_that_were_asked() -> None:
    asked, released = bits("parking-permit")
    assert round(asked) == 65
    assert released <= 2


def test_across_the_border_of_two_spheres_a_visitor_answers_yes_or_no_alone() -> None:
    told = explained("partner-city-visitor")
    assert isinstance(told["released"], dict)
    assert {one["form"].partition("(")[0] for one in told["released"].values()} == {"resident_of", "age_over"}
    assert '"other_sphere"' in str(told["withheld"]).replace("'", '"')


def test_there_are_six_with_made_up_names_and_no_key() -> None:
    assert len(NAMES) == 6
    for path in SERVICES.rglob("*.*"):
        text = path.read_text(encoding="utf-8")
        assert "PRIVATE KEY" not in text
        for url in re.findall(r"https?://[^\s\"'`)<>]+", text):
            host = urlsplit(url).hostname or ""
            assert host.endswith((".example", ".localhost", "w3.org", "w3id.org")) or host in {"127.0.0.1", "toml.io"}, (
                path,
                url,
            )
