"""The citizen's receipt over HTTP, for a day after an approval, in the browser that approved.

GET  /receipt                        what was passed on last, the way to the file, and to the others of the day
GET  /receipt.json                   the file
GET  /receipt/check                  a page that checks any receipt, and asks nobody; `save=yes` is for a disk
POST /receipt/ask                    the approval of one of them is not remembered any more
POST /receipt/forget                 the browser and the broker forget all of them
GET  /receipt/phone                  on another device, by a link of the last page: a button
POST /receipt/phone                  that device has the receipt, too: once, within five minutes

`n=2` asks for the one before the newest, and so on.
The cookie `__Host-receipt` is Strict: no other site's link or form comes with it.
"""

import re
from collections.abc import Mapping
from functools import partial

from fastapi import Request
from fastapi.responses import Response

from connectors.connector import Redirect
from idp.ledger.canonical_json import Json
from idp.login.states import RECEIPT_LIFE
from idp.pages.checker import CheckerView
from idp.pages.last_view import PhoneView
from idp.pages.views import OtherReceipt, ReceiptShown, ReceiptView, Text
from idp.pages.wording import Wording
from idp.receipts.citizen import joined, taken_along
from idp.receipts.issue import Issued
from idp.receipts.receipt_record import names_of
from idp.web.city_site import CitySite, opened
from idp.web.login_cookies import Cookie
from idp.web.page_route import PageRoute, posted
from idp.web.requests import client_of, cookies, query
from idp.web.routes.logout import ended_here
from idp.web.site import page
from policies.errors import NotFound, RequestRefused
from policies.parties import ClientId, PurposeId
from policies.purposes import Basis

RECEIPT_PATH = "/receipt"
FILE_PATH = "/receipt.json"
FORGET_PATH = "/receipt/forget"
ASK_PATH = "/receipt/ask"
KEY_PATH = "/log/vkey"
PHONE_PATH = "/receipt/phone"
CHECK_PATH = "/receipt/check"
COOKIE = "__Host-receipt"
NUMBER = re.compile(r"[1-9][0-9]?")


def receipt_cookie(request: Request, handle: str) -> Cookie:
    """The cookie that holds the handles of this browser's receipts, with one more. Each ends by itself after a day."""
    return Cookie(COOKIE, joined(handle, cookies(request).get(COOKIE, "")), RECEIPT_LIFE, "Strict")


def routes(site: CitySite) -> list[PageRoute]:
    """The endpoints of the citizen's receipt."""
    return [
        PageRoute(ASK_PATH, posted(site.issuer, partial(_asked_every_time, site)), "POST"),
        PageRoute(RECEIPT_PATH, opened(site, lambda site, request: _page(site, request, query(request).get("n"))), "GET"),
        PageRoute(FILE_PATH, opened(site, _file), "GET"),
        PageRoute(FORGET_PATH, posted(site.issuer, partial(_forgotten, site)), "POST"),
        PageRoute(CHECK_PATH, opened(site, _checker), "GET"),
        PageRoute(PHONE_PATH, opened(site, _link_followed), "GET"),
        PageRoute(PHONE_PATH, posted(site.issuer, partial(_taken_along, site)), "POST"),
    ]


def _issued(site: CitySite, request: Request, asked: str | None) -> tuple[int, Mapping[int, Issued]]:
    """The number of the receipt that is asked for, and all of this browser. Raises `NotFound` where it is not there."""
    found = site.citizen_receipts.receipts(cookies(request).get(COOKIE, ""), site.clock())
    if asked is not None and not NUMBER.fullmatch(asked):
        raise RequestRefused("a receipt's number that is none")
    number = min(found, default=0) if asked is None else int(asked)
    if number not in found:
        raise NotFound("no such receipt in this browser")
    return number, found


def _asked_every_time(site: CitySite, request: Request, fields: Mapping[str, str]) -> Response:
    asked = fields.get("n")
    number, found = _issued(site, request, asked)
    site.citizen_receipts.ask_every_time(found[number], site.clock())
    return _page(site, request, asked)


def _page(site: CitySite, request: Request, asked: str | None) -> Response:
    language = site.language(request)
    wording = site.wording(language)
    try:
        number, issued = _issued(site, request, asked)
    except NotFound:
        view = ReceiptView(language, None, FORGET_PATH, address=RECEIPT_PATH)
        return page(site.pages.receipt(view), view.kind, (), status=404)
    shown = {each: _shown(site, found, wording, each) for each, found in issued.items()}
    others = tuple(
        OtherReceipt(each.service, each.when, f"{RECEIPT_PATH}?n={place}")
        for place, each in shown.items()
        if place != number
    )
    ask = ASK_PATH if site.citizen_receipts.remembered(issued[number], site.clock()) else ""
    view = ReceiptView(language, shown[number], FORGET_PATH, others, ask, number, f"{RECEIPT_PATH}?n={number}")
    return page(site.pages.receipt(view), view.kind, ())


def _checker(site: CitySite, request: Request) -> Response:
    language = site.language(request)
    names = tuple(site.catalogue.attributes)
    titles = tuple(zip(names, site.wording(language).titles(names, site.catalogue), strict=True))
    response = page(site.pages.checker(CheckerView(language, CHECK_PATH, titles)), CheckerView.kind, ())
    if query(request):
        response.headers["Content-Disposition"] = 'attachment; filename="check-a-receipt.html"'
    response.headers["Content-Security-Policy"] = f"{site.pages.checker_policy}; frame-ancestors 'none'"
    return response


def _link_followed(site: CitySite, request: Request) -> Response:
    """The button: programs that look at links before people do use nothing up."""
    view = PhoneView(site.language(request), PHONE_PATH, query(request).get("link", ""))
    return page(site.pages.phone(view), view.kind, ())


def _taken_along(site: CitySite, request: Request, fields: Mapping[str, str]) -> Response:
    rates = site.watched.rates
    address = rates.address(client_of(request))
    rates.check_failures(address, PHONE_PATH)
    try:
        handle = site.citizen_receipts.of_link(fields.get("link", ""), site.clock())
    except NotFound:
        rates.failed(address, PHONE_PATH)
        view = ReceiptView(site.language(request), None, FORGET_PATH, address=RECEIPT_PATH)
        return page(site.pages.receipt(view), view.kind, (), status=404)
    # Whoever sends somebody a link puts nothing before their own
    number, handles = taken_along(handle, cookies(request).get(COOKIE, ""))
    kept = [Cookie(COOKIE, handles, RECEIPT_LIFE, "Strict")]
    return site.send(Redirect(f"{site.issuer}{RECEIPT_PATH}?n={number}"), site.language(request), kept)


def _file(site: CitySite, request: Request) -> Response:
    asked = query(request)
    if not set(asked) <= {"n"}:
        raise RequestRefused("a receipt in a form that there is not")
    number, found = _issued(site, request, asked.get("n"))
    return Response(found[number].octets, media_type="application/json", headers=file_headers("receipt.json"))


def file_headers(name: str) -> Mapping[str, str]:
    """The headers of a file of the citizen's that is downloaded under this name."""
    return {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


def _forgotten(site: CitySite, request: Request, _fields: Mapping[str, str]) -> Response:
    language = site.language(request)
    if (handles := cookies(request).get(COOKIE)) is not None:
        site.citizen_receipts.forget(handles, site.clock())
    view = ReceiptView(language, None, FORGET_PATH, address=RECEIPT_PATH)
    return page(
        site.pages.receipt(view), view.kind, [Cookie(COOKIE, "", 0, "Strict"), *ended_here(site, request, site.clock())]
    )


def _shown(site: CitySite, issued: Issued, wording: Wording, number: int) -> ReceiptShown:
    sent, decision = issued.openings["sent"], issued.openings["decision"]
    parties, purposes = site.role.configuration.parties, site.role.configuration.purposes
    client, purpose = str(sent["client"]), str(sent["purpose"])
    party, known = parties.get(ClientId(client)), purposes.get(PurposeId(purpose))
    return ReceiptShown(
        service=wording.text(party.title) if party else Text(client, "en"),
        purpose=wording.text(known.title) if known else Text(purpose, "en"),
        basis=Basis(str(sent["basis"])),
        when=wording.moment(_number(sent["time"])),
        went=wording.sent(names_of(sent), site.catalogue),
        kept=wording.withheld(_pairs(decision["withheld"]), site.catalogue),
        leaf=issued.leaf_hash.hex(),
        proved=issued.proved,
        operators=issued.operators,
        file=f"{FILE_PATH}?n={number}" if number > 1 else FILE_PATH,
        key=KEY_PATH,
        checker=CHECK_PATH,
        # A purpose whose file changed since says nothing about what was shown then
        retention=wording.language.duration(known.retention) if known and known.digest == sent["policy"] else "",
        away=wording.away(known) if known and known.digest == sent["policy"] else "",
    )


def _number(value: Json) -> int:
    return value if isinstance(value, int) else 0


def _pairs(value: Json) -> list[tuple[str, str]]:
    return names_of({"names": value})
