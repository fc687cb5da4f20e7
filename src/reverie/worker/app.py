"""The Celery worker: prefork children that load everything after the fork."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import mmap
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from billiard.process import current_process
from celery import Celery, signals

from reverie import _tracing
from reverie._garbage import set_aside, uncollected
from reverie._logs import configure_logs
from reverie.embedding.factory import check_embedder, served_model
from reverie.errors import InvalidInput, MissingExtra
from reverie.queue import QUEUES, TASK_NAME, broker_name, make_celery
from reverie.queue.worker_presence import WorkerPresence
from reverie.settings import Settings
from reverie.tokens import tokenizer_named
from reverie.worker.embed_host import start_host
from reverie.worker.health import serve_health
from reverie.worker.keeper import start_keeper
from reverie.worker.precision import settle_precision
from reverie.worker.wake import OVERDUE, Pulse, steady_consumer, waker

__all__ = ["main"]

log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1

HEAVY_NICE = 5
"""What a worker without the fast queue adds to its niceness."""

UPKEEP = "upkeep"
"""The queue behind all others."""

UPKEEP_NICE = 15
"""What a worker for upkeep alone adds to its niceness."""

AUTOGROUP = "/proc/self/autogroup"
"""Where Linux tells and takes the niceness of a session (sched(7))."""

_BEFORE_UPKEEP = 20
"""Tasks of other queues that go before an upkeep whose turn it is."""

_SMALL = 10.0
"""Seconds of predicted work up to which an upkeep is small. Of the children of a worker that has several, half take
others at once at most, so that users with 100,000 memories do not hold up those with a hundred."""

_MOST_HELP = 30.0
"""Seconds of predicted work up to which a worker helps another queue out: its own may get something to do."""

_current: list[Callable[[], Any]] = []
"""The maker of this process's runtime. Children are sent functions by name, and find it here after the fork."""


_helped: set[str] = set()
"""Queues that this worker only helps out; set before the fork."""

_takers: list[mmap.mmap] = []
"""A byte for each child, shared by all: whether it takes upkeep of any size now. Empty where there is one child."""


@contextlib.contextmanager
def _most(queue: str) -> Iterator[float | None]:
    """Seconds of predicted work that this child takes on at most from a queue, as long as it does; None is any.

    Which children may take large upkeeps is not fixed: the one that is woken is mostly the same, and a large one would
    wait for ever for another. Two that ask at the same moment may both step back; they are woken again.
    """
    index = getattr(current_process(), "index", None)
    if queue in _helped:
        yield _MOST_HELP
    elif queue != UPKEEP or index is None or not _takers:
        yield None
    else:
        takers = _takers[0]
        takers[index] = 1
        try:
            if sum(takers[:]) > len(takers) // 2:
                takers[index] = 0
                yield _SMALL
            else:
                yield None
        finally:
            takers[index] = 0


def look_for_overdue(queues: Sequence[str]) -> str | None:
    """Run one task whose message was lost, or that waits in a queue to help out; its id, or None without one.

    Runs in a child.
    """
    from reverie.worker.run import run_next

    for queue in queues:
        with _most(queue) as most:
            if (found := run_next(_current[0](), queue, overdue=OVERDUE, most=most)) is not None:
                return found
    return None


class Ability:
    """Whether any child of this worker can embed, shared with the children: None until the first has tried."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 2)

    def tell(self, *, able: bool) -> None:
        """What a child found out."""
        self._shared[0 if able else 1] = 1

    def __call__(self) -> bool | None:
        return True if self._shared[0] else False if self._shared[1] else None


def make_worker_app(
    settings: Settings, queues: Sequence[str] = QUEUES, pulse: Pulse | None = None, ability: Ability | None = None
) -> Celery:
    """The application with its one task. The runtime appears in each child after the fork."""
    ability = ability or Ability()
    app = make_celery(settings)
    pulse = pulse or Pulse()
    holder: dict[str, Any] = {}
    # Shared with the children, who cannot hear the parent's signals: when to hand work back (monotonic seconds).
    drain = ctypes.c_double.from_buffer(mmap.mmap(-1, ctypes.sizeof(ctypes.c_double)))
    drain.value = float("inf")

    def runtime() -> Any:
        if "runtime" not in holder:
            from reverie.worker.runtime import Runtime

            holder["runtime"] = Runtime(settings, drain_at=lambda: float(drain.value), board=holder.get("board"))
        return holder["runtime"]

    _current[:] = [runtime]
    app.conf.worker_consumer = steady_consumer(pulse)
    helped = _queues_to_help(settings, queues)
    _helped.clear()
    _helped.update(helped)
    app.steps["consumer"].add(waker(pulse, [*queues, *helped], look_for_overdue))

    @app.task(name=TASK_NAME)  # type: ignore[untyped-decorator]
    def run(task_id: str, queue: str) -> None:
        from reverie.worker.run import run_next

        if queue == UPKEEP:
            # Whatever somebody waits for goes first, but an upkeep does not wait for ever.
            for _ in range(_BEFORE_UPKEEP):
                if all(run_next(runtime(), other) is None for other in queues if other != UPKEEP):
                    break
        with _most(queue) as most:
            run_next(runtime(), queue, most=most)

    def in_child(**_: Any) -> None:
        _die_with_parent()
        if _takers and (index := getattr(current_process(), "index", None)) is not None:
            _takers[0][index] = 0  # of the one before, which was killed at it
        if settings.server.database_url is not None:
            # Before anything starts a thread: the keeper is a fork of this process.
            holder["board"] = start_keeper(settings.server.database_url.get_secret_value(), settings.queue)
        _yield_at_once(queues)
        # Load before the first task asks for it; a failure here is logged and met again by the task itself.
        try:
            from reverie.worker import run as _run  # noqa: F401 - imports the engines

            if set(queues) != {UPKEEP}:  # nobody waits for that; it loads when there is something to do
                runtime().embedder()
                ability.tell(able=True)
            set_aside()  # with the model
        except Exception:
            ability.tell(able=False)
            log.exception("the embedding model is not ready")
        if "fast" in queues:
            _load_for_questions()

    def leaving(**_: Any) -> None:
        _tracing.shut_down()  # a child ends without the interpreter's exit handlers

    def shutting_down(**_: Any) -> None:
        drain.value = time.monotonic() + settings.queue.drain_seconds
        pulse.draining = True

    signals.worker_process_init.connect(in_child, weak=False)
    signals.worker_process_shutdown.connect(leaving, weak=False)
    signals.worker_shutting_down.connect(shutting_down, weak=False)
    return app


def _queues_to_help(settings: Settings, own: Sequence[str]) -> list[str]:
    """The queues that the settings have this worker help out. Raises ``InvalidInput`` for one that there is not."""
    named = [queue for part in settings.queue.help_queues.split(",") if (queue := part.strip())]
    if unknown := sorted(set(named) - set(QUEUES)):
        raise InvalidInput(f"REVERIE_HELP_QUEUES: unknown queue {', '.join(unknown)}; choose from {', '.join(QUEUES)}")
    return [queue for queue in dict.fromkeys(named) if queue not in own]


def _step_back(queues: Sequence[str]) -> None:
    """On a machine that runs both, work that somebody waits for goes first."""
    if "fast" in queues or not hasattr(os, "nice"):
        return
    os.nice(UPKEEP_NICE if set(queues) == {UPKEEP} else HEAVY_NICE)
    # Linux may group processes by session, and then a process's own niceness counts within its session alone: `reverie
    # up` gives each role one. Setting the group's needs no privilege either. A shell's session is not ours to slow.
    if os.getsid(0) != os.getpid():
        return
    with contextlib.suppress(OSError), open(AUTOGROUP, "r+") as group:
        before = int(group.read().rpartition(" ")[2] or 0)
        group.seek(0)
        # No more for upkeep: a session that gets next to nothing of a busy machine cannot even keep its leases.
        group.write(str(min(19, before + HEAVY_NICE)))


def _yield_at_once(queues: Sequence[str]) -> None:
    """Let whatever wakes up on a processor of this child have it at once: a recall wakes a dozen processes in turn.

    By niceness alone each of them may wait for a slice. Called once the child has its keeper, which is to write the
    lease however busy the machine is; threads made from here on inherit it. Not for upkeep, which holds people's rows.
    """
    if "fast" in queues or set(queues) == {UPKEEP} or not hasattr(os, "SCHED_IDLE"):
        return
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _load_for_questions() -> threading.Thread:
    """Read the table that contexts are counted by, and make the expressions that tell what lasts, beside the work: the
    first question would wait for them."""

    def load() -> None:
        from reverie.analysis.durable import prototype_texts, read_durable

        read_durable(prototype_texts().texts)
        with contextlib.suppress(MissingExtra):  # met again by whoever asks for it
            tokenizer_named()

    thread = threading.Thread(target=load, name="tokenizer", daemon=True)
    thread.start()
    return thread


def _die_with_parent() -> None:
    """On Linux, end this process when the one that forked it is killed; a retry must not race the old attempt."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def main(queues: Sequence[str] = QUEUES, *, concurrency: int = 1, name: str | None = None) -> int:
    """Run a worker until it is asked to stop; returns the exit status.

    Raises ``InvalidInput`` for an unknown queue.
    """
    unknown = sorted(set(queues) - set(QUEUES))
    if unknown or not queues:
        raise InvalidInput(f"unknown queue {', '.join(unknown) or '(none)'}; choose from {', '.join(QUEUES)}")
    _step_back(queues)
    settings = Settings.load()
    check_embedder(settings.embedding, settings.server.data_dir)
    configure_logs(settings.server.log_level, settings.server.log_format)
    logging.getLogger("celery.utils.functional").setLevel(logging.WARNING)
    # The engines' code is read once and shared by every child; models still load in the child, after the fork.
    with uncollected():
        from reverie.clustering.reference import steps_named
        from reverie.worker import run as _run  # noqa: F401

    set_aside()
    steps_named(settings.clustering.steps)
    if settings.server.database_url is not None:
        from reverie.store import migrate

        migrate(settings.server.database_url.get_secret_value(), wait=settings.server.database_wait)
        settle_precision(settings)
    _tracing.check()
    host = start_host(settings)
    _takers[:] = [mmap.mmap(-1, concurrency)] if concurrency > 1 else []
    pulse = Pulse()
    ability = Ability()
    app = make_worker_app(settings, queues, pulse, ability)
    if settings.queue.worker_port:
        serve_health(pulse, settings.server.host, settings.queue.worker_port)
    redis_url = settings.server.redis_url
    served = served_model(settings.embedding)
    presence = WorkerPresence(
        redis_url.get_secret_value() if redis_url else None,
        queues,
        concurrency,
        more=lambda: {"model": served, "precision": settings.embedding.precision, "embeds": ability()},
    )
    signals.worker_ready.connect(lambda **_: presence.start(), weak=False)
    signals.worker_shutdown.connect(lambda **_: presence.stop(), weak=False)
    argv = [
        "worker",
        "--pool=prefork",
        f"--concurrency={concurrency}",
        f"--queues={','.join(broker_name(queue) for queue in queues)}",
        f"--hostname={name or '-'.join(queues)}-{os.getpid()}@%h",
        f"--loglevel={settings.server.log_level}",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    ]
    try:
        app.worker_main(argv)
    except SystemExit as end:
        if not end.code or pulse.draining:
            raise
        # Celery gave up for a reason it holds to be final; a worker that nobody restarts must not. Same process id,
        # so that its supervisor sees no restart.
        log.error("the worker stopped with status %s and starts anew", end.code)
        time.sleep(1.0)
        if host is not None:
            host.stop()
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    return 0
