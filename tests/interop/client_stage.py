"""A stage for OpenID Connect clients of others: a broker, a country, and one registered service for each flow.

Each service is registered by `ciconia party add` and the lines that its operator adds. Its program is the client as its
documentation has it, in a process of its own, and ends on a page that shows the claims it got, as JSON.
"""

import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import structlog
from typer.testing import CliRunner

from connectors.signatures.jwk import public_jwk
from idp.cli import app
from idp.demo.browser import Browser, Page
from idp.demo.scene import HOST, Scene
from idp.keys.file import FileSigner, create_token_key, load_signer
from tests.interop.peer import Fault, Flow, Package, Role, Session
from tests.interop.programs import Started, end_of, running, words_of
from tests.interop.snippet_stage import PURPOSE, RELEASED
from tests.interop.walking import DECISION, opened
from tests.ports import free_port

# Forms of the client's own on the way to the broker: "sign in with ..."
MOST_FORMS = 3
CITIZEN = "mari"
NO_PKCE = "--pkce optional"
# What the name of a flow says of it
STRICT = "profile fapi2"
PUSHED, LOGOUT = "pushed", "logout"
WE_REFUSE = "refused by us"
IT_REFUSES = "refused by it: another "
# Stands for the client's own origin in what an operator writes
BASE = "BASE"
SCOPE = f"openid purpose:{PURPOSE}"


class Failed(Exception):
    """A flow did not end as it should."""


@dataclass(frozen=True, slots=True)
class Service:
    """One registered service: what the client is told of it."""

    flow: Flow
    name: str
    port: int
    redirect_uri: str
    issuer: str
    credential: Mapping[str, str] = field(repr=False)

    @property
    def base(self) -> str:
        """Its origin."""
        return f"http://{self.name}.localhost:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The settings that every program of a client reads."""
        return {
            "ISSUER": self.issuer,
            "CLIENT_ID": self.name,
            "BASE": self.base,
            "REDIRECT_URI": self.redirect_uri,
            "SCOPE": SCOPE,
            "FLOW": self.flow.name,
            "PORT": str(self.port),
            "SESSION_KEY": secrets.token_urlsafe(32),
            **self.credential,
        }


class ClientStage(Scene):
    """The demo's stage, and the services of one client."""

    def __init__(self, folder: Path, name: str, callback: str, flows: Sequence[Flow]) -> None:
        self._name, self._callback, self._flows = name, callback, flows
        self.services: dict[str, Service] = {}
        self.refused: dict[str, str] = {}
        super().__init__(folder, fixed=False)

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        super()._configure(port, secret, fares)
        for number, flow in enumerate(self._flows):
            self._register(flow, f"{self._name}-{number}")

    def _register(self, flow: Flow, name: str) -> None:
        """Register the client like an operator: one command, then lines that no option writes."""
        listening = free_port()
        # The strict profile takes https alone, but for this machine by its number
        host = HOST if STRICT in flow.name else f"{name}.localhost"
        redirect = f"http://{host}:{listening}{self._callback}"
        options = [word for each in flow.registered if each.startswith("--") for word in each.split(" ")]
        key = self.folder / f"{name}.pem"
        if "--key-out" in options:
            options[options.index("--key-out") + 1] = str(key)
        if "--jwks" in options:
            options[options.index("--jwks") + 1] = str(rsa_jwks(key))
        command = ["party", "add", name, "--redirect", redirect, "--purpose", PURPOSE, "--config", str(self.receiving)]
        run = CliRunner().invoke(app, [*command, "--snippet", "none", "--json", *options])
        if run.exit_code != 0:
            # This flow's failure alone: the other services are there
            self.refused[flow.name] = f"party add: {run.output}"
            return
        said = json.loads(run.stdout)
        file = self.receiving / str(said["file"])
        lines = [each.replace(BASE, origin_of(redirect)) for each in flow.registered if not each.startswith("--")]
        # A line takes the place of what the command wrote under its name
        changed = tuple(f"{each.partition(' = ')[0]} = " for each in lines)
        written = [
            each for each in file.read_text(encoding="utf-8").splitlines() if not (changed and each.startswith(changed))
        ]
        file.write_text("\n".join([*lines, *written, ""]), encoding="utf-8")
        if STRICT in flow.name and 'profile = "fapi2"' not in written:
            self.refused[flow.name] = "party add proposes another profile"
        credential = {"CLIENT_SECRET": str(said["client_secret"])} if said["client_secret"] else {}
        if key.exists():
            credential["CLIENT_KEY"] = str(key)
        self.services[flow.name] = Service(flow, name, listening, redirect, self.issuer, credential)


def rsa_jwks(key: Path) -> Path:
    """An RSA key of the client's own, and the file of its public half that the operator is given."""
    create_token_key(key, "RS256")
    signer = load_signer(key)
    jwks = key.with_suffix(".jwks.json")
    public = {**public_jwk(signer.public_key), "kid": signer.key_id, "alg": "RS256", "use": "sig"}
    jwks.write_text(json.dumps({"keys": [public]}), encoding="utf-8")
    return jwks


Command = Callable[[Service, Path], Started]


@dataclass(frozen=True, slots=True)
class Client:
    """An OpenID Connect client of others.

    `begin` is where its sign-in starts, `shows` where its claims are shown, `ends` where its citizen signs out.
    """

    name: str
    package: Package
    documented: str
    command: Command = field(repr=False)
    callback: str
    flows: tuple[Flow, ...]
    faults: tuple[Fault, ...] = ()
    begin: str = "/login"
    shows: str = ""
    ends: str = ""
    role: Role = Role.CLIENT
    claims: Callable[[Page], Mapping[str, object]] = field(default=lambda page: page.json(), repr=False)
    # For a client that needs a whole browser
    signs_in: Callable[[Scene, Service], None] | None = field(default=None, repr=False)

    @contextmanager
    def opened(self, folder: Path) -> Iterator[Session]:
        """A broker that has a service for each flow; calling what it yields signs a citizen in."""
        slug = re.sub("[^a-z0-9]+", "-", self.name.lower()).strip("-")
        with opened(ClientStage(folder, slug, self.callback, self.flows)) as stage:

            def session(flow: Flow) -> None:
                if flow.name in stage.refused:
                    raise Failed(stage.refused[flow.name])
                service = stage.services[flow.name]
                if WE_REFUSE in flow.name:
                    service = _with_another_credential(service, folder)
                own = folder / "programs" / service.name
                own.mkdir(parents=True, exist_ok=True)
                words, more = self.command(service, own)
                with running(words, {**service.environment, **more}, own, service.port) as log:
                    try:
                        (self.signs_in or self._by_hops)(stage, service)
                    except Exception as error:
                        raise Failed(f"{error}\n{end_of(log)}") from error

            yield session

    def _by_hops(self, stage: Scene, service: Service) -> None:
        with Browser() as browser:
            if WE_REFUSE in service.flow.name:
                with structlog.testing.capture_logs() as lines:
                    page = self._answered(stage, service, browser)
                if self._knows_somebody(service, browser, page):
                    raise Failed(f"the client with another credential got an answer: {words_of(page)}")
                _refused_by_us(lines)
                return
            page = self._answered(stage, service, browser)
            if IT_REFUSES in service.flow.name:
                if not page.url.startswith(service.base):
                    raise Failed(f"not back at the client: {page.url.partition('?')[0]}")
                if self._knows_somebody(service, browser, page):
                    raise Failed(f"it took the answer: status {page.status}: {words_of(page)}")
                return
            if self.shows:
                page = browser.get(f"{service.base}{self.shows}", origin=service.base)
            if page.status != 200 or not page.url.startswith(service.base):
                raise Failed(f"status {page.status} at {page.url.partition('?')[0]}: {words_of(page)}")
            holds(self.claims(page))
            if LOGOUT in service.flow.name:
                self._signed_out(stage, service, browser)

    def _knows_somebody(self, service: Service, browser: Browser, page: Page) -> bool:
        """Whether a citizen is signed in after this page. A client whose page says so in words alone shows it elsewhere."""
        if page.status >= 400 or not self.shows:
            return page.status < 400
        shown = browser.get(f"{service.base}{self.shows}", origin=service.base)
        return shown.status < 400 and shown.url.startswith(service.base) and "sub" in self.claims(shown)

    def _signed_out(self, stage: Scene, service: Service, browser: Browser) -> None:
        """From the client's logout to the broker's, which asks nobody, and back to the registered address."""
        page = browser.get(f"{service.base}{self.ends.replace(BASE, quote(service.base, safe=''))}", origin=service.base)
        if page.status != 200 or not page.url.startswith(f"{stage.issuer}/logout"):
            raise Failed(f"no logout of ours: status {page.status} at {page.url.partition('?')[0]}: {words_of(page)}")
        back = page.link(f"//main//a[starts-with(@href, '{origin_of(service.redirect_uri)}/')]")
        page = browser.get(_named(back, service), origin=stage.issuer)
        if page.status != 200 or not page.url.startswith(service.base):
            raise Failed(f"not back: status {page.status} at {page.url.partition('?')[0]}: {words_of(page)}")

    def _answered(self, stage: Scene, service: Service, browser: Browser) -> Page:
        """A citizen's way from the client to the country, to the question, and back; the client's page then."""
        page = browser.get(f"{service.base}{self.begin}")
        if WE_REFUSE in service.flow.name and page.status != 200:
            # As early as its pushed request
            return page
        for _ in range(MOST_FORMS):
            if page.url.startswith(stage.issuer) or page.status != 200:
                break
            page = browser.submit(page, {})
        if page.status != 200 or not page.url.startswith(stage.issuer):
            raise Failed(f"no picker: status {page.status} at {page.url.partition('?')[0]}: {words_of(page)}")
        pushed = "request_uri=" in page.url
        if pushed != any(one in service.flow.name for one in (STRICT, PUSHED)):
            raise Failed("the client's request came another way than the flow says")
        if not pushed and ("code_challenge=" in page.url) == (NO_PKCE in service.flow.registered):
            raise Failed("the registration and the client's request do not agree whether PKCE is used")
        page = browser.get(page.link("//a[contains(@href, '/at/demo-ee')]"), origin=stage.issuer)
        question = browser.submit(browser.submit(page, {"citizen": CITIZEN}), {})
        if question.status != 200:
            raise Failed(f"no question: {words_of(question)}")
        answer = browser.submit(question, {"choice": "approve"}, DECISION)
        if answer.tree.xpath("boolean(//form[.//input[@name='code']])"):
            return browser.submit(answer, {}, "//form[.//input[@name='code']]")
        back = answer.link("//main//a[contains(@href, 'code=')]")
        return browser.get(_named(_changed(back, service.flow), service), origin=stage.issuer)


def origin_of(address: str) -> str:
    """Scheme, host and port of an address."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _named(address: str, service: Service) -> str:
    """The address by the client's name, which the browser knows this machine by."""
    own = origin_of(service.redirect_uri)
    return service.base + address.removeprefix(own) if address.startswith(f"{own}/") else address


def _changed(back: str, flow: Flow) -> str:
    """The answer's address, with the parameter changed that the flow names after `IT_REFUSES`."""
    _, found, name = flow.name.partition(IT_REFUSES)
    if not found:
        return back
    parts = urlsplit(back)
    answer = dict(parse_qsl(parts.query))
    if name not in answer:
        raise Failed(f"the answer has no {name}")
    return urlunsplit(parts._replace(query=urlencode({**answer, name: f"{answer[name]}x"})))


def _with_another_credential(service: Service, folder: Path) -> Service:
    """The client, holding a secret or a key that is not registered for it."""
    other = dict(service.credential)
    if "CLIENT_SECRET" in other:
        other["CLIENT_SECRET"] = secrets.token_urlsafe(32)
    if "CLIENT_KEY" in other:
        key = folder / f"{service.name}-other.pem"
        create_token_key(key, "RS256" if any("rsa" in each for each in service.flow.registered) else "ES256")
        other["CLIENT_KEY"] = str(key)
    return replace(service, credential=other)


def _refused_by_us(lines: Sequence[Mapping[str, object]]) -> None:
    """Raise `Failed` unless the broker says for its operator that the credential is wrong."""
    if not any(line.get("error") == "invalid_client" or "invalid_client" in str(line) for line in lines):
        raise Failed(f"the broker named no wrong credential: {[line.get('event') for line in lines]}")


def holds(claims: Mapping[str, object]) -> None:
    """Raise `Failed` unless the client has a subject, and exactly what the purpose releases."""
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise Failed(f"the client has no sub, only {sorted(claims)}")
    missing = {name for name, value in RELEASED.items() if claims.get(name) != value}
    if missing:
        raise Failed(f"the client did not get {sorted(missing)}, only {sorted(claims)}")
