"""Pictures of the dashboard for README and docs/, from the running service with its demo.

.venv/bin/python -m scripts.dashboard_pictures       (needs chromium; a CJK font makes it whole)
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.main import service
from playwright.sync_api import Browser, Page, sync_playwright
from tests.browser.conftest import FLAGS, find_chromium, view, wait_for_map

ROOT = Path(__file__).resolve().parent.parent


def opened(browser: Browser, url: str, key: str, *, dark: bool = False, width: int = 1280, height: int = 800) -> Page:
    """The dashboard with the demo on it."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, reduced_motion="reduce", color_scheme="dark" if dark else "light"
    )
    context.set_default_timeout(120_000)
    page = context.new_page()
    page.goto(url)
    page.get_by_label("API key").fill(key)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Show the demo").click()
    wait_for_map(page)
    return page


def ask(page: Page) -> None:
    page.get_by_label("Ask these memories").fill("when is the wedding?")
    page.get_by_role("button", name="Ask").click()
    page.locator(".hits li").first.wait_for()


def go(name: str, sign: str) -> Callable[[Page], None]:
    def there(page: Page) -> None:
        view(page, name)
        page.locator(sign).first.wait_for()

    return there


PICTURES: list[tuple[str, bool, int, Callable[[Page], None]]] = [
    ("dashboard-themes", False, 1280, lambda page: None),
    ("dashboard-themes-dark", True, 1280, lambda page: None),
    ("dashboard-recall", False, 1280, ask),
    ("dashboard-graph-dark", True, 1280, go("graph", "aside section")),
    ("dashboard-time", False, 1280, go("time", ".patterns")),
    ("dashboard-importance", False, 1280, go("importance", ".ranking li")),
    ("dashboard-work", True, 1280, go("work", "text=Recovered")),
    ("dashboard-phone", True, 390, lambda page: None),
]


def main() -> None:
    """Open every view and keep what it shows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "img")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="reverie-pictures-"))
    try:
        with service(folder / "data") as running, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
            for name, dark, width, act in PICTURES:
                page = opened(browser, running.url, running.api_key or "", dark=dark, width=width)
                act(page)
                page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
                page.screenshot(path=arguments.out / f"{name}.png")
                page.context.close()
            browser.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
