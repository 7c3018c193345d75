"""HTTP in: bytes with a limit, each parameter once, no frames, no cross-site posts."""

import urllib.parse
from collections.abc import Mapping

from fastapi import Request

from policies.errors import RequestRefused

# A response of 256 KiB in base64, its field's name and RelayState (security.md §2.0)
MAX_MESSAGE_BODY = 400 * 1024
# A decision's form holds the sealed decision (at most 64 KiB) and a few boxes; a relying party's request is far shorter
MAX_FORM_BODY = 80 * 1024
MAX_FIELDS = 100
FORM_TYPE = "application/x-www-form-urlencoded"


def parameters(raw: bytes) -> dict[str, str]:
    """The parameters of a query or form, each once. Raises `RequestRefused` for repeated, too many or undecodable ones."""
    try:
        pairs = urllib.parse.parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError as error:  # UnicodeDecodeError is one
        raise RequestRefused("parameters that do not decode, or too many") from error
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise RequestRefused(f"a repeated parameter ({len(name)} characters long)")
        found[name] = value
    return found


def query(request: Request) -> dict[str, str]:
    """The parameters of the query."""
    return parameters(request.scope["query_string"])


async def form(request: Request, limit: int = MAX_FORM_BODY) -> dict[str, str]:
    """The parameters of a form body of at most `limit` bytes."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM_TYPE:
        raise RequestRefused("the body is no form", status=415)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise RequestRefused(f"a body of more than {limit} bytes", status=413, code="too_large")
    return parameters(bytes(body))


def check_navigation(request: Request) -> None:
    """Refuse what is not the top level of a window (decisions.md 6): frames hide our pages, scripts set our cookies."""
    if request.headers.get("sec-fetch-dest", "document") != "document":
        raise RequestRefused("a framed, embedded or scripted request", status=403)


def check_same_origin(request: Request, issuer: str) -> None:
    """Refuse a form that another site posts (decisions.md 7): Sec-Fetch-Site where sent, else Origin; `null` is refused."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site != "same-origin":
            raise RequestRefused("a form posted from another site", status=403, code="other_site")
    elif request.headers.get("origin") != issuer:
        raise RequestRefused("a form posted without our Origin", status=403, code="other_site")


def cookies(request: Request) -> Mapping[str, str]:
    """The request's cookies; one that is sent twice is dropped, since nobody can say which is ours."""
    found: dict[str, str] = {}
    twice: set[str] = set()
    for header in request.headers.getlist("cookie"):
        for part in header.split(";"):
            name, _, value = part.strip().partition("=")
            if name in found:
                twice.add(name)
            found[name] = value
    return {name: value for name, value in found.items() if name not in twice}
