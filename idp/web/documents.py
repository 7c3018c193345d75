"""A signed document for programs: by its tag, and compressed where that is taken (RFC 9110 §8.8, §12.5.3)."""

import gzip
import re
from hashlib import sha256
from typing import Any  # of what the framework describes a route with

from fastapi import Request
from fastapi.responses import Response

SAML = "application/samlmetadata+xml"
NOT_MODIFIED = 304
UNCHANGED: dict[int | str, dict[str, Any]] = {NOT_MODIFIED: {"description": "It is what If-None-Match says."}}
_GZIP = re.compile(r"\s*gzip\s*(;\s*q=(1(\.0*)?|0\.0*[1-9][0-9]*))?\s*")


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
        octets = gzip.decompress(octets)
    return Response(octets, media_type=SAML, headers=headers)
