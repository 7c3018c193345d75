"""The short way to an endpoint answers as the framework's long one."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from idp.endpoints.front import Front, Past
from policies.errors import BrokerError, RequestRefused


class Counting:
    """The framework, and how often it was asked."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self.asked: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append(scope["path"])
        await self._app(scope, receive, send)


def _refused(_request: Request, error: Exception) -> Response:
    return PlainTextResponse(f"refused: {type(error).__name__}", 400)


def _router() -> APIRouter:
    routes = APIRouter()

    @routes.post("/token")
    async def token(request: Request) -> Response:
        return PlainTextResponse((await request.body()).decode())

    @routes.get("/login/{login}/at/{provider}")
    async def at(request: Request, login: str, provider: str) -> Response:
        return PlainTextResponse(f"{login} {provider} {request.scope['route'].path}")

    @routes.get("/refuses")
    async def refuses(request: Request) -> Response:
        raise RequestRefused(f"not {request.method}")

    @routes.get("/breaks")
    async def breaks(request: Request) -> Response:
        raise RuntimeError(request.method)

    @routes.get("/late")
    async def late(request: Request) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            yield request.method.encode()
            raise RequestRefused("too late")

        return StreamingResponse(parts())

    @routes.get("/number/{number}")
    async def number(request: Request, number: int) -> Response:
        if not number:
            raise RuntimeError(f"{request.method} {number}")
        return PlainTextResponse(f"{request.method} {number + 1}")

    @routes.get("/waits")
    def waits(request: Request) -> Response:
        return PlainTextResponse(request.method)

    routes.add_api_route("/nothing", _nothing)
    return routes


async def _nothing() -> Response:
    return PlainTextResponse("nothing")


@pytest.fixture
def framework() -> Counting:
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    app.include_router(_router())
    app.add_exception_handler(BrokerError, _refused)
    app.add_middleware(Past)
    return Counting(app)


@pytest.fixture
def client(framework: Counting) -> TestClient:
    front = Front(framework, routers=[_router()], refused=_refused)
    return TestClient(front, raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/token"),
        ("GET", "/login/abc/at/ee"),
        ("GET", "/refuses"),
    ],
)
def test_the_short_way_gives_the_same_answer_and_does_not_ask_the_framework(
    client: TestClient, framework: Counting, method: str, path: str
) -> None:
    short = client.request(method, path, content=b"a=b")
    assert framework.asked == []
    long = TestClient(framework).request(method, path, content=b"a=b")
    assert framework.asked == [path]
    assert (short.status_code, short.text, short.headers) == (long.status_code, long.text, long.headers)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/token", 405),
        ("HEAD", "/refuses", 405),
        ("POST", "/token/", 404),
        ("GET", "/login//at/ee", 404),
        ("GET", "/login/a/b/at/ee", 404),
        ("GET", "/elsewhere", 404),
        ("GET", "/number/1", 200),
        ("GET", "/waits", 200),
        ("GET", "/nothing", 200),
    ],
)
def test_whatever_is_not_plain_goes_the_long_way(
    client: TestClient, framework: Counting, method: str, path: str, status: int
) -> None:
    assert client.request(method, path).status_code == status
    assert framework.asked == [path]


def test_what_nobody_foresaw_leaves_for_the_edge(framework: Counting) -> None:
    front = Front(framework, routers=[_router()], refused=_refused)
    with pytest.raises(RuntimeError, match="GET"):
        TestClient(front).get("/breaks")


def test_a_refusal_after_the_answer_began_is_no_second_answer(framework: Counting) -> None:
    front = Front(framework, routers=[_router()], refused=_refused)
    with pytest.raises(RequestRefused):
        TestClient(front).get("/late")


def test_what_nobody_foresaw_on_the_long_way_leaves_for_the_edge_too_before_the_framework_answers(
    framework: Counting,
) -> None:
    front = Front(framework, routers=[_router()], refused=_refused)
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "http", "method": "GET", "path": "/number/0", "query_string": b"", "headers": []}
    with pytest.raises(RuntimeError, match="GET 0"):
        asyncio.run(_run(front, scope, receive, send))
    assert framework.asked == ["/number/0"]
    assert sent == []


async def _run(app: Front, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, send)
