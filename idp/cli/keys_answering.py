"""What the commands about keys have in common: what ends them with which code, and how one names another."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import typer

from idp.cli.console import problems
from idp.store.faults import explained
from idp.system.logs import configure_logs
from policies.errors import BrokerError, Misconfigured, Problem

REFUSED, COULD_NOT_RUN = 1, 2


class Refused(Misconfigured):
    """What was asked is not done, with its one reason."""

    def __init__(self, key: str, what: str, fix: str) -> None:
        super().__init__((Problem("keys", 0, key, what, fix),))


def rotate_command(kind: str, config: Path, *options: str) -> str:
    """What an operator types to have a new key of a kind take over."""
    return shlex.join(["ciconia", "keys", "rotate", kind, *options, "--config", str(config)])


@contextmanager
def answering(*, as_json: bool) -> Iterator[None]:
    """Whatever is raised ends the command here, with its problems and its code."""
    configure_logs()
    try:
        yield
    except Refused as refusal:
        _end(refusal, REFUSED, as_json=as_json)
    except Misconfigured as error:
        _end(error, COULD_NOT_RUN, as_json=as_json)
    except BrokerError as error:
        what = f"{explained(error.detail)}."
        _end(Misconfigured((Problem("keys", 0, error.code, what, "ciconia doctor"),)), 2, as_json=as_json)
    except OSError as error:
        what = f"{error.filename} cannot be written: {error.strerror}."
        _end(Misconfigured((Problem("keys", 0, "keys", what, "Run it as who owns the keys."),)), 2, as_json=as_json)


def _end(error: Misconfigured, code: int, *, as_json: bool) -> NoReturn:
    problems(error, as_json=as_json)
    raise typer.Exit(code) from None
