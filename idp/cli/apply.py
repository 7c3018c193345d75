"""`ciconia apply`, `approve` and `rollback`: one configuration takes the place of another, as its plan says.

Exit codes: 0 it is so, 1 it is refused or waits for an approval and why is said, 2 it could not be tried.
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from connectors.formats.grammar import written
from idp.application.change_desk import ActRefused, Applying, ApprovalMissing, ChangeDesk, Identity, assert_servable
from idp.application.operator_acts import UNPLACED, Unsure, mend, opened_store
from idp.application.planning import Candidate
from idp.changes.guard import WHOLE, Requirement
from idp.changes.history import Applied
from idp.cli.console import NO, answer, end, problems, say, trying
from idp.cli.options import AsJson, HereFolder
from idp.cli.plan import Part
from idp.config.settings import load_settings
from idp.keys.ledger_files import load_ledger_keys
from idp.system.logs import configure_logs
from policies.errors import Misconfigured

# A row's number has room for it
MAX_NUMBER = 2**63 - 1


def _digest(text: str) -> str:
    # A refused approval is on record with it
    if re.fullmatch("[0-9a-f]{1,64}", text) is None:
        raise typer.BadParameter("a plan's digest has up to 64 digits of 0-9 and a-f")
    return text


Digest = Annotated[
    str, typer.Argument(metavar="PLAN", help="The plan's digest, as `ciconia plan` shows it.", callback=_digest)
]
Name = Annotated[str, typer.Option("--as", metavar="NAME", help="Who you are: NAME.pub in operators/.")]
Key = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Your private key of OpenSSH (Ed25519, without a passphrase).")
]
Signature = Annotated[
    Path | None, typer.Option(metavar="FILE", help="What `ssh-keygen -Y sign` made of the file that `plan --out` wrote.")
]
Earlier = Annotated[
    int, typer.Option("--to", min=0, max=MAX_NUMBER, metavar="NUMBER", help="The plan is of going back to this one.")
]
SECONDS = "Every worker takes it up within two seconds: logins under way end as they began, unless it takes something away."


def apply(
    plan: Digest,
    config: HereFolder = Path(),
    name: Name = "",
    key: Key = None,
    signature: Signature = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Put a configuration folder, or a proposal of the operator's pages, in force, if it is still what the plan says.

    Where the configuration in force says four_eyes = true, what widens waits for `ciconia approve` by another person.

    Example: ciconia apply 3f2a1c --as mari --key mari.key --config city
    """
    with _desk(config, as_json=as_json) as desk:
        candidate = desk.candidate(plan, config)
        _apply(desk, plan, candidate, Identity(name, key, signature), _Said(config, as_json))


def rollback(
    config: HereFolder = Path(),
    number: Annotated[
        int, typer.Option("--to", min=0, max=MAX_NUMBER, metavar="NUMBER", help="Which one; else the one before.")
    ] = 0,
    name: Name = "",
    key: Key = None,
    signature: Signature = None,
    *,
    only_list: Annotated[bool, typer.Option("--list", help="Show every configuration that was in force, and end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put an earlier configuration in force again. If it widens, it waits for an approval as any other.

    The folder stays as it is: put it back, too, or the next start or reload finds the later one there.

    Example: ciconia rollback --config city
    """
    with _desk(config, as_json=as_json) as desk:
        if only_list:
            _list(desk.listed(), as_json=as_json)
            return
        candidate = desk.earlier(number)
        _apply(desk, desk.plan(candidate).digest, candidate, Identity(name, key, signature), _Said(config, as_json, number))


def approve(
    plan: Digest,
    config: HereFolder = Path(),
    name: Name = "",
    key: Key = None,
    signature: Signature = None,
    part: Part = WHOLE,
    number: Earlier = 0,
    *,
    as_json: AsJson = False,
) -> None:
    """Agree to a plan that somebody else made. The ledger records it, and each approval that is refused.

    Example: ciconia approve 3f2a1c --as juhan --key juhan.key --config city
    """
    with _desk(config, as_json=as_json) as desk:
        candidate = desk.earlier(number) if number else desk.candidate(plan, config)
        who, left = desk.approve(plan, candidate, part, Identity(name, key, signature))
    told = {"plan": plan, "who": who, "for": part, "approvals": _needs(left)}
    answer(told, f"Approved and recorded: {who} agrees to {part or 'the plan'}.", as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Said:
    """How the command line was written, for the next one."""

    config: Path
    as_json: bool
    number: int = 0

    def approve(self, digest: str, need: Requirement) -> str:
        part = ["--for", need.name] if need.name else []
        back = ["--to", str(self.number)] if self.number else []
        return shlex.join(["ciconia", "approve", digest, *part, *back, "--config", str(self.config)])


def _apply(desk: ChangeDesk, digest: str, candidate: Candidate, identity: Identity, said: _Said) -> None:
    assert_servable(candidate)
    try:
        done = desk.apply(digest, candidate, identity)
    except ApprovalMissing as error:
        lines = [f"Not applied: {error}"]
        for need in error.needs:
            lines += [f"  {why}" for why in need.why] + [said.approve(digest, need)]
        more = {"plan": digest, "approvals": _needs(error.needs)}
        end("approval_missing", str(error), as_json=said.as_json, code=NO, text="\n".join(lines), **more)
    _tell(done, said)


def _tell(done: Applying, said: _Said) -> None:
    one = done.applied
    told = {"plan": done.plan.digest, "number": one.number, "digest": one.digest, "who": done.who, "placed": done.placed}
    told["left"] = list(done.left)
    answer(told, f"In force and recorded: configuration {one.number}, by {done.who}. {SECONDS}", as_json=said.as_json)
    if not done.placed and not said.as_json:
        say(UNPLACED, error=True)
    if done.left and not said.as_json:
        say(f"The folder does not have it: it has another {', '.join(done.left)}, or takes none from you.", error=True)


def _list(found: Sequence[Applied], *, as_json: bool) -> None:
    told = [{"number": one.number, "digest": one.digest, "time": one.time, "who": one.who} for one in found]
    lines = [f"{one.number:>5}  {written(one.time)}  {one.digest[:12]}  {one.who}" for one in found]
    answer({"configurations": told}, "\n".join(lines) or "None was put in force yet.", as_json=as_json)


def _needs(needs: Sequence[Requirement]) -> list[dict[str, object]]:
    return [{"for": need.name, "why": list(need.why)} for need in needs]


@contextmanager
def _desk(config: Path, *, as_json: bool) -> Iterator[ChangeDesk]:
    """The opened database. A refusal ends the command with 1, an unknown outcome and all else with 2."""
    configure_logs()
    with trying(as_json=as_json):
        settings = load_settings(config)
        ledger = load_ledger_keys(settings.key_folder, settings.origin)
        with opened_store(settings, ledger) as store:
            try:
                yield ChangeDesk(settings, store, ledger)
            except Misconfigured as error:
                problems(error, as_json=as_json)
                raise typer.Exit(NO) from None
            except ActRefused as error:
                end("refused", str(error), as_json=as_json, code=NO)
            except Unsure as error:
                text = f"It is not known whether it counts: {error.detail}. {mend(error.detail)} Then look: ciconia plan."
                end(error.code, error.detail, as_json=as_json, text=text)
