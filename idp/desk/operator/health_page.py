"""The page of the broker's health: alerts with their limits, and the last half hour by the minute."""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import isinf

from idp.desk.blocks import Block, Cell, Facts, Notice, Plot
from idp.desk.operator.health import HealthLog, increase, quantile, rules
from idp.desk.operator.operator_page import OperatorPage, command, table
from idp.desk.operator.reading import OperatorQuestion, OperatorReader

MINUTE, MINUTES = 60, 30


def health(reader: OperatorReader, _asked: OperatorQuestion) -> Sequence[Block]:
    """Which alerts fire, and what happened in the last half hour."""
    log = reader.health
    if not log.port:
        return [Notice("desk.health.off"), command(reader, "doctor")]
    if not log.looks:
        return [Notice("desk.health.silent"), command(reader, "doctor")]
    rows: list[tuple[Cell, ...]] = [
        (
            "ALERT" if each.fires else "ok" if each.figure is not None else "-",
            each.rule.name,
            each.of,
            "" if each.figure is None else round(each.figure, 3),
            each.rule.limit,
            each.rule.kind,
            each.rule.metric,
        )
        for each in sorted(log.judged(), key=lambda one: not one.fires)
    ]
    firing = sum(row[0] == "ALERT" for row in rows)
    alerts = table("alerts", "state alert of figure limit kind metric", rows, ("figure", "limit"))
    minutes = table("minutes", "minute released refused p99", [*_minutes(log)], ("released", "refused", "p99"))
    slow = next(rule.limit for rule in rules() if rule.name == "CiconiaCommitsSlow")
    since = datetime.fromtimestamp(log.looks[0][0], UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return [
        Notice("desk.health.fires" if firing else "desk.health.quiet", {"count": str(firing)}),
        *([] if log.fresh() else [Notice("desk.health.silent")]),
        alerts,
        Facts((("desk.health.since", since),)),
        Plot("desk.health.released", minutes, "minute", "released"),
        Plot("desk.health.refused", minutes, "minute", "refused"),
        Plot("desk.health.p99", minutes, "minute", "p99", limit=slow),
        minutes,
        command(reader, "doctor"),
    ]


def _minutes(log: HealthLog) -> Sequence[tuple[Cell, ...]]:
    """A row for each whole minute of the last half hour of which there is a look at both ends."""
    looks = log.looks
    ends = {int(at // MINUTE): look for at, look in looks}
    last = max(ends)
    rows: list[tuple[Cell, ...]] = []
    for minute in range(last - MINUTES + 1, last + 1):
        if minute not in ends or minute - 1 not in ends:
            continue
        before, after = ends[minute - 1], ends[minute]
        slow = quantile(increase("ciconia_commit_seconds_bucket", before, after))
        rows.append(
            (
                datetime.fromtimestamp(minute * MINUTE, UTC).strftime("%H:%M"),
                sum(increase("ciconia_logins_total", before, after, state="released").values()),
                sum(increase("ciconia_refusals_total", before, after).values()),
                0.0 if slow is None or isinf(slow) else slow,
            )
        )
    return rows


HEALTH = OperatorPage("/health", "desk.health", (), health)
