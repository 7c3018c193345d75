"""The outermost edge: checks scheme and host of a request, and answers and counts a defect."""

import re
import secrets
import traceback
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from idp.config.setting_types import DEFAULT_PORTS
from idp.system.logs import log_of

PLAIN_SCHEME = (
    b"This broker is reached over https only, and this request came without it. If a proxy stands in front, let it send "
    b"X-Forwarded-Proto: https, and name its address in trusted_proxies of ciconia.toml.\n"
)
OTHER_HOST = b"Nothing is served under this host name. The operator finds the right one as issuer in ciconia.toml.\n"
# A handler that refuses something unforeseen leaves the type of the exception here, for the edge to count
UNFORESEEN = "ciconia.unforeseen"
# The reference of the request's login lies here, once it is known
REFERENCE = "ciconia.reference"
# And its parties (`idp.monitoring.recorder.recorder.LoginParties`)
PARTIES = "ciconia.parties"
# The login that the request names, whether there is such a one or not
LOGIN = "ciconia.login"
NO_ROUTE = "elsewhere"
STEPS = ("countries", "language", "decision", "cancel", "onward", "stay")
NO_ADDRESS = b"No address here has a control character.\n"
# A pattern of the framework's ends before a line feed: /token%0A would reach an endpoint, and pass by what is done for
# /token alone (its limits, its lane)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
LOOPBACK_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?")


def hosts_of(issuer: str) -> frozenset[str]:
    """How a request may name the host of an issuer: with its port and without it. None of an issuer that is "" yet."""
    parts = urlsplit(issuer)
    own = f"{parts.netloc}:{DEFAULT_PORTS.get(parts.scheme, 0)}" if parts.netloc and parts.port is None else ""
    return frozenset({parts.netloc, parts.hostname or "", own}) - {""}


def named_host(scope: Scope) -> str:
    """The one Host of a request in lower case (RFC 9110 §4.2.3); "" if there is none, or several."""
    named = None
    for name, value in scope["headers"]:
        if name == b"host":
            if named is not None:
                return ""
            named = value
    return "" if named is None else named.decode("latin-1").lower()


class Edge:
    """Wraps the application. `issuer` fixes scheme and host; with `loopback` the operator's own look at it passes, too.

    A path with a control character goes no further: endpoints and limits may compare such addresses in different ways.
    `count` is called for each request that ended in a defect.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        tenant: str,
        issuer: str,
        page: Callable[[Scope, str], Response],
        count: Callable[[], None],
        loopback: bool = True,
    ) -> None:
        self._app, self._tenant, self._page, self._count = app, tenant, page, count
        self._loopback = loopback
        self._scheme, self._hosts = urlsplit(issuer).scheme, hosts_of(issuer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; nothing but an answer ever leaves."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if refusal := self._refusal(scope):
            await PlainTextResponse(refusal[1], refusal[0], {"cache-control": "no-store"})(scope, receive, send)
            return
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except ClientDisconnect:
            return  # nobody is left to answer, and nothing is wrong here
        except Exception as error:  # noqa: BLE001 - the outermost edge: a defect of ours, and no value of anybody may leave with it
            scope[UNFORESEEN] = type(error).__name__
            reference = str(scope.get(REFERENCE) or secrets.token_hex(5))
            log_unforeseen(error, self._tenant, str(scope.get("path", "")), reference)
            if begun:
                raise ConnectionError("the answer had begun") from None
            await self._page(scope, reference)(scope, receive, send)
        finally:
            # After the answer: who came is not kept waiting by our book-keeping
            if UNFORESEEN in scope:
                self._count()

    def _refusal(self, scope: Scope) -> tuple[int, bytes] | None:
        """Status and text of an answer to a request that goes no further."""
        if scope["scheme"] != self._scheme:
            return 400, PLAIN_SCHEME
        host = named_host(scope)
        if host not in self._hosts and not (self._loopback and LOOPBACK_HOST.fullmatch(host)):
            return 421, OTHER_HOST
        return (404, NO_ADDRESS) if CONTROL.search(scope["path"]) else None


def place(path: str) -> str:
    """A path as the log has it: without the id of a login, which is the browser's alone."""
    if not path.startswith("/login/"):
        return path
    step = path.removeprefix("/login/").partition("/")[2]
    return f"/login/{{login}}/{step if step in STEPS else 'at/{provider}' if step.startswith('at/') else '...'}"


def log_unforeseen(error: Exception, tenant: str, path: str, reference: str) -> None:
    """The kind of error and the places that it passed; not its text, which may quote anything."""
    frames = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    log_of(tenant).error(
        "unforeseen",
        kind=type(error).__name__,
        frames=frames[-12:],
        path=place(path),
        reference=reference,
    )
