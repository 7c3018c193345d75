"""`ciconia keys revoke`: a key counts for nothing any more, on all workers within a second."""

import json
import re
from collections.abc import Sequence
from typing import Annotated

import typer

from idp.app import system_clock
from idp.cli.committing import MEND, UNPLACED, Unsure, set_switch, within
from idp.cli.console import say
from idp.cli.keys_answering import AsJson, Folder, Refused, answering
from idp.cli.revocations import ask
from idp.keys.folder import Keys, load_keys
from idp.keys.kinds import KINDS, LOG, Kind
from idp.keys.ledger import load_ledger_keys
from idp.keys.ring import AllRevoked
from idp.settings import Settings, load_settings
from idp.store.store import open_store
from idp.store.switches import KEY
from idp.transparency.checkpoint import VerifierKey
from idp.transparency.draft import MAX_REASON, is_reason
from policies.errors import Misconfigured, Problem

# A thumbprint of RFC 7638, or the name of a sealing key
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{43}|[0-9a-f]{16}")


def revoke(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The id of a key, or its beginning, as `list` shows it.")],
    config: Folder,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, in a line, for the release ledger. Name no person.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Revoke a key for good: within a second no worker signs with it, publishes it, or opens what it closed.

    Another key of its kind takes over at once where there is one; where there is none, nothing of this kind is signed.
    A whole id is taken as it is: also where a key file is damaged, missing or out of date.

    Example: ciconia keys revoke Vt3bXl --reason "The laptop was stolen" --config city
    """
    with answering(as_json=as_json):
        settings = load_settings(config)
        # The ledger's keys alone: whichever other file is bad, gone or out of date must not keep a stolen key alive
        ledger = load_ledger_keys(settings.key_folder, settings.origin, any_log_key=True)
        found = _loaded(settings)
        kind, key_id = _named(found, ledger.log.known, key)
        if not is_reason(reason):
            raise Refused("--reason", "is no reason.", f"Give 1 to {MAX_REASON} visible characters, on one line.")
        now = system_clock()
        store = within(lambda: open_store(settings.database_url, tenant=settings.tenant, ledger_keys=ledger))
        try:
            act = set_switch(settings, store, ledger, KEY, key_id, off=True, reason=reason, now=now)
        except Unsure as error:
            raise _unsure(error, key_id) from error
        finally:
            store.close()
        left, unknown = _left_after(settings, found, kind, now)
    if as_json:
        name = None if kind is None else kind.name
        known = {"signs": left, "signs_known": kind is not None and unknown is None}
        print(json.dumps({"ok": True, "kind": name, "key_id": key_id, **known, "placed": act.placed}))
        return
    say(f"Revoked and recorded: {'' if kind is None else kind.name + ' '}{key_id}. Every worker obeys within a second.")
    if not act.placed:
        say(UNPLACED, error=True)
    if kind is None:
        say("No key of the folder that can be loaded has this id: `ciconia doctor` says what is wrong with its files.")
    elif unknown is not None:
        say(f"Which key of {kind.name} counts now is not known. {unknown}", error=True)
    elif left is None:
        say(f"No key of {kind.name} is left, so nothing is released that needs one: ciconia keys rotate {kind.name} --now")
    else:
        say(f"What counts now: {left}.")


def _loaded(settings: Settings) -> Keys | None:
    try:
        return load_keys(settings.key_folder, settings.origin)
    except Misconfigured:
        return None


def _named(found: Keys | None, log: Sequence[VerifierKey], text: str) -> tuple[Kind | None, str]:
    """The one key whose id begins so, and its kind; a whole id counts as it is, with None for a key that is not here."""
    each_of: list[tuple[Kind, str]] = []
    for name, ring in ({} if found is None else found.rings).items():
        each_of += [(KINDS[name], each.key.key_id) for each in ring.scheduled if text and each.key.key_id.startswith(text)]
    if len(each_of) == 1:
        return each_of[0]
    # Its file may be gone, and then its line in log.vkey is left
    if text in [key.key_id.hex() for key in log]:
        return LOG, text
    if _KEY_ID.fullmatch(text):
        return None, text
    what = f"{len(each_of) or 'no'} keys have an id that begins so."
    if found is None:
        what = "the key files cannot be loaded, so only a whole id says which key is meant."
    raise Refused("KEY", what, "Take it from `ciconia keys list`, or from the kid of a token.")


def _unsure(error: Unsure, key_id: str) -> Misconfigured:
    now = {True: "It is revoked now.", False: "It is not revoked yet.", None: "What counts now is not known."}
    what = f"it is not known whether {key_id} will be revoked: {error.detail}. {now[error.off]}"
    return Misconfigured((Problem("keys", 0, error.code, what, MEND),))


def _left_after(settings: Settings, found: Keys | None, kind: Kind | None, now: int) -> tuple[str | None, Problem | None]:
    """The id of the key of this kind that counts now, None where none does; and why that is not known, where it is not."""
    if found is None or kind is None:
        return None, None
    answer = ask(settings, found)
    if answer.unknown is not None:
        return None, answer.unknown
    try:
        return found.rings[kind.name].at(now).key_id, None
    except AllRevoked:
        return None, None
