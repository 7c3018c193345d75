"""The HTTP headers of each kind of page: decision 0000.7, docs/threats.md."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from idp.pages.views import PageKind

# The only script of all pages posts a protocol message. A browser without scripts shows a button for it.
SUBMIT_SCRIPT = "document.forms[0].submit()"
SUBMIT_SCRIPT_HASH = "sha256-" + base64.b64encode(hashlib.sha256(SUBMIT_SCRIPT.encode()).digest()).decode()

_POLICY = (
    "default-src 'none'",
    "style-src 'self'",
    "img-src 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
)
_OWN_FORMS = "form-action 'self'"
_SUBMIT = f"script-src '{SUBMIT_SCRIPT_HASH}'"

_ALWAYS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), publickey-credentials-get=()",
    "X-Robots-Tag": "noindex",
}


def headers(kind: PageKind) -> Mapping[str, str]:
    """The headers of a page of this kind.

    A page that posts a protocol message has no `form-action`: Chromium applies it to redirects after the post, and the
    target may redirect to a third origin. A page with a form has the referrer policy `same-origin`: with `no-referrer`
    Chromium sends `Origin: null` with our own form.
    """
    return _HEADERS[kind]


def raw_headers(kind: PageKind) -> tuple[tuple[bytes, bytes], ...]:
    """The same headers as the server writes them."""
    return _RAW[kind]


def framing(raw: list[tuple[bytes, bytes]], sources: Sequence[str]) -> None:
    """Let one page frame these addresses, in the headers that it has: no other page frames anything."""
    for place, (name, value) in enumerate(raw):
        if name == b"content-security-policy":
            raw[place] = (name, value + f"; frame-src {' '.join(sources)}".encode("ascii"))


def _made(kind: PageKind) -> Mapping[str, str]:
    policy = (*_POLICY, _SUBMIT) if kind is PageKind.POST else (*_POLICY, _OWN_FORMS)
    return MappingProxyType(
        {
            "Content-Security-Policy": "; ".join(policy),
            "Referrer-Policy": "no-referrer" if kind is PageKind.PLAIN else "same-origin",
            **_ALWAYS,
        }
    )


_HEADERS = {kind: _made(kind) for kind in PageKind}
_RAW = {
    kind: tuple((name.lower().encode("ascii"), value.encode("ascii")) for name, value in named.items())
    for kind, named in _HEADERS.items()
}
