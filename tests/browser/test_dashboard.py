"""The dashboard in a real browser against the real service: from paste to map, and through trouble."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import WORDS, memories, nobody_works, paste, picture, theme_buttons, wait_for_map
from tests.live import LiveService

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def test_the_whole_way_from_paste_to_map(signed_in: Page) -> None:
    page = signed_in
    picture(page, "try")
    paste(page, memories("alpha"), "paste-user")
    wait_for_map(page)
    assert len(theme_buttons(page)) >= 2
    assert "36" in (page.get_by_role("application").get_attribute("aria-label") or "")
    # A click on a memory in the list opens it; so does a click on its point.
    page.locator(".legend .name").first.click()
    page.locator(".legend .memories button").first.click()
    expect(page.locator(".memory > .words")).to_contain_text("alpha")
    picture(page, "themes-paste")


def test_progress_is_shown_live_and_a_reload_in_the_middle_loses_nothing(signed_in: Page, service: LiveService) -> None:
    page = signed_in
    with nobody_works(service):
        paste(page, memories("beta", 60), "reload-user")
        bar = page.get_by_role("progressbar", name="Progress of the clustering")
        expect(bar).to_have_attribute("aria-valuetext", "Waiting for a worker…")
        page.reload()
        expect(bar).to_have_attribute("aria-valuetext", "Waiting for a worker…")
        # From here on every step of the bar is written down by the page itself.
        page.evaluate(
            """() => { window.steps = []; const bar = document.querySelector('.canvas [role=progressbar]');
            new MutationObserver(() => steps.push([bar.getAttribute('aria-valuetext'),
              Number(bar.getAttribute('aria-valuenow'))])).observe(bar, {attributes: true}) }"""
        )
        picture(page, "progress")
    wait_for_map(page)
    steps = page.evaluate("window.steps")
    assert any(not text.startswith("Waiting") for text, _ in steps), steps
    shares = [share for _, share in steps]
    assert shares == sorted(shares)
    assert len(theme_buttons(page)) >= 2


def test_a_wrong_key_stays_outside_and_leaves_no_trace(page: Page, service: LiveService) -> None:
    page.goto(service.url)
    for wrong in ("not-the-key", "mit Leerzeichen ü"):
        page.get_by_label("API key").fill(wrong)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_have_text("This key is not valid.")
    assert page.evaluate("[sessionStorage.length, Object.keys(localStorage).length, document.cookie]") == [0, 0, ""]
    picture(page, "wrong-key")


def test_a_key_that_was_revoked_leads_back_to_the_door(signed_in: Page) -> None:
    signed_in.evaluate("sessionStorage.setItem('reverie.key', 'revoked-meanwhile')")
    signed_in.goto(signed_in.url.split("#")[0] + "#/work")
    expect(signed_in.get_by_role("alert")).to_contain_text("not valid any more")
    assert signed_in.evaluate("sessionStorage.getItem('reverie.key')") is None


def test_the_service_may_go_and_come_back(signed_in: Page, service: LiveService) -> None:
    page = signed_in
    paste(page, memories("gamma"), "away-user")
    wait_for_map(page)
    before = theme_buttons(page)
    with nobody_works(service):
        paste(page, memories("delta"), "away-user")
        bar = page.get_by_role("progressbar", name="Progress of the clustering")
        expect(bar).to_have_attribute("aria-valuetext", "Waiting for a worker…")
        service.kill("gateway0")
        expect(page.locator("#away")).to_contain_text("cannot be reached")
        picture(page, "away")
    # The work went on without the gateway; the page learns of it when there is one again.
    service.start_gateway()
    service.wait_ready()
    expect(page.locator("#away")).to_be_hidden()
    expect(page.get_by_role("status").get_by_text("Live")).to_be_visible()
    wait_for_map(page)
    assert len(theme_buttons(page)) >= 2
    assert len(before) >= 2


def test_what_is_sent_while_the_service_is_away_arrives_once(signed_in: Page, service: LiveService) -> None:
    page = signed_in
    service.kill("gateway0")
    try:
        paste(page, memories("lambda"), "later-user")
        bar = page.get_by_role("progressbar", name="Progress of the clustering")
        expect(bar).to_have_attribute("aria-valuetext", "Waiting for the service…")
    finally:
        service.start_gateway()
        service.wait_ready()
    wait_for_map(page)
    assert service.rows("SELECT count(*) AS n FROM tasks WHERE user_id = 'later-user' AND operation = 'cluster'") == [
        {"n": 1}
    ]


def test_a_memory_of_markup_is_text_everywhere(signed_in: Page) -> None:
    page = signed_in
    evil = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'> epsilon"
    paste(page, memories("epsilon") + "\n" + "\n".join(f"{evil} {word}" for word in WORDS), "<b>mallory</b>")
    wait_for_map(page)
    for button in page.locator(".legend .name").all():
        button.click()
        if page.locator(".legend .memories button", has_text="<script>").count():
            break
    page.locator(".legend .memories button", has_text="<script>").first.click()
    expect(page.locator(".memory > .words")).to_contain_text("<script>window.hacked = 1</script><img src=x")
    for view in ("graph", "time", "importance", "work"):
        page.goto(page.url.split("#")[0] + f"#/{view}")
        expect(page.locator(f"main.{view}")).to_be_visible()
    # Others' tasks may stand above it.
    expect(page.locator(".task .user").filter(has_text="mallory").first).to_have_text("<b>mallory</b>")
    assert page.evaluate("window.hacked") is None
    assert page.locator("main script, main img").count() == 0


def test_the_policy_forbids_inline_code_eval_and_strangers(page: Page, service: LiveService) -> None:
    answer = page.goto(service.url)
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_search_lights_up_and_the_legend_filters(signed_in: Page) -> None:
    page = signed_in
    paste(page, memories("zeta"), "search-user")
    wait_for_map(page)
    page.get_by_label("Ask these memories").fill("sourdough bread in the oven")
    page.get_by_role("button", name="Ask").click()
    hits = page.locator(".hits li")
    expect(hits.first).to_contain_text("bread")
    assert hits.count() == 12
    picture(page, "recall")
    page.get_by_role("button", name="Clear").click()
    expect(hits).to_have_count(0)
    swatch = page.locator(".legend .swatch").first
    swatch.click()
    expect(swatch).to_have_attribute("aria-pressed", "false")
    page.get_by_role("button", name="Show all").click()
    expect(swatch).to_have_attribute("aria-pressed", "true")


def test_the_slider_clusters_again_with_the_chosen_granularity(signed_in: Page) -> None:
    page = signed_in
    paste(page, memories("eta"), "grain-user")
    wait_for_map(page)
    with page.expect_request("**/cluster/submit") as sent:
        page.get_by_label("Fewer, broader").fill("0.9")
    assert sent.value.post_data_json["options"] == {"granularity": 0.9, "preview": True}
    expect(page.locator(".canvas .progress")).to_be_hidden()
    assert len(theme_buttons(page)) >= 2


def test_the_map_can_be_read_with_the_keyboard_alone(signed_in: Page) -> None:
    page = signed_in
    paste(page, memories("theta"), "keys-user")
    wait_for_map(page)
    page.get_by_role("application").focus()
    page.keyboard.press("ArrowRight")
    words = page.locator(".memory > .words")
    expect(words).to_contain_text("theta")
    first = words.inner_text()
    # What was reached is also spoken.
    expect(page.locator("#live")).to_have_text(first)
    # Somewhere there is another one; which way depends on where the first lies.
    for key in ("ArrowDown", "ArrowLeft", "ArrowUp", "ArrowRight") * 5:
        page.keyboard.press(key)
        if words.inner_text() != first:
            break
    expect(page.locator("#live")).not_to_have_text(first)
    assert words.inner_text() == page.locator("#live").inner_text()
    page.keyboard.press("Escape")
    expect(page.locator(".memory")).to_have_count(0)


def test_right_to_left_text_runs_right_to_left(signed_in: Page) -> None:
    page = signed_in
    paste(page, "\n".join(f"جدتي تتصل بي كل يوم أحد {word}" for word in WORDS), "rtl-user")
    wait_for_map(page)
    page.get_by_role("application").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".memory > .words").evaluate("node => getComputedStyle(node).direction") == "rtl"


@pytest.mark.parametrize("look", ["light", "dark"])
def test_no_page_has_a_serious_accessibility_fault(context: BrowserContext, service: LiveService, look: str) -> None:
    page = context.new_page()
    page.emulate_media(color_scheme="dark" if look == "dark" else "light")
    page.goto(service.url)
    faults = axe(page, "sign in")
    page.get_by_label("API key").fill(service.key)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Show the demo").wait_for()
    faults += axe(page, "try")
    page.get_by_role("button", name="Show the demo").click()
    wait_for_map(page)
    page.get_by_role("application").focus()
    page.keyboard.press("ArrowRight")
    page.locator(".legend .name").first.click()
    faults += axe(page, "themes")
    picture(page, f"themes-{look}")
    ready = {
        "graph": "aside section",
        "time": ".patterns, #found ~ div .help",
        "importance": ".ranking li",
        "work": ".task",
    }
    for view, sign in ready.items():
        page.goto(f"{service.url}/#/{view}")
        page.locator(sign).first.wait_for()
        if view == "importance":
            page.locator(".ranking summary").first.click()
        faults += axe(page, view)
        picture(page, f"{view}-{look}", whole=True)
    assert not faults, "\n".join(faults)


def axe(page: Page, where: str) -> list[str]:
    """Faults that axe-core calls serious or critical."""
    page.evaluate(AXE)
    report = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{where}: {fault['id']} ({fault['impact']}): {node['target']} {node.get('failureSummary', '')}"
        for fault in report["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"][:3]
    ]


def test_everything_fits_a_phone(context: BrowserContext, service: LiveService) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(service.url)
    page.get_by_label("API key").fill(service.key)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Show the demo").click()
    wait_for_map(page)
    for view in ("try", "themes", "graph", "time", "importance", "work"):
        page.goto(f"{service.url}/#/{view}")
        expect(page.locator(f"main.{view} :is(h1, h2)").first).to_be_attached()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, view
        picture(page, f"phone-{view}")


def test_a_theme_with_a_name_of_one_long_word_fits_a_phone(signed_in: Page) -> None:
    """A German word may be wider than the screen: it breaks, and the number beside it stays in its row."""
    page = signed_in
    word = "Donaudampfschifffahrtsgesellschaftskapitänsmützenbandknopf"
    paste(page, "\n".join(f"{word} number {i}, {word} again" for i in range(12)), "long-word")
    wait_for_map(page)
    page.set_viewport_size({"width": 360, "height": 740})
    name = page.locator(".legend .name", has_text=word[:20]).first
    expect(name).to_be_visible()
    row, size = name.bounding_box(), name.locator(".size").bounding_box()
    assert row is not None
    assert size is not None
    assert 0 <= row["x"] <= 360 - row["width"]
    assert size["x"] + size["width"] <= row["x"] + row["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_failed_task_says_why_and_runs_again(signed_in: Page, service: LiveService) -> None:
    page = signed_in
    with nobody_works(service):
        paste(page, memories("iota"), "failed-user")
        expect(page.get_by_role("progressbar", name="Progress of the clustering")).to_be_visible()
        reason = {"title": "The task was given up.", "status": 500, "detail": "Its worker died on every attempt."}
        with psycopg.connect(service.database_url, autocommit=True) as connection:
            connection.execute(
                "UPDATE tasks SET status = 'failed', finished_at = now(), error = %s, seq = seq + 1, attempts = 3, "
                "token = token + 3 WHERE user_id = 'failed-user' AND status = 'queued'",
                (json.dumps(reason),),
            )
        page.goto(f"{service.url}/#/work")
        failed = page.locator(".failures .task", has_text="failed-user")
        expect(failed).to_contain_text("Its worker died on every attempt.")
        picture(page, "failed")
    failed.get_by_role("button", name="Run it again").click()
    expect(page.locator(".lane .task[data-status=succeeded]", has_text="failed-user").first).to_be_visible()
    expect(failed).to_have_count(0)


def test_results_leave_as_json_csv_png_and_svg(signed_in: Page, tmp_path: Path) -> None:
    page = signed_in
    paste(page, memories("kappa") + "\n=HYPERLINK(1)", "export-user")
    wait_for_map(page)
    kept: dict[str, bytes] = {}
    for name in ("Themes as JSON", "Memories as CSV", "This view as PNG", "This view as SVG"):
        page.locator(".menu summary").click()
        with page.expect_download() as download:
            page.get_by_role("button", name=name).click()
        path = tmp_path / download.value.suggested_filename
        download.value.save_as(path)
        kept[path.suffix] = path.read_bytes()
    assert len(json.loads(kept[".json"])["assignments"]) == 37
    lines = kept[".csv"].decode("utf-8-sig").splitlines()
    assert len(lines) == 38
    assert "'=HYPERLINK(1)" in lines[-1]  # a spreadsheet must not run what a memory says
    assert kept[".png"].startswith(b"\x89PNG")
    assert kept[".svg"].count(b"<circle") == 37
