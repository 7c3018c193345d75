"""Routes whose request goes to its endpoint as it came, and the index that finds a route by its path.

The framework has nothing to parse there: what it does about that costs a login a twentieth, and an introspection a tenth.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any  # of what the framework's keyword arguments are

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route, request_response
from starlette.types import Receive, Scope, Send

from idp.web.requests import check_navigation, check_same_origin, form
from idp.web.threads import run_in_threadpool

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


def posted(issuer: str, step: Callable[[Request, dict[str, str]], Response]) -> Endpoint:
    """The endpoint to which a form of our own pages is posted, with its fields. `issuer` is where our pages stand."""

    async def taken(request: Request) -> Response:
        check_navigation(request)
        check_same_origin(request, issuer)
        return await run_in_threadpool(step, request, await form(request))

    return taken


class ProgramRoute(APIRoute):
    """An endpoint for programs that reads its own request: OpenAPI describes it as any other of the framework."""

    def __init__(self, path: str, endpoint: Endpoint, **described: Any) -> None:
        super().__init__(path, endpoint, **described)
        self.app = request_response(endpoint)


class ByPath(BaseRoute):
    """Stands before routes, and finds those with a fixed path by it. The framework asks one after the other."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._fixed: dict[str, list[Route]] = {}
        for route in routes:
            if isinstance(route, PageRoute | APIRoute) and not route.param_convertors:
                self._fixed.setdefault(route.path, []).append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match where a route takes path and method. What is refused is left to the framework."""
        for route in self._fixed.get(scope.get("path", ""), ()):
            match, found = route.matches(scope)
            if match is Match.FULL:
                return match, found
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on to the route that was found."""
        route: BaseRoute = scope["route"]
        await route.handle(scope, receive, send)
