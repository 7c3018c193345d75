"""The routes of one tenant's desk: sign-in, sign-out, its pages and their tables as files."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Scope

from idp.audit.questions.ledger_summary import NotReadYet
from idp.desk.answers import asking, error_answer, posted, static
from idp.desk.blocks import Block, DeskTable, Notice
from idp.desk.desk_page import DAYS, DeskPage, choices
from idp.desk.exports import csv_lines, json_lines
from idp.desk.grant_page import GRANTS, use_grant
from idp.desk.log_files import log_file
from idp.desk.pages import STATIC_FILES, page_headers, render, say
from idp.desk.proof_files import OF_BUNDLES, bundle, proof_file
from idp.desk.questions import HOME, PAGES
from idp.desk.reading import DeskReader
from idp.desk.sessions import DeskSession, DeskSessions
from idp.desk.sign_in_routes import SignInRoutes
from idp.desk.table_views import MAX_FILTER, Filter, asked_for, in_order, view_of
from idp.desk.upload_pages import UploadPage
from idp.desk.uploads import files_in, posted_form
from idp.store.stored_tree import BROKEN
from idp.web.edge import Edge
from idp.web.page_route import Endpoint, PageRoute
from idp.web.requests import check_navigation, check_same_origin, cookies, query
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


class AuditorDesk:
    """One tenant's desk as an ASGI application."""

    def __init__(self, *, reader: DeskReader, sessions: DeskSessions, doors: SignInRoutes) -> None:
        self._reader, self._sessions, self._doors = reader, sessions, doors
        handlers = {BrokerError: self._refused, HTTPException: self._odd}
        app = Starlette(routes=[*self._routes()], exception_handlers=handlers)
        self.asgi: ASGIApp = Edge(
            app, tenant=reader.tenant, issuer=doors.url, page=self._defect, count=lambda: None, loopback=False
        )

    def _routes(self) -> Iterator[PageRoute]:
        for file in STATIC_FILES:
            yield PageRoute(file.path, static(file), "GET")
        yield from self._doors.routes()
        yield PageRoute("/log/{place:path}", asking(self._log_file), "GET")
        yield PageRoute(GRANTS.path, posted(self._doors.url, self._use), "POST")
        yield PageRoute("/proof", asking(self._proof), "GET")
        yield PageRoute("/bundle", asking(self._bundle), "GET")
        for page in PAGES:
            yield PageRoute(page.path, asking(partial(self._page, page)), "GET")
            if isinstance(page, UploadPage):
                yield PageRoute(page.path, self._taking(page), "POST")
            for ending, lines, media in _FILES:
                export = partial(self._export, page, lines, f"{media}; charset=utf-8", ending)
                yield PageRoute(f"{page.stem}.{ending}", asking(export), "GET")

    def _session(self, request: Request) -> DeskSession | None:
        return self._sessions.current(cookies(request), self._reader.clock())

    def _page(self, page: DeskPage, request: Request) -> Response:
        session = self._session(request)
        if session is None:
            return self._doors.sign_in(request) if page is HOME else _ended()
        given = query(request)
        asked = asked_for(page, given, session.name)
        return self._shown(page, session, _read(lambda: page.make(self._reader, asked)), given)

    def _shown(
        self, page: DeskPage, session: DeskSession, found: Sequence[Block], given: Mapping[str, str], *, files: bool = True
    ) -> Response:
        blocks = [in_order(block, given) for block in found]
        views = {block.name: view_of(page, block, given) for block in blocks if isinstance(block, DeskTable)}
        return HTMLResponse(
            render(
                "page",
                title=say(f"{page.key}.title"),
                lead=say(f"{page.key}.lead"),
                tenant=self._reader.tenant,
                session=session,
                pages=PAGES,
                path=page.path,
                filters=[self._filter(name, given) for name in page.filters],
                blocks=blocks,
                views=views,
                files=files,
            ),
            headers=page_headers(),
        )

    def _use(self, request: Request, given: Mapping[str, str]) -> Response:
        session = self._session(request)
        if session is None:
            return _ended()
        return self._shown(GRANTS, session, use_grant(self._reader, session.name, given), {}, files=False)

    def _taking(self, page: UploadPage) -> Endpoint:
        """The endpoint of a page to which an auditor posts files."""

        async def endpoint(request: Request) -> Response:
            check_navigation(request)
            check_same_origin(request, self._doors.url)
            # Before anything of the body is read
            session = await run_in_threadpool(self._session, request)
            if session is None:
                return _ended()
            boundary, body = await posted_form(request)
            found = await run_in_threadpool(_read, lambda: page.take(self._reader, files_in(boundary, body)))
            # What was posted is kept nowhere, so no address shows its tables again
            return self._shown(page, session, found, {}, files=False)

        return endpoint

    def _filter(self, name: str, given: Mapping[str, str]) -> Filter:
        kind = "date" if name in DAYS else "text"
        return Filter(name, kind, given.get(name, ""), choices(self._reader, name))

    def _export(
        self,
        page: DeskPage,
        lines: Callable[[DeskTable], Iterable[str]],
        media: str,
        ending: str,
        request: Request,
    ) -> Response:
        session = self._session(request)
        if session is None:
            return _ended()
        given = query(request)
        asked = asked_for(page, given, session.name)
        found = page.make(self._reader, asked)
        wanted = given.get("table", "")
        table = next((one for one in found if isinstance(one, DeskTable) and one.name == wanted), None)
        if table is None:
            raise NotFound("no table of this name")
        named = {"Content-Disposition": f'attachment; filename="{self._reader.tenant}-{table.name}.{ending}"'}
        # Every row was read before the first goes: a fault must not end a file that looks whole
        ordered = table.sorted_by(given.get("sort", ""))
        return StreamingResponse(lines(ordered), headers=page_headers(**named), media_type=media)

    def _log_file(self, request: Request) -> Response:
        if self._session(request) is None:
            return _ended()
        octets = log_file(self._reader, request.path_params["place"])
        return Response(octets, headers=page_headers(), media_type="application/octet-stream")

    def _proof(self, request: Request) -> Response:
        if self._session(request) is None:
            return _ended()
        octets = proof_file(self._reader, query(request).get("record", ""))
        named = {"Content-Disposition": f'attachment; filename="{self._reader.tenant}-proof.json"'}
        return Response(octets, headers=page_headers(**named), media_type="application/json")

    def _bundle(self, request: Request) -> Response:
        if self._session(request) is None:
            return _ended()
        given = query(request)
        if unknown := ", ".join(sorted(given.keys() - set(OF_BUNDLES))):
            return error_answer(self._reader.tenant, 400, "desk.bundle_unknown", names=unknown[:MAX_FILTER])
        named = {"Content-Disposition": f'attachment; filename="{self._reader.tenant}-records.jsonl"'}
        lines = bundle(self._reader, given)
        return StreamingResponse(lines, headers=page_headers(**named), media_type="application/jsonl")

    # -- what goes wrong

    async def _refused(self, _request: Request, error: Exception) -> Response:
        if not isinstance(error, BrokerError):
            raise error
        status = error.status if isinstance(error, RequestRefused) else 500
        status = next((found for kind, found in _STATUS.items() if isinstance(error, kind)), status)
        key = "desk.again" if isinstance(error, Replayed | Conflict) else f"desk.refused.{status}"
        key = "desk.broken" if error.code == BROKEN else key
        return error_answer(self._reader.tenant, status, key, detail=error.detail, code=error.code)

    async def _odd(self, _request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 400
        key = "desk.refused.404" if status == _STATUS[NotFound] else "desk.refused.400"
        return error_answer(self._reader.tenant, status, key)

    def _defect(self, _scope: Scope, _reference: str) -> Response:
        return error_answer(self._reader.tenant, 500, "desk.refused.500")


def _read(make: Callable[[], Sequence[Block]]) -> Sequence[Block]:
    """The blocks, or how much is to be read before there are any."""
    try:
        return make()
    except NotReadYet as error:
        return [Notice("desk.reading", {"count": str(error.leaves)})]


def _ended() -> Response:
    return RedirectResponse("/?ended=1", 303, page_headers())
