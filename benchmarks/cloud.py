"""The OpenAI adapter against a server that takes 50 ms an answer: texts a second, beside the ideal.

The ideal is (requests / concurrency) rounds of 50 ms each with nothing else to do. The server is the package's fake on
a real socket in a process of its own; it answers with one prepared vector of 1,536 numbers for every text, so that what
is measured is the adapter: batching, threads, HTTP, decoding, checking.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import time
from multiprocessing.connection import Connection

from benchmarks._report import machine, table
from reverie.embedding.providers import ProviderEmbedder, Tuning
from reverie.embedding.providers.openai import OpenAIService
from reverie.embedding.providers.settings import OpenAISettings
from reverie.testing.cloud import FakeCloud

DELAY = 0.05


def serve(pipe: Connection, dimensions: int) -> None:
    with FakeCloud(dimensions=dimensions, delay=DELAY, constant=True) as cloud:
        pipe.send(cloud.url)
        pipe.recv()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=10_000)
    parser.add_argument("--dimensions", type=int, default=1536)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    texts = [f"memory number {i} about what happened on day {i % 365}" for i in range(arguments.texts)]

    here, there = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there, arguments.dimensions), daemon=True)
    server.start()
    url = here.recv()
    print(f"{machine()}; {len(texts):,} texts, {arguments.dimensions} dimensions, {DELAY * 1000:.0f} ms an answer\n")
    rows = []
    for batch, concurrency in ((16, 8), (32, 8), (128, 8), (32, 1)):
        settings = OpenAISettings(base_url=f"{url}/v1", dimensions=arguments.dimensions)
        embedder = ProviderEmbedder(OpenAIService(settings), Tuning(batch=batch, concurrency=concurrency))
        embedder.embed(texts[: batch * concurrency])  # connections
        best = cpu = math.inf
        for _ in range(arguments.rounds):
            began, used = time.perf_counter(), time.process_time()
            done = embedder.embed(texts)
            best, cpu = min(best, time.perf_counter() - began), min(cpu, time.process_time() - used)
            assert done.vectors.shape == (len(texts), arguments.dimensions)
        embedder.close()
        ideal = math.ceil(len(texts) / batch) / concurrency * DELAY
        figures = (
            f"{best:.2f} s",
            f"{cpu:.2f} s",
            f"{ideal:.2f} s",
            f"{len(texts) / best:,.0f}",
            f"{ideal / best:.0%}",
        )
        rows.append([f"{batch} x {concurrency}", *figures])
    print(table(["texts a request x requests at once", "took", "CPU", "ideal", "texts/s", "of the ideal"], rows))
    here.send(None)
    server.join(10)


if __name__ == "__main__":
    main()
