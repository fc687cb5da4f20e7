"""Running the bot as a process."""

from __future__ import annotations

import asyncio
import contextlib
import signal

import discord
from pydantic import SecretStr

from reverie import AsyncReverie
from reverie.bot.client import MemoryBot
from reverie.bot.settings import BotSettings, read_token
from reverie.errors import StartupError

__all__ = ["main", "serve"]


def main(url: str | None = None, store: str | None = None) -> int:
    """Run until SIGTERM or Ctrl-C. Raises ``StartupError`` when the bot cannot start."""
    token = read_token()
    settings = BotSettings()  # type: ignore[call-arg]
    if store:
        settings = settings.model_copy(update={"store": SecretStr(store)})
    discord.utils.setup_logging()
    asyncio.run(serve(settings, token, url))
    return 0


async def serve(settings: BotSettings, token: str, url: str | None = None) -> None:
    """Log in and run until the process is asked to stop."""
    bot = MemoryBot(settings, ai=AsyncReverie(url))
    loop = asyncio.get_running_loop()
    running = asyncio.ensure_future(bot.start(token))
    for signum in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(signum, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        pass
    except discord.LoginFailure as error:
        raise StartupError("Discord does not accept the token; look at DISCORD_TOKEN.") from error
    except discord.PrivilegedIntentsRequired as error:
        raise StartupError(
            "Discord refuses an intent. REVERIE_BOT_COLLECT needs the message content intent and "
            "REVERIE_BOT_WATCH_MEMBERS the server members intent: switch them on in the developer portal, or these off."
        ) from error
    finally:
        if not bot.is_closed():
            await bot.close()
