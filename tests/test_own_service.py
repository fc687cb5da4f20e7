"""The tests' own service tells when one of its processes is gone, and its ports are nobody else's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.live import LiveService
from tests.ports import free_port


def test_a_process_that_ends_by_itself_fails_the_test_with_its_log(service: LiveService) -> None:
    gateway = service.processes["gateway0"]
    os.kill(gateway.pid, signal.SIGKILL)
    gateway.wait()
    with pytest.raises(AssertionError, match=r"gateway0 ended by itself, status -9:[\s\S]+Uvicorn running"):
        _ = service.url
    service.start_gateway()
    service.wait_ready()
    assert service.url
    service.kill("gateway0")
    assert service.url


def test_no_two_processes_get_one_port() -> None:
    code = "from tests.ports import free_port\nprint(*(free_port() for _ in range(20)), flush=True)\ninput()"
    others = [
        subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(3)
    ]
    ports = [free_port() for _ in range(20)]
    for other in others:
        assert other.stdout is not None
        ports += map(int, other.stdout.readline().split())
    for other in others:
        other.communicate(b"\n")
    assert len(ports) == len(set(ports)) == 80
    assert all(port < 32_768 for port in ports)
