"""A stage for SAML service providers of others: a broker, a country, and one running service for each of its settings.

Each knows the broker by the metadata that the broker publishes, and is registered by `ciconia party add-saml` with the
metadata that it publishes itself. Messages that have to be refused are the real ones, changed on their way.
"""

import base64
import re
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import structlog
import xmlsec
from lxml import etree
from sqlalchemy import func, select
from typer.testing import CliRunner

from connectors.connector import Redirect
from connectors.formats.saml_message import NameIdentifier
from connectors.logout_messages import logout_request, request_by_browser
from connectors.profiles import SAML2INT
from connectors.signatures.parse import Element
from connectors.signed_messages import signed_request
from connectors.wire.names import REDIRECT, TRANSIENT
from idp.cli import app
from idp.config.settings import load_settings
from idp.demo.browser import REDIRECTS, Browser, Page
from idp.demo.loopback import client, send
from idp.demo.scene import Scene
from idp.keys.file import FileSigner, load_signer
from idp.keys.folder import load_keys
from idp.protocols.saml.identity_provider import idp_metadata
from idp.store import tables
from idp.system.addresses import idp_entity_id, idp_logout_url, sso_url
from tests.interop.client_stage import CITIZEN, IT_REFUSES, MOST_FORMS, WE_REFUSE, Failed
from tests.interop.peer import Fault, Flow, Package, Role, Session
from tests.interop.programs import end_of, words_of
from tests.interop.provider_stage import ANSWER, DS, SAML, Command, Instance, started
from tests.interop.snippet_stage import PURPOSE
from tests.interop.walking import DECISION, opened
from tests.ports import free_port

# Ways to change a message, and the check of ours that a changed request fails
UNSIGNED, ADDRESS = f"{WE_REFUSE}: unsigned", f"{WE_REFUSE}: an address that its metadata lacks"
CHECKS = {UNSIGNED: "signature_missing", ADDRESS: "acs_url"}
AUDIENCE, STRIPPED = f"{IT_REFUSES}audience", f"{IT_REFUSES.replace('another', 'no')}signature"
DECLINED = "refused by the citizen"
AGAIN = IT_REFUSES.replace("another ", "the same answer from another browser")
REFUSALS = (AUDIENCE, STRIPPED, AGAIN, DECLINED, *CHECKS)
# Its own setting, whose service shares a session
SIGNS_OUT = "signs out"
# The same, where another service of the group asks for the end
HEARS = "signed out by another"
GROUPED = 'session_group = "city"'
LOOPBACK = 'networks = ["127.0.0.0/8"]'
ASKS = "//form[.//input[@name='SAMLRequest']]"
TWIN = "-twin"
VALID_SECONDS = 3600
_IDENTIFIER = re.compile(r"[a-z2-7]{52}@broker[.]localhost")


def each(setting: str, *more: str, without: Sequence[str] = ()) -> tuple[Flow, ...]:
    """The flows of one setting: a sign-in, and one for each message that somebody has to refuse."""
    return (Flow(setting, more), *(Flow(f"{setting}, {one}", more) for one in REFUSALS if one not in without))


def signs_out(setting: str, *more: str) -> Flow:
    """The flow of a sign-in, and of a logout that the service asks for by Redirect."""
    return Flow(f"{setting}, {SIGNS_OUT}", (*more, GROUPED))


def hears(setting: str, *more: str) -> Flow:
    """The flow of a sign-in, and of a logout that another service of the group asks for: the browser brings it there."""
    return Flow(f"{setting}, {HEARS}", (*more, GROUPED))


def told(page: Page) -> Mapping[str, str]:
    """The first value of each attribute, by the end of its name, from a page of JSON."""
    return {
        re.split("[/:]", name)[-1]: str(value[0] if isinstance(value, list) and value else value)
        for name, value in page.json().items()
    }


@dataclass(frozen=True, slots=True)
class Service:
    """A SAML service provider of others.

    A flow's name is a setting, and what is refused; `says` has the words for it, on its page or in its log. A sign-in
    starts at `begin`, and its attributes are at `shows`: "" where it ends there. A logout starts at `ends`.
    """

    name: str
    package: Package
    documented: str
    command: Command = field(repr=False)
    flows: tuple[Flow, ...]
    says: Mapping[str, str]
    faults: tuple[Fault, ...] = ()
    begin: str = "/login"
    shows: str = ""
    ends: str = "/logout"
    metadata: str = "/metadata"
    claims: Callable[[Page], Mapping[str, str]] = field(default=told, repr=False)
    role: Role = Role.SERVICE

    @contextmanager
    def opened(self, folder: Path) -> Iterator[Session]:
        """A broker that has a running service for each setting; calling what it yields signs a citizen in."""
        with ExitStack() as stack:
            stage = stack.enter_context(opened(ServiceStage(folder, self, stack)))

            def session(flow: Flow) -> None:
                setting, _, refused = flow.name.partition(", refused")
                if setting in stage.refused:
                    raise Failed(stage.refused[setting])
                instance = stage.instances[setting]
                try:
                    self._signs_in(stage, instance, f"refused{refused}" if refused else "")
                except Exception as error:
                    raise Failed(f"{error}\n{end_of(instance.folder / 'log')}") from error

            yield session

    def _signs_in(self, stage: "ServiceStage", instance: Instance, refused: str) -> None:
        with ExitStack() as stack:
            browser = stack.enter_context(Browser())
            asked = asking(browser, f"{instance.base}{self.begin}", stage.issuer)
            if refused in CHECKS:
                _refused_by_us(browser, _changed(asked, instance, refused), CHECKS[refused], stage)
                return
            if refused == AUDIENCE:
                page = browser.get(_changed(asked, instance, refused), origin=instance.base)
            elif asked.status:
                page = browser.submit(asked, {}, ASKS)
            else:
                page = browser.get(asked.url, origin=instance.base)
            answer = _decided(browser, page, stage, "refuse" if refused == DECLINED else "approve")
            changed, log = {}, instance.folder / "log"
            before = log.stat().st_size
            if refused == STRIPPED:
                posted = answer.tree.xpath("string(//input[@name='SAMLResponse']/@value)")
                changed = {"SAMLResponse": base64.b64encode(stripped(base64.b64decode(str(posted)), instance.key)).decode()}
            page = browser.submit(answer, changed, ANSWER)
            if refused == AGAIN:
                before, browser = log.stat().st_size, stack.enter_context(Browser())
                page = browser.submit(answer, changed, ANSWER)
            said = f"{page.text}\n{log.read_bytes()[before:].decode(errors='replace')}"
            if self.shows and (not refused or page.status == 200):
                page = browser.get(f"{instance.base}{self.shows}", origin=instance.base)
            self._judge(page, instance, refused, said)
            if SIGNS_OUT in instance.flow.name:
                self._signs_out(stage, instance, browser)
            if HEARS in instance.flow.name:
                self._hears(stage, instance, browser)

    def _hears(self, stage: "ServiceStage", instance: Instance, browser: Browser) -> None:
        """Its twin gets a sign-in of the same session, and ends it by Redirect."""
        asked = asking(browser, f"{instance.base}{self.begin}", stage.issuer)
        page = browser.get(_changed(asked, instance, AUDIENCE), origin=instance.base)
        question = browser.submit(browser.submit(page, {"citizen": CITIZEN}), {})
        answer = browser.submit(question, {"choice": "approve"}, DECISION)
        posted = base64.b64decode(str(answer.tree.xpath("string(//input[@name='SAMLResponse']/@value)")))
        index = etree.fromstring(posted).findtext(f".//{{{SAML}}}NameID", "")
        issuer = f"{instance.base}{self.metadata}{TWIN}"
        name = NameIdentifier(index, TRANSIENT, "", "")
        request = logout_request(issuer, idp_logout_url(stage.issuer), name, index, int(time.time()))
        sent = request_by_browser(request, REDIRECT, load_signer(instance.folder / "whole.pem"))
        page = browser.get(sent.url, origin=instance.base)
        if living(stage) or sorted(map(str, page.tree.xpath("//li/@data-outcome"))) != ["itself", "visit"]:
            raise Failed(f"no way to it: {words_of(page)}")
        page = browser.submit(page, {})
        if page.tree.xpath(f"boolean({ASKS})"):
            page = browser.submit(page, {}, ASKS)
        else:
            page = browser.get(page.link("//main//a[contains(@href, 'SAMLRequest=')]"), origin=stage.issuer)
        if page.url.startswith(instance.base):
            page = browser.submit(page, {}, ANSWER)
        if sorted(map(str, page.tree.xpath("//li/@data-outcome"))) != ["ended", "itself"]:
            raise Failed(f"it did not sign that it ended: {page.url.partition('?')[0]}: {words_of(page)}")

    def _signs_out(self, stage: Scene, instance: Instance, browser: Browser) -> None:
        if living(stage) != 1:
            raise Failed("the sign-in made no session")
        page = browser.get(f"{instance.base}{self.ends}", origin=instance.base)
        if page.status != 200 or not page.url.startswith(f"{stage.issuer}/saml/idp/logout?"):
            raise Failed(f"no logout of ours: status {page.status} at {page.url.partition('?')[0]}: {words_of(page)}")
        if living(stage):
            raise Failed(f"the session lives on: {words_of(page)}")
        if page.tree.xpath(f"boolean({ANSWER})"):
            page = browser.submit(page, {}, ANSWER)
        else:
            page = browser.get(page.link("//main//a[contains(@href, 'SAMLResponse=')]"), origin=stage.issuer)
        said = f"{page.url}\n{page.text}"
        if page.status != 200 or not page.url.startswith(instance.base) or self.says[SIGNS_OUT] not in said:
            raise Failed(f"it did not take the answer: status {page.status} at {page.url.partition('?')[0]}: {page.text}")

    def _judge(self, page: Page, instance: Instance, refused: str, said: str) -> None:
        has = page.status == 200 and page.url.startswith(instance.base) and not page.tree.xpath(f"boolean({ASKS})")
        claims = self.claims(page) if has else {}
        if refused:
            if claims.get("pairwise-id"):
                raise Failed("it took the answer")
            if self.says[refused] not in said:
                raise Failed(f"it refused for another reason: {words_of(page)}\n{said}")
            return
        if not has:
            raise Failed(f"status {page.status} at {page.url.partition('?')[0]}: {words_of(page)}")
        if not _IDENTIFIER.fullmatch(claims.get("pairwise-id", "")) or claims.get("age_over_18") != "true":
            raise Failed(f"it did not get what the purpose releases, only {sorted(claims)}")


def living(stage: Scene) -> int:
    """How many sessions the broker has."""
    with stage.application.store.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(tables.sessions)).scalar_one()


def asking(browser: Browser, url: str, issuer: str) -> Page:
    """The service's request: the page that posts it, or a page of status 0 at the address that has it in its query."""
    with client() as http:
        for _ in range(MOST_FORMS + 1):
            if url.startswith(issuer):
                return Page(url, 0, "")
            cookie = browser._cookies(url, cross_site=False)
            answer = send(http, "GET", url, headers={"cookie": cookie} if cookie else {})
            browser._keep(url, answer.headers.get_list("set-cookie"))
            if answer.status_code not in REDIRECTS:
                page = Page(url, answer.status_code, answer.text)
                if answer.status_code != 200 or not page.tree.xpath(f"boolean({ASKS})"):
                    raise Failed(f"no request: status {page.status}: {words_of(page)}")
                return page
            url = urljoin(url, answer.headers["location"])
    raise Failed("no request after so many redirects")


def _refused_by_us(browser: Browser, url: str, check: str, stage: Scene) -> None:
    """Raise `Failed` unless the broker's own page refuses this request, and its log names this check."""
    with structlog.testing.capture_logs() as lines:
        page = browser.get(url)
    found = [line.get("check") for line in lines if line.get("check")]
    if page.status < 400 or not page.url.startswith(stage.issuer) or found != [check]:
        raise Failed(f"status {page.status}, refused by {found}: {words_of(page)}")


def _changed(asked: Page, instance: Instance, refused: str) -> str:
    """The service's own request by Redirect: without its signature, or changed and then signed with the service's key."""
    if asked.status:
        fields = {str(one.get("name")): str(one.get("value", "")) for one in asked.tree.xpath(f"{ASKS}//input[@name]")}
        octets = base64.b64decode(fields["SAMLRequest"])
    else:
        fields = dict(parse_qsl(urlsplit(asked.url).query))
        octets = zlib.decompress(base64.b64decode(fields["SAMLRequest"]), -zlib.MAX_WBITS)
    root, relay_state = etree.fromstring(octets), fields.get("RelayState", "")
    _without_signatures(root)
    if refused == UNSIGNED:
        packed = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        text = base64.b64encode(packed.compress(etree.tostring(root)) + packed.flush()).decode()
        return f"{instance.broker_url}?{urlencode({'SAMLRequest': text, 'RelayState': relay_state})}"
    if refused == ADDRESS:
        root.attrib.pop("AssertionConsumerServiceIndex", "")
        root.set("AssertionConsumerServiceURL", f"{instance.base}/elsewhere")
    else:
        for issuer in root.iter(f"{{{SAML}}}Issuer"):
            issuer.text = f"{(issuer.text or '').strip()}{TWIN}"
        for policy in root.iter("{*}NameIDPolicy"):
            policy.attrib.pop("SPNameQualifier", "")
    signer = load_signer(instance.folder / "whole.pem")
    sent = signed_request(root, instance.broker_url, REDIRECT, relay_state, signer=signer, profile=SAML2INT)
    assert isinstance(sent, Redirect)
    return sent.url


def _without_signatures(root: Element) -> None:
    for parent in list(root.iter()):
        for one in parent.findall(f"{{{DS}}}Signature"):
            parent.remove(one)


def stripped(octets: bytes, key: Path) -> bytes:
    """An answer as somebody who may read it, and sign nothing, could have written it: decrypted, without any signature."""
    root = etree.fromstring(octets)
    for data in root.findall(".//{http://www.w3.org/2001/04/xmlenc#}EncryptedData"):
        manager = xmlsec.KeysManager()
        manager.add_key(xmlsec.Key.from_file(str(key), xmlsec.constants.KeyDataFormatPem))
        xmlsec.EncryptionContext(manager).decrypt(data)
    for sealed in root.findall(f"{{{SAML}}}EncryptedAssertion"):
        root.replace(sealed, sealed[0])
    _without_signatures(root)
    return etree.tostring(root)


def _decided(browser: Browser, picker: Page, stage: Scene, choice: str) -> Page:
    """A citizen's way from the picker to the page that posts the answer."""
    if picker.status != 200 or not picker.url.startswith(stage.issuer):
        raise Failed(f"no picker: status {picker.status} at {picker.url.partition('?')[0]}: {words_of(picker)}")
    page = browser.get(picker.link("//a[contains(@href, '/at/demo-ee')]"), origin=stage.issuer)
    question = browser.submit(browser.submit(page, {"citizen": CITIZEN}), {})
    if question.status != 200:
        raise Failed(f"no question: {words_of(question)}")
    return browser.submit(question, {"choice": choice}, DECISION)


class ServiceStage(Scene):
    """The demo's stage, and the services of one peer. They end with `stack`."""

    def __init__(self, folder: Path, peer: Service, stack: ExitStack) -> None:
        self._peer, self._stack = peer, stack
        self.instances: dict[str, Instance] = {}
        self.refused: dict[str, str] = {}
        super().__init__(folder, fixed=False)

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        super()._configure(port, secret, fares)
        (self.receiving / "session_groups.toml").write_text("[city]\n", encoding="utf-8")
        settings = load_settings(self.receiving)
        signer = load_keys(settings.key_folder, settings.origin).saml
        ours = idp_metadata(self.issuer, signer, int(time.time()), VALID_SECONDS)
        slug = re.sub("[^a-z0-9]+", "-", self._peer.name.lower()).strip("-")
        flows = {flow.name.partition(", refused")[0]: flow for flow in reversed(self._peer.flows)}
        for number, (setting, flow) in enumerate(flows.items()):
            try:
                self._begin(Flow(setting, flow.registered), f"{slug}-{number}", ours)
            except Exception as error:  # noqa: BLE001 - this setting's failure alone: the others are there
                self.refused[setting] = f"it did not start: {error}"

    def _begin(self, flow: Flow, name: str, ours: bytes) -> None:
        folder = self.folder / "programs" / name
        instance = Instance(flow, name, free_port(), folder, idp_entity_id(self.issuer), sso_url(self.issuer))
        metadata = self._stack.enter_context(started(instance, self._peer.command, ours, self._peer.metadata))
        entity = str(etree.fromstring(metadata).get("entityID", "")).encode()
        self._register(name, metadata, flow.registered)
        # Somebody else with the same key and addresses: an answer to them differs in its audience alone
        self._register(name + TWIN, metadata.replace(entity, entity + TWIN.encode(), 1), flow.registered)
        self.instances[flow.name] = instance

    def _register(self, name: str, metadata: bytes, lines: Sequence[str]) -> None:
        file = self.folder / f"{name}.xml"
        file.write_bytes(metadata)
        command = [
            "party",
            "add-saml",
            name,
            "--metadata",
            str(file),
            "--purpose",
            PURPOSE,
            "--config",
            str(self.receiving),
        ]
        run = CliRunner().invoke(app, command)
        if run.exit_code != 0:
            raise Failed(f"party add-saml: {run.output}")
        registration = self.receiving / "parties" / f"{name}.toml"
        registration.write_text("\n".join([*lines, registration.read_text(encoding="utf-8")]), encoding="utf-8")
