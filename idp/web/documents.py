"""A signed document for programs: by its tag, and compressed where that is taken (RFC 9110 §8.8, §12.5.3)."""

import re
import zlib
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any  # of what the framework describes a route with

from fastapi import Request
from fastapi.responses import Response, StreamingResponse

from idp.protocols.saml.bodies import GZIP

SAML = "application/samlmetadata+xml"
NOT_MODIFIED = 304
UNCHANGED: dict[int | str, dict[str, Any]] = {NOT_MODIFIED: {"description": "It is what If-None-Match says."}}
# As much of what is opened is in memory for each who reads it: a reader who stops holds no more
PIECE = 64 * 1024
# No space is tried twice: a head has room for 60,000 of them
_GZIP = re.compile(r"\s*+gzip\s*+(;\s*+q=(1(\.0*)?|0\.0*[1-9][0-9]*))?\s*+")


def document(request: Request, octets: bytes, *, compressed: bool = False) -> Response:
    """The answer. `compressed` says that the octets are gzip's: whoever does not take that gets what is in them."""
    # Of one document in two codings the tag is a weak one (RFC 9110 §8.8.3.3)
    tag = f'{"W/" if compressed else ""}"{sha256(octets).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"} | ({"Vary": "Accept-Encoding"} if compressed else {})
    if tag in [one.strip() for one in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=NOT_MODIFIED, headers=headers)
    if compressed and any(map(_GZIP.fullmatch, request.headers.get("accept-encoding", "").split(","))):
        headers["Content-Encoding"] = "gzip"
    elif compressed:
        # gzip says at its end how long it is (RFC 1952 §2.3.1)
        headers["Content-Length"] = str(int.from_bytes(octets[-4:], "little"))
        return StreamingResponse(_opened(octets), media_type=SAML, headers=headers)
    return Response(octets, media_type=SAML, headers=headers)


async def _opened(octets: bytes) -> AsyncIterator[bytes]:
    opener = zlib.decompressobj(wbits=GZIP)
    while piece := opener.decompress(octets, PIECE):
        octets = opener.unconsumed_tail
        yield piece
