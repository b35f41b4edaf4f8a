"""One source at work: its sink, and a keeper that starts it again when it dies of a bug.

Faults of the plant never end a source. What does is a fault in its code: it is reported, counted as a gap,
and the source starts anew after a pause. No other source notices.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from iiotctl.capture.saying import plain
from iiotctl.errors import IiotctlError
from iiotctl.events import Event, Level
from iiotctl.quality import BAD_NO_COMMUNICATION
from iiotctl.samples import GapReason
from iiotctl.sources.base import CapturedTag, Source, SourceState, SourceStatus

if TYPE_CHECKING:
    from iiotctl.capture.recorder import Recorder
    from iiotctl.samples import SampleBatch
    from iiotctl.site.sources import SourceConfig

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0
_CLOSE_S: Final = 3.0
"""A source that does not let go of its connections within this is left behind."""


class SourceSink:
    """Implements `sources.base.Sink` for one source; adds its name."""

    def __init__(self, name: str, recorder: Recorder, status: Callable[[], SourceStatus]) -> None:
        self._name = name
        self._recorder = recorder
        self._status = status

    def samples(self, batch: SampleBatch, on_commit: Callable[[], None] | None = None) -> None:
        """See `Sink.samples`."""
        self._recorder.samples(self._name, batch, on_commit, alive_at=self._status().alive_at)

    def failed(self, tags: Sequence[int] | None, reason: GapReason, quality: int, at: int) -> None:
        """See `Sink.failed`."""
        alive = self._status().alive_at
        self._recorder.failed(self._name, tags, reason, quality, at=at, alive_at=alive)

    def lost(self, tags: Sequence[int] | None, reason: GapReason, start: int, end: int) -> None:
        """See `Sink.lost`."""
        self._recorder.lost(self._name, tags, reason, start, end)

    def bridged(self) -> None:
        """See `Sink.bridged`."""
        self._recorder.bridged(self._name)

    def event(self, event: Event) -> None:
        """See `Sink.event`."""
        self._recorder.event(event)

    async def ready(self) -> None:
        """See `Sink.ready`."""
        await self._recorder.ready()


class Keeper:
    """Runs one source until told to stop.

    Args:
        name: of the source.
        config: as in the site file.
        tags: its tags with their codes.
        create: makes the source from name, configuration and tags.
        recorder: takes what it delivers.
        on_event: takes events.
        sleep: awaitable pause.
    """

    def __init__(
        self,
        name: str,
        config: SourceConfig,
        tags: Sequence[CapturedTag],
        *,
        create: Callable[[str, SourceConfig, Sequence[CapturedTag]], Source],
        recorder: Recorder,
        on_event: Callable[[Event], None],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.name = name
        self.config = config
        self.tags = list(tags)
        self.restarts = 0
        self.is_over = False
        self._create = create
        self._recorder = recorder
        self._on_event = on_event
        self._sleep = sleep
        self._source = create(name, config, self.tags)
        self._task: asyncio.Task[None] | None = None
        self._sink = SourceSink(name, recorder, lambda: self.status)

    @property
    def status(self) -> SourceStatus:
        """Live figures of the source."""
        return self._source.status

    @property
    def codes(self) -> list[int]:
        """Codes of its tags."""
        return [tag.code for tag in self.tags]

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._keep(), name=f"source {self.name}")

    async def _keep(self) -> None:
        pause = _FIRST_PAUSE_S
        is_fresh = True
        while True:
            began = self._recorder.figures.by_source.get(self.name, 0)
            try:
                if not is_fresh:
                    self._source = self._create(self.name, self.config, self.tags)
                    is_fresh = True
                await self._source.run(self._sink)
            except Exception as error:  # noqa: BLE001 - a bug of one source must not end the capture
                self._report(error)
            else:
                self.status.state = SourceState.ENDED
                self.is_over = True
                return
            if self._recorder.figures.by_source.get(self.name, 0) > began:
                pause = _FIRST_PAUSE_S
            await self._let_go()
            await self._sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)
            self.restarts += 1
            is_fresh = False

    def _report(self, error: Exception) -> None:
        if isinstance(error, IiotctlError):
            slug, detail = error.slug, plain(error)
            text = f"stopped and starts again: {detail}"
        else:
            slug, detail = "source-fault", f"fault in iiotctl: {type(error).__name__}"
            text = f"stopped by a fault in iiotctl and starts again: {plain(error)}"
        self._on_event(Event(Level.ERROR, slug, text, source=self.name, at=self._recorder.now()))
        self.status.state = SourceState.DOWN
        self.status.detail = detail
        self._sink.failed(None, GapReason.RESTART, BAD_NO_COMMUNICATION, self._recorder.now())

    async def update(self, tags: Sequence[CapturedTag]) -> None:
        """Take a new list of tags while running."""
        self.tags = list(tags)
        await self._source.update(self.tags)

    async def stop(self) -> None:
        """End the source and let go of its connections; never raises."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError, TimeoutError):
                await asyncio.wait_for(asyncio.gather(self._task, return_exceptions=True), _CLOSE_S)
        await self._let_go()

    async def _let_go(self) -> None:
        with suppress(Exception):
            await asyncio.wait_for(self._source.close(), _CLOSE_S)
