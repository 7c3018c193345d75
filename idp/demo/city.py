"""The demo city's web site: its services, each a relying party of its own at the broker, and one that speaks SAML.

A page lists the services. Each signs the citizen in through the broker, decides, and shows what it was told and what not.
With `Accept: application/json` the last page is the same as JSON, for the driver of `ciconia demo --once`.
"""

import json
from collections.abc import Mapping
from typing import Literal

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from connectors.signatures.signer import Signer
from idp.demo.citizens import citizen
from idp.demo.library import NAME, Library
from idp.demo.relying_party import AnswerRefusedError, RelyingPartyOfCity, Service
from idp.demo.words import (
    CHOSEN,
    CLAIMS,
    EVERY_SERVICE,
    LANGUAGES,
    PHRASES,
    Person,
    answer_of,
    kept_back,
    language_of,
    page,
)
from idp.web.requests import cookies, form, query
from policies.assurance import LevelOfAssurance, level_named

STATE_LIFE = 900
# The client that never hears of a no: its registration says `enforce`
ENFORCED = "energy"
# The client that takes representatives of companies
PERMIT = "permit"
SAML, OPENID = "SAML 2.0", "OpenID Connect"
PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def services(base: str, secrets_of: Mapping[str, str], signer: Signer) -> tuple[Service, ...]:
    """The city's services of OpenID Connect. The first two share a sector and so a `sub`; the third has another one."""

    def redirect(name: str) -> str:
        return f"{base}/{name}/callback"

    return (
        Service(
            client_id="parking",
            purpose="resident-parking",
            scope="profile email address",
            redirect_uri=redirect("parking"),
            alg="ES256",
            minimum=LevelOfAssurance.SUBSTANTIAL,
            required=("age_over_18", "resident_of"),
            secret=secrets_of["parking"],
        ),
        Service(
            client_id="fares",
            purpose="concession-fare",
            scope="",
            redirect_uri=redirect("fares"),
            alg="ES256",
            minimum=LevelOfAssurance.LOW,
            required=("age_over_60",),
            signer=signer,
        ),
        Service(
            client_id="budget",
            purpose="participatory-budget",
            scope="",
            redirect_uri=redirect("budget"),
            alg="RS256",
            minimum=LevelOfAssurance.SUBSTANTIAL,
            required=("age_over_16", "resident_of"),
            secret=secrets_of["budget"],
        ),
    )


def energy(base: str, secret: str) -> Service:
    """The service whose answers only the city's own card has. The broker ends a sign-in whose answer is no."""
    return Service(
        client_id=ENFORCED,
        purpose="energy-subsidy",
        scope="",
        redirect_uri=f"{base}/{ENFORCED}/callback",
        alg="ES256",
        minimum=LevelOfAssurance.SUBSTANTIAL,
        required=("household_income_below", "resident_of"),
        secret=secret,
    )


def harbour_permit(base: str, secret: str) -> Service:
    """The service that takes people and representatives of companies. It would like to have more than it needs."""
    wanted = ("birthdate", "email", "legal_name", "mandate")
    return Service(
        client_id=PERMIT,
        purpose="harbour-permit",
        scope="",
        redirect_uri=f"{base}/{PERMIT}/callback",
        alg="ES256",
        minimum=LevelOfAssurance.SUBSTANTIAL,
        required=("age_over_18",),
        secret=secret,
        claims=json.dumps({"userinfo": dict.fromkeys(wanted)}),
    )


class City:
    """The web site at `base`, whose services sign in at the broker with this issuer. `library` is the one of SAML."""

    def __init__(self, *, base: str, issuer: str, services: tuple[Service, ...], library: Library | None = None) -> None:
        self.base, self._issuer = base, issuer
        self._parties = {service.client_id: RelyingPartyOfCity(service, issuer) for service in services}
        self._library = library
        self._all: dict[str, RelyingPartyOfCity | Library] = {**self._parties, **({NAME: library} if library else {})}

    def close(self) -> None:
        """Closes the services' connections to the broker."""
        for party in self._all.values():
            party.close()

    def app(self) -> FastAPI:
        """The web application."""
        app = FastAPI(openapi_url=None)

        @app.get("/")
        def front(request: Request) -> Response:
            if (chosen := query(request).get(CHOSEN, "")) not in LANGUAGES:
                speaks = {name: SAML if party is self._library else OPENID for name, party in self._all.items()}
                return _html(front_page(speaks, language_of(request), self._own_page))
            response = RedirectResponse("/", 303)
            # The library's answer is posted by another site, and its page speaks the same language
            response.set_cookie(CHOSEN, chosen, httponly=True, samesite="none", secure=True)
            return response

        @app.get("/{name}/login")
        def login(name: str, request: Request) -> Response:
            language = language_of(request)
            party = self._all.get(name)
            if party is None:
                return self._no_service(language)
            try:
                url, state = party.begin(language if CHOSEN in cookies(request) else "")
            except AnswerRefusedError:
                return _ended(name, language, 503, heading="not_now", says=["no_broker"])
            response = RedirectResponse(url, 303)
            # The answer by SAML is a form that another site posts: browsers bring no other cookie with it
            site: Literal["none", "lax"] = "none" if party is self._library else "lax"
            response.set_cookie(
                _cookie(name),
                state,
                max_age=STATE_LIFE,
                httponly=True,
                samesite=site,
                secure=site == "none",
                path=f"/{name}/",
            )
            return response

        @app.get(f"/{NAME}/metadata")
        def metadata(request: Request) -> Response:
            if self._library is None:
                return self._no_service(language_of(request))
            return Response(self._library.metadata(), media_type="application/samlmetadata+xml")

        @app.get("/{name}/callback")
        def answered(name: str, request: Request) -> Response:
            return self._answered(name, request, query(request))

        @app.post("/{name}/callback")
        async def posted(name: str, request: Request) -> Response:
            return self._answered(name, request, await form(request))

        return app

    @property
    def _own_page(self) -> str:
        """The citizen's own page, at the broker."""
        return f"{self._issuer}/me"

    def _answered(self, name: str, request: Request, answer: Mapping[str, str]) -> Response:
        language = language_of(request)
        party = self._all.get(name)
        if party is None:
            return self._no_service(language)
        as_json = request.headers.get("accept") == "application/json"
        try:
            signed_in = party.receive(answer, cookies(request).get(_cookie(name), ""))
        except AnswerRefusedError as error:
            if as_json:
                return JSONResponse({"refused": str(error)}, 403)
            says = _why(name, error.ended)
            return _ended(name, language, 403, heading="not_signed_in", says=says, code=str(error))
        if as_json:
            outcome = EVERY_SERVICE[name].decided(signed_in.given)
            decided = {"granted": outcome.granted, "title": outcome.title["en"], "says": outcome.says["en"]}
            kept = kept_back(name, signed_in.given, "en")
            return JSONResponse({**signed_in.as_json(), "decided": decided, "not_told": kept})
        return _html(told_page(name, signed_in.given, signed_in.loa, language, self._own_page))

    def _no_service(self, language: str) -> Response:
        return _ended("", language, 404, heading="not_here", says=["no_service"])


def front_page(speaks: Mapping[str, str], language: str, own_page: str) -> str:
    """The page that lists the services, each with the protocol that it speaks."""
    listed = []
    for name, protocol in speaks.items():
        words = EVERY_SERVICE[name]
        listed.append(
            {
                "name": name,
                "title": words.title[language],
                "lead": words.lead[language],
                "learns": [CLAIMS[claim][language] for claim in words.learns],
                "people": [_person(one, language) for one in words.people],
                "protocol": protocol,
            }
        )
    heading, shown = PHRASES["front"][language], {"services": listed, "languages": LANGUAGES, "me": own_page}
    return page("front.html", language, heading=heading, home=False, **shown)


def told_page(name: str, given: Mapping[str, object], loa: str, language: str, own_page: str) -> str:
    """A service's decision in words, all that it was told, and what it was not."""
    words = EVERY_SERVICE[name]
    outcome, level = words.decided(given), level_named(loa)
    letter = f"{words.letter[language]} {given['email']}" if words.letter and "email" in given else ""
    return page(
        "told.html",
        language,
        heading=outcome.title[language],
        service=words.title[language],
        says=outcome.says[language],
        granted=outcome.granted,
        letter=letter,
        rows=[_row(claim, value, language) for claim, value in sorted(given.items())],
        kept=kept_back(name, given, language),
        assurance=PHRASES[level.label][language] if level else "",
        loa=loa,
        me=own_page,
        home=True,
    )


def _why(name: str, ended: str) -> list[str]:
    """The phrases that say why nobody is signed in, by the error with which the broker ended it; "" for a false answer."""
    denied = {NAME: "stopped_or_weak", ENFORCED: "stopped_or_no"}.get(name, "stopped")
    why = {"access_denied": denied, "unmet_authentication_requirements": "too_weak"}.get(ended, "not_believed")
    return [why] if why == "not_believed" else [why, "nothing_told"]


def _person(one: Person, language: str) -> dict[str, str]:
    """A citizen to try a service as."""
    known = citizen(one.citizen)
    name = known.attributes["given_name"] if known else one.citizen
    latin = known.latin.get("given_name", "") if known else ""
    place, answer = (PHRASES[key][language] for key in (one.at, one.answer))
    return {"name": f"{name} / {latin}" if latin else name, "place": place, "answer": answer}


def _row(claim: str, value: object, language: str) -> dict[str, str]:
    """One thing that a service was told: the question, the answer in words, and the claim as the program got it."""
    raw = f"{claim}: {json.dumps(value, ensure_ascii=False)}"
    answer = answer_of(value)
    said = PHRASES["yes" if answer else "no"][language] if answer is not None else ""
    question = CLAIMS.get(claim, {}).get(language, claim)
    return {"question": question, "answer": said, "raw": raw}


def _cookie(name: str) -> str:
    return f"state-{name}"


def _ended(name: str, language: str, status: int, *, heading: str, says: list[str], code: str = "") -> Response:
    words = EVERY_SERVICE.get(name)
    return _html(
        page(
            "ended.html",
            language,
            heading=PHRASES[heading][language],
            service=words.title[language] if words else "",
            says=[PHRASES[one][language] for one in says],
            again=f"/{name}/login" if words else "",
            code=code,
            home=True,
        ),
        status,
    )


def _html(text: str, status: int = 200) -> Response:
    return HTMLResponse(text, status, headers=PRIVATE)
