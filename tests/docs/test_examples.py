"""The examples of README and docs are run as they stand there: a line that no longer works fails here."""

from __future__ import annotations

import ast
import asyncio
import importlib
import json
import re
import shlex
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import discord
import pytest
from discord.ext import commands
from standardwebhooks.webhooks import WebhookVerificationError

from reverie import AsyncReverie, Memory
from reverie.cli import build_parser
from reverie.contracts import ClusterRequest, ClusterResult
from tests.docs.pages import ROOT, Example, commands_of, examples, on_page, run_shell
from tests.gateway.receiver import Receiver
from tests.live import LiveService

HTTP = "docs/how-to/http.md"
TEXTS = ["my cat sleeps on the sofa", "the cat wakes me at night", "green tea at night", "green tea in the morning"]
MEMORIES = [Memory(id=str(i), text=text) for i, text in enumerate(TEXTS)]

LIVE = {
    "README.md", "docs/index.md", "docs/analysis.md", "docs/embedding.md", "docs/webhooks.md", HTTP,
    "docs/how-to/erase-a-user.md", "docs/how-to/add-to-your-bot.md", "docs/how-to/memories.md",
}  # fmt: skip
"""Pages whose Python runs below against a gateway and a worker."""

READ_ONLY = {"docs/bot.md", "docs/data-science.md", "docs/how-to/give-your-bot-a-memory.md", "docs/mcp.md"}
"""Pages whose Python is only looked at here: the bot's own tests have the interaction that it needs, and those of
``tests/science`` the tables and vectors."""

PROGRAMS = {
    "bun",
    "claude",
    "curl",
    "deno",
    "docker",
    "export",
    "grep",
    "head",
    "helm",
    "kubectl",
    "npm",
    "npx",
    "pipx",
    "uvx",
    "websocat",
}
"""Programs of others that the docs call."""

SHELL = [example for example in examples() if example.language == "sh"]
PYTHON = [example for example in examples() if example.language == "python"]


# -- what can be said of every example without running it -----------------------------------------------------


def simple_commands(text: str) -> list[list[str]]:
    """The words of each command, without comments, assignments in front and what `;`, `|` and `&` join."""
    found: list[list[str]] = []
    for command in commands_of(text):
        command = re.sub(r"\w+=\$\(", "", command.replace("\\\n", " "))  # what fills a variable is a command as well
        lexer = shlex.shlex(command, posix=True, punctuation_chars=";|&")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set(";|&"):
                while words and re.match(r"[A-Z_]+=", words[0]):
                    words.pop(0)
                if words:
                    found.append(words)
                words = []
            else:
                words.append(word)
    return found


@pytest.mark.parametrize("example", SHELL, ids=str)
def test_every_command_in_the_docs_exists_with_its_options(example: Example) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    usage = (ROOT / "dev").read_text(encoding="utf-8")
    for program, *arguments in simple_commands(example.text):
        if program == "reverie":
            build_parser().parse_args(arguments)  # a wrong one ends the test with the parser's own words
        elif program == "./dev":
            assert f"\n./dev {arguments[0]} " in usage, arguments
        elif program.startswith("scripts/"):
            assert (ROOT / program).is_file(), program
        elif program == "pip":
            for wanted in re.findall(r"^reverie\[(.+)\]$", "\n".join(arguments), re.MULTILINE):
                assert set(wanted.split(",")) <= set(extras), wanted
        else:
            assert program in PROGRAMS, program


@pytest.mark.parametrize("example", PYTHON, ids=str)
def test_every_python_example_parses_and_imports_what_exists(example: Example) -> None:
    assert example.page in LIVE | READ_ONLY, f"{example} is neither run nor said to be looked at only"
    for node in ast.walk(parsed(example.text)):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(str(node.module))
            for name in node.names:
                assert hasattr(module, name.name), (node.module, name.name)


def parsed(text: str) -> ast.Module:
    """The tree of a block that may await at its top."""
    return compile(text, "example", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


# -- curl, websocat -------------------------------------------------------------------------------------------


def preparation(service: LiveService) -> list[str]:
    first = on_page(HTTP, "sh")[0]
    assert "export URL=" in first.text
    return commands_of(first.at(service))


@pytest.mark.curl
def test_curl_submits_waits_fetches_follows_and_erases(service: LiveService, tmp_path: Path) -> None:
    block = on_page(HTTP, "sh")[1]
    prepared = preparation(service)
    out = run_shell([*prepared, *commands_of(block.at(service))], service, tmp_path)[len(prepared) :]
    submitted, waited, _, fetched, unchanged, followed, exported, erased = out
    assert json.loads(submitted)["status"] == "queued"
    task = json.loads(waited)
    assert task["status"] == "succeeded"
    themes = ClusterResult.model_validate(task["result"])
    assert {item for theme in themes.themes for item in theme.memory_ids} | set(themes.unclustered) == {"a", "b"}
    assert json.loads(fetched)["id"] == task["id"]
    assert unchanged == ""
    kinds = re.findall(r"^event: (\w+)$", followed, re.MULTILINE)
    assert kinds == ["succeeded"], followed
    assert {held["id"] for held in json.loads(exported)["tasks"]} == {json.loads(submitted)["id"], task["id"]}
    receipt = json.loads(erased)
    assert (receipt["user_id"], receipt["tasks"]) == ("42", 2)
    assert service.rows("SELECT id FROM tasks WHERE user_id = '42'") == []


@pytest.mark.curl
def test_the_problem_is_the_one_that_the_page_shows(service: LiveService, tmp_path: Path) -> None:
    command = commands_of(on_page(HTTP, "sh")[2].at(service))
    told = run_shell([*preparation(service), *command], service, tmp_path)[-1]
    assert json.loads(told) == json.loads(on_page(HTTP, "json")[0].text)


@pytest.mark.curl
def test_websocat_follows_a_task_to_its_end(service: LiveService, tmp_path: Path) -> None:
    block = on_page(HTTP, "sh")[3]
    told = run_shell([*preparation(service), *commands_of(block.at(service))], service, tmp_path)[-1]
    events = [json.loads(line) for line in told.splitlines()]
    assert events[-1]["type"] == "succeeded"
    assert ClusterResult.model_validate(events[-1]["result"])
    assert [event["seq"] for event in events] == sorted({event["seq"] for event in events})


# -- the command line -----------------------------------------------------------------------------------------


def environment(service: LiveService) -> dict[str, str]:
    return {"REVERIE_DATABASE_URL": service.database_url, "REVERIE_REDIS_URL": service.redis_url,
            "REVERIE_URL": service.url, "REVERIE_API_KEY": service.key}  # fmt: skip


def test_keys_are_made_listed_and_revoked(service: LiveService, tmp_path: Path) -> None:
    create, other, listing, revoke = commands_of(on_page("docs/security.md", "sh")[0].text)
    made, _, listed = run_shell([create, other, listing], service, tmp_path, more=environment(service))
    assert all(name in listed for name in ("my-bot", "billing", "acme"))
    key_id = next(line for line in listed.splitlines() if "my-bot" in line)
    key_id = re.search(r"key_[0-9a-f]+", key_id)[0]  # type: ignore[index]
    secret = next(word for word in made.split() if len(word) > 30 and not word.startswith("key_"))
    with service.client(authorization=f"Bearer {secret}") as client:
        assert client.get("/tasks").status_code == 200
        assert client.delete("/users/nobody").status_code == 403
        run_shell([revoke.replace("key_0123456789abcdef", key_id)], service, tmp_path, more=environment(service))
        assert client.get("/tasks").status_code == 401


@pytest.mark.curl
def test_a_file_is_clustered_and_a_user_erased(service: LiveService, tmp_path: Path) -> None:
    lines = [json.dumps({"id": str(i), "text": text}) for i, text in enumerate(TEXTS)]
    (tmp_path / "memories.jsonl").write_text("\n".join(lines))
    shown = commands_of(on_page("docs/themes.md", "sh")[0].text)
    _, printed = run_shell(shown, service, tmp_path, more=environment(service))
    assert ClusterResult.model_validate_json(printed)
    with service.client() as client:
        wish = {"user_id": "USER_ID", "memories": TEXTS}
        assert client.post("/cluster/submit", json=wish, headers={"prefer": "wait=60"}).status_code == 200
    ours, curl = commands_of(on_page("docs/how-to/erase-a-user.md", "sh")[0].at(service))
    more = {**environment(service), "KEY": service.key}
    _, receipt = run_shell([ours.replace("USER_ID", "USER_ID --yes", 1), curl], service, tmp_path, more=more)
    assert json.loads(receipt)["tasks"] == 0  # ours had erased them
    assert service.rows("SELECT id FROM tasks WHERE user_id = 'USER_ID'") == []


def test_cloud_policies_are_made_and_taken_back(service: LiveService, tmp_path: Path) -> None:
    shown = commands_of(on_page("docs/cloud.md", "sh")[0].text)
    _, _, listed, _ = run_shell(shown, service, tmp_path, more=environment(service))
    assert "acme" in listed
    call, _, body = on_page("docs/cloud.md", "json")[0].text.partition("\n")
    assert call == "POST /cluster/submit"
    assert ClusterRequest.model_validate_json(body).cloud


# -- Python ---------------------------------------------------------------------------------------------------


@pytest.fixture
async def ai(service: LiveService, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AsyncReverie]:
    monkeypatch.setenv("REVERIE_URL", service.url)
    monkeypatch.setenv("REVERIE_API_KEY", service.key)
    async with AsyncReverie() as client:
        yield client


async def run(example: Example, service: LiveService, **names: Any) -> dict[str, Any]:
    """Execute a block that may await; returns what it defined."""
    code = compile(example.at(service), str(example), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    async with asyncio.timeout(120):
        if (pending := eval(code, names)) is not None:
            await pending
    return names


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
async def test_the_client_finds_the_themes(service: LiveService, ai: AsyncReverie, page: str) -> None:
    made: dict[str, Any] = {"user_id": f"user of {page}", "memories": MEMORIES}
    for example in on_page(page, "python"):  # one after the other, as they are read
        made = await run(example, service, **made)
    assert len(made["result"].assignments) == len(MEMORIES)
    if "context" in made:
        assert "hazelnuts" in made["context"].text
        await made["user"].erase()


async def test_the_analysis_says_what_the_page_promises(service: LiveService, ai: AsyncReverie) -> None:
    (example,) = on_page("docs/analysis.md", "python")
    made = await run(example, service, ai=ai, user_id="analysed", memories=MEMORIES)
    insight = made["insight"]
    assert {"value", "weight", "contribution"} <= set(dict(next(iter(insight.importance[0].factors.values()))))


async def test_memories_are_kept_changed_and_forgotten(service: LiveService, ai: AsyncReverie) -> None:
    (example,) = on_page("docs/how-to/memories.md", "python")
    made = await run(example, service, ai=ai)
    assert made["receipt"].deleted == 1
    assert len([memory async for memory in ai.user("42").memories()]) == 2
    await ai.user("42").erase()


async def test_forgetting_a_user_gives_a_receipt(service: LiveService, ai: AsyncReverie) -> None:
    await (await ai.submit_clustering_task("forgotten", MEMORIES)).result(timeout=60)
    (example,) = on_page("docs/how-to/erase-a-user.md", "python")
    made = await run(example, service, ai=ai, user_id="forgotten")
    assert made["receipt"].tasks == 1


@pytest.mark.parametrize("page", ["docs/embedding.md", HTTP])
async def test_the_openai_client_gets_vectors(service: LiveService, page: str) -> None:
    (example,) = on_page(page, "python")
    made = await run(example, service, key=service.key, REVERIE_KEY=service.key)
    models = await asyncio.to_thread(made["client"].models.list)
    assert [model.id for model in models] == ["hash-256"]  # what really answers here, under the name that was asked for
    if "found" in made:
        assert len(made["found"].data) == 2
    made["client"].close()


async def test_the_bot_answers_and_falls_back_on_what_was_known(service: LiveService, ai: AsyncReverie) -> None:
    (example,) = on_page("docs/how-to/add-to-your-bot.md", "python")

    async def my_memories(user: str) -> list[Memory]:
        return MEMORIES

    bot = SimpleNamespace(ai=ai, tree=SimpleNamespace(command=lambda: lambda function: function))
    made = await run(example, service, bot=bot, commands=commands, discord=discord, my_memories=my_memories)
    deferred = asyncio.Event()

    async def defer() -> None:
        deferred.set()

    interaction = SimpleNamespace(user=SimpleNamespace(id=4242), response=SimpleNamespace(defer=defer))
    await made["themes"](interaction)
    assert deferred.is_set()
    assert len(ai.last_known("4242", "cluster").assignments) == len(MEMORIES)
    theirs = made["MyBot"]("!", intents=discord.Intents.none())
    await theirs.setup_hook()
    await theirs.close()


async def test_a_webhook_is_checked_as_the_page_says(service: LiveService) -> None:
    (example,) = on_page("docs/webhooks.md", "python")
    async with service.session() as session, Receiver() as receiver:
        async with session.get("/webhooks/secret") as answer:
            secret = (await answer.json())["secret"]
        wish = {"user_id": "hooked", "memories": TEXTS, "callback_url": receiver.url("hook")}
        async with session.post("/cluster/submit", json=wish) as answer:
            task = await answer.json()
        [message] = await receiver.wait("hook")
    made = await run(example, service, secret=secret, request_body=message.raw, request_headers=message.headers)
    shown = json.loads(on_page("docs/webhooks.md", "json")[0].text.replace("{…}", "{}"))
    assert set(made["event"]) == set(shown)
    assert set(shown["data"]) <= set(made["event"]["data"])
    assert (made["event"]["type"], made["event"]["data"]["id"]) == (shown["type"], task["id"])
    with pytest.raises(WebhookVerificationError):
        await run(example, service, secret=secret, request_body=message.raw + b" ", request_headers=message.headers)
