"""Lines of the log without those of the steps of logins."""

from collections.abc import MutableMapping
from typing import Any  # structlog's own type of an event

import structlog


def without_steps(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor of structlog that drops them."""
    if event["event"] == "login":
        raise structlog.DropEvent
    return event
