"""The TypeScript client's modules in a browser, as they are packed, against the real service."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, Route

from tests.live import LiveService
from tests.typescript.conftest import installed  # noqa: F401

pytestmark = pytest.mark.typescript

RUN = """async ([url, apiKey]) => {
  const { Reverie } = await import("/client/index.js");
  const ai = new Reverie({ url, apiKey });
  const user = ai.user("in a browser");
  await user.rememberMany([..."abcdef"].flatMap((n) => [`climbing at the hall ${n}`, `the cat ate fish ${n}`]));
  const all = ai.events({ userId: user.id });
  const next = all.next(); // over a WebSocket of the browser's own
  const task = await ai.submitClusteringTask(user.id, ["green tea", "black tea", "white tea"]);
  const seen = [];
  for await (const event of task.events()) seen.push(event.type); // server-sent events
  const first = (await next).value.task_id === task.id;
  await all.return();
  const context = await user.context("climbing?", { max_tokens: 200 });
  const receipt = await user.erase();
  return { last: seen.at(-1), first, text: context.text, erased: receipt.user_id };
}"""


def test_tasks_events_and_context_in_a_browser(page: Page, service: LiveService, installed: Path) -> None:  # noqa: F811
    modules = installed / "node_modules" / "reverie" / "dist" / "esm"

    def serve(route: Route) -> None:
        name = route.request.url.rsplit("/", 1)[1]
        route.fulfill(body=(modules / name).read_text(), content_type="text/javascript")

    page.route("**/client/*.js", serve)
    page.goto(service.url)
    told = page.evaluate(RUN, [service.url, service.key])
    assert (told["last"], told["first"], told["erased"]) == ("succeeded", True, "in a browser")
    assert "climbing at the hall" in told["text"]
