"""Pages that show parts of the report: questions 1, 2, 3, 6 and 7, and what citizens answered."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlencode

from idp.audit.questions.report import ReleaseReport, report_releases
from idp.desk.auditor.auditor_page import LOGINS, AuditorPage, changed_leaves, moment
from idp.desk.auditor.proof_files import OF_BUNDLES
from idp.desk.auditor.reading import DeskQuestion, DeskReader
from idp.desk.blocks import Block, Cell, DeskTable, Facts, Link, Notice, Plot, TableColumn

_SERVICE, _PURPOSE = TableColumn("service", "desk.column.service"), TableColumn("purpose", "desk.column.purpose")
_ATTRIBUTE = TableColumn("attribute", "desk.column.attribute")


def _number(name: str, heading: str = "") -> TableColumn:
    return TableColumn(name, f"desk.column.{heading or name}", numeric=True)


def reported(parts: Callable[[ReleaseReport], Iterator[Block]]) -> Callable[[DeskReader, DeskQuestion], Sequence[Block]]:
    """A page that shows parts of the report about the logins that are asked for."""

    def make(reader: DeskReader, asked: DeskQuestion) -> Sequence[Block]:
        found = report_releases(reader.auditor, asked.filters, reader.ledger())
        about = Facts((("desk.record.size", str(found.size)), ("desk.record.root", found.root.hex())))
        return [*changed_leaves(found.changed), *parts(found), *_bundle(asked), about]

    return make


def _bundle(asked: DeskQuestion) -> Iterator[Block]:
    """The link to the signed bundle of the logins that are asked for, where the filters are those of a bundle."""
    named = {name: str(value) for name in LOGINS if (value := getattr(asked.filters, name))}
    if named.keys() <= set(OF_BUNDLES):
        yield Link("desk.bundle", f"/bundle?{urlencode(named)}")
    else:
        yield Notice("desk.bundle_filters")


def releases(found: ReleaseReport) -> Iterator[Block]:
    """Question 1, by week and in a table."""
    weeks = DeskTable(
        "weeks",
        "desk.releases.weeks",
        (TableColumn("week", "desk.column.week"), _number("releases"), _number("refusals"), _number("cancellations")),
        [(one.week.isoformat(), one.releases, one.refusals, one.cancellations) for one in found.series.weeks],
    )
    rows: list[tuple[Cell, ...]] = [
        (one.service, one.purpose, one.basis, one.releases, one.refusals, one.cancellations, one.unsent)
        for one in found.releases
    ]
    numbers = [_number(name) for name in ("releases", "refusals", "cancellations", "unsent")]
    yield DeskTable(
        "releases", "desk.releases.table", (_SERVICE, _PURPOSE, TableColumn("basis", "desk.column.basis"), *numbers), rows
    )
    yield Plot("desk.releases.plot", weeks, "week", "releases")
    yield weeks
    countries = DeskTable(
        "countries",
        "desk.releases.countries",
        (TableColumn("country", "desk.column.country"), _number("releases")),
        [(country or "?", count) for country, count in found.series.countries.items()],
    )
    yield Plot("desk.releases.countries_plot", countries, "country", "releases")
    yield countries


def attributes(found: ReleaseReport) -> Iterator[Block]:
    """Question 2, and how much of a person it says."""
    rows = [(one.service, one.attribute, one.form, one.releases) for one in found.attributes]
    columns = (_SERVICE, _ATTRIBUTE, TableColumn("form", "desk.column.form"), _number("releases"))
    yield DeskTable("attributes", "desk.attributes.table", columns, rows)
    counts = Counter[str]()
    for one in found.attributes:
        counts[one.service] += one.releases
    by_service = DeskTable(
        "by_service", "desk.attributes.by_service", (_SERVICE, _number("attributes")), counts.most_common()
    )
    yield Plot("desk.attributes.plot", by_service, "service", "attributes")
    yield by_service
    bits = DeskTable(
        "bits",
        "desk.attributes.bits",
        (_SERVICE, _number("mean"), _number("most")),
        [(one.service, one.mean, one.most) for one in found.series.bits_by_service],
    )
    yield Plot("desk.attributes.bits_plot", bits, "service", "mean")
    yield bits


def lacking(found: ReleaseReport) -> Iterator[Block]:
    """Question 3."""
    compared = found.lacking
    yield Facts(
        (
            ("desk.lacking.compared", str(compared.compared)),
            ("desk.lacking.lacking", str(sum(one.releases for one in compared.found))),
            ("desk.lacking.pages_unknown", str(compared.pages_unknown)),
        )
    )
    yield DeskTable(
        "lacking",
        "desk.lacking.table",
        (
            TableColumn("lack", "desk.column.lack"),
            _SERVICE,
            _PURPOSE,
            TableColumn("detail", "desk.column.detail"),
            _number("releases"),
            TableColumn("policy", "desk.column.policy"),
        ),
        [(one.lack.value, one.service, one.purpose, one.detail, one.releases, one.policy) for one in compared.found],
    )
    yield DeskTable(
        "languages",
        "desk.lacking.languages",
        (TableColumn("language", "desk.column.language"), _number("releases")),
        list(compared.languages.items()),
    )


def over_asking(found: ReleaseReport) -> Iterator[Block]:
    """Question 6."""
    by_service = Counter[str]()
    for one in found.over_asking:
        by_service[one.service] += one.logins
    services = DeskTable(
        "by_service", "desk.over_asking.by_service", (_SERVICE, _number("over_asked")), by_service.most_common()
    )
    asked = _number("logins", "over_asked"), _number("of", "logins")
    yield DeskTable(
        "over_asking",
        "desk.over_asking.table",
        (_SERVICE, _ATTRIBUTE, TableColumn("reason", "desk.column.reason"), *asked),
        [(one.service, one.attribute, one.reason, one.logins, one.of) for one in found.over_asking],
    )
    yield Plot("desk.over_asking.plot", services, "service", "over_asked")
    yield services


def switched_off(found: ReleaseReport) -> Iterator[Block]:
    """Question 7."""
    yield DeskTable(
        "switched_off",
        "desk.switched_off.table",
        (
            TableColumn("kind", "desk.column.kind"),
            TableColumn("name", "desk.column.name"),
            TableColumn("since", "desk.column.since"),
            TableColumn("until", "desk.column.until"),
            TableColumn("late", "desk.column.late"),
            _number("checkpoints"),
            TableColumn("places", "desk.column.places"),
            _number("place", "act"),
        ),
        [
            (
                one.kind,
                one.name,
                moment(one.since),
                moment(one.until) if one.until is not None else "",
                "?" if one.late is None else str(one.late),
                one.checkpoints,
                ", ".join(map(str, one.places)),
                one.place,
            )
            for one in found.switched_off
        ],
    )
    yield Notice("desk.switched_off.unknown")


def citizens(found: ReleaseReport) -> Iterator[Block]:
    """Citizens' answers, and what they were spared."""
    answers = DeskTable(
        "answers",
        "desk.citizens.answers",
        (
            _SERVICE,
            _number("approvals"),
            _number("refusals"),
            _number("cancellations"),
            _number("ratio"),
        ),
        [
            (
                one.service,
                one.approvals,
                one.refusals,
                one.cancellations,
                "" if one.approvals_to_refusal is None else one.approvals_to_refusal,
            )
            for one in found.series.answers_by_service
        ],
    )
    yield Plot("desk.citizens.refusals_plot", answers, "service", "refusals")
    yield Plot("desk.citizens.approvals_plot", answers, "service", "approvals")
    yield answers
    reasons = DeskTable(
        "reasons",
        "desk.citizens.reasons",
        (TableColumn("reason", "desk.column.why"), _number("weakened"), _number("withheld")),
        [(one.reason, one.weakened, one.withheld) for one in found.series.weakened_and_withheld],
    )
    yield Plot("desk.citizens.weakened_plot", reasons, "reason", "weakened")
    yield Plot("desk.citizens.withheld_plot", reasons, "reason", "withheld")
    yield reasons


REPORT_PAGES = (
    AuditorPage("/releases", "desk.releases", LOGINS, reported(releases)),
    AuditorPage("/attributes", "desk.attributes", LOGINS, reported(attributes)),
    AuditorPage("/lacking", "desk.lacking", LOGINS, reported(lacking)),
    AuditorPage("/over-asking", "desk.over_asking", LOGINS, reported(over_asking)),
    AuditorPage("/switched-off", "desk.switched_off", LOGINS, reported(switched_off)),
    AuditorPage("/citizens", "desk.citizens", LOGINS, reported(citizens)),
)
