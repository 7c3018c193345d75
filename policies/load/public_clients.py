"""A public client in `parties/*.toml`: an app in a browser or on a device, which can keep no secret.

public = true
redirect_uris = ["https://app.city.example/callback", "http://127.0.0.1/callback", "org.example.app:/callback"]
origins = ["https://app.city.example"]        # left out: those of its https redirect addresses
"""

import re

from policies.load.redirects import fault_of_address, fault_of_redirect_uri
from policies.load.table import Table
from policies.registrations.redirects import APP_SCHEME, LOOPBACK, origin_of

# Programs and pages get an address put into them. A scheme of an app has no place for anything else, and no query
_APP_REST = re.compile(r"/(?:/?[A-Za-z0-9._~-]+)?(?:/[A-Za-z0-9._~-]*)*")
_ORIGINS_FIX = 'write origins = ["https://app.city.example"], or leave it out for those of redirect_uris.'


def fault_of_public_redirect_uri(uri: str) -> str:
    """The danger of a redirect address of a public client (RFC 8252 §7), as a sentence; "" for none."""
    scheme = uri.partition(":")[0]
    if "." in scheme and "/" not in scheme:
        return _fault_of_app_address(uri)
    if fault := fault_of_redirect_uri(uri):
        return fault
    if uri.lower().startswith("http://localhost") and uri[16:17] in {"", ":", "/", "?"}:
        return "names localhost, which is not this machine everywhere (RFC 8252 section 8.3): 127.0.0.1 or [::1] is."
    if not uri.startswith(("http://127.", "http://[::1]")):
        return ""
    found = LOOPBACK.fullmatch(uri)
    if found is None:
        return "is no loopback address as http://127.0.0.1/PATH or http://[::1]/PATH."
    return "names a port: an app takes whichever is free, and every one is accepted." if found["port"] else ""


def _fault_of_app_address(uri: str) -> str:
    found = APP_SCHEME.fullmatch(uri)
    if found is None:
        return "is no scheme of an app, in lower case and followed by a path, as org.example.app:/callback."
    if not _APP_REST.fullmatch(found["rest"]):
        return "has a sign that an app's scheme has no place for: letters, digits and . _ ~ - between slashes."
    if any(segment in {".", ".."} for segment in found["rest"].split("/")):
        return "has a dot segment."
    return ""


def read_origins(table: Table, redirect_uris: tuple[str, ...], *, public: bool) -> tuple[str, ...]:
    """The origins whose pages may call for a client, as browsers write them; of one that is not public there are none."""
    named = table.texts("origins", _ORIGINS_FIX, required="origins" in table)
    if not public:
        if named:
            table.problem("origins", "is for public clients.", "leave it out: no page may call for this one.")
        return ()
    for index, origin in enumerate(named):
        if fault := fault_of_origin(origin):
            table.problem("origins", f"{origin!r} {fault}", _ORIGINS_FIX, str(index))
    if named:
        return named
    sound = (uri for uri in redirect_uris if not fault_of_public_redirect_uri(uri))
    return tuple(dict.fromkeys(origin for uri in sound if (origin := origin_of(uri))))


def fault_of_origin(origin: str) -> str:
    """The reason why a text is not the one spelling of a web origin, as a sentence; "" where it is.

    `null` is none: every sandboxed frame and every file has it.
    """
    if fault := fault_of_address(origin):
        return fault
    found = LOOPBACK.fullmatch(origin + "/")
    spelled = f"{found['host']}{':' + found['port'] if found['port'] else ''}" if found else origin_of(origin)
    return "" if origin == spelled else "is no origin as browsers write it: scheme, host in lower case, and no usual port."
