"""All that is kept about the citizen, on a page and in one file (GDPR art. 15 and 20). The session is that of their page.

GET  /me/copy              what is kept and for how long, who received what, and the citizen's rights
GET  /me/copy.json         the same, with every release, act and approval

What was released at a higher level than that of the sign-in stands in the file by its number and level alone.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict

from fastapi import Request
from fastapi.responses import Response

from idp.citizen.history import HistoryEntry, PersonHistory
from idp.citizen.own_page import PATH
from idp.citizen.visits import OwnPageVisit
from idp.ledger.canonical_json import Json
from idp.ledger.record_contents import RELEASE
from idp.pages.citizen_view import CitizenCopyView, RecipientShown
from idp.pages.wording import Wording
from idp.receipts.receipt_record import names_of, time_text
from idp.web.city_site import CitySite, opened
from idp.web.page_route import PageRoute
from idp.web.routes.citizen import FILE_PATH, came_from, granted, named, remembered, visiting
from idp.web.routes.receipt import file_headers
from idp.web.site import page
from policies.parties import PurposeId

COPY_PATH, COPY_FILE_PATH = "/me/copy", "/me/copy.json"
# What is kept, and until when: the phrases `me.kept.NAME` and `me.kept.NAME_time`
KEPT = ("records", "approvals", "links", "grants", "sign_ins", "values")
RIGHTS = ("access", "rectify", "erase", "object", "complain")


def routes(site: CitySite) -> list[PageRoute]:
    """The endpoints of the copy."""
    return [PageRoute(COPY_PATH, opened(site, _page), "GET"), PageRoute(COPY_FILE_PATH, opened(site, _file), "GET")]


def _page(site: CitySite, request: Request) -> Response:
    visit, language = visiting(site, request, site.clock()), site.language(request)
    view = _view(site, visit, site.citizen.histories.whole(visit.subject), language)
    return page(site.pages.citizen_copy(view), view.kind, ())


def _view(site: CitySite, visit: OwnPageVisit, history: PersonHistory, language: str) -> CitizenCopyView:
    wording = site.wording(language)
    say = wording.language.say
    return CitizenCopyView(
        language,
        file=COPY_FILE_PATH,
        back=PATH,
        kept=tuple((say(f"me.kept.{name}"), say(f"me.kept.{name}_time")) for name in KEPT),
        recipients=tuple(_recipients(site, visit, history, wording)),
        rights=tuple(say(f"me.right.{name}") for name in RIGHTS),
        address=COPY_PATH,
    )


def _recipients(site: CitySite, visit: OwnPageVisit, history: PersonHistory, wording: Wording) -> Iterator[RecipientShown]:
    """Each service and purpose once, with its controller, how long it keeps what it got, and who gets it from there."""
    left = [one for one in _visible(visit, history) if one.kind == RELEASE and not one.unsent]
    seen = dict.fromkeys((one.sent["client"], one.sent["purpose"]) for one in left)
    for client, purpose_id in seen:
        service, title = named(site, wording, client, purpose_id)
        purpose = site.role.configuration.purposes.get(PurposeId(purpose_id))
        yield RecipientShown(
            service,
            title,
            controller=f"{wording.text(purpose.controller.name).text}, {purpose.controller.contact}" if purpose else "",
            retention=wording.language.duration(purpose.retention) if purpose else "",
            further=tuple(map(wording.text, purpose.recipients)) if purpose else (),
        )


def _visible(visit: OwnPageVisit, history: PersonHistory) -> Iterator[HistoryEntry]:
    return (one for one in history.entries if one.loa <= visit.loa)


def _file(site: CitySite, request: Request) -> Response:
    now, language = site.clock(), site.language(request)
    visit, wording = visiting(site, request, now), site.wording(language)
    history = site.citizen.histories.whole(visit.subject)
    view = _view(site, visit, history, language)
    grants, grants_at = granted(site, visit, wording)
    copy: dict[str, Json] = {
        "v": 1,
        "broker": site.issuer,
        "made": time_text(now),
        "language": language,
        "country": visit.country,
        "person": visit.subject.hex(),
        "records": [_record(site, wording, visit, one) for one in history.entries],
        "missing": list(history.missing),
        "retention_over": list(history.over),
        "approvals": [
            {"service": one.client, "purpose": one.purpose_id, "given": one.given}
            for one in remembered(site, visit, wording)
        ],
        "links": [
            {"side": side, "record": link.record.hex(), "country": link.country, "made": time_text(link.made)}
            for side, link in zip(("earlier", "new"), site.citizen.matching.standing(visit, now), strict=True)
            if link
        ],
        "grants": [asdict(one) for one in grants],
        "grants_shown_at": grants_at,
        "kept": [{"what": what, "until": until} for what, until in view.kept],
        "recipients": [
            {
                "service": one.service.text,
                "purpose": one.purpose.text,
                "controller": one.controller,
                "keeps_it": one.retention,
                "passes_it_to": [each.text for each in one.further],
            }
            for one in view.recipients
        ],
        "rights": list(view.rights),
    }
    octets = json.dumps(copy, indent=2, ensure_ascii=False).encode() + b"\n"
    return Response(octets, media_type="application/json", headers=file_headers("what-is-kept-about-me.json"))


def _record(site: CitySite, wording: Wording, visit: OwnPageVisit, entry: HistoryEntry) -> Json:
    sent, decision = entry.sent, entry.decision
    if entry.loa > visit.loa:
        return {"number": entry.position, "sign_in_at": entry.loa.label}
    service, purpose = named(site, wording, sent["client"], sent["purpose"])
    found: dict[str, Json] = {
        "number": entry.position,
        "kind": entry.kind,
        "record": entry.record.hex(),
        "time": time_text(sent["time"]),
        "service": sent["client"],
        "service_title": service.text,
        "purpose": sent["purpose"],
        "purpose_title": purpose.text,
        "basis": sent["basis"],
        "level": sent["loa"],
        "receipt": f"{site.issuer}{FILE_PATH}?n={entry.position}" if not entry.unsent else "",
    }
    if entry.kind != RELEASE:
        return {**found, "about": decision["about"]}
    return {
        **found,
        "left": not entry.unsent,
        "sent": [
            {"attribute": name, "form": form, "source": source_id, "source_title": title.text}
            for (name, form), (source_id, title) in zip(names_of(sent), came_from(site, wording, entry), strict=True)
        ],
        "asked": [{"attribute": name, "form": form} for name, form in names_of({"names": decision["asked"]})],
        "asked_unknown": list(decision["unknown"]),
        "withheld": [{"attribute": name, "reason": why} for name, why in names_of({"names": decision["withheld"]})],
        "source": decision["source"],
        "decided": decision["path"],
    }
