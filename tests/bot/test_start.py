"""Starting the bot: token, settings, commands, languages, shards."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path
from string import Formatter

import pytest
from pydantic import SecretStr

import reverie.bot
from reverie.bot import BotSettings, read_token
from reverie.bot.runner import serve
from reverie.bot.texts import LANGUAGES, read, texts_for
from reverie.errors import StartupError
from tests.bot.conftest import Stage


def test_the_token_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file\n")
    assert read_token({"DISCORD_TOKEN": " plain "}) == "plain"
    assert read_token({"REVERIE_DISCORD_TOKEN": "ours"}) == "ours"
    assert read_token({"DISCORD_TOKEN_FILE": str(tmp_path / "token")}) == "from-a-file"
    assert read_token({"REVERIE_DISCORD_TOKEN_FILE": str(tmp_path / "token")}) == "from-a-file"
    for wrong in ({}, {"DISCORD_TOKEN": ""}, {"DISCORD_TOKEN_FILE": str(tmp_path / "nowhere")}):
        with pytest.raises(StartupError, match="DISCORD_TOKEN"):
            read_token(wrong)


def test_the_command_without_a_token_says_what_to_set(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "reverie", "bot"],
        capture_output=True,
        text=True,
        env={"PATH": "", "HOME": str(tmp_path)},
    )
    assert ran.returncode == 1
    assert "set DISCORD_TOKEN" in ran.stderr
    assert "Traceback" not in ran.stderr


async def test_a_wrong_token_is_told_as_such(stage: Stage) -> None:
    await stage.begin()
    settings = BotSettings(store=SecretStr(f"sqlite:///{stage.folder / 'other.sqlite3'}"))
    with pytest.raises(StartupError, match="does not accept the token"):
        await serve(settings, "wrong", stage.service.url)


async def test_a_refused_intent_is_told_with_its_setting(stage: Stage) -> None:
    stage.discord.privileged_intents = 0
    await stage.begin()
    settings = BotSettings(store=SecretStr(f"sqlite:///{stage.folder / 'other.sqlite3'}"), collect=True)
    with pytest.raises(StartupError, match="REVERIE_BOT_COLLECT"):
        await serve(settings, stage.discord.token, stage.service.url)


async def test_every_command_is_registered_with_all_languages(stage: Stage) -> None:
    await stage.begin()
    registered = {command["name"]: command for command in stage.discord.commands[None]}
    assert set(registered) == {
        "memory", "memory-channel", "remember", "Remember this", "themes", "insights", "important", "recall",
        "memories", "forget", "export", "privacy",
    }  # fmt: skip
    assert registered["themes"]["description_localizations"]["de"].startswith("Deine Erinnerungen")
    assert registered["Remember this"]["name_localizations"]["de"] == "Das merken"
    assert registered["themes"]["description_localizations"].keys() == {"de", "es-ES", "es-419", "fr"}
    assert registered["memory-channel"]["default_member_permissions"] == 1 << 5
    assert [option["name"] for option in registered["forget"]["options"]] == ["one", "theme", "everything"]


def test_all_languages_have_the_same_texts_with_the_same_places() -> None:
    english, *others = (read(language) for language in LANGUAGES)

    def places(text: str) -> set[str | None]:
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    for other in others:
        assert other.keys() == english.keys()
        for key, text in english.items():
            assert places(other[key]) == places(text), key


def test_every_text_that_the_code_names_exists_and_none_is_left_over() -> None:
    source = "\n".join(path.read_text() for path in Path(reverie.bot.__file__).parent.rglob("*.py"))
    counted = {key.removesuffix(".other") for key in read("en") if key.endswith(".other")}
    known = counted | {key for key in read("en") if key.rsplit(".", 1)[0] not in counted}
    quoted = set(re.findall(r"[\"']([a-z_-]+(?:\.[a-z_-]+)*)[\"']", source))
    commands = set(re.findall(r'described\("([a-z.-]+)"\)', source))
    said = (quoted - (commands - known)) | {f"command.{name}" for name in commands}
    topics = {key.split(".")[0] for key in known}
    for key in said:
        assert key in known or "." not in key or key.split(".")[0] not in topics, f"{key} has no text"
    built = ("wait.", "pattern.", "memories.source.", "factor.")
    for key in known:
        assert key in said or key.startswith(built), f"{key} is said nowhere"


def test_a_language_that_is_missing_falls_back_to_english() -> None:
    assert texts_for("pt-BR").language == "en"
    assert texts_for("es-419").language == "es"
    assert texts_for("de").language == "de"
    assert texts_for("en-GB")("memories.back") == "Back"
    assert texts_for("de").count("themes.memories", 1) == "1 Erinnerung"


def test_numbers_are_written_as_in_the_language() -> None:
    assert texts_for("en-US").count("themes.memories", 1234) == "1,234 memories"
    assert texts_for("de").count("themes.memories", 1234) == "1.234 Erinnerungen"
    assert texts_for("es-ES").count("themes.memories", 1234) == "1.234 recuerdos"
    assert texts_for("fr").count("themes.memories", 1234) == "1\u202f234 souvenirs"
    assert texts_for("fr").count("themes.memories", 0) == "0 souvenir"


def test_command_texts_keep_within_discords_limits() -> None:
    for language in LANGUAGES:
        for key, text in read(language).items():
            assert not key.startswith("command.") or len(text) <= 100, (language, key)


async def test_two_shards_in_two_processes_share_the_store_and_the_service(stage: Stage) -> None:
    for _ in range(40):
        # Guild ids decide the shard; guilds are added until both shards have one.
        if {(int(guild) >> 22) % 2 for guild in stage.discord.guilds} == {0, 1}:
            break
        await asyncio.sleep(0.002)
        stage.discord.add_guild(users=[stage.alice])
    first, second = (next(g for i, g in stage.discord.guilds.items() if (int(i) >> 22) % 2 == n) for n in (0, 1))
    await stage.begin(shard_count=2, shard_ids=[0])
    other = stage.make_bot(shard_count=2, shard_ids=[1])
    running = asyncio.create_task(other.start(stage.discord.token))
    await stage.discord.until(lambda: len(stage.discord.gateway.sessions) == 2)
    await other.wait_until_ready()

    stage.guild = first
    await stage.agree()
    await stage.remember("guitar lesson", "guitar strings")
    used = await stage.discord.slash("recall", {"query": "lesson"}, user=stage.alice, guild=second)
    await stage.discord.reply_with(used, "guitar lesson")
    # The first process stops while it owes a reply; the second leaves that reply to it.
    stage.service.hold()
    owed = await stage.discord.slash("themes", user=stage.alice, guild=first)
    await stage.service.submitted()
    await stage.bot_owes(1)
    await stage.stop_bot()
    assert await other.replies.resume(other.serves) == 0
    stage.service.release()
    await stage.start_bot(shard_count=2, shard_ids=[0])
    await stage.discord.reply_with(owed, "guitar")
    await other.close()
    await asyncio.wait({running})
