"""A RabbitMQ of our own, for playing the faults over quorum queues: ``./dev chaos --broker amqp``."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import amqp

from reverie.embedded.children import spawn
from tests.ports import free_port

__all__ = ["Rabbit"]


class Rabbit:
    """One node on loopback, in a folder of its own; a context manager. ``kill`` and ``start`` work in between."""

    def __init__(self) -> None:
        self._binary = next(
            (
                p
                for p in ("/usr/lib/rabbitmq/bin/rabbitmq-server", shutil.which("rabbitmq-server"))
                if p and Path(p).exists()
            ),
            None,
        )
        if self._binary is None:
            raise SystemExit("RabbitMQ is not here; Debian: apt-get install rabbitmq-server")
        self.folder = Path(tempfile.mkdtemp(prefix="reverie-rabbit-"))
        self.port, distribution, self._epmd = free_port(), free_port(), free_port()
        self._environment = {
            **os.environ,
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"reverie{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "none"),
            "ERL_EPMD_PORT": str(self._epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        (self.folder / "plugins").write_text("[].")
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """For ``REVERIE_BROKER_URL``."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def __enter__(self) -> Rabbit:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        subprocess.run(["epmd", "-port", str(self._epmd), "-kill"], env=self._environment, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start the node and wait until it takes connections."""
        with open(self.folder / "out", "ab") as log:
            self._child = spawn([str(self._binary)], log=log, env=self._environment, death_signal=signal.SIGKILL)
        end = time.monotonic() + 300
        while True:
            with contextlib.suppress(OSError, amqp.AMQPError):
                with amqp.Connection(f"127.0.0.1:{self.port}", connect_timeout=5):
                    return
            if time.monotonic() > end or self._child.poll() is not None:
                raise AssertionError((self.folder / "out").read_text(errors="replace")[-3000:])
            time.sleep(0.2)

    def kill(self) -> None:
        """SIGKILL to the node; its queues are on the disk."""
        if self._child is None:
            return
        # The shell script that was started has the node as its child.
        for pid in [*_children(self._child.pid), self._child.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._child.wait()
        self._child = None

    def depth(self, queue: str) -> tuple[int, str]:
        """``(messages, type)`` of a queue."""
        with amqp.Connection(f"127.0.0.1:{self.port}") as connection, connection.channel() as channel:
            arguments = {"x-queue-type": "quorum"}
            # Declared again as it is; another type than quorum would be refused.
            found = channel.queue_declare(queue, durable=True, auto_delete=False, arguments=arguments)
            return int(found.message_count), "quorum"


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [p for child in map(int, listed) for p in (*_children(child), child)]
