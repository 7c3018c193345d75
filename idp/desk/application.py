"""A desk as an ASGI application: sign-in, sign-out, its pages and their tables as files. Each says what its pages show."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Scope

from idp.desk.answers import asking, error_answer, static
from idp.desk.blocks import Block, DeskTable
from idp.desk.desk_page import DeskPage
from idp.desk.exports import csv_lines, json_lines
from idp.desk.pages import STATIC_FILES, page_headers
from idp.desk.sessions import DeskSession
from idp.desk.sign_in_routes import SignInRoutes
from idp.desk.table_views import Filter, in_order, view_of
from idp.store.stored_tree import BROKEN
from idp.web.edge import Edge
from idp.web.page_route import PageRoute
from idp.web.requests import cookies, query
from policies.errors import (
    AssertionRejected,
    BrokerError,
    Closed,
    Conflict,
    NotFound,
    PeerUnavailable,
    Replayed,
    RequestRefused,
    StoreUnavailable,
)

_STATUS: Mapping[type[BrokerError], int] = {
    NotFound: 404,
    Conflict: 409,
    Closed: 503,
    StoreUnavailable: 503,
    PeerUnavailable: 503,
    AssertionRejected: 403,
}
_FILES = (("csv", csv_lines, "text/csv"), ("jsonl", json_lines, "application/jsonl"))


class Desk(ABC):
    """One tenant's desk. The first page is the one on which somebody signs in."""

    def __init__(self, *, doors: SignInRoutes, pages: Sequence[DeskPage]) -> None:
        self.doors, self._pages = doors, pages
        self.tenant, self.words = doors.tenant, doors.words
        handlers = {BrokerError: self._refused, HTTPException: self._odd}
        app = Starlette(routes=[*self._routes()], exception_handlers=handlers)
        self.asgi: ASGIApp = Edge(
            app, tenant=self.tenant, issuer=doors.url, page=self._defect, count=lambda: None, loopback=False
        )

    @abstractmethod
    def blocks(self, page: DeskPage, given: Mapping[str, str], who: str) -> Sequence[Block]:
        """The content of a page for a query."""

    def looked(self, page: DeskPage, given: Mapping[str, str], who: str) -> Sequence[Block]:
        """The same for a reader, who may be told why there is nothing yet."""
        return self.blocks(page, given, who)

    @abstractmethod
    def filter_of(self, name: str) -> tuple[str, Sequence[str]]:
        """The kind of input that a filter is, and the values that it offers; none: it takes any."""

    def own_routes(self) -> Iterator[PageRoute]:
        """The routes that no other desk has."""
        yield from ()

    def _routes(self) -> Iterator[PageRoute]:
        for file in STATIC_FILES:
            yield PageRoute(file.path, static(file), "GET")
        yield from self.doors.routes()
        yield from self.own_routes()
        for page in self._pages:
            yield PageRoute(page.path, asking(partial(self._page, page)), "GET")
            for ending, lines, media in _FILES:
                export = partial(self._export, page, lines, f"{media}; charset=utf-8", ending)
                yield PageRoute(f"{page.stem}.{ending}", asking(export), "GET")

    def session(self, request: Request) -> DeskSession | None:
        """The session of the browser that asks."""
        return self.doors.sessions.current(cookies(request), self.doors.clock())

    def _page(self, page: DeskPage, request: Request) -> Response:
        session = self.session(request)
        if session is None:
            return self.doors.sign_in(request) if page is self._pages[0] else ended()
        given = query(request)
        return self.shown(page, session, self.looked(page, given, session.name), given)

    def shown(
        self, page: DeskPage, session: DeskSession, found: Sequence[Block], given: Mapping[str, str], *, files: bool = True
    ) -> Response:
        """A page of these blocks; without `files` no address shows its tables again."""
        blocks = [in_order(block, given) for block in found]
        views = {block.name: view_of(page, block, given) for block in blocks if isinstance(block, DeskTable)}
        return HTMLResponse(
            self.words.render(
                "page",
                title=self.words.say(f"{page.key}.title"),
                lead=self.words.say(f"{page.key}.lead"),
                tenant=self.tenant,
                session=session,
                pages=self._pages,
                path=page.path,
                filters=[self._filter(name, given) for name in page.filters],
                blocks=blocks,
                views=views,
                files=files,
            ),
            headers=page_headers(),
        )

    def _filter(self, name: str, given: Mapping[str, str]) -> Filter:
        kind, choices = self.filter_of(name)
        return Filter(name, kind, given.get(name, ""), choices)

    def _export(
        self,
        page: DeskPage,
        lines: Callable[[DeskTable], Iterable[str]],
        media: str,
        ending: str,
        request: Request,
    ) -> Response:
        session = self.session(request)
        if session is None:
            return ended()
        given = query(request)
        found = self.blocks(page, given, session.name)
        wanted = given.get("table", "")
        table = next((one for one in found if isinstance(one, DeskTable) and one.name == wanted), None)
        if table is None:
            raise NotFound("no table of this name")
        named = {"Content-Disposition": f'attachment; filename="{self.tenant}-{table.name}.{ending}"'}
        # Every row was read before the first goes: a fault must not end a file that looks whole
        ordered = table.sorted_by(given.get("sort", ""))
        return StreamingResponse(lines(ordered), headers=page_headers(**named), media_type=media)

    # -- what goes wrong

    def error(self, status: int, key: str, *, detail: str = "", code: str = "", **parts: str) -> Response:
        """A page that says what happened."""
        return error_answer(self.words, self.tenant, status, key, detail=detail, code=code, kept=(), **parts)

    async def _refused(self, _request: Request, error: Exception) -> Response:
        if not isinstance(error, BrokerError):
            raise error
        status = error.status if isinstance(error, RequestRefused) else 500
        status = next((found for kind, found in _STATUS.items() if isinstance(error, kind)), status)
        key = "desk.again" if isinstance(error, Replayed | Conflict) else f"desk.refused.{status}"
        key = "desk.broken" if error.code == BROKEN else key
        return self.error(status, key, detail=error.detail, code=error.code)

    async def _odd(self, _request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 400
        return self.error(status, "desk.refused.404" if status == _STATUS[NotFound] else "desk.refused.400")

    def _defect(self, _scope: Scope, _reference: str) -> Response:
        return self.error(500, "desk.refused.500")


def ended() -> Response:
    """The way back of somebody whose session has ended."""
    return RedirectResponse("/?ended=1", 303, page_headers())
