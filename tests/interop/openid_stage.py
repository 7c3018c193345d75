"""A stage for OpenID providers of others: a broker and, for each flow, one provider that it asks.

Each provider runs as its documentation has it, and knows the broker by its callback, and by its published keys or a
secret. Its discovery document, as it publishes it, is pinned in the registration.
"""

import json
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from idp.config.settings import load_settings
from idp.demo.browser import Browser, Page
from idp.demo.loopback import client, send
from idp.demo.scene import Scene
from idp.keys.file import FileSigner
from idp.keys.folder import load_keys
from idp.keys.secret_files import CLIENT_SECRET
from idp.protocols.oidc.relying_party import own_jwks
from tests.interop.client_stage import WE_REFUSE, Failed
from tests.interop.peer import Fault, Flow, Package, Role, Session
from tests.interop.programs import Started, end_of, running, words_of
from tests.interop.provider_stage import PERSON as SAML_PERSON
from tests.interop.snippet_stage import RELEASED
from tests.interop.walking import opened, to_the_answer, to_the_country
from tests.ports import free_port

CLIENT_ID = "ciconia"
CLAIMS = ("family_name", "given_name", "birthdate", "email")
ADDRESS = {"locality": SAML_PERSON["address.locality"], "country": SAML_PERSON["address.country"]}
# Whom each provider signs in, in claims of OpenID Connect Core 1.0 §5.1
PERSON: Mapping[str, object] = {
    **{name: SAML_PERSON[name] for name in CLAIMS},
    "birthdate": "1982-03-11",
    "address": ADDRESS,
}
IT_REFUSES = "refused by it"
REGISTRATION = """\
id = "{name}"
protocol = "oidc"
title.en = "{name}"
country = "SE"
namespace = "interop/{name}"
issuer = "{issuer}"
metadata = "metadata/{name}.json"
client_id = "{client_id}"
networks = ["127.0.0.0/8"]
{lines}

[attributes]
family_name = "family_name"
given_name = "given_name"
birthdate = "birthdate"
email = "email"
"address.locality" = "address.locality"
"address.country" = "address.country"
"""
# For one that has other names for levels than eIDAS
ASSURANCE = """\

[assurance]
"{level}" = "substantial"
"""
MOST_PAGES = 4


@dataclass(slots=True)
class Upstream:
    """One provider for one flow: what its operator is told of the broker."""

    flow: Flow
    name: str
    port: int
    folder: Path
    callback: str
    jwks: str = field(repr=False)
    secret: str = field(repr=False)

    def learn(self, secret: str) -> None:
        """The provider made the secret itself, and its operator tells it."""
        self.secret = secret

    @property
    def base(self) -> str:
        """Its origin."""
        return f"http://{self.name}.localhost:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The settings that every program of a provider reads."""
        return {
            "BASE": self.base,
            "PORT": str(self.port),
            "FLOW": self.flow.name,
            "CALLBACK": self.callback,
            "CLIENT_ID": CLIENT_ID,
            "CLIENT_SECRET": self.secret,
            "BROKER_JWKS": self.jwks,
            "PERSON": json.dumps(PERSON),
        }


# Runs a provider, and yields its issuer
Running = Callable[[Upstream], AbstractContextManager[str]]


def process(command: Callable[[Upstream], Started]) -> Running:
    """A provider that is a program."""

    @contextmanager
    def run(upstream: Upstream) -> Iterator[str]:
        words, more = command(upstream)
        with running(words, {**upstream.environment, **more}, upstream.folder, upstream.port):
            yield upstream.base

    return run


def by_form(fields: Mapping[str, str]) -> Callable[[Browser, Page, str], Page]:
    """A citizen's way through a provider that asks with a form, if at all: up to a page of the broker `issuer`."""

    def walk(browser: Browser, page: Page, issuer: str) -> Page:
        for _ in range(MOST_PAGES):
            if page.url.startswith(issuer) or page.status != 200:
                break
            typed = dict(fields) if page.tree.xpath("boolean(//input[@type='password'])") else {}
            page = browser.submit(page, typed, "//form[.//input[@type='password']]" if typed else "//form")
        return page

    return walk


@dataclass(frozen=True, slots=True)
class OpenIDProvider:
    """An OpenID provider of others: `level` is its `acr` where eIDAS has another, `walk` a citizen's way through it."""

    name: str
    package: Package
    documented: str
    runs: Running = field(repr=False)
    flows: tuple[Flow, ...]
    level: str = ""
    faults: tuple[Fault, ...] = ()
    walk: Callable[[Browser, Page, str], Page] = field(default=by_form({}), repr=False)
    role: Role = Role.OPENID_PROVIDER

    @contextmanager
    def opened(self, folder: Path) -> Iterator[Session]:
        """A broker that asks one running provider for each flow; calling what it yields signs a citizen in."""
        with ExitStack() as stack:
            stage = stack.enter_context(opened(UpstreamStage(folder, self, stack)))

            def session(flow: Flow) -> None:
                if flow.name in stage.refused:
                    raise Failed(stage.refused[flow.name])
                upstream = stage.upstreams[flow.name]
                try:
                    self._signs_in(stage, upstream)
                except Exception as error:
                    log = upstream.folder / "log"
                    raise Failed(f"{error}\n{end_of(log) if log.exists() else ''}") from error

            yield session

    def _signs_in(self, stage: "UpstreamStage", upstream: Upstream) -> None:
        with Browser() as browser, structlog.testing.capture_logs() as lines:
            page = to_the_country(browser, stage, f"{stage.city_base}/parking/login", upstream.name)
            question = self.walk(browser, page, stage.issuer)
            if any(word in upstream.flow.name for word in (WE_REFUSE, IT_REFUSES)):
                _refused(question, upstream.flow, lines)
                return
            if question.status != 200 or not question.url.startswith(stage.issuer):
                told = [line["detail"] for line in lines if line.get("detail")]
                where = question.url.partition("?")[0]
                raise Failed(f"no question: status {question.status} at {where}: {words_of(question)}\n{told}")
            end = browser.get(to_the_answer(browser, question), origin=stage.issuer, accept="application/json")
        userinfo = end.json()["userinfo"]
        if not isinstance(userinfo, dict) or any(userinfo.get(name) != value for name, value in RELEASED.items()):
            raise Failed("the service did not get what the purpose releases")


# Which check of ours says so
REFUSALS = {IT_REFUSES: "token_refused", WE_REFUSE: "jws_alg"}


def _refused(page: Page, flow: Flow, lines: Sequence[Mapping[str, object]]) -> None:
    """Raise `Failed` unless the login ended with an error of the broker's for the reason that the flow names."""
    if page.status == 200:
        raise Failed(f"nobody refused: {words_of(page)}")
    wanted = next(check for word, check in REFUSALS.items() if word in flow.name)
    found = [str(line.get("check")) for line in lines if line.get("check")]
    if wanted not in found:
        raise Failed(f"refused by {found}, not by {wanted}: {words_of(page)}")


class UpstreamStage(Scene):
    """The demo's stage, and the providers of one peer. They end with `stack`."""

    def __init__(self, folder: Path, peer: OpenIDProvider, stack: ExitStack) -> None:
        self._peer, self._stack = peer, stack
        self.upstreams: dict[str, Upstream] = {}
        self.refused: dict[str, str] = {}
        super().__init__(folder, fixed=False)

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        super()._configure(port, secret, fares)
        settings = load_settings(self.receiving)
        jwks = own_jwks(load_keys(settings.key_folder, settings.origin), int(time.time())).decode()
        slug = re.sub("[^a-z0-9]+", "-", self._peer.name.lower()).strip("-")
        for number, flow in enumerate(self._peer.flows):
            try:
                self._begin(f"{slug}-{number}", flow, jwks)
            except Exception as error:  # noqa: BLE001 - this flow's failure alone: the others are there
                self.refused[flow.name] = f"it did not start: {error}"

    def _begin(self, name: str, flow: Flow, jwks: str) -> None:
        """Register both sides like their operators."""
        folder = self.folder / "programs" / name
        folder.mkdir(parents=True)
        callback = f"{self.issuer}/oidc/callback/{name}"
        upstream = Upstream(flow, name, free_port(), folder, callback, jwks, secrets.token_urlsafe(32))
        issuer = self._stack.enter_context(self._peer.runs(upstream))
        with client() as http:
            answer = send(http, "GET", f"{issuer}/.well-known/openid-configuration")
        if answer.status_code != 200:
            raise Failed(f"its discovery document: status {answer.status_code}")
        text = REGISTRATION.format(
            name=name,
            issuer=answer.json()["issuer"],
            client_id=CLIENT_ID,
            lines="\n".join(flow.registered),
        )
        if self._peer.level:
            text += ASSURANCE.format(level=self._peer.level)
        (self.receiving / "providers" / f"{name}.toml").write_text(text, encoding="utf-8")
        (self.receiving / "metadata" / f"{name}.json").write_bytes(answer.content)
        if any("client_secret_" in line for line in flow.registered):
            ours = secrets.token_urlsafe(32) if IT_REFUSES in flow.name else upstream.secret
            file = self.receiving / "keys" / f"{CLIENT_SECRET}{name}"
            file.write_text(f"{ours}\n", encoding="ascii")
            file.chmod(0o600)
        self.upstreams[flow.name] = upstream
