"""A plan in words, for a terminal and for a pull request."""

from collections.abc import Iterator, Mapping, Sequence

from idp.changes.plan import Plan
from idp.cli.policy.shown import as_markdown, change_line
from idp.pages.languages import LANGUAGES
from policies.lint import lint
from policies.lint.finding import Finding
from policies.load import Configuration


def findings_of(configuration: Configuration, files: Mapping[str, bytes]) -> tuple[Finding, ...]:
    """The findings of `policy lint` that nobody has accepted."""
    return tuple(one for one in lint(configuration, files, languages=LANGUAGES) if not one.accepted)


def plan_lines(plan: Plan, findings: Sequence[Finding], *, markdown: bool) -> Iterator[str]:
    """The lines of a plan. Headings and lists are Markdown, or plain text that reads like it."""
    base = f"configuration {plan.base.number}" if plan.base.number else "nothing"
    yield f"{'# ' if markdown else ''}Plan {plan.digest}"
    yield f"{'' if not markdown else chr(10)}It is for {plan.issuer or 'no broker yet'}, where {base} is in force."
    if not plan.changes:
        yield "Nothing changes."
    for title, lines in _parts(plan, findings):
        if lines:
            yield f"\n## {title}\n" if markdown else f"\n{title}:"
            yield from (f"- {as_markdown(line)}" if markdown else f"  {line}" for line in lines)
    if plan.needs:
        names = ", ".join(sorted(set(plan.operators.values()))) or "nobody: put the keys of two persons into operators/"
        yield f"\nWho may apply and approve: {names}."


def _parts(plan: Plan, findings: Sequence[Finding]) -> Iterator[tuple[str, Sequence[str]]]:
    yield "More would leave", [*map(change_line, plan.comparison.wider)]
    yield "Less would leave", [*map(change_line, plan.comparison.narrower)]
    yield "What a purpose says at most", [one.sentence for one in plan.meters]
    yield "Certificates and keys", [one.sentence for one in plan.keys] if plan.base.number else []
    yield "What would stop", plan.stops
    yield "Settings", plan.settings
    yield "Findings of policy lint", [f"{one.source}: {one.what} Fix: {one.fix}" for one in findings]
    for need in plan.needs:
        part = f" of its own for {need.name}" if need.name else ""
        yield f"It needs a second person's approval{part}", need.why
