"""A witness over HTTP: `POST /add-checkpoint`, and for monitors `GET /HASH/checkpoint` (C2SP tlog-witness).

TLS ends at a proxy before it. Nobody signs in: the log's signature over a checkpoint is all that counts.
"""

import re
import signal
import sqlite3

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from idp.server.http import Listening, Server
from idp.witnessing.witness import MAX_REQUEST, WitnessRequest, WitnessService

MOST_AT_ONCE = 256
HEAD_SECONDS = 5.0
HEADERS = {"cache-control": "no-store"}
_MONITOR = re.compile(r"/([0-9a-f]{64})/checkpoint")


def serve_witness(witness: WitnessService, listening: Listening) -> None:
    """Answer on a bound socket until SIGTERM or SIGINT. Call it in the main thread."""
    server = Server(WitnessApplication(witness), listening, most=MOST_AT_ONCE, head_seconds=HEAD_SECONDS)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    server.run()


class WitnessApplication:
    """The ASGI application."""

    def __init__(self, witness: WitnessService) -> None:
        self._witness = witness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            answer = await self._answer(Request(scope, receive))
        except ClientDisconnect:
            return
        except (sqlite3.Error, OSError) as error:
            # Nothing was cosigned: the cosignature leaves only after the memory is on the disk
            structlog.get_logger().error("witness_memory", kind=type(error).__name__, fix="look at the disk of `memory`")
            answer = PlainTextResponse("The witness cannot write what it sees.\n", 503, HEADERS)
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path, monitor = request.url.path, _MONITOR.fullmatch(request.url.path)
        if path == "/add-checkpoint" and request.method == "POST":
            body = bytearray()
            async for piece in request.stream():
                body += piece
                if len(body) > MAX_REQUEST:
                    return PlainTextResponse("The request is too long.\n", 413, HEADERS | {"connection": "close"})
            return _response(await run_in_threadpool(self._witness.add_checkpoint, bytes(body)))
        if monitor and request.method == "GET":
            return _response(await run_in_threadpool(self._witness.checkpoint, monitor[1]))
        if path == "/add-checkpoint" or monitor:
            return PlainTextResponse("Not with this method.\n", 405, HEADERS)
        return PlainTextResponse("A witness answers POST /add-checkpoint and GET /HASH/checkpoint.\n", 404, HEADERS)


def _response(answer: WitnessRequest) -> Response:
    # As a header, since Starlette would add a charset to `text/x.tlog.size`
    return Response(answer.body, answer.status, HEADERS | {"content-type": answer.media_type})
