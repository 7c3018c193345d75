"""GET /countries, /countries.json: what each connected country offers, and whether it can be reached now.

Both name no service and no person. Nothing begins here.
"""

from datetime import date

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from idp.pages.countries_view import ADDRESS, CountriesView, SchemeView
from idp.protocols.eidas.countries import EPOCH, Offer, offers_told
from idp.web.city_site import CitySite
from idp.web.described import CountryList, described
from idp.web.page_route import PageRoute
from idp.web.requests import check_navigation
from idp.web.site import Site, page
from idp.web.threads import threaded


def routes(site: Site) -> list[PageRoute]:
    """The page of every tenant."""

    @threaded
    def countries(request: Request) -> Response:
        check_navigation(request)
        view = countries_view(site, site.language(request))
        return page(site.pages.countries(view), view.kind, ())

    return [PageRoute(ADDRESS, countries, "GET", "HEAD")]


def router(site: Site) -> APIRouter:
    """The same for programs."""
    found = APIRouter()

    @found.api_route(f"{ADDRESS}.json", methods=["GET", "HEAD"], **described(CountryList, 429, 503))
    @threaded
    def told() -> Response:
        countries = list(offers_told(site.offers(site.clock())))
        return JSONResponse({"countries": countries}, headers={"Cache-Control": "no-cache"})

    return found


def countries_view(site: Site, language: str) -> CountriesView:
    """The countries as the page shows them, in one language."""
    offers = site.offers(site.clock())
    codes = dict.fromkeys(one.country for one in offers)
    shown = tuple((code, tuple(_scheme(site, one, language) for one in offers if one.country == code)) for code in codes)
    return CountriesView(language, ADDRESS, shown, is_node=not isinstance(site, CitySite))


def _scheme(site: Site, one: Offer, language: str) -> SchemeView:
    wording = site.pages.wording(language)
    return SchemeView(
        title=wording.text(one.title),
        persons=tuple(one.persons),
        levels=tuple((each.level.label, each.notified) for each in one.levels),
        attributes=wording.titles(one.attributes, site.catalogue),
        reachable=one.reachable,
        last=date.fromordinal(EPOCH + one.last) if one.last else None,
    )
