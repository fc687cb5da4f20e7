"""The part of the fake gateway that keeps memories: stored in a dictionary, viewed by the answers from shared words."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from reverie.testing.answers import Json, MakeAnswer

__all__ = ["Person", "StoredRoutes"]

_PAGE = 3
"""Memories on a page: few, so that readers must follow the cursor."""


@dataclass(slots=True)
class Person:
    """What the fake keeps of a user."""

    memories: dict[str, Json] = field(default_factory=dict)
    settings: Json = field(default_factory=dict)
    version: int = 0
    views: dict[str, Json] = field(default_factory=dict)
    keys: dict[str, Json] = field(default_factory=dict)


class StoredRoutes:
    """Mixed into ``FakeGateway``."""

    #: Who keeps memories, by user id.
    people: dict[str, Person]
    answers: dict[str, MakeAnswer]
    refuse_next: list[tuple[int, Json]]

    def stored(self, user_id: str) -> list[Json]:
        """A user's memories as they were sent, in that order."""
        person = self.people.get(user_id)
        return list(person.memories.values()) if person else []

    def add_stored(self, router: web.UrlDispatcher) -> None:
        """Add the routes."""
        base = "/users/{user}"
        router.add_post(base + "/memories", self._add)
        router.add_get(base + "/memories", self._list_memories)
        router.add_delete(base + "/memories", self._delete_many)
        router.add_get(base + "/memories/{id}", self._get_memory)
        router.add_put(base + "/memories/{id}", self._put)
        router.add_patch(base + "/memories/{id}", self._patch)
        router.add_delete(base + "/memories/{id}", self._delete_one)
        router.add_get(base + "/{view:themes|insights}", self._view)
        router.add_post(base + "/recall", self._recall_stored)
        router.add_post(base + "/context", self._context)
        router.add_post(base + "/upkeep", self._upkeep)
        router.add_get(base + "/settings", self._settings)
        router.add_put(base + "/settings", self._settings)

    # What the gateway itself offers.
    def _allowed(self, request: web.Request) -> None:
        raise NotImplementedError

    def _changed(self) -> None:
        raise NotImplementedError

    def _accepted(self, operation: str, body: Json) -> web.Response:
        raise NotImplementedError

    def _refusal(self) -> web.Response:
        raise NotImplementedError

    def _person(self, request: web.Request, *, make: bool = False) -> Person:
        self._allowed(request)
        user = unquote(request.match_info["user"])
        return self.people.setdefault(user, Person()) if make else self.people.get(user, Person())

    def _keep(self, person: Person, memory: Json) -> str:
        old = person.memories.get(memory["id"])
        if old == memory:
            return "unchanged"
        person.version += 1
        person.memories[memory["id"]] = memory
        self._changed()
        return "added" if old is None else "updated"

    def _missing(self, slug: str = "not-found") -> web.HTTPNotFound:
        body = json.dumps({"type": f"https://reverie.dev/problems/{slug}", "title": slug, "status": 404})
        return web.HTTPNotFound(text=body, content_type="application/problem+json")

    def _shown(self, person: Person, memory: Json) -> Json:
        now = datetime.now(UTC).isoformat()
        return {"added_at": memory.get("created_at") or now, "version": person.version, **memory}

    async def _add(self, request: web.Request) -> web.Response:
        person = self._person(request, make=True)
        key = request.headers.get("Idempotency-Key", "")
        if key in person.keys:
            return web.json_response(person.keys[key])
        memories = [json.loads(line) for line in (await request.text()).splitlines()]
        done = [self._keep(person, memory) for memory in memories]
        answer = {name: done.count(name) for name in ("added", "updated", "unchanged")}
        person.keys[key] = {**answer, "ids": [memory["id"] for memory in memories], "version": person.version}
        return web.json_response(person.keys[key])

    async def _list_memories(self, request: web.Request) -> web.Response:
        person = self._person(request)
        words = request.query.get("q", "").casefold()
        found = [m for m in reversed(person.memories.values()) if words in m["text"].casefold()]
        start = int(request.query.get("cursor", 0))
        following = str(start + _PAGE) if start + _PAGE < len(found) else None
        page = [self._shown(person, memory) for memory in found[start : start + _PAGE]]
        return web.json_response({"memories": page, "next_cursor": following, "version": person.version})

    async def _get_memory(self, request: web.Request) -> web.Response:
        person = self._person(request)
        memory = person.memories.get(unquote(request.match_info["id"]))
        if memory is None:
            raise self._missing()
        return web.json_response(self._shown(person, memory))

    async def _put(self, request: web.Request) -> web.Response:
        person = self._person(request, make=True)
        memory = {"id": unquote(request.match_info["id"]), **await request.json()}
        status = 201 if self._keep(person, memory) == "added" else 200
        answer = {"memory": self._shown(person, memory), "version": person.version, "place": None}
        return web.json_response(answer, status=status)

    async def _patch(self, request: web.Request) -> web.Response:
        person = self._person(request)
        memory = person.memories.get(unquote(request.match_info["id"]))
        if memory is None:
            raise self._missing()
        changed = {**memory, **await request.json()}
        self._keep(person, changed)
        return web.json_response({"memory": self._shown(person, changed), "version": person.version, "place": None})

    def _delete(self, person: Person, ids: list[str]) -> web.Response:
        gone = [person.memories.pop(one) for one in ids if one in person.memories]
        person.version += len(gone)
        self._changed()
        return web.json_response({"deleted": len(gone), "vectors": len(gone), "version": person.version})

    async def _delete_many(self, request: web.Request) -> web.Response:
        person = self._person(request)
        return self._delete(person, request.query.getall("ids", list(person.memories)))

    async def _delete_one(self, request: web.Request) -> web.Response:
        return self._delete(self._person(request), [unquote(request.match_info["id"])])

    async def _view(self, request: web.Request) -> web.Response:
        person = self._person(request)
        view = person.views.get(request.match_info["view"])
        if view is None:
            raise self._missing("no-view-yet")
        changes = person.version - view["version"]
        stale = {"changes": changes, "since": datetime.now(UTC).isoformat()} if changes else None
        return web.json_response({**_alive(view, person.memories), "stale": stale, "next_upkeep_at": None})

    async def _recall_stored(self, request: web.Request) -> web.Response:
        person = self._person(request)
        body = await request.json()
        return web.json_response(self.answers["recall"]({**body, "memories": list(person.memories.values())}))

    async def _context(self, request: web.Request) -> web.Response:
        person = self._person(request)
        body = await request.json()
        lines, tokens = ["# Remembered"], 2
        for memory in person.memories.values():
            tokens += len(memory["text"].split()) + 1
            if tokens <= body["max_tokens"]:
                lines.append(f"- {memory['text']}")
        messages = [{"role": "user", "content": "\n".join(lines)}]
        shown = {"messages": messages} if body.get("format") == "messages" else {"text": "\n".join(lines)}
        return web.json_response({**shown, "tokens": tokens, "tokenizer": "words", "used": [], "left_out": {}})

    async def _upkeep(self, request: web.Request) -> web.Response:
        person = self._person(request)
        if self.refuse_next:
            return self._refusal()
        if not person.memories:
            raise self._missing()
        user = unquote(request.match_info["user"])
        return self._accepted("upkeep", {"user_id": user, "memories": list(person.memories.values())})

    def _upkept(self, body: Json) -> Json:
        """Make the views of a user whose upkeep succeeds."""
        person, now = self.people.get(body["user_id"], Person()), datetime.now(UTC).isoformat()
        about = {"version": person.version, "as_of": now}
        themes, insights = self.answers["cluster"](body), self.answers["analyze"](body)
        person.views = {"themes": {**themes, **about}, "insights": {**insights, **about}}
        counts = {"themes": len(themes["themes"]), "patterns": len(insights["patterns"])}
        return {**about, "memories": len(body["memories"]), **counts}

    async def _settings(self, request: web.Request) -> web.Response:
        person = self._person(request, make=request.method == "PUT")
        if request.method == "PUT":
            person.settings = await request.json()
        return web.json_response(person.settings)


def _alive(view: Json, memories: dict[str, Json]) -> Json:
    """A view without memories that have gone since."""
    if "themes" not in view:
        return view | {"importance": [entry for entry in view["importance"] if entry["memory_id"] in memories]}

    def there(ids: list[Any]) -> list[Any]:
        return [one for one in ids if one in memories]

    themes = [
        theme | {name: there(theme[name]) for name in ("memory_ids", "representative_ids")} for theme in view["themes"]
    ]
    return view | {
        "themes": [theme | {"size": len(theme["memory_ids"])} for theme in themes if theme["memory_ids"]],
        "unclustered": there(view["unclustered"]),
    }
