"""The statements that a driver gets."""

from typing import Any  # a driver's cursor, and what it takes, are of no type that anybody names

from sqlalchemy import Engine

Sent = list[tuple[str, Any]]  # Any: as above


def sent_by(engine: Engine) -> Sent:
    """Each statement that this engine's dialect gives to the driver from now on, with its parameters."""
    found: Sent = []
    real = engine.dialect.do_execute

    def do_execute(cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:  # Any: as above
        found.append((statement, parameters))
        real(cursor, statement, parameters, context)

    engine.dialect.do_execute = do_execute  # type: ignore[method-assign]
    return found
