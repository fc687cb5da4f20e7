"""How fast the dashboard is in a real Chromium: first useful paint, and frames while the map is moved.

First useful paint: from the start of a reload until the first frame in which the map shows its points, with the
memories already in the tab (signed in, results stored). Frames: while the mouse drags the map, the frames in which
the page painted it at its new place, by the page's own clock.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright
from tests.browser.conftest import FLAGS, find_chromium
from tests.live import LiveService

from benchmarks._report import machine, percentile, table
from reverie.embedded import start_servers
from reverie.store import migrate

# Writes down when `least` points (arcs) were painted in one go, and when the visible canvas was painted at all: a
# frame begins with a clearRect.
COUNTER = """
window.painted = []; window.frames = [];
const least = Number(sessionStorage.getItem("bench.least") ?? 1e9);
let drawn = 0;
for (const kind of [CanvasRenderingContext2D, OffscreenCanvasRenderingContext2D]) {
  const arc = kind.prototype.arc;
  kind.prototype.arc = function (...rest) {
    if (drawn++ === 0) queueMicrotask(() => { if (drawn >= least) painted.push(performance.now()); drawn = 0; });
    return arc.apply(this, rest);
  };
}
const wipe = CanvasRenderingContext2D.prototype.clearRect;
CanvasRenderingContext2D.prototype.clearRect = function (...rest) {
  frames.push(performance.now());
  return wipe.apply(this, rest);
};
"""
TOPICS = 24
MOUSE = 1 / 125  # seconds between two reports of an ordinary mouse


def texts(count: int) -> list[str]:
    """Short invented memories in two dozen topics with words of their own."""
    rng = random.Random(4)
    letters = "bdfgklmnprstvz"
    word = lambda: "".join(rng.choice(letters) + rng.choice("aeiou") for _ in range(3))  # noqa: E731
    topics = [[word() for _ in range(10)] for _ in range(TOPICS)]
    return [" ".join(rng.choices(topics[i % TOPICS], k=7)) for i in range(count)]


def load(page: Page, url: str, key: str, count: int) -> None:
    """Sign in and bring ``count`` memories to the map."""
    page.goto(url)
    page.get_by_label("API key").fill(key)
    page.keyboard.press("Enter")
    lines = "\n".join(texts(count)).encode()
    page.locator("#file").set_input_files({"name": "memories.txt", "mimeType": "text/plain", "buffer": lines})
    page.locator(".legend .name").first.wait_for(timeout=300_000)
    page.locator("canvas[aria-label^='Map of']").wait_for(timeout=300_000)
    # Nine in ten: a few may be outside of the window.
    page.evaluate("least => sessionStorage.setItem('bench.least', least)", round(count * 0.9))


def first_paint(page: Page, count: int, rounds: int) -> dict[str, list[float]]:
    """Milliseconds from the start of a reload to the browser's first paint and to the whole map."""
    out: dict[str, list[float]] = {"contentful": [], "useful": []}
    for _ in range(rounds):
        page.reload()
        while not page.evaluate("painted.length"):
            page.wait_for_timeout(20)
        out["useful"].append(page.evaluate("painted[0]"))
        out["contentful"].append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
    return out


def drag(page: Page, seconds: float) -> list[float]:
    """Milliseconds between painted frames while the mouse drags the map in circles."""
    box = page.locator("canvas").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate("frames.length = 0")
    began, step = time.monotonic(), 0
    while time.monotonic() < began + seconds:
        step += 1
        page.mouse.move(x + 60 * ((step % 40) / 20 - 1), y + 40 * ((step % 26) / 13 - 1))
        time.sleep(max(0.0, began + step * MOUSE - time.monotonic()))
    stamps: list[float] = page.evaluate("frames")
    page.mouse.up()
    return [b - a for a, b in pairwise(stamps)]


def measure(page: Page, url: str, key: str, count: int, rounds: int, seconds: float) -> list[Any]:
    load(page, url, key, count)
    paint = first_paint(page, count, rounds)
    gaps = drag(page, seconds)
    rate = 1000 * len(gaps) / sum(gaps) if gaps else 0.0
    return [
        f"{count:,}",
        f"{percentile(paint['contentful'], 50):.0f} ms",
        f"{percentile(paint['useful'], 50):.0f} ms",
        f"{max(paint['useful']):.0f} ms",
        f"{rate:.0f}",
        f"{percentile(gaps, 95):.0f} ms",
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=4.0)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="reverie-bench-"))
    rows = []
    try:
        with start_servers(folder) as servers, sync_playwright() as playwright:
            migrate(servers.database_url)
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
            with LiveService(servers.database_url, servers.redis_url) as service:
                for count in (1000, 5000):
                    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
                    context.add_init_script(COUNTER)
                    page = context.new_page()
                    rows.append(measure(page, service.url, service.key, count, arguments.rounds, arguments.seconds))
                    context.close()
            print(machine() + f"; Chromium {browser.version}, headless, no GPU, 1280 x 800")
            browser.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    head = ["memories", "first paint", "whole map", "slowest of all", "frames/s in a drag", "95th % gap"]
    print(table(head, rows))


if __name__ == "__main__":
    main()
