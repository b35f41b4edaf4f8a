"""Sealing beside a running capture: one thread, one seal at a time, and a pause after one that failed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, Protocol

from iiotctl.capture.saying import damage, plain
from iiotctl.events import Level

if TYPE_CHECKING:
    from pathlib import Path

    from iiotctl.capture.pending import Figures
    from iiotctl.store.manifest import SealedFile

_AGAIN_S: Final = 60.0
"""Pause after a seal that failed."""


class Sealable(Protocol):
    """The part of `store.writer.StoreWriter` that seals."""

    damaged: list[Path]

    def should_seal(self) -> bool: ...
    def seal(self) -> list[SealedFile]: ...


class Sealing:
    """Seals when it is due.

    Args:
        writer: of the store.
        monotonic: seconds that never step back.
        figures: what is sealed is counted here.
        tell: takes level, slug and text of an event.
    """

    def __init__(
        self,
        writer: Sealable,
        monotonic: Callable[[], float],
        figures: Figures,
        tell: Callable[[Level, str, str], None],
    ) -> None:
        self.wanted = False
        self._writer = writer
        self._monotonic = monotonic
        self._figures = figures
        self._tell = tell
        self._not_before = 0.0
        self._task: asyncio.Task[None] | None = None
        self._thread: Executor = ThreadPoolExecutor(1, "seal")

    async def begin(self, rotate: Callable[[], Awaitable[bool]]) -> None:
        """Seal beside what goes on, if it is due; `rotate` closes the running segment, false when it cannot."""
        if self._task is not None and not self._task.done():
            return
        is_due = self._monotonic() >= self._not_before and self._writer.should_seal()
        if not (self.wanted or is_due):
            return
        self.wanted = False
        if await rotate():
            self._task = asyncio.create_task(self._seal())

    async def _seal(self) -> None:
        try:
            files = await asyncio.get_running_loop().run_in_executor(self._thread, self._writer.seal)
        except Exception as error:  # noqa: BLE001 - the segments stay; sealing is tried again
            self._not_before = self._monotonic() + _AGAIN_S
            text = f"a segment could not be sealed and stays in the spool: {plain(error)}"
            self._tell(Level.ERROR, "seal-failed", text)
            return
        if aside := self._writer.damaged:
            text = damage([path.stem for path in aside], aside[0].parent, earlier=False)
            self._tell(Level.WARNING, "segment-damaged", text)
            aside.clear()
        self._figures.sealed_files += len(files)
        self._figures.sealed_bytes += sum(file.size for file in files)

    async def settled(self) -> None:
        """Wait for the seal that is under way."""
        if self._task is not None:
            await self._task

    def shut_down(self) -> None:
        """Let the thread go."""
        self._thread.shutdown(wait=False)
