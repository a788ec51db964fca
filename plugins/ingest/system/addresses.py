"""IP addresses and networks: parsing, membership, loopback, public.

Used by the settings `trusted_proxies` and `allowed_hosts`, by `api.access.header_auth` and `api.access.sites` for the
addresses in a request, by `api.serving.listener` for the address that it listens on, and by `ingest.operations.notify` for
the addresses of receivers.
"""

from collections.abc import Iterable
from functools import lru_cache
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

# The prefix of IPv4-mapped IPv6 addresses (RFC 4291, 2.5.5.2): a socket for both protocols reports IPv4 peers like this.
MAPPED_BITS = 96
# Translated to IPv4 by a gateway of the network (RFC 6052); the last 32 bits are the IPv4 address.
NAT64 = IPv6Network("64:ff9b::/96")
# All IPv6 addresses that are assigned on the internet; Python also calls former private networks global, such as fec0::/10.
GLOBAL_UNICAST = IPv6Network("2000::/3")


@lru_cache(maxsize=256)
def read_address(text: str | None) -> Address | None:
    """Return an address, an IPv4-mapped one as IPv4; None if the text is not an address.

    Each request of a client reads the same two addresses.
    """
    try:
        address = ip_address(text or "")
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def read_network(text: str) -> Network:
    """Parse an address, or a network such as `10.0.0.0/8`; raise ValueError."""
    network = ip_network(text)
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < MAPPED_BITS:
        return network
    return IPv4Network((mapped, network.prefixlen - MAPPED_BITS))


def is_within(text: str | None, networks: Iterable[Network]) -> bool:
    """Return whether a text is an address in one of the networks."""
    address = read_address(text)
    return address is not None and any(address in network for network in networks)


def is_loopback(text: str | None) -> bool:
    """Return whether a text is a loopback address, which only this machine can reach."""
    address = read_address(text)
    return address is not None and address.is_loopback


def is_public(text: str) -> bool:
    """Return whether a text is an address on the internet: not one of this machine, a private network or a group.

    An IPv6 address that leads to an IPv4 address is as public as that one.
    """
    address = read_address(text)
    if isinstance(address, IPv6Address):
        address = _inner_ipv4(address) or address
    if isinstance(address, IPv6Address) and address not in GLOBAL_UNICAST:
        return False
    return address is not None and address.is_global and not (address.is_multicast or address.is_reserved)


def _inner_ipv4(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that a gateway translates an IPv6 address to (NAT64, 6to4, Teredo)."""
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour or (address.teredo[1] if address.teredo else None)
