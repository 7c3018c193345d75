"""Keys that take over: which one is to come and in what time, which one nobody needs any more, and whether one is left."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from connectors.signatures.certificates import certificate_of
from connectors.signatures.key_ring import KeyState, Named, Scheduled
from idp.doctor.case import Case
from idp.doctor.database import ours, read_only
from idp.doctor.finding import Finding, Severity
from idp.keys.change import safe_from
from idp.keys.folder import AnyRing
from idp.keys.kinds import LOG, KeyKind, kind_named
from idp.keys.ledger_files import LOG_VKEY
from idp.store.switches.switch import KEY
from idp.store.switches.switches import Switches
from policies.errors import StoreUnavailable

DAY = 24 * 3600


def rotation(case: Case) -> Iterator[Finding]:
    """What an operator has to know of the keys that change."""
    if case.keys is None:
        return
    revoked = _revoked(case)
    case.keys.obey(lambda key_id: revoked.get(key_id, 0))
    for name, ring in case.keys.rings.items():
        yield from _left(case, kind_named(name), ring)
        for each in ring.scheduled:
            match ring.state(each, case.now):
                case KeyState.NEXT:
                    yield from _next(case, kind_named(name), each)
                case KeyState.OVER:
                    yield _done(case, each)
                case KeyState.REVOKED:
                    before = (one for one in ring.scheduled if one.begins < each.begins)
                    over = [one.file for one in before if ring.state(one, case.now) is KeyState.OVER]
                    yield _done(case, each, revoked=True, first=over)


def _revoked(case: Case) -> Mapping[str, int]:
    """The ids of keys that workers take as revoked, and since when; none where the database does not say."""
    if not case.knows("issuer", "database") or case.ledger is None:
        return {}
    with read_only(case) as engine:
        if engine is None or not ours(case, engine):
            return {}
        try:
            off = Switches(engine=engine, tenant=case.settings.tenant, keys=case.ledger).current()
        except StoreUnavailable:
            return {}  # a database that cannot be read is named where its file is looked at
    return {name: switch.off_since for (kind, name), switch in off.items() if kind == KEY}


def _left(case: Case, kind: KeyKind, ring: AnyRing) -> Iterator[Finding]:
    try:
        ring.at(case.now)
    except StoreUnavailable:
        what = f"every key of {kind.name} is revoked."
        why = f"No key {kind.why}, so nothing is released that needs one."
        file = case.name(case.settings.key_folder / kind.file)
        again = shlex.join(["ciconia", "keys", "rotate", kind.name, "--now", "--config", str(case.folder)])
        fix = (
            "Where another machine has one that counts already, copy its file from there (`cp -p`): what one makes anew "
            f"here, the others do not have. Else: {again}"
        )
        yield Finding(Severity.ERROR, file, 0, kind.name, what, why, fix)


def _next(case: Case, kind: KeyKind, each: Scheduled[Named]) -> Iterator[Finding]:
    path = case.settings.key_folder / each.file
    begins = datetime.fromtimestamp(each.begins, UTC)
    what = f"it takes over on {begins:%Y-%m-%d at %H:%M} UTC, {remaining(each.begins - case.now)}."
    safe = safe_from(kind, _made(path, each.key))
    if each.begins < safe and begins.timestamp() > case.now:
        what += " That is before everybody can know it."
        why = f"Until then: {kind.breaks}"
        fix = (
            f"Where it was made here just now, and is no emergency, name it {kind.file_from(safe)} on every machine. A "
            "copy keeps the name that it has where it was made: take it with its time (`cp -p`, `rsync -a`)."
        )
        yield Finding(Severity.WARNING, case.name(path), 0, each.file, what, why, fix)
        return
    why = "A machine that does not have the file by then goes on with the key before it."
    fix = "Copy it to every machine before then (`cp -p`)."
    if kind is LOG:
        why = f"A machine that has neither the file nor its line in {LOG_VKEY} by then signs nothing and proves nothing."
        fix = f"Copy it, and {LOG_VKEY}, to every machine before then (`cp -p`)."
    yield Finding(Severity.NOTICE, case.name(path), 0, each.file, what, why, fix)


def _made(path: Path, key: Named) -> int:
    """When a key was made. A copy need not have kept its file's time: a certificate counts that says an earlier one."""
    written = int(path.stat().st_mtime)
    der = getattr(key, "certificate", b"")
    return min(written, int(certificate_of(der).not_valid_before_utc.timestamp())) if der else written


def _done(case: Case, each: Scheduled[Named], *, revoked: bool = False, first: Sequence[str] = ()) -> Finding:
    """A key to be deleted, after those that are to go `first`: by its file they are known to be over."""
    path = case.settings.key_folder / each.file
    what = "it is revoked." if revoked else "another key took over, and nobody needs this one any more."
    why = (
        "A key that lies about can be stolen."
        if revoked
        else "A key that lies about can be stolen, and then read what it closed."
    )
    fix = "Delete it on every machine."
    if first:
        fix = f"Delete it on every machine, and before it {', '.join(first)}: without it, what is over would count again."
    return Finding(Severity.NOTICE, case.name(path), 0, each.file, what, why, fix)


def remaining(seconds: int) -> str:
    """How long it takes until then, in words."""
    days = seconds // DAY
    if days > 1:
        return f"in {days} days"
    hours = seconds // 3600
    if not hours:
        return "in less than an hour"
    return "in 1 hour" if hours == 1 else f"in {hours} hours"
