"""Question 7: was anything released after a service, a country, a provider or a key was switched off?

The acts are the switch records of the ledger itself. A switch counts on all workers within a second (decision 0000.31), so
a release is late from the second after that on, until the thing was switched on again.

A record does not say which key signed the answer. Of a key of the log, the checkpoints that it signed are counted. Of other
keys, and of deviations, the record cannot tell: `late` is None.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from sqlalchemy import select

from idp.audit.questions.auditor import Auditor
from idp.audit.questions.filters import LoginFilters, read_terms, read_way, taker
from idp.audit.questions.ledger_summary import SummarisedLedger
from idp.audit.questions.opened import OpenedLeaf, open_leaves
from idp.audit.questions.summary import BLOCK, PARTS, BlockSummary, parts_of
from idp.ledger.checkpoint import open_note
from idp.ledger.ledger_keys import DAY
from idp.ledger.operator_records import SWITCH
from idp.ledger.record_contents import RELEASE
from idp.store import tables
from idp.store.engine import reading, snapshot
from idp.store.switches.switch import COUNTRY, KEY, PARTY, PROVIDER
from policies.errors import SignatureInvalid
from policies.federations import family_of
from policies.parties import ProviderId

# A switch counts within a second, and records have whole seconds: what is later than this is late
COUNTS_WITHIN = 1
# So many places of late releases are named for each act
MOST_PLACES = 20
EVER = 2**62


@dataclass(frozen=True, slots=True)
class SwitchedOff:
    """Something was off from `since` until `until` (seconds; None: still), and so many releases were late.

    `place` is that of the record of the act, `places` those of the first late releases, `checkpoints` counts those that the
    log's key signed late.
    """

    kind: str
    name: str
    since: int
    until: int | None
    place: int
    late: int | None = 0
    places: tuple[int, ...] = ()
    checkpoints: int = 0


def released_when_off(
    auditor: Auditor, ledger: SummarisedLedger, filters: LoginFilters, country_of: Callable[[str], str]
) -> tuple[tuple[SwitchedOff, ...], frozenset[int]]:
    """Each time that something was off, and what was released meanwhile; and the places of acts that do not open.

    Raises `StoreUnavailable`.
    """
    found = []
    with reading(), snapshot(auditor.engine) as connection:
        places = [other.place for summary in ledger.summaries for other in summary.others if other.kind == SWITCH]
        opened = {
            place: open_leaves(connection, auditor.tenant, auditor.keys.openings, place, place + 1).leaves[0]
            for place in places
        }
        for off in _times(leaf for leaf in opened.values() if leaf is not None):
            if off.kind == KEY:
                found.append(_signed(auditor, off))
            elif off.kind in (PARTY, COUNTRY, PROVIDER):
                found.append(_Late(auditor, ledger, filters, country_of, off).found())
            else:
                found.append(replace(off, late=None))
    return tuple(found), frozenset(place for place, leaf in opened.items() if leaf is None)


def _times(leaves: Iterator[OpenedLeaf]) -> list[SwitchedOff]:
    """When each thing was off, in the order of the acts' times."""
    acts = sorted(leaves, key=lambda leaf: (leaf.decision["time"], leaf.place))
    off: dict[tuple[str, str], SwitchedOff] = {}
    done: list[SwitchedOff] = []
    for leaf in acts:
        kind, name, time = (leaf.decision[key] for key in ("switch", "name", "time"))
        if leaf.decision["state"] == "off":
            off.setdefault((kind, name), SwitchedOff(kind, name, time, None, leaf.place))
        elif (before := off.pop((kind, name), None)) is not None:
            done.append(replace(before, until=time))
    return sorted((*done, *off.values()), key=lambda one: (one.since, one.place))


class _Late:
    """Counts the late releases of one time that something was off."""

    def __init__(
        self,
        auditor: Auditor,
        ledger: SummarisedLedger,
        filters: LoginFilters,
        country_of: Callable[[str], str],
        off: SwitchedOff,
    ) -> None:
        self._auditor, self._ledger, self._off = auditor, ledger, off
        self._filters, self._takes, self._country_of = filters, taker(filters, country_of), country_of

    def found(self) -> SwitchedOff:
        late, places = 0, list[int]()
        for block, summary in enumerate(self._ledger.summaries):
            sure, unsure = self._counted(summary)
            if unsure or (sure and len(places) < MOST_PLACES):
                each = list(self._places(block))
                late += len(each)
                places += each
            else:
                late += sure
        return replace(self._off, late=late, places=tuple(places[:MOST_PLACES]))

    def _counted(self, summary: BlockSummary) -> tuple[int, bool]:
        """How many releases of a block are late for sure, and whether more may be."""
        taken = [[self._concerns(name, text) for text in summary.tables[name]] for name in PARTS]
        if not (any(taken[0]) and any(taken[1])):
            return 0, False
        sure, unsure = 0, False
        for day, terms, way, choice, _, count, first, last in zip(*summary.rows.values(), strict=True):
            if not (taken[0][terms] and taken[1][way] and taken[2][choice] and day in self._filters.days):
                continue
            begin, end = self._off.since + COUNTS_WITHIN, EVER if self._off.until is None else self._off.until
            if first > begin and last < end:
                sure += count
            elif last > begin and first < end:
                unsure = True
        return sure, unsure

    def _places(self, block: int) -> Iterator[int]:
        """The places of the late releases of a block, leaf by leaf."""
        first, last = block * BLOCK, min((block + 1) * BLOCK, self._ledger.size)
        with snapshot(self._auditor.engine) as connection:
            found = open_leaves(connection, self._auditor.tenant, self._auditor.keys.openings, first, last)
        for leaf in found.leaves:
            if leaf is None or leaf.decision.get("kind") != RELEASE:
                continue
            time = leaf.decision["time"]
            late = self._off.since + COUNTS_WITHIN < time and (self._off.until is None or time < self._off.until)
            parts = zip(PARTS, parts_of(leaf, lambda _: None), strict=True)
            if late and time // DAY in self._filters.days and all(self._concerns(name, text) for name, text in parts):
                yield leaf.place

    def _concerns(self, name: str, text: str) -> bool:
        """Whether a part is of what was off, and the filters take it."""
        off = self._off
        if name == "terms" and off.kind == PARTY and read_terms(text).service != off.name:
            return False
        if name == "way":
            way = read_way(text)
            source = ProviderId(way.source)
            if way.outcome != RELEASE or (off.kind == PROVIDER and off.name not in (source, family_of(source))):
                return False
            if off.kind == COUNTRY and self._country_of(source) != off.name:
                return False
        return self._takes(name, text)


def _signed(auditor: Auditor, off: SwitchedOff) -> SwitchedOff:
    """The checkpoints that a key of the log signed while it was off."""
    keys = [key for key in auditor.keys.log.known if key.key_id.hex() == off.name]
    if not keys:
        return replace(off, late=None)
    table = tables.checkpoints.c
    late = table.time.between(off.since + COUNTS_WITHIN + 1, EVER if off.until is None else off.until - 1)
    signed = 0
    with auditor.engine.connect() as connection:
        for note in connection.scalars(select(table.note).where(table.tenant == auditor.tenant, late)):
            try:
                open_note(note, *keys)
            except SignatureInvalid:
                continue
            signed += 1
    return replace(off, late=None, checkpoints=signed)
