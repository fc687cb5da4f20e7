"""A real Chromium for the dashboard's tests, watched for everything that must not happen."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, expect, sync_playwright

from tests.live import LiveService

# Long enough for a machine that does other work as well; what is awaited is still an event.
expect.set_options(timeout=60_000)

OUTPUT = Path(__file__).resolve().parents[2] / "ci-output"
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str:
    """Path of a Chromium: ``REVERIE_CHROMIUM``, or the first one on PATH."""
    given = os.environ.get("REVERIE_CHROMIUM")
    found = given or next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.fail(
            "No Chromium for the browser tests: apt-get install chromium, or set REVERIE_CHROMIUM; "
            "to leave these tests out: pytest -m 'not browser'",
            pytrace=False,
        )
    return found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


# Its event loop runs for as long as it does, so it must end before another file's asynchronous tests begin.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield browser
        browser.close()


class Watch:
    """What a page did that it must not do."""

    def __init__(self, context: BrowserContext) -> None:
        self.faults: list[str] = []
        self.hosts: set[str] = set()
        self.urls: list[str] = []
        context.on("weberror", lambda error: self.faults.append(str(error.error)))
        context.on("console", self._console)
        context.on("request", lambda request: self._request(request.url))
        context.on("dialog", lambda dialog: (self.faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))

    def _console(self, message: ConsoleMessage) -> None:
        # Chromium itself reports answers of 4xx and lost connections, which the tests cause on purpose.
        if (
            message.type == "error"
            and "Failed to load resource" not in message.text
            and "WebSocket" not in message.text
        ):
            self.faults.append(message.text)

    def _request(self, url: str) -> None:
        parts = urlsplit(url)
        self.urls.append(url)
        if parts.scheme in ("http", "https", "ws", "wss"):
            self.hosts.add(parts.hostname or "")


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh profile. Afterwards: no script error, no breach of the policy, no request to anybody else."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    context.set_default_timeout(60_000)
    watch = Watch(context)
    yield context
    context.close()
    assert not watch.faults
    assert watch.hosts <= {"127.0.0.1"}
    assert not [url for url in watch.urls if "test-" in url], "the key must never be part of an address"


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def signed_in(page: Page, service: LiveService) -> Page:
    """The page after a sign-in by hand."""
    page.goto(service.url)
    page.get_by_label("API key").fill(service.key)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("status").get_by_text("Live").wait_for()
    return page


def picture(page: Page, name: str, *, whole: bool = False) -> None:
    """Keep a screenshot as CI output."""
    OUTPUT.mkdir(exist_ok=True)
    try:
        page.screenshot(path=OUTPUT / f"{name}.png", full_page=whole)
    except Error as error:  # a picture is a by-product: its failure must not hide the test's own
        print(f"no screenshot {name}: {error}")


TOPICS = {
    "cat": "my grey cat {} sleeps on the warm sofa cushion",
    "bread": "sourdough bread dough {} rises in the oven kitchen",
    "climb": "climbing boulder wall {} chalk rope gym evening",
}
WORDS = ["amber", "birch", "cedar", "dahlia", "elm", "fern", "ginkgo", "hazel", "iris", "juniper", "kale", "oak"]


def memories(marker: str, each: int = 12) -> str:
    """Lines in three clear topics; ``marker`` keeps one test's tasks apart from another's."""
    return "\n".join(t.format(f"{WORDS[i % 12]} {marker}") for t in TOPICS.values() for i in range(each))


def paste(page: Page, text: str, user: str) -> None:
    """Bring memories by hand."""
    view(page, "try")
    page.get_by_role("textbox", name="Paste memories").fill(text)
    page.get_by_label("Kept under the name").fill(user)
    page.get_by_role("button", name="Find the themes").click()


def view(page: Page, name: str) -> None:
    """Go to a view, as its link does."""
    page.goto(page.url.split("#")[0] + f"#/{name}")


def wait_for_map(page: Page) -> None:
    """Until the themes are there."""
    expect(page.get_by_role("application", name=re.compile(r"Map of \d+ memories in \d+ theme"))).to_be_visible()


def theme_buttons(page: Page) -> list[str]:
    """The legend's entries."""
    return page.locator(".legend .name").all_inner_texts()


@contextmanager
def nobody_works(service: LiveService) -> Iterator[None]:
    """No worker takes a task for the length of the block."""
    service.kill("worker", signal.SIGSTOP)
    try:
        yield
    finally:
        service.kill("worker", signal.SIGCONT)
