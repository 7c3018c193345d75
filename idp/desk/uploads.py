"""Files that an auditor posts, in memory and with limits (RFC 7578). None is kept, and no name leads to a file of ours."""

from collections.abc import Sequence
from email import policy
from email.parser import BytesParser

from starlette.requests import Request

from idp.web.requests import header
from policies.errors import RequestRefused

MAX_BODY = 16 * 1024 * 1024
MAX_FILES = 2000
MAX_NAME = 100
FORM = "multipart/form-data"


async def files_of(request: Request) -> Sequence[tuple[str, bytes]]:
    """The names and octets of all files. Raises `RequestRefused`."""
    kind = header(request, b"content-type") or ""
    if kind.partition(";")[0].strip().lower() != FORM or "\r" in kind or "\n" in kind:
        raise RequestRefused("the body is no form with files", status=415)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise RequestRefused(f"files of more than {MAX_BODY} bytes", status=413, code="too_large")
    head = b"Content-Type: " + kind.encode("latin-1") + b"\r\n\r\n"
    message = BytesParser(policy=policy.HTTP).parsebytes(head + bytes(body))
    found = []
    for part in message.iter_parts() if message.is_multipart() else ():
        name, octets = part.get_filename(), part.get_payload(decode=True)
        if name is not None and isinstance(octets, bytes):
            found.append((str(name)[:MAX_NAME], octets))
    if not 0 < len(found) <= MAX_FILES:
        raise RequestRefused(f"no file, or more than {MAX_FILES}")
    return found
