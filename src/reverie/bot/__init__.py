"""The Discord bot: memories that people own, insight that only they see. Start it with ``reverie bot``."""

from reverie.bot.client import MemoryBot
from reverie.bot.settings import BotSettings, read_token

__all__ = ["BotSettings", "MemoryBot", "read_token"]
