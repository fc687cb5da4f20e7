"""``reverie demo``: the main job on the memories of three invented people."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from reverie.cli._arguments import add_service_options
from reverie.cli._extras import needed

if TYPE_CHECKING:
    from reverie.cli._service import Reached
    from reverie.contracts import AnalyzeResult, ClusterResult, Memory, Task
    from reverie.demo import Person

__all__ = ["add_parser", "run"]

_BY_ITSELF = 15.0
"""Seconds that the demo waits for a view to become current by itself."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser("demo", help="see it work on 300 sample memories, everything embedded")
    parser.add_argument("--json", action="store_true", help="print all results as JSON")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.add_argument("--keep", action="store_true", help="leave it running afterwards, with the dashboard")
    add_service_options(parser)
    parser.set_defaults(run=run, embedded=False)


def run(arguments: argparse.Namespace) -> int:
    """Start, submit, follow, show, say what is next."""
    with needed("cli", "reverie demo"):
        import rich  # noqa: F401 - here, so that a missing package is reported before anything starts
    from reverie.cli._service import reach, say
    from reverie.demo import PEOPLE

    if not arguments.json:
        for person in PEOPLE:
            say(f"  {person.name:<6} {person.about}")
    # A service that is started for this command alone need not wait for half a minute of quiet.
    os.environ.setdefault("REVERIE_UPKEEP_QUIET", "1")
    started = time.perf_counter()
    with reach(arguments, quiet=True) as reached:
        if reached.embedded is not None and not arguments.quiet:
            say(f"PostgreSQL, Valkey and the gateway are up after {time.perf_counter() - started:.1f} s.")
        reached.run(_demo(reached, arguments))
        if arguments.keep and reached.embedded is not None:
            say(f"\nIt keeps running: {reached.url}  (key in {reached.embedded.data_dir / 'key'}; Ctrl-C stops it)")
            reached.run(_until_interrupted())
    return 0


async def _until_interrupted() -> None:
    await asyncio.Event().wait()


async def _demo(reached: Reached, arguments: argparse.Namespace) -> None:
    from rich.console import Console

    from reverie.cli._follow import board, follow
    from reverie.cli._show import show_analysis, show_themes
    from reverie.demo import PEOPLE, load

    memories = {person.id: load(person.id) for person in PEOPLE}
    progress = Console(stderr=True, highlight=False)
    out = Console(highlight=False)

    async with reached.client() as client:
        with board(progress, quiet=arguments.quiet) as shown:

            async def work(person: Person) -> tuple[ClusterResult, Task, float]:
                started = time.perf_counter()
                task = await client.submit_clustering_task(f"demo-{person.id}", memories[person.id])
                await follow(task, person.name, shown)
                result: ClusterResult = await task.result(timeout=120)
                return result, task.task, time.perf_counter() - started

            answers = await asyncio.gather(*(work(person) for person in PEOPLE))
            first = PEOPLE[0]
            started = time.perf_counter()
            task = await client.submit_analysis_task(
                f"demo-{first.id}", memories[first.id], now=memories[first.id][-1].created_at
            )
            await follow(task, "analysis", shown)
            insight: AnalyzeResult = await task.result(timeout=120)
            seconds = time.perf_counter() - started
        if arguments.json:
            _as_json(answers, insight)
            return
        for person, (result, done, took) in zip(PEOPLE, answers, strict=True):
            out.print()
            show_themes(out, person.name, memories[person.id], result, done, took)
        out.print()
        show_analysis(out, f"{first.name}, analysed:", memories[first.id], insight, task.task, seconds, top=3)
        out.print()
        await _changed(client, memories, out, PEOPLE[0])
        out.print()
        await _kept(client, memories[first.id], out, first)
        _next(out, reached)


async def _changed(client: Any, memories: dict[str, list[Memory]], out: Any, person: Person) -> None:
    """One memory more: what is known is not computed again, and themes keep their ids."""
    from reverie.contracts import Memory

    more = Memory(id=f"{person.id}-new", text="Climbed the red route at the hall with Jule, at last!")
    started = time.perf_counter()
    task = await client.submit_clustering_task(f"demo-{person.id}", [*memories[person.id], more])
    result = await task.result(timeout=120)
    took = time.perf_counter() - started
    theme = next((t.label for t in result.themes if more.id in t.memory_ids), "none")
    answer = f"answered in {took * 1000:.0f} ms, " if took < 1 else f"answered in {took:.1f} s, "
    out.print(f"One memory added to {person.name}'s: {answer}it joined “{theme}”.")
    started = time.perf_counter()
    await (await client.submit_clustering_task(f"demo-{person.id}", [*memories[person.id], more])).result(timeout=120)
    out.print(f"The same again: {(time.perf_counter() - started) * 1000:.0f} ms, from the cache.")


async def _kept(client: Any, memories: list[Memory], out: Any, person: Person) -> None:
    """Memories that live in the service: sent once, grouped by themselves, a further one placed at once."""
    from reverie.errors import NotFound

    user = client.user(f"demo-{person.id}-kept")
    started = time.perf_counter()
    added = await user.remember_many(memories)
    out.print(f"{person.name}'s {len(added.ids)} memories, kept in Reverie: {time.perf_counter() - started:.2f} s.")
    started = time.perf_counter()
    view = None
    while view is None or view.version < added.version:
        if time.perf_counter() - started > _BY_ITSELF:  # this service waits longer than a demo may
            await (await user.upkeep()).result(timeout=60)
        await asyncio.sleep(0.1)
        try:
            view = await user.themes()
        except NotFound:
            continue
    themes = ", ".join(f"“{theme.label}”" for theme in view.themes[:3])
    out.print(
        f"Nothing was asked for, and {time.perf_counter() - started:.1f} s later the view was current: "
        f"{len(view.themes)} themes, {themes} ..."
    )
    started = time.perf_counter()
    kept = await user.remember("Climbed the blue route at the hall with Jule.", id=f"{person.id}-blue")
    theme_id = None
    while theme_id is None and time.perf_counter() - started < 5:
        await asyncio.sleep(0.02)
        shown = await user.themes()
        theme_id = shown.assignments.get(kept.memory.id)
    label = next((theme.label for theme in shown.themes if theme.id == theme_id), "no theme")
    out.print(f"One memory more, and {(time.perf_counter() - started) * 1000:.0f} ms later it is in “{label}”.")


def _as_json(answers: list[tuple[ClusterResult, Task, float]], insight: AnalyzeResult) -> None:
    from reverie.demo import PEOPLE

    people = {
        person.id: {"task_id": task.id, "seconds": round(took, 3), "result": result.model_dump(mode="json")}
        for person, (result, task, took) in zip(PEOPLE, answers, strict=True)
    }
    document = {"cluster": people, "analyze": {PEOPLE[0].id: insight.model_dump(mode="json")}}
    json.dump(document, sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")


def _next(out: Any, reached: Reached) -> None:
    where = reached.url if reached.embedded is None else "http://127.0.0.1:8000"
    up = "" if reached.embedded is None else "  reverie up                       keep it running\n"
    out.print("\nNext", style="bold")
    out.print(
        f"{up}"
        f"  {where:<32} the dashboard, while it runs\n"
        "  reverie cluster FILE             your own: jsonl, csv, txt, Discord package\n"
        "\n"
        "  from reverie import AsyncReverie\n"
        "  async with AsyncReverie() as ai:\n"
        "      task = await ai.submit_clustering_task(user_id, memories)\n"
        "      themes = await task.result(timeout=60)",
        markup=False,
    )
