"""The report: questions 1, 2, 3, 6 and 7 about the logins of a period, and the series that the desk plots.

1. `releases`: how many a service got, by purpose and basis
2. `attributes`: which attributes in which form went to whom
3. `lacking`: which releases lack what their purpose demands (`lacking`)
6. `over_asking`: which services ask for more than they get
7. `switched_off`: what was released after a service, country or key was switched off (`switched_off`)
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import cache

from idp.audit.over_asking import asked_too_much
from idp.audit.questions.auditor import Auditor
from idp.audit.questions.filters import LoginFilters, SelectedLogins, select_logins
from idp.audit.questions.lacking import ComparedReleases, compare_releases
from idp.audit.questions.ledger_summary import SummarisedLedger, summarise
from idp.audit.questions.switched_off import SwitchedOff, released_when_off
from idp.ledger.record_contents import CANCELLATION, REFUSAL, RELEASE, UNSENT, DecidedBy
from policies.attributes import AttributeName
from policies.catalogue import Catalogue
from policies.forms import parse_form
from policies.identifiability import identifying, total
from policies.purposes import Purpose
from policies.release import Reason


@dataclass(frozen=True, slots=True)
class ServiceLogins:
    """How the logins of a service for one purpose, on one basis, ended."""

    service: str
    purpose: str
    basis: str
    releases: int
    refusals: int
    cancellations: int
    unsent: int


@dataclass(frozen=True, slots=True)
class SentAttribute:
    """So many releases gave a service an attribute in this form."""

    service: str
    attribute: str
    form: str
    releases: int


@dataclass(frozen=True, slots=True)
class OverAskedAttribute:
    """So many of a service's logins asked for more of an attribute than it may get, and why it may not."""

    service: str
    attribute: str
    reason: str
    logins: int
    of: int


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How often an attribute went in a weaker form than was asked, or not at all, for one reason."""

    reason: str
    weakened: int
    withheld: int


@dataclass(frozen=True, slots=True)
class WeekLogins:
    """The logins of a week, which begins on this Monday (UTC)."""

    week: date
    releases: int
    refusals: int
    cancellations: int


@dataclass(frozen=True, slots=True)
class ServiceBits:
    """How much of a person's identity a service's releases say, in bits (`policies.identifiability`)."""

    service: str
    mean: float
    most: float


@dataclass(frozen=True, slots=True)
class ServiceAnswers:
    """Citizens' answers to a service's question, where they read it: approvals for each refusal, None without one."""

    service: str
    approvals: int
    refusals: int
    cancellations: int
    approvals_to_refusal: float | None


@dataclass(frozen=True, slots=True)
class ReportSeries:
    """Series that the desk plots, and that are no question of their own."""

    weeks: tuple[WeekLogins, ...]
    bits_by_service: tuple[ServiceBits, ...]
    weakened_and_withheld: tuple[ReasonCount, ...]
    answers_by_service: tuple[ServiceAnswers, ...]
    countries: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ReleaseReport:
    """The answers about the tree of `size` leaves and this root.

    `changed` has the places of leaves that are not what was written: they are in no answer. `notes` are sentences about the
    filters, for people.
    """

    filters: LoginFilters
    size: int
    root: bytes
    changed: tuple[int, ...]
    notes: tuple[str, ...]
    releases: tuple[ServiceLogins, ...]
    attributes: tuple[SentAttribute, ...]
    lacking: ComparedReleases
    over_asking: tuple[OverAskedAttribute, ...]
    switched_off: tuple[SwitchedOff, ...]
    series: ReportSeries

    def as_json(self) -> dict[str, object]:
        """The report in the shape that `ciconia ledger report --json` prints."""
        series = asdict(self.series)
        series["weeks"] = [{**asdict(one), "week": one.week.isoformat()} for one in self.series.weeks]
        return {
            "filters": self.filters.as_json(),
            "size": self.size,
            "root": self.root.hex(),
            "changed": list(self.changed),
            "notes": list(self.notes),
            "releases": [asdict(one) for one in self.releases],
            "attributes": [asdict(one) for one in self.attributes],
            "lacking": asdict(self.lacking),
            "over_asking": [asdict(one) for one in self.over_asking],
            "switched_off": [asdict(one) for one in self.switched_off],
            "series": series,
        }


def report_releases(auditor: Auditor, filters: LoginFilters, ledger: SummarisedLedger | None = None) -> ReleaseReport:
    """Answer all of them. `ledger` is `summarise`'s, if somebody has it already. Raises `StoreUnavailable`."""
    ledger = ledger or summarise(auditor)
    country_of = cache(auditor.country)
    purpose_of = cache(auditor.purpose)
    switched_off, spoilt = released_when_off(auditor, ledger, filters, country_of)
    ledger = replace(ledger, changed=tuple(sorted({*ledger.changed, *spoilt})))
    selected = select_logins(ledger, filters, country_of)
    catalogue = auditor.configuration.catalogue
    attributes = tuple(_attributes(selected, filters.attribute))
    return ReleaseReport(
        filters=filters,
        size=ledger.size,
        root=ledger.root,
        changed=ledger.changed,
        notes=tuple(_notes(auditor, filters, ledger, selected)),
        releases=tuple(_releases(selected)),
        attributes=attributes,
        lacking=compare_releases(
            selected,
            purpose_of=purpose_of,
            catalogue=catalogue,
            pages={auditor.pages, *(summary.pages for summary in ledger.summaries)} - {""},
            languages=auditor.languages,
        ),
        over_asking=tuple(_over_asking(selected, purpose_of, catalogue, filters.attribute)),
        switched_off=switched_off,
        series=ReportSeries(
            weeks=tuple(_weeks(selected)),
            bits_by_service=tuple(_bits(selected)),
            weakened_and_withheld=tuple(_reasons(selected, purpose_of, catalogue, filters.attribute)),
            answers_by_service=tuple(_answers(selected)),
            countries=_countries(selected, country_of),
        ),
    )


def _notes(auditor: Auditor, filters: LoginFilters, ledger: SummarisedLedger, selected: SelectedLogins) -> Iterator[str]:
    configuration = auditor.configuration
    if ledger.changed:
        yield (
            f"{len(ledger.changed)} leaves are not what was written, the first at place {ledger.changed[0]}. They are in no"
            " answer: run ciconia ledger verify."
        )
    if filters.service and filters.service not in {*configuration.parties, *selected.services}:
        yield f"No service {filters.service} is registered, and none is on record."
    if filters.purpose and filters.purpose not in {*configuration.purposes, *selected.purposes}:
        yield f"No purpose {filters.purpose} is configured, and none is on record."
    if filters.attribute and filters.attribute not in configuration.catalogue.attributes:
        yield f"The catalogue has no attribute {filters.attribute}."
    if filters.country and filters.country not in auditor.countries:
        yield f"No identity provider and no node of {filters.country} is configured."
    if not selected.logins:
        yield "No login on record is of this period and these filters." if ledger.size else "The ledger is empty."


def _releases(selected: SelectedLogins) -> Iterator[ServiceLogins]:
    counts: dict[tuple[str, str, str], Counter[str]] = {}
    for one in selected.logins:
        counts.setdefault(one.terms[:3], Counter())[one.way.outcome] += one.logins
    for (service, purpose, basis), by in sorted(counts.items()):
        yield ServiceLogins(service, purpose, basis, *(by[outcome] for outcome in (RELEASE, REFUSAL, CANCELLATION, UNSENT)))


def _attributes(selected: SelectedLogins, only: str) -> Iterator[SentAttribute]:
    counts: Counter[tuple[str, str, str]] = Counter()
    for one in selected.logins:
        if one.way.outcome == RELEASE:
            for name, form in one.choice.names:
                if only in ("", name):
                    counts[one.terms.service, name, form] += one.logins
    return (SentAttribute(*what, count) for what, count in sorted(counts.items()))


def _over_asking(
    selected: SelectedLogins, purpose_of: Callable[[str], Purpose | None], catalogue: Catalogue, only: str
) -> Iterator[OverAskedAttribute]:
    counts: Counter[tuple[str, str, Reason]] = Counter()
    logins: Counter[str] = Counter()
    for one in selected.logins:
        if one.way.outcome == UNSENT:
            continue
        logins[one.terms.service] += one.logins
        choice = one.choice
        found = asked_too_much(
            choice.asked, choice.withheld, purpose_of(one.terms.policy), catalogue, unknown=choice.unknown
        )
        for name, reason in found.items():
            if only in ("", name):
                counts[one.terms.service, name, reason] += one.logins
    for (service, name, reason), count in sorted(counts.items(), key=lambda each: (-each[1], each[0])):
        yield OverAskedAttribute(service, name, reason.value, count, logins[service])


def _weeks(selected: SelectedLogins) -> Iterator[WeekLogins]:
    for week in sorted({week for week, _ in selected.weeks}):
        yield WeekLogins(week, *(selected.weeks.get((week, outcome), 0) for outcome in (RELEASE, REFUSAL, CANCELLATION)))


def _bits(selected: SelectedLogins) -> Iterator[ServiceBits]:
    said: dict[str, list[tuple[float, int]]] = {}
    for one in selected.logins:
        if one.way.outcome == RELEASE:
            forms = [(AttributeName(name), form) for name, text in one.choice.names if (form := parse_form(text))]
            said.setdefault(one.terms.service, []).append((identifying(total(forms)), one.logins))
    for service, each in sorted(said.items()):
        mean = sum(bits * count for bits, count in each) / sum(count for _, count in each)
        yield ServiceBits(service, round(mean, 1), round(max(bits for bits, _ in each), 1))


def _reasons(
    selected: SelectedLogins, purpose_of: Callable[[str], Purpose | None], catalogue: Catalogue, only: str
) -> Iterator[ReasonCount]:
    weakened: Counter[str] = Counter()
    withheld: Counter[str] = Counter()
    for one in selected.logins:
        for name, reason in one.choice.withheld:
            withheld[reason] += one.logins if only in ("", name) else 0
        sent = dict(one.choice.names)
        for name, text in one.choice.asked:
            if only in ("", name) and sent.get(name, text) != text:
                weakened[_why_weaker(name, text, sent[name], purpose_of(one.terms.policy), catalogue)] += one.logins
    for reason in sorted({*weakened, *withheld}):
        if weakened[reason] or withheld[reason]:
            yield ReasonCount(reason, weakened[reason], withheld[reason])


def _why_weaker(name: str, asked: str, sent: str, purpose: Purpose | None, catalogue: Catalogue) -> str:
    """The purpose needs no more, or the source or the registration has less."""
    attribute = AttributeName(name)
    need, form = purpose.needs.get(attribute) if purpose else None, catalogue.form(attribute, asked)
    least = need is not None and form is not None and str(catalogue.meet(attribute, form, need.form)) == sent
    return (Reason.LEAST_SUFFICIENT if least else Reason.SOURCE_HAS_LESS).value


def _answers(selected: SelectedLogins) -> Iterator[ServiceAnswers]:
    counts: dict[str, Counter[str]] = {}
    for one in selected.logins:
        if one.way.path == DecidedBy.PAGE:
            counts.setdefault(one.terms.service, Counter())[one.way.outcome] += one.logins
    for service, by in sorted(counts.items()):
        ratio = round(by[RELEASE] / by[REFUSAL], 2) if by[REFUSAL] else None
        yield ServiceAnswers(service, by[RELEASE], by[REFUSAL], by[CANCELLATION], ratio)


def _countries(selected: SelectedLogins, country_of: Callable[[str], str]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for one in selected.logins:
        if one.way.outcome == RELEASE:
            counts[country_of(one.way.source)] += one.logins
    return dict(sorted(counts.items(), key=lambda each: (-each[1], each[0])))
