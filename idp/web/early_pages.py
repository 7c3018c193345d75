"""Answers that no endpoint makes: for a request that is turned away, and for a defect.

A full broker has no time to make a page for each request that it refuses: a page is made once a minute for each language
and cause, and the log has one line for it.
"""

import re
import secrets
import time

from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Scope

from idp.pages.headers import headers
from idp.pages.languages import choose_language
from idp.pages.render import Pages
from idp.pages.views import ErrorView
from idp.pages.wording import known_code
from idp.protocols.oidc.direct import NO_STORE
from idp.system.logs import log_of
from idp.web.login_cookies import CHOSEN
from idp.web.problems import problem
from idp.web.site import status_of
from policies.errors import Overloaded, TooManyRequests

PROGRAMS = ("/token", "/par", "/device_authorization", "/register", "/userinfo", "/jwks", "/.well-known/")
# Endpoints for programs that are none of OAuth
RECORDS = ("/log/", "/saml/metadata", "/eidas/metadata")
DESCRIPTION = "More requests come than are taken at this moment. Nothing was issued. Try again as Retry-After says."
RETRY_SECONDS = 5
CHOICE = re.compile(rb"(?:^|; ?)" + CHOSEN.encode("ascii") + rb"=([A-Za-z-]+)")
REFERENCE_SECONDS = 60


class EarlyPages:
    """One tenant's. `documentation` is a page that explains the codes of errors."""

    def __init__(self, tenant: str, pages: Pages, documentation: str) -> None:
        self._tenant, self._pages, self._documentation = tenant, pages, documentation
        # Causes are few, and languages are ours
        self._references: dict[str, tuple[float, str]] = {}
        self._made: dict[tuple[str, str], tuple[str, Response]] = {}

    def turned_away(self, scope: Scope, error: Overloaded | TooManyRequests) -> Response:
        """503 or 429 with Retry-After. A connection whose body nobody reads is closed by the server."""
        reference, program = self._reference(error), scope["path"].startswith(PROGRAMS)
        record = scope["path"].startswith(RECORDS)
        language = "" if program else "problem" if record else _language(scope)
        kept, made = self._made.get((language, error.detail), ("", Response()))
        if kept != reference:
            status = status_of(error)
            if program:
                made = _busy(status)
            elif record:
                title = self._pages.wording("en").language.say(f"error.{known_code(error.code)}.title")
                made = problem(status, error.code, title, reference, self._documentation)
            else:
                made = self._page(status, language, error.code, reference)
            made.headers["retry-after"] = str(error.seconds if isinstance(error, TooManyRequests) else RETRY_SECONDS)
            self._made[language, error.detail] = reference, made
        return made

    def defect(self, scope: Scope, reference: str) -> Response:
        """A page of 500."""
        return self._page(500, _language(scope), "internal", reference)

    def _reference(self, error: Overloaded | TooManyRequests) -> str:
        """One reference, and one line of the log, a minute and cause: a flood must not become a flood of lines."""
        until, reference = self._references.get(error.detail, (0.0, ""))
        if until < time.monotonic():
            reference = secrets.token_hex(5)
            self._references[error.detail] = time.monotonic() + REFERENCE_SECONDS, reference
            log_of(self._tenant).warning("turned_away", code=error.code, detail=error.detail, reference=reference)
        return reference

    def _page(self, status: int, language: str, code: str, reference: str) -> Response:
        view = ErrorView(language, code, reference, documentation=self._documentation)
        return HTMLResponse(self._pages.error(view), status, headers(view.kind))


def _busy(status: int) -> Response:
    return JSONResponse({"error": "temporarily_unavailable", "error_description": DESCRIPTION}, status, NO_STORE)


def _language(scope: Scope) -> str:
    """The one that the reader chose before, or the browser's. A list to choose from would cost a request more each time."""
    found = dict(scope["headers"])
    chosen = CHOICE.search(found.get(b"cookie", b""))
    accept = found.get(b"accept-language", b"").decode("latin-1")
    return choose_language((chosen[1].decode("ascii"),) if chosen else (), accept)
