"""The short way to an endpoint that takes a request and gives an answer, and wants nothing else of the framework.

FastAPI resolves dependencies, keeps stacks of what they opened, and matches routes one after another: half of what the four
requests of a login cost before anything of ours began. Endpoints that take the request and parts of the path, as all of
ours do, need none of it. So they are found by their address here, and called. Whatever is not found goes the long way:
another method, another address, an endpoint of another kind.

The edge and the admission stand before both ways, outside of the framework. Its own outermost layer answers what nobody
foresaw, in its words, before anybody outside hears of it: so `Past` takes that past it.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from policies.errors import BrokerError

Endpoint = Callable[..., Awaitable[Response]]
# Where `Past` leaves what it took
TAKEN = "ciconia.taken"


@dataclass(frozen=True, slots=True)
class Way:
    """A route, and the names of the parts of its path that its endpoint takes."""

    route: APIRoute
    endpoint: Endpoint
    pattern: re.Pattern[str]


class Front:
    """Wraps the framework. `refused` makes the answer for what an endpoint refuses, as the framework's own handler does."""

    def __init__(
        self, app: ASGIApp, *, routers: Iterable[APIRouter], refused: Callable[[Request, Exception], Response]
    ) -> None:
        self._app = app
        self._refused = refused
        self._exact: dict[tuple[str, str], Way] = {}
        self._patterns: dict[tuple[str, int], list[Way]] = {}
        for way in _ways(routers):
            for method in way.route.methods or ():
                if "{" in way.route.path:
                    self._patterns.setdefault((method, way.route.path.count("/")), []).append(way)
                else:
                    self._exact[method, way.route.path] = way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        found = self._found(scope) if scope["type"] == "http" else None
        if found is None:
            await self._long(scope, receive, send)
            return
        way, parts = found
        # As the framework leaves it for whoever wraps us
        scope["route"], scope["path_params"] = way.route, parts
        request = Request(scope, receive, send)
        try:
            response = await way.endpoint(request, **parts)
        except BrokerError as error:
            response = self._refused(request, error)
        await response(scope, receive, send)

    async def _long(self, scope: Scope, receive: Receive, send: Send) -> None:
        taken: list[Exception] = []
        scope[TAKEN] = taken
        await self._app(scope, receive, send)
        if taken:
            raise taken.pop()  # else it would hold, by its frames, the request that holds it

    def _found(self, scope: Scope) -> tuple[Way, Mapping[str, str]] | None:
        method, path = scope["method"], scope["path"]
        if way := self._exact.get((method, path)):
            return way, {}
        for way in self._patterns.get((method, path.count("/")), ()):
            if match := way.pattern.fullmatch(path):
                return way, match.groupdict()
        return None


class Past:
    """Inside of the framework's outermost layers: what comes here was handled by nobody, and `Front` raises it again.

    So none of those layers sees it, nor keeps what its text may quote.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, which seems to end well."""
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            if TAKEN not in scope:
                raise
            scope[TAKEN].append(error)


def _ways(routers: Iterable[APIRouter]) -> Iterable[Way]:
    """The routes of these routers that can be called so: `async def endpoint(request, part: str, ...)`."""
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute) and inspect.iscoroutinefunction(route.endpoint):
                names = list(inspect.signature(route.endpoint).parameters.values())
                parts = [one.name for one in names[1:] if one.annotation is str]
                takes = [one.name for one in names] == ["request", *parts]
                if takes and sorted(parts) == sorted(_parts(route.path)):
                    yield Way(route, route.endpoint, re.compile(_pattern(route.path)))


def _parts(path: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", path)


def _pattern(path: str) -> str:
    """A part is one segment of the path, never empty."""
    return "".join(
        f"(?P<{piece[1:-1]}>[^/]+)" if piece.startswith("{") else re.escape(piece) for piece in re.split(r"(\{\w+\})", path)
    )
