"""The bot with a real gateway and worker behind it: nothing here answers for the service but the service."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from reverie import AsyncReverie
from tests.bot.conftest import Stage
from tests.live import LiveService

_CAT = [f"my grey cat {name} sleeps on the warm sofa cushion" for name in ("amber", "birch", "cedar", "elm", "fern")]
_WALL = [f"climbing boulder wall {name} chalk rope gym evening" for name in ("amber", "birch", "cedar", "elm", "fern")]


@pytest.fixture
async def real(stage: Stage, service: LiveService) -> AsyncIterator[Stage]:
    """Alice, who has agreed, and the bot on the real service; the fake one is never asked."""
    stage.ai = AsyncReverie(service.url, service.key)
    await stage.begin()
    await stage.agree()
    yield stage
    assert not stage.service.tasks
    assert not stage.service.stored(stage.alice["id"])


async def test_what_is_remembered_becomes_themes_is_recalled_and_forgotten(real: Stage, service: LiveService) -> None:
    await real.remember(*(text for pair in zip(_CAT, _WALL, strict=True) for text in pair))
    kept = service.rows("SELECT id FROM memories")
    assert len(kept) == 10

    used = await real.slash("themes")
    message = await real.discord.reply_with(used, "cat")
    names = [field["name"] for field in message["embeds"][0]["fields"]]
    assert sorted(name.rsplit(" · ", 1)[1] for name in names) == ["5", "5"]
    assert "2 themes in 10 memories" in message["embeds"][0]["description"]
    (attachment,) = (await real.pictured(used))["attachments"]
    assert real.discord.file(attachment).startswith(b"\x89PNG")

    found = await real.discord.reply_with(await real.slash("recall", {"query": "climbing gym"}), "boulder")
    assert "sofa" not in str(found["embeds"][0])

    # Another person's question never meets them.
    await real.agree(real.bob)
    nothing = await real.ask("recall", {"query": "climbing gym"}, user=real.bob)
    assert "boulder" not in str(nothing)

    await real.press(await real.ask("forget everything"), "Forget everything")
    await real.discord.until(lambda: not service.rows("SELECT id FROM memories"))
