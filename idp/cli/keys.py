"""`ciconia keys`: the keys that change while the server runs, what each is doing, and how the next one takes over.

Files are all that there is: a key begins at the minute that its name says, on every machine that has it, and servers look
at the folder every few seconds. Only a revocation goes through the database: it counts on all workers within a second.

Exit codes: 0 it is so, 1 it is refused and every reason is named, 2 it could not be tried.
"""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from connectors.formats.grammar import written
from connectors.signatures.keys import certificate_of
from idp.app import system_clock
from idp.cli.committing import MEND, Unsure, set_switch, within
from idp.cli.console import problems, say
from idp.cli.revocations import Answer, ask
from idp.keys import change
from idp.keys.folder import AnyRing, Keys, load_keys
from idp.keys.kinds import KINDS, LOG, Kind
from idp.keys.ledger import LOG_VKEY, list_log_keys, load_ledger_keys
from idp.keys.ring import Named, Scheduled, State, moment, spelled
from idp.logs import configure_logs
from idp.settings import Settings, load_settings
from idp.store.store import open_store
from idp.store.switches import KEY
from idp.transparency.checkpoint import VerifierKey
from idp.transparency.draft import MAX_REASON, is_reason
from policies.errors import BrokerError, Misconfigured, Problem, StoreUnavailable

REFUSED, COULD_NOT_RUN = 1, 2
COPY = "Where there are several machines, copy it into the key folder of each before then; no server has to be restarted."

# A thumbprint of RFC 7638, or the name of a sealing key
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{43}|[0-9a-f]{16}")

keys = typer.Typer(no_args_is_help=True, help="Keys that change while the server runs: list, make, rotate, revoke.")

Folder = Annotated[Path, typer.Option("--config", help="The configuration folder.", metavar="DIR")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
AtOnce = Annotated[bool, typer.Option("--now", help="In an emergency: begin this minute, and break what it breaks.")]
OfKind = Annotated[str, typer.Argument(metavar="KIND", help=f"One of {', '.join(KINDS)}.")]


@dataclass(frozen=True, slots=True)
class Line:
    """What `list` says of one key. Times in seconds since the epoch, None where there is none."""

    kind: str
    key_id: str
    state: State
    begins: int
    until: int | None
    certificate_end: int | None
    file: str

    def told(self) -> dict[str, object]:
        """As JSON has it."""
        return {
            "kind": self.kind,
            "key_id": self.key_id,
            "state": str(self.state),
            "from": written(self.begins) if self.begins else None,
            "until": None if self.until is None else written(self.until),
            "certificate_end": None if self.certificate_end is None else written(self.certificate_end),
            "file": self.file,
        }


@dataclass(frozen=True, slots=True)
class _Desk:
    """One tenant's settings and keys, what is revoked of those, and how to answer."""

    settings: Settings
    found: Keys
    answer: Answer
    as_json: bool

    def waiting(self, kind: Kind, now: int) -> Scheduled[Named] | None:
        """The next key of a kind."""
        ring = self.found.rings.get(kind.name)
        return None if ring is None else change.next_key(ring, now)


@keys.callback()
def group() -> None:
    """Keys that change while the server runs: list, make, rotate, revoke."""


@keys.command(name="list")
def list_(config: Folder, *, as_json: AsJson = False) -> None:
    """List every key that can change: what it is doing, from when until when, and when its certificate ends.

    Example: ciconia keys list --config city
    """
    with _desk(config, as_json=as_json) as desk:
        unknown = desk.answer.unknown
        lines = list(lines_of(desk.found, system_clock()))
    if as_json:
        print(json.dumps({"ok": True, "revocations_known": unknown is None, "keys": [line.told() for line in lines]}))
        return
    say(f"{'KIND':<16} {'KEY':<44} {'STATE':<10} {'FROM':<17} {'UNTIL':<17} CERTIFICATE")
    for line in lines:
        begins, until, end = (_minute(each) for each in (line.begins, line.until, line.certificate_end))
        say(f"{line.kind:<16} {line.key_id:<44} {line.state:<10} {begins:<17} {until:<17} {end}")
    if unknown is not None:
        say(f"A key that is revoked may stand here as any other. {unknown}", error=True)


@keys.command()
def new(
    kind: OfKind,
    config: Folder,
    at: Annotated[str, typer.Option(metavar="MINUTE", help="When it begins, in UTC, as 20261125T2100Z.")] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Make the next key of a kind. It is published at once, and signs from its minute on.

    Without --at it begins when whatever others keep of ours has ended, so that nobody meets it for the first time.

    Example: ciconia keys new es256 --config city
    """
    with _desk(config, as_json=as_json) as desk:
        now = system_clock()
        wanted, begins = _kind(kind), change.safe_from(_kind(kind), now)
        if at:
            begins = _moment(at, now)
        if (waiting := desk.waiting(wanted, now)) is not None:
            what = f"the next key of {kind} is there already: {waiting.file}."
            raise _Refused("KIND", what, f"`ciconia keys rotate {kind}` has it begin as soon as is safe.")
        _make(desk, wanted, begins, now)


@keys.command()
def rotate(
    kind: OfKind,
    config: Folder,
    *,
    now_: AtOnce = False,
    as_json: AsJson = False,
) -> None:
    """Have a new key take over as soon as is safe: the next one where there is one, else one that is made now.

    Never one that is revoked: where the database cannot say of the next one, it stays as it is, and --now makes another.

    Example: ciconia keys rotate es256 --config city
    """
    with _desk(config, as_json=as_json) as desk:
        now, wanted = system_clock(), _kind(kind)
        waiting, unknown = desk.waiting(wanted, now), desk.answer.unknown
        if waiting is not None and unknown is not None and not desk.answer.none_yet:
            if not now_:
                what = f"{unknown.what} {waiting.file}, which would take over, may be one of them."
                fix = f"{unknown.fix} `ciconia keys rotate {kind} --now` makes another one without asking."
                raise Misconfigured((Problem(unknown.file, 0, unknown.key, what, fix),))
            # One that is made now is none that somebody revoked
            waiting = None
        if waiting is None:
            _make(desk, wanted, change.this_minute(now) if now_ else change.safe_from(wanted, now), now)
        else:
            _hurry(desk, wanted, waiting, now, at_once=now_)
    if now_ and not as_json:
        say(f"Until then: {wanted.breaks}")


# One id in 64 begins with "-", and none of our options is short
@keys.command(context_settings={"ignore_unknown_options": True})
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
    with _answering(as_json=as_json):
        settings = load_settings(config)
        # The ledger's keys alone: whichever other file is bad, gone or out of date must not keep a stolen key alive
        ledger = load_ledger_keys(settings.key_folder, settings.origin, any_log_key=True)
        found = _loaded(settings)
        kind, key_id = _named(found, ledger.log.known, key)
        if not is_reason(reason):
            raise _Refused("--reason", "is no reason.", f"Give 1 to {MAX_REASON} visible characters, on one line.")
        now = system_clock()
        store = within(lambda: open_store(settings.database_url, tenant=settings.tenant, ledger_keys=ledger))
        try:
            set_switch(store, ledger, KEY, key_id, off=True, reason=reason, now=now)
        except Unsure as error:
            raise _unsure(error, key_id) from error
        finally:
            store.close()
        left = _left_after(settings, found, kind, now)
    if as_json:
        name = None if kind is None else kind.name
        print(json.dumps({"ok": True, "kind": name, "key_id": key_id, "signs": left}))
        return
    say(f"Revoked and recorded: {'' if kind is None else kind.name + ' '}{key_id}. Every worker obeys within a second.")
    if kind is None:
        say("No key of the folder that can be loaded has this id: `ciconia doctor` says what is wrong with its files.")
    elif left is None:
        say(f"No key of {kind.name} is left, so nothing is released that needs one: ciconia keys rotate {kind.name} --now")
    else:
        say(f"What counts now: {left}.")


def lines_of(found: Keys, now: int) -> Iterator[Line]:
    """Every key of every ring, the newest of each kind first."""
    for name, ring in found.rings.items():
        for each in ring.scheduled:
            der = getattr(each.key, "certificate", b"")
            end = int(certificate_of(der).not_valid_after_utc.timestamp()) if der else None
            yield Line(name, each.key.key_id, ring.state(each, now), each.begins, ring.ends(each), end, each.file)


def _make(desk: _Desk, kind: Kind, begins: int, now: int) -> None:
    settings = desk.settings
    if kind is LOG and not (settings.key_folder / LOG_VKEY).is_file():
        fix = "Restore it from its backup: what earlier keys signed is checked with it."
        raise _Refused(LOG_VKEY, "it is missing.", fix)
    host, production = settings.tenant, not settings.demo
    try:
        path = change.make(settings.key_folder, kind, begins, host=host, now=now, production=production)
    except FileExistsError:
        raise _taken() from None
    if kind is LOG:
        list_log_keys(settings.key_folder, settings.origin)
    fresh = load_keys(settings.key_folder, settings.origin)
    fresh.obey(desk.answer.revoked)
    ring = fresh.rings[kind.name]
    made = next(each for each in ring.scheduled if each.file == path.name)
    _tell(desk, kind, made.key.key_id, begins, path)
    if desk.as_json:
        return
    if begins > now and ring.at(now).key_id == made.key.key_id:
        say(f"No other key of {kind.name} is left, so it counts at once. What that breaks: {kind.breaks}")
    if kind.name not in desk.found.rings:
        say("It is the first of its kind: a server that runs takes it up when it is started again, or gets SIGHUP.")


def _hurry(desk: _Desk, kind: Kind, waiting: Scheduled[Named], now: int, *, at_once: bool) -> None:
    """Have the key that waits begin sooner, where that is not its minute already."""
    folder = desk.settings.key_folder
    made = int((folder / waiting.file).stat().st_mtime)
    begins = change.this_minute(now) if at_once else max(change.safe_from(kind, made), change.next_minute(now))
    if begins >= waiting.begins:
        _tell(desk, kind, waiting.key.key_id, waiting.begins, folder / waiting.file)
        return
    try:
        path = change.move(folder, kind, waiting.file, begins)
    except FileExistsError:
        raise _taken() from None
    _tell(desk, kind, waiting.key.key_id, begins, path, was=waiting.file)


def _taken() -> "_Refused":
    return _Refused("KIND", "a key begins in this minute already.", "Wait a minute, or name another.")


def _tell(desk: _Desk, kind: Kind, key_id: str, begins: int, path: Path, *, was: str = "") -> None:
    """Say which key begins when, and where its file is; `was` is the name that the file had until now."""
    unknown = desk.answer.unknown
    if desk.as_json:
        told = {"kind": kind.name, "key_id": key_id, "from": written(begins), "file": str(path.resolve())}
        known = {"revocations_known": unknown is None, "was": was or None}
        print(json.dumps({"ok": True, **told, "tenant": desk.settings.tenant, **known}))
        return
    say(f"{path} {kind.why} from {_minute(begins)} on ({key_id}).")
    say(COPY)
    if kind is LOG:
        say(f"{LOG_VKEY} has its public half now: copy that, too, and have whoever checks receipts take /log/vkey again.")
    if was:
        say(
            f"Its name was {was}: where that was copied already, remove it there, since one key for two moments is refused."
        )
    if unknown is not None:
        say(str(unknown), error=True)


def _kind(name: str) -> Kind:
    found = KINDS.get(name)
    if found is None:
        raise _Refused("KIND", f"there is no kind {name} of key that changes.", f"One of {', '.join(KINDS)}.")
    return found


def _moment(text: str, now: int) -> int:
    found = moment(text)
    if found is None or found <= now:
        example = spelled(now + 86400)
        raise _Refused("--at", "it is no minute that is to come.", f"As in {example}, in UTC.")
    return found


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
    raise _Refused("KEY", what, "Take it from `ciconia keys list`, or from the kid of a token.")


def _unsure(error: Unsure, key_id: str) -> Misconfigured:
    now = {True: "It is revoked now.", False: "It is not revoked yet.", None: "What counts now is not known."}
    what = f"it is not known whether {key_id} will be revoked: {error.detail}. {now[error.off]}"
    return Misconfigured((Problem("keys", 0, error.code, what, MEND),))


def _left_after(settings: Settings, found: Keys | None, kind: Kind | None, now: int) -> str | None:
    """The id of the key of this kind that counts now."""
    if found is None or kind is None:
        return None
    ask(settings, found)
    return _left(found.rings[kind.name], now)


def _left(ring: AnyRing, now: int) -> str | None:
    try:
        return ring.at(now).key_id
    except StoreUnavailable:
        return None


def _minute(seconds: int | None) -> str:
    return written(seconds)[:16] + "Z" if seconds else "-"


class _Refused(Misconfigured):
    """What was asked is not done, with its one reason."""

    def __init__(self, key: str, what: str, fix: str) -> None:
        super().__init__((Problem("keys", 0, key, what, fix),))


@contextmanager
def _desk(config: Path, *, as_json: bool) -> Iterator[_Desk]:
    """Settings and keys of one tenant; whatever keeps the command from being tried ends it here with 2."""
    with _answering(as_json=as_json):
        settings = load_settings(config)
        found = load_keys(settings.key_folder, settings.origin)
        yield _Desk(settings, found, ask(settings, found), as_json)


@contextmanager
def _answering(*, as_json: bool) -> Iterator[None]:
    configure_logs()
    try:
        yield
    except _Refused as refusal:
        _end(refusal, REFUSED, as_json=as_json)
    except Misconfigured as error:
        _end(error, COULD_NOT_RUN, as_json=as_json)
    except BrokerError as error:
        _end(Misconfigured((Problem("keys", 0, error.code, f"{error.detail}.", "ciconia doctor"),)), 2, as_json=as_json)
    except OSError as error:
        what = f"{error.filename} cannot be written: {error.strerror}."
        _end(Misconfigured((Problem("keys", 0, "keys", what, "Run it as who owns the keys."),)), 2, as_json=as_json)


def _end(error: Misconfigured, code: int, *, as_json: bool) -> NoReturn:
    problems(error, as_json=as_json)
    raise typer.Exit(code) from None
