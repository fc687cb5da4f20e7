"""Hosts that share nothing but a network: one namespace each, joined by a switch in a namespace of its own."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["Host", "Network"]


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Host:
    """One machine: its own interfaces, routes, firewall and host name; the file system is shared."""

    def __init__(self, name: str, namespace: str, address: str) -> None:
        self.name, self.namespace, self.address = name, namespace, address

    def command(self, argv: Sequence[str | Path]) -> list[str]:
        """The words that run a command there; the process started is the command itself, by exec."""
        inside = ["unshare", "--uts", "sh", "-c", 'hostname "$0"; exec "$@"', self.name, *map(str, argv)]
        return ["ip", "netns", "exec", self.namespace, *inside]

    def pids(self) -> list[int]:
        """Every process on it."""
        done = subprocess.run(["ip", "netns", "pids", self.namespace], capture_output=True, text=True)
        return [int(word) for word in done.stdout.split()]

    def kill(self) -> None:
        """The power goes: SIGKILL to every process there is, until there is none."""
        while found := self.pids():
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)  # the kernel tells nobody when the last one is gone

    @contextlib.contextmanager
    def cut_from(self, other: Host) -> Iterator[None]:
        """No packet passes between the two within the block; neither side is told. All else works."""
        rules = (("OUTPUT", "-d", other.address), ("INPUT", "-s", other.address))
        for rule in rules:
            subprocess.run(self.command(["iptables", "-A", *rule, "-j", "DROP"]), check=True)
        try:
            yield
        finally:
            for rule in rules:
                subprocess.run(self.command(["iptables", "-D", *rule, "-j", "DROP"]), check=True)

    @contextlib.contextmanager
    def unplugged(self) -> Iterator[None]:
        """Its cable is out within the block."""
        _ip("-n", self.namespace, "link", "set", "eth0", "down")
        try:
            yield
        finally:
            _ip("-n", self.namespace, "link", "set", "eth0", "up")


class Network:
    """A context manager; at its end every process on every host is killed and nothing of it stays."""

    def __init__(self) -> None:
        for program in ("ip", "iptables", "unshare", "setpriv"):
            if shutil.which(program) is None:
                raise SystemExit(f"{program} is not here; Debian: apt-get install iproute2 iptables util-linux")
        if os.geteuid() != 0:
            raise SystemExit("hosts of their own need root: they are network namespaces")
        self._tag = f"rv{secrets.token_hex(2)}"
        # A private range by chance, so that two runs do not meet.
        self._prefix = f"10.{200 + secrets.randbelow(50)}.{secrets.randbelow(256)}"
        self._switch = f"{self._tag}-switch"
        self.address = f"{self._prefix}.1"
        self.hosts: dict[str, Host] = {}

    def __enter__(self) -> Network:
        try:
            _ip("netns", "add", self._switch)
            _ip("-n", self._switch, "link", "add", "switch", "type", "bridge")
            _ip("-n", self._switch, "link", "set", "switch", "up")
            # This process's own cable.
            _ip("link", "add", self._tag, "type", "veth", "peer", "name", "here", "netns", self._switch)
            _ip("-n", self._switch, "link", "set", "here", "master", "switch", "up")
            _ip("addr", "add", f"{self.address}/24", "dev", self._tag)
            _ip("link", "set", self._tag, "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for host in self.hosts.values():
            host.kill()
        for namespace in (*(h.namespace for h in self.hosts.values()), self._switch):
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True)
        subprocess.run(["ip", "link", "del", self._tag], capture_output=True)

    def host(self, name: str) -> Host:
        """Another machine on the switch."""
        number = len(self.hosts) + 10
        host = Host(name, f"{self._tag}-{name}", f"{self._prefix}.{number}")
        self.hosts[name] = host
        _ip("netns", "add", host.namespace)
        _ip("link", "add", "eth0", "netns", host.namespace, "type", "veth", "peer", "name", f"port{number}",
            "netns", self._switch)  # fmt: skip
        _ip("-n", self._switch, "link", "set", f"port{number}", "master", "switch", "up")
        _ip("-n", host.namespace, "addr", "add", f"{host.address}/24", "dev", "eth0")
        _ip("-n", host.namespace, "link", "set", "eth0", "up")
        _ip("-n", host.namespace, "link", "set", "lo", "up")
        return host
