"""`ciconia doctor --selftest`: the attack corpus, tried on the libraries that are installed here."""

from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from connectors.attacks.verdict import CaseOutcome
from connectors.signatures.second_opinion import WORTH
from idp.cli.console import COULD_NOT_RUN, NO, YES, progress, say
from idp.selftest.case_keeper import CaseKeeper
from idp.selftest.report import CorpusReport
from idp.selftest.run import ABOUT, RunWatcher, run
from idp.system.clock import system_clock

# The most disagreements that are told one by one: more mostly have one cause
MAX_TOLD = 40
_REPORT = "Report the lines above with the versions below; --keep DIR writes the cases that went wrong."


def selftest(keep: Path | None) -> CorpusReport:
    """Runs the self-test, with a bar on a terminal. `keep`: the folder for cases that went wrong, if any."""
    keeper = CaseKeeper(keep) if keep is not None else None
    with progress(ABOUT, "Trying the attack corpus") as told:
        watching = RunWatcher(progress=lambda _family: told(1))
        if keeper is not None:
            watching = RunWatcher(progress=watching.progress, wrong=keeper.keep)
        return run(system_clock(), watching)


def code_of(report: CorpusReport | None) -> int:
    """The exit code: 0 nothing wrong (or nothing tried), 1 some case went wrong, 2 not everything could be tried."""
    if report is None or report.ok:
        return YES
    return NO if report.wrong() else COULD_NOT_RUN


def tell(report: CorpusReport) -> None:
    """Prints the classes as a table, every disagreement in a sentence, and what to do."""
    table = Table(title="Self-test: what was tried here", title_justify="left", box=None)
    for column in ("class", "kind", "tried", "wrong"):
        table.add_column(column, justify="right" if column in ("tried", "wrong") else "left")
    for name, one in report.classes().items():
        table.add_row(name, one.kind.value, str(one.tried), str(one.wrong), style="bold red" if one.wrong else None)
    Console(emoji=False, highlight=False).print(table)
    wrong = report.wrong()
    if wrong:
        say("\nWhat went wrong:")
    for tried in wrong[:MAX_TOLD]:
        say(f"  {tried.sentence}")
    if len(wrong) > MAX_TOLD:
        say(f"  and {len(wrong) - MAX_TOLD} more.")
    for generator in report.broken:
        say(f"  The cases of {generator} could not be made.", error=True)
    say(f"\n{verdict(report)}")
    say(f"Versions: {', '.join(f'{name} {version}' for name, version in report.versions.items())}.")
    say(f"Metadata has a second opinion, too: {WORTH}.")


def verdict(report: CorpusReport) -> str:
    """One line for the operator: the result, and what to do about it."""
    counts = Counter(one.outcome for one in report.wrong())
    tried = f"{len(report.tried)} cases in {report.seconds:.0f} seconds"
    if counts:
        found = ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in CaseOutcome if counts[outcome])
        return f"{tried}: {found}. Do not put these versions into service; stay with those that passed. {_REPORT}"
    if report.broken or not report.tried:
        return f"{tried}, and not all could be made: the rest is not known. Do not put these versions into service."
    return f"{tried}: 0 wrongly accepted, 0 wrongly refused, each by its own check. These versions may serve."
