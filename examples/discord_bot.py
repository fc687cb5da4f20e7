"""A bot whose /themes never blocks it. Needs `reverie up`, DISCORD_TOKEN and pip install "reverie[discord]"."""

import os

import discord
from discord import app_commands

from reverie import AsyncReverie
from reverie.integrations.discord import thinking


class Bot(discord.Client):
    async def setup_hook(self) -> None:
        await tree.sync()


client = Bot(intents=discord.Intents.none())
tree = app_commands.CommandTree(client)
ai = AsyncReverie()


@tree.command(description="Remember a text of yours")
async def remember(interaction: discord.Interaction, text: str) -> None:
    async with thinking(interaction) as reply:  # a real bot asks for consent first
        await ai.user(interaction.user.id).remember(text)
        await reply.edit(content="Remembered.")


@tree.command(description="Group your memories into themes")
async def themes(interaction: discord.Interaction) -> None:
    async with thinking(interaction) as reply:
        task = await ai.submit_clustering_task(interaction.user.id)
        await reply.answer(task, lambda found: {"content": "\n".join(t.label for t in found.themes) or "None yet."})


if __name__ == "__main__":
    client.run(os.environ["DISCORD_TOKEN"])
