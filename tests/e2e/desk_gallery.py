"""Pages of the auditor's desk and of the operator's over made-up figures, as pictures show them."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta

from idp.audit.questions.filters import LoginFilters
from idp.audit.questions.lacking import ComparedReleases
from idp.audit.questions.report import (
    OverAskedAttribute,
    ReasonCount,
    ReleaseReport,
    ReportSeries,
    SentAttribute,
    ServiceAnswers,
    ServiceBits,
    ServiceLogins,
    WeekLogins,
)
from idp.desk.auditor.auditor_page import PERIOD, AuditorPage
from idp.desk.auditor.questions import PAGES
from idp.desk.auditor.report_pages import attributes, citizens, releases
from idp.desk.blocks import Block, Cell, Command, DeskTable, Facts, Lines, Notice, Plot, WithdrawForm, WrittenText
from idp.desk.operator.health import rules
from idp.desk.operator.health_page import HEALTH
from idp.desk.operator.operator_page import OperatorPage, table
from idp.desk.operator.pages import PAGES as CONSOLE_PAGES
from idp.desk.operator.plan_pages import PLANS, WAITING
from idp.desk.pages import AUDITOR_WORDS, OPERATOR_WORDS
from idp.desk.sessions import CIVIL, PASSKEY, DeskSession
from idp.desk.table_views import Filter, view_of
from idp.pages.views import PageKind
from tests.e2e.gallery import Shown

render, say = AUDITOR_WORDS.render, AUDITOR_WORDS.say
TENANT = "login.storkhaven.example"
FIRST = date(2026, 10, 5)
WEEKS = (412, 388, 451, 503, 476, 540, 588, 561)
REPORT = ReleaseReport(
    filters=LoginFilters(),
    size=4391,
    root=bytes(range(32)),
    changed=(),
    notes=(),
    releases=(
        ServiceLogins("budget", "participatory-budget", "public_task", 1288, 41, 12, 0),
        ServiceLogins("fares", "concession-fare", "contract", 702, 9, 5, 0),
        ServiceLogins("parking", "resident-parking", "public_task", 1929, 63, 22, 1),
    ),
    attributes=(
        SentAttribute("budget", "address", "resident_of(Storkhaven)", 1288),
        SentAttribute("budget", "birthdate", "age_over(16)", 1288),
        SentAttribute("fares", "birthdate", "age_over(60)", 702),
        SentAttribute("parking", "address", "resident_of(Storkhaven)", 1929),
        SentAttribute("parking", "birthdate", "age_over(18)", 1929),
        SentAttribute("parking", "email", "exact", 733),
    ),
    lacking=ComparedReleases((), 3919, {"en": 1204, "et": 2611, "zh-Hans": 104}, 0),
    over_asking=(OverAskedAttribute("parking", "birthdate", "least_sufficient", 1929, 2015),),
    switched_off=(),
    series=ReportSeries(
        weeks=tuple(
            WeekLogins(FIRST + timedelta(weeks=place), count, count // 30, count // 80) for place, count in enumerate(WEEKS)
        ),
        bits_by_service=(
            ServiceBits("budget", 4.6, 4.6),
            ServiceBits("fares", 2.1, 2.1),
            ServiceBits("parking", 11.8, 28.4),
        ),
        weakened_and_withheld=(ReasonCount("least_sufficient", 1929, 0), ReasonCount("not_chosen", 0, 1196)),
        answers_by_service=(
            ServiceAnswers("budget", 1288, 41, 12, 31.41),
            ServiceAnswers("fares", 702, 9, 5, 78.0),
            ServiceAnswers("parking", 1929, 63, 22, 30.62),
        ),
        countries={"EE": 3644, "BG": 201, "NL": 74},
    ),
)
_PARTS: Mapping[str, Callable[[ReleaseReport], Iterator[Block]]] = {
    "/releases": releases,
    "/attributes": attributes,
    "/citizens": citizens,
}


def desk_gallery() -> Mapping[str, Shown]:
    """The pages by their paths in the gallery."""
    signed = render("sign_in", title=say("desk.sign_in.title"), tenant=TENANT, ciconia=True, passkeys=True, ended=False)
    made = {"desk-sign-in": signed}
    made |= {f"desk-{page.path[1:]}": _page(page, [*_PARTS[page.path](REPORT)]) for page in PAGES if page.path in _PARTS}
    made |= {"console-plan": _console(PLANS, _plan()), "console-health": _console(HEALTH, _health())}
    return {f"/{name}/en": Shown(name, "en", html, PageKind.FORM) for name, html in made.items()}


def _plan() -> list[Block]:
    plan, line = "3f2a1c9d" * 8, "ciconia {} {} --as NAME --key FILE --config city"
    old = 'birthdate = "age_over(18)"'
    return [
        Notice("desk.plans.stands", {"state": WAITING}),
        Facts(
            (
                ("desk.plans.plan", plan),
                ("desk.plans.author", "mari, 2026-11-25T09:12:00Z"),
                ("desk.plans.why", "Concessions begin at 16 from January"),
                ("desk.plans.base", "12"),
            )
        ),
        Lines(
            "desk.plan.wider",
            ["Resident parking (parking) would newly learn whether a citizen is 16 or older, from 27 countries."],
        ),
        Lines("desk.plan.approval", ["More would leave: birthdate as age_over(16)."]),
        Lines("desk.plans.signed", ["mari"]),
        WrittenText(
            "desk.plans.diff",
            {"file": "parties/parking.toml"},
            f'@@ -15,3 +15,3 @@\n family_name = "exact"\n-{old}\n+{old.replace("18", "16")}',
        ),
        Command("desk.plans.approve", line.format("approve", plan)),
        Command("desk.plans.apply", line.format("apply", plan)),
        WithdrawForm(plan),
    ]


def _health() -> list[Block]:
    worse = {"CiconiaCountryUnavailable": ("ALERT", "country BG", 0)}
    rows = [(*worse.get(rule.name, ("ok", "", int(rule.kind == "below"))), rule) for rule in rules()[:14]]
    alerts: list[tuple[Cell, ...]] = [
        (state, rule.name, of, figure, rule.limit, rule.kind, rule.metric)
        for state, of, figure, rule in sorted(rows, key=lambda row: row[0])
    ]
    minutes: list[tuple[Cell, ...]] = [
        (f"09:{10 + place}", count // 40, count % 5, count / 50_000) for place, count in enumerate(WEEKS)
    ]
    made = table("minutes", "minute released refused p99", minutes, ("released", "refused", "p99"))
    return [
        Notice("desk.health.fires", {"count": "1"}),
        table("alerts", "state alert of figure limit kind metric", alerts, ("figure", "limit")),
        Plot("desk.health.released", made, "minute", "released"),
        made,
    ]


def _console(page: OperatorPage, blocks: list[Block]) -> str:
    return OPERATOR_WORDS.render(
        "page",
        title=OPERATOR_WORDS.say(f"{page.key}.title"),
        lead=OPERATOR_WORDS.say(f"{page.key}.lead"),
        tenant=TENANT,
        session=DeskSession(PASSKEY, "", "mari", 0),
        pages=CONSOLE_PAGES,
        path=page.path,
        filters=(),
        blocks=blocks,
        views={block.name: view_of(page, block, {}) for block in blocks if isinstance(block, DeskTable)},
        files=True,
    )


def _page(page: AuditorPage, blocks: list[Block]) -> str:
    return render(
        "page",
        title=say(f"{page.key}.title"),
        lead=say(f"{page.key}.lead"),
        tenant=TENANT,
        session=DeskSession(CIVIL, "", "liis", 0),
        pages=PAGES,
        path=page.path,
        filters=[
            Filter(name, "date", "", ()) if name in PERIOD else Filter(name, "", "", (name,)) for name in page.filters
        ],
        blocks=blocks,
        views={block.name: view_of(page, block, {}) for block in blocks if isinstance(block, DeskTable)},
        files=True,
    )
