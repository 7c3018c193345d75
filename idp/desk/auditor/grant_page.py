"""All grants, for everybody who signs in; and the records of a person under a grant of one's own (decision 0000.24)."""

from collections.abc import Mapping, Sequence

from idp.audit.questions.person import records_by_grant
from idp.desk.auditor.auditor_page import AuditorPage, moment
from idp.desk.auditor.reading import DeskQuestion, DeskReader
from idp.desk.auditor.upload_pages import records_shown
from idp.desk.blocks import Block, DeskTable, GrantForm, Notice, TableColumn
from policies.errors import GrantRefused, NotFound, RequestRefused

OPEN = "open"


def grants(reader: DeskReader, asked: DeskQuestion) -> Sequence[Block]:
    """Every grant there ever was, and a form for each open one of the auditor who looks."""
    now, found = reader.clock(), reader.grants.listed()
    rows = [
        (
            one.auditor,
            one.scope,
            f"{moment(one.since)} – {moment(one.until)}" if not one.record else "",  # noqa: RUF001 - from, to
            one.reason,
            moment(one.begins),
            moment(one.ended or one.ends),
            ", ".join(one.officers),
            one.state(now),
            one.grant.hex(),
        )
        for one in found
    ]
    names = ("auditor", "scope", "period", "reason_of_grant", "begins", "ends", "officers", "state", "grant")
    table = DeskTable(
        "grants", "desk.grants.table", tuple(TableColumn(name, f"desk.column.{name}") for name in names), rows
    )
    mine = [one for one in found if one.auditor == asked.who and one.state(now) == OPEN]
    return [*(GrantForm(one.grant.hex(), one.reason, not one.record) for one in mine), table]


def use_grant(reader: DeskReader, who: str, given: Mapping[str, str]) -> Sequence[Block]:
    """The records that a grant opens to this auditor. Its use, or its refusal, is on record first."""
    try:
        grant, record = (bytes.fromhex(given.get(name, "").strip()) for name in ("grant", "record"))
    except ValueError:
        raise RequestRefused("no id of a grant or a record") from None
    try:
        found, subject = reader.grants.use(grant, who, reader.clock(), record)
        return records_shown(records_by_grant(reader.auditor, found, subject))
    except GrantRefused as error:
        return [Notice("desk.grants.refused", {"why": error.detail})]
    except NotFound:
        return [Notice("desk.grants.unknown")]


GRANTS = AuditorPage("/grants", "desk.grants", (), grants)
