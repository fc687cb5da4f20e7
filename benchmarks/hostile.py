"""What one hostile request costs the gateway: CPU seconds and peak memory, of its checking process too."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import psutil
from tests.gateway.test_limits import HOSTILE, peaks
from tests.live import LiveService

from benchmarks._report import machine, table
from reverie.embedded import start_servers
from reverie.store import migrate


def busy(gateway: psutil.Process) -> float:
    """CPU seconds so far."""
    return sum(sum(process.cpu_times()[:2]) for process in (gateway, *gateway.children(recursive=True)))


def main() -> None:
    """Send each of the tests' hostile bodies once, and print."""
    folder = Path(tempfile.mkdtemp(prefix="reverie-bench-"))
    rows = []
    try:
        with start_servers(folder) as servers:
            migrate(servers.database_url)
            with LiveService(servers.database_url, servers.redis_url, workers={}) as live:
                gateway = psutil.Process(live.processes["gateway0"].pid)
                with live.client(**{"content-type": "application/json"}) as client:
                    client.post("/cluster/submit", content=b'{"user_id":"u","memories":["' + b"a" * 200_000)
                    for name, body in HOSTILE.items():
                        before, began = peaks(gateway), busy(gateway)
                        answer = client.post("/cluster/submit", content=body)
                        took, after = busy(gateway) - began, peaks(gateway)
                        cost = sum(after.values()) - sum(before.get(pid, 0.0) for pid in after)
                        rows.append([name, f"{len(body) / 2**20:.0f} MB", str(answer.status_code),
                                     f"{took:.2f} s", f"{cost:.0f} MB"])  # fmt: skip
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(machine() + "\n")
    print(table(["", "body", "answer", "CPU", "memory"], rows))


if __name__ == "__main__":
    main()
