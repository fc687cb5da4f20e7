"""Liveness and readiness of a worker over HTTP, for whoever supervises it (a probe of Kubernetes or Docker)."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from reverie.worker.wake import Pulse

__all__ = ["serve_health"]


def serve_health(pulse: Pulse, host: str, port: int) -> ThreadingHTTPServer:
    """Answer ``GET /healthz`` and ``/readyz`` from a thread of its own.

    Raises ``OSError`` when the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = 5.0

        def do_GET(self) -> None:
            if self.path == "/healthz":
                status, body = 200, {"status": "ok"}
            elif self.path == "/readyz":
                ready = pulse.ready
                status, body = 200 if ready else 503, {"status": "ready" if ready else "not ready"}
                body["checks"] = pulse.checks()  # type: ignore[assignment]
            else:
                status, body = 404, {"status": "there is only /healthz and /readyz"}
            answer = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server
