"""The demo city's web site: three services, each a relying party of its own at the broker, and one that speaks SAML.

A page lists the services; each signs the citizen in through the broker and then shows exactly what it was given. With
`Accept: application/json` the last page is the same as JSON, for the driver of `ciconia demo --once`.
"""

import html
import json
from collections.abc import Mapping
from typing import Literal

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from connectors.signatures.signer import Signer
from idp.demo.citizens import CITY
from idp.demo.library import NAME, AssertionRead, Library
from idp.demo.relying_party import AnswerRefusedError, RelyingPartyOfCity, Service, SignedIn
from idp.web.requests import cookies, form, query
from policies.assurance import LevelOfAssurance

STATE_LIFE = 900
STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:38rem;margin:3rem auto;padding:0 1rem;color-scheme:light dark}"
    "a.b{display:block;padding:1rem;margin:.7rem 0;border:2px solid;border-radius:.5rem}"
    "dt{font-weight:bold}dd{margin:0 0 .7rem;overflow-wrap:anywhere}"
)


def services(base: str, secrets_of: Mapping[str, str], signer: Signer) -> tuple[Service, ...]:
    """The city's services of OpenID Connect. The first two share a sector and so a `sub`; the third has another one."""

    def redirect(name: str) -> str:
        return f"{base}/{name}/callback"

    return (
        Service(
            client_id="parking",
            title="Resident parking",
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
            title="Concession fare",
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
            title="Participatory budgeting",
            purpose="participatory-budget",
            scope="",
            redirect_uri=redirect("budget"),
            alg="RS256",
            minimum=LevelOfAssurance.SUBSTANTIAL,
            required=("age_over_16", "resident_of"),
            secret=secrets_of["budget"],
        ),
    )


class City:
    """The web site at `base`, whose services sign in at the broker with this issuer. `library` is the one of SAML."""

    def __init__(self, *, base: str, issuer: str, services: tuple[Service, ...], library: Library | None = None) -> None:
        self.base = base
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
        def front() -> Response:
            links = "".join(
                f'<a class="b" href="/{name}/login">{html.escape(party.title)}: sign in with your eID</a>'
                for name, party in self._all.items()
            )
            return _page(f"City of {CITY}", f"<p>Which service do you want to use?</p>{links}")

        @app.get("/{name}/login")
        def login(name: str) -> Response:
            party = self._all.get(name)
            if party is None:
                return _page("Not here", "<p>This city has no such service.</p>", 404)
            try:
                url, state = party.begin()
            except AnswerRefusedError:
                again = f'<a href="/{name}/login">Try again</a> in a minute.'
                return _page("Not now", f"<p>The broker does not answer, and nobody can sign in. {again}</p>", 503)
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
        def metadata() -> Response:
            if self._library is None:
                return _page("Not here", "<p>This city has no such service.</p>", 404)
            return Response(self._library.metadata(), media_type="application/samlmetadata+xml")

        @app.get("/{name}/callback")
        def answered(name: str, request: Request) -> Response:
            return self._answered(name, request, query(request))

        @app.post("/{name}/callback")
        async def posted(name: str, request: Request) -> Response:
            return self._answered(name, request, await form(request))

        return app

    def _answered(self, name: str, request: Request, answer: Mapping[str, str]) -> Response:
        party = self._all.get(name)
        if party is None:
            return _page("Not here", "<p>This city has no such service.</p>", 404)
        as_json = request.headers.get("accept") == "application/json"
        try:
            signed_in = party.receive(answer, cookies(request).get(_cookie(name), ""))
        except AnswerRefusedError as error:
            if as_json:
                return JSONResponse({"refused": str(error)}, 403)
            why = f"<p>{html.escape(party.title)} could not sign you in ({html.escape(str(error))}).</p>"
            again = f'<p><a href="/{name}/login">Try again</a></p><p><a href="/">Back to the city</a></p>'
            return _page("Not signed in", why + again, 403)
        if as_json:
            return JSONResponse(signed_in.as_json())
        return _page(party.title, _shown(signed_in))


def _shown(signed_in: SignedIn | AssertionRead) -> str:
    rows = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(json.dumps(value, ensure_ascii=False))}</dd>"
        for name, value in sorted(signed_in.given.items())
    )
    return (
        "<p>You are signed in. This is all that this service was told about you:</p>"
        f"<dl>{rows}</dl><p>Assurance: {html.escape(signed_in.loa)}</p>"
        '<p><a href="/">Back to the city</a></p>'
    )


def _cookie(name: str) -> str:
    return f"state-{name}"


def _page(title: str, body: str, status: int = 200) -> Response:
    return HTMLResponse(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style><main><h1>{html.escape(title)}</h1>{body}</main></html>",
        status,
        headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"},
    )
