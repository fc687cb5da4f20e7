"""Stored memories by theme: listed and deleted by the themes of the current view."""

from __future__ import annotations

from reverie import AsyncReverie
from tests.live import LiveService

CLIMBING = [f"rock climbing at the gym wall number {n}" for n in range(8)]
CATS = [f"the cat sleeps on the sofa, night {n}" for n in range(8)]


async def test_memories_are_listed_and_deleted_by_the_themes_of_the_view(service: LiveService) -> None:
    async with AsyncReverie(service.url, service.key) as ai:
        user = ai.user("by/theme")
        await user.set_settings(upkeep="manual")
        await user.remember_many([*CLIMBING, *CATS])
        await (await user.upkeep()).result(timeout=60)
        view = await user.themes()
        assert view.version == 1
        assert view.stale is None
        assert len(view.themes) == 2
        climbing = next(t for t in view.themes if "climb" in t.label.lower() or "rock" in t.label.lower())
        assert {m.text async for m in user.memories(theme=climbing.id)} == set(CLIMBING)
        assert [m async for m in user.memories(theme="nobody")] == []
        assert (await user.forget_many(theme=climbing.id)).deleted == len(CLIMBING)
        assert {m.text async for m in user.memories()} == set(CATS)
        left = await user.themes()
        assert climbing.id not in {t.id for t in left.themes if t.size}, "gone from the view at once"
        assert left.stale is not None
        assert left.stale.changes == len(CLIMBING)
        await user.erase()
