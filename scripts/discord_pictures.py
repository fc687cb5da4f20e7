"""Pictures of a whole conversation with the bot for docs/, from what it really sent.

Everything is as installed: `reverie up`, the shipped bot with the unmodified discord.py, against the local Discord of
`reverie.testing`. Its messages, embeds and PNG charts are drawn as Discord shows them, by a Chromium, dark and light,
wide and as wide as a phone.

    .venv/bin/python -m scripts.discord_pictures         (needs chromium; a CJK and an emoji font make it whole)
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from benchmarks.main import service
from PIL import Image
from playwright.sync_api import sync_playwright
from pydantic import SecretStr
from scripts._card import Step, page
from tests.browser.conftest import FLAGS, find_chromium

from reverie import AsyncReverie
from reverie.bot import BotSettings, MemoryBot
from reverie.charts import render
from reverie.testing.discord import FakeDiscord, Interaction, redirected

ROOT = Path(__file__).resolve().parent.parent
WIDE, PHONE = 620, 360


class Talk:
    """Mira and her bot; every step is kept as she saw it."""

    def __init__(self, discord: FakeDiscord) -> None:
        self.discord = discord
        self.mira = discord.add_user("Mira")
        self.guild = discord.add_guild("Climbers", users=[self.mira])
        self.steps: dict[str, Step] = {}
        self.message: dict[str, Any] = {}

    async def use(
        self, name: str, command: str, options: dict[str, Any] | None = None, *, pictured: bool = False, **more: Any
    ) -> None:
        """Use a command and keep its answer under ``name``; with ``pictured``, once its chart is there too."""
        told = f"/{command}" + "".join(f" {value}" for value in (options or {}).values())
        used = await self.discord.slash(command, options, user=self.mira, guild=self.guild, **more)
        if pictured:
            await self.discord.until(lambda: (self._answer(used) or {}).get("attachments"), timeout=180)
        await self._keep(name, told, used)

    async def press(self, name: str, label: str) -> None:
        """Press a button of the last message."""
        before = json.dumps(self.message)
        pressed = await self.discord.press(self.message, label, user=self.mira, guild=self.guild)
        await self.discord.acknowledged(pressed)
        await self.discord.until(lambda: json.dumps(self._answer(pressed)) not in (before, "null"), timeout=60)
        await self._keep(name, label, pressed)

    async def _keep(self, name: str, did: str, used: Interaction) -> None:
        self.message = await self.discord.until(lambda: self._answer(used), timeout=180)
        found = {a["filename"]: self.discord.file(a) for a in self.message["attachments"]}
        self.steps[name] = Step("Mira", did, json.loads(json.dumps(self.message)), found)

    def _answer(self, used: Interaction) -> dict[str, Any] | None:
        message = self.discord.messages.get(used.original_id or used.message_id or "")
        waits = message is None or message["flags"] & (1 << 7) or message["content"].startswith(("▰", "▱"))
        return None if waits else message


def told() -> list[tuple[str, datetime]]:
    """The demo's half year, moved to end yesterday."""
    rows = json.loads((files("reverie.gateway") / "static" / "demo.json").read_text(encoding="utf-8"))
    last = max(datetime.fromisoformat(row["created_at"]) for row in rows)
    shift = timedelta(days=(datetime.now(UTC) - timedelta(days=1) - last).days)
    return [(row["text"], datetime.fromisoformat(row["created_at"]) + shift) for row in rows]


async def talk(url: str, key: str, folder: Path) -> dict[str, Step]:
    """The conversation."""
    discord = FakeDiscord()
    with_mira = Talk(discord)
    settings = BotSettings(store=SecretStr(f"sqlite:///{folder / 'bot.sqlite3'}"), progress_seconds=0.5)  # type: ignore[call-arg]
    async with discord, AsyncReverie(url, key) as ai:
        with redirected(discord):
            bot = MemoryBot(settings, ai=ai, guild_ready_timeout=0.05)
            running = asyncio.create_task(bot.start(discord.token))
            await discord.until(lambda: discord.gateway.sessions, timeout=60)
            await bot.wait_until_ready()
            await with_mira.use("ask", "memory start")
            await with_mira.press("agreed", "I agree")
            for text, at in told():
                await bot.store.add(with_mira.mira["id"], text, created_at=at)
            await with_mira.use("remember", "remember", {"text": "Sent the yellow 6b today, *finally* 🎉"})
            # As on any other day: somebody has looked already.
            await (await ai.user(with_mira.mira["id"]).upkeep()).result(timeout=300)
            await with_mira.use("themes", "themes", pictured=True)
            await with_mira.use("themen", "themes", locale="de", pictured=True)
            await with_mira.use("insights", "insights", pictured=True)
            await with_mira.use("important", "important")
            await with_mira.use("recall", "recall", {"query": "when is the wedding?"})
            await with_mira.use("memories", "memories")
            await with_mira.use("privacy", "privacy")
            await with_mira.use("export", "export")
            await with_mira.use("forget", "forget everything")
            await with_mira.press("receipt", "Forget everything")
            await bot.close()
            await running
    return with_mira.steps


def scripts_chart(dark: bool, width: int) -> bytes:
    """A map whose labels need every kind of font. Labels come from memories, and people write as they like."""
    labels = [
        "日本旅行 · ラーメン",
        "🎸 guitar 🎉",
        "جدتي · بيروت",
        "한국어 수업",
        "🐈 cat Pixel",
        "中文 学习 👩‍🚀",
        "שיעור גיטרה",
    ]
    themes, places = [], []
    for n, label in enumerate(labels):
        ids = [f"{n}-{i}" for i in range(14)]
        themes.append({"id": str(n), "label": label, "keywords": [], "memory_ids": ids})
        for i, memory in enumerate(ids):
            x, y = n % 3 + 0.05 * (i % 4), n // 3 + 0.08 * (i // 4)
            places.append({"id": memory, "x": x + 0.02 * ((7 * i) % 5), "y": y + 0.02 * ((11 * i) % 7)})
    return render("map", {"themes": themes, "map": places, "unclustered": []}, {}, dark=dark, width=width, scale=2)


def draw(steps: dict[str, Step], out: Path) -> None:
    """Write the pictures."""
    pictures: list[tuple[str, Sequence[str], str, int]] = [
        ("bot-consent", ["ask", "agreed", "remember"], "dark", WIDE),
        ("bot-themes", ["themes"], "dark", WIDE),
        ("bot-insights", ["insights"], "light", WIDE),
        ("bot-important", ["important", "recall"], "dark", WIDE),
        ("bot-control", ["memories", "export", "forget", "receipt"], "light", WIDE),
        ("bot-phone", ["themes"], "dark", PHONE),
        ("bot-phone-light", ["insights"], "light", PHONE),
        ("bot-german", ["themen"], "light", PHONE),
        ("bot-privacy", ["privacy"], "dark", WIDE),
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        for name, chosen, look, width in pictures:
            sheet = browser.new_page(viewport={"width": width, "height": 400}, device_scale_factor=1.5)
            sheet.set_content(page([steps[step] for step in chosen], look))
            shot = Image.open(io.BytesIO(sheet.screenshot(full_page=True)))
            # A palette is enough for what is mostly paper and letters, and a third of the size.
            shot.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(out / f"{name}.png", optimize=True)
            sheet.close()
        browser.close()
    for dark in (False, True):
        (out / f"chart-scripts-{'dark' if dark else 'light'}.png").write_bytes(scripts_chart(dark, 480))


def main() -> None:
    """Talk and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "img")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="reverie-pictures-"))
    try:
        with service(folder / "data") as running:
            steps = asyncio.run(talk(running.url, running.api_key or "", folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    draw(steps, arguments.out)


if __name__ == "__main__":
    main()
