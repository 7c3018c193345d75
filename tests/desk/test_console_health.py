"""The health page: the alerts of docs/alerts.yaml with their limits, and figures of a broker that serves."""

from pathlib import Path

import pytest
import yaml

from idp.config.settings import load_settings
from idp.demo.browser import Browser
from idp.desk.operator.health import HealthLog, JudgedAlert, Series, increase, quantile, rules
from tests.desk.console_stage import Console, served_console
from tests.desk.stage import DeskStage
from tests.idp.server.crew import until
from tests.ports import free_port

ALERTS = Path(__file__).parents[2] / "docs" / "alerts.yaml"
DAY = 86400
# They compare several series, or a series with what was there before, which one look cannot
OTHERS = {"TenantBroken", "NoCheckpoint", "FewerReleases", "WorkersMissing", "SeriesDropped", "Versions"}
OTHERS |= {"DeviationSwitchedOff"}


def test_each_alert_has_the_metric_and_the_limit_of_the_published_rule() -> None:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    published = {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}
    assert {rule.name for rule in rules()} | {f"Ciconia{name}" for name in OTHERS} == set(published)
    for rule in rules():
        said = published[rule.name]
        assert rule.metric in said, rule
        assert not rule.code or f'code="{rule.code}"' in said, rule
        limit = f"{rule.limit / DAY:.0f} * {DAY}" if rule.limit > DAY else f"{rule.limit:g}"
        assert ("== 0" if rule.kind == "below" else f" {'<' if rule.kind == 'until' else '>'} {limit}") in said, rule
        if rule.window and rule.kind != "increase":
            assert f"[{rule.window // 60}m]" in said, rule


def judged(monkeypatch: pytest.MonkeyPatch, *looks: tuple[float, Series]) -> dict[str, JudgedAlert]:
    log = HealthLog(1, "t", lambda: looks[-1][0])
    monkeypatch.setattr(log, "_looks", looks)
    return {each.rule.name: each for each in log.judged()}


def test_an_alert_fires_over_its_limit_and_not_at_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ends, full = ("ciconia_key_ends_timestamp_seconds", (("key", "saml"),)), ("ciconia_admission_refused_total", ())
    ready, other = ("ciconia_ready", ()), ("ciconia_refusals_total", (("code", "other"),))
    before = {ends: 40.0 * DAY, full: 0.0, ready: 1.0, other: 0.0}
    found = judged(monkeypatch, (0.0, before), (100.0, {**before, full: 100.0, other: 900.0}))
    assert not [name for name, each in found.items() if each.fires]
    worse = {ends: 30.0 * DAY, full: 101.0, ready: 0.0, other: 900.0}
    found = judged(monkeypatch, (0.0, before), (100.0, worse))
    assert {name for name, each in found.items() if each.fires} == {"CiconiaKeyEnds", "CiconiaFull", "CiconiaNotReady"}
    assert found["CiconiaKeyEnds"].of == "key saml"
    # A counter that began anew has not shrunk
    assert sum(increase(full[0], {full: 500.0}, {full: 3.0}).values()) == 3
    assert quantile({(("le", "0.1"),): 98.0, (("le", "1.0"),): 99.0, (("le", "+Inf"),): 100.0}) == 1.0
    assert quantile({(("le", "+Inf"),): 0.0}) is None


def test_a_broker_that_serves_is_seen_and_one_that_does_not_is_said(stage: DeskStage, tmp_path: Path) -> None:
    console = Console(stage)
    with stage.served(), served_console(console, tmp_path / "log"), Browser() as browser:
        tenant = load_settings(stage.config).tenant
        log = HealthLog(console.metrics_port, tenant)

        def ready() -> bool:
            log.step()
            return any(each.rule.name == "CiconiaNotReady" and each.figure == 1 for each in log.judged())

        until(ready)
        with Browser() as citizen:
            stage.release(citizen)
        first = log.looks[0][1]

        def released() -> bool:
            log.step()
            return sum(increase("ciconia_logins_total", first, log.looks[-1][1], state="released").values()) == 1

        until(released)
        console.administrator(browser, "watcher")
        page = console.get(browser, "/health").text
        assert "CiconiaNotReady" in page
        assert "No alert fires" in page
    nobody = HealthLog(free_port(), tenant)
    nobody.step()
    assert (nobody.looks, nobody.fresh()) == ((), False)
