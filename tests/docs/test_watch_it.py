"""docs/watch-it.md and docs/alerts.yaml name exactly the metrics, steps, limits and log events of the code."""

import re
from pathlib import Path

import pytest
from prometheus_client import Counter, Gauge, Histogram

from idp.config.setting_types import Limits
from idp.monitoring.families import FAMILIES
from idp.monitoring.steps import _all_codes
from idp.store.clock_drift import ALLOWED
from policies.errors import StoreUnavailable

DOCS = Path(__file__).parents[2] / "docs"
PAGE, ALERTS = (DOCS / "watch-it.md").read_text("utf-8"), (DOCS / "alerts.yaml").read_text("utf-8")
SUFFIX = {Counter: "_total", Gauge: "", Histogram: ""}
SHOWN = {family.name + SUFFIX[family.kind]: family for family in FAMILIES.values()}
SAMPLES = SHOWN.keys() | {f"{name}{end}" for name in SHOWN for end in ("_bucket", "_count", "_sum")}
ROWS = {row[1]: row[2] for row in re.finditer(r"^\| `(ciconia_\w+)` \|([^|]*)\|", PAGE, re.MULTILINE)}
EXPRESSIONS = re.findall(r"^ +expr: (?:>-\n)?((?:.+\n)(?: {10}.+\n)*)", ALERTS, re.MULTILINE)


def test_every_metric_has_its_row_with_its_labels_and_no_row_is_of_another() -> None:
    assert {name: tuple(filter(None, text.strip().split(", "))) for name, text in ROWS.items()} == {
        name: family.labels for name, family in SHOWN.items()
    }


def test_every_rule_asks_for_metrics_that_there_are() -> None:
    asked = {name for text in EXPRESSIONS for name in re.findall(r"ciconia_\w+", text)}
    assert len(EXPRESSIONS) == ALERTS.count("- alert:") > 15
    assert asked <= SAMPLES, asked - SAMPLES


def test_a_ledger_that_was_never_signed_fires_too() -> None:
    """Its checkpoint has no moment then, and `and` with a series that is not there is nothing."""
    (rule,) = (text for text in EXPRESSIONS if "ciconia_ledger_checkpoint_timestamp_seconds" in text)
    leaves, unless, signed = rule.partition(" unless ")
    assert (leaves, unless) == ("ciconia_ledger_unsigned > 0", " unless ")
    assert " <= " in signed


def test_the_alert_of_clocks_fires_where_a_machine_leaves() -> None:
    (rule,) = (text for text in EXPRESSIONS if "ciconia_clock_apart_seconds" in text)
    assert rule.strip() == f"ciconia_clock_apart_seconds > {ALLOWED}"
    assert f"no more than {ALLOWED} seconds apart" in PAGE


def test_codes_of_rules_are_counted_and_a_release_that_was_not_recorded_is_one() -> None:
    codes = set(re.findall(r'code="(\w+)"', ALERTS))
    assert StoreUnavailable.code in codes <= _all_codes()


def test_every_alert_has_its_line_of_what_to_do() -> None:
    named = set(re.findall(r"- alert: (\w+)", ALERTS))
    assert set(re.findall(r"`(Ciconia\w+)`", PAGE)) == named


@pytest.mark.parametrize("name", ["begin_address", "begin_party", "failures", "pages"])
def test_defaults_of_limits_are_those_of_the_page(name: str) -> None:
    assert re.search(rf"^\| `{name}` \|.*\| {getattr(Limits(), name)} \|$", PAGE, re.MULTILINE)


def test_metrics_that_lag_or_end_have_a_rule() -> None:
    watched = " ".join(EXPRESSIONS)
    gauges = {name for name, family in SHOWN.items() if family.kind is Gauge}
    unwatched = {"ciconia_admission_at_work", "ciconia_admission_waiting"}
    assert {name for name in gauges if name not in watched} == unwatched, "the queue is for a graph, and its refusals alert"
