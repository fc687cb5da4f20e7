"""The TypeScript client as users get it, against a real service. Node and its packages come from ``./dev``."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from reverie.testing.discord import FakeDiscord
from tests.docs.pages import on_page
from tests.live import LiveService
from tests.typescript.conftest import CLIENT, MODULES, node

pytestmark = pytest.mark.typescript

PAGE = "docs/typescript.md"

WRONG = {
    'ai.submitClutseringTask("1", [])': "a method that does not exist",
    'ai.submitClusteringTask(["a"])': "a submission without the user",
    'ai.submitClusteringTask("1", [], { granularity: "rough" })': "an option's value that is not taken",
    'ai.submitClusteringTask("1", [{ id: "a" }])': "a memory without its text",
    'ai.submitAnalysisTask("1", []).then((task) => task.result()).then((result) => result.themes)': (
        "a member that the result of another operation has"
    ),
    'ai.user("1").context("tea", {})': "a context without its budget",
    'ai.user("1").update("m", { txet: "tea" })': "a member that a memory does not have",
    'ai.lastKnown("1", "clutser")': "an operation that does not exist",
}
RIGHT = """
const task = await ai.submitClusteringTask(1n, ["a", { text: "b", created_at: new Date() }], { granularity: 0.5 });
for await (const event of task.events()) if (event.progress) console.log(event.progress.fraction);
const labels: string[] = (await task.result({ timeoutMs: 10 })).themes.map((theme) => theme.label);
const [vector]: Float32Array[] = await ai.embed(labels);
const user = ai.user("1");
for await (const memory of user.memories({ q: "tea" })) console.log(memory.text, vector);
const place: string | undefined = (await user.remember("tea", { pinned: true })).place?.label;
console.log((await user.themes()).themes.length, (await user.context(null, { max_tokens: 9 })).tokens, place);
"""


def test_the_package_works_for_import_and_require_with_nothing_else_installed(installed: Path) -> None:
    assert sorted(path.name for path in (installed / "node_modules").iterdir() if path.name[0] != ".") == ["reverie"]
    say = "console.log(typeof {}.Reverie, new ({}.Reverie)({{ url: 'http://h/' }}).url)"
    (installed / "a.mjs").write_text(f'import * as r from "reverie"; {say.format("r", "r")}')
    (installed / "a.cjs").write_text(f'const r = require("reverie"); {say.format("r", "r")}')
    for name in ("a.mjs", "a.cjs"):
        assert node(["node", name], installed) == "function http://h\n"


def test_the_types_hold_for_import_and_require(installed: Path) -> None:
    head = 'import { Reverie } from "reverie";\nconst ai = new Reverie();\n'
    # Types that take anything would compile as well: each of these must not.
    wrong = "".join(f"// @ts-expect-error {why}\n{call};\n" for call, why in WRONG.items())
    for file in ("user.mts", "user.cts"):
        (installed / file).write_text(f"{head}export async function all(): Promise<void> {{\n{RIGHT}\n{wrong}}}\n")
    compiler = {"module": "nodenext", "target": "es2022", "lib": ["es2023", "dom"], "types": []}
    options = {"compilerOptions": {**compiler, "strict": True, "noEmit": True}, "files": ["user.mts", "user.cts"]}
    (installed / "tsconfig.json").write_text(json.dumps(options))
    node(["tsc", "--project", "."], installed)


def test_everything_works_against_a_real_service(installed: Path, service: LiveService) -> None:
    node(["node", "--test", "test/live.test.mjs"], CLIENT, URL=service.url, KEY=service.key)


@pytest.mark.parametrize("mode", ["task", "all"])
def test_the_events_go_on_after_the_gateway_was_killed_in_the_middle(
    installed: Path, service: LiveService, mode: str
) -> None:
    done = "SELECT id FROM tasks WHERE user_id = 'follower' AND status = 'succeeded'"
    count = len(service.rows(done)) + 1
    service.kill("worker")
    follower = subprocess.Popen(
        ["node", "test/follow.mjs"], cwd=CLIENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "URL": service.url, "KEY": service.key, "MODE": mode},
    )  # fmt: skip
    try:
        assert follower.stdout is not None
        events = [json.loads(follower.stdout.readline())]
        assert events[0]["type"] == "queued"
        service.kill("gateway0")
        service.start_worker()
        if mode == "all":
            # It ends while nobody can be told.
            end = time.monotonic() + 60
            while len(service.rows(done)) < count:
                assert time.monotonic() < end
                time.sleep(0.05)
        service.start_gateway()
        rest, error = follower.communicate(timeout=90)
    finally:
        follower.kill()
        follower.wait()
    assert follower.returncode == 0, error
    events += [json.loads(line) for line in rest.splitlines()]
    assert events[-1]["type"] == "succeeded"
    assert events[-1]["themes"] is not None
    numbers = [event["seq"] for event in events]
    assert numbers == sorted(set(numbers))


def test_the_examples_of_the_page_compile_and_run(installed: Path, service: LiveService) -> None:
    text = "".join(example.text for example in on_page(PAGE, "ts"))
    # The last listener waits for an event: another client makes one.
    other = 'setTimeout(() => void ai.submitClusteringTask("42", ["and another one"]), 300);\nconst leaving'
    (installed / "page.mts").write_text(text.replace("const leaving", other))
    compiler = {"module": "nodenext", "target": "es2022", "lib": ["es2023", "dom"], "types": [], "strict": True}
    (installed / "tsconfig.json").write_text(json.dumps({"compilerOptions": compiler, "files": ["page.mts"]}))
    node(["tsc", "--project", "."], installed)
    if not (installed / "node_modules" / "ws").exists():  # as the page says for Node 20
        (installed / "node_modules" / "ws").symlink_to(MODULES / "ws")
    out = node(["node", "page.mjs"], installed, REVERIE_URL=service.url, REVERIE_API_KEY=service.key)
    assert "succeeded" in out
    assert "memory_id" in out


async def test_the_bot_of_the_page_answers_on_discord(service: LiveService) -> None:
    source = CLIENT / "examples" / "discord-bot.mjs"
    (shown,) = on_page(PAGE, "mjs")
    assert source.read_text(encoding="utf-8") == shown.text
    assert len(shown.text.splitlines()) < 40
    async with FakeDiscord() as discord:
        alice = discord.add_user("alice")
        guild = discord.add_guild(users=[alice])
        bot = await asyncio.create_subprocess_exec(
            "node", str(source), cwd=CLIENT, stderr=asyncio.subprocess.PIPE,
            env={
                **os.environ, "DISCORD_TOKEN": discord.token, "DISCORD_API": f"{discord.base}/api",
                "REVERIE_URL": service.url, "REVERIE_API_KEY": service.key,
            },
        )  # fmt: skip
        try:
            await discord.until(lambda: discord.commands[None])

            async def said(command: str, text: str | None = None) -> str:
                options = {"text": text} if text else None
                asked = await discord.slash(command, options, user=alice, guild=guild)
                return str((await discord.reply(asked))["content"])

            for number in range(12):
                text = f"{'my cat ate the fish' if number % 2 else 'green tea in the evening'} {number}"
                assert await said("remember", text) == "Remembered."
            assert "**Green tea** (6)" in await said("themes")
            assert (await said("recall", "green tea")).count("- green tea in the evening") == 3
            assert await said("forget") == "Erased: 12 memories."
            assert "nothing is stored" in await said("recall", "green tea")
        except TimeoutError as late:
            bot.kill()
            _, error = await bot.communicate()
            raise AssertionError(f"{late}\n{error.decode()}") from None
        finally:
            if bot.returncode is None:
                bot.kill()
                await bot.wait()
