"""`ciconia keys revoke`: a key counts for nothing any more, on all workers within a second.

It has what all commands about keys share, too: how an error ends them, and how one names another.
"""

import difflib
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from connectors.formats.grammar import written
from idp.application.operator_acts import UNPLACED, Unsure, mend, opened_store, set_switch, standing
from idp.application.revocations import read_revocations
from idp.cli.console import CommandRefused, answer, say, trying
from idp.cli.options import AsJson, Folder, Reason
from idp.config.settings import Settings, load_settings
from idp.keys.folder import BrokerKeys, load_keys
from idp.keys.kinds import LOG, KeyKind, kind_named
from idp.keys.ledger_files import load_ledger_keys
from idp.ledger.checkpoint import VerifierKey
from idp.ledger.operator_records import MAX_REASON, is_reason
from idp.store.faults import explained
from idp.store.switches.switch import KEY
from idp.system.clock import system_clock
from idp.system.logs import configure_logs
from policies.errors import AllRevoked, BrokerError, Misconfigured, Problem

# A thumbprint of RFC 7638, or the name of a sealing key
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{43}|[0-9a-f]{16}")
# To revoke is final: so many characters of an id people compare
LEAST = 6


def rotate_command(kind: str, config: Path, *options: str) -> str:
    """The command by which a new key of a kind takes over."""
    return shlex.join(["ciconia", "keys", "rotate", kind, *options, "--config", str(config)])


@contextmanager
def trying_keys(*, as_json: bool) -> Iterator[None]:
    """Ends a command about keys as `trying` does; every error is a problem there."""
    configure_logs()
    with trying(as_json=as_json):
        try:
            yield
        except Misconfigured:
            raise
        except BrokerError as error:
            problem = Problem("keys", 0, error.code, f"{explained(error.detail)}.", "ciconia doctor")
            raise Misconfigured((problem,)) from None
        except OSError as error:
            what = f"{error.filename} cannot be written: {error.strerror}."
            raise Misconfigured((Problem("keys", 0, "keys", what, "Run it as who owns the keys."),)) from None


def revoke(
    key: Annotated[str, typer.Argument(metavar="KEY", help=f"The id of a key, or its beginning ({LEAST} characters).")],
    config: Folder,
    reason: Reason,
    *,
    unknown: Annotated[bool, typer.Option("--unknown", help="KEY is right, though no key of the folder has it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Revoke a key for good: within a second no worker signs with it, publishes it, or opens what it closed.

    Another key of its kind takes over at once where there is one; where there is none, nothing of this kind is signed.
    A whole id is taken as it is where a key file is damaged or out of date, and with --unknown where its file is gone.

    Example: ciconia keys revoke Vt3bXl --reason "The laptop was stolen" --config city
    """
    with trying_keys(as_json=as_json):
        settings = load_settings(config)
        # The ledger's keys alone: another file that is bad, gone or out of date must not keep a stolen key alive
        ledger = load_ledger_keys(settings.key_folder, settings.origin, any_log_key=True)
        found = _loaded(settings)
        kind, key_id = _named(found, ledger.log.known, key, unknown=unknown)
        if not is_reason(reason):
            raise CommandRefused(
                "keys", "--reason", "is no reason.", f"Give 1 to {MAX_REASON} visible characters, on one line."
            )
        now = system_clock()
        with opened_store(settings, ledger) as store:
            try:
                before = standing(settings, store, ledger, KEY, key_id)
                act = before or set_switch(settings, store, ledger, KEY, key_id, off=True, reason=reason, now=now)
            except Unsure as error:
                raise _unsure(error, key_id) from error
        left, why_not = _left_after(settings, found, kind, now)
    done = "Revoked and recorded" if before is None else f"It was revoked already, at {written(act.switch.since)}"
    text = f"{done}: {'' if kind is None else kind.name + ' '}{key_id}. Every worker obeys within a second."
    known = {"signs": left, "signs_known": kind is not None and why_not is None, "placed": act.placed}
    answer({"kind": None if kind is None else kind.name, "key_id": key_id, **known}, text, as_json=as_json)
    if as_json:
        return
    if not act.placed:
        say(UNPLACED, error=True)
    if kind is None:
        say("No key of the folder that can be loaded has this id: `ciconia doctor` says what is wrong with its files.")
    elif why_not is not None:
        say(f"Which key of {kind.name} counts now is not known. {why_not}", error=True)
    elif left is None:
        command = rotate_command(kind.name, config, "--now")
        say(f"No key of {kind.name} is left, so nothing is released that needs one: {command}")
    else:
        say(f"What counts now: {left}.")


def _loaded(settings: Settings) -> BrokerKeys | None:
    try:
        return load_keys(settings.key_folder, settings.origin, settings.index_folder)
    except Misconfigured:
        return None


def _named(found: BrokerKeys | None, log: Sequence[VerifierKey], text: str, *, unknown: bool) -> tuple[KeyKind | None, str]:
    """The one key whose id begins so, and its kind; None as kind for a whole id of a key that is not here.

    Such an id counts where some keys cannot be loaded, or the operator says that it is right (`unknown`).
    """
    rings = {} if found is None else found.rings
    each_of = [(kind_named(name), each.key.key_id) for name, ring in rings.items() for each in ring.scheduled]
    in_files = {each.file: each.key.key_id for ring in rings.values() for each in ring.scheduled if each.file}
    if in_file := in_files.get(text.rpartition("/")[2]):
        raise CommandRefused("keys", "KEY", "that is the name of a file.", f"The id of the key in it is {in_file}.")
    begun = [(kind, key_id) for kind, key_id in each_of if text and key_id.startswith(text)]
    if len(begun) == 1 and len(text) >= LEAST:
        return begun[0]
    listed = [key.key_id.hex() for key in log]
    # Its file may be gone, and then its line in log.vkey is left
    if text in listed:
        return LOG, text
    fix = "Take it from `ciconia keys list`, or from the kid of a token."
    if _KEY_ID.fullmatch(text):
        if unknown or found is None:
            return None, text
        near = difflib.get_close_matches(text, [*(key_id for _, key_id in each_of), *listed], n=1)
        meant = f"Did you mean {near[0]}?" if near else fix
        raise CommandRefused(
            "keys", "KEY", "no key here has this id.", f"{meant} If it is right, and its file is gone: --unknown."
        )
    what = f"{len(begun) or 'no'} keys have an id that begins so."
    if found is None:
        what = "the key files cannot be loaded, so only a whole id says which key is meant."
    elif begun and len(text) < LEAST:
        what = f"that is too little of an id to revoke a key for good: give {LEAST} characters of it, or all."
    elif unknown:
        fix = f"{fix} With --unknown: the whole id, since no key here has it."
    raise CommandRefused("keys", "KEY", what, fix)


def _unsure(error: Unsure, key_id: str) -> Misconfigured:
    now = {True: "It is revoked now.", False: "It is not revoked yet.", None: "What counts now is not known."}
    what = f"it is not known whether {key_id} will be revoked: {error.detail}. {now[error.off]}"
    return Misconfigured((Problem("keys", 0, error.code, what, mend(error.detail, stops=True)),))


def _left_after(
    settings: Settings, found: BrokerKeys | None, kind: KeyKind | None, now: int
) -> tuple[str | None, Problem | None]:
    """The id of the key of this kind that counts now, None for none; and why that is not known, else None."""
    if found is None or kind is None:
        return None, None
    revocations = read_revocations(settings, found)
    if revocations.unknown is not None:
        return None, revocations.unknown
    try:
        return found.rings[kind.name].at(now).key_id, None
    except AllRevoked:
        return None, None
