"""What each view of the dashboard shows, and what can be done there."""

from __future__ import annotations

import json
import random
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.additions.toys import TOYS
from tests.browser.conftest import memories, nobody_works, paste, picture, theme_buttons, view, wait_for_map
from tests.browser.test_files import package
from tests.live import LiveService
from tests.readers.shared_cases import DATA

# An event of the page's own making is the only way to drop a file without a desktop.
DROP = """([name, text]) => {
  const carried = new DataTransfer();
  carried.items.add(new File([text], name));
  const target = document.querySelector(".drop");
  for (const kind of ["dragover", "drop"])
    target.dispatchEvent(new DragEvent(kind, { dataTransfer: carried, bubbles: true, cancelable: true }));
}"""


def dated() -> str:
    """Half a year of a memory every other day, and twenty more within one week: JSON lines in three topics."""
    rng = random.Random(7)
    texts = memories("dated", 40).splitlines()
    start = datetime(2026, 1, 5, 9, tzinfo=UTC)
    days = [2 * i for i in range(90)] + [120 + i % 6 for i in range(30)]
    rows = []
    for day, text in zip(days, texts, strict=True):
        moment = start + timedelta(days=day, hours=rng.uniform(0, 12))
        rows.append(json.dumps({"text": text, "created_at": moment.isoformat()}))
    return "\n".join(rows)


def painted(page: Page) -> str:
    """What the canvas shows, as a data address: equal when equal."""
    result: str = page.evaluate(
        """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() =>
          done(document.querySelector("canvas").toDataURL()))))"""
    )
    return result


@pytest.mark.parametrize("name", ["notes.csv", "notes.jsonl", "notes.txt"])
def test_a_dropped_file_becomes_a_map(signed_in: Page, name: str) -> None:
    lines = memories(f"dropped {name}").splitlines()
    text = {
        "notes.csv": "id,text\n" + "\n".join(f'{i},"{line}"' for i, line in enumerate(lines)),
        "notes.jsonl": "\n".join(json.dumps({"text": line}) for line in lines),
        "notes.txt": "\n".join(lines),
    }[name]
    signed_in.get_by_label("Kept under the name").fill("dropper")
    signed_in.evaluate(DROP, [name, text])
    wait_for_map(signed_in)
    assert "36 memories" in (signed_in.get_by_role("application").get_attribute("aria-label") or "")


def test_a_chosen_data_package_becomes_a_map_and_an_unreadable_one_a_sentence(signed_in: Page) -> None:
    page = signed_in
    chosen = page.locator("#file")
    chosen.set_input_files({"name": "package.zip", "mimeType": "application/zip", "buffer": b"no zip" * 20})
    expect(page.get_by_role("alert").filter(has_text="not a zip file")).to_be_visible()
    chosen.set_input_files({"name": "package.zip", "mimeType": "application/zip", "buffer": package("json", 8)})
    expect(page.get_by_role("application")).to_have_attribute("aria-label", "Map of 1 memory in 0 themes")


def test_the_author_of_a_chat_is_chosen_with_a_button(signed_in: Page) -> None:
    page = signed_in
    page.locator("#file").set_input_files(DATA / "dce_export.json")
    buttons = page.locator("#authors button")
    expect(buttons).to_have_text(["Mira (200): 4", "Mira (300): 4"])
    buttons.last.click()
    expect(page.get_by_role("application")).to_have_attribute("aria-label", re.compile("Map of 4 memories"))


def test_a_point_under_the_mouse_tells_its_memory_and_a_click_opens_it(signed_in: Page) -> None:
    page = signed_in
    paste(page, memories("hovered"), "hover-user")
    wait_for_map(page)
    box = page.locator("#map").bounding_box()
    assert box is not None
    tip = page.locator(".tip")
    # The map is crossed as a hand would, until something is under the pointer.
    spots = [(x, y) for y in range(10, int(box["height"]), 12) for x in range(10, int(box["width"]), 12)]
    for x, y in spots:
        page.mouse.move(box["x"] + x, box["y"] + y)
        if tip.is_visible():
            break
    expect(tip).to_contain_text("hovered")
    said = tip.locator("span").first.inner_text()
    page.mouse.down()
    page.mouse.up()
    expect(page.locator(".memory > .words")).to_have_text(said)
    before = painted(page)
    page.mouse.wheel(0, -600)
    zoomed = painted(page)
    assert zoomed != before
    page.get_by_role("button", name="Show everything").click()
    assert painted(page) != zoomed


def test_labels_on_the_map_never_collide_and_stay_inside(page: Page, service: LiveService) -> None:
    page.goto(f"{service.url}/favicon.svg")
    rng = random.Random(3)
    labels = [
        {"x": rng.uniform(0, 600), "y": rng.uniform(0, 400), "wide": rng.uniform(20, 180), "text": str(i)}
        for i in range(150)
    ]
    placed = page.evaluate(
        "async (labels) => (await import('/js/labels.js')).layLabels(labels, 600, 400, 13.5)", labels
    )
    assert placed[0]["text"] == "0"  # the most important one always has its place
    assert len(placed) > 20
    boxes = [(p["x"] - p["wide"] / 2, p["y"] - 8, p["x"] + p["wide"] / 2, p["y"] + 12) for p in placed]
    assert all(left >= 0 and top >= 0 and right <= 600 and low <= 400 for left, top, right, low in boxes)
    for i, one in enumerate(boxes):
        for other in boxes[:i]:
            assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def test_a_label_stands_on_its_own_disc_alone_and_never_under_a_button(page: Page, service: LiveService) -> None:
    page.goto(f"{service.url}/favicon.svg")
    discs = [{"x": 60 + 80 * (i % 6), "y": 60 + 80 * (i // 6), "r": 30} for i in range(24)]
    labels = [
        {"x": 0, "y": 0, "wide": 40 + 5 * i, "text": f"Climbing · {i}", "short": f"C{i}", "shortWide": 20, "disc": i}
        for i in range(24)
    ]
    button = [400, 200, 480, 400]
    placed = page.evaluate(
        "async ([labels, more]) => (await import('/js/labels.js')).layLabels(labels, 560, 400, 12, more)",
        [labels, {"discs": discs, "blocked": [button]}],
    )
    # Whole names, and short ones where those have no room.
    assert {p["text"].startswith("Climbing") for p in placed} == {True, False}
    for p in placed:
        left, top, right, low = p["x"] - p["wide"] / 2, p["y"] - 9, p["x"] + p["wide"] / 2, p["y"] + 12.6
        assert right <= button[0] or left >= button[2] or low <= button[1] or top >= button[3], p
        for number, disc in enumerate(discs):
            across = disc["x"] - min(max(disc["x"], left), right)
            down = disc["y"] - min(max(disc["y"], top), low)
            near = (across**2 + down**2) ** 0.5
            assert (near < 45) if number == p["disc"] else (near >= 0.75 * 30), (p, number)


def test_a_coarser_view_tells_what_merged_since_last_time(signed_in: Page) -> None:
    page = signed_in
    page.get_by_role("button", name="Show the demo").click()
    wait_for_map(page)
    fine = len(theme_buttons(page))
    with page.expect_response("**/cluster/submit"):
        page.get_by_label("Fewer, broader").fill("0")
    changes = page.get_by_role("region", name="Since last time")
    expect(changes).to_contain_text("Merged:")
    expect(changes).to_contain_text("Gone:")
    assert len(theme_buttons(page)) < fine
    picture(page, "themes-changes")


def test_the_graph_shows_connections_when_asked(signed_in: Page) -> None:
    page = signed_in
    paste(page, memories("graphed"), "graph-user")
    wait_for_map(page)
    view(page, "graph")
    expect(page.get_by_role("application", name="Graph of")).to_be_visible()
    bare = painted(page)
    page.get_by_label("Connections").select_option("all")
    assert painted(page) != bare
    page.get_by_label("Connections").select_option("near")
    page.get_by_role("list", name="Typical").get_by_role("button").first.click()
    expect(page.locator(".memory")).to_contain_text("Connected to")
    picture(page, "graph-edges")


def test_time_marks_what_chance_does_not_explain_with_its_p_value(signed_in: Page) -> None:
    page = signed_in
    paste(page, dated(), "time-user")
    wait_for_map(page)
    view(page, "time")
    burst = page.locator(".patterns li", has_text="Burst")
    chance = burst.locator(".facts span")
    expect(chance).to_have_text(re.compile(r"^Chance would do this (less than|about) once in [\d,]+ tries"))
    expect(chance).to_have_attribute("title", re.compile(r"^p (< )?0\.00\d"))
    counts = page.locator(".heat td .sr").all_inner_texts()
    assert len(counts) == 7 * 24
    assert sum(map(int, counts)) == 120
    burst.get_by_role("button", name="memories").click()
    expect(burst.get_by_role("list", name="Memories of this pattern")).to_contain_text("dated")
    page.locator(".plot .u-over").hover()
    expect(page.locator("#reading")).to_contain_text("Week of")
    picture(page, "time-burst", whole=True)


def test_there_is_nothing_to_take_along_before_the_result(signed_in: Page, service: LiveService) -> None:
    page = signed_in
    with nobody_works(service):
        paste(page, memories("early"), "early-user")
        page.locator(".menu summary").click()
        expect(page.get_by_role("button", name="This view as PNG")).to_be_disabled()
        expect(page.locator(".menu")).to_contain_text("Not there yet.")
        page.keyboard.press("Escape")
    wait_for_map(page)
    page.locator(".menu summary").click()
    expect(page.get_by_role("button", name="This view as PNG")).to_be_enabled()


def test_importance_adds_up_and_forgetting_is_only_tried(signed_in: Page, service: LiveService) -> None:
    page = signed_in
    paste(page, memories("weighed") + "\n" + memories("weighed"), "weigh-user")
    wait_for_map(page)
    view(page, "importance")
    page.locator(".ranking summary").first.click()
    adds = page.locator(".ranking li").first.locator("tbody td:last-child").all_inner_texts()
    score = float(page.locator(".ranking .score").first.inner_text())
    assert abs(sum(map(float, adds)) - score) <= 0.01 * len(adds)
    advice = page.get_by_role("region", name="What could go")
    expect(advice.locator(".outcome")).to_contain_text("Tick what you would do")
    advice.get_by_role("checkbox").first.check()
    expect(advice.locator(".outcome")).to_contain_text("of 72 would stay.")
    held = service.rows("SELECT items FROM tasks WHERE user_id = 'weigh-user' AND operation = 'cluster'")
    assert held == [{"items": 72}]


def test_work_tells_who_works_how_long_tasks_wait_and_what_they_cost(signed_in: Page, service: LiveService) -> None:
    page = signed_in
    tiles = page.locator(".tile:not(.check)")  # those of readiness have names of their own
    view(page, "work")
    expect(tiles.filter(has_text="Workers")).to_contain_text("2 processes in 1 worker")
    with nobody_works(service):
        paste(page, memories("worked"), "work-user")
        expect(page.get_by_role("progressbar", name="Progress of the clustering")).to_be_visible()
        view(page, "work")
        waiting = page.locator(".task[data-status=queued]", has_text="work-user")
        expect(waiting).to_contain_text("waiting for")
        expect(tiles.filter(has_text="Waiting")).to_contain_text("oldest")
        picture(page, "work-waiting")
    done = page.locator(".lane .task[data-status=succeeded]", has_text="work-user")
    expect(done.first).to_contain_text("of compute")
    expect(tiles.filter(has_text="Last 24 hours")).to_contain_text("tokens")
    with psycopg.connect(service.database_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE tasks SET attempts = 2, token = token + 1, seq = seq + 1000000 "
            "WHERE user_id = 'work-user' AND status = 'succeeded'"
        )
    page.reload()
    expect(page.get_by_role("region", name="Recovered")).to_contain_text("was done by another, attempt 2")
    done.get_by_role("button", name="Open").first.click()
    wait_for_map(page)
    expect(page.get_by_label("Whose memories")).to_have_value("work-user")


EXPORTS = [
    ("graph", "Graph as JSON", b"{"),
    ("graph", "Connections as CSV", b"\xef\xbb\xbfsource,target,weight,kind"),
    ("graph", "This view as PNG", b"\x89PNG"),
    ("graph", "This view as SVG", b"<?xml"),
    ("time", "Counts as CSV", b"\xef\xbb\xbfstart,"),
    ("time", "Patterns as JSON", b"["),
    ("time", "Chart as PNG", b"\x89PNG"),
    ("time", "Chart as SVG", b"<?xml"),
    ("importance", "Ranking as CSV", b"\xef\xbb\xbfrank,memory_id,text,score"),
    ("importance", "Analysis as JSON", b"{"),
    ("importance", "Chosen ids as JSON", b"{"),
    ("importance", "Advice as JSON", b"["),
]


def test_every_view_can_be_taken_along(signed_in: Page, tmp_path: Path) -> None:
    page = signed_in
    paste(page, dated(), "export-user")
    wait_for_map(page)
    ready = {"graph": "canvas[aria-label^=Graph]", "time": ".patterns", "importance": ".ranking li"}
    for where, name, starts in EXPORTS:
        view(page, where)
        page.locator(ready[where]).first.wait_for()
        menu = page.locator(".menu", has=page.locator("button", has_text=name))
        menu.locator("summary").click()
        with page.expect_download() as download:
            menu.get_by_role("button", name=name).click()
        download.value.save_as(tmp_path / "file")
        content = (tmp_path / "file").read_bytes()
        assert content.startswith(starts), name
        if name.endswith("JSON"):
            json.loads(content)


def test_the_prompt_page_shows_the_block_of_stored_memories_and_why_each_is_there(
    signed_in: Page, service: LiveService
) -> None:
    texts = [
        "Never bring up my old school",
        "I am allergic to hazelnuts",
        "cooked lentil soup tonight",
        "climbed the red route",
    ]
    with service.client(prefer="wait=30") as client:
        client.post("/users/kept/memories", json={"memories": texts})
    signed_in.goto(signed_in.url.split("#")[0] + "#/context")
    with service.client() as client:
        assert client.post("/users/kept/upkeep").status_code == 202
        for _ in range(200):
            if client.get("/users/kept/themes").status_code == 200:
                break
            signed_in.wait_for_timeout(100)
    # The memories come late: who has gone on to the prompt meanwhile stays there, with what they typed.
    late: list[Route] = []
    signed_in.route("**/users/kept/themes", lambda route: late.append(route))
    signed_in.get_by_label("Whose memories").fill("kept")
    with signed_in.expect_request("**/users/kept/themes"):
        signed_in.get_by_label("Whose memories").press("Enter")
    signed_in.get_by_role("link", name="Prompt").click()
    signed_in.get_by_label("Question").fill("what was cooked tonight?")
    with signed_in.expect_response("**/users/kept/context"):
        late[0].continue_()
    expect(signed_in.get_by_label("Question")).to_have_value("what was cooked tonight?")
    signed_in.get_by_role("button", name="Show the block").click()
    block = signed_in.locator("pre.block")
    expect(block).to_contain_text("Never bring up my old school")
    expect(signed_in.locator(".reasons")).to_contain_text("sets a boundary")
    expect(signed_in.locator(".context .facts")).to_contain_text("of 600")


def test_a_page_that_was_added_as_contributing_says_opens_from_the_menu(
    context: BrowserContext, signed_in: Page
) -> None:
    main, view_script = signed_in.request.get(signed_in.url.split("#")[0] + "js/main.js").text(), ""
    for change in TOYS["Add a page to the dashboard"]:
        if change.path.endswith("main.js") and change.before:
            main = main.replace(change.before, change.text + change.before)
        elif change.before is None:
            view_script = change.text
    context.route("**/js/main.js", lambda route: route.fulfill(body=main, content_type="text/javascript"))
    context.route("**/js/views/toy.js", lambda route: route.fulfill(body=view_script, content_type="text/javascript"))
    signed_in.reload()
    signed_in.get_by_role("link", name="Toys").click()
    expect(signed_in.get_by_role("heading", name="Toys are here")).to_be_visible()
