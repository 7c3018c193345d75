"""Representative views of every page, in every language: what the render tests and the browser tests look at."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeVar

from idp.ledger.person_records import DISOWNED, OBJECTION, OWN_ACTS, WITHDRAWAL
from idp.pages.citizen_view import (
    ActShown,
    ApprovalShown,
    CitizenCopyView,
    CitizenDoorView,
    CitizenEnteredView,
    CitizenErasureView,
    CitizenView,
    GrantShown,
    HiddenShown,
    LinkShown,
    MatchView,
    RecipientShown,
    ReleaseShown,
    WentShown,
)
from idp.pages.countries_view import CountriesView, SchemeView
from idp.pages.device_view import DeviceStep, DeviceView
from idp.pages.for_whom_view import ForWhomView, RepresentedChoice
from idp.pages.front_view import FrontView
from idp.pages.inform_view import InformView
from idp.pages.languages import LANGUAGES
from idp.pages.last_view import LastView, PhoneView
from idp.pages.picker_view import CountryChoice, OfferedBox, OfferedSource, PickerView
from idp.pages.render import Pages
from idp.pages.views import (
    ApprovalView,
    BlockedView,
    Ending,
    ErrorView,
    LeavingView,
    PageKind,
    PageOwner,
    PostView,
    ReceiptShown,
    ReceiptView,
    RegisterText,
    SpType,
    Stronger,
    Text,
    Towards,
)
from idp.pages.wording import MOVES
from policies.assurance import LevelOfAssurance
from policies.attributes import EXACT, Address, Attribute, AttributeName, Form, Value
from policies.catalogue import STANDARD
from policies.parties import PurposeId, Source, Translated
from policies.purposes import AskMode, AskRule, Basis, Controller, Need, Purpose, Rights
from policies.release import Decision, Reason, Ruling, RulingOutcome, choose

SOURCE = Source("purposes/parking.toml", 1)
# The gallery's server answers 204 there: a browser that goes on stays on the page that it came from
GONE = "http://127.0.0.1:{port}/gone?code=abc&state=1"


def ruling(
    name: str,
    value: Value | None,
    *,
    form: Form = EXACT,
    asked: Form = EXACT,
    reason: Reason = Reason.AS_ASKED,
    required: bool = True,
) -> Ruling:
    """One ruling; withheld where there is no value."""
    released = None if value is None else Attribute(AttributeName(name), form, value)
    weaker = RulingOutcome.WEAKENED if form != asked else RulingOutcome.AS_ASKED
    outcome = RulingOutcome.WITHHELD if released is None else weaker
    return Ruling(AttributeName(name), asked, outcome, reason, required, SOURCE, released)


REGISTER = RegisterText(Text("Register of powers of Storkhaven", "en"), (Text("Personal identifier", "en"),))
DECISION = Decision(
    (
        ruling("address", Address("Kase 12-4", "10143", "Tallinn", "", "EE"), required=False),
        ruling("birthdate", value=True, form=Form("age_over", "18"), reason=Reason.LEAST_SUFFICIENT),
        ruling("email", "mari-liis.tamm@naide.example", required=False),
        ruling("family_name", "Tamm-Põldvere"),
        ruling("gender", None, reason=Reason.NOT_NEEDED, required=False),
        ruling("given_name", "Mari-Liis"),
        ruling("nationality", "EE"),
        ruling("person_identifier", None, reason=Reason.NOT_REGISTERED, required=False),
        ruling("phone_number", None, reason=Reason.NOT_AVAILABLE, required=False),
    )
)
THREE = Decision(tuple(one for one in DECISION.rulings if one.name in ("birthdate", "family_name", "given_name", "gender")))
BLOCKED = Decision((ruling("birthdate", None, reason=Reason.NOT_AVAILABLE), ruling("given_name", "Mari-Liis")))

WHY: Translated = {
    "en": "The permit is made out to a person who lives here.",
    "et": "Luba antakse inimesele, kes siin elab.",
    "zh-Hans": "许可证发给居住在此的人。",
}
PURPOSE = Purpose(
    purpose_id=PurposeId("resident-parking"),
    title={"en": "Resident parking permit", "et": "Elaniku parkimisluba", "zh-Hans": "居民停车许可"},
    basis=Basis.PUBLIC_TASK,
    law={"en": "Storkhaven Parking Ordinance 2021, section 4"},
    controller=Controller({"en": "City of Storkhaven, Traffic Office"}, "privacy@storkhaven.example · +372 555 0100"),
    needs={name: Need(EXACT, WHY, required=True, source=SOURCE) for name in STANDARD.attributes},
    minimum_assurance=LevelOfAssurance.SUBSTANTIAL,
    digest="0" * 64,
    source=SOURCE,
    retention="P1Y6M",
    recipients=({"en": "Treasury of Storkhaven", "et": "Storkhaveni rahandusamet"},),
    rights=Rights(object="At the Traffic Office, room 12", complain="https://authority.example/complain"),
)
SERVICE: Translated = {
    "en": "Storkhaven resident parking",
    "et": "Storkhaveni elanike parkimine",
    "zh-Hans": "斯托克黑文居民停车服务",
}
OWNER = PageOwner(
    name="City of Storkhaven",
    address="https://storkhaven.example",
    contact="help@storkhaven.example",
    privacy="https://storkhaven.example/privacy",
    accessibility="https://storkhaven.example/accessibility",
    help="https://storkhaven.example/help",
)
COUNTRIES = (
    ("EE", "Riigi autentimisteenus"),
    ("AT", "ID Austria"),
    ("GR", "Taxisnet"),
    ("DE", "BundID"),
    ("CZ", "NIA"),
    ("NL", "DigiD"),
    ("BE", "itsme"),
    ("BE", "CSAM"),
    ("LI", "eID.li"),
)

FAMILY_NAME, IN_LATIN = "Ταμ-Παπαδοπούλου", "Tam-Papadopoulou"
# What another country's node sends and a service with `DECISION` does not get as such
ARRIVED = (AttributeName("birthdate"), AttributeName("person_identifier"))
ADDITIONAL: Mapping[AttributeName, Value] = {
    AttributeName("gender"): "female",
    AttributeName("address"): Address("Kase 12-4", "10143", "Tallinn", "", "EE"),
}

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Shown:
    """One page of the gallery."""

    name: str
    language: str
    html: str
    kind: PageKind


def gallery(pages: Pages, port: int = 9, languages: Sequence[str] = LANGUAGES) -> tuple[Shown, ...]:
    """Every page in these languages. `port` is where the pages that go on lead to, on loopback."""
    shown = []
    for language in languages:
        for name, (render, kind) in _views(pages, language, GONE.format(port=port)).items():
            shown.append(Shown(name, language, render(), kind))
    return tuple(shown)


def _views(pages: Pages, language: str, gone: str) -> dict[str, tuple[Callable[[], str], PageKind]]:
    service = pages.wording(language).text(SERVICE)
    pickers = _pickers(pages, language)
    approvals = {
        "approval": approval(pages, language, DECISION),
        "approval-informs": replace(approval(pages, language, DECISION), informs=True),
        "approval-refusable": replace(approval(pages, language, DECISION), basis=Basis.CONSENT, refusable=True),
        "approval-again": replace(approval(pages, language, choose(DECISION, ())), shortened=True, earlier="3 May 2026"),
        "approval-changed": replace(
            approval(pages, language, DECISION),
            earlier="3 May 2026",
            remembers=pages.wording(language).remembers(AskRule(AskMode.REMEMBER, 180)),
        ),
        "approval-ticked": replace(
            approval(pages, language, DECISION),
            items=tuple(replace(one, ticked=True) for one in pages.wording(language).items(DECISION, PURPOSE, STANDARD)),
        ),
        "approval-three": approval(pages, language, THREE),
        "approval-longer": replace(approval(pages, language, DECISION), longer=True, minutes=1),
        "approval-acting": replace(approval(pages, language, DECISION), acting_for="Maasikad OÜ", named_by=REGISTER),
        "approval-nothing": approval(pages, language, Decision(())),
        "approval-arrived": replace(
            approval(pages, language, DECISION),
            arrived=pages.wording(language).titles(ARRIVED, STANDARD),
            crossed=True,
        ),
    }
    whom = for_whom(pages, language)
    informs = {
        "inform": inform(pages, language),
        "inform-acting": replace(inform(pages, language), acting_for="Maasikad OÜ", named_by=REGISTER),
        "inform-bare": replace(inform(pages, language, {}), named="", requester=SpType.PRIVATE),
    }
    country = Text(pages.wording(language).language.country("FI"), language)
    endings = {
        "blocked": BlockedView(
            language,
            service,
            fields=(("login", "L1"), ("decided", "sealed-text"), ("choice", "refuse")),
            missing=pages.wording(language).missing(BLOCKED, BLOCKED.blocked, STANDARD),
            action="/login/L1/decision",
            rewording="/login/L1/language",
        ),
        "blocked-node": BlockedView(language, country, gone, (("SAMLResponse", "PD94"),), towards=Towards.NODE),
        "blocked-nowhere": BlockedView(language, service),
    }
    going = [(str(one.name), str(one.released.form)) for one in DECISION.rulings if one.released]
    last = LastView(
        language,
        service,
        Towards.SERVICE,
        "/login/L1/onward",
        "/login/L1/stay",
        None,
        pages.wording(language).sent(going, STANDARD),
        "/receipt",
        "/receipt.json",
    )
    phone = PhoneView(language, "/receipt/phone", "AbCdEfGhIjKlMnOpQrStUv")
    refused = replace(last, went=(), receipt="", file="", ending=Ending.REFUSED)
    lasts = {
        "last": last,
        "last-stay": replace(last, stay="", phone="https://login.city.example/receipt/phone?link=AbCdEfGhIjKlMnOpQrStUv"),
        "last-nothing": replace(last, went=()),
        "last-refused": refused,
        "last-refused-node": replace(refused, service=country, towards=Towards.NODE, ending=Ending.CANCELLED),
    }
    errors = {f"error-{code}": ErrorView(language, code, "7F3K-2QXM", gone, service) for code in MOVES}
    errors["error-enforced"] = ErrorView(
        language, "assurance_too_low", "7F3K-2QXM", service=service, leave="/login/L1/cancel"
    )
    means = tuple((code, Text(title, "de"), f"/login/L1/at/{place}") for place, (code, title) in enumerate(COUNTRIES[:3]))
    errors["error-stronger"] = replace(errors["error-assurance_too_low"], stronger=Stronger("low", "substantial", means))
    errors["error-stronger-nobody"] = replace(errors["error-assurance_too_low"], stronger=Stronger("", "high"))
    errors["error-unsafe"] = ErrorView(language, "request_refused", "7F3K-2QXM")
    errors["error-node"] = ErrorView(
        language, "assurance_too_low", "7F3K-2QXM", gone, country, (("SAMLResponse", "PD94"),), Towards.NODE
    )
    errors["error-again"] = ErrorView(language, "country_unavailable", "7F3K-2QXM", again="/login/L1/countries")
    kiosks = {
        f"kiosk-{step}": DeviceView(language, step, action, wrong=True, request="AAAA", service=service)
        for step in DeviceStep
        for action in ["/device" if step in (DeviceStep.CODE, DeviceStep.CONFIRM) else ""]
    }
    place, when = Text("Town hall, ground floor", "en"), pages.wording(language).moment(1_764_086_400)
    kiosks["kiosk-confirm"] = replace(kiosks["kiosk-confirm"], purpose=service, place=place, when=when)
    leaving = LeavingView(language, service, gone, "/receipt")
    receipts = {
        "receipt": ReceiptView(language, receipt(pages, language), "/receipt/forget"),
        "receipt-consent": ReceiptView(
            language,
            replace(
                receipt(pages, language),
                basis=Basis.CONSENT,
                proved=False,
                went=(),
                kept=(),
            ),
            "/receipt/forget",
        ),
        "receipt-remembered": ReceiptView(language, receipt(pages, language), "/receipt/forget", ask="/receipt/ask"),
        "receipt-none": ReceiptView(language, None, "/receipt/forget"),
    }
    receipts = {name: replace(view, address="/receipt?n=1") for name, view in receipts.items()}
    mine: dict[str, CitizenView | CitizenDoorView] = {
        "me": citizen(pages, language),
        "me-few": replace(
            citizen(pages, language),
            count=1,
            shown=tuple(replace(one, number=1) for one in citizen(pages, language).shown if one.number == 3),
            grants=citizen(pages, language).grants[:1],
            over=(),
            older="",
            approvals=(),
            match=None,
        ),
        "me-broken": replace(citizen(pages, language), missing=(3, 17), newer="/me", shown=(), grants_at="high", grants=()),
        "me-door": CitizenDoorView(language, "/me/sign-in", address="/me"),
        "me-ended": CitizenDoorView(language, "/me/sign-in", ended=True, address="/me"),
    }
    erasing = CitizenErasureView(language, "/me/erase", "/me", address="/me/erase")
    erased = replace(erasing, action="/me/erase/stop", due=pages.wording(language).moment(1_764_086_400))
    front = FrontView(language, "/", is_node=False, own_page="/me", countries="/countries")
    scheme = SchemeView(
        Text("National sign-in", "en"),
        ("natural", "for_legal"),
        (("high", True), ("substantial", False)),
        (Text("Family name", "en"), Text("Eesnimi", "et")),
        reachable=True,
        last=date(2026, 11, 30),
    )
    away = replace(scheme, persons=(), levels=(), attributes=(), reachable=False, last=None)
    offered = CountriesView(language, "/countries", (("EE", (scheme, away)), ("AT", (away,))))
    entered, copied = CitizenEnteredView(language, gone), citizen_copy(pages, language)
    onward = {
        "post-provider": PostView(language, Towards.PROVIDER, Text("ID Austria", "de"), gone, (("SAMLRequest", "PD94"),)),
        "post-service": PostView(language, Towards.SERVICE, service, gone, (("code", "abc"), ("state", "1")), "/receipt"),
        "post-node": PostView(language, Towards.NODE, country, gone, (("SAMLResponse", "PD94"),)),
    }
    return {
        **{name: (_bound(pages.picker, view), view.kind) for name, view in pickers.items()},
        **{name: (_bound(pages.approval, view), view.kind) for name, view in approvals.items()},
        **{name: (_bound(pages.inform, view), view.kind) for name, view in informs.items()},
        "for-whom": (_bound(pages.for_whom, whom), whom.kind),
        **{name: (_bound(pages.blocked, view), view.kind) for name, view in endings.items()},
        **{name: (_bound(pages.last, view), view.kind) for name, view in lasts.items()},
        "phone": (_bound(pages.phone, phone), phone.kind),
        **{name: (_again(pages.error, view), view.kind) for name, view in errors.items()},
        **{name: (_bound(pages.post, view), view.kind) for name, view in onward.items()},
        **{name: (_bound(pages.receipt, view), view.kind) for name, view in receipts.items()},
        **{name: (_again(pages.device, view), view.kind) for name, view in kiosks.items()},
        **{name: (_bound(pages.citizen, view), view.kind) for name, view in mine.items()},
        "front": (_bound(pages.front, front), front.kind),
        "countries": (_bound(pages.countries, offered), offered.kind),
        "countries-node": (_bound(pages.countries, replace(offered, countries=(), is_node=True)), offered.kind),
        "front-node": (_bound(pages.front, replace(front, is_node=True, own_page="")), front.kind),
        "me-erase": (_bound(pages.citizen_erasure, erasing), erasing.kind),
        "me-erasing": (_bound(pages.citizen_erasure, erased), erased.kind),
        "me-copy": (_bound(pages.citizen_copy, copied), copied.kind),
        "me-entered": (_bound(pages.entered, entered), entered.kind),
        "leaving": (_bound(pages.leaving, leaving), leaving.kind),
    }


def _pickers(pages: Pages, language: str) -> dict[str, PickerView]:
    """The picker in all its states."""
    plain = picker(pages, language)
    full = replace(plain, address="/login/L1/countries", searchable=True)
    away = replace(plain.countries[2], available=False)
    last = replace(plain.countries[5], remembered=True)
    return {
        "picker": replace(plain, offered="/countries"),
        "picker-search": replace(full, countries=(*plain.countries[:2], away, *plain.countries[3:5], last)),
        "picker-found": replace(full, countries=plain.countries[:1], sought="eesti"),
        "picker-not-found": replace(full, countries=(), sought="Atlantis"),
        "picker-remembering": replace(full, remembering=True),
        "picker-narrowed": replace(full, countries=(), searchable=False, narrowed=True),
        "picker-members": replace(
            full,
            countries=tuple(
                replace(one, host=f"idp{place}.university.example") for place, one in enumerate(plain.countries)
            ),
            sought="uni",
            more=True,
            leaves_out=True,
            unoffered=True,
        ),
        "picker-for-a-service": replace(full, cancel="", leave="/saml/discovery/none?entityID=a", leaves_out=True),
        "picker-optional": replace(full, optional=_boxes(pages, language)),
        "picker-sources": replace(full, optional=_sources(pages, language)),
        "picker-alone": replace(full, countries=plain.countries[:1], optional=_boxes(pages, language)[:1], alone=True),
        "picker-services": picker(pages, language, (("EE", "ID card"), ("EE", "Mobile-ID"))),
        "picker-empty": picker(pages, language, ()),
    }


def _boxes(pages: Pages, language: str) -> tuple[OfferedBox, ...]:
    """The boxes of what the question's purpose has as optional, one of them ticked."""
    items = [one for one in pages.wording(language).items(DECISION, PURPOSE, STANDARD) if not one.required]
    return tuple(OfferedBox(one.name, one.title, one.why, place == 1) for place, one in enumerate(items))


def _sources(pages: Pages, language: str) -> tuple[OfferedBox, ...]:
    """The same boxes, where what the first one is about may come from a register or from the sign-in."""
    of, *others = _boxes(pages, language)
    either = OfferedSource("sign-in", None, chosen=False), OfferedSource("residents", REGISTER, chosen=False)
    return replace(of, sources=either), replace(others[0], sources=either, required=True), *others[1:]


def picker(pages: Pages, language: str, countries: tuple[tuple[str, str], ...] = COUNTRIES) -> PickerView:
    """The picker with these (country, provider title)."""
    words = pages.wording(language)
    return PickerView(
        language=language,
        service=words.text(SERVICE),
        purpose=words.text(PURPOSE.title),
        countries=tuple(
            CountryChoice(f"/login/L1/at/{place}", country, Text(title, "de"))
            for place, (country, title) in enumerate(countries)
        ),
        cancel="/login/L1/cancel",
    )


def approval(pages: Pages, language: str, decision: Decision, purpose: Purpose = PURPOSE) -> ApprovalView:
    """The approval page of a decision."""
    words = pages.wording(language)
    return ApprovalView(
        language=language,
        login="L1",
        decided="sealed-text",
        action="/login/L1/decision",
        service=words.text(SERVICE),
        purpose=words.text(purpose.title),
        basis=purpose.basis,
        law=words.text(purpose.law),
        controller=words.text(purpose.controller.name),
        contact=purpose.controller.contact,
        loa=LevelOfAssurance.SUBSTANTIAL,
        items=words.items(decision, purpose, STANDARD),
        kept=words.kept(decision, STANDARD),
        receipt="/receipt",
        rewording="/login/L1/language",
        further=words.further(purpose, decision),
    )


def inform(pages: Pages, language: str, more: Mapping[AttributeName, Value] = ADDITIONAL) -> InformView:
    """The page that informs, with the minimum data set and `more`."""
    words = pages.wording(language)
    always = (
        words.carried(Attribute(AttributeName("family_name"), EXACT, FAMILY_NAME, IN_LATIN), STANDARD, always=True),
        words.carried(Attribute(AttributeName("given_name"), EXACT, "Mari-Liis", "Mari-Liis"), STANDARD, always=True),
        words.carried(Attribute(AttributeName("birthdate"), EXACT, "1990-07-22"), STANDARD, always=True),
        words.carried(Attribute(AttributeName("person_identifier"), EXACT, "EE/FI/49007220001"), STANDARD, always=True),
    )
    added = tuple(words.carried(Attribute(name, EXACT, value), STANDARD, always=False) for name, value in more.items())
    return InformView(
        language=language,
        login="L1",
        decided="sealed-text",
        action="/login/L1/decision",
        country="FI",
        node=Text("Finland's eIDAS node", "en"),
        requester=SpType.PUBLIC,
        named="Storkhaven resident parking",
        loa=LevelOfAssurance.HIGH,
        items=(*always, *added),
        rewording="/login/L1/language",
    )


def for_whom(pages: Pages, language: str) -> ForWhomView:
    """The choice of the one for whom to sign in, for one who may act for two companies by the word of a register."""
    return ForWhomView(
        language=language,
        login="L1",
        decided="sealed-text",
        action="/login/L1/decision",
        rewording="/login/L1/language",
        service=pages.wording(language).text(SERVICE),
        choices=(
            RepresentedChoice(""),
            RepresentedChoice("Maasikad OÜ", "12345678", REGISTER),
            RepresentedChoice("Donaudampfschifffahrtsgesellschaft mbH & Co. KG", "87654321", REGISTER),
        ),
    )


def receipt(pages: Pages, language: str) -> ReceiptShown:
    """The receipt of an approval of `DECISION`, without what the boxes would have added."""
    words = pages.wording(language)
    went = [(str(one.name), str(one.released.form)) for one in DECISION.rulings if one.required and one.released]
    withheld = [(str(one.name), str(one.reason)) for one in DECISION.rulings if one.released is None]
    withheld += [(str(one.name), str(Reason.NOT_CHOSEN)) for one in DECISION.rulings if one.released and not one.required]
    return ReceiptShown(
        service=words.text(SERVICE),
        purpose=words.text(PURPOSE.title),
        basis=Basis.PUBLIC_TASK,
        when=words.moment(1_764_086_400),
        went=words.sent(went, STANDARD),
        kept=words.withheld(sorted(withheld), STANDARD),
        leaf="5d3f" * 16,
        proved=True,
        file="/receipt.json",
        key="/log/vkey",
    )


def citizen(pages: Pages, language: str) -> CitizenView:
    """The citizen's page with three releases, one of which another level shows."""
    words, taken = pages.wording(language), receipt(pages, language)
    release = ReleaseShown(
        number=3,
        service=taken.service,
        purpose=taken.purpose,
        basis=Basis.CONSENT,
        when=taken.when,
        went=tuple(WentShown(title, Text("Population register of Storkhaven", "en")) for title in taken.went),
        kept=taken.kept,
        more=words.titles([AttributeName("birthdate")], STANDARD),
        file="/me/receipt.json?n=3",
        acts=(WITHDRAWAL, DISOWNED),
        controller="City of Storkhaven, privacy@storkhaven.example",
    )
    objected = replace(release, number=1, went=(), kept=(), more=(), acts=(OBJECTION, DISOWNED), stopped=True)
    unsent = replace(objected, number=11, stopped=False, unsent=True, file="")
    grant = GrantShown(
        auditor="liis",
        reason="Complaint 2026/41",
        officers="anna, bert",
        begins=taken.when,
        ends=words.moment(1_766_678_400),
        period="",
        used=2,
        used_last=words.moment(1_764_172_800),
        state="open",
    )
    year = replace(grant, reason="Audit of 2025", period=f"{grant.begins} – {grant.ends}", used=0)  # noqa: RUF001 - from, to
    done = [
        ActShown(place, kind, taken.service, taken.purpose, taken.when, f"/me/receipt.json?n={place}" if place > 4 else "")
        for place, kind in enumerate(OWN_ACTS, 4)
    ]
    return CitizenView(
        language,
        country=words.language.country("EE"),
        until=words.moment(1_764_086_400),
        count=3,
        shown=(*done, release, HiddenShown(2, "high"), unsent, objected),
        match=MatchView(
            links=(LinkShown("new", words.language.country("LV"), taken.when, "a" * 32),),
            beside="a",
            country=words.language.country("LT"),
            earlier="a",
            link="/me/link",
            unlink="/me/unlink",
        ),
        grants=(grant, replace(year, state="waiting"), replace(year, state="ended")),
        missing=(),
        over=(12,),
        approvals=(ApprovalShown(taken.service, taken.purpose, taken.when, "parking", "resident-parking"),),
        sign_in="/me/sign-in",
        end="/me/end",
        act="/me/act",
        switch="/me/approval",
        export="/me/copy",
        erase="/me/erase",
        older="/me?page=2",
        address="/me?page=1",
    )


def citizen_copy(pages: Pages, language: str) -> CitizenCopyView:
    """A page of what is kept, with one thing, one recipient and one right."""
    words, taken = pages.wording(language), receipt(pages, language)
    say = words.language.say
    controller = "City of Storkhaven, privacy@storkhaven.example"
    recipient = RecipientShown(
        taken.service, taken.purpose, controller, words.language.duration("P1Y"), (words.text(PURPOSE.recipients[0]),)
    )
    return CitizenCopyView(
        language,
        file="/me/copy.json",
        back="/me",
        kept=((say("me.kept.records"), say("me.kept.records_time")),),
        recipients=(recipient,),
        rights=(say("me.right.access"),),
        address="/me/copy",
    )


def _again(render: Callable[[V, str], str], view: V) -> Callable[[], str]:
    """A page without an address of its own, which holds itself sealed."""
    return lambda: render(view, "c2VhbGVk")


def _bound(render: Callable[[V], str], view: V) -> Callable[[], str]:
    return lambda: render(view)
