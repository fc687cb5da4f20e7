"""A worker computes with one thread a replica, whatever the libraries take by themselves."""

from __future__ import annotations

import json
import os
import subprocess
import sys

_LOADED = """
import json
import reverie.worker.app, reverie.worker.run
from threadpoolctl import threadpool_info
print(json.dumps([[pool["internal_api"], pool["num_threads"]] for pool in threadpool_info()]))
"""


def test_what_a_worker_loads_has_no_threads_of_its_own() -> None:
    mine = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run([sys.executable, "-c", _LOADED], capture_output=True, text=True, env=mine, check=True)
    pools = json.loads(done.stdout)
    assert pools
    assert all(threads == 1 for _, threads in pools), pools
