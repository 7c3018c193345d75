"""HTTP in: bytes with a limit, each parameter once, no frames, no cross-site posts."""

import urllib.parse
from collections.abc import Mapping

from fastapi import Request

from policies.errors import RequestRefused

# A response of 256 KiB in base64, its field's name and RelayState (docs/threats.md)
MAX_MESSAGE_BODY = 400 * 1024
# A decision's form holds the sealed decision (at most 64 KiB) and a few boxes; a relying party's request is far shorter
MAX_FORM_BODY = 80 * 1024
MAX_FIELDS = 100
# Browsers keep at most some 180 of one site; each costs a look
MAX_COOKIES = 400
# Percent signs, but for the three of base64: each takes up to 0.2 microseconds, a bare one too, and a whole message of them
# 80 ms. What an address of 60 KiB may have, and twice what a response of 256 KiB has whose base64 is broken into lines
MAX_QUOTED = 20 * 1024
QUOTED_BASE64 = ("%2B", "%2F", "%3D")
FORM_TYPE = "application/x-www-form-urlencoded"


def parameters(raw: bytes) -> dict[str, str]:
    """The parameters of a query or form, each once. Raises `RequestRefused` for repeated, too many or undecodable ones."""
    try:
        text = raw.decode("ascii")
        if len(text) > MAX_QUOTED and text.count("%") - sum(map(text.count, QUOTED_BASE64)) > MAX_QUOTED:
            raise RequestRefused("parameters with too much that is quoted")
        if text.count("&") >= MAX_FIELDS:
            raise RequestRefused("too many parameters")
        pairs = []
        for part in filter(None, text.split("&")):
            # As urllib.parse.parse_qsl reads one: without `=` the value is empty
            name, _, value = part.partition("=")
            pairs.append((_unquoted(name), _unquoted(value)) if "%" in part or "+" in part else (name, value))
    except ValueError as error:  # UnicodeDecodeError is one
        raise RequestRefused("parameters that do not decode") from error
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise RequestRefused("a repeated parameter")
        found[name] = value
    return found


def _unquoted(text: str) -> str:
    """A name or a value. The signs of base64 first, by themselves: a message of 12 kB has hundreds, and little else.

    None of the three is a hex digit or a percent sign, so what stood around them reads as it did.

    Raises UnicodeDecodeError.
    """
    if "+" in text:
        text = text.replace("+", " ")
    if "%" not in text:
        return text
    text = text.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=")
    return urllib.parse.unquote(text, encoding="utf-8", errors="strict") if "%" in text else text


def query(request: Request) -> dict[str, str]:
    """The parameters of the query."""
    return parameters(request.scope["query_string"])


def check_no_query(request: Request) -> None:
    """Raises `RequestRefused` for a response that comes with a query beside its form."""
    if query(request):
        raise RequestRefused("a response with a query")


async def form(request: Request, limit: int = MAX_FORM_BODY) -> dict[str, str]:
    """The parameters of a form body of at most `limit` bytes."""
    if (header(request, b"content-type") or "").partition(";")[0].strip().lower() != FORM_TYPE:
        raise RequestRefused("the body is no form", status=415)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise RequestRefused(f"a body of more than {limit} bytes", status=413, code="too_large")
    return parameters(bytes(body))


def header(request: Request, name: bytes) -> str | None:
    """The value of the first header of this name, which is given in lower case; None where there is none."""
    for found, value in request.scope["headers"]:
        if found == name:
            return str(value, "latin-1")
    return None


def headers(request: Request, name: bytes) -> tuple[str, ...]:
    """The values of all headers of this name, which is given in lower case."""
    return tuple(str(value, "latin-1") for found, value in request.scope["headers"] if found == name)


def check_navigation(request: Request) -> None:
    """Refuse what is not the top level of a window (decision 0000.6): frames hide our pages, scripts set our cookies."""
    if header(request, b"sec-fetch-dest") not in (None, "document"):
        raise RequestRefused("a framed, embedded or scripted request", status=403)


def check_same_origin(request: Request, issuer: str) -> None:
    """Refuse a form that another site posts (0000.7): Sec-Fetch-Site where sent, else Origin; `null` is refused."""
    site = header(request, b"sec-fetch-site")
    if site is not None:
        if site != "same-origin":
            raise RequestRefused("a form posted from another site", status=403, code="other_site")
    elif header(request, b"origin") != issuer:
        raise RequestRefused("a form posted without our Origin", status=403, code="other_site")


def check_own_link(request: Request) -> None:
    """Refuse a link that no page of ours leads along, and one that a browser follows before anybody pressed it.

    A browser that says neither brings the Strict cookie only from a page of ours.
    """
    if header(request, b"sec-fetch-site") not in (None, "same-origin"):
        raise RequestRefused("a link followed from another site, or typed", status=403, code="other_site")
    if header(request, b"sec-purpose") or header(request, b"purpose"):
        raise RequestRefused("a link that nobody has pressed yet", status=403, code="other_site")


def cookies(request: Request) -> Mapping[str, str]:
    """The request's cookies; one that is sent twice is dropped, since nobody can say which is ours.

    Raises `RequestRefused` where there are too many.
    """
    found: dict[str, str] = {}
    twice: set[str] = set()
    separators = 0
    for header_name, octets in request.scope["headers"]:
        if header_name != b"cookie":
            continue
        line = str(octets, "latin-1")
        separators += line.count(";")
        if separators > MAX_COOKIES:
            raise RequestRefused("more cookies than a browser keeps of one site", status=431, code="too_large")
        for part in line.split(";"):
            # What Python besides takes for a space (U+0085, U+00A0) a browser takes for a letter. To it such a name is none
            # with __Host-, and a neighbour of ours may set it
            name, _, value = part.strip(" \t").partition("=")
            if name in found:
                twice.add(name)
            found[name] = value
    for name in twice:
        del found[name]
    return found


def client_of(request: Request) -> str:
    """The address that asks, as a trusted proxy says where one stands in front; "" where nobody knows it."""
    client = request.scope.get("client")
    return str(client[0]) if client else ""
