"""docs/endpoints.md: each endpoint for programs with an example request and its answer, from a real run.

python -m tests.endpoints_page    start a broker, ask each endpoint, and write the page, as `make docs` does
"""

import json
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from idp.web.described import openapi
from tests.idp.staging import Clock, opened
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import DIRECT, FORM_TYPE, Answer, Visitor

PAGE = Path(__file__).parents[1] / "docs" / "endpoints.md"
OPENAPI = PAGE.with_name("openapi.json")
LONGEST = 900
SHOWN_HEADERS = ("content-type", "cache-control", "www-authenticate", "location", "retry-after", "dpop-nonce")
HEAD = """\
# Endpoints for programs

What each endpoint takes and answers, from a run against a real broker with made-up persons. Made by
`python -m tests.endpoints_page`. Errors of OAuth have `error` and `error_description` ([codes](errors.md)). Every other
error of these endpoints is a problem of RFC 9457, `application/problem+json`. They stand in [OpenAPI](openapi.json), too.
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """One request and its answer; `secret` texts are not shown."""

    method: str
    path: str
    headers: Mapping[str, str]
    fields: Mapping[str, str]
    answer: Answer

    def markdown(self) -> str:
        """The exchange as a block."""
        request = [f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in self.headers.items())]
        if self.fields:
            body = "&\n".join(urlencode({name: value}, quote_via=quote) for name, value in self.fields.items())
            request += [f"Content-Type: {FORM_TYPE}", "", body]
        kept = [f"{name}: {value}" for name, value in self.answer.headers.items() if name in SHOWN_HEADERS]
        text = self.answer.text
        if self.answer.headers.get("content-type", "").endswith("json"):
            text = json.dumps(self.answer.json, indent=2, ensure_ascii=False)
        text = text if len(text) <= LONGEST else f"{text[:LONGEST]}\n…"
        answer = [f"HTTP/1.1 {self.answer.status}", *kept, "", text.rstrip()]
        return "```http\n" + "\n".join(request) + "\n```\n\n```http\n" + "\n".join(answer).rstrip() + "\n```\n"


class Run:
    """A browser and a service in front of one stage."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor

    def ask(self, method: str, path: str, fields: Mapping[str, str] | None = None, **headers: str) -> Shown:
        sent = {name.replace("_", "-").title(): value for name, value in headers.items()}
        raw: dict[str, str | None] = {**DIRECT, **{name.lower(): value for name, value in sent.items()}}
        answer = self.visitor.go(method, path, fields=fields, headers=raw, jar={})
        return Shown(method, path, sent, fields or {}, answer)

    @property
    def basic(self) -> str:
        return self.visitor.basic("parking")

    def token(self) -> str:
        return str(self.visitor.redeem(self.visitor.code()).json["access_token"])


def _token(run: Run) -> Iterator[Shown]:
    fields = {
        "grant_type": "authorization_code",
        "code": run.visitor.code(),
        "redirect_uri": f"{run.visitor.stage.city_base}/parking/callback",
        "code_verifier": "a-verifier-of-43-characters-and-a-few-more-0123",
    }
    for _again in range(2):
        yield run.ask("POST", "/token", fields, authorization=run.basic)


def _userinfo(run: Run) -> Iterator[Shown]:
    yield run.ask("GET", "/userinfo", authorization=f"Bearer {run.token()}")
    yield run.ask("GET", "/userinfo")


def _receipt(run: Run) -> Iterator[Shown]:
    yield run.ask("POST", "/userinfo/receipt", {"access_token": run.token()}, authorization=run.basic)


def _why(run: Run) -> Iterator[Shown]:
    yield run.ask("POST", "/why", {"reference": "3f9c2a7b10"}, authorization=run.basic)


def _push(run: Run) -> Iterator[Shown]:
    asked = {name: value for name, value in run.visitor.request().items() if name != "client_id"}
    yield run.ask("POST", "/par", asked, authorization=run.basic)


def _of_the_token(path: str) -> Callable[[Run], Iterator[Shown]]:
    def asked(run: Run) -> Iterator[Shown]:
        yield run.ask("POST", path, {"token": run.token()}, authorization=run.basic)

    return asked


def _device(run: Run) -> Iterator[Shown]:
    yield run.ask("POST", "/device_authorization", {"scope": "openid purpose:resident-parking"}, authorization=run.basic)


def _plain(path: str) -> Callable[[Run], Iterator[Shown]]:
    def asked(run: Run) -> Iterator[Shown]:
        yield run.ask("GET", path)

    return asked


def _proof(run: Run) -> Iterator[Shown]:
    yield run.ask("GET", f"/log/proof?leaf={secrets.token_hex(32)}")
    yield run.ask("GET", "/log/proof")


def _tile(run: Run) -> Iterator[Shown]:
    yield run.ask("GET", "/log/tile/7/000")


def _year(run: Run) -> Iterator[Shown]:
    yield run.ask("GET", "/log/years/2020")


def _backchannel(run: Run) -> Iterator[Shown]:
    # Of a provider that speaks OpenID Connect: here it is none
    yield run.ask(
        "POST", "/oidc/backchannel/demo-ee", {"logout_token": "eyJ0eXAiOiJsb2dvdXQrand0IiwiYWxnIjoiRVMyNTYifQ.e30.AA"}
    )


def _soap(path: str) -> Callable[[Run], Iterator[Shown]]:
    # A form, and not SOAP: a fault of SOAP has the status of a server's own
    def asked(run: Run) -> Iterator[Shown]:
        yield run.ask("POST", path, {"SAMLart": "AAQAAA"})

    return asked


EXAMPLES: Mapping[str, Callable[[Run], Iterator[Shown]]] = {
    "/token": _token,
    "/userinfo": _userinfo,
    "/userinfo/receipt": _receipt,
    "/par": _push,
    "/introspect": _of_the_token("/introspect"),
    "/revoke": _of_the_token("/revoke"),
    "/why": _why,
    "/device_authorization": _device,
    "/log/proof": _proof,
    "/log/tile/{tile}": _tile,
    "/log/years/{year}": _year,
    "/oidc/backchannel/{provider}": _backchannel,
    **{path: _soap(path) for path in ("/saml/artifact", "/saml/ecp")},
}


def shown(visitor: Visitor) -> Iterator[tuple[str, list[Shown]]]:
    """Each described path with its examples."""
    run = Run(visitor)
    for path, operations in openapi(visitor.stage.application.asgi)["paths"].items():
        # What has no example of its own is asked without anything
        example = EXAMPLES.get(path) or (_plain(path) if "get" in operations else None)
        if example is None:
            raise LookupError(f"{path} has no example in {__name__}")
        yield path, list(example(run))


def render(visitor: Visitor) -> str:
    """The whole page."""
    parts = [HEAD]
    for path, examples in shown(visitor):
        parts += [f"## {path}\n", *(one.markdown() for one in examples)]
    return "\n".join(parts)


def main() -> int:
    """Write the page."""
    with (
        tempfile.TemporaryDirectory() as folder,
        opened(Stage(Path(folder) / "stage", Clock())) as stage,
        Visitor(stage) as visitor,
    ):
        PAGE.write_text(render(visitor), encoding="utf-8")
        document = openapi(stage.application.asgi)
        OPENAPI.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
