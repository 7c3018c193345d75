"""The ways in which a SAML identity provider of others is tried, each a tail of a flow's name; without one it signs in.

Messages that have to be refused are the real ones, changed on their way. What changes an answer has the provider's own key,
but for the one that shows that no other key will do.
"""

import base64
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from lxml import etree
from sqlalchemy import func, select

from connectors.formats.artifact import in_envelope, resolve_element
from connectors.profiles import SAML2INT
from connectors.signatures.parse import Element
from connectors.signatures.xmlsign import sign_enveloped
from connectors.wire.names import saml
from idp.demo.browser import Browser, Page
from idp.demo.loopback import client, send
from idp.demo.scene import Scene
from idp.keys.file import create_saml_key, load_signer
from idp.store import tables
from idp.system.addresses import artifact_url
from tests.interop.changed import ANSWER, XENC, answer_in, answered, by_redirect, refused_here, request_in, stopped
from tests.interop.client_stage import Failed
from tests.interop.instance import Instance
from tests.interop.programs import words_of
from tests.interop.provider_tails import (
    ADDRESS,
    ANOTHERS,
    ARTIFACTS,
    AUDIENCE,
    AUTHORITY,
    CHAIN,
    CHECKS,
    CHECKS_OF_PROXIES,
    ELSEWHERE,
    ENDS,
    ENDS_SOAP,
    EXPIRED,
    FORCED,
    LANDS,
    LANDS_AGAIN,
    LOWER,
    MORE,
    NO_CONTEXT,
    NO_SIGNATURE,
    OTHER,
    OTHER_KEY,
    PERSISTENT,
    REQUESTS,
    RESOLVED_BY,
    STRANGER,
    UNKNOWN,
    UNSIGNED,
    USED,
)
from tests.interop.snippet_stage import RELEASED
from tests.interop.walking import to_the_answer

DS = "{http://www.w3.org/2000/09/xmldsig#}Signature"
# Pages of the provider's own between our request and its answer
MOST_PAGES = 4
LONG_AGO = "2001-01-01T00:00:00Z"
NOBODY = "https://nobody.example/saml"
# The demo's service that takes part in a session group
GROUPED = "budget"
# The name by which a proxy hears of the service
REQUESTER = "https://storkhaven.example/parking"


@dataclass(frozen=True, slots=True)
class Walk:
    """Walks with one provider. `says` has its words for what it refuses, and for a logout that ended, by the tail.

    `lands` is where it begins an answer that nobody asked for, `ends` where a citizen signs out there.
    """

    scene: Scene
    instance: Instance
    fields: Mapping[str, str] = field(repr=False)
    says: Mapping[str, str]
    lands: str
    ends: str

    def __call__(self, tail: str) -> None:
        """Raises whatever went wrong."""
        with Browser() as browser:
            if tail in REQUESTS:
                self._refused_by_it(browser, tail)
            elif tail in {**CHECKS, **CHECKS_OF_PROXIES}:
                self._refused_by_us(browser, tail)
            elif tail in self._others:
                self._others[tail](browser)
            else:
                self._signs_in(browser)

    @property
    def _others(self) -> Mapping[str, Callable[[Browser], None]]:
        return {
            FORCED: self._forced,
            PERSISTENT: self._persistent,
            LOWER: self._lower,
            NO_CONTEXT: self._no_context,
            CHAIN: self._chain,
            **{one: partial(self._artifact, tail=one) for one in ARTIFACTS},
            RESOLVED_BY: self._resolved_by,
            LANDS: self._lands,
            LANDS_AGAIN: self._lands_again,
            ENDS: partial(self._ends, by="redirect"),
            ENDS_SOAP: partial(self._ends, by="soap"),
        }

    def _signs_in(self, browser: Browser, *, more: str = "", service: str = "parking") -> Mapping[str, object]:
        """A whole sign-in; what userinfo says."""
        return self._end(browser, self._answer(browser, more=more, service=service)[0])

    def _asked(self, browser: Browser, *, more: str = "", service: str = "parking") -> Page:
        """Our request to the provider, stopped before it."""
        begun = stopped(browser, f"{self.scene.city_base}/{service}/login", self.scene.issuer).url
        picker = browser.get(f"{begun}{more}")
        if picker.status != 200:
            raise Failed(f"no picker: {words_of(picker)}")
        return stopped(browser, picker.link(f"//a[contains(@href, '/at/{self.instance.name}')]"), self.instance.base)

    def _answer(self, browser: Browser, *, more: str = "", service: str = "parking") -> tuple[Page, bool]:
        asked = self._asked(browser, more=more, service=service)
        return self.answering(browser, asked if asked.status else browser.get(asked.url, origin=self.scene.issuer))

    def answering(self, browser: Browser, page: Page) -> tuple[Page, bool]:
        """Through the provider's pages, up to the one that posts its answer; whether it asked for a password."""
        has_asked = False
        for _ in range(MOST_PAGES):
            if page.status != 200:
                break
            ours = str(page.tree.xpath(f"string({ANSWER}/@action)")).startswith(self.scene.issuer)
            if ours or page.url.startswith(artifact_url(self.scene.issuer)):
                return page, has_asked
            types = bool(page.tree.xpath("boolean(//input[@type='password'])"))
            has_asked |= types
            form = "//form[.//input[@type='password']]" if types else "//form"
            page = browser.submit(page, dict(self.fields) if types else {}, form)
        raise Failed(f"no answer: status {page.status} at {page.url.partition('?')[0]}: {words_of(page)}")

    def _end(self, browser: Browser, page: Page) -> Mapping[str, object]:
        """From the page with an answer to what the service is told."""
        question = page
        if not page.url.startswith(self.scene.issuer):
            found, name = form_of(page), self.instance.flow.name
            if not name.startswith(found):
                raise Failed(f"its answer is of another form: {found}")
            question = browser.submit(page, {}, ANSWER)
        if question.status != 200:
            raise Failed(f"no question: {words_of(question)}")
        end = browser.get(to_the_answer(browser, question), origin=self.scene.issuer, accept="application/json")
        told = end.json()["userinfo"]
        needed = RELEASED if "/parking/" in end.url else {"resident_of": RELEASED["resident_of"]}
        if not isinstance(told, dict) or any(told.get(name) != value for name, value in needed.items()):
            raise Failed("the service did not get what the purpose releases")
        return told

    def _refused_by_it(self, browser: Browser, tail: str) -> None:
        asked = self._asked(browser)
        url = asked.url.partition("?")[0]
        root, relay_state = request_in(asked)
        signer = load_signer(self.scene.receiving / "keys" / "saml.pem")
        if tail == STRANGER:
            signer = load_signer(self._stranger())
        elif tail == ELSEWHERE:
            root.set("Destination", NOBODY)
        elif tail == ADDRESS:
            root.set("AssertionConsumerServiceURL", f"{self.scene.issuer}/elsewhere")
        before = self.instance.log.stat().st_size
        page = browser.get(
            by_redirect(root, url, relay_state, None if tail == UNSIGNED else signer), origin=self.scene.issuer
        )
        # Some look at a request after they know who is there
        if page.status == 200 and page.tree.xpath("boolean(//input[@type='password'])"):
            page = browser.submit(page, dict(self.fields), "//form[.//input[@type='password']]")
        said = f"{page.text}\n{self.instance.log.read_bytes()[before:].decode(errors='replace')}"
        if page.status == 200 and page.tree.xpath(f"boolean({ANSWER})") and b":status:Success" in answer_in(page):
            raise Failed("it answered")
        if self.says[tail] not in said:
            raise Failed(f"it refused for another reason: {words_of(page)}\n{said}")

    def _stranger(self) -> Path:
        path = self.scene.folder / "stranger.pem"
        if not path.exists():
            create_saml_key(path, "stranger.localhost")
        return path

    def _refused_by_us(self, browser: Browser, tail: str) -> None:
        page, _ = self._answer(browser)
        fields: dict[str, str] = {}
        own = load_signer(self.instance.both)
        if tail == NO_SIGNATURE:
            fields = answered(page, _unchanged, None)
        elif tail == OTHER_KEY:
            fields = answered(page, _unchanged, load_signer(self._stranger()))
        elif tail == AUDIENCE:
            fields = answered(page, _for_nobody, own)
        elif tail == EXPIRED:
            fields = answered(page, _of_long_ago, own)
        elif tail == AUTHORITY:
            fields = answered(page, _by_somebody, own)
        elif tail == MORE:
            fields = answered(page, _by_more, own)
        elif tail == OTHER:
            first, (page, _) = answer_in(page), self._answer(browser)
            fields = {"SAMLResponse": base64.b64encode(first).decode()}
        else:
            self._end(browser, page)
        check = {**CHECKS, **CHECKS_OF_PROXIES}[tail]
        refused_here(self.scene.issuer, check, lambda: browser.submit(page, fields, ANSWER))

    def _forced(self, browser: Browser) -> None:
        page, asked_first = self._answer(browser)
        self._end(browser, page)
        _, asked_again = self._answer(browser)
        # AuthnInstant is of a second: what was said before is older than the next question
        now = int(time.time())
        while int(time.time()) <= now:
            time.sleep(0.05)
        page, asked_forced = self._answer(browser, more="&prompt=login")
        self._end(browser, page)
        if (asked_first, asked_again, asked_forced) != (True, False, True):
            raise Failed(f"it asked for a password: {asked_first}, then {asked_again}, and when forced {asked_forced}")

    def _persistent(self, browser: Browser) -> None:
        with Browser() as other:
            if self._signs_in(browser)["sub"] != self._signs_in(other)["sub"]:
                raise Failed("two sign-ins of one person are of two subjects")

    def _lower(self, browser: Browser) -> None:
        page, _ = self._answer(browser)
        refused_here(self.scene.issuer, "authn_context_too_low", lambda: browser.submit(page, {}, ANSWER))

    def _no_context(self, browser: Browser) -> None:
        page, _ = self._answer(browser)
        if b":status:NoAuthnContext" not in answer_in(page):
            raise Failed("it says another status")
        refused_here(self.scene.issuer, "status", lambda: browser.submit(page, {}, ANSWER))

    def _brought(self, browser: Browser) -> tuple[str, bytes]:
        """The address that brings an artifact, stopped before us, and the artifact's octets."""
        self._signs_in(browser)
        url = stopped(browser, self._asked(browser).url, self.scene.issuer).url
        return url, base64.b64decode(dict(parse_qsl(urlsplit(url).query))["SAMLart"])

    def _artifact(self, browser: Browser, *, tail: str) -> None:
        url, octets = self._brought(browser)
        if tail == USED:
            browser.get(url, origin=self.instance.base)
        changed = {ANOTHERS: octets[:4] + bytes(20) + octets[24:], UNKNOWN: octets[:24] + bytes(20)}.get(tail, octets)
        query = {**dict(parse_qsl(urlsplit(url).query)), "SAMLart": base64.b64encode(changed).decode()}
        brought = f"{url.partition('?')[0]}?{urlencode(query)}"
        refused_here(self.scene.issuer, self.says[tail], lambda: browser.get(brought, origin=self.instance.base))

    def _resolved_by(self, browser: Browser) -> None:
        _, octets = self._brought(browser)
        text, url = base64.b64encode(octets).decode(), self._resolver()
        element = resolve_element("_of-a-stranger", int(time.time()), url, self.instance.broker_entity, text)
        sent = in_envelope(sign_enveloped(element, load_signer(self._stranger()), place=1, profile=SAML2INT))
        with client() as http:
            told = send(http, "POST", url, headers={"content-type": "text/xml"}, content=sent).text
        if "Assertion" in told or self.says[RESOLVED_BY] not in f"{told}\n{self.instance.log.read_text(encoding='utf-8')}":
            raise Failed(f"it answered, or refused for another reason: {told}")

    def _resolver(self) -> str:
        metadata = etree.parse(self.scene.receiving / "metadata" / f"{self.instance.name}.xml")
        return str(metadata.xpath("string(//*[local-name()='ArtifactResolutionService']/@Location)"))

    def _chain(self, browser: Browser) -> None:
        """The proxy hears who asks us, who is asked behind it hears of us, and the record has who signed the citizen in."""
        asked = self._asked(browser)
        authority = f"{self.instance.behind}/metadata"
        said = {
            element.tag.rpartition("}")[2]: element
            for element in request_in(asked)[0].iter("{*}Scoping", "{*}RequesterID", "{*}IDPEntry")
        }
        told = said["Scoping"].get("ProxyCount"), said["RequesterID"].text, said["IDPEntry"].get("ProviderID")
        if told != ("1", REQUESTER, authority):
            raise Failed(f"we said {told}")
        handed = stopped(browser, asked.url, self.instance.behind)
        requesters = [element.text for element in request_in(handed)[0].iter("{*}RequesterID")]
        if requesters != [self.instance.broker_entity]:
            raise Failed(f"whom it asked was told of {requesters}")
        self._end(browser, self.answering(browser, browser.get(handed.url, origin=self.instance.base))[0])
        receipt = browser.get(f"{self.scene.issuer}/receipt.json").text
        if authority not in receipt:
            raise Failed("the receipt does not say who signed the citizen in")

    def _landed(self, browser: Browser) -> Page:
        page = browser.get(f"{self.instance.base}{self.lands.format(url=self.instance.landing_url)}")
        return self.answering(browser, page)[0]

    def _lands(self, browser: Browser) -> None:
        landed = self._landed(browser)
        # No picker: the browser is at the provider again, which answers the service's own question
        page, has_asked = self.answering(browser, browser.submit(landed, {}, ANSWER))
        if has_asked:
            raise Failed("it asked for a password again")
        self._end(browser, page)

    def _lands_again(self, browser: Browser) -> None:
        landed = self._landed(browser)
        browser.submit(landed, {}, ANSWER)
        refused_here(self.scene.issuer, "decided", lambda: browser.submit(landed, {}, ANSWER))

    def _ends(self, browser: Browser, *, by: str) -> None:
        self._signs_in(browser, service=GROUPED)
        if self._living() != 1:
            raise Failed("the sign-in made no session")
        page = browser.get(f"{self.instance.base}{self.ends.format(by=by)}")
        # The portal's page brings what it has to say in frames and pictures
        for part in page.tree.xpath("//*[self::iframe or self::img]/@src[contains(., '/saml/')]"):
            page = browser.get(urljoin(page.url, str(part)), origin=self.instance.base)
        if page.url.startswith(self.scene.issuer):
            page = browser.get(page.link("//main//a[contains(@href, 'SAMLResponse=')]"), origin=self.scene.issuer)
        if page.status != 200 or self.says[ENDS] not in f"{page.url}\n{page.text}" or self._living():
            raise Failed(
                f"{self._living()} sessions, status {page.status} at {page.url.partition('?')[0]}: {words_of(page)}"
            )

    def _living(self) -> int:
        with self.scene.application.store.engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(tables.sessions)).scalar_one()


def form_of(page: Page) -> str:
    """The signed parts of an answer, and how it is encrypted: the begin of a flow's name."""
    root = etree.fromstring(answer_in(page))
    signed = {
        "response": root.find(DS) is not None,
        "assertion": root.find(f"{saml('Assertion')}/{DS}") is not None,
    }
    told = [name for name, is_so in signed.items() if is_so]
    words = "both signed" if len(told) == 2 else f"{told[0]} signed" if told else "nothing signed"
    method = root.find(f"{saml('EncryptedAssertion')}/{{{XENC}}}EncryptedData/{{{XENC}}}EncryptionMethod")
    return words if method is None else f"{words}, encrypted with {method.get('Algorithm', '').rpartition('#')[2]}"


def _unchanged(root: Element) -> None:
    pass


def _for_nobody(root: Element) -> None:
    for one in root.iter(saml("Audience")):
        one.text = NOBODY


def _by_somebody(root: Element) -> None:
    for one in root.iter(saml("AuthenticatingAuthority")):
        one.text = NOBODY


def _by_more(root: Element) -> None:
    for one in root.iter(saml("AuthnContext")):
        one.append(deepcopy(one[-1]))


def _of_long_ago(root: Element) -> None:
    for one in root.iter(saml("SubjectConfirmationData"), saml("Conditions")):
        one.set("NotOnOrAfter", LONG_AGO)
        one.attrib.pop("NotBefore", "")
