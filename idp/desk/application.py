"""The routes of one tenant's desk: sign-in, sign-out, its pages and their tables as files."""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Scope

from idp.desk.blocks import MOST_ROWS, Block, Table
from idp.desk.events import SignInEvent, Told
from idp.desk.exports import csv_lines, json_lines
from idp.desk.log_files import log_file
from idp.desk.pages import STATIC_FILES, page_headers, render, say
from idp.desk.questions import HOME, PAGES, PERIOD, DeskPage
from idp.desk.reading import Asked, DeskReader
from idp.desk.sessions import CIVIL, DeskSessions, SignedIn, entry_of
from idp.desk.sign_in import CiconiaSignIn, way_ended
from idp.pages.static import StaticFile
from idp.system.logs import log_of
from idp.web.edge import Edge
from idp.web.login_cookies import Cookie
from idp.web.page_route import Endpoint, PageRoute
from idp.web.requests import check_navigation, check_same_origin, cookies, form, query
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

REFERENCE_BYTES = 5
MAX_QUERY = 4096
MAX_FILTER = 200
UNLISTED = "not_listed"
_STATUS: Mapping[type[BrokerError], int] = {
    NotFound: 404,
    Conflict: 409,
    Closed: 503,
    StoreUnavailable: 503,
    PeerUnavailable: 503,
    AssertionRejected: 403,
}


@dataclass(frozen=True, slots=True)
class Filter:
    """A field of a page's form: its kind of input, what stands in it, and what it offers."""

    name: str
    kind: str
    value: str
    choices: Sequence[str]


@dataclass(frozen=True, slots=True)
class TableView:
    """One page of a table, and the addresses around it."""

    rows: Sequence[tuple[str | int, ...]]
    sort: Mapping[str, str]
    sorted: Mapping[str, str]
    before: str
    next: str
    csv: str
    jsonl: str


class AuditorDesk:
    """One tenant's desk as an ASGI application. `ciconia` is None where no person of the list signs in so."""

    def __init__(
        self, *, url: str, reader: DeskReader, sessions: DeskSessions, ciconia: CiconiaSignIn | None, told: Told
    ) -> None:
        self._url, self._reader, self._sessions = url, reader, sessions
        self._ciconia, self._told, self._clock = ciconia, told, reader.clock
        self._log = log_of(reader.tenant)
        app = Starlette(routes=[*self._routes()], exception_handlers={BrokerError: self._refused, HTTPException: self._odd})
        self.asgi: ASGIApp = Edge(
            app, tenant=reader.tenant, issuer=url, page=self._defect, count=lambda: None, loopback=False
        )

    def _routes(self) -> Iterable[PageRoute]:
        for file in STATIC_FILES:
            yield PageRoute(file.path, _static(file), "GET")
        yield PageRoute("/sign-in/ciconia", self._endpoint(self._begin), "GET")
        yield PageRoute("/callback", self._endpoint(self._arrived), "GET")
        yield PageRoute("/sign-out", self._sign_out, "POST")
        yield PageRoute("/log/{place:path}", self._endpoint(self._log_file), "GET")
        for page in PAGES:
            yield PageRoute(page.path, self._endpoint(partial(self._page, page)), "GET")
            stem = page.path if page is not HOME else "/record"
            for ending, lines, media in (("csv", csv_lines, "text/csv"), ("jsonl", json_lines, "application/jsonl")):
                export = partial(self._export, page, lines, f"{media}; charset=utf-8", ending)
                yield PageRoute(f"{stem}.{ending}", self._endpoint(export), "GET")

    def _endpoint(self, act: Callable[[Request], Response]) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            check_navigation(request)
            if len(request.scope["query_string"]) > MAX_QUERY:
                raise RequestRefused("a query that is too long", status=414, code="too_large")
            return await run_in_threadpool(act, request)

        return endpoint

    # -- who signs in

    def _begin(self, _request: Request) -> Response:
        if self._ciconia is None:
            raise NotFound("nobody signs in so here")
        address, cookie = self._ciconia.begin(self._clock())
        response = RedirectResponse(address, 303, {"cache-control": "no-store", "referrer-policy": "no-referrer"})
        return _with(response, cookie)

    def _arrived(self, request: Request) -> Response:
        if self._ciconia is None:
            raise NotFound("nobody signs in so here")
        now = self._clock()
        try:
            found = self._ciconia.receive(query(request), cookies(request), now)
            session, cookie = self._sessions.begin(CIVIL, entry_of(found.sub), found.once, now)
        except NotFound:
            self._told(SignInEvent("failed", CIVIL, why=UNLISTED))
            return self._error(403, "desk.unlisted", number=found.sub, kept=(way_ended(),))
        except (AssertionRejected, Conflict) as error:
            self._told(SignInEvent("failed", CIVIL, why=getattr(error, "check", "") or error.code))
            raise
        self._told(SignInEvent("signed_in", CIVIL, session.name))
        page = render("arrived", title=say("desk.arrived.title"), tenant=self._reader.tenant)
        return _with(HTMLResponse(page, headers=page_headers()), way_ended(), cookie)

    async def _sign_out(self, request: Request) -> Response:
        check_navigation(request)
        check_same_origin(request, self._url)
        await form(request)
        return await run_in_threadpool(self._ended, request)

    def _ended(self, request: Request) -> Response:
        session = self._sessions.current(cookies(request), self._clock())
        cookie = self._sessions.end(cookies(request))
        if session is not None:
            self._told(SignInEvent("signed_out", session.way, session.name))
        return _with(RedirectResponse("/", 303, page_headers()), cookie)

    def _session(self, request: Request) -> SignedIn | None:
        return self._sessions.current(cookies(request), self._clock())

    # -- what they read

    def _page(self, page: DeskPage, request: Request) -> Response:
        session = self._session(request)
        if session is None:
            if page is not HOME:
                return RedirectResponse("/?ended=1", 303, page_headers())
            return self._sign_in(request)
        asked, given = asked_for(page, query(request))
        blocks = [_in_order(block, given) for block in page.make(self._reader, asked)]
        views = {block.name: _view(page, block, given) for block in blocks if isinstance(block, Table)}
        return HTMLResponse(
            render(
                "page",
                title=say(f"{page.key}.title"),
                lead=say(f"{page.key}.lead"),
                tenant=self._reader.tenant,
                session=session,
                pages=PAGES,
                path=page.path,
                filters=[self._filter(page, name, given) for name in page.filters],
                blocks=blocks,
                views=views,
            ),
            headers=page_headers(),
        )

    def _sign_in(self, request: Request) -> Response:
        said = render(
            "sign_in",
            title=say("desk.sign_in.title"),
            tenant=self._reader.tenant,
            ciconia=self._ciconia is not None,
            passkeys=False,
            ended="ended" in query(request),
        )
        return HTMLResponse(said, headers=page_headers())

    def _filter(self, page: DeskPage, name: str, given: Mapping[str, str]) -> Filter:
        kind = "date" if name in PERIOD else "text"
        return Filter(name, kind, given.get(name, ""), page.choices(self._reader, name))

    def _export(
        self,
        page: DeskPage,
        lines: Callable[[Table], Iterable[str]],
        media: str,
        ending: str,
        request: Request,
    ) -> Response:
        if self._session(request) is None:
            return RedirectResponse("/?ended=1", 303, page_headers())
        asked, given = asked_for(page, query(request))
        found = page.make(self._reader, asked)
        wanted = given.get("table", "")
        table = next((one for one in found if isinstance(one, Table) and one.name == wanted), None)
        if table is None:
            raise NotFound("no table of this name")
        named = {"Content-Disposition": f'attachment; filename="{self._reader.tenant}-{table.name}.{ending}"'}
        # Every row was read before the first goes: a fault must not end a file that looks whole
        ordered = table.sorted_by(given.get("sort", ""))
        return StreamingResponse(lines(ordered), headers=page_headers(**named), media_type=media)

    def _log_file(self, request: Request) -> Response:
        if self._session(request) is None:
            return RedirectResponse("/?ended=1", 303, page_headers())
        octets = log_file(self._reader, request.path_params["place"])
        return Response(octets, headers=page_headers(), media_type="application/octet-stream")

    # -- what goes wrong

    async def _refused(self, _request: Request, error: Exception) -> Response:
        if not isinstance(error, BrokerError):
            raise error
        status = error.status if isinstance(error, RequestRefused) else 500
        status = next((found for kind, found in _STATUS.items() if isinstance(error, kind)), status)
        key = "desk.again" if isinstance(error, Replayed | Conflict) else f"desk.refused.{status}"
        return self._error(status, key, detail=error.detail, code=error.code)

    async def _odd(self, _request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 400
        return self._error(status, "desk.refused.404" if status == _STATUS[NotFound] else "desk.refused.400")

    def _error(
        self, status: int, key: str, *, number: str = "", detail: str = "", code: str = "", kept: Iterable[Cookie] = ()
    ) -> Response:
        reference = secrets.token_hex(REFERENCE_BYTES)
        self._log.info("desk_refused", status=status, code=code, detail=detail, reference=reference)
        said = render(
            "error",
            title=say(f"{key}.title"),
            sentence=say(f"{key}.text"),
            tenant=self._reader.tenant,
            number=number,
            reference=reference,
        )
        return _with(HTMLResponse(said, status, page_headers()), *kept)

    def _defect(self, _scope: Scope, _reference: str) -> Response:
        return self._error(500, "desk.refused.500")


def asked_for(page: DeskPage, given: Mapping[str, str]) -> tuple[Asked, Mapping[str, str]]:
    """A page's question out of a query. Raises `RequestRefused` for a date that no calendar has."""
    if any(len(value) > MAX_FILTER for value in given.values()):
        raise RequestRefused("a filter that is too long")
    since = _day(given.get("since", "")) if "since" in page.filters else None
    until = _day(given.get("until", "")) if "until" in page.filters else None
    named = {name: given[name] for name in page.filters if name not in PERIOD and given.get(name)}
    # The last day counts whole
    end = None if until is None else int((until + timedelta(days=1)).timestamp())
    return Asked(None if since is None else int(since.timestamp()), end, named), given


def _day(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC) + timedelta()
    except ValueError:
        raise RequestRefused("a date that no calendar has") from None


def _in_order(block: Block, given: Mapping[str, str]) -> Block:
    return block.sorted_by(given.get("sort", "")) if isinstance(block, Table) and _sorts(block, given) else block


def _sorts(table: Table, given: Mapping[str, str]) -> bool:
    return given.get("table", table.name) == table.name


def _view(page: DeskPage, table: Table, given: Mapping[str, str]) -> TableView:
    mine = _sorts(table, given)
    sort = given.get("sort", "") if mine else ""
    number = int(given["page"]) if mine and given.get("page", "").isdecimal() and len(given["page"]) <= 9 else 1  # noqa: PLR2004
    last = max(1, -(-len(table.rows) // MOST_ROWS))
    number = min(max(number, 1), last)
    filters = {name: given[name] for name in page.filters if given.get(name)}

    def address(path: str, **more: str) -> str:
        return f"{path}?{urlencode({**filters, 'table': table.name, **more})}"

    stem = page.path if page is not HOME else "/record"
    ordered, names = {"sort": sort} if sort else {}, [each.name for each in table.columns]
    return TableView(
        rows=table.rows[(number - 1) * MOST_ROWS : number * MOST_ROWS],
        sort={name: address(page.path, sort=f"-{name}" if sort == name else name) for name in names},
        sorted={sort.removeprefix("-"): "descending" if sort.startswith("-") else "ascending"} if sort else {},
        before=address(page.path, page=str(number - 1), **ordered) if number > 1 else "",
        next=address(page.path, page=str(number + 1), **ordered) if number < last else "",
        csv=address(f"{stem}.csv", **ordered),
        jsonl=address(f"{stem}.jsonl", **ordered),
    )


def _static(file: StaticFile) -> Endpoint:
    async def endpoint(_request: Request) -> Response:
        return Response(file.content, media_type=file.media_type, headers=file.headers)

    return endpoint


def _with(response: Response, *kept: Cookie) -> Response:
    response.raw_headers += [(b"set-cookie", cookie.header().encode("ascii")) for cookie in kept]
    return response
