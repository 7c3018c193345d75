"""The citizen's own page, after a sign-in for it alone (`idp.citizen`).

GET  /me                   all that was released under their key, the newest first; `page=2` is the page after
POST /me/sign-in           a sign-in for the page begins (`idp.citizen.own_page`)
GET  /me/receipt.json      the receipt of one record, by its number `n`
POST /me/end               the session of the page is over

The cookie `__Host-me` is Strict: no other site's link or form comes with it. No address has anything of a person.
"""

import re
from collections.abc import Iterator

from fastapi import Request
from fastapi.responses import Response

from idp.citizen.history import Entry, History
from idp.citizen.own_page import PATH, SIGN_IN
from idp.citizen.visits import VISIT_LIFE, Visit
from idp.ledger.record_contents import RELEASE
from idp.login.states import Decided
from idp.pages.citizen_view import CitizenDoorView, CitizenEnteredView, CitizenView, HiddenShown, ReleaseShown
from idp.pages.views import PageKind, Text
from idp.pages.wording import Wording
from idp.receipts.receipt import ReceiptHolder
from idp.receipts.receipt_record import names_of
from idp.web.city_site import CitySite
from idp.web.login_cookies import Cookie, after_decision
from idp.web.page_route import PageRoute
from idp.web.requests import check_navigation, check_same_origin, cookies, form, query
from idp.web.routes.receipt import file_headers
from idp.web.site import page
from idp.web.threads import run_in_threadpool, threaded
from policies.errors import NotFound, RequestRefused
from policies.parties import ClientId, IdentityProvider, PurposeId
from policies.purposes import Basis

FILE_PATH, END_PATH = "/me/receipt.json", "/me/end"
COOKIE = "__Host-me"
NUMBER = re.compile(r"[1-9][0-9]{0,8}")


def routes(site: CitySite) -> list[PageRoute]:
    """The endpoints of the citizen's page."""

    @threaded
    def shown(request: Request) -> Response:
        check_navigation(request)
        return _page(site, request)

    @threaded
    def file(request: Request) -> Response:
        check_navigation(request)
        return _file(site, request)

    async def end(request: Request) -> Response:
        check_navigation(request)
        check_same_origin(request, site.issuer)
        await form(request)
        return await run_in_threadpool(_ended, site, request)

    return [PageRoute(PATH, shown, "GET"), PageRoute(FILE_PATH, file, "GET"), PageRoute(END_PATH, end, "POST")]


def entered(site: CitySite, decided: Decided, provider: IdentityProvider, language: str, now: int) -> Response:
    """The citizen signed in for their page: on to it. Nothing was asked, released or recorded."""
    handle = site.citizen.visits.begin(decided, provider, now)
    kept = [*after_decision(decided.login, None), Cookie(COOKIE, handle, VISIT_LIFE, "Strict")]
    view = CitizenEnteredView(language, site.issuer + PATH)
    return page(site.pages.entered(view), view.kind, kept)


def visiting(site: CitySite, request: Request, now: int) -> Visit:
    """This browser's living session of the page. Raises `NotFound`."""
    visit = site.citizen.visits.of(cookies(request).get(COOKIE, ""), now)
    if not site.citizen.visits.stands(visit, site.role.configuration.providers.get(visit.provider_id)):
        raise NotFound("what vouched for the person was switched off since")
    return visit


def _page(site: CitySite, request: Request) -> Response:
    now, language = site.clock(), site.language(request)
    asked = query(request)
    number = asked.get("page", "1")
    if not set(asked) <= {"page"} or not NUMBER.fullmatch(number):
        raise RequestRefused("a page of a number that is none")
    try:
        visit = visiting(site, request, now)
    except NotFound:
        door = CitizenDoorView(language, SIGN_IN)
        return page(site.pages.citizen(door), door.kind, ())
    return page(rendered(site, visit, int(number), language), PageKind.FORM, ())


def rendered(site: CitySite, visit: Visit, number: int, language: str) -> str:
    """One page of the history of whoever visits. Raises `NotFound` for a page after the last one."""
    history, wording = site.citizen.histories.page(visit.subject, number), site.wording(language)
    if number > history.pages:
        raise NotFound("a page after the last one")
    view = CitizenView(
        language,
        country=wording.language.country(visit.country),
        until=wording.moment(visit.end),
        count=history.counter,
        shown=tuple(_shown(site, visit, wording, history)),
        missing=history.missing,
        sign_in=SIGN_IN,
        end=END_PATH,
        older=f"{PATH}?page={number + 1}" if number < history.pages else "",
        newer=f"{PATH}?page={number - 1}" if number > 1 else "",
    )
    return site.pages.citizen(view)


def _shown(site: CitySite, visit: Visit, wording: Wording, history: History) -> Iterator[ReleaseShown | HiddenShown]:
    for entry in history.entries:
        if entry.loa > visit.loa:
            yield HiddenShown(entry.position, entry.loa.label)
        elif entry.kind == RELEASE:
            yield _release(site, wording, entry)


def _release(site: CitySite, wording: Wording, entry: Entry) -> ReleaseShown:
    sent, decision, parties = entry.sent, entry.decision, site.role.configuration.parties
    client, purpose_id = ClientId(sent["client"]), PurposeId(sent["purpose"])
    party, purpose = parties.get(client), site.role.configuration.purposes.get(purpose_id)
    went = names_of(sent)
    weakened = [(name, form) for name, form in names_of({"names": decision["asked"]}) if dict(went).get(name, form) != form]
    unknown = tuple(Text(name, "en") for name in decision["unknown"])
    return ReleaseShown(
        number=entry.position,
        service=wording.text(party.title) if party else Text(client, "en"),
        purpose=wording.text(purpose.title) if purpose else Text(purpose_id, "en"),
        basis=Basis(sent["basis"]),
        when=wording.moment(sent["time"]),
        went=wording.sent(went, site.catalogue),
        kept=wording.withheld(names_of({"names": decision["withheld"]}), site.catalogue),
        more=(*wording.sent(weakened, site.catalogue), *unknown),
        file=f"{FILE_PATH}?n={entry.position}",
    )


def _file(site: CitySite, request: Request) -> Response:
    now, asked = site.clock(), query(request)
    number = asked.get("n", "")
    if set(asked) != {"n"} or not NUMBER.fullmatch(number):
        raise RequestRefused("a receipt of a number that is none")
    visit = visiting(site, request, now)
    entry = site.citizen.histories.entry(visit.subject, int(number))
    if entry.loa > visit.loa:
        raise NotFound("a record of a sign-in at a higher level")
    # The nonce of the values was never kept: this receipt opens all but those
    issued = site.citizen.receipts.issue(ReceiptHolder.CITIZEN, entry.record, b"", now)
    return Response(issued.octets, media_type="application/json", headers=file_headers(f"receipt-{number}.json"))


def _ended(site: CitySite, request: Request) -> Response:
    """The session is over, whether there was one or not."""
    site.citizen.visits.end(cookies(request).get(COOKIE, ""))
    door = CitizenDoorView(site.language(request), SIGN_IN, ended=True)
    return page(site.pages.citizen(door), door.kind, (Cookie(COOKIE, "", 0, "Strict"),))
