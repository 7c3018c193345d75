"""`ciconia assurance`: where levels lead, and why; a contract in JSON."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from idp.cli import app

RUNNER = CliRunner()
CARD = '[card]\ntitle = "Card"\nreference = "Council 17"\nbasis = "policy"\nlevels = [{}]\n'
ROW = '{ label = "card", names = ["urn:card"], reaches = "low", said_from = "low" }'


@pytest.mark.parametrize(
    ("words", "to", "lossless"),
    [
        ("https://www.spid.gov.it/SpidL2 stork", ["stork:3"], True),
        ("spid eidas-not-notified", [f"eidas-not-notified:{level}" for level in ("low", "substantial", "high")], True),
        ("http://eidas.europa.eu/LoA/high se-eidas", ["se-eidas:high"], False),
        ("nist-ial:IAL3+nist-aal:AAL2 level", ["level:substantial"], False),
        ("spid:L3 stork:2", ["stork:2"], False),
    ],
)
def test_a_level_leads_where_the_table_surely_lets_it(words: str, to: list[str], lossless: bool) -> None:  # noqa: FBT001
    run = RUNNER.invoke(app, ["assurance", "explain", *words.split(), "--json"])
    told = json.loads(run.output)
    assert (run.exit_code, told["ok"]) == (0, True)
    assert [one["to"] for one in told["maps"]] == to
    for one in told["maps"]:
        assert (one["lossless"], bool(one["lost"])) == (lossless, not lossless)
        assert one["steps"][0]["basis"] in {"law", "standard", "policy"}
        assert one["steps"][0]["reference"]


def test_what_leads_nowhere_says_why() -> None:
    run = RUNNER.invoke(app, ["assurance", "explain", "high", "eidas"])
    assert run.exit_code == 1
    assert "level:high -> nothing on eidas\n" in run.output
    assert "eidas:low needs low, notified. (law: Regulation (EU) 910/2014 art. 9)" in run.output


@pytest.mark.parametrize("words", [["explain", "spid:L9", "eidas"], ["explain", "3", "eidas"], ["list", "spidd"]])
def test_a_level_that_no_ladder_has_or_several_is_refused(words: list[str]) -> None:
    run = RUNNER.invoke(app, ["assurance", *words, "--json"])
    told = json.loads(run.output)
    assert (run.exit_code, told["error"]["code"]) == (2, "unknown_level")


def test_the_list_has_the_citys_own_ladders_or_says_what_is_wrong_with_them(tmp_path: Path) -> None:
    (tmp_path / "ciconia.toml").write_text('issuer = "https://id.example"\n')
    (tmp_path / "assurance.toml").write_text(CARD.format(ROW))
    run = RUNNER.invoke(app, ["assurance", "list", "card", "--config", str(tmp_path), "--json"])
    (card,) = json.loads(run.output)["ladders"]
    assert (card["levels"][0]["id"], card["levels"][0]["reaches"]) == ("card:card", "low")
    (tmp_path / "assurance.toml").write_text(CARD.format(ROW.replace('reaches = "low"', 'reaches = "high"')))
    run = RUNNER.invoke(app, ["assurance", "list", "--config", str(tmp_path), "--json"])
    assert run.exit_code == 1
    assert "mapped upward" in json.loads(run.output)["problems"][0]["what"]
