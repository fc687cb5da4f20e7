"""The OpenAI adapter against a server that takes 50 ms an answer: texts a second, beside the ideal.

The ideal is (requests / concurrency) rounds of 50 ms each with nothing else to do. The server is the package's fake on
a real socket in a process of its own; it answers with one prepared vector of 1,536 numbers for every text, so that what
is measured is the adapter: batching, threads, HTTP, decoding, checking. "bare" is how much of the ideal the same bytes
reach by http.client without any of that.
"""

from __future__ import annotations

import argparse
import http.client
import json
import math
import multiprocessing
import time
from concurrent.futures import ThreadPoolExecutor
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


def bare(url: str, dimensions: int, requests: int, batch: int, concurrency: int) -> float:
    """Seconds for the same bytes to and fro with http.client, nothing decoded: what server and machine allow."""
    host = url.removeprefix("http://")
    wish = {"model": "m", "input": ["memory number 1000 about what happened on day 300"] * batch}
    body = json.dumps({**wish, "encoding_format": "base64", "dimensions": dimensions}).encode()
    headers = {"Content-Type": "application/json"}
    left = iter(range(requests))

    def work() -> None:
        connection = http.client.HTTPConnection(host)
        for _ in left:
            connection.request("POST", "/v1/embeddings", body, headers)
            connection.getresponse().read()
        connection.close()

    began = time.perf_counter()
    with ThreadPoolExecutor(concurrency) as pool:
        for future in [pool.submit(work) for _ in range(concurrency)]:
            future.result()
    return time.perf_counter() - began


def measure(url: str, texts: list[str], dimensions: int, batch: int, concurrency: int, rounds: int) -> list[str]:
    settings = OpenAISettings(base_url=f"{url}/v1", dimensions=dimensions)
    embedder = ProviderEmbedder(OpenAIService(settings), Tuning(batch=batch, concurrency=concurrency))
    embedder.embed(texts[: batch * concurrency])  # connections
    best = cpu = math.inf
    for _ in range(rounds):
        began, used = time.perf_counter(), time.process_time()
        done = embedder.embed(texts)
        best, cpu = min(best, time.perf_counter() - began), min(cpu, time.process_time() - used)
        assert done.vectors.shape == (len(texts), dimensions)
    embedder.close()
    requests = math.ceil(len(texts) / batch)
    ideal = requests / concurrency * DELAY
    least = min(bare(url, dimensions, requests, batch, concurrency) for _ in range(rounds))
    return [
        f"{dimensions}, {batch} x {concurrency}",
        f"{best:.2f} s",
        f"{ideal:.2f} s",
        f"{ideal / best:.0%}",
        f"{ideal / least:.0%}",
        f"{len(texts) / best:,.0f}",
        f"{1000 * cpu / requests:.1f} ms",
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    texts = [f"memory number {i} about what happened on day {i % 365}" for i in range(arguments.texts)]
    print(f"{machine()}; {len(texts):,} texts, {DELAY * 1000:.0f} ms an answer\n")
    rows = []
    spawn = multiprocessing.get_context("spawn")
    for dimensions, ways in ((384, ((128, 8), (32, 8))), (1536, ((128, 8), (32, 8), (16, 8), (32, 4)))):
        here, there = spawn.Pipe()
        server = spawn.Process(target=serve, args=(there, dimensions), daemon=True)
        server.start()
        url = here.recv()
        for batch, concurrency in ways:
            rows.append(measure(url, texts, dimensions, batch, concurrency, arguments.rounds))
        here.send(None)
        server.join(10)
    head = [
        "dimensions, texts x requests at once",
        "took",
        "ideal",
        "of the ideal",
        "bare",
        "texts/s",
        "CPU a request",
    ]
    print(table(head, rows))


if __name__ == "__main__":
    main()
