"""Which pages may read our answers (Fetch §3.2, "CORS"): those of registered origins alone, and without credentials.

A public client in a browser fetches discovery and the keys, redeems its code and asks userinfo, all from its own origin. A
browser lets a page read an answer only where we name its origin, so no header of ours is no access:

| address | whose pages may read |
|---|---|
| discovery, `/jwks` | those of any registered origin: both are public |
| `/token`, `/par`, `/revoke`, `/userinfo` | those of this request's client, as its endpoint has found it (`READABLE`) |
| a preflight, and a refusal that knows no client | those of any registered origin: neither says anything of anybody |

`Access-Control-Allow-Credentials` is never sent, so no cookie is ever of use here. `null` is no origin: every sandboxed
frame has it. What is said to one origin is never kept for another (`Vary`).
"""

from collections.abc import Callable, Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Where an endpoint leaves whether the page that asks is of the client that the request is about
READABLE = "ciconia.readable"
DOCUMENTS = frozenset({"/.well-known/openid-configuration", "/jwks"})
METHODS = {
    **dict.fromkeys(DOCUMENTS, b"GET, HEAD"),
    **dict.fromkeys(("/token", "/par", "/revoke"), b"POST"),
    "/userinfo": b"GET, POST",
}
ORIGIN = b"origin"
WANTED_METHOD = b"access-control-request-method"
VARY = (b"vary", b"Origin")
NO_ORIGIN = "null"
# Beyond what a browser lets every page send: the access token, the proof of its key, and what a form or JSON is called
ALLOWED_HEADERS = b"authorization, content-type, dpop"
# What a page may read beside the body: RFC 6750 §3 says there why a token is refused, RFC 9110 when to come again, and RFC
# 9449 §8 the nonce of the next proof
EXPOSED = b"WWW-Authenticate, Retry-After, DPoP-Nonce"
# Firefox keeps a preflight's answer for a day, Chromium for two hours; a registration that ends is to end sooner
PREFLIGHT_SECONDS = b"600"
FIRST_REFUSAL = 400

Headers = list[tuple[bytes, bytes]]


def origin_of(scope: Scope) -> str | None:
    """The origin of the page that asks; None where no page does, and `null` where the request names several."""
    found = [value for name, value in scope["headers"] if name == ORIGIN]
    if not found:
        return None
    return str(found[0], "latin-1") if len(found) == 1 else NO_ORIGIN


class Origins:
    """Wraps everything that answers a city's services. `registered` gives the origins of all its public clients."""

    def __init__(self, app: ASGIApp, *, registered: Callable[[], Collection[str]]) -> None:
        self._app, self._registered = app, registered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request: a preflight is answered here, and every other answer gets what its page needs to read it."""
        methods = METHODS.get(scope["path"]) if scope["type"] == "http" else None
        if methods is None:
            await self._app(scope, receive, send)
            return
        origin = origin_of(scope)
        if scope["method"] == "OPTIONS" and any(name == WANTED_METHOD for name, _ in scope["headers"]):
            await self._preflight(origin, methods, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = self._readable(origin) if self._may_read(scope, message["status"]) else []
                message = {**message, "headers": [*message.get("headers", ()), VARY, *more]}
            await send(message)

        await self._app(scope, receive, sending)

    def _may_read(self, scope: Scope, status: int) -> bool:
        if scope["path"] in DOCUMENTS:
            return True
        # An answer of which no endpoint has said whose it is goes to nobody, unless it is a refusal
        return bool(scope.get(READABLE, status >= FIRST_REFUSAL))

    def _readable(self, origin: str | None) -> Headers:
        if origin is None or not self._known(origin):
            return []
        return [(b"access-control-allow-origin", origin.encode("ascii")), (b"access-control-expose-headers", EXPOSED)]

    def _known(self, origin: str | None) -> bool:
        return origin != NO_ORIGIN and origin in self._registered()

    async def _preflight(self, origin: str | None, methods: bytes, send: Send) -> None:
        """Fetch §4.8. It names no client, so every registered origin may ask; what it then asks is judged by itself."""
        headers: Headers = [VARY, (b"cache-control", b"no-store")]
        if known := self._known(origin):
            headers += [
                *self._readable(origin)[:1],
                (b"access-control-allow-methods", methods),
                (b"access-control-allow-headers", ALLOWED_HEADERS),
                (b"access-control-max-age", PREFLIGHT_SECONDS),
            ]
        await send({"type": "http.response.start", "status": 204 if known else 403, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
