"""The OpenAI-compatible face: embeddings and models, through the same cache and queue."""

from __future__ import annotations

import asyncio
import base64
import struct
from typing import Annotated, Any, Literal, cast

import orjson
from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reverie._models import accepted, listed
from reverie.contracts import Operation
from reverie.errors import InvalidInput, MissingExtra, NotFound, ServiceUnavailable, TaskFailed
from reverie.gateway.http.openai import served_model
from reverie.gateway.http.problems import invalid
from reverie.gateway.routes.deps import GatewayState, Reader, Submitter
from reverie.gateway.state import State
from reverie.gateway.submissions.read_body import read_json_body
from reverie.gateway.submissions.submit import submit
from reverie.tokens import byte_level

__all__ = ["router"]

router = APIRouter(tags=["openai"])

_WAIT = 60.0
_MOST_BYTES = 16 * 2**20
"""Many times what OpenAI itself takes in one request."""


class EmbeddingRequest(BaseModel):
    """OpenAI's request; members that this service has no use for are ignored, as clients send many."""

    model_config = ConfigDict(extra="ignore")

    input: str | list[str] | list[int] | list[list[int]] = Field(
        description="A text or a list of texts; or their token ids, which are turned back into text by `tokenizer`."
    )
    model: Annotated[str, Field(min_length=1, max_length=200)] = Field(description="Name of the model.")
    encoding_format: Literal["float", "base64"] = Field(
        default="float", description="Numbers, or base64 of little-endian float32."
    )
    dimensions: Annotated[int, Field(ge=1, le=8192)] | None = Field(
        default=None, description="Shorten vectors to this many dimensions, where the model was trained for it."
    )
    tokenizer: Literal["cl100k_base", "o200k_base"] = Field(
        default="cl100k_base",
        description="Whose token ids those are. OpenAI's embedding models all have cl100k_base.",
    )
    user: Annotated[str, Field(max_length=256)] | None = Field(
        default=None, description="Whose texts these are: erasing that user erases the vectors."
    )


@router.post("/v1/embeddings", operation_id="createEmbedding")
async def create_embedding(request: Request, state: GatewayState, key: Submitter) -> Response:
    """Vectors of one text or a list of texts."""
    state.admission.spend(key)
    raw = await read_json_body(request, min(_MOST_BYTES, state.settings.limits.body_bytes))
    try:
        wanted = await asyncio.to_thread(EmbeddingRequest.model_validate_json, raw)
    except ValidationError as error:
        raise invalid(error) from None
    texts = await asyncio.to_thread(_texts, wanted)
    if not texts:
        raise _refused("is empty")
    options: dict[str, Any] = {"model": await _meant(state, wanted.model)}
    if wanted.dimensions is not None:
        options["dimensions"] = wanted.dimensions
    body = orjson.dumps({"user_id": wanted.user or "-", "texts": texts, "options": options})
    try:
        submission = await state.parser.read(key.tenant, Operation.EMBED, body)
        answer = await submit(state, key, submission, wait=_WAIT)
    except InvalidInput as error:
        raise _in_openai_words(error) from None
    if answer.facts.status in ("failed", "cancelled"):
        raise _why(answer.facts.error or {})
    if answer.status != 200:
        raise ServiceUnavailable("The embedding is not ready yet.", retry_after=2.0)
    return Response(
        await asyncio.to_thread(_openai_body, answer.body, wanted.model, wanted.encoding_format),
        media_type="application/json",
    )


def _texts(wanted: EmbeddingRequest) -> list[str]:
    """The texts of a request; token ids, which LangChain sends unless it is set otherwise, become text again."""
    if isinstance(wanted.input, str):
        return [wanted.input]
    if all(isinstance(item, str) for item in wanted.input):
        return cast(list[str], wanted.input)
    single = isinstance(wanted.input[0], int)
    lists = cast(list[list[int]], [wanted.input] if single else wanted.input)
    try:
        tokenizer = byte_level(wanted.tokenizer)
    except MissingExtra:
        raise _refused(
            "token ids cannot be turned back into text here; send the text (LangChain: "
            "check_embedding_ctx_length=False), or install bpe-openai beside the gateway"
        ) from None
    texts = []
    for index, tokens in enumerate(lists):
        try:
            texts.append(tokenizer.decode(tokens))
        except InvalidInput as error:
            where = "input" if single else f"input[{index}]"
            raise _refused(f"{error.message}; send the text, or name the ids' tokenizer", where) from None
    return texts


def _refused(message: str, item: str = "input") -> InvalidInput:
    return InvalidInput.at(item, message)


def _why(problem: dict[str, Any]) -> Exception:
    """The exception for a failed task: the caller's mistakes stay the caller's, with the item they name."""
    detail = problem.get("detail")
    if problem.get("status") == InvalidInput.status:
        return _in_openai_words(InvalidInput(detail, errors=problem.get("errors") or []))
    return TaskFailed(detail)


def _in_openai_words(error: InvalidInput) -> InvalidInput:
    """The same refusal, naming the members of OpenAI's request instead of those of ours."""

    def renamed(text: str) -> str:
        for ours, theirs in (("options.dimensions", "dimensions"), ("options.model", "model"), ("texts", "input")):
            if text.startswith(ours):
                return theirs + text.removeprefix(ours)
        return text

    items = [{**item, "item": renamed(str(item.get("item", "")))} for item in error.extra.get("errors") or []]
    return type(error)(renamed(error.message), **{**error.extra, "errors": items})


def _openai_body(task: bytes, model: str, encoding: str) -> bytes:
    result = orjson.loads(task)["result"]
    raw, size = base64.b64decode(result["vectors"]), result["dimensions"] * 4
    data = []
    for index in range(result["count"]):
        row = raw[index * size : (index + 1) * size]
        vector: Any = base64.b64encode(row).decode() if encoding == "base64" else struct.unpack(f"<{size // 4}f", row)
        data.append({"object": "embedding", "index": index, "embedding": vector})
    usage = {"prompt_tokens": result["tokens"], "total_tokens": result["tokens"]}
    answer = {"object": "list", "data": data, "model": model, "usage": usage}
    # Beyond OpenAI's members, which its clients keep: `answer.precision`.
    answer["precision"] = (result.get("model") or {}).get("precision", "float32")
    return orjson.dumps(answer)


@router.get("/v1/models", operation_id="listModels")
async def list_models(state: GatewayState, key: Reader) -> dict[str, Any]:
    """The models served here, as the workers name them; without any, as the settings do."""
    return {"object": "list", "data": [_model(name) for name in await _served(state)]}


async def _served(state: State) -> list[str]:
    workers = await state.result_cache.workers() or []
    names = sorted({str(worker["model"]) for worker in workers if worker.get("model")})
    own = _own(state)
    # A worker that serves two models is known by the one that it begins with.
    return list(own) if not names or (len(own) > 1 and set(names) <= set(own)) else names


async def _meant(state: State, name: str) -> str:
    """The model of the settings that a request means: what the list of models tells can be asked for.

    A worker names a model by its own name, which is not that of the settings where those tell a folder.
    """
    embedding, own = state.settings.embedding, _own(state)
    model = served_model(name, own)
    if len(own) > 1 or model in accepted(embedding.model, embedding.embedder):
        return model
    return own[0] if model in await _served(state) else model


def _own(state: State) -> tuple[str, ...]:
    return listed(state.settings.embedding.model, state.settings.embedding.embedder)


@router.get("/v1/models/{model:path}", operation_id="getModel")
async def get_model(
    model: Annotated[str, Path(description="Name of the model, or `default`.")], state: GatewayState, key: Reader
) -> dict[str, Any]:
    """A model served here, by any of its names."""
    served = await _served(state)
    name = served_model(model, _own(state))
    if model in served:
        return _model(model)
    if name not in _own(state):
        raise NotFound(f"The model {model[:80]!r} is not served here; {', '.join(map(repr, served))} is.")
    return _model(name if name in served else served[0])


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "reverie"}
