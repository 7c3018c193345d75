"""A stage for SAML service providers of others: a broker, a country, and one running service for each of its settings.

Each knows the broker by the metadata that the broker publishes, and is registered by `ciconia party add-saml` with the
metadata that it publishes itself. Messages that have to be refused are the real ones, changed on their way.
"""

import base64
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from lxml import etree
from sqlalchemy import func, select
from typer.testing import CliRunner

from connectors.formats.artifact import in_envelope, resolve_element
from connectors.formats.saml_message import NameIdentifier
from connectors.logout_messages import logout_request, request_by_browser
from connectors.profiles import SAML2INT
from connectors.signatures.xmlsign import sign_enveloped
from connectors.wire.names import REDIRECT, TRANSIENT, saml
from idp.cli import app
from idp.config.settings import load_settings
from idp.demo.browser import Browser, Page
from idp.demo.loopback import client, send
from idp.demo.scene import Scene
from idp.keys.file import FileSigner, create_saml_key, load_signer
from idp.keys.folder import load_keys
from idp.protocols.saml.identity_provider import idp_metadata
from idp.store import tables
from idp.system.addresses import idp_entity_id, idp_logout_url, resolution_url, sso_url
from tests.interop.changed import ANSWER, ASKS, answer_in, by_redirect, refused_here, request_in, stopped, stripped
from tests.interop.client_stage import CITIZEN, IT_REFUSES, WE_REFUSE, Failed
from tests.interop.instance import Command, Instance, started, together
from tests.interop.peer import Fault, Flow, Package, Role, Session
from tests.interop.programs import end_of, words_of
from tests.interop.service_ways import BY_PROGRAM, LINKED, TAKES, by_link, by_program
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
# A setting whose service fetches its answers, and what is refused there
BY_ARTIFACT = "answered by artifact"
NO_SUCH = IT_REFUSES.replace("another ", "an artifact that we do not have")
TAKEN = IT_REFUSES.replace("another ", "the same artifact from another browser")
RESOLVED_BY = f"{WE_REFUSE}: an ArtifactResolve of another key"
# Its own setting, whose service shares a session
SIGNS_OUT = "signs out"
# The same, where another service of the group asks for the end
HEARS = "signed out by another"
GROUPED = 'session_group = "city"'
LOOPBACK = 'networks = ["127.0.0.0/8"]'
TWIN = "-twin"
VALID_SECONDS = 3600
_IDENTIFIER = re.compile(r"[a-z2-7]{52}@broker[.]localhost")


def each(setting: str, *more: str, without: Sequence[str] = ()) -> tuple[Flow, ...]:
    """The flows of one setting: a sign-in, and one for each message that somebody has to refuse."""
    return (Flow(setting, more), *(Flow(f"{setting}, {one}", more) for one in REFUSALS if one not in without))


def fetched(setting: str, *more: str) -> tuple[Flow, ...]:
    """The flows of one setting whose service fetches its answers."""
    refusals = (TAKEN, NO_SUCH, RESOLVED_BY, DECLINED)
    named = f"{BY_ARTIFACT}, {setting}"
    return (Flow(named, more), *(Flow(f"{named}, {one}", more) for one in refusals))


def signs_out(setting: str, *more: str) -> Flow:
    """The flow of a sign-in, and of a logout that the service asks for by Redirect."""
    return Flow(f"{setting}, {SIGNS_OUT}", (*more, GROUPED))


def hears(setting: str, *more: str) -> Flow:
    """The flow of a sign-in, and of a logout that another service of the group asks for: the browser brings it there."""
    return Flow(f"{setting}, {HEARS}", (*more, GROUPED))


def without_soap(metadata: bytes) -> bytes:
    """A service's metadata as of one whose server listens nowhere."""
    root = etree.fromstring(metadata)
    for one in root.findall(".//{*}SingleLogoutService"):
        if str(one.get("Binding")).endswith(":SOAP") and (role := one.getparent()) is not None:
            role.remove(one)
    return etree.tostring(root)


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
                    with Browser() as browser:
                        if self._begins_elsewhere(stage, instance, browser):
                            return
                    self._signs_in(stage, instance, f"refused{refused}" if refused else "")
                except Exception as error:
                    raise Failed(f"{error}\n{end_of(instance.log)}") from error

            yield session

    def _signs_in(self, stage: "ServiceStage", instance: Instance, refused: str) -> None:
        with ExitStack() as stack:
            browser = stack.enter_context(Browser())
            asked = stopped(browser, f"{instance.base}{self.begin}", stage.issuer)
            if refused in CHECKS:
                url = _changed(asked, instance, refused)
                refused_here(stage.issuer, CHECKS[refused], lambda: browser.get(url))
                return
            if refused == AUDIENCE:
                page = browser.get(_changed(asked, instance, refused), origin=instance.base)
            elif asked.status:
                page = browser.submit(asked, {}, ASKS)
            else:
                page = browser.get(asked.url, origin=instance.base)
            answer = _decided(browser, page, stage, "refuse" if refused == DECLINED else "approve")
            log = instance.log
            before = log.stat().st_size
            if refused == RESOLVED_BY:
                _fetched_by_a_stranger(stage, instance, _artifact(answer))
                return
            bring = self._bringing(answer, stage, instance, refused)
            page = bring(browser)
            if refused in (AGAIN, TAKEN):
                before, browser = log.stat().st_size, stack.enter_context(Browser())
                page = bring(browser)
            said = f"{page.text}\n{log.read_bytes()[before:].decode(errors='replace')}"
            if self.shows and (not refused or page.status == 200):
                page = browser.get(f"{instance.base}{self.shows}", origin=instance.base)
            self._judge(page, instance, refused, said)
            if SIGNS_OUT in instance.flow.name:
                self._signs_out(stage, instance, browser)
            if HEARS in instance.flow.name:
                self._hears(stage, instance, browser, asked)

    def _bringing(self, answer: Page, stage: Scene, instance: Instance, refused: str) -> Callable[[Browser], Page]:
        """How a browser brings the answer, or its artifact, to the service: as it is, or changed."""
        if BY_ARTIFACT in instance.flow.name and refused != DECLINED:
            url = _artifact(answer)
            to = _without_its_handle(url) if refused == NO_SUCH else url
            return lambda browser: browser.get(to, origin=stage.issuer)
        changed = {}
        if refused == STRIPPED:
            changed = {"SAMLResponse": base64.b64encode(stripped(answer_in(answer), instance.key)).decode()}
        return lambda browser: browser.submit(answer, changed, ANSWER)

    def _hears(self, stage: "ServiceStage", instance: Instance, browser: Browser, asked: Page) -> None:
        """Its twin gets a sign-in of the same session by what it `asked`, and ends it by Redirect."""
        page = browser.get(_changed(asked, instance, AUDIENCE), origin=instance.base)
        question = browser.submit(browser.submit(page, {"citizen": CITIZEN}), {})
        answer = browser.submit(question, {"choice": "approve"}, DECISION)
        index = etree.fromstring(stripped(answer_in(answer), instance.key)).findtext(f".//{saml('NameID')}", "")
        issuer = stage.entities[instance.name] + TWIN
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

    def _begins_elsewhere(self, stage: "ServiceStage", instance: Instance, browser: Browser) -> bool:
        """Whether this flow begins by a link or a program; then its citizen is signed in so."""
        entity, at = stage.entities[instance.name], f"{instance.base}{self.begin}"

        def walk(picker: Page) -> Page:
            return _decided(browser, picker, stage, "approve")

        if LINKED in instance.flow.name:
            page = by_link(browser, stage.issuer, entity, walk)
            if page.status != 200 or not self.claims(page):
                page = browser.get(f"{instance.base}{self.shows or self.begin}", origin=instance.base)
        elif BY_PROGRAM in instance.flow.name:
            page = by_program(browser, stage.issuer, entity, walk, instance, at)
        else:
            return False
        self._judge(page, instance, "", "")
        return True

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
        has = page.status == 200 and page.url.startswith(instance.base) and 'name="SAMLRequest"' not in page.text
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


def _artifact(answer: Page) -> str:
    return answer.link("//main//a[contains(@href, 'SAMLart=')]")


def _without_its_handle(artifact: str) -> str:
    fields = dict(parse_qsl(urlsplit(artifact).query))
    octets = base64.b64decode(fields["SAMLart"])[:-20] + bytes(20)
    return f"{artifact.partition('?')[0]}?{urlencode({**fields, 'SAMLart': base64.b64encode(octets).decode()})}"


def _fetched_by_a_stranger(stage: "ServiceStage", instance: Instance, artifact: str) -> None:
    """Raise `Failed` unless the broker refuses the service's own question, signed with another key."""
    create_saml_key(stage.folder / "stranger.pem", "stranger.localhost")
    text, url = dict(parse_qsl(urlsplit(artifact).query))["SAMLart"], resolution_url(stage.issuer)
    metadata = etree.parse(stage.folder / f"{instance.name}.xml").getroot()
    element = resolve_element("_of-a-stranger", int(time.time()), url, metadata.get("entityID", ""), text)
    signed = sign_enveloped(element, load_signer(stage.folder / "stranger.pem"), place=1, profile=SAML2INT)
    with client() as http:
        told = send(http, "POST", url, headers={"content-type": "text/xml"}, content=in_envelope(signed)).text
    if "Response" in told or "signature" not in told:
        raise Failed(f"it was answered, or refused for another reason: {told}")


def living(stage: Scene) -> int:
    """How many sessions the broker has."""
    with stage.application.store.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(tables.sessions)).scalar_one()


def _changed(asked: Page, instance: Instance, refused: str) -> str:
    """The service's own request by Redirect: without its signature, or changed and then signed with the service's key."""
    root, relay_state = request_in(asked)
    if refused == ADDRESS:
        root.attrib.pop("AssertionConsumerServiceIndex", "")
        root.set("AssertionConsumerServiceURL", f"{instance.base}/elsewhere")
    elif refused != UNSIGNED:
        for issuer in root.iter(saml("Issuer")):
            issuer.text = f"{(issuer.text or '').strip()}{TWIN}"
        for policy in root.iter("{*}NameIDPolicy"):
            policy.attrib.pop("SPNameQualifier", "")
    return by_redirect(root, instance.broker_url, relay_state, None if refused == UNSIGNED else load_signer(instance.both))


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
        self.entities: dict[str, str] = {}
        super().__init__(folder, fixed=False)

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        super()._configure(port, secret, fares)
        (self.receiving / "session_groups.toml").write_text("[city]\n", encoding="utf-8")
        settings = load_settings(self.receiving)
        signer = load_keys(settings.key_folder, settings.origin).saml
        programs = any(BY_PROGRAM in flow.name for flow in self._peer.flows)
        ours = idp_metadata(self.issuer, signer, int(time.time()), VALID_SECONDS, programs=programs)
        purpose = self.receiving / "purposes" / f"{PURPOSE}.toml"
        text = purpose.read_text(encoding="utf-8")
        purpose.write_text(f"cross_device = {str(programs).lower()}\n{text}", encoding="utf-8")
        slug = re.sub("[^a-z0-9]+", "-", self._peer.name.lower()).strip("-")
        flows = {flow.name.partition(", refused")[0]: flow for flow in reversed(self._peer.flows)}
        named = {f"{slug}-{number}": Flow(name, one.registered) for number, (name, one) in enumerate(flows.items())}
        published, self.refused = together(partial(self._begin, ours=ours), named)
        for name, told_by_it in published.items():
            metadata = without_soap(told_by_it) if HEARS in named[name].name else told_by_it
            entity = str(etree.fromstring(metadata).get("entityID", "")).encode()
            self._register(name, metadata, named[name].registered)
            self.entities[name] = entity.decode()
            if set(named[name].registered) & set(TAKES.values()):
                continue
            # Somebody else with the same key and addresses: an answer to them differs in its audience alone
            self._register(name + TWIN, metadata.replace(entity, entity + TWIN.encode(), 1), named[name].registered)

    def _begin(self, name: str, flow: Flow, *, ours: bytes) -> bytes:
        folder = self.folder / "programs" / name
        instance = Instance(flow, name, free_port(), folder, idp_entity_id(self.issuer), sso_url(self.issuer))
        self.instances[flow.name] = instance
        return self._stack.enter_context(started(instance, self._peer.command, ours, self._peer.metadata))

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
