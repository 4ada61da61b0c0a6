"""Which network addresses requests to user-given URLs may go to: those of the public internet, and no others.

Pure. What is not known to be public is refused: private and shared networks, loopback, link-local (where
clouds keep their metadata), multicast, documentation, and every way to write an IPv4 address in IPv6 (mapped,
6to4, Teredo, NAT64).
"""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network

# IANA's registries of special-purpose addresses (RFC 6890), by November 2026.
_NOT_PUBLIC_V4 = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_UNICAST_V6 = IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = tuple(
    ip_network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Tell whether an address belongs to the public internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_V4)
    return (
        address.scope_id is None
        and address in _UNICAST_V6
        and not any(address in network for network in _NOT_PUBLIC_V6)
    )
