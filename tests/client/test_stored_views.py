"""The SDK's handle on stored memories against the real service: what is computed from them."""

from __future__ import annotations

from reverie import AsyncReverie
from tests.live import LiveService

TEXTS = [f"climbing at the hall number {n}" for n in range(8)] + [f"the cat ate fish {n}" for n in range(8)]


async def test_stored_memories_are_themed_analysed_and_recalled(service: LiveService) -> None:
    async with AsyncReverie(service.url, service.key, timeout=60) as ai:
        user = ai.user("views/of ü")
        await user.remember_many([{"id": str(number), "text": text} for number, text in enumerate(TEXTS)])
        brought = await (await user.upkeep()).result(timeout=60)
        assert brought.memories == 16
        themes = await user.themes()
        assert sum(theme.size for theme in themes.themes) + len(themes.unclustered) == 16
        insights = await user.insights()
        assert len(insights.importance) == 16
        assert themes.version == insights.version == brought.version
        found = await user.recall("climbing hall", top=2)
        assert [("climbing" in memory.text) for memory in found.memories] == [True, True]
