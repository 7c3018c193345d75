"""A country whose citizens have values that occur nowhere else, and a browser that keeps what the broker showed it."""

import base64
import html
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import httpx2
from fastapi.responses import HTMLResponse, Response
from lxml import etree

from idp.config.settings import load_settings
from idp.demo.browser import Browser, Page, WalkError
from idp.demo.citizens import HIGH, LOW, Citizen
from idp.demo.country import Country
from idp.keys.file import FileSigner, load_signer
from tests.idp.server.crew import until
from tests.kill.outside import BrokerOutside

# No post office gives postcodes that begin with Q, nobody alive was born in 1887, and the rest is made up
VALUES = {
    "family_name": "Kanaarilind-Õitsev",
    "given_name": "Xanthippe-Quirina",
    "birthdate": "18870309",
    "person_identifier": "EE-18703091234-QX",
    "email": "xanthippe.kanaarilind@canary.example",
    "address.street": "Quirrelgasse 1887b",
    "address.postal_code": "QZ97 3XJ",
    "address.locality": "Kanaariküla-Qaanaaq",
}
# The address that the proxy in front says a visitor has (RFC 5737): as little to be found again as a value
VISITOR = "203.0.113.187"
CITIZEN = Citizen("canary", "a canary", HIGH, {**VALUES, "address.country": "NL"})
UNSURE = replace(CITIZEN, loa=LOW)
NOBODY_KNOWS_WHEN = replace(CITIZEN, attributes={k: v for k, v in CITIZEN.attributes.items() if k != "birthdate"})
OVERLONG = replace(CITIZEN, attributes={**CITIZEN.attributes, "person_identifier": VALUES["person_identifier"] * 30})
TITLE = "A country of canaries"


class CanaryCountry(Country):
    """Vouches for `who`, whatever is pressed; `spoil` changes the bytes of the answer after they were signed."""

    who: Citizen | None = CITIZEN
    spoil: Callable[[bytes], bytes] = staticmethod(bytes)

    def _answer(self, asked: etree._Element, relay_state: str, _who: Citizen | None, _language: str) -> Response:
        target = asked.get("AssertionConsumerServiceURL") or ""
        octets = self.spoil(etree.tostring(self._response(asked, self.who, target), encoding="utf-8"))
        fields = {"SAMLResponse": base64.b64encode(octets).decode(), "RelayState": relay_state}
        inputs = "".join(f'<input type="hidden" name="{n}" value="{html.escape(v)}">' for n, v in fields.items())
        return HTMLResponse(f'<form method="post" action="{html.escape(target)}">{inputs}</form>')


class CanaryStage(BrokerOutside):
    """The stage with that country."""

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        """Does what the scene does. Then that country takes the place of the scene's, with its key and address."""
        super()._configure(port, secret, fares)
        key = self._outside / "country.pem"
        self.country = self.canaries = CanaryCountry(
            base=self.country_base,
            title=TITLE,
            key_pem=key.read_bytes(),
            certificate_der=load_signer(key).certificate,
            broker_certificate=load_signer(load_settings(self.receiving).key_folder / "saml.pem").certificate,
        )


@dataclass(frozen=True)
class Seen:
    """One answer that the browser got, from whomever; `url` is what the address bar showed."""

    host: str
    url: str
    status: int
    headers: bytes
    body: bytes

    @property
    def shows(self) -> bool:
        """Whether it is a page on which a citizen decides: the one that informs, or the one that asks."""
        return b'name="decided"' in self.body


class Watcher(Browser):
    """A browser that keeps every answer of everybody in `seen`."""

    def __init__(self, seen: list[Seen]) -> None:
        super().__init__()
        self._seen = seen
        self._http.event_hooks = {"response": [self._watch]}

    def _watch(self, response: httpx2.Response) -> None:
        response.read()
        host = response.request.headers["host"]
        headers = b"\n".join(name + b": " + value for name, value in response.headers.raw)
        url = f"http://{host}{response.request.url.raw_path.decode()}"
        self._seen.append(Seen(host, url, response.status_code, headers, response.content))


class Witness(Watcher):
    """One that comes to a broker's services."""

    def __init__(self, stage: CanaryStage, seen: list[Seen]) -> None:
        super().__init__(seen)
        self.stage = stage
        self._http.headers["X-Forwarded-For"] = VISITOR

    def to_the_country(self, service: str = "parking", more: str = "") -> Page:
        """From the city to the country's page; `more` is added to the request's query."""
        address = self.get(f"{self.stage.city_base}/{service}/login") if not more else self._with(service, more)
        assert address.status == 200, address.text
        return self.get(address.link("//a[contains(@href, '/at/')]"), origin=self.stage.issuer)

    def to_the_question(self, who: Citizen | None = CITIZEN, service: str = "parking", more: str = "") -> Page:
        """The broker's page after the answer about `who`."""
        asking = self.to_the_country(service, more)
        self.stage.canaries.who = who
        return self.submit(self.submit(asking, {"citizen": "canary"}), {})

    def decide(self, question: Page, **fields: str) -> Page:
        """Press a button of the approval page."""
        named = {name.replace("share_", "share."): value for name, value in fields.items()}
        return self.submit(question, named, "//form[.//*[@name='decided']]")

    def reword(self, question: Page, language: str) -> Page:
        """Press a language of the approval page."""
        text = question.text.replace('/decision"', '/language"')
        return self.submit(replace(question, text=text), {"language": language}, "//form[.//*[@name='decided']]")

    def _with(self, service: str, more: str) -> Page:
        url, _ = self.stage.city._parties[service].begin()
        return self.get(f"{url}&{more}")


def until_it_takes_logins(to_the_question: Callable[[], object]) -> None:
    """Waits for a node that was started again, or whose database refused."""

    def takes_logins() -> bool:
        try:
            to_the_question()
        except WalkError:
            # One address may begin only so many logins in a minute: wait
            time.sleep(0.5)
            return False
        return True

    until(takes_logins)
