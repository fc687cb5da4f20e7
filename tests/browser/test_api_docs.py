"""The API's documentation comes from here alone, under the strict policy: the fixtures fail on any breach."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.browser.conftest import picture
from tests.live import LiveService


def test_the_documentation_needs_nobody_else_and_calls_the_service(page: Page, service: LiveService) -> None:
    answer = page.goto(service.url + "/docs")
    assert answer is not None
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    page.get_by_role("button", name="Authorize").first.click()
    page.get_by_label("auth-bearer-value").fill(service.key)
    page.get_by_role("button", name="Apply credentials").first.click()
    page.get_by_role("button", name="Close").first.click()
    call = page.locator("#operations-tasks-listTasks")
    call.get_by_role("button").first.click()
    call.get_by_text("A page of tasks, newest first").first.wait_for()
    call.get_by_role("button", name="Execute").click()
    call.locator(".live-responses-table .response-col_status").get_by_text("200").wait_for()
    picture(page, "api-docs")
