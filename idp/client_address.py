"""IPv4 addresses as a socket of IPv6 writes them: `::ffff:192.0.2.7` is `192.0.2.7` (RFC 4291 §2.5.5.2).

Whoever listens at `[::]` sees each IPv4 proxy so, and a proxy that does writes each IPv4 client so. Taken for another
address, a trusted proxy would not be trusted, and a client would be counted twice.
"""

import ipaddress

# The prefix of IPv4 addresses inside those of IPv6
_MAPPED_BITS = 96


def plain_address(written: str) -> str:
    """An address, with brackets and a port behind it where it has some. What is no such IPv4 address stays as it is."""
    if ":" not in written:
        return written
    bare = written.strip()
    host, port = (bare[1:].partition("]")[::2]) if bare.startswith("[") else (bare, "")
    try:
        inside = ipaddress.IPv6Address(host).ipv4_mapped
    except ValueError:
        return written
    return f"{inside}{port}" if inside is not None else written


def trusted_network(written: str) -> str:
    """An address or a network whose proxies are trusted, one of IPv4 addresses as that of IPv4.

    Raises ValueError for what is neither, such as `*`, and for one that is everybody, who could all say https then.
    """
    network = ipaddress.ip_network(written)
    inside = network.network_address.ipv4_mapped if isinstance(network, ipaddress.IPv6Network) else None
    mapped = inside is not None and network.prefixlen >= _MAPPED_BITS
    if network.prefixlen == (_MAPPED_BITS if mapped else 0):
        raise ValueError("it would trust everybody")
    return f"{inside}/{network.prefixlen - _MAPPED_BITS}" if mapped else written
