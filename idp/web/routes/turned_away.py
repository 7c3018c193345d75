"""GET /saml/error: the errorURL of our metadata, to which a service sends a citizen whom it turned away after a sign-in.

The parameters are those of REFEDS' profile for errorURL 1.0. Anybody can write them: one of four codes chooses a page of
ours, an entity id that is registered stands in the log by our name of it, and nothing else of them is read.
"""

from fastapi import Request
from fastapi.responses import Response

from idp.web.city_site import CitySite
from idp.web.page_route import PageRoute
from idp.web.requests import check_navigation, query
from idp.web.threads import threaded
from policies.errors import RequestRefused
from policies.parties import EntityId

PATH = "/saml/error"
OTHER = "OTHER_ERROR"
_PAGES = {
    "IDENTIFICATION_FAILURE": "service_lacks_data",
    "AUTHENTICATION_FAILURE": "service_wants_more",
    "AUTHORIZATION_FAILURE": "service_turned_away",
    OTHER: "service_turned_away",
}


def routes(site: CitySite) -> list[PageRoute]:
    """The one endpoint."""

    @threaded
    def turned_away(request: Request) -> Response:
        check_navigation(request)
        told = query(request)
        code = told.get("code", "")
        # A service that fills nothing in sends the placeholder
        code = code if code in _PAGES else OTHER
        told_of = RequestRefused(f"a service says {code}", status=200, code=_PAGES[code])
        try:
            told_of.peer = site.saml.services.named(EntityId(told.get("rp", ""))).party.client_id
        except KeyError:
            told_of.peer = ""
        return site.error(request, told_of)

    return [PageRoute(PATH, turned_away, "GET")]
