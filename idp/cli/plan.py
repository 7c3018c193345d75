"""`ciconia plan`: what would change, before anything does. It needs no key of the broker and no server.

Exit codes: 0 it could be applied, perhaps after an approval; 1 the configuration has problems; 2 it could not be tried.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from idp.application.planning import Candidate, plan_alone, read_candidate
from idp.application.proposed import plan_of_proposal
from idp.changes.guard import WHOLE
from idp.changes.plan import Plan
from idp.cli.console import NO, end, problems, say, trying, unwritable
from idp.cli.options import AsJson, HereFolder
from idp.cli.policy.shown import Output, as_markdown, change_line
from idp.config.settings import load_settings
from idp.keys.ledger_files import load_ledger_keys
from idp.pages.languages import LANGUAGES
from idp.system.logs import configure_logs
from policies.errors import Misconfigured
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


Part = Annotated[
    str, typer.Option("--for", metavar="PURPOSE/ATTRIBUTE", help="An attribute that needs an approval of its own.")
]


def plan(
    config: HereFolder = Path(),
    output: Annotated[
        Output, typer.Option("--format", help="Lines for a terminal, or Markdown for a pull request.")
    ] = Output.TEXT,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write there what a person signs who approves the plan.")
    ] = None,
    part: Part = WHOLE,
    proposal: Annotated[
        str, typer.Option(metavar="PLAN", help="Of a proposal of the operator's pages in place of the folder.")
    ] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Show what a configuration folder would change: who would learn more, what would stop, and who has to agree.

    The plan's digest is what `ciconia apply` and `ciconia approve` take. Where nothing is in force yet, all of it is new.

    Example: ciconia plan --config city
    """
    configure_logs()
    candidate, made = _proposed(proposal, config, as_json=as_json) if proposal else _lying(config, as_json=as_json)
    findings = findings_of(candidate.configuration, candidate.bundle.files)
    if part not in {WHOLE, *(need.name for need in made.needs)}:
        end("not_found", f"The plan needs no approval of its own for {part}.", as_json=as_json, code=NO)
    if out is not None:
        try:
            out.write_bytes(made.document(part))
        except OSError as error:
            end("unwritable", unwritable(out, error), as_json=as_json)
    if as_json:
        told = {"ok": True, **made.told(), "findings": [one.as_json() for one in findings]}
        print(json.dumps({**told, "operators": sorted(set(made.operators.values()))}, ensure_ascii=False))
        return
    markdown = output is Output.MARKDOWN
    say("\n".join(plan_lines(made, findings, markdown=markdown)))
    if markdown:
        return
    if out is not None:
        say(f"\nTo approve it: ssh-keygen -Y sign -n ciconia-plan -f KEY {out}")
    elif made.changes:
        say(f"\nTo put it in force: ciconia apply {made.digest} --config {config}")


def _lying(config: Path, *, as_json: bool) -> tuple[Candidate, Plan]:
    """The plan of what lies in the folder."""
    try:
        candidate = read_candidate(config)
    except Misconfigured as error:
        problems(error, as_json=as_json)
        raise typer.Exit(NO) from None
    with trying(as_json=as_json):
        return candidate, plan_alone(candidate)


def _proposed(digest: str, config: Path, *, as_json: bool) -> tuple[Candidate, Plan]:
    """The plan of a proposal."""
    with trying(as_json=as_json):
        settings = load_settings(config)
        keys = load_ledger_keys(settings.key_folder, settings.origin, any_log_key=True)
        try:
            found = plan_of_proposal(settings, keys, digest)
        except Misconfigured as error:
            problems(error, as_json=as_json)
            raise typer.Exit(NO) from None
    if found is None:
        end("not_found", "There is no such proposal: the operator's pages show those that wait.", as_json=as_json, code=NO)
    made, candidate = found
    return candidate, made
