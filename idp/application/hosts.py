"""Chooses the tenant of a request by its Host header, and answers for a tenant that does not serve."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from idp.application.app import Application
from idp.application.tenant_failures import TenantFailure
from idp.pages.headers import headers
from idp.pages.languages import choose_language
from idp.pages.render import Pages
from idp.pages.views import ErrorView
from idp.server.http import HEALTH
from idp.system.logs import log_of
from idp.web.edge import LOOPBACK_HOST, OTHER_HOST, hosts_of, named_host
from idp.web.threads import THREADS, Share, share
from policies.errors import Misconfigured

RETRY_AFTER = "300"
NO_CONTENT = 204
REFERENCE_BYTES = 5
REFERENCE_SECONDS = 60


class TenantHosts:
    """Gives each request to the tenant of its Host header. Nothing else in a request chooses one."""

    def __init__(self, tenants: Mapping[str, Application], broken: Sequence[TenantFailure]) -> None:
        self._served: dict[str, tuple[ASGIApp, Share]] = {}
        self._tenants: tuple[Application, ...] = ()
        pages = Pages()
        for one in broken:
            page = ClosedTenant(one.tenant, pages)
            for host in hosts_of(one.issuer):
                self._served[host] = (page, Share(THREADS))
        for application in tenants.values():
            self.admit(application)

    def admit(self, application: Application) -> None:
        """Serve one more tenant, in place of the page that its host answered with."""
        threads = Share(THREADS)
        for host in hosts_of(application.settings.issuer):
            self._served[host] = (application.asgi, threads)
        self._tenants = (*self._tenants, application)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request to the tenant whose host it names."""
        if scope["type"] != "http":
            return
        host = named_host(scope)
        if scope["path"] == HEALTH and LOOPBACK_HOST.fullmatch(host):
            # A proxy asks about the worker, not about a tenant: a worker that serves any tenant gets requests
            fit = any(application.vitals.fit for application in self._tenants)
            await _send(send, NO_CONTENT if fit else 503, b"", {"cache-control": "no-store"})
            return
        found = self._served.get(host)
        if found is None:
            await _send(send, 421, OTHER_HOST, {"content-type": "text/plain; charset=utf-8", "cache-control": "no-store"})
            return
        application, threads = found
        share.set(threads)
        await application(scope, receive, send)


class ClosedTenant:
    """Answers every request to a broken tenant with one page, which says whose move it is and not what is wrong.

    No rate limit protects it. So a flood costs one page a language and one log line, once a minute. The line holds nothing
    from the request: a path may hold the id of a login.
    """

    def __init__(self, tenant: str, pages: Pages, clock: Callable[[], float] = time.monotonic) -> None:
        self._tenant, self._pages, self._clock = tenant, pages, clock
        self._made: dict[str, tuple[bytes, Mapping[str, str]]] = {}
        self._reference, self._until = "", 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  nothing is read
        """Answer 503, in the reader's language."""
        accept = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"accept-language"), "")
        body, told = self._page(choose_language((), accept))
        await _send(send, 503, body, told)

    def _page(self, language: str) -> tuple[bytes, Mapping[str, str]]:
        if not self._reference or self._clock() >= self._until:
            self._reference, self._until = secrets.token_hex(REFERENCE_BYTES), self._clock() + REFERENCE_SECONDS
            self._made.clear()
            log_of(self._tenant).error("refused", code=Misconfigured.code, reference=self._reference)
        made = self._made.get(language)
        if made is None:
            view = ErrorView(language, Misconfigured.code, self._reference)
            told = {"content-type": "text/html; charset=utf-8", "retry-after": RETRY_AFTER, **headers(view.kind)}
            made = self._made[language] = self._pages.error(view).encode(), told
        return made


async def _send(send: Send, status: int, body: bytes, told: Mapping[str, str]) -> None:
    listed = [(name.lower().encode(), value.encode()) for name, value in told.items()]
    if status != NO_CONTENT:  # RFC 9110 §8.6
        listed.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": listed})
    await send({"type": "http.response.body", "body": body})
