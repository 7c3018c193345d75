"""The benchmark of logins computes its targets from what it measured, and its logins over SAML are real ones."""

import argparse
from pathlib import Path

import pytest

from idp.pages.languages import LANGUAGES
from idp.pages.render import Pages
from tests.benchmarks.logins import AT_ONCE, MANY, ONE, POSTGRES, Spent, _growth_target, _targets, measured
from tests.benchmarks.logins_pages import pages
from tests.benchmarks.measure import Figure
from tests.e2e.gallery import DECISION, OWNER, approval


def spent(cpu: float, inside: float = 1.0) -> dict[int, Spent]:
    return {at_once: Spent([cpu + 1, cpu], [inside]) for at_once in AT_ONCE}


def found(**more: dict[int, Spent]) -> dict[tuple[str, int], Spent]:
    cases = {"plain": spent(4.0), "encrypted": spent(5.0), ONE: spent(4.0), MANY: spent(4.2)}
    cases |= {name.replace("_", " "): value for name, value in more.items()}
    return {(name, at_once): value for name, each in cases.items() for at_once, value in each.items()}


def test_the_least_turn_counts_and_the_worse_number_at_once() -> None:
    satosa = {1: Spent([100.0, 120.0]), 8: Spent([78.0])}
    targets = {one.name: one for one in _targets(found(SATOSA_plain=satosa, SATOSA_encrypted=spent(120.0)))}
    over_saml = {("SAML to SAML", 1): Spent([5.0]), ("SATOSA SAML to SAML", 1): Spent([110.0, 100.0])}
    assert [(one.name, one.measured, one.met) for one in _targets(over_saml)] == [("saml_cpu_vs_satosa", 20.0, True)]
    assert targets["cpu_vs_satosa_plain"].measured == pytest.approx(19.5)
    assert not targets["cpu_vs_satosa_plain"].met
    assert targets["cpu_vs_satosa_encrypted"].measured == pytest.approx(24.0)
    assert targets["cpu_vs_satosa_encrypted"].met
    assert targets["two_workers_vs_one"].measured == pytest.approx(1.0)
    assert targets["parties_vs_few"].measured == pytest.approx(1.05)


def test_without_the_peer_and_postgresql_only_what_was_measured_is_a_target() -> None:
    assert {one.name for one in _targets(found())} == {"two_workers_vs_one", "parties_vs_few"}
    assert "postgres_vs_sqlite" in {one.name for one in _targets(found(**{POSTGRES: spent(5.0)}))}


def test_memory_that_shrank_did_not_grow() -> None:
    def grown(before: float, after: float) -> float:
        figures = [Figure("memory before", before, "KiB"), Figure("memory after", after, "KiB"), Figure("logins", 100, "1")]
        return _growth_target(figures)[0].measured

    assert (grown(1000, 900), grown(1000, 1040)) == (0.0, 0.4)
    assert _growth_target([]) == []


@pytest.mark.slow
def test_logins_over_saml_to_saml_are_measured(tmp_path: Path) -> None:
    chosen = argparse.Namespace(saml=True, peer=None, logins=2, turns=1, growth=0)
    figures, targets = measured(tmp_path, chosen)
    assert targets == [], "without the peer nothing is compared"
    inside = {one.name: one.value for one in figures if one.name.endswith("median") and one.name.startswith("time")}
    assert set(inside) == {f"time inside the broker, SAML to SAML{kind}, median" for kind in ("", " encrypted")}
    assert all(inside.values())


@pytest.mark.slow
def test_the_pages_are_measured_in_the_language_in_which_they_cost_the_most() -> None:
    _, targets = pages()
    cost = {one.name: one.measured for one in targets}
    shown = Pages(OWNER)
    sizes = {tag: len(shown.approval(approval(shown, tag, DECISION)).encode()) / 1000 for tag in LANGUAGES}
    assert cost["question_kb"] == max(sizes.values()) > sizes["en"]
    assert min(cost["question_ms_cpu"], cost["picker_ms_cpu"], cost["picker_kb"]) > 0
    assert cost["languages_mib"] > 0
