"""Pages of the demo city as they come, for the pictures in the documentation. Their style stands in them."""

from collections.abc import Mapping

from idp.demo.city import OPENID, SAML, front_page, told_page
from idp.demo.words import SERVICES

OWN_PAGE = "http://broker.localhost:8400/me"
SUB = "652jgmtmxyzyk3iimyn5lvgfiwphnzhuggie2j52k5uvrgjpkzsq"
GIVEN = {
    "age_over_18": True,
    "resident_of": {"Storkhaven": True},
    "sub": "652jgmtmxyzyk3iimyn5lvgfiwphnzhuggie2j52k5uvrgjpkzsq",
}


def city_gallery() -> Mapping[str, str]:
    """The English pages by their names."""
    speaks = {name: SAML if name == "library" else OPENID for name in SERVICES}
    told = told_page("parking", GIVEN, "http://eidas.europa.eu/LoA/high", "en", OWN_PAGE)
    return {"city-front": front_page(speaks, "en", OWN_PAGE), "city-told": told}
