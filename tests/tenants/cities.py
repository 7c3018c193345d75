"""Two cities under one roof with the same services, secrets and country: what tells them apart is the tenant alone."""

import base64
import hashlib
import json
import re
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from anyio.from_thread import BlockingPortal
from httpx2 import ASGITransport, AsyncClient, Response
from lxml import html

from connectors.signatures.jws import base64url, sign
from connectors.wire.claims import Json
from idp.application.tenants import OpenInstallation
from idp.config.settings import load_settings
from idp.demo.country import Country
from idp.demo.scene import city_secrets, secret_words, write_jwks
from idp.demo.templates import write_templates
from idp.keys.file import FileSigner, create_saml_key, load_signer
from idp.keys.folder import create_keys
from idp.ports import Unit
from idp.protocols.oidc.trial import new_link, trial_request
from idp.store.migrate import migrate
from idp.web.login_cookies import KEEPS
from policies.parties import ClientId

NAMES = ("alder", "birch")
SITE = "http://storkhaven.localhost:8402"
IDP = "http://estonia.localhost:8401"
VERIFIER = "a-verifier-of-43-characters-and-a-few-more-0123"
CHALLENGE = base64url(hashlib.sha256(VERIFIER.encode()).digest())
FORM = "application/x-www-form-urlencoded"
WIDE = "\n[limits]\nbegin_address = 1000000\nbegin_party = 1000000\nfailures = 1000000\npages = 1000000\n"


def issuer(name: str) -> str:
    return f"http://{name}.localhost:8400"


@dataclass
class Cities:
    """The folders, the country of each, and what the services authenticate with."""

    folder: Path
    secrets: Mapping[str, str]
    fares: FileSigner
    countries: dict[str, Country] = field(default_factory=dict)


def build(folder: Path, databases: Mapping[str, str]) -> Cities:
    """Write tenants with these names; `databases` is the setting of each."""
    outside = folder.parent / f"{folder.name}-outside"
    outside.mkdir(parents=True)
    secret, fares = city_secrets(outside)
    create_saml_key(outside / "country.pem", "estonia.localhost")
    cities = Cities(folder, secret, fares)
    for name in databases:
        tenant = folder / "tenants" / name
        words = {"@ISSUER@": issuer(name), "@PORT@": "8400", "@CITY@": SITE, "@COUNTRY@": IDP, **secret_words(secret)}
        write_templates(resources.files("idp.demo").joinpath("receiving"), tenant, words)
        text = (tenant / "ciconia.toml").read_text(encoding="utf-8")
        (tenant / "ciconia.toml").write_text(f'database = "{databases[name]}"\n{text}{WIDE}', encoding="utf-8")
        settings = load_settings(tenant)
        create_keys(settings.key_folder, settings.origin, settings.tenant, demo=True)
        write_jwks(tenant / "parties" / "fares.jwks.json", fares)
        cities.countries[name] = Country(
            base=IDP,
            title="Estonia",
            key_pem=(outside / "country.pem").read_bytes(),
            certificate_der=load_signer(outside / "country.pem").certificate,
            broker_certificate=load_signer(settings.key_folder / "saml.pem").certificate,
        )
        (tenant / "metadata").mkdir()
        (tenant / "metadata" / "demo-ee.xml").write_bytes(cities.countries[name].metadata())
        migrate(settings.database_url)
    (folder / "ciconia.toml").write_text('listen = "127.0.0.1:8400"\n', encoding="utf-8")
    return cities


def on_postgres(cities: Cities, to: Path, url: str) -> Cities:
    """The same cities, with the same keys, on one database."""
    shutil.copytree(cities.folder, to)
    migrate(url)
    for settings in to.glob("tenants/*/ciconia.toml"):
        text = settings.read_text(encoding="utf-8").replace('database = "ciconia.db"', f'database = "{url}"')
        settings.write_text(text, encoding="utf-8")
    return replace(cities, folder=to)


@dataclass(frozen=True)
class Call:
    """One request, in the parts that it is made of."""

    method: str
    path: str
    parts: Mapping[str, str] = field(default_factory=dict)  # of the path: {login}, {provider}
    cookies: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    bearer: str = ""
    basic: str = ""
    cross_site: bool = False
    direct: bool = False

    @property
    def slots(self) -> list[tuple[str, str]]:
        """Every place of this request that something of another tenant can stand in."""
        found = [("part", name) for name in self.parts] + [("cookie", name) for name in self.cookies]
        found += [("form", name) for name in self.form or {}] + [("query", name) for name in self.query]
        return found + ([("bearer", "")] if self.bearer else [])

    def value(self, slot: tuple[str, str]) -> str:
        kind, name = slot
        found = {"part": self.parts, "cookie": self.cookies, "form": self.form or {}, "query": self.query}
        return self.bearer if kind == "bearer" else found[kind][name]

    def put(self, slot: tuple[str, str], value: str) -> "Call":
        """The same request with another value in one place."""
        kind, name = slot
        match kind:
            case "part":
                return replace(self, parts={**self.parts, name: value})
            case "cookie":
                return replace(self, cookies={**self.cookies, name: value})
            case "form":
                return replace(self, form={**(self.form or {}), name: value})
            case "query":
                return replace(self, query={**self.query, name: value})
            case _:
                return replace(self, bearer=value)


class Town:
    """One tenant as a browser and its services see it."""

    def __init__(self, name: str, cities: Cities, opened: OpenInstallation, portal: BlockingPortal) -> None:
        self.name, self.cities, self.portal = name, cities, portal
        self.issuer = issuer(name)
        self.application = opened.tenants[name]
        self._http = AsyncClient(transport=ASGITransport(opened.asgi), base_url=self.issuer)
        self._country = AsyncClient(transport=ASGITransport(cities.countries[name].app()), base_url=IDP)

    def send(self, call: Call) -> Response:
        """Send a request as a browser's honest navigation, or as a program that calls directly."""
        path = call.path
        for name, value in call.parts.items():
            path = path.replace("{" + name + "}", quote(value, safe=""))
        headers = {} if call.direct else {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
        if call.form is not None:
            headers["content-type"] = FORM
            if not call.direct:
                headers["origin"] = IDP if call.cross_site else self.issuer
                headers["sec-fetch-site"] = "cross-site" if call.cross_site else "same-origin"
        if call.cookies:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in call.cookies.items())
        if call.bearer:
            headers["authorization"] = f"Bearer {call.bearer}"
        if call.basic:
            pair = f"{call.basic}:{quote(self.cities.secrets[call.basic], safe='')}"
            headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        address = f"{self.issuer}{path}" + (f"?{urlencode(call.query)}" if call.query else "")
        content = urlencode(call.form).encode() if call.form is not None else None

        async def ask() -> Response:
            return await self._http.request(call.method, address, headers=headers, content=content)

        return self.portal.call(ask)

    def request(self) -> dict[str, str]:
        return {
            "response_type": "code",
            "client_id": "parking",
            "redirect_uri": f"{SITE}/parking/callback",
            "scope": "openid purpose:resident-parking profile email address",
            "state": "a-state",
            "nonce": "a-nonce",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }

    def begun(self) -> tuple[str, dict[str, str]]:
        """A login at the picker, and its cookies."""
        return self.at_picker(Call("GET", "/authorize", query=self.request()))

    def at_picker(self, call: Call) -> tuple[str, dict[str, str]]:
        """The login that a request begins, and its cookies."""
        picker = self.send(call)
        assert picker.status_code == 200, picker.text
        (action,) = texts(picker, "//form[@class='cancel']/@action")
        return action.split("/")[2], cookies_of(picker)

    def asked(self) -> tuple[str, dict[str, str], dict[str, str]]:
        """A login whose country was asked: its id, its cookies and the country's answer."""
        return self.at_country(*self.begun())

    def at_country(self, login: str, cookies: dict[str, str]) -> tuple[str, dict[str, str], dict[str, str]]:
        """The same of a login at the picker."""
        parts = {"login": login, "provider": "demo-ee"}
        off = self.send(Call("GET", "/login/{login}/at/{provider}", parts=parts, cookies=cookies))
        assert off.status_code == 303, off.text
        raw = urlsplit(off.headers["location"]).query
        fields = {"query": raw, "relay_state": dict(parse_qsl(raw))["RelayState"], "citizen": "mari"}

        async def ask() -> Response:
            content = urlencode(fields).encode()
            return await self._country.post("/answer", headers={"content-type": FORM}, content=content)

        answer = self.portal.call(ask)
        assert answer.status_code == 200, answer.text
        return login, cookies_of(off), hidden(answer)

    def decided(self) -> tuple[str, dict[str, str], dict[str, str]]:
        """A login at its question: its id, its cookies and the form's fields."""
        login, cookies, fields = self.asked()
        page = self.send(Call("POST", "/saml/acs", cookies=cookies, form=fields, cross_site=True))
        assert page.status_code == 200, page.text
        return login, {**cookies, **cookies_of(page)}, hidden(page)

    def visit(self) -> str:
        """The handle of a session of the citizen's page."""
        _, cookies, fields = self.at_country(*self.at_picker(Call("POST", "/me/sign-in", form={})))
        onward = self.send(Call("POST", "/saml/acs", cookies=cookies, form=fields, cross_site=True))
        assert onward.status_code == 200, onward.text
        return cookies_of(onward)["__Host-me"]

    def link(self) -> str:
        """The secret of a link for a test login of the parking service."""
        city, tenant = self.application.city, self.application.settings.tenant
        asked = trial_request(city.role.configuration.parties[ClientId("parking")], scope="openid purpose:resident-parking")
        link, row = new_link(self.issuer, city.sealer, asked, city.clock())
        self.application.store.commit(Unit(tenant=tenant, parked=(row,)))
        return dict(parse_qsl(urlsplit(link).query))["link"]

    def pressed(self) -> tuple[str, dict[str, str], str]:
        """A login whose citizen approved and has not gone on, its cookie, and the handle of the receipt."""
        login, cookies, fields = self.decided()
        form = {**fields, "choice": "approve"}
        done = self.send(Call("POST", "/login/{login}/decision", parts={"login": login}, cookies=cookies, form=form))
        assert done.status_code == 303, done.text
        strict = f"__Host-a-{login}"
        return login, {strict: cookies_of(done)[strict]}, cookies_of(done)["__Host-receipt"]

    def link_to_receipt(self, login: str, cookies: dict[str, str]) -> str:
        """The secret of the link by which a phone has the receipt."""
        page = self.send(Call("GET", "/login/{login}/stay", parts={"login": login}, cookies=cookies))
        return texts(page, "//main//code/text()")[0].partition("link=")[2]

    def approved(self) -> tuple[str, str]:
        """A code, and the handle of a receipt."""
        login, cookies, receipt = self.pressed()
        gone = self.send(Call("GET", "/login/{login}/onward", parts={"login": login}, cookies=cookies))
        assert gone.status_code == 303, gone.text
        return dict(parse_qsl(urlsplit(gone.headers["location"]).query))["code"], receipt

    def redeeming(self, code: str) -> Call:
        """The request by which the parking service redeems a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": f"{SITE}/parking/callback",
            "code_verifier": VERIFIER,
        }
        return Call("POST", "/token", form=form, basic="parking", direct=True)

    def tokens(self) -> dict[str, str]:
        """An access token and an id_token."""
        answer = self.send(self.redeeming(self.approved()[0]))
        assert answer.status_code == 200, answer.text
        found = json.loads(answer.text)
        return {name: str(found[name]) for name in ("access_token", "id_token")}

    def assertion(self) -> str:
        """The fares service's proof of who it is, for this tenant."""
        now = int(time.time())
        claims: dict[str, Json] = {
            "iss": "fares",
            "sub": "fares",
            "aud": self.issuer,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + 60,
        }
        return sign(claims, self.cities.fares, alg="ES256", typ="JWT")


def cookies_of(answer: Response) -> dict[str, str]:
    """The cookies that an answer sets, but for the one that is the same of all tenants and browsers."""
    found: dict[str, str] = {}
    for header in answer.headers.get_list("set-cookie"):
        pair, *rest = header.split("; ")
        name, _, value = pair.partition("=")
        if "Max-Age=0" not in rest and name != KEEPS:
            found[name] = value
    return found


def hidden(answer: Response) -> dict[str, str]:
    """The hidden fields of a page's form."""
    inputs = "//form//input[@type='hidden']"
    return dict(zip(texts(answer, f"{inputs}/@name"), texts(answer, f"{inputs}/@value"), strict=True))


def texts(answer: Response, xpath: str) -> list[str]:
    """The texts that an xpath finds in a page."""
    found = html.document_fromstring(answer.text).xpath(xpath)
    assert isinstance(found, list)
    return [str(one) for one in found]


def plain(text: str) -> str:
    """A page without what is random in it."""
    return re.sub(r"[A-Za-z0-9_-]{10,}", "*", text)
