"""Pages to which an auditor posts what others hold: a citizen's receipt, or receipts of services. Nothing of it is kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from idp.audit.questions.person import PersonsRecords, records_of_person
from idp.audit.questions.services_receipts import compare_receipts
from idp.desk.auditor.auditor_page import AuditorPage, changed_leaves, moment
from idp.desk.auditor.reading import DeskQuestion, DeskReader
from idp.desk.blocks import Block, DeskTable, Facts, Notice, TableColumn, Upload
from policies.errors import NotFound, SignatureInvalid

_DISAGREEMENT = (("file", "file"), ("check", "check"), ("what", "result"))
Files = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class UploadPage(AuditorPage):
    """A page that takes files, and answers about them at once."""

    take: Callable[[DeskReader, Files], Sequence[Block]]


def _asking(form: Upload, _reader: DeskReader, _asked: DeskQuestion) -> Sequence[Block]:
    return [form]


def person(reader: DeskReader, files: Files) -> Sequence[Block]:
    """Question 8: every record of the person whose receipt this is."""
    keys = reader.auditor.keys.log.published(reader.clock())
    try:
        found = records_of_person(reader.auditor, files[0][1], keys)
    except (SignatureInvalid, NotFound) as error:
        return [Notice("desk.person.refused", {"why": error.detail}), Upload("desk.person.label")]
    return records_shown(found)


def records_shown(found: PersonsRecords) -> Sequence[Block]:
    """The records of one person."""
    rows = [
        (
            each.position,
            moment(int(each.sent["time"])) if "time" in each.sent else "",
            each.kind,
            str(each.sent.get("client", "")),
            str(each.sent.get("purpose", "")),
            str(each.sent.get("basis", "")),
            ", ".join(f"{name} ({form})" for name, form in each.sent.get("names", ())),
            each.record.hex(),
        )
        for each in found.entries
    ]
    columns = (
        TableColumn("number", "desk.column.number", numeric=True),
        TableColumn("time", "desk.column.time"),
        TableColumn("kind", "desk.column.kind"),
        TableColumn("service", "desk.column.service"),
        TableColumn("purpose", "desk.column.purpose"),
        TableColumn("basis", "desk.column.basis"),
        TableColumn("names", "desk.column.allowed"),
        TableColumn("record", "desk.column.record"),
    )
    if found.missing is None:
        gaps = Notice("desk.person.period")
    else:
        missing = ", ".join(map(str, found.missing))
        gaps = Notice("desk.person.missing", {"numbers": missing}) if missing else Notice("desk.person.whole")
    return [gaps, DeskTable("person", "desk.person.table", columns, rows)]


def receipts(reader: DeskReader, files: Files) -> Sequence[Block]:
    """Question 9: whether services' receipts agree with our record."""
    ledger = reader.ledger()
    found = compare_receipts(reader.auditor, ledger, files, reader.auditor.keys.log.known)
    services = [(name, had, ours) for name, (had, ours) in found.services.items()]
    facts = (("desk.receipts.agreeing", str(found.agreeing)), ("desk.receipts.missing", str(found.missing)))
    number = partial(TableColumn, numeric=True)
    return [
        *changed_leaves(ledger.changed),
        Notice("desk.receipts.holds" if found.holds else "desk.receipts.differs"),
        Facts(facts),
        DeskTable(
            "disagreements",
            "desk.receipts.disagreements",
            (
                TableColumn("file", "desk.column.file"),
                TableColumn("check", "desk.column.check"),
                TableColumn("what", "desk.column.result"),
            ),
            [(each.file, each.check, each.what) for each in found.disagreements],
        ),
        DeskTable(
            "services",
            "desk.receipts.services",
            (
                TableColumn("service", "desk.column.service"),
                number("receipts", "desk.column.receipts"),
                number("releases", "desk.column.releases"),
            ),
            services,
        ),
        DeskTable(
            "without_receipt",
            "desk.receipts.without",
            (
                number("leaf", "desk.column.leaf"),
                TableColumn("record", "desk.column.record"),
                TableColumn("time", "desk.column.time"),
                TableColumn("service", "desk.column.service"),
            ),
            [(each.index, each.record, moment(each.time), each.service) for each in found.unreceipted],
        ),
        Upload("desk.receipts.label", multiple=True),
    ]


PERSON = UploadPage("/person", "desk.person", (), partial(_asking, Upload("desk.person.label")), person)
RECEIPTS = UploadPage(
    "/receipts", "desk.receipts", (), partial(_asking, Upload("desk.receipts.label", multiple=True)), receipts
)
