"""The run: each case at its entrance, what came of it, and nothing that ends it but its end."""

import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connectors.addresses import FetchError
from connectors.attacks.attack_case import AttackCase, CaseKind, Entrance
from connectors.attacks.verdict import CaseOutcome, JudgeVerdict, verdict_of
from connectors.request_checks import PeerRequestRefused
from idp.selftest.case_keeper import COMMANDS, CaseKeeper, file_name
from idp.selftest.report import CorpusReport, TriedCase, versions
from idp.selftest.run import RunWatcher, run
from policies.errors import AssertionRejected, AssuranceTooLow, BrokerError, RequestRefused, SignatureInvalid

NOW = 1_800_000_000
SECRET = b"Canary-Kanarbik-1887"
Judge = Callable[[bytes], None]


def _raising(error: Exception) -> Judge:
    def judge(_octets: bytes) -> None:
        raise error

    return judge


def _accepting(_octets: bytes) -> None:
    return None


def _case(judge: Judge, check: str | None, name: str = "x/y", family: str = "x") -> AttackCase:
    kind = CaseKind.VALID if check is None else CaseKind.RESPONSE
    return AttackCase(name, family, kind, Entrance("door", judge, ("--as", "response")), SECRET, check)


def _run(*cases: AttackCase, watching: RunWatcher | None = None) -> CorpusReport:
    return run(NOW, watching or RunWatcher(), {"made here": lambda _now: iter(cases)}, live=None)


@pytest.mark.parametrize(
    ("judge", "check", "outcome"),
    [
        (_raising(SignatureInvalid("digest")), "digest", CaseOutcome.RIGHT),
        (_accepting, None, CaseOutcome.RIGHT),
        (_accepting, "digest", CaseOutcome.ACCEPTED),
        (_raising(SignatureInvalid("digest")), None, CaseOutcome.REFUSED),
        (_raising(SignatureInvalid("signature")), "digest", CaseOutcome.OTHER_CHECK),
        (_raising(AssertionRejected("unforeseen", "KeyError")), "digest", CaseOutcome.UNFORESEEN),
        (_raising(AssertionRejected("unforeseen", "KeyError")), "unforeseen", CaseOutcome.UNFORESEEN),
        (_raising(AssertionRejected("unforeseen", "KeyError")), None, CaseOutcome.UNFORESEEN),
        (_raising(ZeroDivisionError(SECRET)), "digest", CaseOutcome.UNFORESEEN),
        (_raising(RecursionError()), None, CaseOutcome.UNFORESEEN),
        (_raising(MemoryError()), "digest", CaseOutcome.UNFORESEEN),
    ],
)
def test_each_way_a_case_can_end(judge: Judge, check: str | None, outcome: CaseOutcome) -> None:
    report = _run(_case(judge, check))
    (tried,) = report.tried
    assert tried.outcome is outcome
    assert report.ok is (outcome is CaseOutcome.RIGHT)
    assert list(report.wrong()) == ([] if report.ok else [tried])
    assert list(report.wrong(outcome)) == list(report.wrong())
    assert SECRET.decode() not in repr(report) + tried.sentence


@pytest.mark.parametrize(
    ("error", "check"),
    [
        (AssuranceTooLow("assurance"), "assurance"),
        (PeerRequestRefused("destination", "x"), "destination"),
        (FetchError("signature", "x"), "signature"),
        (RequestRefused("x", code="too_large"), "too_large"),
        (BrokerError("x"), "internal"),
    ],
)
def test_a_refusal_is_known_by_its_check_or_else_by_its_code(error: Exception, check: str) -> None:
    assert verdict_of(_raising(error), b"") == JudgeVerdict(check)


def test_a_case_that_trips_does_not_end_the_run() -> None:
    report = _run(_case(_raising(KeyError()), "digest"), _case(_accepting, None, "b/c", "b"))
    assert [one.outcome for one in report.tried] == [CaseOutcome.UNFORESEEN, CaseOutcome.RIGHT]


def test_a_generator_that_trips_is_named_and_the_others_go_on() -> None:
    def trips(_now: int) -> Iterator[AttackCase]:
        yield _case(_accepting, None)
        raise ZeroDivisionError(SECRET)

    report = run(NOW, RunWatcher(), {"first": trips, "second": lambda _: iter([_case(_accepting, None)])}, live=None)
    assert len(report.tried) == 2
    (told,) = report.broken
    assert told.startswith("first: ZeroDivisionError at test_run.py:")
    assert SECRET.decode() not in told
    assert not report.ok, "what it would have shown is not known"
    assert not report.wrong()
    assert report.as_json()["broken"] == [told]


def test_a_live_part_that_cannot_begin_is_named_too() -> None:
    def nowhere() -> Iterator[TriedCase]:
        raise OSError("no loopback")
        yield  # a generator, as the real one

    report = run(NOW, RunWatcher(), {"first": lambda _: iter([_case(_accepting, None)])}, live=nowhere)
    assert [one.split(" at ")[0] for one in report.broken] == ["a live broker: OSError"]


def test_nothing_tried_is_not_fine() -> None:
    assert not run(NOW, RunWatcher(), {}, live=None).ok


def test_whoever_watches_hears_of_each_case_and_gets_the_wrong_ones() -> None:
    families: list[str] = []
    wrong: list[str] = []
    watching = RunWatcher(progress=families.append, wrong=lambda case, tried: wrong.append(f"{case.name} {tried.outcome}"))
    _run(_case(_accepting, None), _case(_accepting, "digest", "b/c", "b"), watching=watching)
    assert families == ["x", "b"]
    assert wrong == ["b/c wrongly accepted"]


@pytest.mark.spec("design §8: the object of doctor --selftest --json")
def test_the_classes_are_counted_with_their_checks_in_the_order_of_the_run() -> None:
    report = _run(
        _case(_raising(SignatureInvalid("digest")), "digest", "b/1", "b"),
        _case(_accepting, None, "a/1", "a"),
        _case(_raising(SignatureInvalid("signature")), "digest", "b/2", "b"),
        _case(_accepting, "digest", "b/3", "b"),
    )
    assert list(report.classes()) == ["b", "a"]
    assert report.classes()["b"].checks == {"digest": 1, "signature": 1}
    told = report.as_json()
    assert told["classes"] == {
        "b": {"kind": "response", "tried": 3, "wrong": 2},
        "a": {"kind": "valid", "tried": 1, "wrong": 0},
    }
    assert told["wrong"] == [
        {
            "case": "b/2",
            "entrance": "door",
            "expected": "digest",
            "outcome": "refused by another check",
            "check": "signature",
            "exception": None,
        },
        {
            "case": "b/3",
            "entrance": "door",
            "expected": "digest",
            "outcome": "wrongly accepted",
            "check": None,
            "exception": None,
        },
    ]


def test_the_versions_are_those_of_everything_that_judges() -> None:
    found = versions()
    assert {"ciconia", "python", "lxml", "libxml2", "libxml2 compiled against", "libxml2 of xmlsec", "xmlsec"} <= set(found)
    assert {"libxmlsec", "cryptography", "openssl", "python-jose", "joserfc", "expat"} <= set(found)
    assert all(version and version[0].isalnum() for version in found.values())
    assert found["libxml2"].count(".") == 2


class TestKeeping:
    def test_a_kept_case_lies_beside_what_it_expects_and_the_command_that_asks_again(self, tmp_path: Path) -> None:
        arguments = ("--as", "response", "--idp-metadata", "{folder}/idp.xml", "--audience", "a b")
        entrance = Entrance("SAML: plain", _accepting, arguments, {"idp.xml": b"<x/>"})
        case = AttackCase("XSW/Two Responses/at-both", "XSW", CaseKind.RESPONSE, entrance, SECRET, "digest")
        keeper = CaseKeeper(tmp_path / "new" / "kept")
        _run(case, watching=RunWatcher(wrong=keeper.keep))
        folder = tmp_path / "new" / "kept"
        kept = folder / "xsw_two_responses_at-both.case"
        assert kept.read_bytes() == SECRET
        side = folder / "saml_plain" / "idp.xml"
        assert side.read_bytes() == b"<x/>"
        assert side.stat().st_mode & 0o077 == 0, "a private key may be among them"
        comment, command = (folder / COMMANDS).read_text(encoding="utf-8").splitlines()
        assert comment.startswith("# XSW/Two Responses/at-both (at SAML: plain) should be refused by digest")
        asked = ["ciconia", "inspect", str(kept), "--as", "response", "--idp-metadata", str(side), "--audience", "a b"]
        assert shlex.split(command) == asked

    def test_nobody_else_may_read_or_enter_what_is_kept_whatever_the_umask(self, tmp_path: Path) -> None:
        folder = tmp_path / "kept"
        entrance = Entrance("door", _accepting, ("{folder}/key.pem",), {"key.pem": b"key"})
        before = os.umask(0)
        try:
            keeper = CaseKeeper(folder)
            for name in ("a/b", "a/c"):
                _run(
                    AttackCase(name, "a", CaseKind.JWT, entrance, SECRET, "digest"), watching=RunWatcher(wrong=keeper.keep)
                )
        finally:
            os.umask(before)
        kept = {path.relative_to(folder).as_posix(): path.stat().st_mode & 0o777 for path in folder.rglob("*")}
        files = dict.fromkeys(("a_b.case", "a_c.case", "door/key.pem", COMMANDS), 0o600)
        assert kept == {**files, "door": 0o700}
        assert folder.stat().st_mode & 0o777 == 0o700
        assert len((folder / COMMANDS).read_text(encoding="utf-8").splitlines()) == 4

    @pytest.mark.parametrize("place", ["a_b.case", "door", COMMANDS])
    def test_a_link_in_the_place_of_a_file_leads_nowhere(self, tmp_path: Path, place: str) -> None:
        """Somebody puts a link there after the folder was found to be ours."""
        folder, away = tmp_path / "kept", tmp_path / "away"
        away.mkdir()
        (away / "key.pem").write_bytes(b"theirs")
        entrance = Entrance("door", _accepting, ("{folder}/key.pem",), {"key.pem": b"ours"})
        keeper = CaseKeeper(folder)
        (folder / place).symlink_to(away if place == "door" else away / "key.pem")
        report = _run(
            AttackCase("a/b", "a", CaseKind.JWT, entrance, SECRET, "digest"), watching=RunWatcher(wrong=keeper.keep)
        )
        assert report.broken
        assert (away / "key.pem").read_bytes() == b"theirs"
        assert [path.name for path in away.iterdir()] == ["key.pem"]

    def test_a_folder_that_is_not_ours_and_empty_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        shared, full, link, file = (tmp_path / name for name in ("shared", "full", "link", "file"))
        for folder in (shared, full):
            folder.mkdir(mode=0o700)
        shared.chmod(0o770)
        (full / "x").write_bytes(b"")
        (tmp_path / "empty").mkdir(mode=0o700)
        link.symlink_to(tmp_path / "empty")
        file.write_bytes(b"")
        for folder in (shared, full, link, file):
            with pytest.raises(FileExistsError, match="name a new one"):
                CaseKeeper(folder)
        CaseKeeper(tmp_path / "empty")
        monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
        with pytest.raises(FileExistsError, match="is yours"):
            CaseKeeper(tmp_path / "empty")

    def test_where_inspect_knows_no_such_question_that_is_said(self, tmp_path: Path) -> None:
        case = AttackCase("a/b", "a", CaseKind.JWT, Entrance("door", _accepting, None), SECRET, "digest")
        _run(case, watching=RunWatcher(wrong=CaseKeeper(tmp_path).keep))
        assert "cannot be told what is expected" in (tmp_path / COMMANDS).read_text(encoding="utf-8")
        assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []

    @pytest.mark.parametrize("name", ["../../etc/passwd", "a/$(x)", "a b\nc", "ä/ö"])
    def test_a_name_leads_nowhere_else(self, name: str) -> None:
        assert "/" not in file_name(name)
        assert shlex.quote(file_name(name)) == file_name(name)
