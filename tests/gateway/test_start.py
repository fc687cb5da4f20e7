"""What a gateway does not read when it starts."""

from __future__ import annotations

import subprocess
import sys


def test_a_gateway_starts_without_an_http_client_or_an_engine() -> None:
    unwanted = ("aiohttp", "mcp", "numpy", "torch")
    code = f"import sys, reverie.gateway.serve; print(*(m for m in {unwanted} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
