"""A local Discord: REST and gateway on one loopback port, for testing real bots with an unmodified library.

It enforces what makes bots fail in production: the 3 s acknowledgement (10062), double acknowledgement (40060), the
15-minute interaction token, limits of embeds, files and choices, rate limits, permissions, and the gateway's
heartbeats (4009), intents (4014), resume and shards.

    async with FakeDiscord() as discord_server:
        with redirected(discord_server):
            await bot.start(discord_server.token)
"""

from reverie.testing.discord.payloads import ApiError
from reverie.testing.discord.records import Interaction
from reverie.testing.discord.redirect import redirected
from reverie.testing.discord.server import FakeDiscord

__all__ = ["ApiError", "FakeDiscord", "Interaction", "redirected"]
