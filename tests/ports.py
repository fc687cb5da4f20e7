"""TCP ports that nobody else takes, neither another test nor the kernel for a connection of its own."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import tempfile
from functools import cache
from pathlib import Path

__all__ = ["free_port"]

# Below the range that the kernel draws from for outgoing connections (Linux: 32768 and up, others: 49152 and up):
# a port out of that range may belong to somebody else by the time a child process binds it, seconds later.
_FIRST, _LAST = 20_000, 31_999
_own: set[int] = set()


def free_port() -> int:
    """A port of 127.0.0.1 for a process that is yet to start. It stays this test process's own until that ends."""
    span = _LAST - _FIRST + 1
    start = os.getpid() * 97 % span
    for offset in range(span):
        port = _FIRST + (start + offset) % span
        if port not in _own and _claim(port):
            _own.add(port)
            return port
    raise OSError(errno.EADDRINUSE, f"no free port from {_FIRST} to {_LAST}")


def _claim(port: int) -> bool:
    try:
        fcntl.lockf(_claims(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)  # a byte for each port
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


@cache
def _claims() -> int:
    path = Path(tempfile.gettempdir()) / f"reverie-ports-{os.getuid()}"
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
