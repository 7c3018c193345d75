"""Where the answers of a relying party may go, and which pages may call for it: both compared, neither guessed.

A redirect address is compared sign by sign (RFC 9700 §2.1), but for the port of a native app's loopback address, which the
app only knows when it has one (RFC 8252 §7.3). An origin (RFC 6454 §6.2) is compared sign by sign, too.
"""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

# The literal alone: `localhost` is what a resolver makes of it, and may listen on another interface (RFC 8252 §8.3)
LOOPBACK = re.compile(r"(?P<host>http://(?:127\.0\.0\.1|\[::1\]))(?::(?P<port>[1-9][0-9]{0,4}))?(?P<rest>/[!-~]*)")
# RFC 8252 §7.1: a scheme with a dot is somebody's domain turned round. `javascript`, `data` and the browser's own have none
APP_SCHEME = re.compile(r"(?P<scheme>[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+):(?P<rest>/[!-~]*)")
MAX_PORT = 65_535
DEFAULT_PORTS = {"http": 80, "https": 443}


def is_redirect(uri: str, registered: Collection[str], *, any_port: bool) -> bool:
    """Whether an answer may go there. `any_port` is for public clients: their loopback addresses take every port."""
    if uri in registered:
        return True
    found = LOOPBACK.fullmatch(uri) if any_port else None
    return found is not None and int(found["port"] or 1) <= MAX_PORT and found["host"] + found["rest"] in registered


def is_of_an_app(uri: str) -> bool:
    """Whether an address is one of an app's own scheme, to which nothing can be posted."""
    return APP_SCHEME.fullmatch(uri) is not None


def origin_of(uri: str) -> str:
    """The origin of the pages at a web address, as browsers write it; "" for an app's own address, which has no pages."""
    if is_of_an_app(uri) or LOOPBACK.fullmatch(uri):
        return ""
    parts = urlsplit(uri)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = "" if parts.port in (None, DEFAULT_PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"
