"""Whether an address can be listened on, asked before anything is started."""

from __future__ import annotations

import errno
import socket

from reverie.errors import StartupError, WrongSetting

__all__ = ["check_address", "free_port"]


def check_address(host: str, port: int) -> None:
    """Raises ``WrongSetting`` for a host or port that cannot be, ``StartupError`` for a port that is taken."""
    with _bound(host, port):
        pass


def free_port(host: str) -> int:
    """A port that nobody listens on. Raises ``WrongSetting`` for a host that cannot be."""
    with _bound(host, 0) as probe:
        return int(probe.getsockname()[1])


def _bound(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65535:
        raise WrongSetting(f"--port: {port} is not a port; give 0 to 65535")
    probe = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
    except OSError as error:
        probe.close()
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            raise WrongSetting(f"--host: this machine has no address {host!r}") from None
        if error.errno == errno.EACCES:
            raise WrongSetting(f"--port: {port} is for the system alone; give one above 1023") from None
        raise StartupError(f"Port {port} on {host} is taken; choose another with --port.") from None
    except BaseException:
        probe.close()
        raise
    return probe
