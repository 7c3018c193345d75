"""Requests of programs past the browser, and our answers: JSON with a status and headers."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from connectors.wire.claims import Json
from policies.errors import RequestRefused

# RFC 6749 §5.1: what holds tokens or values is kept by nobody on the way
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
RETRY_AFTER_SECONDS = "5"


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectRequest:
    """A program's request: what it sent, and what may prove who sends it. Nothing of it is believed yet.

    `method` and `path` are those of the request line. A parameter that came twice was refused before. `proofs` are the
    values of its DPoP headers. `certificate` is the DER of its TLS certificate, as a trusted proxy says, b"" without one.
    """

    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    # the Authorization header, "" without one
    authorization: str = field(default="", repr=False)
    method: str = "POST"
    path: str = "/token"
    proofs: tuple[str, ...] = field(default=(), repr=False)
    certificate: bytes = field(default=b"", repr=False)
    # the media types of its Accept header, without their parameters
    accept: frozenset[str] = frozenset()
    # the body of a request that is no form, such as JSON
    body: bytes = field(default=b"", repr=False)

    @property
    def given(self) -> dict[str, str]:
        """The form without what has no value: RFC 6749 §3.2 counts that as omitted."""
        return {name: value for name, value in self.form.items() if value}


@dataclass(frozen=True, slots=True)
class JsonAnswer:
    """A status, headers and a JSON object; the rest is for our log alone.

    `peer` is whose request it was, `reference` the login's that it was about, where that is known. Where there is a `jwt`,
    it goes in the body's place, as `media_type`. `vouched`: a peer of ours signed what is refused, so it counts against no
    address.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: Mapping[str, Json] = field(repr=False)
    detail: str = ""
    peer: str = ""
    reference: str = ""
    jwt: str = field(default="", repr=False)
    media_type: str = "application/json"
    vouched: bool = False


def success(body: Mapping[str, Json]) -> JsonAnswer:
    """200, and kept by nobody."""
    return JsonAnswer(200, NO_STORE, body)


def jwt_answer(jwt: str, media_type: str) -> JsonAnswer:
    """200 with a signed or encrypted token alone, and kept by nobody."""
    return JsonAnswer(200, NO_STORE, {}, jwt=jwt, media_type=media_type)


def oauth_error(error: RequestRefused, *, challenge: str = "") -> JsonAnswer:
    """An error of RFC 6749 §5.2. `challenge` is the value of WWW-Authenticate that a 401 carries."""
    headers = {**NO_STORE, "WWW-Authenticate": challenge} if challenge else NO_STORE
    body: dict[str, Json] = {"error": error.oauth, "error_description": error.detail}
    return JsonAnswer(error.status, headers, body, f"{error.oauth}: {error.detail}", error.peer, error.reference)


def unavailable(detail: str) -> JsonAnswer:
    """The database cannot write: nothing was issued, and trying again is right."""
    body: dict[str, Json] = {
        "error": "temporarily_unavailable",
        "error_description": "Nothing was issued. Try again in a few seconds.",
    }
    return JsonAnswer(503, {**NO_STORE, "Retry-After": RETRY_AFTER_SECONDS}, body, detail)


def too_many(seconds: int) -> JsonAnswer:
    """Too much was refused from this address: nothing was looked at, or nothing is said of it."""
    body: dict[str, Json] = {
        "error": "temporarily_unavailable",
        "error_description": "Too many requests from this address were refused. Try again in a minute.",
    }
    return JsonAnswer(429, {**NO_STORE, "Retry-After": str(seconds)}, body, "more than the limit failures takes")


def explained(answer: JsonAnswer, documentation: str) -> JsonAnswer:
    """An error with the address that explains it (RFC 6749 §5.2, RFC 6750 §3), where the operator names the page."""
    code = answer.body.get("error")
    if not documentation or not isinstance(code, str):
        return answer
    address = error_uri(documentation, code)
    headers = dict(answer.headers)
    if "error=" in headers.get("WWW-Authenticate", ""):
        headers["WWW-Authenticate"] += f', error_uri="{address}"'
    return replace(answer, headers=headers, body={**answer.body, "error_uri": address})


def error_uri(documentation: str, code: str) -> str:
    """Where docs/errors.md, published at `documentation`, explains a code."""
    return f"{documentation}#{code}"
