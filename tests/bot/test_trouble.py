"""When Discord, the service or the bot's own process is in trouble."""

from __future__ import annotations

import asyncio
import json

from reverie.testing.discord import ApiError
from reverie.testing.discord.sockets import Gateway
from tests.bot.conftest import Stage

_TEXTS = ("guitar lesson on monday", "new guitar strings", "bread in the oven", "bread with seeds")


async def test_a_late_acknowledgement_is_refused_and_nothing_is_submitted(live: Stage) -> None:
    await live.remember(*_TEXTS)
    live.discord.ack_deadline = 0.0
    used = await live.slash("themes")
    await live.discord.until(lambda: used.late_after)
    live.discord.ack_deadline = 60.0
    await live.discord.reply_with(await live.slash("recall", {"query": "guitar"}), "guitar lesson")
    assert live.service.tasks == {}
    assert used.acked_after is None


async def test_after_a_reconnect_the_session_is_resumed_and_no_event_is_lost(live: Stage) -> None:
    await live.remember(*_TEXTS)
    await live.discord.gateway.cut()
    # Sent while the bot is not connected: it is replayed with the resume.
    used = await live.slash("themes")
    await live.discord.reply_with(used, "guitar")
    assert live.discord.gateway.resumes == 1


async def test_reconnect_requests_of_discord_are_followed(live: Stage) -> None:
    await live.discord.gateway.disconnect()
    await live.discord.until(lambda: live.discord.gateway.resumes)
    await live.remember("still here")


async def test_a_rate_limit_delays_the_answer_and_does_not_lose_it(live: Stage) -> None:
    await live.remember(*_TEXTS)
    headers = {"Retry-After": "0.05", "X-RateLimit-Bucket": "local", "X-RateLimit-Remaining": "0",
               "X-RateLimit-Limit": "5", "X-RateLimit-Reset-After": "0.05", "Via": "1.1 fake"}  # fmt: skip
    live.service.hold()
    used = await live.slash("themes")
    await live.service.submitted()
    live.discord.rest.fail_next = [ApiError(429, 0, "You are being rate limited.", headers=headers) for _ in range(2)]
    live.service.release()
    await live.discord.reply_with(used, "guitar")
    assert [status for _, _, status in live.discord.rest.calls].count(429) == 2


async def test_many_progress_events_cost_few_edits(stage: Stage) -> None:
    await stage.begin(progress_seconds=30.0)
    await stage.agree()
    await stage.remember(*_TEXTS)
    stage.service.hold()
    used = await stage.slash("themes")
    (task,) = await stage.service.submitted()
    for percent in range(100):
        stage.service.push_progress(task, "embedding", percent / 100)
    stage.service.release()
    await stage.discord.reply_with(used, "guitar")
    # That the view is being made, progress once, and the answer.
    assert len(used.edits) <= 3


async def test_while_the_service_is_away_the_last_known_answer_is_shown(live: Stage) -> None:
    await live.remember(*_TEXTS)
    await live.discord.reply_with(await live.slash("themes"), "guitar")
    await live.service.stop()
    message = await live.ask("themes")
    assert "does not answer right now" in message["content"]
    assert "last knew, <t:" in message["content"]
    assert [field["name"] for field in message["embeds"][0]["fields"]] == ["guitar · 2", "bread · 2"]
    message = await live.ask("insights")
    assert "no earlier answer" in message["content"]
    assert message["embeds"] == []


async def test_while_the_service_is_away_nothing_that_is_said_is_lost(live: Stage) -> None:
    await live.remember("before the outage")
    await live.service.stop()
    message = await live.ask("remember", {"text": "during the outage"})
    assert "Remembered. You have 2 memories." in message["content"]
    assert "waits here" in message["content"]
    (doomed,) = [memory["id"] for memory in live.kept()]
    assert (await live.ask("forget one", {"memory": doomed}))["content"] == "Forgotten."
    for command, options in (("recall", {"query": "outage"}), ("memories", None), ("themes", None)):
        assert "does not answer right now" in (await live.ask(command, options))["content"]
    message = await live.discord.reply_with(await live.slash("export"), "service does not answer")
    content = json.loads(live.discord.file(message["attachments"][0]))
    assert [memory["text"] for memory in content["waiting"]] == ["during the outage"]
    await live.stop_bot()
    await live.service.start()
    await live.start_bot()
    await live.service.until(lambda: live.texts() == ["during the outage"])


async def test_an_outage_in_the_middle_of_a_task_is_survived(live: Stage) -> None:
    await live.remember(*_TEXTS)
    live.service.hold()
    used = await live.slash("themes")
    await live.service.submitted()
    await live.service.stop()
    await live.service.start()
    live.service.release()
    await live.discord.reply_with(used, "guitar")


async def test_a_failed_task_is_told_kindly(live: Stage) -> None:
    await live.remember(*_TEXTS)
    live.service.hold()
    used = await live.slash("themes")
    (task,) = await live.service.submitted()
    live.service.fail(task)
    message = await live.discord.reply_with(used, "did not work out")
    assert "crashed" not in message["content"]


async def test_a_busy_service_says_when_to_come_back(live: Stage) -> None:
    await live.remember(*_TEXTS)
    live.service.refuse_next = [(429, {"title": "Too many requests", "status": 429})]
    await live.discord.reply_with(await live.slash("themes"), "Very busy just now. Please try again <t:")


async def test_after_a_restart_the_reply_that_was_owed_is_given(live: Stage) -> None:
    await live.remember(*_TEXTS)
    live.service.hold()
    used = await live.slash("themes")
    await live.service.submitted()
    await live.bot_owes(1)
    await live.stop_bot()
    live.service.release()
    assert live.discord.messages[used.original_id or ""]["embeds"] == []
    await live.start_bot()
    await live.discord.reply_with(used, "guitar")
    await live.bot_owes(0)


async def test_beyond_the_life_of_the_reply_the_answer_comes_as_a_direct_message(stage: Stage) -> None:
    await stage.begin(reply_seconds=0.2)
    await stage.agree()
    await stage.remember(*_TEXTS)
    stage.service.hold()
    used = await stage.slash("themes")
    await stage.discord.reply_with(used, "direct message")
    stage.service.release()
    (message,) = await stage.discord.until(lambda: stage.discord.direct_messages(stage.alice))
    assert message["embeds"][0]["title"] == "Your themes"
    assert message["attachments"][0]["filename"] == "map.png"
    assert message["allowed_mentions"] == {"parse": []}
    assert stage.discord.direct_messages(stage.bob) == []


async def test_an_expired_token_after_a_restart_becomes_a_direct_message(live: Stage) -> None:
    await live.remember(*_TEXTS)
    live.service.hold()
    await live.slash("themes")
    await live.service.submitted()
    await live.bot_owes(1)
    await live.stop_bot()
    live.discord.token_lifetime = 0.0
    live.service.release()
    await live.start_bot()
    (message,) = await live.discord.until(lambda: live.discord.direct_messages(live.alice))
    assert message["embeds"][0]["title"] == "Your themes"


async def test_a_person_who_takes_no_direct_messages_finds_the_answer_later(stage: Stage) -> None:
    await stage.begin(reply_seconds=0.2)
    await stage.agree()
    await stage.remember(*_TEXTS)
    stage.discord.no_direct.add(stage.alice["id"])
    stage.service.hold()
    used = await stage.slash("themes")
    await stage.discord.reply_with(used, "direct message")
    stage.service.release()
    await stage.bot_owes(0)
    assert await stage.bot.store.answer(stage.alice["id"], "themes")


async def test_heartbeats_go_on_while_commands_are_answered(stage: Stage) -> None:
    # Silence of 3 s closes: a machine that stands still for a moment is not a bot that is held up.
    stage.discord.gateway = Gateway(stage.discord, heartbeat_ms=150, grace=20.0)
    await stage.begin()
    await stage.agree()
    seen = len(stage.discord.gateway.heartbeats)
    while len(stage.discord.gateway.heartbeats) < seen + 4:
        await asyncio.gather(*(stage.ask("privacy") for _ in range(5)))
    assert stage.discord.gateway.closes == []
