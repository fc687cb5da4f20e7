"""What one gateway accepts is told to the listeners of all others, one by one or many at once."""

from __future__ import annotations

import asyncio
import json

from tests.live import LiveService


async def test_a_burst_is_told_to_the_listeners_of_other_gateways(database_url: str, redis_url: str) -> None:
    # Without a worker, the only events are those of the gateway that accepts.
    with LiveService(database_url, redis_url, gateways=2, workers={}) as live:
        other = f"http://127.0.0.1:{live.ports[1]}"
        async with live.session() as session, session.ws_connect(f"{other}/results?user_id=burst") as socket:
            async with asyncio.timeout(60):
                while (await (await session.get(f"{other}/readyz")).json())["checks"]["events"] != "ok":
                    await asyncio.sleep(0.05)

            async def submit(name: str) -> str:
                body = {"user_id": "burst", "memories": [name, "x"]}
                async with session.post("/cluster/submit", json=body) as answer:
                    assert answer.status == 202
                    return str((await answer.json())["id"])

            ids: set[str] = set()
            for count in (1, 40, 80):
                ids |= set(await asyncio.gather(*(submit(f"{count} {number}") for number in range(count))))
            told = set()
            async with asyncio.timeout(60):
                while told != ids:
                    event = json.loads((await socket.receive()).data)
                    assert event["type"] == "queued"
                    told.add(event["task_id"])
