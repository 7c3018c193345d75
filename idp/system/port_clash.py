"""Addresses in the settings: which two clash, and which networks of proxies may be trusted."""

import ipaddress

# The address for all addresses of the machine; that of IPv6 takes those of IPv4, too (ipv6(7))
EVERY_IPV4, EVERY = "0.0.0.0", "::"  # noqa: S104 - it is looked for, not listened at
# The prefix of IPv4 addresses inside those of IPv6 (RFC 4291 §2.5.5.2)
MAPPED_BITS = 96


def clash(one: str, other: str) -> bool:
    """Whether nobody can listen at both of two HOST:PORT."""
    (host, _, port), (other_host, _, other_port) = one.rpartition(":"), other.rpartition(":")
    if int(port) != int(other_port):
        return False
    hosts = {_spelt(host), _spelt(other_host)}
    return len(hosts) == 1 or EVERY in hosts or (EVERY_IPV4 in hosts and not any(":" in each for each in hosts))


def _spelt(host: str) -> str:
    """A host in one spelling. Names are not looked up."""
    bare = host.strip("[]").lower()
    try:
        found = ipaddress.ip_address(bare)
        return str((found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found)
    except ValueError:
        return "127.0.0.1" if bare == "localhost" else bare


def trusted_network(written: str) -> str:
    """An address or a network whose proxies are trusted; one of IPv4 inside IPv6 in the spelling of IPv4.

    Raises ValueError for what is neither, such as `*`, and for a network of all addresses, which would all be trusted.
    """
    network = ipaddress.ip_network(written)
    inside = network.network_address.ipv4_mapped if isinstance(network, ipaddress.IPv6Network) else None
    mapped = inside is not None and network.prefixlen >= MAPPED_BITS
    if network.prefixlen == (MAPPED_BITS if mapped else 0):
        raise ValueError("it would trust everybody")
    return f"{inside}/{network.prefixlen - MAPPED_BITS}" if mapped else written
