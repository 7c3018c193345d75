"""An explanation of a decision in words, and as JSON. A value stands in neither unless it is asked for."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import date

from rich.table import Table

from idp.cli.console import say
from idp.cli.policy.shown import cell, wide_console
from policies.attributes import Address, Form, Value
from policies.explain import STEPS, Explained, Explanation
from policies.identifiability import about_one_in
from policies.release import RulingOutcome

_BOXES = {True: "ticked", False: "left empty", None: ""}


def as_json(explanation: Explanation, on: date, *, show_values: bool) -> dict[str, object]:
    """The object of the contract."""
    went = {one.name: one for one in explanation.decision.released} if explanation.goes else {}
    rows = explanation.rows
    return {
        "ok": explanation.goes,
        "purpose": explanation.purpose.purpose_id,
        "policy": explanation.purpose.digest,
        "client": explanation.party.client_id or None,
        "on": on.isoformat(),
        "released": {
            name: {"form": str(one.form), **({"value": _json(one.value)} if show_values else {})}
            for name, one in went.items()
        },
        "weakened": [
            {
                "attribute": row.ruling.name,
                "asked": str(row.ruling.asked),
                "given": str(row.goes),
                "reason": row.ruling.reason,
                "rule": str(row.ruling.source),
            }
            for row in rows
            if row.goes is not None and row.ruling.outcome is RulingOutcome.WEAKENED
        ],
        "withheld": [
            {
                "attribute": row.ruling.name,
                "asked": str(row.ruling.asked),
                "reason": row.why,
                "rule": str(row.ruling.source),
            }
            for row in rows
            if row.goes is None
        ],
        "blocked": list(explanation.decision.blocked),
        "ended": list(explanation.ended),
        "attributes": [_row(explanation, row) for row in rows],
        "bits": {"asked": f"{explanation.bits_asked:.1f}", "released": f"{explanation.bits_released:.1f}"},
        "about_one_in": about_one_in(explanation.bits_released),
    }


def print_explanation(explanation: Explanation, *, show_values: bool) -> None:
    """Prints who asks for what, a row for each attribute, and what would have to change."""
    purpose, party = explanation.purpose, explanation.party
    columns = ("attribute", "asked", "registered", "needed", "available", "box", "goes as", "why", "rule")
    table = Table(*columns, title_justify="left")
    for row in explanation.rows:
        ruling = row.ruling
        forms = (row.registered, row.needed, row.available)
        texts = [ruling.name, str(ruling.asked), *map(_form, forms), _BOXES[row.ticked], _form(row.goes), row.why]
        table.add_row(*map(cell, (*texts, str(ruling.source))))
    say(f"{purpose.title['en']} ({purpose.basis}: {purpose.law['en']}), asked by {party.title['en']}:")
    wide_console().print(table)
    if show_values and explanation.goes:
        say("\n".join(f"{one.name}: {_text(one.value)}" for one in explanation.decision.released))
    say("\n".join(_lines(explanation)))


def _lines(explanation: Explanation) -> Iterator[str]:
    for row in explanation.rows:
        if changes := explanation.changes(row):
            kept = ", ".join(f"{step} {_form(form)}" for step, form in zip(STEPS, row.left, strict=False))
            yield f"{row.ruling.name}{f', what was left: {kept}' if kept else ''}. To go as {row.ruling.asked}:"
            yield from (f"  {change}" for change in changes)
    asked, released = explanation.bits_asked, explanation.bits_released
    yield f"Bits asked {asked:.1f}, released {released:.1f}: about as much as one in {about_one_in(released):,} people."
    if explanation.decision.blocked:
        yield f"Nothing at all is released: {', '.join(explanation.decision.blocked)} is required, and cannot go."
    elif explanation.ended:
        yield f"Nothing at all is released: the broker ends the login because of {', '.join(explanation.ended)}."


def _row(explanation: Explanation, row: Explained) -> dict[str, object]:
    ruling = row.ruling
    return {
        "attribute": ruling.name,
        "asked": str(ruling.asked),
        "registered": _named(row.registered),
        "needed": _named(row.needed),
        "required": ruling.required,
        "available": _named(row.available),
        "left": {step: _named(form) for step, form in zip(STEPS, row.left, strict=False)},
        "ticked": row.ticked,
        "goes": _named(row.goes),
        "reason": row.why,
        "file": ruling.source.file,
        "line": ruling.source.line,
        "changes": list(explanation.changes(row)),
    }


def _named(form: Form | None) -> str | None:
    return None if form is None else str(form)


def _form(form: Form | None) -> str:
    return "-" if form is None else str(form)


def _json(value: Value) -> object:
    if isinstance(value, Address):
        return {part.name: getattr(value, part.name) for part in fields(Address)}
    return value


def _text(value: Value) -> str:
    if isinstance(value, Address):
        return ", ".join(filter(None, (getattr(value, part.name) for part in fields(Address))))
    if isinstance(value, tuple):
        return ", ".join(value)
    return value if isinstance(value, str) else str(value).lower()
