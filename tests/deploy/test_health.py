"""What a container's health check sees."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from reverie.cli import main
from reverie.worker.health import serve_health
from reverie.worker.wake import Pulse
from tests.live import LiveService
from tests.ports import free_port


def test_a_gateway_is_well_when_it_can_take_work(service: LiveService, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["health", "gateway", "--port", str(service.ports[0])]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "ready"


def test_a_worker_is_well_while_it_could_do_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pulse = Pulse()
    port = free_port()
    monkeypatch.setenv("REVERIE_WORKER_PORT", str(port))
    server = serve_health(pulse, "127.0.0.1", port)
    try:
        assert main(["health", "worker"]) == 1
        assert json.loads(capsys.readouterr().out)["checks"]["broker"] == "unreachable"
        pulse.consuming, pulse.turned_at = True, time.monotonic()
        assert main(["health", "worker"]) == 1
        assert json.loads(capsys.readouterr().out)["checks"]["database"] == "unreachable"
        pulse.worked_at = time.monotonic()
        assert main(["health", "worker"]) == 0
    finally:
        server.shutdown()
        server.server_close()


def test_what_does_not_answer_is_not_well(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["health", "gateway", "--port", "1"]) == 1
    assert "nothing answers at http://127.0.0.1:1/readyz" in capsys.readouterr().out
    monkeypatch.delenv("REVERIE_WORKER_PORT", raising=False)
    assert main(["health", "worker"]) == 1
    assert "REVERIE_WORKER_PORT" in capsys.readouterr().err


def test_the_check_is_light() -> None:
    """It runs every few seconds in every container; loading the models of the API alone takes longer than the rest."""
    program = (
        "import sys; from reverie.cli import main; status = main(['health', 'gateway', '--port', '1']); "
        "loaded = {'pydantic', 'aiohttp', 'reverie.contracts', 'asyncio'} & set(sys.modules); "
        "print(sorted(loaded)); sys.exit(status != 1 or bool(loaded))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
