"""The official client of the Model Context Protocol against ``reverie mcp`` and the gateway's ``/mcp``."""

from __future__ import annotations

import json
import sys
from typing import Any

import httpx
import pytest
from mcp.client.streamable_http import streamable_http_client

from mcp import ClientSession, StdioServerParameters, stdio_client
from reverie.client import AsyncReverie
from reverie.store import KeyStore
from tests.live import LiveService

NAMES = {"remember", "recall", "context", "themes", "insights", "forget"}


def stdio(service: LiveService, *arguments: str) -> StdioServerParameters:
    environment = {**service.environment, "REVERIE_URL": service.url, "REVERIE_API_KEY": service.key}
    return StdioServerParameters(command=sys.executable, args=["-m", "reverie", "mcp", *arguments], env=environment)


def content(result: Any) -> dict[str, Any]:
    assert not result.is_error, result.content
    found: dict[str, Any] = result.structured_content
    return found


async def test_an_agent_over_stdio_remembers_and_recalls(service: LiveService) -> None:
    async with stdio_client(stdio(service, "--user", "42")) as streams, ClientSession(*streams) as session:
        await session.initialize()
        tools = (await session.list_tools()).tools
        assert {tool.name for tool in tools} == NAMES
        for tool in tools:
            assert len(tool.description or "") > 60, tool.name
            assert all("description" in json.dumps(field) for field in tool.input_schema["properties"].values())
        hints = {tool.name: tool.annotations for tool in tools}
        assert hints["recall"].read_only_hint is True
        assert hints["forget"].destructive_hint is True
        kept = content(await session.call_tool("remember", {"text": "I am allergic to hazelnuts"}))
        await session.call_tool("remember", {"text": "The gym closes at nine"})
        found = content(await session.call_tool("recall", {"question": "allergic to hazelnuts"}))
        assert found["memories"][0]["memory_id"] == kept["memory_id"]
        gone = content(await session.call_tool("forget", {"memory_id": kept["memory_id"]}))
        assert gone["deleted"] == 1
        after = content(await session.call_tool("recall", {"question": "allergic to hazelnuts"}))
        assert kept["memory_id"] not in [memory["memory_id"] for memory in after["memories"]]


async def test_bad_input_is_a_tool_error_that_says_what_to_do(service: LiveService) -> None:
    async with stdio_client(stdio(service)) as streams, ClientSession(*streams) as session:
        await session.initialize()
        for tool, arguments, words in (
            ("remember", {"text": "hello"}, "Whose memories?"),
            ("forget", {"user_id": "u"}, "everything=true"),
            ("themes", {"user_id": "nobody-yet"}, "refresh=true"),
            ("remember", {"user_id": "u", "text": "x", "created_at": "yesterday"}, "created_at"),
        ):
            result = await session.call_tool(tool, arguments)
            assert result.is_error, tool
            assert words in str(result.content), (tool, result.content)


async def test_an_id_of_digits_may_come_as_a_number(service: LiveService) -> None:
    async with stdio_client(stdio(service)) as streams, ClientSession(*streams) as session:
        await session.initialize()
        (remember,) = [tool for tool in (await session.list_tools()).tools if tool.name == "remember"]
        assert {"type": "integer"} not in remember.input_schema["properties"]["user_id"]["anyOf"]
        kept = content(await session.call_tool("remember", {"user_id": 900719925474099267, "text": "green tea"}))
        async with AsyncReverie(service.url, service.key) as ai:
            assert (await ai.user("900719925474099267").memory(kept["memory_id"])).text == "green tea"


async def test_a_server_for_one_user_refuses_others(service: LiveService) -> None:
    async with stdio_client(stdio(service, "--user", "42")) as streams, ClientSession(*streams) as session:
        await session.initialize()
        result = await session.call_tool("recall", {"user_id": "43", "question": "anything"})
        assert result.is_error
        assert "'42' alone" in str(result.content)


async def test_the_gateway_serves_the_same_tools_to_the_callers_key(service: LiveService) -> None:
    key = KeyStore(service.database_url).create("agent", tenant="agents", scopes=("submit", "read", "erase"))
    async with (
        httpx_session(service, key) as http,
        streamable_http_client(f"{service.url}/mcp", http_client=http) as streams,
        ClientSession(streams[0], streams[1]) as session,
    ):
        await session.initialize()
        assert {tool.name for tool in (await session.list_tools()).tools} == NAMES
        for text in ("the cat sleeps", "the cat eats", "the cat plays", "green tea", "black tea", "white tea"):
            await session.call_tool("remember", {"user_id": "u", "text": text})
        told: list[float] = []

        async def progress(done: float, total: float | None, message: str | None) -> None:
            told.append(done)

        view = content(await session.call_tool("themes", {"user_id": "u", "refresh": True}, progress_callback=progress))
        assert view["stale_changes"] == 0
        assert told == sorted(told)
        insight = content(await session.call_tool("insights", {"user_id": "u"}))
        assert insight["worth_keeping"]
        erased = content(await session.call_tool("forget", {"user_id": "u", "everything": True}))
        assert erased["deleted"] == 6


def httpx_session(service: LiveService, key: str) -> Any:
    from mcp.shared._httpx_utils import create_mcp_http_client

    return create_mcp_http_client(headers={"Authorization": f"Bearer {key}"})


@pytest.mark.parametrize("key", ["", "Basic x", "Bearer nobody"])
def test_without_a_key_nothing_is_served(service: LiveService, key: str) -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    headers = {"authorization": key, "accept": "application/json, text/event-stream"}
    answer = httpx.post(f"{service.url}/mcp", json=call, headers=headers, timeout=60)
    assert answer.status_code == 401
    assert answer.json()["type"].endswith("/unauthorized")
