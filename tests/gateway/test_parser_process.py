"""The process for large bodies, started before the gateway's own code is read."""

from __future__ import annotations

import subprocess
import sys

_STARTED = """
import sys
from reverie.gateway.submissions import parser_process
heavy = [name for name in ("fastapi", "pydantic", "psycopg", "reverie.contracts") if name in sys.modules]
assert not heavy, heavy
if __name__ == "__main__":
    with parser_process.start() as pool:
        from reverie.gateway.submissions.parse import ParseLimits, parse_submission
        body = b'{"user_id": "u", "memories": ["tea"]}'
        print(pool.submit(parse_submission, "cluster", body, ParseLimits(10, 10)).result(60).items)
"""


def test_it_starts_without_the_gateways_code_and_parses() -> None:
    done = subprocess.run([sys.executable, "-c", _STARTED], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "1"
