"""One browser and one service in a case's hands. They follow nothing by themselves, and send whatever they are told to.

Unlike the demo's browser this one can lie: any header, cookie, field or address may be another's, or left out.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from lxml import html

from connectors.signatures.jws import base64url
from idp.demo.loopback import client, send
from idp.selftest.live.stage import FIRST, Stage
from idp.web.login_cookies import STRICT
from idp.web.requests import FORM_TYPE

SCOPE = "openid purpose:resident-parking profile email address"
CITIZEN = "mari"


class AstrayError(Exception):
    """A step that had to succeed before a case could be tried did not. `args[0]` says which, without a value."""


@dataclass(frozen=True, slots=True)
class BrokerAnswer:
    """An answer of the broker."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    text: str = field(repr=False)

    @property
    def json(self) -> Mapping[str, object]:
        """The body as a JSON object; an empty one where it is none."""
        try:
            body = json.loads(self.text)
        except ValueError:
            return {}
        return body if isinstance(body, dict) else {}

    @property
    def fields(self) -> dict[str, str]:
        """The hidden fields of the page's form."""
        forms = html.document_fromstring(self.text or "<p>").iter("form")
        own = (form for form in forms if form.get("id") != "languages")
        inputs = [one for form in own for one in form.iterfind(".//input[@type='hidden']")]
        return {str(one.get("name")): one.get("value", "") for one in inputs}

    @property
    def back(self) -> dict[str, str]:
        """The parameters that the browser brings to a service: those of the redirect, or of the page's one link."""
        if location := self.headers.get("location"):
            return dict(parse_qsl(urlsplit(location).query))
        links = self.found("//main//a[@class='button']/@href")
        return dict(parse_qsl(urlsplit(links[0]).query)) if links else {}

    def found(self, xpath: str) -> list[str]:
        """The texts that an xpath finds."""
        result = html.document_fromstring(self.text).xpath(xpath) if self.text else []
        return [str(one) for one in result] if isinstance(result, list) else []

    def expect(self, step: str, *statuses: int) -> Self:
        """Itself, where the step went as it has to: to a page or on to a service, or as said. Raises `AstrayError`."""
        if self.status not in (statuses or (200, 303)):
            raise AstrayError(f"{step} answered {self.status}")
        return self


class Visitor:
    """One browser in front of the stage, with its own cookie jar, and the parking service that it came from."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.jar: dict[str, str] = {}
        self.verifier = secrets.token_urlsafe(32)
        self._http = client()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def go(
        self,
        method: str,
        path: str,
        *,
        fields: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str | None] | None = None,
        jar: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> BrokerAnswer:
        """One request to the broker. Headers are those of an honest navigation, but for `headers`; None leaves one out."""
        sent: dict[str, str | None] = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "accept-language": "en"}
        if method == "POST":
            sent |= {"content-type": FORM_TYPE, "origin": self.stage.issuer, "sec-fetch-site": "same-origin"}
            body = urlencode(fields or {}).encode() if body is None else body
        cookies = self.jar if jar is None else jar
        sent["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items()) or None
        host = f"127.0.0.1:{port}" if port else urlsplit(self.stage.issuer).netloc
        sent |= {"host": host, **(headers or {})}
        kept = {name: value for name, value in sent.items() if value is not None}
        target = f"http://127.0.0.1:{port or self.stage.port}{path}"
        response = self._http.request(method, target, headers=kept, content=body)
        self._keep(response.headers.get_list("set-cookie"))
        return BrokerAnswer(response.status_code, dict(response.headers), response.text)

    def login(self, **changes: str | None) -> str:
        """Begin a login for the parking service, but for `changes`; its id."""
        client_id = changes.get("client_id") or "parking"
        wanted: dict[str, str | None] = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": self.redirect_uri(client_id),
            "scope": SCOPE,
            "state": secrets.token_urlsafe(16),
            "nonce": secrets.token_urlsafe(16),
            "code_challenge": base64url(hashlib.sha256(self.verifier.encode()).digest()),
            "code_challenge_method": "S256",
            **changes,
        }
        asked = urlencode({name: value for name, value in wanted.items() if value is not None}, quote_via=quote)
        picker = self.go("GET", f"/authorize?{asked}").expect("the authentication request")
        return picker.found("//form[@method='post']/@action")[0].split("/")[2]

    def asked(self, login: str, provider: str = FIRST) -> dict[str, str]:
        """Choose a country: the parameters of the question to its identity provider."""
        answer = self.go("GET", f"/login/{login}/at/{provider}")
        if answer.status == 303:  # noqa: PLR2004 - RFC 9110 §15.4.4
            return dict(parse_qsl(urlsplit(answer.headers["location"]).query))
        return answer.expect("the choice of a country").fields

    def answered(self, question: Mapping[str, str], at: str = "") -> dict[str, str]:
        """Sign in at a country: the fields of its answer. `at` is another country's base than was asked."""
        by_redirect = "Signature" in question
        base = at or (self.stage.country_base if by_redirect else self.stage.second.base)
        carried = {"query": urlencode(question, quote_via=quote)} if by_redirect else {"message": question["SAMLRequest"]}
        fields = {**carried, "relay_state": question["RelayState"], "citizen": CITIZEN}
        headers = {"content-type": FORM_TYPE}
        response = send(self._http, "POST", f"{base}/answer", headers=headers, content=urlencode(fields).encode())
        return BrokerAnswer(response.status_code, {}, response.text).expect("the country's sign-in").fields

    def response(self, login: str = "", provider: str = FIRST) -> dict[str, str]:
        """A fresh answer of a country that was not posted yet."""
        return self.answered(self.asked(login or self.login(), provider))

    def returns(self, fields: Mapping[str, str], *, path: str = "/saml/acs", **headers: str | None) -> BrokerAnswer:
        """Back from the country, by its cross-site form: Strict cookies stay at home."""
        sent = {"origin": self.stage.country_base, "sec-fetch-site": "cross-site", **headers}
        jar = {name: value for name, value in self.jar.items() if not name.startswith(STRICT)}
        return self.go("POST", path, fields=fields, headers=sent, jar=jar)

    def question(self, login: str = "", provider: str = FIRST) -> BrokerAnswer:
        """All the way to the question."""
        return self.returns(self.response(login, provider)).expect("the answer of the country")

    def decides(self, question: BrokerAnswer, choice: str = "approve", **changes: str) -> BrokerAnswer:
        """Press a button of the question, but for `changes`, and go on from the last page."""
        return self.goes_on(self.presses(question, choice, **changes))

    def goes_on(self, page: BrokerAnswer, **headers: str | None) -> BrokerAnswer:
        """Go on from the last page of a login, to which a decision leads; any other page stays."""
        path = page.headers.get("location", "").removeprefix(self.stage.issuer)
        page = self.go("GET", path, headers={"sec-fetch-site": "same-origin"}) if path.endswith("/stay") else page
        links = page.found("//main//a[@class='button'][contains(@href, '/onward')]/@href")
        return self.go("GET", links[0], headers={"sec-fetch-site": "same-origin", **headers}) if links else page

    def presses(self, question: BrokerAnswer, choice: str = "approve", **changes: str) -> BrokerAnswer:
        """Press a button of the question, but for `changes`."""
        fields = {**question.fields, "choice": choice, **changes}
        return self.go("POST", f"/login/{fields['login']}/decision", fields=fields)

    def code(self, **changes: str | None) -> str:
        """A whole login, approved: its code."""
        leaving = self.decides(self.question(self.login(**changes))).expect("the approval")
        return leaving.back["code"]

    def redirect_uri(self, client_id: str = "parking") -> str:
        """Where a service is registered to be answered."""
        return f"{self.stage.city_base}/{client_id}/callback"

    def redeem(
        self,
        code: str,
        changes: Mapping[str, str | None] | None = None,
        *,
        service: str = "parking",
        body: bytes | None = None,
        headers: Mapping[str, str | None] | None = None,
        port: int | None = None,
    ) -> BrokerAnswer:
        """The token endpoint, as a service with a secret calls it, but for `changes` of the fields, and other `headers`."""
        wanted: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri(service),
            "code_verifier": self.verifier,
            **(changes or {}),
        }
        fields = {name: value for name, value in wanted.items() if value is not None}
        if headers is None:
            proven = {"client_assertion", "client_secret"} & set(fields)
            headers = {**DIRECT, "authorization": None if proven else self.basic(service)}
        return self.go("POST", "/token", fields=fields, body=body, headers=headers, jar={}, port=port)

    def token(self) -> str:
        """A whole login, redeemed: its access token."""
        return str(self.redeem(self.code()).expect("the redemption").json["access_token"])

    def userinfo(self, token: str, port: int | None = None) -> BrokerAnswer:
        """The values that an access token opens."""
        return self.go("GET", "/userinfo", headers={**DIRECT, "authorization": f"Bearer {token}"}, jar={}, port=port)

    def basic(self, service: str) -> str:
        """The header by which a service with a secret authenticates (RFC 6749 §2.3.1)."""
        pair = f"{service}:{quote(self.stage.secrets[service], safe='')}"
        return "Basic " + base64.b64encode(pair.encode()).decode()

    def _keep(self, headers: list[str]) -> None:
        for header in headers:
            name, _, rest = header.partition("=")
            value, _, attributes = rest.partition(";")
            if "max-age=0" in attributes.lower():
                self.jar.pop(name, None)
            else:
                self.jar[name] = value


# A program that calls directly sends nothing that a browser sends
DIRECT: Mapping[str, str | None] = dict.fromkeys(
    ("origin", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "accept-language")
)
