"""Keys that take over: the next one and its time, keys that nobody needs any more, and whether one is left."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from connectors.signatures.certificates import certificate_of
from connectors.signatures.key_ring import KeyState, Named, Scheduled
from idp.doctor.database import our_rows
from idp.doctor.examination import Examination
from idp.doctor.finding import ERROR, NOTICE, WARNING, DoctorFinding
from idp.keys.change import safe_from
from idp.keys.folder import AnyRing
from idp.keys.kinds import LOG, KeyKind, kind_named
from idp.keys.ledger_files import LOG_VKEY
from idp.store.switches.switch import KEY
from idp.store.switches.switches import Switches
from policies.errors import StoreUnavailable

DAY = 24 * 3600


def rotation(case: Examination) -> Iterator[DoctorFinding]:
    """Tells an operator about the keys that change."""
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


def _revoked(case: Examination) -> Mapping[str, int]:
    """The ids of revoked keys, and since when; none where the database does not say."""
    revoked: dict[str, int] = {}
    with our_rows(case) as found, suppress(StoreUnavailable):
        if found is not None:
            off = Switches(engine=found[0], tenant=case.settings.tenant, keys=found[1]).current()
            revoked = {name: switch.off_since for (kind, name), switch in off.items() if kind == KEY}
    return revoked


def _left(case: Examination, kind: KeyKind, ring: AnyRing) -> Iterator[DoctorFinding]:
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
        yield ERROR(file, kind.name, what, why, fix)


def _next(case: Examination, kind: KeyKind, each: Scheduled[Named]) -> Iterator[DoctorFinding]:
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
        yield WARNING(case.name(path), each.file, what, why, fix)
        return
    why = "A machine that does not have the file by then goes on with the key before it."
    fix = "Copy it to every machine before then (`cp -p`)."
    if kind is LOG:
        why = f"A machine that has neither the file nor its line in {LOG_VKEY} by then signs nothing and proves nothing."
        fix = f"Copy it, and {LOG_VKEY}, to every machine before then (`cp -p`)."
    yield NOTICE(case.name(path), each.file, what, why, fix)


def _made(path: Path, key: Named) -> int:
    """When a key was made: by its file's time, which a copy may have lost, or an earlier one of its certificate."""
    written = int(path.stat().st_mtime)
    der = getattr(key, "certificate", b"")
    return min(written, int(certificate_of(der).not_valid_before_utc.timestamp())) if der else written


def _done(case: Examination, each: Scheduled[Named], *, revoked: bool = False, first: Sequence[str] = ()) -> DoctorFinding:
    """A key to delete, after those that must go `first`: by its file they are known to be over."""
    path = case.settings.key_folder / each.file
    what = "it is revoked." if revoked else "another key took over, and nobody needs this one any more."
    why = "A key that lies about can be stolen" + ("." if revoked else ", and then read what it closed.")
    fix = "Delete it on every machine."
    if first:
        fix = f"Delete it on every machine, and before it {', '.join(first)}: without it, those would count again."
    return NOTICE(case.name(path), each.file, what, why, fix)


def remaining(seconds: int) -> str:
    """A time ahead, in words."""
    days = seconds // DAY
    if days > 1:
        return f"in {days} days"
    hours = seconds // 3600
    if not hours:
        return "in less than an hour"
    return "in 1 hour" if hours == 1 else f"in {hours} hours"
