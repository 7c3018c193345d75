"""A browser in a test's hands: it keeps cookies as they were set, and sends whatever it is told to send.

Unlike `idp.demo.browser` it follows nothing by itself, and every header can be changed or left out.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, Self
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import httpx2
from lxml import html

from connectors.signatures.jws import base64url
from idp.demo.loopback import client, send
from idp.selftest.live.visitor import BrokerAnswer
from tests.idp.staging import StageT
from tests.idp.web.stage import Stage

VERIFIER = "a-verifier-of-43-characters-and-a-few-more-0123"
CHALLENGE = base64url(hashlib.sha256(VERIFIER.encode()).digest())

FORM_TYPE = "application/x-www-form-urlencoded"
# A program that calls directly sends nothing that a browser sends
DIRECT: Mapping[str, str | None] = dict.fromkeys(
    ("origin", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "accept-language")
)


@dataclass(frozen=True)
class SetCookie:
    """One Set-Cookie header, taken apart; attributes in lower case."""

    name: str
    value: str
    attributes: Mapping[str, str]

    @classmethod
    def read(cls, header: str) -> "SetCookie":
        pair, *rest = header.split("; ")
        name, _, value = pair.partition("=")
        return cls(name, value, {key.lower(): held for key, _, held in (part.partition("=") for part in rest)})


@dataclass(frozen=True)
class Answer(BrokerAnswer):
    """A server's answer."""

    headers: httpx2.Headers

    @property
    def cookies(self) -> dict[str, SetCookie]:
        found = [SetCookie.read(header) for header in self.headers.get_list("set-cookie")]
        assert len({cookie.name for cookie in found}) == len(found), "one cookie was set twice"
        return {cookie.name: cookie for cookie in found}

    @property
    def tree(self) -> html.HtmlElement:
        return html.document_fromstring(self.text or "<p>")

    def found(self, xpath: str) -> list[str]:
        """The texts that an xpath finds."""
        result = self.tree.xpath(xpath)
        return [str(one) for one in result] if isinstance(result, list) else [str(result)]

    @property
    def heading(self) -> str:
        return " ".join(self.found("string(//h1)")[0].split())

    @property
    def onward(self) -> str:
        """Where the browser goes from here, by a redirect or by a page that leads on."""
        return self.headers["location"] if self.status == 303 else self.found("//main//a[@class='button']/@href")[0]

    @property
    def reference(self) -> str:
        return self.found("string(//code)")[0]


def of_mari(text: str) -> list[str]:
    """Mari's values in a text. Her year counts as a word or in a date: a random id may hold its four digits."""
    return re.findall(r"(?i)maasikas|canal street|49002280001|19900228|(?<!\w)1990(?!\w)", text)


def query_of(url: str) -> dict[str, str]:
    pairs = parse_qsl(urlsplit(url).query, strict_parsing=True, keep_blank_values=True)
    assert len(dict(pairs)) == len(pairs), "a parameter stands twice"
    return dict(pairs)


@dataclass
class WebBrowser(Generic[StageT]):
    """One browser in front of a stage. `port` sends to another broker than the stage's own, under the same name."""

    stage: StageT
    jar: dict[str, str] = field(default_factory=dict)
    port: int | None = None
    http: httpx2.Client = field(default_factory=client)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def go(
        self,
        method: str,
        path: str,
        *,
        fields: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str | None] | None = None,
        jar: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request to the broker. Headers are a browser's on an honest navigation, but for `headers`."""
        sent: dict[str, str | None] = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "accept-language": "en"}
        if method == "POST":
            sent |= {"content-type": FORM_TYPE, "origin": self.stage.issuer, "sec-fetch-site": "same-origin"}
            body = urlencode(fields or {}).encode() if body is None else body
        cookies = self.jar if jar is None else jar
        sent["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items()) or None
        sent |= headers or {}
        kept = {name: value for name, value in sent.items() if value is not None}
        host = urlsplit(self.stage.issuer).netloc
        target = f"http://127.0.0.1:{self.port or host.rpartition(':')[2]}{path}"
        raw = [(name.encode(), value.encode("latin-1")) for name, value in {**kept, "host": host}.items()]
        response = self.http.request(method, target, headers=raw, content=body)
        answer = Answer(response.status_code, response.headers, response.text)
        for cookie in answer.cookies.values():
            if cookie.attributes.get("max-age") == "0":
                self.jar.pop(cookie.name, None)
            else:
                self.jar[cookie.name] = cookie.value
        return answer

    def lands(self, answer: Answer) -> Answer:
        """The last page of a login, where a decision's answer leads there; any other answer stays."""
        path = answer.headers.get("location", "").removeprefix(self.stage.issuer)
        return self.go("GET", path, headers={"sec-fetch-site": "same-origin"}) if path.endswith("/stay") else answer

    def goes_on(self, page: Answer) -> Answer:
        """Go on from the last page of a login; any other page stays."""
        page = self.lands(page)
        links = page.found("//main//a[@class='button'][contains(@href, '/onward')]/@href") if page.status == 200 else []
        return self.go("GET", links[0], headers={"sec-fetch-site": "same-origin"}) if links else page

    def comes_back(
        self,
        path: str,
        origin: str,
        fields: Mapping[str, str],
        headers: Mapping[str, str | None] | None = None,
        jar: Mapping[str, str] | None = None,
    ) -> Answer:
        """Another site's form, to which Strict cookies do not go."""
        cookies = self.jar if jar is None else jar
        kept = {name: value for name, value in cookies.items() if not name.startswith("__Host-a-")}
        sent: dict[str, str | None] = {"origin": origin, "sec-fetch-site": "cross-site", **(headers or {})}
        return self.go("POST", path, fields=fields, headers=sent, jar=kept)


class Visitor(WebBrowser[Stage]):
    """The browser of a citizen who signs in to the city's services."""

    def request(self, **changes: str | None) -> dict[str, str]:
        """An authorization request of the parking service that is accepted, but for `changes`; None leaves one out."""
        client_id = changes.get("client_id") or "parking"
        wanted: dict[str, str | None] = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": f"{self.stage.city_base}/{client_id}/callback",
            "scope": "openid purpose:resident-parking profile email address",
            "state": "a-state",
            "nonce": "a-nonce",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **changes,
        }
        return {name: value for name, value in wanted.items() if value is not None}

    def authorize(self, **changes: str | None) -> Answer:
        return self.go("GET", "/authorize?" + urlencode(self.request(**changes), quote_via=quote))

    def push(self, headers: Mapping[str, str | None] | None = None, **changes: str | None) -> Answer:
        """Push the same request, as the parking service does, but for `changes`."""
        called = {**DIRECT, "authorization": self.basic("parking")} if headers is None else headers
        return self.go("POST", "/par", fields=self.request(**changes), headers=called, jar={})

    def comes_with(self, request_uri: object, client_id: str = "parking", **beside: str) -> Answer:
        """The browser comes with the reference of a pushed request."""
        return self.go("GET", f"/authorize?{urlencode({'client_id': client_id, 'request_uri': request_uri, **beside})}")

    def login(self, **changes: str | None) -> str:
        """Begin a login; its id."""
        picker = self.authorize(**changes)
        assert picker.status == 200, picker.text
        return login_of(picker)

    @property
    def newest(self) -> str:
        """The id of the login that this browser began last, whichever page came of it."""
        return [name.removeprefix("__Host-l-") for name in self.jar if name.startswith("__Host-l-")][-1]

    def asks(self, login: str, provider: str = "demo-ee", *ticked: str) -> Answer:
        """Choose a country; where that has boxes of what is optional, with these ticked."""
        path = f"/login/{login}/at/{provider}"
        answer = self.go("GET", path)
        if answer.status == 200 and answer.found("//form[@id='choice']/@id"):
            return self.go("POST", path, fields={f"share.{name}": "yes" for name in ticked})
        return answer

    def asked(self, login: str, provider: str = "demo-ee") -> dict[str, str]:
        """Choose a country: the parameters of the question to its identity provider."""
        answer = self.asks(login, provider)
        return query_of(answer.onward) if answer.status == 303 or not answer.fields else answer.fields

    def signs_in(self, question: Mapping[str, str], citizen: str = "mari") -> dict[str, str]:
        """At the country: the fields that its answer has."""
        base = self.stage.country_base if "Signature" in question else self.stage.latvia.base
        carried = (
            {"query": urlencode(question, quote_via=quote)}
            if "Signature" in question
            else {"message": question["SAMLRequest"]}
        )
        fields = {**carried, "relay_state": question["RelayState"], "citizen": citizen}
        response = send(
            self.http, "POST", f"{base}/answer", headers={"content-type": FORM_TYPE}, content=urlencode(fields).encode()
        )
        assert response.status_code == 200, response.text
        return Answer(200, response.headers, response.text).fields

    def returns(self, fields: Mapping[str, str], **headers: str | None) -> Answer:
        """Back from the country, by its cross-site form."""
        return self.comes_back("/saml/acs", self.stage.country_base, fields, headers)

    def question(self, citizen: str = "mari", provider: str = "demo-ee", **changes: str | None) -> Answer:
        """All the way to the approval page."""
        page = self.returns(self.signs_in(self.asked(self.login(**changes), provider), citizen))
        assert page.status == 200, page.text
        return page

    def decides(self, question: Answer, choice: str = "approve", *, ticked: Mapping[str, str] | None = None) -> Answer:
        """Press a button of the approval page, and go on from the last page."""
        return self.goes_on(self.presses(question, choice, ticked=ticked))

    def presses(self, question: Answer, choice: str = "approve", *, ticked: Mapping[str, str] | None = None) -> Answer:
        """Press a button of the approval page: the last page, where there is one."""
        return self.lands(self.sends(question, choice, ticked=ticked))

    def sends(self, question: Answer, choice: str = "approve", *, ticked: Mapping[str, str] | None = None) -> Answer:
        """The answer to a press of that button."""
        fields = {**question.fields, "choice": choice, **(ticked or {})}
        return self.go("POST", f"/login/{fields['login']}/decision", fields=fields)

    def cancels(self, login: str) -> Answer:
        """Leave at the picker, and go on from the last page."""
        return self.goes_on(self.go("POST", f"/login/{login}/cancel"))

    def rewords(self, question: Answer, language: str, **fields: str) -> Answer:
        """Press a language of the approval page."""
        sent = {**question.fields, "language": language, **fields}
        return self.go("POST", f"/login/{sent['login']}/language", fields=sent)

    def code(self, citizen: str = "mari", provider: str = "demo-ee", **changes: str | None) -> str:
        """A whole login, approved: its code."""
        leaving = self.decides(self.question(citizen, provider, **changes))
        assert leaving.status in (200, 303), leaving.text
        return leaving.back["code"]

    def redeem(self, code: str | None, *, authorization: str | None = None, **changes: str | None) -> Answer:
        """The token endpoint, as the parking service calls it, but for `changes`."""
        wanted: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": f"{self.stage.city_base}/parking/callback",
            "code_verifier": VERIFIER,
            **changes,
        }
        fields = {name: value for name, value in wanted.items() if value is not None}
        called = {**DIRECT, "authorization": self.basic("parking") if authorization is None else authorization or None}
        return self.go("POST", "/token", fields=fields, headers=called, jar={})

    def userinfo(self, access_token: str) -> Answer:
        return self.go("GET", "/userinfo", headers={**DIRECT, "authorization": f"Bearer {access_token}"}, jar={})

    def basic(self, name: str, secret: str | None = None) -> str:
        pair = f"{name}:{quote(self.stage.service(name).secret if secret is None else secret, safe='')}"
        return "Basic " + base64.b64encode(pair.encode()).decode()


def login_of(picker: Answer) -> str:
    """The login's id, from the cancelling form of the picker."""
    (action,) = picker.found("//form[@class='cancel']/@action")
    return action.split("/")[2]
