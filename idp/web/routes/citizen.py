"""The citizen's own page, after a sign-in for it alone (`idp.citizen`).

GET  /me                   all that was released under their key, the newest first; `page=2` is the page after
POST /me/sign-in           a sign-in for the page begins (`idp.citizen.own_page`)
GET  /me/receipt.json      the receipt of one record, by its number `n`
POST /me/act               what the citizen does about one release: `n`, and `act` by the word of its record
POST /me/approval          a remembered approval is switched off: `service`, `purpose`
POST /me/link              two identities that signed in become one for services: `earlier` names that visit
POST /me/unlink            a link is undone: `record` names it
POST /me/end               the session of the page is over

The cookie `__Host-me` is Strict: no other site's link or form comes with it, nor with `__Host-me-earlier`, the session of a
sign-in with an earlier identity beside it. No address has anything of a person.
"""

import re
from collections.abc import Iterator, Mapping
from functools import partial

from fastapi import Request
from fastapi.responses import Response

from connectors.connector import Redirect
from idp.audit.grants import PERIOD, AuditorGrant
from idp.citizen.acts import acts_on
from idp.citizen.history import HistoryEntry, PersonHistory
from idp.citizen.own_page import ERASE_PATH, PATH, SIGN_IN
from idp.citizen.register_words import asked_register, word_of
from idp.citizen.visits import VISIT_LIFE, OwnPageVisit
from idp.ledger.person_records import DISOWNED
from idp.ledger.record_contents import RELEASE
from idp.login.states import Decided
from idp.pages.citizen_view import (
    ActShown,
    ApprovalShown,
    AskableRegister,
    CitizenDoorView,
    CitizenEnteredView,
    CitizenView,
    GrantShown,
    HiddenShown,
    LinkShown,
    MatchView,
    ReleaseShown,
    WentShown,
)
from idp.pages.views import PageKind, RegisterText, Text
from idp.pages.wording import Wording
from idp.receipts.receipt import ReceiptHolder
from idp.receipts.receipt_record import names_of
from idp.web.city_site import CitySite, opened
from idp.web.login_cookies import Cookie, after_decision
from idp.web.page_route import PageRoute, posted
from idp.web.requests import cookies, query
from idp.web.routes.receipt import file_headers
from idp.web.site import page
from policies.errors import NotFound, RequestRefused
from policies.parties import ClientId, IdentityProvider, ProviderId, PurposeId, RegisterId, ServiceId
from policies.persons import ACTING
from policies.purposes import AskMode, Basis, Purpose

FILE_PATH, END_PATH = "/me/receipt.json", "/me/end"
ACT_PATH, SWITCH_PATH = "/me/act", "/me/approval"
LINK_PATH, UNLINK_PATH = "/me/link", "/me/unlink"
COOKIE, EARLIER_COOKIE = "__Host-me", "__Host-me-earlier"
# While an officer has to confirm a link
WAITING = {"earlier": "waits", "new": "claims"}
NUMBER = re.compile(r"[1-9][0-9]{0,8}")


def routes(site: CitySite) -> list[PageRoute]:
    """The endpoints of the citizen's page."""
    return [
        PageRoute(PATH, opened(site, _page), "GET"),
        PageRoute(FILE_PATH, opened(site, _file), "GET"),
        PageRoute(END_PATH, posted(site.issuer, partial(_ended, site)), "POST"),
        PageRoute(ACT_PATH, posted(site.issuer, partial(_acted, site)), "POST"),
        PageRoute(SWITCH_PATH, posted(site.issuer, partial(_switched_off, site)), "POST"),
        PageRoute(LINK_PATH, posted(site.issuer, partial(_linked, site)), "POST"),
        PageRoute(UNLINK_PATH, posted(site.issuer, partial(_unlinked, site)), "POST"),
    ]


def entered(site: CitySite, decided: Decided, provider: IdentityProvider, language: str, now: int) -> Response:
    """The citizen signed in for their page: on to it. Nothing was asked, released or recorded."""
    handle = site.citizen.visits.begin(decided, provider, word_of(decided, site.role.configuration), now)
    cookie = EARLIER_COOKIE if decided.request.origin.protocol else COOKIE
    kept = [*after_decision(decided.login, None), Cookie(cookie, handle, VISIT_LIFE, "Strict")]
    view = CitizenEnteredView(language, site.issuer + PATH)
    return page(site.pages.entered(view), view.kind, kept)


def visiting(site: CitySite, request: Request, now: int) -> OwnPageVisit:
    """This browser's living session of the page. Raises `NotFound`."""
    visit = _living(site, cookies(request).get(COOKIE, ""), now)
    if visit.beside:
        raise NotFound("a sign-in with an earlier identity, beside another one")
    return visit


def _living(site: CitySite, handle: str, now: int) -> OwnPageVisit:
    visit, configuration = site.citizen.visits.of(handle, now), site.role.configuration
    asked = configuration.purposes.get(visit.purpose_id)
    registers = [asked_register(configuration, asked).register_id] if asked else []
    lost = visit.purpose_id and not asked
    if lost or not site.citizen.visits.stands(visit, configuration.providers.get(visit.provider_id), *registers):
        raise NotFound("what vouched for the person was switched off since")
    return visit


def _earlier(site: CitySite, request: Request, visit: OwnPageVisit, now: int) -> OwnPageVisit | None:
    """The sign-in with an earlier identity beside this visit, in the same browser."""
    try:
        found = _living(site, cookies(request).get(EARLIER_COOKIE, ""), now)
    except NotFound:
        return None
    return found if found.beside == visit.called else None


def _page(site: CitySite, request: Request) -> Response:
    now, language = site.clock(), site.language(request)
    asked = query(request)
    number = asked.get("page", "1")
    if not set(asked) <= {"page"} or not NUMBER.fullmatch(number):
        raise RequestRefused("a page of a number that is none")
    try:
        visit = visiting(site, request, now)
    except NotFound:
        door = CitizenDoorView(language, SIGN_IN, address=PATH)
        return page(site.pages.citizen(door), door.kind, ())
    earlier = _earlier(site, request, visit, now)
    return page(rendered(site, visit, int(number), language, earlier), PageKind.FORM, ())


def rendered(site: CitySite, visit: OwnPageVisit, number: int, language: str, earlier: OwnPageVisit | None = None) -> str:
    """One page of the history of whoever visits. Raises `NotFound` for a page after the last one."""
    history, wording = site.citizen.histories.page(visit.subject, number), site.wording(language)
    if number > history.pages:
        raise NotFound("a page after the last one")
    grants, grants_at = granted(site, visit, wording) if number == 1 else ((), "")
    view = CitizenView(
        language,
        country=wording.language.country(visit.country),
        until=wording.moment(visit.end),
        count=history.counter,
        shown=tuple(_shown(site, visit, wording, history)),
        missing=history.missing,
        over=history.over,
        approvals=tuple(remembered(site, visit, wording)) if number == 1 else (),
        grants=grants,
        grants_at=grants_at,
        match=_match(site, visit, earlier, wording) if number == 1 else None,
        act=ACT_PATH,
        switch=SWITCH_PATH,
        export="/me/copy",
        erase=ERASE_PATH,
        sign_in=SIGN_IN,
        end=END_PATH,
        address=f"{PATH}?page={number}",
        older=f"{PATH}?page={number + 1}" if number < history.pages else "",
        newer=f"{PATH}?page={number - 1}" if number > 1 else "",
    )
    return site.pages.citizen(view)


def _match(site: CitySite, visit: OwnPageVisit, earlier: OwnPageVisit | None, wording: Wording) -> MatchView | None:
    """The part of the page about an earlier identity; None where there is no link and none can be made."""
    matching, now, country = site.citizen.matching, site.clock(), wording.language.country
    sides = zip(("earlier", "new"), matching.standing(visit, now), strict=True)
    on = matching.links.enabled
    shown = [((WAITING[side] if link.waits else side) if on else "", link) for side, link in sides if link]
    links = tuple(
        LinkShown(side, country(link.country), wording.moment(link.made), link.record.hex()) for side, link in shown
    )
    # Whoever has an earlier identity gets no second one, also where the sign-in is below the level that shows it
    may = on and matching.links.to_earlier(visit.subject, now) is None
    if not links and not may:
        return None
    purposes = site.role.configuration.purposes
    asking = [one for one in purposes.values() if may and one.matching is not None and one.takes(visit.country)]
    said = purposes.get(earlier.purpose_id) if earlier else None
    return MatchView(
        links=links,
        beside=visit.called if may else "",
        country=country(earlier.country) if earlier else "",
        earlier=earlier.called if earlier and matching.may_link(visit, earlier, now) else "",
        link=LINK_PATH,
        unlink=UNLINK_PATH,
        registers=tuple(
            AskableRegister(
                purpose.purpose_id,
                max(visit.loa, purpose.minimum_assurance).label,
                _register(site, purpose, wording),
            )
            for purpose in asking
        ),
        register=_register(site, said, wording) if said else None,
    )


def _register(site: CitySite, purpose: Purpose, wording: Wording) -> RegisterText | None:
    configuration = site.role.configuration
    register_id = asked_register(configuration, purpose).register_id
    return wording.register(configuration.registers, register_id, configuration.catalogue)


def _shown(
    site: CitySite, visit: OwnPageVisit, wording: Wording, history: PersonHistory
) -> Iterator[ReleaseShown | ActShown | HiddenShown]:
    now, stopped = site.clock(), dict[tuple[str, str], bool]()
    for entry in history.entries:
        if entry.loa > visit.loa:
            yield HiddenShown(entry.position, entry.loa.label)
            continue
        service, purpose = named(site, wording, entry.sent["client"], entry.sent["purpose"])
        if entry.kind != RELEASE:
            when, file = wording.moment(entry.sent["time"]), f"{FILE_PATH}?n={entry.position}" if entry.placed else ""
            yield ActShown(entry.position, entry.kind, service, purpose, when, file)
            continue
        whose = ServiceId(entry.sent["client"]), PurposeId(entry.sent["purpose"])
        if whose not in stopped:
            stopped[whose] = site.citizen.acts.approvals.standing(visit.subject, *whose, now).stopped
        yield _release(site, wording, entry, service, purpose, stopped=stopped[whose])


def remembered(site: CitySite, visit: OwnPageVisit, wording: Wording) -> Iterator[ApprovalShown]:
    """The remembered approvals of sign-ins at this level or below."""
    configuration = site.role.configuration
    pairs = [
        (ServiceId(party.client_id), purpose_id)
        for party in configuration.parties.values()
        for purpose_id in party.purposes
        if configuration.purposes[purpose_id].ask.mode is not AskMode.EACH_TIME
    ]
    for held in site.citizen.acts.approvals.held(visit.subject, pairs, site.clock()):
        if held.loa <= visit.loa:
            service, purpose = named(site, wording, held.service, held.purpose_id)
            yield ApprovalShown(service, purpose, wording.moment(held.given), held.service, held.purpose_id)


def granted(site: CitySite, visit: OwnPageVisit, wording: Wording) -> tuple[tuple[GrantShown, ...], str]:
    """The grants that reach records of the person, for a sign-in at the highest level of these; else that level."""
    found, now = site.grants.touching(visit.subject), site.clock()
    if found and (highest := site.citizen.erasures.highest(visit.subject)) > visit.loa:
        return (), highest.label
    return tuple(_grant(one, wording, now) for one in found), ""


def _grant(one: AuditorGrant, wording: Wording, now: int) -> GrantShown:
    since, until = (wording.moment(each) for each in (one.since, one.until))
    return GrantShown(
        auditor=one.auditor,
        reason=one.reason,
        officers=", ".join(one.officers),
        begins=wording.moment(one.begins),
        ends=wording.moment(one.ended or one.ends),
        period=f"{since} – {until}" if one.scope == PERIOD else "",  # noqa: RUF001 - from, to
        used=one.used,
        used_last=wording.moment(one.used_last),
        state=one.state(now),
    )


def named(site: CitySite, wording: Wording, client: str, purpose_id: str) -> tuple[Text, Text]:
    """The titles of a service and a purpose; their ids where they are registered no more."""
    party = site.role.configuration.parties.get(ClientId(client))
    purpose = site.role.configuration.purposes.get(PurposeId(purpose_id))
    return (
        wording.text(party.title) if party else Text(client, "en"),
        wording.text(purpose.title) if purpose else Text(purpose_id, "en"),
    )


def came_from(site: CitySite, wording: Wording, entry: HistoryEntry) -> Iterator[tuple[str, Text]]:
    """The source of each attribute of a release, in the record's order: its id, and its title while it is registered."""
    decision, configuration = entry.decision, site.role.configuration
    of_registers = dict(names_of({"names": decision.get("sources", ())}))
    sign_in = configuration.providers.get(ProviderId(decision["source"]))
    for name, _ in names_of(entry.sent):
        register_id = of_registers.get(name, "")
        found = configuration.registers.get(RegisterId(register_id)) if register_id else sign_in
        source_id = register_id or decision["source"]
        yield source_id, wording.text(found.title) if found else Text(source_id, "en")


def _release(
    site: CitySite, wording: Wording, entry: HistoryEntry, service: Text, title: Text, *, stopped: bool
) -> ReleaseShown:
    sent, decision = entry.sent, entry.decision
    purpose = site.role.configuration.purposes.get(PurposeId(sent["purpose"]))
    went = names_of(sent)
    weakened = [(name, form) for name, form in names_of({"names": decision["asked"]}) if dict(went).get(name, form) != form]
    unknown = tuple(Text(name, "en") for name in decision["unknown"])
    sources = [title for _, title in came_from(site, wording, entry)]
    return ReleaseShown(
        number=entry.position,
        service=service,
        purpose=title,
        basis=Basis(sent["basis"]),
        when=wording.moment(sent["time"]),
        went=tuple(map(WentShown, wording.sent(went, site.catalogue), sources)) if not entry.unsent else (),
        kept=wording.withheld(names_of({"names": decision["withheld"]}), site.catalogue),
        more=(*wording.sent(weakened, site.catalogue), *unknown),
        acts=tuple(each for each in acts_on(sent["basis"]) if not stopped or each == DISOWNED),
        stopped=stopped,
        controller=f"{wording.text(purpose.controller.name).text}, {purpose.controller.contact}" if purpose else "",
        file=f"{FILE_PATH}?n={entry.position}" if not entry.unsent else "",
        unsent=entry.unsent,
        acting=decision.get("person") in ACTING,
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
    if entry.unsent:
        raise NotFound("nothing of this release left")
    if entry.kind == RELEASE:
        # The nonce of the values was never kept: this receipt opens all but those
        octets = site.citizen.receipts.issue(ReceiptHolder.CITIZEN, entry.record, b"", now).octets
    else:
        octets = site.citizen.act_receipts.issue(entry, now)
    return Response(octets, media_type="application/json", headers=file_headers(f"receipt-{number}.json"))


def _acted(site: CitySite, request: Request, fields: Mapping[str, str]) -> Response:
    now, number = site.clock(), fields.get("n", "")
    if set(fields) != {"n", "act"} or not NUMBER.fullmatch(number):
        raise RequestRefused("an act with fields that the page does not have", code="other_site")
    visit = visiting(site, request, now)
    entry = site.citizen.histories.entry(visit.subject, int(number))
    site.citizen.acts.on_release(fields["act"], visit, entry, now)
    return site.send(Redirect(site.issuer + PATH), site.language(request))


def _switched_off(site: CitySite, request: Request, fields: Mapping[str, str]) -> Response:
    if set(fields) != {"service", "purpose"}:
        raise RequestRefused("a switch with fields that the page does not have", code="other_site")
    now, purpose_id = site.clock(), PurposeId(fields["purpose"])
    visit, purpose = visiting(site, request, now), site.role.configuration.purposes.get(purpose_id)
    if purpose is None:
        raise NotFound("no such purpose")
    site.citizen.acts.approval_off(visit, ServiceId(fields["service"]), purpose, now)
    return site.send(Redirect(site.issuer + PATH), site.language(request))


def _linked(site: CitySite, request: Request, fields: Mapping[str, str]) -> Response:
    now, visits = site.clock(), site.citizen.visits
    visit = visiting(site, request, now)
    earlier = _earlier(site, request, visit, now)
    # The page that was pressed showed this sign-in, and no other
    if earlier is None or fields != {"earlier": earlier.called}:
        raise NotFound("another sign-in with an earlier identity than the page showed, or none")
    site.citizen.matching.link(visit, earlier, site.role.configuration.purposes.get(earlier.purpose_id), now)
    visits.end(cookies(request).get(EARLIER_COOKIE, ""))
    return site.send(Redirect(site.issuer + PATH), site.language(request), (Cookie(EARLIER_COOKIE, "", 0, "Strict"),))


def _unlinked(site: CitySite, request: Request, fields: Mapping[str, str]) -> Response:
    if set(fields) != {"record"}:
        raise RequestRefused("an undo with fields that the page does not have", code="other_site")
    now = site.clock()
    site.citizen.matching.undo(visiting(site, request, now), fields["record"], now)
    return site.send(Redirect(site.issuer + PATH), site.language(request))


def _ended(site: CitySite, request: Request, _fields: Mapping[str, str]) -> Response:
    """The session is over, whether there was one or not."""
    for name in (COOKIE, EARLIER_COOKIE):
        site.citizen.visits.end(cookies(request).get(name, ""))
    door = CitizenDoorView(site.language(request), SIGN_IN, ended=True, address=PATH)
    gone = tuple(Cookie(name, "", 0, "Strict") for name in (COOKIE, EARLIER_COOKIE))
    return page(site.pages.citizen(door), door.kind, gone)
