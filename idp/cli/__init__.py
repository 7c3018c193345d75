"""The command line: one file a group of commands. Names, JSON and exit codes are a contract.

Exit codes: 0 it is so, 1 it is not so (a problem was found and named), 2 it could not be tried.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.metadata import version
from inspect import cleandoc
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from typer.core import TyperGroup

from idp.system.stderr import LossyStream

NOT_KNOWN = 2
# The error of a wrong command line. Typer shows only a class below it
_UsageError: type[typer.BadParameter] = typer.BadParameter.__mro__[1]
_AS_JSON = "ciconia.as_json"
# The module of each command. Only the one that is asked for is loaded: a broker takes a second, and `keys list` needs none
MODULES = {
    "demo": "demo",
    "init": "init",
    "serve": "serve",
    "migrate": "migrate",
    "doctor": "doctor",
    "inspect": "inspect",
    "backup": "backup",
    "restore": "backup",
    "policy": "policy",
    "assurance": "assurance",
    "plan": "plan",
    "apply": "apply",
    "approve": "apply",
    "rollback": "apply",
    "ledger": "records.ledger",
    "metadata": "metadata",
    "party": "party",
    "import": "imports",
    "try": "trial",
    "keys": "keys",
    "logout": "logout",
    "audit": "records.audit",
    "witness": "records.witness",
    "auditor": "desks.auditor",
    "console": "desks.console",
    "match": "desks.matching",
    "incident": "records.incident",
    "why": "records.why",
}


# The functions of commands whose names are words of Python
_NAMES = {"try": "try_login", "import": "importing"}


class _Loaded(Mapping[str, Any]):
    """Typer's commands by their names, each loaded when it is needed."""

    def __getitem__(self, name: str) -> Any:
        found = getattr(import_module(f"idp.cli.{MODULES[name]}"), _NAMES.get(name, name))
        if not isinstance(found, typer.Typer):
            alone = typer.Typer(add_completion=False)
            alone.command(name=name)(found)
            found = alone
        command = typer.main.get_command(found)
        command.name = name
        _prepare(command)
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(MODULES)

    def __len__(self) -> int:
        return len(MODULES)


def _prepare(command: Any) -> None:
    """Prepares a command and those below it: paragraphs of the help flow, and an empty path or argument is refused.

    Typer lets only the first paragraph flow: else a narrow terminal breaks lines twice, and somebody copies an example of
    two lines as two commands. Python takes an empty path for `.`, a folder; and no node, key or service has an empty name.
    """
    command.help = command.help and "\n\n".join(" ".join(each.split()) for each in cleandoc(command.help).split("\n\n"))
    for each in command.params:
        is_path = Path in (each.type_descriptor.annotation, *get_args(each.type_descriptor.annotation))
        if is_path or each.param_type_name == "argument":
            what = "it is empty, and names no file and no folder." if is_path else "it is empty, and names nothing."
            each.process_value = partial(_full, each, what, each.process_value)
    for below in getattr(command, "commands", {}).values():
        _prepare(below)


def _full(parameter: Any, what: str, process: Callable[[Any, Any], Any], context: Any, value: Any) -> Any:
    if value == "" or (isinstance(value, list | tuple) and "" in value):
        raise typer.BadParameter(what, ctx=context, param=parameter)
    return process(context, value)


@contextmanager
def _usage(*, as_json: bool) -> Iterator[None]:
    """Says in JSON what is wrong with the command line, where it asked for JSON; else Typer says it on stderr."""
    try:
        yield
    except _UsageError as error:
        error.message = error.message.removeprefix("Value error, ")  # pydantic's empty words
        if not as_json:
            raise
        # Not `console.failed`, which takes a while to load
        print(json.dumps({"ok": False, "error": {"code": "usage", "detail": error.format_message()}}))
        raise typer.Exit(NOT_KNOWN) from None


class _Commands(TyperGroup):
    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = _Loaded()  # type: ignore[assignment]  # Typer never adds to it

    # Any: Typer has its own Context here, which it shows nobody
    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        as_json = "--json" in takewhile(lambda word: word != "--", args)
        with _usage(as_json=as_json):
            context = super().make_context(info_name, args, parent, **extra)
        context.meta[_AS_JSON] = as_json
        return context

    def invoke(self, ctx: Any) -> Any:  # Any: as above
        with _usage(as_json=ctx.meta[_AS_JSON]):
            return super().invoke(ctx)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(*, asked: bool) -> None:
    if asked:
        print(f"ciconia {version('ciconia')}")
        raise typer.Exit


@app.callback()
def group(
    *,
    _asked: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Which version this is.")
    ] = False,
) -> None:
    """Ciconia: a privacy-preserving cross-border eID broker."""


def main() -> None:
    """Runs the command line. A command that was done and whose answer could not be written ends with 2."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by the parent process
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - as long as the process
    answer = sys.stdout = LossyStream(sys.stdout, line_buffering=sys.stdout.isatty())
    sys.stderr = LossyStream(sys.stderr)
    try:
        app()
    finally:
        answer.flush()
        # A server served, though nobody read its one sentence
        if answer.lost is not None and sys.argv[1:2] != ["serve"]:
            why = os.strerror(answer.lost.errno or 0)
            print(
                f"The answer could not be written: {why}. Look whether it was done before you ask again.", file=sys.stderr
            )
            sys.exit(NOT_KNOWN)
