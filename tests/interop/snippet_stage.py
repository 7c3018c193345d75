"""A stage whose broker has services of our documentation: each registered by `ciconia party add`, each run as printed.

What is not of the snippet: the port, and that `*.localhost` is this machine (`localhost/`), which browsers know by
themselves and resolvers do not (nor does uvicorn's own loop let itself be told).
"""

import json
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import structlog
from typer.testing import CliRunner

from idp.cli import app
from idp.cli.snippets import PUBLIC_ALONE, Framework
from idp.demo.browser import Browser, Page
from idp.demo.loopback import client, send
from idp.demo.scene import HOST, Scene
from idp.keys.file import FileSigner, create_token_key
from idp.system.clock import system_clock
from tests.interop import programs
from tests.interop.walking import to_the_answer, to_the_country
from tests.ports import free_port

HERE = Path(__file__).parent
PURPOSE, LOW = "resident-parking", "visitor-parking"
RELEASED = {"age_over_18": True, "resident_of": {"Storkhaven": True}}
# One service each: with its secret, with its key, and with those of somebody else
KINDS = ("secret", "key", "wrong-secret", "wrong-key")
# Those of a session group, which refresh, sign out and are told of it; BASE is the app's origin
GROUPED = ("staying", "leaving")
BESIDE = ("--refresh", "--group", "city", "--signed-out", "BASE/bye", "--logout", "BASE/oidc/logout")
Log = list[Mapping[str, object]]


@dataclass
class App:
    """One registered service: where it runs, the program, and what its environment holds."""

    kind: str
    port: int
    text: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def base(self) -> str:
        return f"http://{self.kind}.localhost:{self.port}"

    @property
    def redirect_uri(self) -> str:
        # The profile fapi2 takes https alone, but for this machine by its number
        if self.kind == "device":
            # whichever port is free
            return f"http://{HOST}/callback"
        return f"http://{HOST}:{self.port}/callback" if self.kind.startswith("strict") else f"{self.base}/callback"


class SnippetStage(Scene):
    """The demo's stage, and the services of one framework."""

    def __init__(
        self, folder: Path, framework: Framework, kinds: tuple[str, ...] = KINDS, clock: Callable[[], int] = system_clock
    ) -> None:
        self.framework = framework
        self.apps = {kind: App(kind, free_port()) for kind in kinds}
        super().__init__(folder, fixed=False, clock=clock)

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        super()._configure(port, secret, fares)
        (self.receiving / "session_groups.toml").write_text("[city]\n", encoding="utf-8")
        for each in self.apps.values():
            self._register(each)

    def _register(self, each: App) -> None:
        self._add_low_purpose()
        key = self.folder / f"{each.kind}.pem"
        arguments = ["party", "add", each.kind, "--redirect", each.redirect_uri, "--purpose", PURPOSE]
        arguments += ["--config", str(self.receiving), "--snippet", self.framework, "--json"]
        arguments += ["--public"] if self.framework in PUBLIC_ALONE else []
        arguments += [one.replace("BASE", each.base) for one in BESIDE] if each.kind in GROUPED else []
        run = CliRunner().invoke(app, [*arguments, *(["--key-out", str(key)] if each.kind.endswith("key") else [])])
        assert run.exit_code == 0, run.output
        said = json.loads(run.stdout)
        registration = self.receiving / "parties" / f"{each.kind}.toml"
        text = registration.read_text(encoding="utf-8")
        assert f'    "{PURPOSE}",\n' in text
        # With two purposes nothing can be enforced
        text = text.replace(f'"{PURPOSE}",', f'"{PURPOSE}", "{LOW}",').replace("enforce = true\n", "")
        if each.kind in GROUPED:
            # It is on this machine
            text = text.replace("backchannel_logout_uri", 'networks = ["127.0.0.0/8"]\nbackchannel_logout_uri')
        registration.write_text(text, encoding="utf-8")
        each.text = said["snippets"][self.framework]
        each.environment = {"SESSION_KEY": secrets.token_urlsafe(32), "PORT": str(each.port)}
        if each.kind.startswith("wrong"):
            create_token_key(self.folder / f"other-{each.kind}.pem", "ES256")
            said["key"], said["client_secret"] = str(self.folder / f"other-{each.kind}.pem"), secrets.token_urlsafe(32)
        if each.kind.endswith("key"):
            each.environment["CLIENT_KEY"] = said["key"]
        elif said["client_secret"]:
            each.environment["CLIENT_SECRET"] = said["client_secret"]

    def _add_low_purpose(self) -> None:
        """The same purpose once more, which a citizen with a password alone may sign in for."""
        folder = self.receiving / "purposes"
        text = (folder / f"{PURPOSE}.toml").read_text(encoding="utf-8").partition("[[examples]]")[0]
        text = text.replace(f'id = "{PURPOSE}"', f'id = "{LOW}"').replace('"substantial"', '"low"')
        (folder / f"{LOW}.toml").write_text(text, encoding="utf-8")


@contextmanager
def running(stage: SnippetStage, kind: str) -> Iterator[App]:
    """The program of this service, until it is ended by its process."""
    each = stage.apps[kind]
    folder = stage.folder / "apps" / kind
    folder.mkdir(parents=True, exist_ok=True)
    words, more = _command(stage.framework, each, folder)
    with programs.running(words, {**each.environment, **more}, folder, each.port):
        yield each


def _command(framework: Framework, each: App, folder: Path) -> tuple[list[str], dict[str, str]]:
    """Write the program as it was printed; what starts it, and what its environment has besides."""
    port = str(each.port)
    local = {"PYTHONPATH": str(HERE / "localhost")}
    if framework == Framework.EXPRESS:
        node = shutil.which("node")
        assert node is not None
        (folder / "app.mjs").write_text(each.text, encoding="utf-8")
        if not (folder / "node_modules").exists():
            (folder / "node_modules").symlink_to(HERE / "node_modules")
        return [node, "--import", str(HERE / "localhost" / "localhost.mjs"), "app.mjs"], {}
    if framework == Framework.APACHE:
        return apache(each, folder), {}
    (folder / "app.py").write_text(each.text, encoding="utf-8")
    started = {
        Framework.FASTAPI: ["-m", "uvicorn", "app:app", "--host", HOST, "--port", port, "--loop", "asyncio"],
        Framework.FLASK: ["-m", "flask", "--app", "app", "run", "--host", HOST, "--port", port],
        Framework.DJANGO: ["app.py", "runserver", f"{HOST}:{port}", "--noreload"],
    }
    return [sys.executable, *started[framework]], local


APACHE = Path("/usr/sbin/apache2")
MODULES = Path("/usr/lib/apache2/modules")
LOADED = ("mpm_event", "authn_core", "authz_core", "authz_user", "dir", "mime", "headers", "auth_openidc", "cgid", "env")


def apache(each: App, folder: Path, more: str = "") -> list[str]:
    """A private Apache: one virtual host with the printed lines in it, and a page that shows what it was told.

    `more` are lines before it.
    """
    html = folder / "html"
    html.mkdir(exist_ok=True)
    script = html / "login"
    script.write_text(SHOWING, encoding="utf-8")
    script.chmod(0o755)
    loaded = "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in LOADED)
    user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
    if user:
        _open_to_everybody(folder)
    text = f"""ServerRoot {folder}
ServerName {each.kind}.localhost
PidFile {folder}/pid
Listen {HOST}:{each.port}
ErrorLog {folder}/log
LogLevel warn auth_openidc:debug
Mutex file:{folder} default
ScriptSock {folder}/cgid
{user}
{loaded}
{more}
TypesConfig /etc/mime.types
DocumentRoot {html}
<VirtualHost {HOST}:{each.port}>
ServerName http://{each.kind}.localhost:{each.port}
UseCanonicalName On
<Directory {html}>
Options +ExecCGI
SetHandler cgi-script
Require all granted
</Directory>
{each.text}
</VirtualHost>
"""
    (folder / "apache.conf").write_text(text, encoding="utf-8")
    return [str(APACHE), "-f", str(folder / "apache.conf"), "-DFOREGROUND"]


SHOWING = """#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\n'
env | grep ^OIDC_CLAIM_ | sort
"""


def _open_to_everybody(folder: Path) -> None:
    """Apache's children run as another account, and the folders of a stage are their owner's alone."""
    for path in (folder, *folder.parents[:3]):
        path.chmod(0o755)
    folder.chmod(0o777)


def begun(browser: Browser, each: App, **changed: str) -> str:
    """Where the program sends the citizen's browser, with parameters changed on the way, or claims added."""
    with client() as http:
        answer = send(http, "GET", f"{each.base}/login")
    assert answer.status_code in {302, 303}, answer.text
    browser._keep(each.base, answer.headers.get_list("set-cookie"))
    parts = urlsplit(answer.headers["location"])
    asked = dict(parse_qsl(parts.query))
    assert set(changed) <= {*asked, "claims"}
    return urlunsplit(parts._replace(query=urlencode({**asked, **changed})))


def signed_in(stage: SnippetStage, each: App, citizen: str = "mari", **changed: str) -> tuple[Page, Log]:
    """A citizen's whole way through a program; the last page, and what the broker logged meanwhile."""
    with Browser() as browser, structlog.testing.capture_logs() as lines:
        address = begun(browser, each, **changed)
        posting = browser.submit(to_the_country(browser, stage, address), {"citizen": citizen})
        back = to_the_answer(browser, browser.submit(posting, {}))
        there = back.replace(f"http://{HOST}:{each.port}/", f"{each.base}/")
        return browser.get(there, origin=stage.issuer), [dict(line) for line in lines]


def refused_before(stage: SnippetStage, each: App, **changed: str) -> tuple[Page, Log]:
    """A request that the broker must not take: its page, and what it logged."""
    with Browser() as browser, structlog.testing.capture_logs() as lines:
        page = browser.get(begun(browser, each, **changed))
        assert page.url.startswith(stage.issuer)
        return page, [dict(line) for line in lines]
