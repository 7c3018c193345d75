"""Every record that is no login: what operators and the product did, with who did it and why, as the record says it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from idp.audit.questions.auditor import Auditor
from idp.audit.questions.ledger_summary import SummarisedLedger
from idp.audit.questions.opened import open_leaves
from idp.ledger.canonical_json import Json
from idp.store.engine import reading, snapshot


@dataclass(frozen=True, slots=True)
class OperatorAct:
    """One act: the place of its leaf, and what its record says. `who` and `why` are "" where the record does not say."""

    index: int
    record: str
    time: int
    kind: str
    who: str
    why: str
    facts: Mapping[str, Json]

    def as_json(self) -> Mapping[str, Json]:
        """The act as JSON."""
        return {name: getattr(self, name) for name in ("index", "record", "time", "kind", "who", "why", "facts")}


@dataclass(frozen=True, slots=True)
class Acts:
    """The acts of a period in the order of the log. `changed` has the places of leaves that are not what was written."""

    size: int
    root: bytes
    acts: tuple[OperatorAct, ...]
    changed: tuple[int, ...]

    def as_json(self) -> Mapping[str, Json]:
        """The answer as JSON."""
        told = [each.as_json() for each in self.acts]
        return {"size": self.size, "root": self.root.hex(), "acts": told, "changed": list(self.changed)}


def acts_between(auditor: Auditor, ledger: SummarisedLedger, since: int = 0, until: int | None = None) -> Acts:
    """The acts from `since` to before `until` (seconds since the epoch). Raises `StoreUnavailable`."""
    others = [other for summary in ledger.summaries for other in summary.others]
    wanted = [each.place for each in others if since <= each.time and (until is None or each.time < until)]
    found, changed = list[OperatorAct](), set(ledger.changed)
    with reading(), snapshot(auditor.engine) as connection:
        for place in wanted:
            (opened,) = open_leaves(connection, auditor.tenant, auditor.keys.openings, place, place + 1).leaves
            if opened is None:
                changed.add(place)
                continue
            said = dict(opened.decision)
            record, time, kind = str(said.pop("record")), int(said.pop("time")), str(said.pop("kind"))
            found.append(OperatorAct(place, record, time, kind, _words(said.get("who")), _why(said), said))
    return Acts(ledger.size, ledger.root, tuple(found), tuple(sorted(changed)))


def _why(said: Mapping[str, Json]) -> str:
    """The reason that somebody gave; of a configuration what it widened."""
    return _words(said.get("reason") or said.get("widened"))


def _words(said: Json) -> str:
    if isinstance(said, list):
        return "; ".join(map(str, said))
    return said if isinstance(said, str) else "" if said is None else json.dumps(said)
