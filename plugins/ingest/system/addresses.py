"""Addresses of the network: which are this machine's own, and which lie in networks that a setting lists.

Used by the setting `trusted_proxies`, by `api.access.auth` about who is at the other end of a connection, and by
`api.server` about where it listens.
"""

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# The part of IPv6 that stands for IPv4 (RFC 4291, 2.5.5.2): a socket that takes both names IPv4 peers so.
MAPPED_BITS = 96


def read_address(text: str | None) -> Address | None:
    """Give an address, one of IPv4 as such also when it is mapped into IPv6; None of what is no address."""
    try:
        address = ip_address(text or "")
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def read_network(text: str) -> Network:
    """Read an address, or a network such as `10.0.0.0/8`; raises ValueError."""
    network = ip_network(text)
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < MAPPED_BITS:
        return network
    return IPv4Network((mapped, network.prefixlen - MAPPED_BITS))


def is_within(text: str | None, networks: Iterable[Network]) -> bool:
    """Whether a text is an address that lies in one of the networks."""
    address = read_address(text)
    return address is not None and any(address in network for network in networks)


def is_loopback(text: str | None) -> bool:
    """Whether a text is an address that only this machine itself can reach, or be."""
    address = read_address(text)
    return address is not None and address.is_loopback
