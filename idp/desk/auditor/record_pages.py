"""Pages about the record itself: whether it was changed, who did what, what the policy was; and one record, proved."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from sqlalchemy import func, select

from idp.audit.questions.acts import acts_between
from idp.audit.questions.compared import WITNESS, HeldEvidence, compare_with
from idp.audit.questions.one_record import OneRecord, best_checkpoint, is_name, one_record
from idp.audit.questions.policy_on import PolicyInForce, policies_on
from idp.desk.auditor.auditor_page import PERIOD, AuditorPage, changed_leaves, moment, read_day
from idp.desk.auditor.reading import DeskQuestion, DeskReader
from idp.desk.blocks import Block, DeskTable, Facts, Link, Notice, TableColumn
from idp.ledger.checkpoint import SIGNATURE_MARK, read_signature
from idp.ledger.merkle_tree import leaf_hash
from idp.ports import Checkpoint
from idp.sequencer.witness import witnessed
from idp.store import tables
from idp.store.engine import reading
from policies.errors import NotFound, RequestRefused, StoreUnavailable


def record(reader: DeskReader, _asked: DeskQuestion) -> Sequence[Block]:
    """Question 4: the newest checkpoint, and what it was compared with."""
    auditor = reader.auditor
    held = _held(reader)  # before the ledger, which grows meanwhile
    with reading(), auditor.engine.connect() as connection:
        best = best_checkpoint(connection, auditor, 0)
        mine = tables.records.c.tenant == auditor.tenant
        records = connection.scalar(select(func.count()).select_from(tables.records).where(mine))
    if best is None:
        return [Notice("desk.record.none"), _keys(reader)]
    facts = (
        ("desk.record.log", auditor.keys.origin),
        ("desk.record.size", str(best.size)),
        ("desk.record.records", str(records or 0)),
        ("desk.record.root", best.root.hex()),
        ("desk.record.signed", moment(best.time)),
        ("desk.record.cosigned", ", ".join(_signers(best, auditor.keys.origin)) or "–"),  # noqa: RUF001 - nobody
    )
    compared = [
        (each.held.kind, each.held.name, each.size or 0, each.why or "✓")
        for each in compare_with(auditor.engine, auditor.tenant, auditor.keys, held or ())
    ]
    columns = (
        TableColumn("with", "desk.column.with"),
        TableColumn("name", "desk.column.name"),
        TableColumn("size", "desk.column.size", numeric=True),
        TableColumn("result", "desk.column.result"),
    )
    said = "desk.record.witness_away" if held is None else "" if held else "desk.record.no_witness"
    notices = [Notice(said)] if said else []
    table = DeskTable("compared", "desk.record.compared", columns, compared)
    return [Facts(facts), *notices, table, Notice("desk.record.verify"), _keys(reader)]


def _held(reader: DeskReader) -> Sequence[HeldEvidence] | None:
    """The checkpoints that the witness keeps; None where it cannot be read."""
    path = reader.settings.witness_path
    try:
        return [HeldEvidence(WITNESS, path.name if path else "", head) for head in witnessed(path, reader.auditor.keys)]
    except StoreUnavailable:
        return None


def _signers(best: Checkpoint, origin: str) -> Iterator[str]:
    """Those who signed the checkpoint beside the log."""
    lines = best.cosigned_note.rpartition("\n\n")[2].splitlines()
    for line in lines:
        if line.startswith(SIGNATURE_MARK) and (name := read_signature(line)[0]) != origin:
            yield name


def _keys(reader: DeskReader) -> DeskTable:
    return DeskTable(
        "log_keys",
        "desk.record.keys",
        (TableColumn("key_id", "desk.column.key"), TableColumn("vkey", "desk.column.vkey")),
        [(key.key_id.hex(), str(key)) for key in reader.auditor.keys.log.published(reader.clock())],
    )


def acts(reader: DeskReader, asked: DeskQuestion) -> Sequence[Block]:
    """The acts of operators and the product."""
    since, until = asked.filters.since, asked.filters.until
    begin = _seconds(since) if since else 0
    end = _seconds(until) + int(timedelta(days=1).total_seconds()) if until else None
    found = acts_between(reader.auditor, reader.ledger(), begin, end)
    kinds = asked.named.get("kind", "")
    rows = [
        (moment(act.time), act.kind, act.who, act.why, json.dumps(dict(act.facts), ensure_ascii=False), act.index)
        for act in found.acts
        if kinds in ("", act.kind)
    ]
    columns = (
        TableColumn("time", "desk.column.time"),
        TableColumn("kind", "desk.column.kind"),
        TableColumn("who", "desk.column.who"),
        TableColumn("why", "desk.column.given_reason"),
        TableColumn("facts", "desk.column.facts"),
        TableColumn("leaf", "desk.column.leaf", numeric=True),
    )
    return [*changed_leaves(found.changed), DeskTable("acts", "desk.acts.table", columns, rows)]


def _seconds(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())


def policy(reader: DeskReader, asked: DeskQuestion) -> Sequence[Block]:
    """Question 5: which configurations were in force on a day, who put them there, and what they allowed."""
    said = asked.named.get("day", "")
    day = read_day(said) if said else datetime.fromtimestamp(reader.clock(), UTC).date()
    found = policies_on(reader.auditor, day)
    rows = [
        (
            each.applied.number,
            moment(each.applied.time),
            moment(each.until) if each.until else "",
            each.applied.who,
            ", ".join(each.approved),
            "; ".join(each.widened),
            each.applied.digest,
        )
        for each in found
    ]
    columns = (
        TableColumn("number", "desk.column.number", numeric=True),
        TableColumn("since", "desk.column.in_force"),
        TableColumn("until", "desk.column.in_force_until"),
        TableColumn("who", "desk.column.who"),
        TableColumn("approved", "desk.column.approved"),
        TableColumn("widened", "desk.column.widened"),
        TableColumn("digest", "desk.column.digest"),
    )
    lost = [each for each in found if each.configuration is None]
    notices = [Notice("desk.policy.lost", {"count": str(len(lost))})] if lost else []
    about = Notice("desk.policy.day", {"day": day.isoformat()})
    return [about, *notices, DeskTable("configurations", "desk.policy.configurations", columns, rows), _allowed(found)]


def _allowed(found: Sequence[PolicyInForce]) -> DeskTable:
    rows = [
        (
            each.applied.number,
            purpose.purpose_id,
            purpose.basis.value,
            purpose.minimum_assurance.label,
            ", ".join(f"{name} ({need.form})" for name, need in sorted(purpose.needs.items())),
            ", ".join(services),
        )
        for each in found
        for purpose, services in each.purposes()
    ]
    columns = (
        TableColumn("number", "desk.column.number", numeric=True),
        TableColumn("purpose", "desk.column.purpose"),
        TableColumn("basis", "desk.column.basis"),
        TableColumn("assurance", "desk.column.assurance"),
        TableColumn("attributes", "desk.column.allowed"),
        TableColumn("services", "desk.column.services"),
    )
    return DeskTable("purposes", "desk.policy.purposes", columns, rows)


def prove(reader: DeskReader, asked: DeskQuestion) -> Sequence[Block]:
    """Question 10: one record, opened but for its person, and its proof to save."""
    named = asked.named.get("record", "").strip()
    if not named:
        return [Notice("desk.prove.how")]
    if not is_name(named):
        raise RequestRefused("no name of a record")
    try:
        found = one_record(reader.auditor, named)
    except NotFound:
        return [Notice("desk.prove.none")]
    facts = [
        ("desk.prove.record", found.record.hex()),
        ("desk.prove.leaf", leaf_hash(found.leaf).hex()),
        ("desk.prove.index", "" if found.index is None else str(found.index)),
        ("desk.prove.time", moment(found.time)),
    ]
    findings = DeskTable(
        "findings",
        "desk.prove.findings",
        (
            TableColumn("table", "desk.column.name"),
            TableColumn("row", "desk.column.row"),
            TableColumn("what", "desk.column.result"),
        ),
        [(each.table, each.row, each.what) for each in found.findings],
    )
    proof = [Link("desk.prove.save", f"/proof?{urlencode({'record': named})}")] if found.holds and found.placed else []
    verdict = Notice("desk.prove.holds" if found.holds else "desk.prove.broken")
    return [verdict, Facts(tuple(facts)), *proof, _said(found), *([findings] if found.findings else [])]


def _said(found: OneRecord) -> DeskTable:
    rows = [
        (part, name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for part in ("sent", "decision")
        for name, value in sorted(found.content(part).items())
    ]
    columns = (
        TableColumn("part", "desk.column.part"),
        TableColumn("name", "desk.column.name"),
        TableColumn("said", "desk.column.said"),
    )
    return DeskTable("said", "desk.prove.said", columns, rows)


HOME = AuditorPage("/", "desk.record", (), record)
ACTS = AuditorPage("/acts", "desk.acts", (*PERIOD, "kind"), acts)
POLICY = AuditorPage("/policy", "desk.policy", ("day",), policy)
PROVE = AuditorPage("/prove", "desk.prove", ("record",), prove)
