"""Migrate a database and be killed with -9 at the n-th point: before or after each statement, and around the commit.

python -m tests.idp.store.killed_migration URL N prints how many points there are, where it lives on.
"""

import os
import signal
import sys

from sqlalchemy import Engine, PoolProxiedConnection, event
from sqlalchemy.engine.default import DefaultDialect

from idp.store.migrate import migrate


def main(url: str, last: int) -> None:
    """Migrate; whoever reaches point `last` is no more."""
    met = 0

    def point(*_of_the_event: object, **_named: object) -> None:
        nonlocal met
        met += 1
        if met == last:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
        event.listen(Engine, name, point)
    committed = DefaultDialect.do_commit

    def commit(self: DefaultDialect, connection: PoolProxiedConnection) -> None:
        committed(self, connection)  # type: ignore[no-untyped-call]
        point()

    DefaultDialect.do_commit = commit  # type: ignore[method-assign]
    migrate(url)
    print(met)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
