"""`ciconia doctor --selftest` as an operator runs it: a table and a verdict, or one JSON object, and an exit code."""

import json
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from typer.testing import CliRunner

from connectors.attacks.attack_case import AttackCase, CaseKind, Entrance
from connectors.attacks.verdict import JudgeVerdict
from idp.cli import app, doctor_selftest
from idp.cli.doctor_selftest import MAX_TOLD, code_of, verdict
from idp.selftest.report import CorpusReport, TriedCase
from idp.selftest.run import RunWatcher
from idp.selftest.run import run as run_all
from policies.errors import SignatureInvalid
from tests.idp.cli.command import ciconia, json_of

RUNNER = CliRunner()
VERSIONS = {"lxml": "6.1", "xmlsec": "1.3"}


def _tried(name: str, got: JudgeVerdict, expected: str | None = "digest") -> TriedCase:
    kind = CaseKind.VALID if expected is None else CaseKind.RESPONSE
    return TriedCase(f"a class/{name}", "a class", kind, "door", expected, got)


def _report(*tried: TriedCase, broken: tuple[str, ...] = ()) -> CorpusReport:
    return CorpusReport(tried, broken, VERSIONS, 41.4)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[CorpusReport]:
    """The reports of the next runs, in order."""
    reports: list[CorpusReport] = []
    monkeypatch.setattr(doctor_selftest, "run", lambda *_: reports.pop(0))
    return reports


RIGHT = _report(_tried("a", JudgeVerdict("digest")), _tried("b", JudgeVerdict(None), None))
ACCEPTED = _report(_tried("a", JudgeVerdict(None)), _tried("b", JudgeVerdict("digest")))


def test_without_anything_to_look_at_it_says_what_to_give() -> None:
    run = RUNNER.invoke(app, ["doctor"])
    assert run.exit_code == 2
    assert "--selftest" in run.output


def test_it_needs_no_configuration(told: list[CorpusReport]) -> None:
    told.append(RIGHT)
    run = RUNNER.invoke(app, ["doctor", "--selftest"])
    assert run.exit_code == 0
    row = next(line for line in run.output.splitlines() if "a class" in line)
    assert row.split() == ["a", "class", "response", "2", "0"]
    assert "2 cases in 41 seconds: 0 wrongly accepted, 0 wrongly refused" in run.output
    assert "These versions may serve." in run.output
    assert "Versions: lxml 6.1, xmlsec 1.3." in run.output


def test_with_a_configuration_it_does_both_and_ends_with_the_worse(told: list[CorpusReport], tmp_path: Path) -> None:
    assert ciconia("init", tmp_path / "c").returncode == 0
    for report, code in ((RIGHT, 0), (ACCEPTED, 1)):
        told.append(report)
        run = RUNNER.invoke(app, ["doctor", "--config", str(tmp_path / "c"), "--offline", "--selftest"])
        assert run.exit_code == code
        assert "NOTICES" in run.output
        assert "Self-test" in run.output
    told.append(RIGHT)
    run = RUNNER.invoke(app, ["doctor", "--config", str(tmp_path / "c"), "--offline", "--selftest", "--json"])
    assert set(json.loads(run.stdout)) == {"ok", "problems", "checked", "classes", "versions"}
    (tmp_path / "c" / "ciconia.toml").unlink()
    told.append(RIGHT)
    run = RUNNER.invoke(app, ["doctor", "--config", str(tmp_path / "c"), "--offline", "--selftest"])
    assert run.exit_code == 1, "the libraries are fine, the installation is not"


def test_a_folder_that_is_no_configuration_is_2_at_once(told: list[CorpusReport], tmp_path: Path) -> None:
    run = RUNNER.invoke(app, ["doctor", "--config", str(tmp_path), "--selftest"])
    assert run.exit_code == 2
    assert told == []


@pytest.mark.spec("issue 5 item 7")
def test_a_disagreement_names_the_case_the_check_and_what_happened_and_what_to_do(told: list[CorpusReport]) -> None:
    told.append(
        _report(
            _tried("one", JudgeVerdict(None)),
            _tried("two", JudgeVerdict("signature")),
            _tried("three", JudgeVerdict("digest"), None),
            _tried("four", JudgeVerdict(None, "KeyError")),
        )
    )
    run = RUNNER.invoke(app, ["doctor", "--selftest"])
    assert run.exit_code == 1
    assert "a class/one (at door) should be refused by digest, and was accepted." in run.output
    assert "a class/two (at door) should be refused by digest, and was refused by signature." in run.output
    assert "a class/three (at door) should be accepted, and was refused by digest." in run.output
    assert "a class/four (at door) should be refused by digest, and met KeyError, which nobody foresaw." in run.output
    assert "1 wrongly accepted, 1 wrongly refused, 1 refused by another check" in run.output
    assert "Do not put these versions into service" in run.output


def test_a_hundred_disagreements_are_not_all_told(told: list[CorpusReport]) -> None:
    told.append(_report(*(_tried(str(number), JudgeVerdict(None)) for number in range(100))))
    run = RUNNER.invoke(app, ["doctor", "--selftest"])
    assert run.output.count("and was accepted") == MAX_TOLD
    assert f"and {100 - MAX_TOLD} more." in run.output


def test_what_could_not_be_made_is_2_unless_something_is_wrong_too(told: list[CorpusReport]) -> None:
    broken = _report(_tried("a", JudgeVerdict("digest")), broken=("responses: KeyError at made.py:3",))
    told.append(broken)
    run = RUNNER.invoke(app, ["doctor", "--selftest"])
    assert run.exit_code == 2
    assert "The cases of responses: KeyError at made.py:3 could not be made." in run.output
    assert "Do not put these versions into service" in run.output
    assert code_of(_report(_tried("a", JudgeVerdict(None)), broken=broken.broken)) == 1
    assert (code_of(None), code_of(_report())) == (0, 2)
    assert "the rest is not known" in verdict(_report())


@pytest.mark.spec("design §8: the object of doctor --selftest --json")
def test_the_json_is_that_of_the_contract(told: list[CorpusReport]) -> None:
    told += [RIGHT, ACCEPTED]
    run = RUNNER.invoke(app, ["doctor", "--selftest", "--json"])
    assert (run.exit_code, run.stderr) == (0, "")
    assert json.loads(run.stdout) == {
        "classes": {"a class": {"kind": "response", "tried": 2, "wrong": 0}},
        "versions": VERSIONS,
    }
    run = RUNNER.invoke(app, ["doctor", "--selftest", "--json"])
    assert run.exit_code == 1
    found = json.loads(run.stdout)
    assert found["classes"]["a class"]["wrong"] == 1
    assert [one["case"] for one in found["wrong"]] == ["a class/a"]


def test_keep_writes_the_wrong_cases_into_a_new_folder_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(_octets: bytes) -> None:
        raise SignatureInvalid("signature")

    case = AttackCase("a/b", "a", CaseKind.RESPONSE, Entrance("door", refuse, None), b"octets", "digest")
    real = run_all

    def one_case(now: int, watching: RunWatcher) -> CorpusReport:
        def cases(_now: int) -> Iterator[AttackCase]:
            yield case

        return real(now, watching, {"here": cases}, live=None)

    monkeypatch.setattr(doctor_selftest, "run", one_case)
    run = RUNNER.invoke(app, ["doctor", "--selftest", "--keep", str(tmp_path / "kept")])
    assert run.exit_code == 1
    assert (tmp_path / "kept" / "a_b.case").read_bytes() == b"octets"
    for arguments in (["--selftest", "--keep", str(tmp_path / "kept")], ["--config", "x", "--keep", "y"]):
        assert RUNNER.invoke(app, ["doctor", *arguments]).exit_code == 2


def test_a_folder_that_cannot_be_made_is_2_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    run = RUNNER.invoke(app, ["doctor", "--selftest", "--keep", str(tmp_path / "file" / "kept")])
    assert (run.exit_code, run.stdout) == (2, "")
    assert run.stderr.startswith("The self-test could not run: ")
    assert "Traceback" not in run.output


@pytest.fixture(scope="module")
def whole() -> CompletedProcess[str]:
    return ciconia("doctor", "--selftest", "--json")


@pytest.mark.slow
@pytest.mark.spec("issue 5 item 7: an operator runs it after every upgrade")
def test_the_installed_command_tries_everything_and_nothing_is_wrong(whole: CompletedProcess[str]) -> None:
    found = json_of(whole)
    assert found.get("wrong", []) == []
    assert found.get("broken", []) == []
    assert (whole.returncode, whole.stderr) == (0, "")
    classes = found["classes"]
    assert isinstance(classes, dict)
    assert all(set(one) == {"kind", "tried", "wrong"} for one in classes.values())
    assert {one["kind"] for one in classes.values()} <= {kind.value for kind in CaseKind}
