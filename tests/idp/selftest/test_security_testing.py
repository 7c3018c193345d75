"""The page about the self-test says what the corpus is, and the corpus is as large as it has to be."""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.attacks.case import Kind
from connectors.attacks.verdict import Outcome, Verdict
from idp.selftest.report import ClassCount, Report
from idp.selftest.run import ABOUT, Watching, run
from tests import security_testing
from tests.security_testing import main, render

# issue 5 item 6
AT_LEAST = {Kind.RESPONSE: 250, Kind.MESSAGE: 430, Kind.REDIRECT: 30, Kind.JWT: 120, Kind.VALID: 20}
SECONDS = 60


@pytest.fixture(scope="module")
def measured() -> tuple[Report, float]:
    """One whole run of everything that an operator's run tries, and the seconds of processor time that it took."""
    begun = time.process_time()
    report = run(int(time.time()), Watching())
    return report, time.process_time() - begun


@pytest.fixture(scope="module")
def report(measured: tuple[Report, float]) -> Report:
    return measured[0]


@pytest.mark.spec("issue 5: doctor --selftest (0 wrongly accepted, 0 wrongly refused)")
def test_nothing_of_the_whole_corpus_ends_wrongly(report: Report) -> None:
    assert [one.sentence for one in report.wrong()] == []
    assert report.broken == ()
    assert report.ok


@pytest.mark.spec("issue 5 item 7: in under a minute")
def test_it_takes_less_than_a_minute(measured: tuple[Report, float]) -> None:
    """Of processor time, since whatever else runs here at the same time is not its own."""
    report, seconds = measured
    assert seconds < SECONDS
    assert report.seconds > seconds / 2


@pytest.mark.spec("issue 5 item 6")
@pytest.mark.parametrize("kind", Kind)
def test_there_are_as_many_of_each_kind_as_the_plan_asks_for(report: Report, kind: Kind) -> None:
    assert sum(one.tried for one in report.classes().values() if one.kind is kind) >= AT_LEAST[kind]


def test_names_are_unique_and_stable_in_form(report: Report) -> None:
    names = [one.name for one in report.tried]
    assert len(set(names)) == len(names)
    assert [name for name in names if name != name.lower() or "/" not in name] == []


def test_all_cases_of_a_class_are_of_one_kind(report: Report) -> None:
    kinds: dict[str, set[Kind]] = {}
    for one in report.tried:
        kinds.setdefault(one.family, set()).add(one.kind)
    assert {family: found for family, found in kinds.items() if len(found) > 1} == {}


def test_a_case_is_valid_exactly_where_no_check_is_named(report: Report) -> None:
    assert [one.name for one in report.tried if (one.kind is Kind.VALID) is not (one.expected is None)] == []


def test_what_shows_how_far_a_run_is_knows_about_how_many_there_are(report: Report) -> None:
    assert abs(len(report.tried) - ABOUT) <= ABOUT / 10, f"say ABOUT = {len(report.tried)} in idp/selftest/run.py"


@pytest.mark.spec("issue 5 item 8")
def test_the_page_names_the_versions_that_it_was_made_at_and_no_other_library(report: Report) -> None:
    text = render(report, report.versions)
    assert all(f"| {library} | {version} |" in text for library, version in report.versions.items())
    for peer in ("pysaml2", "signxml", "python3-saml", "node-saml", "samlify", "authlib", "keycloak", "simplesaml"):
        assert peer not in text.lower()


def test_a_run_that_found_something_writes_no_page(
    report: Report, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "security-testing.md"
    hostile = next(one for one in report.tried if one.expected is not None)
    wrong = replace(report, tried=(replace(hostile, verdict=Verdict(None)), *report.tried))
    monkeypatch.setattr(security_testing, "PAGE", page)
    monkeypatch.setattr(security_testing, "run", lambda *_: wrong)
    assert wrong.wrong()[0].outcome is Outcome.ACCEPTED
    assert main() == 1
    assert not page.exists()
    assert "and was accepted" in capsys.readouterr().err


def test_a_row_has_the_class_its_counts_and_its_checks_the_most_frequent_first() -> None:
    class Made(Report):
        def classes(self) -> Mapping[str, ClassCount]:
            return {
                "wrapping": ClassCount(Kind.RESPONSE, 3, 0, {"a": 1, "b": 2}),
                "valid": ClassCount(Kind.VALID, 4, 0, {}),
            }

    text = render(Made((), (), {}, 1.0), {})
    assert "| wrapping | 3 | 3 | `b` 2, `a` 1 |" in text
    assert "| valid | 4 | 4 |" in text
    assert text.index("Responses that must be refused") < text.index("What must be accepted")
    assert "Tokens that must be refused" not in text, "a kind without classes has no table"
