"""The reference pages say everything that the code has, and the pages link to what exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from scripts import docs_reference as reference

from tests.live import LiveService

DOCS = reference.ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))


def test_every_setting_says_what_it_means() -> None:
    page = reference.settings_page()
    names = [v for group in reference.setting_groups() for v in reference.variables(group)]
    assert len(names) > 50
    for variable, _, secret, description in names:
        assert description, f"{variable} has no description"
        assert f"`{variable}`" + (" *(file)*" if secret else "") in page
    assert {"REVERIE_DATABASE_URL", "REVERIE_BOT_STORE", "REVERIE_OPENAI_API_KEY"} <= {name for name, *_ in names}


def test_every_command_and_option_is_explained() -> None:
    commands = reference.commands()
    assert {"reverie up", "reverie worker", "reverie keys create", "reverie health"} <= set(commands)
    for words, parser in commands.items():
        for action in parser._actions:
            assert action.help or action.dest in ("command", "action", "role"), f"{words}: {action.dest} has no help"
        assert f"## `{words}`" in reference.commands_page()


def test_every_call_is_listed_with_what_it_does() -> None:
    page = reference.api_page()
    for path, methods in reference.openapi()["paths"].items():
        for method in methods:
            row = re.search(rf"^\| `{method.upper()} {re.escape(path)}` \| (.*) \|$", page, re.MULTILINE)
            assert row, (method, path)
            assert row[1].strip(), f"{method} {path} does not say what it does"


def test_every_metric_of_a_running_gateway_is_listed(service: LiveService) -> None:
    with service.client() as client:
        exposed = set(re.findall(r"^# TYPE (\S+)", client.get("/metrics").text, re.MULTILINE))
    documented = set(reference.metric_families())
    assert {name for name in exposed if name.startswith("reverie_")} <= documented
    assert len(documented) >= 8


def test_every_error_has_its_problem_type() -> None:
    page = reference.errors_page()
    for name in ("ServiceUnavailable", "NotFound", "StartupError"):
        assert f"`{name}`" in page


def test_the_menu_holds_every_page_once(tmp_path: Path) -> None:
    for name in ("index.md", "something-new.md", "decisions/x.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("# x")
    listed = [page for section in reference.navigation(tmp_path) for pages in section.values() for page in pages]
    assert sorted(listed) == ["decisions/x.md", "index.md", "something-new.md"]


@pytest.mark.parametrize("page", PAGES, ids=[str(p.relative_to(DOCS)) for p in PAGES])
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    generated = {DOCS / name for name in reference.pages()}
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target and not target.startswith("mailto:"):
            found = (page.parent / target).resolve()
            assert found.exists() or found in generated, f"{page.name} links to {target}"
