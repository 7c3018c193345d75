"""The policy of a day: which configurations were in force, who put them there, and what each purpose allowed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from idp.audit.questions.auditor import Auditor
from idp.changes.history import Applied
from idp.ledger.canonical_json import Json
from policies.load import Configuration, examine
from policies.purposes import Purpose


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """A configuration that was in force, from `applied.time` until another one was (None: it is still).

    `configuration` is None where a file of it is gone or was changed. `before`, `widened` and `approved` are those of its
    record; the first configuration has none. `in_ledger` says whether there is one.
    """

    applied: Applied
    until: int | None
    before: str
    widened: tuple[str, ...]
    approved: tuple[str, ...]
    in_ledger: bool
    configuration: Configuration | None

    def as_json(self) -> Mapping[str, Json]:
        """The answer as JSON."""
        return {
            "number": self.applied.number,
            "digest": self.applied.digest,
            "since": self.applied.time,
            "until": self.until,
            "who": self.applied.who,
            "before": self.before,
            "widened": list(self.widened),
            "approved": list(self.approved),
            "in_ledger": self.in_ledger,
            "kept": self.configuration is not None,
            "purposes": [_allowed(purpose, services) for purpose, services in self.purposes()],
        }

    def purposes(self) -> Iterator[tuple[Purpose, Sequence[str]]]:
        """Each purpose, and the services that were registered for it."""
        parties = self.configuration.parties.values() if self.configuration else ()
        for name, purpose in sorted(self.configuration.purposes.items() if self.configuration else ()):
            yield purpose, sorted(party.client_id for party in parties if name in party.purposes)


def _allowed(purpose: Purpose, services: Sequence[str]) -> Mapping[str, Json]:
    """The things that a purpose allowed, in the words of its file."""
    needs: list[Json] = [
        {"name": name, "form": str(need.form), "required": need.required} for name, need in sorted(purpose.needs.items())
    ]
    return {
        "purpose": purpose.purpose_id,
        "policy": purpose.digest,
        "basis": purpose.basis.value,
        "minimum_assurance": purpose.minimum_assurance.label,
        "attributes": needs,
        "countries": list(purpose.countries),
        "retention": purpose.retention,
        "offline": purpose.offline,
        "services": list(services),
    }


def policies_on(auditor: Auditor, day: date) -> tuple[PolicyInForce, ...]:
    """The configurations that were in force on a day (UTC), the earliest first. Raises `StoreUnavailable`."""
    begins = int(datetime.combine(day, time(), UTC).timestamp())
    ends = begins + int(timedelta(days=1).total_seconds())
    found: list[PolicyInForce] = []
    newest = auditor.history.newest()
    number, until = _last_before(auditor, newest.number if newest else 0, ends)
    while number:
        applied = auditor.history.at(number)
        number -= 1
        if applied is None:
            continue
        found.append(_in_force(auditor, applied, until))
        until = applied.time
        if applied.time <= begins:
            break
    return tuple(reversed(found))


def _last_before(auditor: Auditor, newest: int, ends: int) -> tuple[int, int | None]:
    """The last number that was put in force before `ends`, and when the next one was. Times grow with numbers."""
    low, high, until = 0, newest, None
    while low < high:
        middle = place = (low + high + 1) // 2
        # A number that is lost says nothing: the one before it is asked
        while place > low and (applied := auditor.history.at(place)) is None:
            place -= 1
        if place == low or applied is None:
            high = middle - 1
        elif applied.time < ends:
            low = middle
        else:
            high, until = place - 1, applied.time
    return low, until


def _in_force(auditor: Auditor, applied: Applied, until: int | None) -> PolicyInForce:
    facts = auditor.history.facts(applied.number)
    said = facts or {}
    widened, approved = (_texts(said.get(name)) for name in ("widened", "approved"))
    bundle = auditor.history.bundle(applied.digest)
    configuration = None if bundle is None else examine(bundle.files)[0]
    before = str(said.get("before", ""))
    return PolicyInForce(applied, until, before, widened, approved, facts is not None, configuration)


def _texts(said: object) -> tuple[str, ...]:
    return tuple(map(str, said)) if isinstance(said, list) else ()
