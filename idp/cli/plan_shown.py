"""A plan in words, for a terminal and for a pull request."""

from collections.abc import Iterator, Mapping, Sequence

from idp.changes.plan import Plan
from idp.pages.languages import LANGUAGES
from policies.compare import Change
from policies.lint import lint
from policies.lint.finding import Finding
from policies.load import Configuration


def findings_of(configuration: Configuration, files: Mapping[str, bytes]) -> tuple[Finding, ...]:
    """What `policy lint` finds and nobody has accepted."""
    return tuple(one for one in lint(configuration, files, languages=LANGUAGES) if not one.accepted)


def plan_lines(plan: Plan, findings: Sequence[Finding], *, markdown: bool) -> Iterator[str]:
    """The lines of a plan. Headings and lists are Markdown, or plain text that reads like it."""
    heading, bullet = ("## ", "- ") if markdown else ("", "  ")
    base = f"configuration {plan.base.number}" if plan.base.number else "nothing"
    yield f"{'# ' if markdown else ''}Plan {plan.digest}"
    yield f"It is for {plan.issuer or 'no broker yet'}, where {base} is in force."
    if not plan.changes:
        yield "Nothing changes."
    for title, lines in (
        ("More would leave", [_change(one) for one in plan.comparison.wider]),
        ("Less would leave", [_change(one) for one in plan.comparison.narrower]),
        ("What a purpose says at most", [one.sentence for one in plan.meters]),
        ("Certificates and keys", [one.sentence for one in plan.keys] if plan.base.number else []),
        ("What would stop", plan.stops),
        ("Settings", plan.settings),
        ("Findings of policy lint", [f"{one.source}: {one.what} Fix: {one.fix}" for one in findings]),
    ):
        if lines:
            yield f"\n{heading}{title}{'' if markdown else ':'}{chr(10) if markdown else ''}"
            yield from (f"{bullet}{line}" for line in lines)
    for need in plan.needs:
        part = f" of its own for {need.name}" if need.name else ""
        yield f"\n{heading}It needs a second person's approval{part}{'' if markdown else ':'}{chr(10) if markdown else ''}"
        yield from (f"{bullet}{line}" for line in need.why)
    if plan.needs:
        names = ", ".join(sorted(set(plan.operators.values()))) or "nobody: put the keys of two persons into operators/"
        yield f"\nWho may apply and approve: {names}."


def _change(change: Change) -> str:
    return f"{change.sentence} ({change.bits:+.1f} bits, {change.source})"
