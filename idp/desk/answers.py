"""How the desk's endpoints take a request, and how an error leaves."""

import secrets
from collections.abc import Callable, Iterable, Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from idp.desk.pages import DeskWords, page_headers
from idp.pages.static import StaticFile
from idp.system.logs import log_of
from idp.web.login_cookies import Cookie
from idp.web.page_route import Endpoint
from idp.web.requests import check_navigation, check_same_origin, form
from policies.errors import RequestRefused

REFERENCE_BYTES = 5
MAX_QUERY = 4096


def asking(act: Callable[[Request], Response]) -> Endpoint:
    """The endpoint of a page. It may block, so it runs in a thread."""

    async def endpoint(request: Request) -> Response:
        check_navigation(request)
        if len(request.scope["query_string"]) > MAX_QUERY:
            raise RequestRefused("a query that is too long", status=414, code="too_large")
        return await run_in_threadpool(act, request)

    return endpoint


def posted(url: str, act: Callable[[Request, Mapping[str, str]], Response]) -> Endpoint:
    """The endpoint of a form of ours."""

    async def endpoint(request: Request) -> Response:
        check_navigation(request)
        check_same_origin(request, url)
        return await run_in_threadpool(act, request, await form(request))

    return endpoint


def static(file: StaticFile) -> Endpoint:
    """The endpoint of a file that is the same for everybody."""

    async def endpoint(_request: Request) -> Response:
        return Response(file.content, media_type=file.media_type, headers=file.headers)

    return endpoint


def with_cookies(response: Response, *kept: Cookie) -> Response:
    """The response with these cookies."""
    response.raw_headers += [(b"set-cookie", cookie.header().encode("ascii")) for cookie in kept]
    return response


def error_answer(
    words: DeskWords,
    tenant: str,
    status: int,
    key: str,
    *,
    number: str = "",
    detail: str = "",
    code: str = "",
    kept: Iterable[Cookie] = (),
    **parts: str,
) -> Response:
    """A page that says what happened, by its key and parts, with the reference of its line in the log."""
    reference = secrets.token_hex(REFERENCE_BYTES)
    log_of(tenant).info("desk_refused", status=status, code=code, detail=detail, reference=reference)
    title, sentence = words.say(f"{key}.title"), words.say(f"{key}.text", **parts)
    said = words.render("error", title=title, sentence=sentence, tenant=tenant, number=number, reference=reference)
    return with_cookies(HTMLResponse(said, status, page_headers()), *kept)
