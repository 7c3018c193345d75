"""Lines of the log without those of the steps of logins, and without what a worker says of itself, at any moment."""

from collections.abc import MutableMapping
from typing import Any  # structlog's own type of an event

import structlog

APART = frozenset({"login", "ready", "not_ready"})


def without_steps(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor of structlog that drops them."""
    if event["event"] in APART:
        raise structlog.DropEvent
    return event
