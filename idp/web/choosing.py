"""The list of those whom a citizen may choose, in a login and for a service that asks for the choice alone."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from heapq import nsmallest

from fastapi import Request

from connectors.metadata.summaries import Summary, host_of
from connectors.wire.folding import folded, place_in
from idp.login.role import Choices, Reach
from idp.pages.countries_view import ADDRESS as COUNTRIES
from idp.pages.languages import spoken
from idp.pages.picker_view import CountryChoice, PickerView
from idp.pages.search import matches
from idp.web.login_cookies import Cookie
from idp.web.requests import check_navigation, check_same_origin, form, query
from idp.web.site import Site
from policies.attributes import AttributeName
from policies.authentication import ServiceRequest
from policies.errors import NotFound, PeerUnavailable, RequestRefused
from policies.load.table import IDENTIFIER
from policies.parties import IdentityProvider, ProviderId, RegisterId

# The field of a box has the attribute's name after it, and so has that of its sources
SHARE, FROM = "share.", "from."
REMEMBERED = "__Host-country"
REMEMBERED_LIFE = 365 * 24 * 3600
# The longest name of a country in CLDR has 60 characters; the page's own field takes as many as this
MAX_SOUGHT = 100
# What is typed, quoted, and the boxes beside it
MAX_TYPED = 8 * 1024
# A list of one needs no search
MIN_TO_SEARCH = 2
# Whoever has more to read types more
MOST_MEMBERS = 50


def picker(
    site: Site,
    asked: ServiceRequest,
    language: str,
    now: int,
    *,
    typed: Mapping[str, str],
    remembered: str,
    address: str,
    leave: str = "",
    to: Callable[[ProviderId], str],
    elsewhere: bool = False,
    alone: IdentityProvider | None = None,
) -> PickerView:
    """The list for a request. `typed` are the parameters of the page's own form and links, `to` is where a choice leads.

    `address` is the page's own, "" for one without a search. `leave` is a link that ends it, "" for one whose form does.
    What this browser `remembered` stands first. `elsewhere`: families with a discovery service of their own are listed.
    `alone`: this provider is settled, and no other one is listed.
    """
    wording, screens = site.wording(language), site.screens
    choices = site.role.choices(asked, now) if alone is None else ((alone, Reach.OPEN),)
    sought = typed.get("q", "").strip()
    found = [
        one
        for one in choices
        if (not one[0].members or (elsewhere and one[0].saml.discovery))
        and (not sought or matches(sought, one[0].country, one[0].title.values()))
    ]
    members = _members(site, asked, sought, now)
    found += members[:MOST_MEMBERS]
    if not sought and remembered and (kept := offered(site, remembered, now, choices)) and kept not in found:
        found.append(kept)
    return PickerView(
        language=language,
        service=screens.service(asked.origin, language),
        purpose=screens.purpose(asked, language),
        countries=tuple(
            CountryChoice(
                url=to(one.provider_id),
                country=one.country,
                provider=wording.text(one.title),
                available=reach is Reach.OPEN,
                suspended=reach is Reach.OFF,
                # one that does not answer now has no place of its own
                remembered=reach is Reach.OPEN and one.provider_id == remembered,
                # Anybody in a federation may take another's name, and nobody its address
                host=host_of(one.entity_id if one.family else one.saml.discovery),
            )
            for one, reach in found
        ),
        leave=leave,
        address=address,
        searchable=bool(address) and (len(choices) >= MIN_TO_SEARCH or any(one.members for one, _ in choices)),
        sought=sought,
        more=len(members) > MOST_MEMBERS,
        remembering=typed.get("remember") == "yes",
        narrowed=screens.narrowed(asked),
        leaves_out=screens.leaves_out(asked),
        offered=COUNTRIES if screens.has_countries else "",
    )


def offered(site: Site, provider_id: str, now: int, choices: Choices) -> tuple[IdentityProvider, Reach] | None:
    """The provider of this id, if this request may choose it: one of its `choices`, or a member of a family of them."""
    for one, reach in choices:
        if one.provider_id == provider_id and not one.members:
            return one, reach
    try:
        member = site.role.provider(ProviderId(provider_id))
    except (NotFound, PeerUnavailable):
        return None
    families = {one.provider_id for one, _ in choices if one.members}
    return (member, site.role.reach(member, now)) if member.family in families else None


def _members(site: Site, asked: ServiceRequest, sought: str, now: int) -> list[tuple[IdentityProvider, Reach]]:
    """The members of families that are looked for: one more than are shown, those first whose names say it first."""
    wanted = folded(sought.rpartition("@")[2])
    if not wanted:
        return []

    def takes(summary: Summary) -> bool:
        return not summary.hidden and place_in(summary.sought, wanted) >= 0

    named = nsmallest(MOST_MEMBERS + 1, site.role.members(asked, takes), lambda one: place_in(one.summary.sought, wanted))
    shown = [site.role.provider(one.provider_id) for one in named]
    return [(one, site.role.reach(one, now)) for one in shown]


def ticked_in(typed: Mapping[str, str]) -> frozenset[AttributeName]:
    """The attributes whose boxes a form ticks."""
    return frozenset(AttributeName(name.removeprefix(SHARE)) for name in typed if name.startswith(SHARE))


def with_boxes(asked: ServiceRequest, typed: Mapping[str, str]) -> ServiceRequest:
    """The request with what a form of its boxes says: what is ticked, and the source of each attribute that has several.

    What was not asked for has no box, whatever the form says; nor has what the service may not have: `ask_for`.
    """
    chosen = {one.name: typed.get(FROM + one.name, "") for one in asked.asked}
    ticked = tuple(one.name for one in asked.asked if one.name in ticked_in(typed) or chosen[one.name])
    sources = tuple((name, RegisterId(source)) for name, source in chosen.items() if source)
    return replace(asked, ticked=ticked, chosen=sources)


def kept_choice(provider: ProviderId | str) -> Cookie:
    """The cookie of a choice that the citizen asked to keep; "" ends it."""
    return Cookie(REMEMBERED, provider, REMEMBERED_LIFE if provider else 0, "Lax")


async def typed_in(request: Request, issuer: str) -> dict[str, str]:
    """The parameters of the list's own form and links. What is typed comes in a form: no address ever holds it.

    Whatever else is there is left out: a page of a later version, which serves beside this one, may send it.
    """
    check_navigation(request)
    if request.scope["method"] != "POST":
        return known(query(request), {"remember", "language", "again"})
    check_same_origin(request, issuer)
    typed = await form(request, MAX_TYPED)
    boxes = {name for name, value in typed.items() if name.startswith(SHARE) and value == "yes"}
    boxes |= {name for name, value in typed.items() if name.startswith(FROM) and IDENTIFIER.fullmatch(value)}
    found = known(typed, {"q", "remember", "language"} | boxes)
    # Buttons of the same form, for whoever would lose the boxes by a link
    found |= ({"q": ""} if "all" in typed else {}) | ({"remember": "no"} if "forget" in typed else {})
    if len(found.get("q", "")) > MAX_SOUGHT:
        raise RequestRefused("a search that is too long", status=413, code="too_large")
    return found


def known(parameters: Mapping[str, str], names: set[str]) -> dict[str, str]:
    """Those of these names. Raises `RequestRefused` for a value that no page of ours has."""
    found = {name: value for name, value in parameters.items() if name in names}
    if found.get("remember", "yes") not in ("yes", "no"):
        raise RequestRefused("a query that no page of ours makes")
    if found.get("language") not in spoken().languages:
        found.pop("language", None)
    return found
