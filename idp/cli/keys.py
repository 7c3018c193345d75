"""`ciconia keys`: the keys that change while the server runs, what each is doing, and how the next one takes over.

Files are all that there is: a key begins at the minute in its name, on every machine that has it, and servers look at the
folder every few seconds. Only a revocation goes through the database: it counts on all workers within a second.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from connectors.formats.grammar import written
from connectors.signatures.certificates import certificate_of
from connectors.signatures.key_ring import KeyState, Named, Scheduled, moment, spelled
from idp.application.operator_acts import UNPLACED
from idp.application.recorded_act import record_by_command
from idp.application.revocations import Revocations, read_revocations
from idp.cli.console import CommandRefused, answer, say
from idp.cli.keys_revoke import revoke, rotate_command, trying_keys
from idp.cli.options import AsJson, Folder
from idp.cli.records.separate import separate
from idp.config.settings import Settings, load_settings
from idp.keys import change
from idp.keys.folder import NODE_FILES, OF_A_NODE, BrokerKeys, load_keys
from idp.keys.hsm.address import TokenAddress
from idp.keys.hsm.loading import checked_token
from idp.keys.kinds import KINDS, LOG, KeyKind, kind_named
from idp.keys.ledger_files import LOG_VKEY, list_log_keys, load_ledger_keys, vouch_for_log_keys
from idp.ledger.operator_records import KEY_MADE, KEY_MOVED, KEYS_VOUCHED, MAX_REASON, is_reason
from idp.system.clock import system_clock
from policies.errors import KeysUnavailable, Misconfigured, Problem, StoreUnavailable

COPY = (
    "Where there are several machines, copy it into the key folder of each {when}, with its time (`cp -p`); no server "
    "has to be restarted."
)

keys = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Keys that change while the server runs: list, make, rotate, revoke."
)

AtOnce = Annotated[bool, typer.Option("--now", help="In an emergency: begin this minute, and break what it breaks.")]
Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the release ledger. Name no person.")]
InToken = Annotated[
    str | None,
    typer.Option("--token", metavar="ADDRESS", help="Make it in this token: pkcs11:token=NAME?..."),
]
_KINDS = f"One of {', '.join(KINDS)}, or saml-encryption.PROVIDER: the own key of the identity provider with this id."
OfKind = Annotated[str, typer.Argument(metavar="KIND", help=_KINDS)]


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A line of `list`. Times in seconds since the epoch, None where there is none."""

    kind: str
    key_id: str
    state: KeyState
    begins: int
    until: int | None
    certificate_end: int | None
    file: str

    def as_json(self) -> dict[str, object]:
        """The line as an object."""
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
class _KeyDesk:
    """One tenant's settings and keys, which of those are revoked, and how to answer."""

    settings: Settings
    found: BrokerKeys
    revocations: Revocations
    as_json: bool

    def waiting(self, kind: KeyKind, now: int) -> Scheduled[Named] | None:
        """The next key of a kind."""
        ring = self.found.rings.get(kind.name)
        return None if ring is None else change.next_key(ring, now)


@keys.command(name="list")
def list_(config: Folder, *, as_json: AsJson = False) -> None:
    """List every key that can change: what it is doing, from when until when, and when its certificate ends.

    Example: ciconia keys list --config city
    """
    with _desk(config, as_json=as_json) as desk:
        unknown = desk.revocations.unknown
        lines = list(lines_of(desk.found, system_clock()))
    rows = [f"{'KIND':<16} {'KEY':<44} {'STATE':<10} {'FROM':<17} {'UNTIL':<17} CERTIFICATE"]
    for line in lines:
        begins, until, end = (_minute(each) for each in (line.begins, line.until, line.certificate_end))
        rows.append(f"{line.kind:<16} {line.key_id:<44} {line.state:<10} {begins:<17} {until:<17} {end}")
    told = {"revocations_known": unknown is None, "keys": [line.as_json() for line in lines]}
    answer(told, *rows, as_json=as_json)
    if unknown is not None and not as_json:
        say(f"A key that is revoked may stand here as any other. {unknown}", error=True)


@keys.command()
def new(
    kind: OfKind,
    config: Folder,
    at: Annotated[str | None, typer.Option(metavar="MINUTE", help="When it begins, in UTC, as 20261125T2100Z.")] = None,
    token: InToken = None,
    reason: Why = "",
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
        if at is not None:
            begins = _moment(at, now)
        if (waiting := desk.waiting(wanted, now)) is not None:
            what = f"the next key of {kind} is there already: {waiting.file}."
            raise CommandRefused("keys", "KIND", what, f"`{rotate_command(kind, config)}` has it begin as soon as is safe.")
        _recorded(desk, KEY_MADE, wanted.file_from(begins), reason, at_once=False)
        _make(desk, wanted, begins, now, _token(token))


@keys.command()
def rotate(
    kind: OfKind,
    config: Folder,
    token: InToken = None,
    reason: Why = "",
    *,
    now_: AtOnce = False,
    as_json: AsJson = False,
) -> None:
    """Have a new key take over as soon as is safe: the next one where there is one, else one that is made now.

    It never takes a revoked one: where the database cannot say whether the next one is, --now makes another.

    Example: ciconia keys rotate es256 --config city
    """
    with _desk(config, as_json=as_json) as desk:
        now, wanted = system_clock(), _kind(kind)
        waiting, unknown = desk.waiting(wanted, now), desk.revocations.unknown
        if waiting is not None and unknown is not None and not desk.revocations.none_yet:
            if not now_:
                what = f"{unknown.what} {waiting.file}, which would take over, may be one of them."
                fix = f"{unknown.fix} `{rotate_command(kind, config, '--now')}` makes another one without asking."
                raise Misconfigured((Problem(unknown.file, 0, unknown.key, what, fix),))
            # Nobody can have revoked one that is made now
            waiting = None
        if waiting is None:
            begins = change.this_minute(now) if now_ else change.safe_from(wanted, now)
            _recorded(desk, KEY_MADE, wanted.file_from(begins), reason, at_once=now_)
            _make(desk, wanted, begins, now, _token(token))
        else:
            _recorded(desk, KEY_MOVED, waiting.file, reason, at_once=now_)
            _hurry(desk, wanted, waiting, now, at_once=now_)
    if now_ and not as_json:
        say(f"What that breaks: {wanted.breaks}")


@keys.command()
def vouch(
    config: Folder,
    key_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="The 8 hex digits of each listed key whose private half is gone."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Vouch for the keys in log.vkey with the private keys that are here: once, for keys that nobody vouched for yet.

    Each key that `ciconia keys new` and `rotate` make is vouched for by the one before it. Look at log.vkey first: each key
    that this vouches for counts from then on.

    Example: ciconia keys vouch --config city 530d903a
    """
    with trying_keys(as_json=as_json):
        settings = load_settings(config)
        _vouched(settings)
        found = vouch_for_log_keys(settings.key_folder, settings.origin, key_ids or ())
        load_ledger_keys(settings.key_folder, settings.origin)
    ids = [key.key_id.hex() for key in found.keys]
    answer(
        {"log": settings.origin, "key_ids": ids},
        f"{settings.key_folder / LOG_VKEY} lists {', '.join(ids)}: each later one is vouched for.",
        "Where there are several machines, copy it into the key folder of each.",
        as_json=as_json,
    )


# One id in 64 begins with "-", and none of our options is short
keys.command(context_settings={"ignore_unknown_options": True})(revoke)
keys.command()(separate)


def lines_of(found: BrokerKeys, now: int) -> Iterator[KeyLine]:
    """Every key of every ring, the newest of each kind first."""
    for name, ring in found.rings.items():
        for each in ring.scheduled:
            der = getattr(each.key, "certificate", b"")
            end = int(certificate_of(der).not_valid_after_utc.timestamp()) if der else None
            yield KeyLine(name, each.key.key_id, ring.state(each, now), each.begins, ring.ends(each), end, each.file)


def _make(desk: _KeyDesk, kind: KeyKind, begins: int, now: int, token: TokenAddress | None) -> None:
    settings = desk.settings
    if kind is LOG and not (settings.key_folder / LOG_VKEY).is_file():
        fix = "Restore it from its backup: what earlier keys signed is checked with it."
        raise CommandRefused("keys", LOG_VKEY, "it is missing.", fix)
    if kind in OF_A_NODE and desk.found.node is None:
        what = f"this folder has no key of a node, and a node needs all three ({', '.join(NODE_FILES)})."
        fix = f"`ciconia init DIR --issuer {settings.issuer}` makes them: copy the three into {settings.key_folder}."
        raise CommandRefused("keys", "KIND", what, fix)
    path = _made(settings, kind, begins, now, token)
    unlist = None
    try:
        if kind is LOG:
            # Before anybody loads the folder: a key for which nobody vouches is refused
            unlist = list_log_keys(settings.key_folder, settings.origin)
        fresh = load_keys(settings.key_folder, settings.origin, settings.index_folder)
    except Misconfigured:
        # No server starts with a folder that does not load. After any other error a running one may use the key already
        path.unlink(missing_ok=True)
        if unlist is not None:
            unlist()
        raise
    fresh.obey(desk.revocations.since)
    ring = fresh.rings[kind.name]
    made = next(each for each in ring.scheduled if each.file == path.name)
    _tell(desk, kind, made.key.key_id, begins, path)
    if desk.as_json:
        return
    if begins > now and ring.at(now).key_id == made.key.key_id:
        say(f"No other key of {kind.name} is left, so it counts at once. What that breaks: {kind.breaks}")
    if kind.name not in desk.found.rings:
        say("It is the first of its kind: a server that runs takes it up when it is started again, or gets SIGHUP.")


def _recorded(desk: _KeyDesk, act: str, about: str, reason: str, *, at_once: bool) -> None:
    """Record the act before it counts. In an emergency (`at_once`) it counts where nothing can be recorded, and says so."""
    if reason and not is_reason(reason):
        raise CommandRefused("keys", "--reason", "is no reason.", f"Give 1 to {MAX_REASON} visible characters.")
    if desk.revocations.none_yet:
        return  # a folder that never served has no ledger yet
    try:
        placed = record_by_command(desk.settings, desk.found.ledger, act=act, about=about, reason=reason)
    except StoreUnavailable as error:
        if not at_once:
            fix = "Make the database answer. In an emergency `ciconia keys rotate KIND --now` makes a key unrecorded."
            raise CommandRefused("keys", "database", f"nothing can be recorded: {error.detail}.", fix) from None
        say(f"It is not recorded, since the database does not answer ({error.detail}): write it down.", error=True)
    else:
        if not placed and not desk.as_json:
            say(UNPLACED, error=True)


def _vouched(settings: Settings) -> None:
    """Record that keys are vouched for by hand. Without them nothing serves, so it goes on where there is no ledger."""
    try:
        ledger = load_ledger_keys(settings.key_folder, settings.origin, any_log_key=True)
        record_by_command(settings, ledger, act=KEYS_VOUCHED, about=LOG_VKEY, reason="")
    except (StoreUnavailable, Misconfigured):
        say("It is not recorded, since the ledger cannot be opened: write it down.", error=True)


def _made(settings: Settings, kind: KeyKind, begins: int, now: int, token: TokenAddress | None) -> Path:
    host, production = settings.tenant, not settings.demo
    try:
        return change.make(settings.key_folder, kind, begins, host=host, now=now, production=production, token=token)
    except FileExistsError:
        raise _taken() from None
    except ValueError as error:
        raise CommandRefused("keys", "KIND", f"{error}.", "Leave --token out.") from None
    except KeysUnavailable as error:
        raise CommandRefused("keys", "--token", f"{error.detail}.", "docs/keys-in-an-hsm.md says how.") from None


def _hurry(desk: _KeyDesk, kind: KeyKind, waiting: Scheduled[Named], now: int, *, at_once: bool) -> None:
    """Has the waiting key begin sooner, unless that is its minute already."""
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
    except FileNotFoundError:
        what = f"another command had {waiting.file} begin at another moment just now."
        raise CommandRefused("keys", "KIND", what, "See `ciconia keys list`.") from None
    _tell(desk, kind, waiting.key.key_id, begins, path, was=waiting.file)


def _taken() -> CommandRefused:
    return CommandRefused("keys", "KIND", "a key begins in this minute already.", "Wait a minute, or name another.")


def _tell(desk: _KeyDesk, kind: KeyKind, key_id: str, begins: int, path: Path, *, was: str = "") -> None:
    """Says which key begins when, and where its file is. `was`: the file's name until now."""
    unknown = desk.revocations.unknown
    lines = [f"{path} {kind.why} from {_minute(begins)} on ({key_id})."]
    lines.append(COPY.format(when="before then" if begins > system_clock() else "now"))
    if kind is LOG:
        lines.append(
            f"{LOG_VKEY} has its public half now: copy that, too, and tell receipts' readers to take /log/vkey again."
        )
    if was:
        lines.append(f"Its name was {was}: remove the copies of that name, since one key for two moments is refused.")
    told = {"kind": kind.name, "key_id": key_id, "from": written(begins), "file": str(path.resolve())}
    known = {"tenant": desk.settings.tenant, "revocations_known": unknown is None, "was": was or None}
    answer({**told, **known}, *lines, as_json=desk.as_json)
    if unknown is not None and not desk.as_json:
        say(str(unknown), error=True)


def _token(text: str | None) -> TokenAddress | None:
    try:
        return None if text is None else checked_token(text)
    except ValueError as error:
        raise CommandRefused("keys", "--token", str(error), "docs/keys-in-an-hsm.md has an example.") from None


def _kind(name: str) -> KeyKind:
    try:
        return kind_named(name)
    except KeyError:
        raise CommandRefused("keys", "KIND", f"there is no kind {name} of key that changes.", _KINDS) from None


def _moment(text: str, now: int) -> int:
    found = moment(text)
    if found is None or found <= now:
        example = spelled(now + 86400)
        raise CommandRefused("keys", "--at", "it is no minute that is to come.", f"As in {example}, in UTC.")
    return found


def _minute(seconds: int | None) -> str:
    return written(seconds)[:16] + "Z" if seconds else "-"


@contextmanager
def _desk(config: Path, *, as_json: bool) -> Iterator[_KeyDesk]:
    """Settings and keys of one tenant. Ends the command as `trying_keys` does."""
    with trying_keys(as_json=as_json):
        settings = load_settings(config)
        found = load_keys(settings.key_folder, settings.origin, settings.index_folder)
        yield _KeyDesk(settings, found, read_revocations(settings, found), as_json)
