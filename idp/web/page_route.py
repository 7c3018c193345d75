"""The routes of a citizen's pages: the request goes to its endpoint as it came.

The framework has nothing to parse or to describe there, and what it does about that costs a login a twentieth.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

Endpoint = Callable[[Request], Awaitable[Response]]


class PageRoute(Route):
    """A path and the methods that it takes. It takes no HEAD where it takes GET: a page may begin or record something."""

    def __init__(self, path: str, endpoint: Endpoint, *methods: str) -> None:
        super().__init__(path, endpoint, methods=methods)
        self.methods = set(methods)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match, and leave the route in the scope as FastAPI does, for what logs and counts the request."""
        match, found = super().matches(scope)
        return match, found if match is Match.NONE else {**found, "route": self}
