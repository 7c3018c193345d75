"""What is answered without any endpoint: to whoever is turned away, and where something happened that nobody foresaw.

A broker that is full has no time to make a page for each of those whom it cannot serve: pages are made once a minute, for
each language and cause.
"""

import json

from starlette.types import Scope

from idp.endpoints.site import status_of
from idp.pages.headers import headers
from idp.pages.languages import choose_language
from idp.pages.render import Pages
from idp.pages.views import ErrorView
from idp.responders.direct import NO_STORE
from policies.errors import BrokerError

PROGRAMS = ("/token", "/userinfo", "/jwks", "/.well-known/")
DESCRIPTION = "More requests come than are taken at this moment. Nothing was issued. Try again as Retry-After says."
# Languages times causes, of the newest references: the rest is made again
MAX_KEPT = 64


class AtOnce:
    """Makes the answers of `idp.endpoints.admission` and of `idp.endpoints.edge`. `documentation` explains their codes."""

    def __init__(self, pages: Pages, documentation: str) -> None:
        self._pages, self._documentation = pages, documentation
        self._made: dict[tuple[str, str, str], tuple[dict[str, str], bytes]] = {}
        body = {"error": "temporarily_unavailable", "error_description": DESCRIPTION}
        self._json = {"content-type": "application/json", **NO_STORE}, json.dumps(body).encode()

    def turned_away(self, scope: Scope, error: BrokerError, reference: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body; `reference` finds the line of the log that says what was full."""
        if scope["path"].startswith(PROGRAMS):
            return status_of(error), *self._json
        key = _language(scope), error.code, reference
        made = self._made.get(key)
        if made is None:
            if len(self._made) >= MAX_KEPT:
                self._made.clear()
            made = self._made[key] = self._page(*key)
        return status_of(error), *made

    def unforeseen(self, scope: Scope, reference: str) -> tuple[bytes, dict[str, str]]:
        """Body and headers of a page of 500."""
        named, body = self._page(_language(scope), "internal", reference)
        return body, named

    def _page(self, language: str, code: str, reference: str) -> tuple[dict[str, str], bytes]:
        view = ErrorView(language, code, reference, documentation=self._documentation)
        named = {"content-type": "text/html; charset=utf-8", **headers(view.kind)}
        return named, self._pages.error(view).encode()


def _language(scope: Scope) -> str:
    accept = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"accept-language"), "")
    return choose_language((), accept)
