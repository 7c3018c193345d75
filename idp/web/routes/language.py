"""POST /language: the page that the reader looks at, in the language that they chose, and the ones after it.

The form of every page's list holds `language`, and `at`, our path of the page, or `page`, the page itself, sealed.
"""

from collections.abc import Mapping
from functools import partial

from fastapi import Request
from fastapi.responses import Response

from connectors.connector import Redirect
from idp.pages.languages import spoken
from idp.pages.switch import PATH
from idp.web.login_cookies import chosen_language
from idp.web.page_route import PageRoute, posted
from idp.web.shown_again import shown_again
from idp.web.site import Site, page
from policies.errors import RequestRefused


def routes(site: Site) -> list[PageRoute]:
    """The endpoint of every page's list of languages."""
    return [PageRoute(PATH, posted(site.issuer, partial(_chosen, site)), "POST")]


def _chosen(site: Site, _request: Request, fields: Mapping[str, str]) -> Response:
    language, at = fields.get("language", ""), fields.get("at", "")
    if language not in spoken().languages or (at and not _is_path(at)):
        raise RequestRefused("a choice of language that no page of ours makes", code="other_site")
    kept = [chosen_language(language)]
    if at:
        return site.send(Redirect(site.issuer + at), language, kept)
    text, kind = shown_again(site.sealer, site.pages, fields.get("page", ""), language, site.clock())
    return page(text, kind, kept)


def _is_path(at: str) -> bool:
    """Whether it is a path of ours: behind our issuer, whatever begins with a slash stays on our origin."""
    return at.startswith("/") and at.isascii() and at.isprintable()
