"""A chat endpoint that names no theme but takes its time: what makes a task as long as a test wants, without work.

A memory that says ``hold-4`` keeps its task in the stage of labelling for four seconds, ``hold-forever`` for ever.
"""

from __future__ import annotations

import contextlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["Labels"]

_HOLD = re.compile(rb"hold-(\d+|forever)")


class Labels:
    """The endpoint; a context manager."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self._over = threading.Event()
        over = self._over

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if (wish := _HOLD.search(body)) is not None:
                    over.wait(None if wish[1] == b"forever" else float(wish[1]))
                # No title is given: the keyword labels stay, as with any endpoint that fails.
                self.send_response(503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

            def handle(self) -> None:
                with contextlib.suppress(ConnectionError):  # its worker was killed
                    super().handle()

        self._server = ThreadingHTTPServer((address, 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.url = f"http://{address}:{self._server.server_port}/v1"

    def __enter__(self) -> Labels:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
