"""Which addresses may be written in a configuration, and which of them an answer may be sent to (RFC 9700 §2.1)."""

from urllib.parse import parse_qsl, urlsplit

# Parameters that we put into an answer: an address that has one already could pass it off as ours
OURS = frozenset({"code", "state", "iss", "error", "error_description", "error_uri", "response"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_NOT_IN_A_HOST = frozenset("%_@\\")


def fault_of_redirect_uri(uri: str) -> str:
    """The danger of a redirect address (RFC 6749 §3.1.2), as a sentence; "" for none."""
    if fault := fault_of_address(uri):
        return fault
    taken = OURS & {name for name, _ in parse_qsl(urlsplit(uri).query, keep_blank_values=True)}
    return f"has the parameter `{min(taken)}`, which is ours to send." if taken else ""


def fault_of_address(uri: str) -> str:
    """The reason why a text is no full https address (http for loopback), as a sentence; "" where it is one."""
    if not uri.isascii() or not uri.isprintable() or " " in uri or "\\" in uri:
        return "holds a space, a backslash or a sign outside ASCII."
    if "*" in uri:
        return "holds a wildcard; addresses are compared sign by sign."
    if "#" in uri:
        return "has a fragment."
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "is no address."
    if not parts.scheme or not host or _NOT_IN_A_HOST & set(parts.netloc) or parts.netloc.endswith(":"):
        return "is no absolute https address with a plain host name."
    local = host in _LOOPBACK or host.endswith(".localhost")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        return "is not https (http is for localhost, *.localhost and loopback alone)."
    if not uri.startswith(f"{parts.scheme}://"):
        # To a browser it is the same; to whatever compares addresses, or looks how one begins, it is another
        return f"writes its scheme in capitals; write {parts.scheme}://."
    if any(segment in {".", ".."} for segment in parts.path.lower().replace("%2e", ".").split("/")):
        return "has a dot segment, which browsers resolve."
    return ""
