"""The docs' JavaScript runs in a browser as it stands there."""

from __future__ import annotations

from playwright.sync_api import Page

from reverie.contracts import ClusterResult
from tests.docs.pages import examples, on_page
from tests.live import LiveService

PAGE = "docs/how-to/http.md"

RUN = """async ([url, key]) => {
  const seen = [];
  let ended;
  const end = new Promise((resolve) => { ended = resolve; });
  const show = (type, progress, result) => {
    seen.push({ type, progress, result });
    if (["succeeded", "failed", "cancelled"].includes(type)) ended();
  };
  %s
  await end;
  await new Promise((resolve) => setTimeout(resolve)); // the listener closes after it has shown
  return { seen, closed: events.readyState === EventSource.CLOSED };
}"""


def test_all_javascript_is_on_one_page() -> None:
    assert {example.page for example in examples() if example.language in ("js", "javascript")} == {PAGE}


def test_an_event_source_follows_a_task_to_its_result(page: Page, service: LiveService) -> None:
    (example,) = on_page(PAGE, "js")
    page.goto(service.url)
    told = page.evaluate(RUN.replace("%s", example.text), [service.url, service.key])
    kinds = [event["type"] for event in told["seen"]]
    assert kinds[-1] == "succeeded"
    assert kinds.count("succeeded") == 1
    assert set(kinds) <= {"queued", "running", "progress", "succeeded"}
    assert len(ClusterResult.model_validate(told["seen"][-1]["result"]).assignments) == 2
    assert told["closed"]
