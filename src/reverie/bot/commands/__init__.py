"""The slash commands, by what they are about. Each module has ``register(bot)``."""

from reverie.bot.commands import capture, control, insight, pages

__all__ = ["MODULES"]

MODULES = (capture, insight, pages, control)
