"""Witnesses of other operators: none, silent ones, and ones that cannot be away."""

from pathlib import Path

import pytest

from idp.doctor.finding import DoctorFinding
from tests.idp.doctor.shelf import record, sequence
from tests.idp.doctor.ward import DAY, ERROR, NEIGHBOUR_KEY, NOTICE, NOW, WARNING, edit, examined

SET = f'witnesses = [{{ url = "https://witness.neighbour.test", vkey = "{NEIGHBOUR_KEY}", operator = "Neighbour" }}]'
RULE = "witness_policy = { quorum = 1, max_age_seconds = 86400 }"


def told(city: Path, now: int = NOW) -> list[DoctorFinding]:
    return [one for one in examined(city, now=now).findings if one.key in ("witnesses", "witness_policy")]


def test_a_log_that_only_its_own_key_signed_is_a_notice_that_says_what_it_means(city: Path) -> None:
    edit(city, "ciconia.toml", SET, "")
    edit(city, "ciconia.toml", RULE, "")
    assert not told(city), "nothing was signed, so nobody was shown anything"
    record(city)
    sequence(city)
    (found,) = told(city)
    assert (found.severity, found.key) == (NOTICE, "witnesses")
    assert "no witness of another operator" in found.what
    assert "show one record to a citizen and another to an auditor" in found.why


@pytest.mark.spec("decisions.md 23")
@pytest.mark.parametrize("operator", ["City of  STORKHAVEN", "Neighbour"])
def test_a_witness_of_our_own_and_one_for_practice_do_not_count(city: Path, operator: str) -> None:
    key = NEIGHBOUR_KEY if operator != "Neighbour" else type(NEIGHBOUR_KEY)("w.localhost", b"\x04", NEIGHBOUR_KEY.public)
    edit(city, "ciconia.toml", SET, SET.replace("Neighbour", operator).replace(str(NEIGHBOUR_KEY), str(key)))
    edit(city, "ciconia.toml", RULE, "")
    record(city)
    sequence(city)
    (found,) = told(city)
    assert f"{key.name} is for practice, or your own" in found.what


@pytest.mark.parametrize(("fail", "severity"), [("open", WARNING), ("closed", ERROR)])
def test_cosignatures_that_are_too_old_are_told(city: Path, fail: str, severity: object) -> None:
    edit(city, "ciconia.toml", RULE, RULE.replace("quorum = 1", f'quorum = 1, fail = "{fail}"'))
    record(city)
    sequence(city)
    kept = [one for one in told(city) if one.severity is not NOTICE]
    assert not kept
    (found,) = (one for one in told(city, NOW + DAY + 1) if one.severity is not NOTICE)
    assert (found.severity, found.what) == (severity, "0 of 1 operators cosigned a checkpoint within 86400 seconds.")


def test_a_closed_policy_that_lets_no_operator_be_away_is_a_notice(city: Path) -> None:
    edit(city, "ciconia.toml", RULE, RULE.replace("quorum = 1", 'quorum = 1, fail = "closed"'))
    record(city)
    sequence(city)
    (found,) = told(city)
    assert (found.severity, found.key) == (NOTICE, "witness_policy")
    assert "releases stop if one is away" in found.what
