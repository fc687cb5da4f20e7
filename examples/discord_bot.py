"""A bot whose /themes never blocks it. Needs `reverie up`, DISCORD_TOKEN and pip install "reverie[discord]"."""

import os
from collections import defaultdict

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
memories: defaultdict[int, list[str]] = defaultdict(list)  # a real bot keeps these in a database, with consent


@tree.command(description="Remember a text of yours")
async def remember(interaction: discord.Interaction, text: str) -> None:
    memories[interaction.user.id].append(text)
    await interaction.response.send_message("Remembered.", ephemeral=True)


@tree.command(description="Group your memories into themes")
async def themes(interaction: discord.Interaction) -> None:
    async with thinking(interaction) as reply:
        task = await ai.submit_clustering_task(interaction.user.id, memories[interaction.user.id])
        await reply.answer(task, lambda found: {"content": "\n".join(t.label for t in found.themes) or "None yet."})


if __name__ == "__main__":
    client.run(os.environ["DISCORD_TOKEN"])
