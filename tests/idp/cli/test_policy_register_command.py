"""The record of processing is whole in each format, and a page of it loads nothing and runs nothing."""

import csv
import json
from io import StringIO
from pathlib import Path

import pytest
from lxml import html
from typer.testing import CliRunner

from idp.cli import app
from idp.cli.policy.register import PRODUCT
from tests.policies.load.files import FILES

MORE = """retention = "P2Y"
recipients = [{ en = "The city's <treasury>" }]
never = ["person_identifier"]
dpv_purpose = "dpv:ServiceProvision"
"""
TRANSFER = 'transfers.ee = { basis = "standard_clauses", law = { en = "Clauses of 2021" } }\n'
ID = 'id = "resident-parking"\n'
CHANGED = {
    "purposes/parking.toml": (ID, ID + MORE + TRANSFER),
    "parties/parking.toml": ("[attributes]", 'sphere = "eu"\n\n[attributes]'),
    "providers/demo-ee.toml": ("[attributes]", 'sphere = "ee"\n\n[attributes]'),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.replace(*CHANGED.get(name, ("", ""))) if name in CHANGED else text, encoding="utf-8")
    return tmp_path


def written(folder: Path, form: str) -> str:
    done = CliRunner().invoke(app, ["policy", "register", "--format", form, "--config", str(folder)])
    assert done.exit_code == 0, done
    return done.stdout


def test_an_entry_says_what_article_30_asks_for(folder: Path) -> None:
    found = json.loads(written(folder, "json"))
    (one,) = found["processing"]
    assert one["controller"] == {"name": "City of Storkhaven", "contact": "privacy@storkhaven.example"}
    assert (one["basis"], one["article"], one["law"]) == ("public_task", "6(1)(e)", "Parking by-law, section 7")
    birthdate = one["categories"][0]
    assert (birthdate["title"], birthdate["said"], birthdate["required"]) == ("Date of birth", "whether 18 or older", True)
    assert [each["title"] for each in one["services"]] == ["Concession fares", "Resident parking"]
    assert one["recipients"] == ["The city's <treasury>"]
    assert "from Estonian eID (EE)" in one["transfers"]
    ground = "standard clauses (GDPR art. 46(2)(c)): Clauses of 2021"
    assert f"from the sphere ee to eu: answers of yes or no alone; {ground}" in one["transfers"]
    assert (one["retention"], one["never"], one["dpv"]["purpose"]) == ("P2Y", ["person_identifier"], "dpv:ServiceProvision")
    assert 1 < one["bits"] < 3
    assert found["safeguards"] == PRODUCT["safeguards"]
    assert len(found["assessment"]) == len(PRODUCT["assessment"])


def test_the_table_has_a_row_for_each_purpose(folder: Path) -> None:
    (row,) = csv.DictReader(StringIO(written(folder, "csv")))
    assert row["categories"] == "Date of birth, whether 18 or older, required; Address, whether resident of Storkhaven"
    assert row["controller"] == "name: City of Storkhaven; contact: privacy@storkhaven.example"


@pytest.mark.parametrize("sign", "=+-@")
def test_a_sheet_takes_no_text_for_a_formula(folder: Path, sign: str) -> None:
    path = folder / "purposes/parking.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("Resident parking permit", f"{sign}1+1"), encoding="utf-8")
    (row,) = csv.DictReader(StringIO(written(folder, "csv")))
    assert row["title"] == f"'{sign}1+1"


def test_the_page_is_whole_by_itself_and_shows_texts_as_texts(folder: Path) -> None:
    page = written(folder, "html")
    tree = html.fromstring(page)
    assert not tree.xpath("//script | //link | //img | //iframe | //@onclick | //@src | //form")
    assert "url(" not in page
    assert "@import" not in page
    text = " ".join("".join(map(str, tree.itertext())).split())
    for words in (
        "The city's <treasury>",
        "P2Y",
        "public task, article 6(1)(e)",
        "whether 18 or older",
        PRODUCT["assessment"][0]["answer"],
    ):
        assert words in text
