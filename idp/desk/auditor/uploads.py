"""Files that an auditor posts, in memory and with limits (RFC 7578). None is kept, and no name leads to a file of ours."""

import re
from collections.abc import Sequence

from starlette.requests import Request

from idp.web.requests import header
from policies.errors import RequestRefused

MAX_BODY = 16 * 1024 * 1024
MAX_FILES = 2000
MAX_NAME = 100
# Far more than a browser writes above a file
MAX_HEAD = 4096
# RFC 2046 §5.1.1
_FORM = re.compile(r"""multipart/form-data\s*;\s*boundary=("?)([0-9A-Za-z'()+_,./:=?-]{1,70})\1\s*""", re.IGNORECASE)
# As browsers write it (RFC 7578 §4.2): a quotation mark in a name is %22
_NAME = re.compile(rb'^content-disposition:[^\r\n]*;[ \t]*filename="([^"\r\n]*)"', re.IGNORECASE | re.MULTILINE)


async def posted_form(request: Request) -> tuple[str, bytes]:
    """The boundary and the octets of a form with files, not yet taken apart. Raises `RequestRefused`."""
    found = _FORM.fullmatch(header(request, b"content-type") or "")
    if found is None:
        raise RequestRefused("the body is no form with files", status=415)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise RequestRefused(f"files of more than {MAX_BODY} bytes", status=413, code="too_large")
    return found[2], bytes(body)


def files_in(boundary: str, body: bytes) -> Sequence[tuple[str, bytes]]:
    """The names and octets of all files. It may take a second. Raises `RequestRefused`."""
    between, whole = b"\r\n--" + boundary.encode("ascii"), b"\r\n" + body
    # Counted before it is taken apart: the last one ends the form
    if not 2 <= whole.count(between) <= MAX_FILES + 1:  # noqa: PLR2004 - before one file and behind it
        raise RequestRefused(f"no file, or more than {MAX_FILES}")
    _, *parts, end = whole.split(between)
    if not end.startswith(b"--"):
        raise RequestRefused("a form that breaks off")
    found = []
    for part in parts:
        head, blank, octets = part.lstrip(b" \t").partition(b"\r\n\r\n")
        if not blank or not head.startswith(b"\r\n") or len(head) > MAX_HEAD:
            raise RequestRefused("a part of a form without its head")
        if (name := _NAME.search(head)) is not None:
            found.append((name[1].decode("utf-8", "replace")[:MAX_NAME], octets))
    if not found:
        raise RequestRefused("no file")
    return found
