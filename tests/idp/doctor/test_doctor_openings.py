"""What other parts of the program let be looked at beside their problems, and what a finding is."""

import json
from pathlib import Path

import pytest

from connectors.signatures.second_opinion import libxml2_versions
from idp.configuration import readable_files
from idp.doctor.case import lines_of_settings
from idp.doctor.certificates import pinned_file
from idp.doctor.finding import Finding, Report
from idp.doctor.keys import why
from idp.settings import NO_ISSUER, examine_settings, load_settings
from idp.store.engine import open_engine
from idp.store.migrate import revision_of, revisions
from policies.errors import Misconfigured
from policies.load import examine, load
from tests.idp.doctor.shelf import url
from tests.idp.doctor.ward import ERROR, ISSUER, NOTICE, PARTY, PURPOSE, WARNING, case, edit, write


def test_settings_are_read_as_far_as_they_can_be(city: Path) -> None:
    edit(city, "ciconia.toml", ISSUER, "nowhere")
    edit(city, "ciconia.toml", 'country = "NL"', 'country = "nl"\nbanana = 1\nfolder = "/"')
    settings, problems = examine_settings(city)
    assert settings is not None
    assert (settings.issuer, settings.country, settings.database) == (NO_ISSUER, "", "ciconia.db")
    assert settings.folder == city.resolve()
    assert sorted(problem.key for problem in problems) == ["banana", "country", "folder", "issuer"]
    with pytest.raises(Misconfigured) as refused:
        load_settings(city)
    assert [str(one) for one in refused.value.problems] == [str(one) for one in problems]


@pytest.mark.parametrize("text", [b"issuer = ", b"\xff\xfe", None])
def test_settings_that_cannot_be_read_are_none(tmp_path: Path, text: bytes | None) -> None:
    if text is not None:
        (tmp_path / "ciconia.toml").write_bytes(text)
    settings, problems = examine_settings(tmp_path)
    assert settings is None
    assert len(problems) == 1
    assert lines_of_settings(tmp_path) is None


def test_what_two_settings_ask_of_each_other_is_told_beside_what_is_wrong_with_one(city: Path) -> None:
    edit(city, "ciconia.toml", ISSUER, "http://city.test")
    edit(city, "ciconia.toml", "checkpoint_seconds = 10.0", "checkpoint_seconds = -1.0")
    _, problems = examine_settings(city)
    assert {problem.key for problem in problems} == {"issuer", "checkpoint_seconds"}


def test_a_configuration_is_read_as_far_as_it_can_be() -> None:
    files = {
        "purposes/a.toml": PURPOSE.encode(),
        "parties/b.toml": b"banana = 1\n" + PARTY.encode(),
        "parties/c.toml": b"x",
    }
    configuration, problems = examine(files)
    assert set(configuration.purposes) == {"permit"}
    assert set(configuration.parties) == {"parking"}
    assert [(problem.file, problem.line) for problem in problems] == [("parties/b.toml", 1), ("parties/c.toml", 1)]
    with pytest.raises(Misconfigured) as refused:
        load(files)
    assert [str(one) for one in refused.value.problems] == [str(one) for one in problems]


def test_a_file_that_cannot_be_read_hides_no_other(city: Path) -> None:
    (city / "purposes" / "folder.toml").mkdir()
    files, problems = readable_files(city)
    assert "purposes/permit.toml" in files
    assert [problem.file for problem in problems] == ["purposes/folder.toml"]


def test_a_case_knows_which_settings_it_may_judge_by(city: Path) -> None:
    assert case(city).knows("issuer", "role", "database")
    edit(city, "ciconia.toml", 'country = "NL"', 'country = "nl"\nbanana = 1')
    found = case(city)
    assert found.wrong == frozenset({"country"})
    assert not found.knows("issuer", "country")
    write(city, "ciconia.toml", "x")
    assert not case(city).knows("issuer")


def test_names_are_relative_to_the_folder_and_whole_outside_of_it(city: Path) -> None:
    found = case(city)
    assert found.name(city / "keys" / "saml.pem") == "keys/saml.pem"
    assert found.name("parties/a.toml") == "parties/a.toml"
    assert found.name("/etc/other") == "/etc/other"
    assert pinned_file(found, found.files["metadata/lv.xml"]) == "metadata/lv.xml"
    assert pinned_file(found, b"nothing of ours") == ""


def test_the_ledgers_keys_serve_though_another_key_does_not(city: Path) -> None:
    (city / "keys" / "saml.pem").unlink()
    found = case(city)
    assert found.keys is None
    assert found.ledger is not None
    assert found.ledger.origin == "login.storkhaven.test/log"
    (city / "keys" / "log.key").unlink()
    assert case(city).ledger is None


def test_our_own_libraries_agree() -> None:
    lxml, xmlsec = libxml2_versions()
    assert lxml[:2] == xmlsec[:2]
    assert len(lxml) == len(xmlsec) == 3


def test_the_revisions_begin_with_the_newest(city: Path) -> None:
    engine = open_engine(url(city))
    assert revision_of(engine) == revisions()[0]
    engine.dispose()
    assert sorted(revisions(), reverse=True) == list(revisions())


def test_a_report_is_fine_with_notices_alone() -> None:
    def report(*severities: str) -> Report:
        made = {"error": ERROR, "warning": WARNING, "notice": NOTICE}
        return Report(tuple(Finding(made[one], "f", 1, "k", "w.", "y.", "x.") for one in severities), ("a",))

    assert report().ok
    assert report("notice", "notice").ok
    assert not report("notice", "warning").ok
    assert not report("error").ok
    assert len(report("error", "notice", "error").of(ERROR)) == 2


def test_a_place_is_file_line_and_key_as_far_as_there_are() -> None:
    whole = Finding(WARNING, "a.toml", 3, "key", "It is.", "So.", "Mend.")
    assert whole.place == "a.toml:3:key"
    assert Finding(WARNING, "a.pem", 0, "key", "", "", "").place == "a.pem:key"
    assert Finding(WARNING, "", 0, "", "", "", "").place == "."
    assert json.loads(json.dumps(whole.as_json())) == {
        "severity": "warning",
        "file": "a.toml",
        "line": 3,
        "key": "key",
        "what": "It is.",
        "why": "So.",
        "fix": "Mend.",
    }


def test_every_key_says_why_it_matters() -> None:
    assert "recognised" in why("/c/keys/pairwise.key")
    assert "every login fails" in why("/c/keys/saml.pem")
