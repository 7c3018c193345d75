"""Which addresses may be asked: an address as a text, and what its name leads to. Pure; `connectors.fetch` asks.

Anybody who writes an address into metadata or the DNS could make us ask our own network (SSRF): the text is judged first,
then each address of its name.
"""

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_VISIBLE = re.compile(r"[\x21-\x7e]{1,2048}")
# RFC 1123 §2.1, RFC 1035 §2.3.4; the underscore is in use. The empty last label of `node.example.` is no spelling of ours.
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_IPV6_AND_PORT = re.compile(r"\[[0-9A-Fa-f:.]+\](?::[0-9]*)?")
# NAT64 (RFC 6052 §2.1): such an address reaches the IPv4 address in its last 32 bits
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# All of IPv6 that is given out to the public (RFC 4291 §2.4); then what is not, or does not end at whom it was given to
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# The registries of special purposes (RFC 6890), whole: `is_global` differs among the versions of Python. With them go
# Teredo (in 2001::/23) and 6to4, tunnels to IPv4 addresses that nobody publishes a node at, and both relays of 6to4.
_REGISTERED = """
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.31.196.0/24
    192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3
    2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20
"""
_SPECIAL = tuple(map(ipaddress.ip_network, _REGISTERED.split()))
# ISATAP (RFC 5214 §6.1): the interface is 5efe and an IPv4 address, behind any prefix; the universal bit counts for nothing
_ISATAP, _ISATAP_MASK = 0x5EFE, 0xFDFFFFFF

# The party that can mend it
PEER = "The operator of the address can mend this."
REGISTRATION = "Mend the registration that names the address."
NETWORK = "Look at the network between, or ask the operator of the address."
MACHINE = "Look at the limits of this machine."


class FetchError(Exception):
    """An address could not be fetched, or what came cannot be used: for an operator, without a piece of what came.

    `check` is a stable name, `detail` one sentence, `mend` says whose move it is.
    """

    def __init__(self, check: str, detail: str, mend: str = PEER) -> None:
        super().__init__(f"{detail} {mend}")
        self.check = check
        self.detail = detail
        self.mend = mend


def judged_url(url: str, *, demo: bool) -> SplitResult:
    """The parts of an address that may be fetched, and that metadata may name as an endpoint. Raises `FetchError`."""
    if not _VISIBLE.fullmatch(url) or "\\" in url:
        raise FetchError("url", "an address with characters that no URL has, or too long.", REGISTRATION)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise FetchError("url", "an address that is no URL.", REGISTRATION) from None
    if not parts.hostname or port == 0:
        raise FetchError("url", "an address without a host, or with a port that is none.", REGISTRATION)
    if "@" in parts.netloc:
        # It would go to whoever the address names, and into every log on the way.
        raise FetchError("credentials", "an address with a name or password in it.", REGISTRATION)
    if not _names_a_host(parts):
        # Resolvers and TLS differ in what they make of such a name, and some raise what nobody expects
        raise FetchError("url", "an address whose host is no name or address.", REGISTRATION)
    if parts.fragment:
        raise FetchError("url", "an address with a fragment.", REGISTRATION)
    if parts.scheme != "https" and not (demo and parts.scheme == "http" and is_this_machine(parts.hostname)):
        raise FetchError("scheme", "an address that is not https.", REGISTRATION)
    if not url.startswith(f"{parts.scheme}://"):
        # To a browser it is the same; to whatever compares addresses, or looks how one begins, it is another
        raise FetchError("scheme", f"an address whose scheme is in capitals, not {parts.scheme}://.", REGISTRATION)
    return parts


def host_of(url: str) -> str:
    """The host of an address that `judged_url` passed, in lower case."""
    return urlsplit(url).hostname or ""


def judged_address(text: str, networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> IPAddress:
    """An address that may be connected to: public, or in one of `networks`. Raises `FetchError`."""
    try:
        address: IPAddress = ipaddress.ip_address(text)
    except ValueError:
        raise FetchError("address", "the resolver gives an address that is none.", NETWORK) from None
    if isinstance(address, ipaddress.IPv6Address):
        # ::ffff:10.0.0.1 is 10.0.0.1, whatever the spelling
        address = address.ipv4_mapped or address
    if any(address in network for network in networks) or _public(address):
        return address
    raise FetchError(
        "address",
        f"the name leads to {address}, which is no public address, and no network of the registration holds it.",
        "If it is meant, name its network in the registration (networks = [...]); else ask the operator of the address.",
    )


def _public(address: IPAddress) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return _public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address.scope_id is not None or address not in _GLOBAL_UNICAST:
            return False
        if (int(address) >> 32) & _ISATAP_MASK == _ISATAP:
            return False
    # A later Python may know networks that our list lacks
    return address.is_global and not any(address in network for network in _SPECIAL)


def _names_a_host(parts: SplitResult) -> bool:
    """Whether the host is a name of the DNS, an IPv4 address, or an IPv6 address in brackets without a zone."""
    host = parts.hostname or ""
    if "[" not in parts.netloc:
        return _HOST.fullmatch(host) is not None
    try:
        return bool(_IPV6_AND_PORT.fullmatch(parts.netloc) and ipaddress.IPv6Address(host))
    except ValueError:
        return False


def is_this_machine(host: str) -> bool:
    """Whether a host is `localhost` or a name under it."""
    return host == "localhost" or host.endswith(".localhost")  # RFC 6761 §6.3
