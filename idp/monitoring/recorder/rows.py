"""The rows of the flight recorder: bounded for each sign-in and in all, and shown for a day."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, Connection, Engine, delete, func, insert, select

from idp.store import tables
from idp.store.commits import one_turn
from idp.store.engine import exclusively, reading, writing
from policies.parties import Tenant

SHOWN_SECONDS = 24 * 3600
MOST_OF_A_LOGIN = 64
MOST_IN_ALL = 20_000
# Of requests that belong to no sign-in that anybody showed: a stranger must not wash the others out
MOST_OF_STRANGERS = 1_000


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """A step on one party's leg. Each text is a name of ours: `code` and `check_name` are "" where nothing failed.

    `size` is the class of the message that came, in KiB: 1, 4, 16 and so on; 0 where none did.
    """

    reference: str
    time: int
    leg: str
    party: str
    step: str
    code: str = ""
    check_name: str = ""
    size: int = 0
    opened: bool = True


class RecordedSteps:
    """One tenant's. Every method raises `StoreUnavailable` where the database does not answer."""

    def __init__(self, engine: Engine, tenant: Tenant) -> None:
        self._engine, self._tenant = engine, tenant

    def add(self, steps: Sequence[RecordedStep]) -> None:
        """Write steps, of each sign-in its first ones alone. The oldest rows make room."""
        with reading(), one_turn(self._engine), writing(self._engine).begin() as connection:
            exclusively(connection, tables.recorded_steps)
            numbers = self._numbers(connection, {step.reference for step in steps})
            rows = []
            for step in steps:
                numbers[step.reference] += 1
                if (number := numbers[step.reference]) <= MOST_OF_A_LOGIN:
                    row = {**asdict(step), "opened": int(step.opened), "number": number}
                    rows.append({**row, "tenant": self._tenant, "ends": step.time + SHOWN_SECONDS})
            if rows:
                connection.execute(insert(tables.recorded_steps), rows)
            self._make_room(connection, MOST_OF_STRANGERS, tables.recorded_steps.c.opened == 0)
            self._make_room(connection, MOST_IN_ALL)

    def of(self, reference: str, now: int) -> Sequence[RecordedStep]:
        """The steps of a sign-in, in their order; none where there are none, or their day is over."""
        table = tables.recorded_steps
        such = (table.c.tenant == self._tenant, table.c.reference == reference, table.c.ends > now)
        with reading(), self._engine.connect() as connection:
            rows = connection.execute(select(table).where(*such).order_by(table.c.time, table.c.number)).all()
        return [
            RecordedStep(
                reference=row.reference,
                time=row.time,
                leg=row.leg,
                party=row.party,
                step=row.step,
                code=row.code,
                check_name=row.check_name,
                size=row.size,
                opened=bool(row.opened),
            )
            for row in rows
        ]

    def _numbers(self, connection: Connection, references: Iterable[str]) -> Counter[str]:
        """The last number of each sign-in."""
        table = tables.recorded_steps.c
        such = (table.tenant == self._tenant, table.reference.in_(sorted(references)))
        asked = select(table.reference, func.max(table.number)).where(*such).group_by(table.reference)
        return Counter({row[0]: row[1] for row in connection.execute(asked)})

    def _make_room(self, connection: Connection, most: int, *such: ColumnElement[bool]) -> None:
        table = tables.recorded_steps
        ours = (table.c.tenant == self._tenant, *such)
        bound = connection.scalar(select(table.c.ends).where(*ours).order_by(table.c.ends.desc()).offset(most).limit(1))
        if bound is not None:
            connection.execute(delete(table).where(*ours, table.c.ends <= bound))
