"""A TypeScript client, generated from the running gateway's own document, compiled strictly and run against it.

Node and the packages of ``typescript/package-lock.json`` come from ``./dev``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, commands_of, on_page
from tests.live import LiveService

pytestmark = pytest.mark.typescript

PAGE = "docs/how-to/http.md"
PROJECT = Path(__file__).parent / "typescript"
MODULES = PROJECT / "node_modules"

WRONG = {
    'client.POST("/clutser/submit", { body: { user_id: "1", memories: [] } })': "a path that does not exist",
    'client.POST("/cluster/submit", { body: { memories: ["a"] } })': "a body without the user",
    'client.POST("/cluster/submit", { body: { user_id: "1", memories: [], options: { granularity: "rough" } } })': (
        "an option's value that is not taken"
    ),
    'client.GET("/tasks/{task_id}", {})': "a path without its parameter",
    'client.GET("/tasks/{task_id}", { params: { path: { task_id: "x" } } }).then(({ data }) => data?.stats)': (
        "a member that a task does not have"
    ),
}


@pytest.fixture(scope="module")
def project(service: LiveService, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the types, made by the page's own command."""
    if not MODULES.is_dir():
        pytest.fail("no node_modules for the TypeScript client: run ./dev test, which installs them", pytrace=False)
    folder = tmp_path_factory.mktemp("client")
    (folder / "node_modules").symlink_to(MODULES)
    for name in ("package.json", "tsconfig.json"):
        shutil.copy(PROJECT / name, folder)
    install, generate = commands_of(on_page(PAGE, "sh")[-1].text)
    locked = (PROJECT / "package.json").read_text(encoding="utf-8")
    for name, version in re.findall(r"(\S+)@(\S+)", install):
        assert re.search(rf'"{re.escape(name)}": "{re.escape(version)}\.', locked), (
            f"{name} is tried in another version"
        )
    node(["bash", "-c", generate], folder, URL=service.url)
    return folder


def node(command: list[str], folder: Path, **more: str) -> str:
    """What a command of the project prints."""
    path = f"{MODULES / '.bin'}:{os.environ['PATH']}:{ROOT / '.venv/bin'}"
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": path, **more}, capture_output=True, text=True, timeout=180,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def test_the_client_of_the_docs_compiles_and_gets_its_result(service: LiveService, project: Path) -> None:
    (example,) = on_page(PAGE, "ts")
    (project / "client.ts").write_text(example.text)
    head = 'import createClient from "openapi-fetch";\nimport type { paths } from "./reverie.js";\n'
    head += 'const client = createClient<paths>({ baseUrl: "" });\n'
    # Types that take anything would compile as well: each of these must not.
    lines = "".join(f"// @ts-expect-error {why}\n{call};\n" for call, why in WRONG.items())
    (project / "wrong.ts").write_text(head + lines)
    node(["tsc", "--project", "."], project)
    printed = node(["node", "client.js"], project, URL=service.url, KEY=service.key)
    assert printed.startswith("succeeded [")
    assert [row["status"] for row in service.rows("SELECT status FROM tasks WHERE user_id = '45'")] == ["succeeded"]
    # A refusal reaches the caller as the problem it is.
    with pytest.raises(AssertionError, match="Error: 401: "):
        node(["node", "client.js"], project, URL=service.url, KEY="wrong")
