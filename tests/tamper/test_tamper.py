"""Every way of cheating that we know is noticed by somebody, or docs/threats.md says that it is not."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from tests.tamper.attacks import ATTACKS, Attack
from tests.tamper.run import Outcome, carried_out, faults, honest
from tests.tamper.stage import Stage


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """In it nobody sees anything: that is the control."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield honest(tmp_path_factory.mktemp("tamper") / "honest")
    structlog.reset_defaults()


@pytest.mark.spec("issue 31, shown by: make tamper")
def test_each_observer_notices_what_is_theirs(stage: Stage, tmp_path: Path) -> None:
    expected = {
        "a node of the tree is overwritten": {"verify"},
        "another tree is signed, and shown to one viewer who asks the witness": {"witness"},
        "other values are recorded than went": {"service"},
        "a login is invented, and recorded under a person's key": {"citizen"},
        "a refusal is invented": set[str](),
    }
    some = [attack for attack in ATTACKS if attack.name in expected]
    found = [carried_out(attack, stage, tmp_path / str(number)) for number, attack in enumerate(some)]
    assert {each.name: set(each.noticed) for each in found} == expected
    assert faults(found) == []


@pytest.mark.slow
@pytest.mark.spec("issue 31, shown by: make tamper")
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_somebody_notices_or_the_threats_page_says_that_nobody_does(stage: Stage, tmp_path: Path, attack: Attack) -> None:
    found = carried_out(attack, stage, tmp_path / "copy")
    assert faults([found]) == []


def test_there_are_at_least_forty_with_and_without_keys() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS) >= 40
    assert {attack.keys for attack in ATTACKS} == {False, True}


def test_a_page_that_says_too_little_or_too_much_is_found() -> None:
    unnoticed = Outcome("x", keys=False, says="does x", noticed={})
    assert faults([unnoticed], "somebody does x") == []
    assert len(faults([unnoticed], "nothing of it")) == 1
    assert len(faults([replace(unnoticed, says="")], "somebody does x")) == 1
    assert len(faults([replace(unnoticed, noticed={"witness": "it answers 422"})], "somebody does x")) == 1
