"""Which addresses webhooks may reach: public ones, unless the operator allows a network.

The check that counts is made on the very address a socket is about to connect to, after every resolution, so that
neither a name that changes its mind (DNS rebinding) nor a number in disguise gets past it. Redirects are not followed.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from reverie._addresses import is_public, plain_address
from reverie.errors import InvalidInput

__all__ = ["AddressPolicy", "BlockedAddress"]

_Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"


class BlockedAddress(OSError):
    """The address is not public."""


class AddressPolicy:
    """Public addresses, and the networks in ``allowed`` (CIDR).

    Raises ``ValueError`` for a network that is none.
    """

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        self._allowed: list[_Network] = [ipaddress.ip_network(text.strip()) for text in allowed if text.strip()]

    def permits(self, address: str) -> bool:
        """Whether a socket may connect to this IP address."""
        try:
            ip = plain_address(address)
        except ValueError:
            return False
        return any(ip in network for network in self._allowed) or is_public(ip)

    def socket_factory(self, info: tuple[Any, ...]) -> socket.socket:
        """For aiohttp's connector: a socket for ``getaddrinfo``'s entry, or ``BlockedAddress``."""
        family, kind, protocol, _, address = info
        if not self.permits(str(address[0])):
            raise BlockedAddress("the address is not public")
        return socket.socket(family, kind, protocol)

    def check_url(self, url: str) -> None:
        """Refuse at submission what could never be sent. Raises ``InvalidInput``.

        Only what the text itself tells is looked at; names are resolved when the webhook is sent.
        """
        message = None
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host, message = None, "is not a URL"
        if message is None:
            if not host:
                message = "names no host"
            elif parts.username is not None or parts.password is not None:
                message = "must not carry a user name or password"
            elif not url.isprintable() or " " in url:
                message = "must not contain spaces or control characters"
            elif _is_number(host) and not self.permits(host):
                message = "must be a public address; an operator can allow networks with REVERIE_WEBHOOK_ALLOW"
        if message is not None:
            raise InvalidInput.at("callback_url", message)


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
