"""The question to the citizen: the page that an approval answers. Only what is of this login is put in each time."""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from itertools import chain

from idp.endpoints.city import CitySite
from idp.endpoints.receipt import RECEIPT_PATH
from idp.login import Decided
from idp.pages.sheets import Mark
from idp.pages.views import ApprovalView
from policies.attributes import EXACT, AttributeName
from policies.release import Decision


def question(site: CitySite, decided: Decided, sealed: str, language: str) -> bytes:
    """The page, in this language: `sealed` is what its form brings back."""
    wording = site.wording(language)
    released = [ruling.released for ruling in decided.decision.rulings if ruling.released is not None]
    values = [wording.value(attribute, site.catalogue) for attribute in released]
    # So many lines has each value: all that a sheet knows of them
    lines = tuple(map(len, values))

    def marked(mark: Mark) -> str:
        numbers = iter(range(2, 2 + sum(lines)))
        marks = [tuple(mark(next(numbers)) for _ in range(each)) for each in lines]
        return site.pages.approval(view_of(site, decided, language, mark(0), mark(1), marks))

    sheet = site.pages.sheets.sheet(_key(decided, language, lines), marked)
    return sheet.filled(decided.login, sealed, *chain.from_iterable(values))


def view_of(
    site: CitySite, decided: Decided, language: str, login: str, sealed: str, values: Sequence[tuple[str, ...]]
) -> ApprovalView:
    """What the page is given. `values` are the lines of what would go, in the decision's order."""
    wording, decision = site.wording(language), decided.decision
    party, purpose = site.broker.registered(decided.request)
    items = wording.items(decision, purpose, site.catalogue)
    return ApprovalView(
        language=language,
        login=login,
        decided=sealed,
        action=f"/login/{login}/decision",
        rewording=f"/login/{login}/language",
        service=wording.text(party.title),
        purpose=wording.text(purpose.title),
        basis=purpose.basis,
        law=wording.text(purpose.law),
        controller=wording.text(purpose.controller.name),
        contact=purpose.controller.contact,
        loa=decided.loa,
        items=tuple(replace(item, value=lines) for item, lines in zip(items, values, strict=True)),
        kept=wording.kept(decision, site.catalogue),
        arrived=wording.titles(_stays(site, decided), site.catalogue),
        receipt=RECEIPT_PATH,
    )


def _key(decided: Decided, language: str, lines: tuple[int, ...]) -> Hashable:
    """Everything that the words of the page depend on beside the configuration, and no value."""
    request = decided.request
    return (
        "approval",
        language,
        request.client_id,
        request.purpose_id,
        decided.loa,
        decided.arrived,
        lines,
        _ruled(decided.decision),
    )


def _ruled(decision: Decision) -> Hashable:
    """Each ruling without its value and without the line of the file that it came from, which no page shows."""
    return tuple(
        [
            (
                ruling.name,
                ruling.asked.name,
                ruling.asked.parameter,
                ruling.reason,
                ruling.required,
                ruling.released and (ruling.released.form.name, ruling.released.form.parameter),
            )
            for ruling in decision.rulings
        ]
    )


def _stays(site: CitySite, decided: Decided) -> list[AttributeName]:
    """What a country's node sent and what does not go on as it came, whether or not it was asked for."""
    rulings = decided.decision.rulings
    whole = {ruling.name for ruling in rulings if ruling.released is not None and ruling.released.form == EXACT}
    return [name for name in decided.arrived if name in site.catalogue.attributes and name not in whole]
