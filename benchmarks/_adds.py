"""Adds over plain sockets, all from one process that does little else: the load costs a twentieth of what it measures.

A client library spends half a millisecond on a request, as much as the gateway does on an add; on a machine of two
cores it would measure itself.
"""

from __future__ import annotations

import json
import selectors
import socket
import time
from urllib.parse import urlsplit

__all__ = ["adds"]


def _request(host: str, key: str, user: str, turn: int) -> bytes:
    body = json.dumps({"memories": [f"Memory {turn} of {user}: the rock gym opened a new wall"]}).encode()
    head = (
        f"POST /users/{user}/memories HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def adds(url: str, key: str, connections: int, count: int, name: str) -> list[float]:
    """Seconds of each of ``count`` adds on each connection, a user a connection, each waiting for its answer."""
    address = urlsplit(url)
    host, port = address.hostname or "127.0.0.1", address.port or 80
    took: list[float] = []
    with selectors.DefaultSelector() as waiting:
        lanes = []
        for number in range(connections):
            requests = [_request(host, key, f"{name}-{number}", turn) for turn in range(count)]
            connection = socket.create_connection((host, port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            lanes.append((connection, requests))
        began = [0.0] * connections
        done = [0] * connections
        for number, (connection, requests) in enumerate(lanes):
            waiting.register(connection, selectors.EVENT_READ, number)
            began[number] = time.perf_counter()
            connection.sendall(requests[0])
        left = connections
        while left:
            for ready, _ in waiting.select():
                number = ready.data
                connection, requests = lanes[number]
                answer = connection.recv(65536)  # head and body come in one write
                now = time.perf_counter()
                if not answer.startswith(b"HTTP/1.1 200 ") or not answer.endswith(b"}"):
                    raise RuntimeError(f"an add was answered: {answer[:300]!r}")
                took.append(now - began[number])
                done[number] += 1
                if done[number] < count:
                    began[number] = time.perf_counter()
                    connection.sendall(requests[done[number]])
                else:
                    waiting.unregister(connection)
                    connection.close()
                    left -= 1
    return took
