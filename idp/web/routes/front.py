"""GET /: the front page says what this service is, who runs it, and where help is.

It names no service. Nothing begins here.
"""

from fastapi import Request
from fastapi.responses import Response

from idp.citizen.own_page import PATH as OWN_PAGE
from idp.pages.countries_view import ADDRESS as COUNTRIES
from idp.pages.front_view import FrontView
from idp.web.city_site import CitySite
from idp.web.page_route import PageRoute
from idp.web.requests import check_navigation
from idp.web.site import Site, page
from idp.web.threads import threaded

ADDRESS = "/"


def routes(site: Site) -> list[PageRoute]:
    """The front page of every tenant."""

    @threaded
    def front(request: Request) -> Response:
        check_navigation(request)
        is_city = isinstance(site, CitySite)
        view = FrontView(
            site.language(request), ADDRESS, is_node=not is_city, own_page=OWN_PAGE if is_city else "", countries=COUNTRIES
        )
        return page(site.pages.front(view), view.kind, ())

    return [PageRoute(ADDRESS, front, "GET", "HEAD")]
