"""Ciconia as an OpenID provider of Ciconia: another broker, which has the asking one for a service and asks a country."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from urllib.parse import urlsplit

from typer.testing import CliRunner

from idp.cli import app
from idp.demo.browser import Browser, Page
from idp.demo.scene import Scene
from idp.keys.file import FileSigner
from tests.interop.client_stage import CITIZEN, Failed
from tests.interop.openid_stage import CLIENT_ID, Upstream
from tests.interop.walking import opened, to_the_answer

PURPOSE = "identity"
# What the operator of the upstream writes for a service that asks so
STRICT = (
    "require_pushed_authorization_requests = true",
    "require_signed_request_object = true",
    'request_object_signing_alg = "ES256"',
    "dpop_bound_access_tokens = true",
)


class Own:
    """This repository's version."""

    def version(self) -> str:
        return version("ciconia")

    def pinned(self) -> str:
        return ""

    def text(self, source: str) -> str:
        raise FileNotFoundError(source)


class UpstreamScene(Scene):
    """The demo's stage, whose broker passes whole values on to one service: the broker that asks it."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        super().__init__(upstream.folder / "broker", fixed=False)

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        super()._configure(port, secret, fares)
        purposes = self.receiving / "purposes"
        text = (purposes / "resident-parking.toml").read_text(encoding="utf-8").partition("[[examples]]")[0]
        for derived in ("age_over(18)", "resident_of(Storkhaven)"):
            text = text.replace(f'"{derived}"', '"exact"')
        text = text.replace('"resident-parking"', f'"{PURPOSE}"')
        (purposes / f"{PURPOSE}.toml").write_text(text, encoding="utf-8")
        upstream, by_key = self._upstream, "private_key_jwt" in self._upstream.flow.name
        command = ["party", "add", CLIENT_ID, "--redirect", upstream.callback, "--purpose", PURPOSE]
        command += ["--config", str(self.receiving), "--snippet", "none", "--json"]
        if by_key:
            jwks = upstream.folder / "broker.jwks.json"
            keys = json.loads(upstream.jwks)["keys"]
            jwks.write_text(json.dumps({"keys": [one for one in keys if one["use"] == "sig"]}), encoding="utf-8")
            command += ["--jwks", str(jwks)]
        run = CliRunner().invoke(app, command)
        if run.exit_code != 0:
            raise Failed(f"party add: {run.output}")
        said = json.loads(run.stdout)
        file = self.receiving / str(said["file"])
        if by_key:
            file.write_text("\n".join([*STRICT, file.read_text(encoding="utf-8")]), encoding="utf-8")
        else:
            upstream.learn(str(said["client_secret"]))


@contextmanager
def run(upstream: Upstream) -> Iterator[str]:
    """The other broker, with its country."""
    with opened(UpstreamScene(upstream)) as scene:
        yield scene.issuer


def walk(browser: Browser, page: Page, issuer: str) -> Page:
    """A citizen's way through the other broker: the picker, the country, the question, and back."""
    parts = urlsplit(page.url)
    upstream = f"{parts.scheme}://{parts.netloc}"
    if upstream == issuer:
        return page
    country = browser.get(page.link("//a[contains(@href, '/at/demo-ee')]"), origin=upstream)
    question = browser.submit(browser.submit(country, {"citizen": CITIZEN}), {})
    return browser.get(to_the_answer(browser, question), origin=upstream)
