"""Which IP addresses are public, also when an IPv4 address is written inside an IPv6 one."""

from __future__ import annotations

import ipaddress
from typing import TypeAlias

__all__ = ["Address", "is_public", "plain_address"]

Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"

_NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))


def plain_address(text: str) -> Address:
    """The address in ``text``, without its zone; the IPv4 address inside an IPv6 one that leads to it.

    Raises ``ValueError`` for what is no address.
    """
    ip = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is not None:
            return inner
        if any(ip in network for network in _NAT64):
            return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip


def is_public(ip: Address) -> bool:
    """Whether a plain address is one of the public network's hosts."""
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and not getattr(ip, "is_site_local", False)
