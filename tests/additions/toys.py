"""A toy of each thing that CONTRIBUTING.md says how to add, as changes to a copy of the sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["TOYS", "Change", "apply"]


@dataclass(frozen=True, slots=True)
class Change:
    """A file below the repository: ``text`` goes in before ``before``, or is the whole of a new file."""

    path: str
    text: str
    before: str | None = None


OPERATION = (
    Change("src/reverie/contracts/tasks.py", '    COUNT = "count"\n', before="    #: Brings a user's stored views"),
    Change(
        "src/reverie/contracts/count.py",
        '''"""Counting words."""

from __future__ import annotations

from pydantic import Field

from reverie.contracts._base import Request, Response


class CountRequest(Request):
    """Body of ``POST /count/submit``."""

    texts: list[str] = Field(description="The texts.")
    user_id: str = Field(default="-", description="Whose texts these are.")


class CountResult(Response):
    """The number of words."""

    words: int = Field(description="Words of all texts together.")
''',
    ),
    Change(
        "src/reverie/contracts/operations.py",
        """from reverie.contracts.count import CountRequest, CountResult
""",
        before="from reverie.contracts.recall import",
    ),
    Change(
        "src/reverie/contracts/operations.py",
        """    OperationSpec(
        name=Operation.COUNT,
        summary="Count words.",
        request=CountRequest,
        result=CountResult,
        items="texts",
        queue="analysis",
        stages=(("counting", 1.0),),
        first_cost=(0.001, 0.0001, 0.0),
        sdk_method="count",
        example={"texts": ["two words"]},
    ),
""",
        before='    OperationSpec(\n        name="place"',
    ),
    Change(
        "src/reverie/worker/operations.py",
        '''def run_count(runtime: Resources, task: Task, payload: bytes, on_progress: OnProgress) -> Outcome:
    """Words of all texts."""
    words = sum(len(text.split()) for text in orjson.loads(payload)["texts"])
    return Outcome(orjson.dumps({"words": words}))


''',
        before="WITHOUT_DATABASE: ",
    ),
    Change(
        "src/reverie/worker/operations.py",
        "    Operation.COUNT: run_count,\n",
        before="    Operation.EMBED: run_embed,",
    ),
    Change(
        "src/reverie/client/aio.py",
        '''    async def count(self, texts: Sequence[str]) -> int:
        """Words of all texts together."""
        task = await self._submit("count", "-", None, {}, {"texts": list(texts)}, None, None, None)
        return int((await task.result()).words)

''',
        before="    async def _submit(",
    ),
    Change(
        "src/reverie/client/sync.py",
        '''    def count(self, texts: Sequence[str]) -> int:
        """See ``AsyncReverie.count``."""
        return self._run(self._client.count(texts))

''',
        before="    def task(self, task_id: str)",
    ),
    Change(
        "src/reverie/testing/answers.py",
        'ANSWERS["count"] = lambda body: {"words": sum(len(text.split()) for text in body["texts"])}\n',
        before="",
    ),
    Change("docs/how-to/http.md", "\n`POST /count/submit` counts words.\n", before=""),
)

PROVIDER = (
    Change(
        "src/reverie/embedding/providers/toy.py",
        '''"""A provider that embeds by the length of a text."""

from __future__ import annotations

import numpy as np

from reverie.embedding.providers.calls import ProviderAnswer, RequestLimits


class ToyService:
    """Two numbers for each text."""

    provider = "toy"
    dimensions = 2
    revision = ""
    limits = RequestLimits(items=10, tokens=1000, text_tokens=100)

    def __init__(self, settings, model=None):
        self.name = model or settings.model

    def call(self, texts, kind, timeout):
        """Vectors that point further to the side the longer a text is."""
        return ProviderAnswer(np.asarray([[1.0, len(text)] for text in texts], dtype=np.float32), tokens=len(texts))

    def close(self):
        """Nothing is open."""
''',
    ),
    Change(
        "src/reverie/embedding/providers/settings.py",
        '''

class ToySettings(Group):
    """The toy."""

    model_config = _config("REVERIE_TOY_")

    model: str = Field("toy-1", description="Model name")
''',
        before="",
    ),
    Change(
        "src/reverie/embedding/providers/__init__.py",
        "    ToySettings,\n",
        before="    VertexSettings,\n)\nfrom reverie",
    ),
    Change(
        "src/reverie/embedding/providers/__init__.py",
        '    "toy": _Provider("toy", "numpy", ToySettings, "toy:ToyService", lambda settings: None),\n',
        before='    "vertex": _Provider(',
    ),
    Change("src/reverie/contracts/common.py", '    "toy",\n', before='    "azure-language",\n'),
    Change("src/reverie/settings.py", '    "toy",\n', before=")  # fmt: skip\n"),
)

PATTERN_KIND = (
    Change("src/reverie/contracts/analyze.py", '    "toy",\n', before='    "weekly_rhythm",\n'),
    Change(
        "src/reverie/analysis/patterns.py",
        "    findings.append(Finding('toy', 1e-6, 1.0, 1.0, 'A toy was found.', [0], details={'n': 7}))\n",
        before='    budget.progress("patterns", 2, 2)',
    ),
    Change(
        "src/reverie/pattern_words/__init__.py",
        '    "toy": lambda details, _: ("toy", {"n": details["n"]}),\n',
        before='    "weekly_rhythm": _weekly',
    ),
    *(
        Change(f"src/reverie/pattern_words/{language}.json", '  "toy": "{n} toys.",\n', before='  "burst": ')
        for language in ("en", "de", "es", "fr")
    ),
    *(
        Change(f"src/reverie/bot/texts/{language}.json", '  "pattern.toy": "Toy",\n', before='  "pattern.burst"')
        for language in ("en", "de", "es", "fr")
    ),
    Change("src/reverie/gateway/static/js/views/time.js", '  toy: "Toy",\n', before='  burst: "Burst",'),
)

SETTING = (
    Change(
        "src/reverie/settings.py",
        '    toys: int = Field(3, ge=0, description="Toys of a user, a number")\n',
        before='    sockets: int = Field(4_000, description="Most open',
    ),
    Change(
        "src/reverie/gateway/routes/ops.py",
        '''@versioned.get("/toys", operation_id="getToys")
async def toys(state: GatewayState) -> int:
    """How many toys a user has."""
    return state.settings.limits.toys


''',
        before='@versioned.get("/status"',
    ),
)

PAGE = (
    Change(
        "src/reverie/gateway/static/js/views/toy.js",
        'import { h, put } from "../dom.js";\n\n'
        "export function mount(root) {\n"
        '  put(root, h("div", { class: "page" }, h("h1", {}, "Toys are here")));\n'
        "  return () => {};\n"
        "}\n",
    ),
    Change(
        "src/reverie/gateway/static/js/main.js",
        'import * as toy from "./views/toy.js";\n',
        before='import * as tryIt from "./views/try.js";\n',
    ),
    Change(
        "src/reverie/gateway/static/js/main.js", '  toy: ["Toys", toy.mount],\n', before='  work: ["Work", work.mount'
    ),
    Change("docs/dashboard.md", "\n**Toys** shows toys.\n", before=""),
)

TOYS: dict[str, Sequence[Change]] = {
    "Add an operation": OPERATION,
    "Add a cloud provider that embeds": PROVIDER,
    "Add a kind of pattern": PATTERN_KIND,
    "Add a setting": SETTING,
    "Add a page to the dashboard": PAGE,
}
"""The changes of each toy, by the section of CONTRIBUTING.md that describes them."""


def apply(root: Path, changes: Sequence[Change]) -> None:
    """Make the changes in the repository (or a copy of it) at ``root``; an empty ``before`` is the end of a file.

    Raises ``ValueError`` where the place is not there once.
    """
    for change in changes:
        path = root / change.path
        if change.before is None:
            if path.exists():
                raise ValueError(f"{change.path} is there already")
            path.write_text(change.text, encoding="utf-8")
            continue
        text = path.read_text(encoding="utf-8")
        if not change.before:
            path.write_text(text + change.text, encoding="utf-8")
        elif text.count(change.before) != 1:
            raise ValueError(f"{change.path} has {text.count(change.before)} times {change.before!r}")
        else:
            path.write_text(text.replace(change.before, change.text + change.before), encoding="utf-8")
