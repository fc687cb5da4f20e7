"""Child processes that never outlive their owner, not even when it is killed with SIGKILL."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

__all__ = ["Identity", "environment", "nobody", "spawn"]

_PR_SET_PDEATHSIG = 1
_OVERFLOW_ID = 65534
"""What Linux calls nobody where no name is given to it."""

# macOS has no death signal. There a small watcher holds the read end of a pipe whose other end the owner keeps:
# when the owner is gone, however it went, the pipe closes and the watcher ends the child. The watcher stays the
# owner's user, whose interpreter may be closed to the child's.
_WATCHER = """
import json, os, signal, subprocess, sys, threading
signum, argv = int(sys.argv[1]), sys.argv[3:]
child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, **json.loads(sys.argv[2]))
for s in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
    signal.signal(s, lambda n, _: child.send_signal(n))
def watch():
    os.read(0, 1)
    child.send_signal(signum)
threading.Thread(target=watch, daemon=True).start()
sys.exit(child.wait())
"""


_PASSED_ON = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TZDIR", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
    "ICU_DATA",
)  # fmt: skip
"""Variables of the environment that the servers get."""


class Identity:
    """The user a child runs as; the present one when empty."""

    def __init__(self, uid: int | None = None, gid: int | None = None) -> None:
        self.uid = uid
        self.gid = gid

    def popen(self) -> dict[str, Any]:
        """Arguments for ``subprocess.Popen``."""
        return {} if self.uid is None else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Give a path to this user."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


def nobody() -> Identity:
    """PostgreSQL refuses to run as root, so root's becomes the user ``nobody``; others keep their own."""
    if os.name != "posix" or os.geteuid() != 0:
        return Identity()
    import pwd

    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:  # a container image without a user list; the kernel needs only the number
        return Identity(_OVERFLOW_ID, _OVERFLOW_ID)
    return Identity(entry.pw_uid, entry.pw_gid)


def _before_exec(death_signal: int) -> Callable[[], None]:
    libc = ctypes.CDLL(None, use_errno=True)
    owner = os.getpid()

    def prepare() -> None:
        os.setsid()  # a Ctrl-C in the terminal is the owner's to handle
        libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != owner:  # it died between fork and prctl
            os._exit(1)

    return prepare


def spawn(
    argv: Sequence[str | Path],
    *,
    log: IO[bytes] | None,
    env: Mapping[str, str],
    death_signal: int = signal.SIGTERM,
    identity: Identity | None = None,
    cwd: Path | str = "/",
) -> subprocess.Popen[bytes]:
    """Start a child that gets ``death_signal`` when this process dies.

    On Linux the signal comes when the *thread* that spawned ends, so spawn from a thread that stays.
    """
    common: dict[str, Any] = {
        "stdout": log,
        "stderr": subprocess.STDOUT if log is not None else None,
        "env": dict(env),
        "cwd": cwd,
    }
    as_user = identity.popen() if identity else {}
    words = [str(word) for word in argv]
    if sys.platform == "linux":
        return subprocess.Popen(
            words, stdin=subprocess.DEVNULL, preexec_fn=_before_exec(death_signal), **common, **as_user
        )
    # The pipe's write end stays open in this process for as long as it lives.
    return subprocess.Popen(
        [sys.executable, "-c", _WATCHER, str(int(death_signal)), json.dumps(as_user), *words],
        stdin=subprocess.PIPE,
        start_new_session=True,
        **common,
    )


def environment() -> dict[str, str]:
    # What a server needs and nothing else: PG* variables would change it, and keys and tokens are none of its business.
    kept = {name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith("LC_")}
    return {**kept, "LC_ALL": "C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8"}
