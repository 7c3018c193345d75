"""Two addresses at which one process would listen, before it tries."""

import ipaddress

# What a socket of each family takes for all addresses of the machine; that of IPv6 takes those of IPv4, too (ipv6(7))
EVERY_IPV4, EVERY = "0.0.0.0", "::"  # noqa: S104 - it is looked for, not listened at


def clash(one: str, other: str) -> bool:
    """Whether nobody can listen at both of two HOST:PORT."""
    (host, _, port), (other_host, _, other_port) = one.rpartition(":"), other.rpartition(":")
    if int(port) != int(other_port):
        return False
    hosts = {_spelt(host), _spelt(other_host)}
    return len(hosts) == 1 or EVERY in hosts or (EVERY_IPV4 in hosts and not any(":" in each for each in hosts))


def _spelt(host: str) -> str:
    """A host in one spelling. A name that is not this machine's own nobody looks up here."""
    bare = host.strip("[]").lower()
    try:
        found = ipaddress.ip_address(bare)
        return str((found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found)
    except ValueError:
        return "127.0.0.1" if bare == "localhost" else bare
