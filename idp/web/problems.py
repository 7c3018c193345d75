"""Errors of endpoints for programs that are none of OAuth: application/problem+json (RFC 9457).

{"type": "https://docs.example/errors#not_found", "title": "There is nothing here", "status": 404, "code": "not_found",
 "reference": "0c1d2e3f4a"}

`code` is the stable word of docs/errors.md, and `reference` finds the line in the operator's log. No word of the request
comes back.
"""

from fastapi.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"


def problem(status: int, code: str, title: str, reference: str, documentation: str = "") -> JSONResponse:
    """The answer. `documentation` is the address of the page that explains the codes, "" where the operator names none."""
    body = {
        "type": f"{documentation}#{code}" if documentation else "about:blank",
        "title": title,
        "status": status,
        "code": code,
        "reference": reference,
    }
    return JSONResponse(body, status, {"Cache-Control": "no-store"}, MEDIA_TYPE)
