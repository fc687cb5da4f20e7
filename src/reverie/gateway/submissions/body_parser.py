"""Parses bodies without holding up the event loop, and recognises those that came before."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any, TypeVar

from cachetools import LRUCache

from reverie.errors import ServiceUnavailable
from reverie.gateway.submissions.parse import (
    Known,
    Parsed,
    ParseLimits,
    Summary,
    parse_submission,
    parse_submission_file,
)
from reverie.gateway.submissions.parser_process import load, new_pool
from reverie.gateway.submissions.read_body import SpooledBody

__all__ = ["INLINE_BYTES", "BodyParser"]

T = TypeVar("T")

log = logging.getLogger(__name__)

INLINE_BYTES = 128 * 1024
"""Bodies up to this size are parsed on the event loop (a few milliseconds), larger ones in another process."""

_PACKED_BYTES = 16 * 1024
"""Bodies above this size wait for the database packed, lest thousands of them take too much memory."""

_RECENT = 4096
"""Bodies that are recognised when they come again, byte for byte."""


class BodyParser:
    """Turns a body into ``Parsed``, or into ``Known`` when the same tenant sent the same bytes lately.

    Of a recent body only its ``Summary`` is kept, no word of a memory: an erasure need not come here.
    """

    def __init__(self, limits: ParseLimits, pool: ProcessPoolExecutor | None = None) -> None:
        """``pool``: of ``parser_process.start``, where that was done before."""
        self._limits = limits
        self._recent: LRUCache[bytes, Summary] = LRUCache(_RECENT)
        self._pool = pool or new_pool()
        self._warming: asyncio.Task[None] | None = None
        #: Whether the process for large bodies is there: until then the first of them would wait for its start.
        self.ready = False

    def start(self) -> None:
        """Start the process for large bodies in the background."""
        self._warming = asyncio.create_task(self._warm(), name="warm-body-parser")

    async def stop(self) -> None:
        """End the process; what it still parses is dropped."""
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.gather(self._warming, return_exceptions=True)
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def read(self, tenant: str, operation: str, body: bytes | SpooledBody) -> Parsed | Known:
        """The submission that a body holds. A spooled body is closed.

        Raises ``InvalidInput`` naming the items at fault, ``TooLarge``, or ``ServiceUnavailable`` when the process that
        parses was killed twice.
        """
        if isinstance(body, SpooledBody):
            return await self._parse(operation, body)
        # By tenant: the time that an answer takes must not tell what others have sent.
        name = hashlib.blake2b(tenant.encode() + b"\0" + operation.encode() + b"\0" + body, digest_size=32).digest()
        summary = self._recent.get(name)
        if summary is not None:
            return Known(summary, partial(self._parse, operation, body))
        parsed = await self._parse(operation, body)
        self._recent[name] = parsed.summary
        return parsed

    async def _parse(self, operation: str, body: bytes | SpooledBody) -> Parsed:
        if isinstance(body, bytes):
            if len(body) <= INLINE_BYTES:
                # Small ones are packed when they are stored, many at once.
                return parse_submission(operation, body, self._limits, pack=len(body) > _PACKED_BYTES)
            return await self.elsewhere(parse_submission, operation, body, self._limits)
        try:
            return await self.elsewhere(parse_submission_file, operation, body.path, self._limits)
        finally:
            body.close()

    async def elsewhere(self, parse: Callable[..., T], *arguments: Any) -> T:
        """Run a picklable function in the process for large bodies."""
        loop = asyncio.get_running_loop()
        pool = self._pool
        try:
            return await loop.run_in_executor(pool, parse, *arguments)
        except BrokenProcessPool:
            # Its process was killed, for lack of memory perhaps. Large bodies must not be refused for ever after.
            if self._pool is pool:
                pool.shutdown(wait=False)
                self._pool = new_pool()
        try:
            return await loop.run_in_executor(self._pool, parse, *arguments)
        except BrokenProcessPool:
            raise ServiceUnavailable("The body could not be parsed; send it again.", retry_after=2.0) from None

    async def _warm(self) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._pool, load)
        except BrokenProcessPool:
            log.warning("the process that parses large bodies did not start; the next large body starts another")
        self.ready = True
