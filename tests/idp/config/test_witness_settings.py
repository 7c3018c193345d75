"""The settings about witnesses: each fault has its line, its key and its fix."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from idp.config.settings import examine_settings, load_settings
from idp.ledger.cosignature import WitnessKey

HEAD = 'issuer = "https://login.city.example"\n'
ONE, TWO, OWN, PRACTICE = (
    WitnessKey.of(name, Ed25519PrivateKey.generate())
    for name in ("one.example", "two.example/w", "login.city.example/w", "practice.localhost")
)


def named(key: WitnessKey, operator: str = "Neighbour", url: str = "https://witness.example") -> str:
    return f'[[witnesses]]\nurl = "{url}"\nvkey = "{key}"\noperator = "{operator}"\n'


def rule(quorum: int = 1, more: str = "") -> str:
    return f"[witness_policy]\nquorum = {quorum}\n{more}"


def faults(folder: Path, text: str) -> list[tuple[int, str]]:
    (folder / "ciconia.toml").write_text(HEAD + text, encoding="utf-8")
    problems = examine_settings(folder)[1]
    assert all(problem.what and problem.fix for problem in problems)
    return [(problem.line, problem.key) for problem in problems]


def test_witnesses_with_a_policy_are_read(tmp_path: Path) -> None:
    text = named(ONE) + named(TWO, "Ministry") + rule(2, 'fail = "closed"\nmax_age_seconds = 60\n')
    assert not faults(tmp_path, text)
    settings = load_settings(tmp_path)
    assert settings.witness_rules.operators == {"Neighbour", "Ministry"}
    assert settings.witness_rules.quorum == 2


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (named(ONE) + named(TWO, url="ftp://x.example") + rule(), (7, "witnesses.url")),
        (named(ONE) + named(TWO, url="https://x.example/") + rule(), (7, "witnesses.url")),
        (named(ONE).replace(str(ONE), f"{ONE}A") + rule(), (4, "witnesses.vkey")),
        (named(ONE).replace(ONE.name, "three.example") + rule(), (4, "witnesses.vkey")),
        (named(ONE, operator="") + rule(), (5, "witnesses.operator")),
        (named(ONE).replace("operator", "operators") + rule(), (2, "witnesses.operator")),
        (named(ONE) + 'networks = ["x"]\n' + rule(), (6, "witnesses.networks")),
        (named(ONE) + rule(0), (7, "witness_policy.quorum")),
        (named(ONE) + rule(1, 'fail = "maybe"\n'), (8, "witness_policy.fail")),
        (named(ONE) + rule(1, "max_age_seconds = 1\n"), (8, "witness_policy.max_age_seconds")),
        (named(ONE), (1, "witness_policy")),
        (rule(), (2, "witness_policy")),
        (named(ONE) + rule(2), (6, "witness_policy")),
        (named(ONE) + named(TWO) + rule(2), (10, "witness_policy")),
        (named(OWN) + rule(), (6, "witness_policy")),
        (named(PRACTICE) + rule(), (6, "witness_policy")),
        (named(ONE) + named(ONE, "Ministry") + rule(), (2, "witnesses")),
        (named(ONE, url="http://witness.localhost:8600") + rule(), (2, "witnesses")),
    ],
)
def test_a_fault_has_its_line_and_key(tmp_path: Path, text: str, place: tuple[int, str]) -> None:
    assert place in faults(tmp_path, text)


def test_http_is_for_the_demo_and_this_machine_alone(tmp_path: Path) -> None:
    local = named(PRACTICE, url="http://witness.localhost:8600")
    assert not faults(tmp_path, f"demo = true\n{local}")
    assert faults(tmp_path, f"demo = true\n{named(PRACTICE, url='http://witness.example')}")
