"""Answers that no endpoint makes: for a request that is turned away, and for a defect.

A full broker has no time to make a page for each request that it refuses: a page is made once a minute for each language
and cause, and the log has one line for it.
"""

import json
import secrets
import time

from starlette.types import Scope, Send

from idp.pages.headers import headers
from idp.pages.languages import choose_language
from idp.pages.render import Pages
from idp.pages.views import ErrorView
from idp.protocols.oidc.direct import NO_STORE
from idp.system.logs import log_of
from idp.web.site import status_of
from policies.errors import Overloaded, TooManyRequests

PROGRAMS = ("/token", "/userinfo", "/jwks", "/.well-known/")
DESCRIPTION = "More requests come than are taken at this moment. Nothing was issued. Try again as Retry-After says."
RETRY_SECONDS = "5"
REFERENCE_SECONDS = 60

Answer = tuple[dict[str, str], bytes]


class EarlyPages:
    """One tenant's. `documentation` is a page that explains the codes of errors."""

    def __init__(self, tenant: str, pages: Pages, documentation: str) -> None:
        self._tenant, self._pages, self._documentation = tenant, pages, documentation
        # Causes are few, and languages are ours
        self._references: dict[str, tuple[float, str]] = {}
        self._made: dict[tuple[str, str], tuple[str, Answer]] = {}
        body = {"error": "temporarily_unavailable", "error_description": DESCRIPTION}
        self._json: Answer = {"content-type": "application/json", **NO_STORE}, json.dumps(body).encode()

    async def turn_away(self, scope: Scope, send: Send, error: Overloaded | TooManyRequests) -> None:
        """Answer 503 or 429 with Retry-After. A connection whose body nobody reads is closed by the server."""
        named, body = self._turned_away(scope, error)
        wait = str(error.seconds) if isinstance(error, TooManyRequests) else RETRY_SECONDS
        await answer(send, status_of(error), {**named, "retry-after": wait}, body)

    def defect(self, scope: Scope, reference: str) -> Answer:
        """Headers and body of a page of 500."""
        return self._page(_language(scope), "internal", reference)

    def _turned_away(self, scope: Scope, error: Overloaded | TooManyRequests) -> Answer:
        reference = self._reference(error)
        if scope["path"].startswith(PROGRAMS):
            return self._json
        key = _language(scope), error.detail
        kept, made = self._made.get(key, ("", self._json))
        if kept != reference:
            made = self._page(key[0], error.code, reference)
            self._made[key] = reference, made
        return made

    def _reference(self, error: Overloaded | TooManyRequests) -> str:
        """One reference, and one line of the log, a minute and cause: a flood must not become a flood of lines."""
        until, reference = self._references.get(error.detail, (0.0, ""))
        if until < time.monotonic():
            reference = secrets.token_hex(5)
            self._references[error.detail] = time.monotonic() + REFERENCE_SECONDS, reference
            log_of(self._tenant).warning("turned_away", code=error.code, detail=error.detail, reference=reference)
        return reference

    def _page(self, language: str, code: str, reference: str) -> Answer:
        view = ErrorView(language, code, reference, documentation=self._documentation)
        return {"content-type": "text/html; charset=utf-8", **headers(view.kind)}, self._pages.error(view).encode()


async def answer(send: Send, status: int, named: dict[str, str], body: bytes) -> None:
    """Send a whole answer."""
    listed = [(name.lower().encode(), value.encode()) for name, value in named.items()]
    listed.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": listed})
    await send({"type": "http.response.body", "body": body})


def _language(scope: Scope) -> str:
    accept = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"accept-language"), "")
    return choose_language((), accept)
