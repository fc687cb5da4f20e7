"""One process that holds the model for all worker processes of a machine.

Workers are forked so that each task can be bounded and killed, but a GPU wants one process: one copy of the weights,
and batches out of the texts of all tasks that wait. So the process that owns the GPU listens on a Unix socket, a
thread for each connection calls the embedder, and the embedder merges what the threads bring.

Messages are length-prefixed (``multiprocessing.connection``): a JSON head, then, for vectors, their float32 bytes.
Nothing is pickled. The socket lies in a folder that only its owner can open.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

import numpy as np

from reverie.embedding.base import Embedder, Embeddings, EmbedKind, ModelSpec, OnProgress, silent
from reverie.errors import ReverieError, ServiceUnavailable, UnsupportedModel

__all__ = ["HostedEmbedder", "listen", "main", "serve"]

log = logging.getLogger(__name__)

_FIRST_PATIENCE = 180.0
"""Seconds a worker waits for the host to have loaded its model."""

_PATIENCE = 30.0
"""Seconds a worker waits for a host that went away to be back, within one call."""


def listen(address: str) -> Listener:
    """A listener on the Unix socket ``address``, in place of one that a dead host left."""
    Path(address).unlink(missing_ok=True)
    return Listener(address, family="AF_UNIX", backlog=64)


def serve(embedder: Embedder, listener: Listener) -> None:
    """Answer every connection of ``listener`` on a thread of its own, until it is closed."""
    while True:
        try:
            connection = listener.accept()
        except OSError:
            return
        threading.Thread(target=_converse, args=(embedder, connection), name="embed-caller", daemon=True).start()


def _converse(embedder: Embedder, connection: Connection[Any, Any]) -> None:
    with connection, contextlib.suppress(EOFError, OSError):
        _say(connection, {"model": asdict(embedder.model)})
        while True:
            request = json.loads(connection.recv_bytes())
            _answer(embedder, connection, request)


def _answer(embedder: Embedder, connection: Connection[Any, Any], request: dict[str, Any]) -> None:
    def report(stage: str, done: int, total: int) -> None:
        # A caller that has gone makes this raise, and what it asked for leaves the queue.
        _say(connection, {"progress": [stage, done, total]})

    try:
        done = embedder.embed(request["texts"], kind=request["kind"], on_progress=report)
    except (EOFError, OSError):
        raise
    except Exception as error:
        log.exception("a batch failed") if not isinstance(error, ReverieError) else None
        _say(connection, {"error": error.message if isinstance(error, ReverieError) else type(error).__name__})
        return
    head = {"count": len(done.vectors), "tokens": done.tokens, "truncated": done.truncated}
    _say(connection, head)
    connection.send_bytes(np.ascontiguousarray(done.vectors, dtype="<f4").tobytes())


def _say(connection: Connection[Any, Any], message: dict[str, Any]) -> None:
    connection.send_bytes(json.dumps(message).encode())


class HostedEmbedder:
    """The embedder of a host process, as its callers see it: one connection for each thread."""

    def __init__(self, address: str, *, patience: float = _FIRST_PATIENCE) -> None:
        self._address = address
        self._local = threading.local()
        self._open: list[Connection[Any, Any]] = []
        self._lock = threading.Lock()
        self._spec: ModelSpec | None = None
        self._connect(patience)

    @property
    def model(self) -> ModelSpec:
        """The model that the host runs."""
        assert self._spec is not None
        return self._spec

    def embed(
        self, texts: Sequence[str], *, kind: EmbedKind = "document", on_progress: OnProgress = silent
    ) -> Embeddings:
        """Embed ``texts``: ``(n, d)`` float32, unit length.

        Asks again once when the host died meanwhile. Raises ``ServiceUnavailable`` when it does not come back, and
        ``UnsupportedModel`` when it came back with another model.
        """
        try:
            return self._ask(texts, kind, on_progress)
        except (EOFError, ConnectionError):
            self._drop()
            self._connect(_PATIENCE)
        try:
            return self._ask(texts, kind, on_progress)
        except (EOFError, ConnectionError) as error:
            self._drop()
            raise ServiceUnavailable("The embedding process died twice at the same texts.") from error

    def close(self) -> None:
        """Close the connections; the host stays."""
        with self._lock:
            for connection in self._open:
                connection.close()
            self._open.clear()

    def _ask(self, texts: Sequence[str], kind: EmbedKind, on_progress: OnProgress) -> Embeddings:
        connection: Connection[Any, Any] | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect(_PATIENCE)
        try:
            _say(connection, {"kind": kind, "texts": list(texts)})
            while True:
                answer = json.loads(connection.recv_bytes())
                if "progress" in answer:
                    on_progress(*answer["progress"])
                    continue
                if "error" in answer:
                    raise ServiceUnavailable(f"The embedding process failed: {answer['error']}")
                raw = connection.recv_bytes()
                vectors = np.frombuffer(raw, dtype="<f4").reshape(answer["count"], self.model.dimensions).copy()
                return Embeddings(vectors=vectors, tokens=answer["tokens"], truncated=answer["truncated"])
        except ServiceUnavailable:
            raise
        except BaseException:
            self._drop()  # answers of the abandoned call must not be read by the next one
            raise

    def _connect(self, patience: float) -> Connection[Any, Any]:
        end = time.monotonic() + patience
        while True:
            try:
                connection: Connection[Any, Any] = Client(self._address, family="AF_UNIX")
                spec = ModelSpec(**json.loads(connection.recv_bytes())["model"])
                break
            except (OSError, EOFError) as error:
                if time.monotonic() > end:
                    raise ServiceUnavailable("The embedding process does not answer; its log says why.") from error
                time.sleep(0.05)
        with self._lock:
            if self._spec is not None and spec.key != self._spec.key:
                connection.close()
                raise UnsupportedModel(f"the embedding process now runs {spec.name}, not {self._spec.name}")
            self._spec = spec
            self._open.append(connection)
        self._local.connection = connection
        return connection

    def _drop(self) -> None:
        connection: Connection[Any, Any] | None = getattr(self._local, "connection", None)
        if connection is None:
            return
        self._local.connection = None
        with self._lock:
            if connection in self._open:
                self._open.remove(connection)
        connection.close()


def main() -> None:
    """Load the model that the settings name and serve it: ``python -m reverie.embedding.host SOCKET ...``."""
    from reverie.embedding.factory import create_embedder

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--embedder", default="auto")
    parser.add_argument("--model", required=True)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--data-dir", type=Path, required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s %(message)s")
    embedder = create_embedder(
        arguments.embedder,
        arguments.model,
        precision=arguments.precision,
        threads=arguments.threads,
        data_dir=arguments.data_dir,
    )
    log.info("%s on %s", embedder.model.name, arguments.address)
    serve(embedder, listen(arguments.address))


if __name__ == "__main__":
    main()
