"""Carries out the attacks, each against a copy of one honest ledger, and asks everybody who could notice."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from tests.tamper.attacks import ATTACKS, Attack
from tests.tamper.observers import OBSERVERS, ask_witness
from tests.tamper.stage import Stage, made

THREATS = Path(__file__).parents[2] / "docs" / "threats.md"


@dataclass(frozen=True, slots=True)
class Outcome:
    """An attack, and what each observer who noticed said."""

    name: str
    keys: bool
    says: str
    noticed: Mapping[str, str]


def honest(folder: Path) -> Stage:
    """The ledger before any attack. Its witness has cosigned it, and nobody sees anything in it."""
    stage = made(folder)
    assert ask_witness(stage) == ""
    assert seen(stage.copied(folder.with_name("control"))) == {}
    return stage


def seen(stage: Stage) -> dict[str, str]:
    return {name: said for name, observe in OBSERVERS.items() if (said := observe(stage))}


def carried_out(attack: Attack, stage: Stage, folder: Path) -> Outcome:
    copy = stage.copied(folder)
    attack.run(copy)
    return Outcome(attack.name, attack.keys, attack.says, seen(copy))


def outcomes(folder: Path, attacks: Sequence[Attack] = ATTACKS) -> Iterator[Outcome]:
    # Each attack would write what a server writes that is attacked
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    try:
        stage = honest(folder / "honest")
        for number, attack in enumerate(attacks):
            yield carried_out(attack, stage, folder / str(number))
    finally:
        structlog.reset_defaults()


def faults(found: Sequence[Outcome], threats: str = "") -> list[str]:
    """Where docs/threats.md does not say what happened."""
    text = " ".join((threats or THREATS.read_text(encoding="utf-8")).split())
    wrong = [one.name for one in found if not one.noticed and (not one.says or one.says not in text)]
    false = [one.name for one in found if one.noticed and one.says]
    return [
        *(f"{name}: nobody notices, and docs/threats.md does not say so" for name in wrong),
        *(f"{name}: somebody notices, and it stands among what nobody does" for name in false),
    ]
