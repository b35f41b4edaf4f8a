"""`type = "replay"`: a Parquet or CSV file played back as if it were a device.

`speed = "realtime"` keeps the file's spacing and shifts it so that the first sample is now;
`speed = "fast"` keeps the file's own times and goes as fast as the disk takes them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from iiotctl import quality
from iiotctl.errors import SiteError, SourceError
from iiotctl.events import Event, Level
from iiotctl.samples import GapReason, SampleBatch
from iiotctl.site.sources import ReplaySource as ReplayConfig
from iiotctl.sources.base import CapturedTag, PlannedRequest, Reading, Sink, SourceContext, SourceState, SourceStatus

if TYPE_CHECKING:
    from iiotctl.site.model import Tag
    from iiotctl.site.sources import SourceConfig
    from iiotctl.sources.replay_file import Extent, Rows

_STEP_S: Final = 0.1
"""Real time: samples that are due within one step are handed over together."""


class ReplaySource:
    """A file of samples; a tag's `address` is its name in the file, `scale` and `offset` are applied.

    Raises:
        SourceError: the file is missing, of no known kind, or lacks a column.
    """

    def __init__(self, name: str, config: SourceConfig, tags: Sequence[CapturedTag], context: SourceContext) -> None:
        assert isinstance(config, ReplayConfig)
        self._path = (context.folder or Path.cwd()) / config.file
        self._speed = config.speed
        self._context = context
        self._tags: list[CapturedTag] = []
        self._by_address: dict[str, list[CapturedTag]] = {}
        self._version = 0
        self._take(tags)
        self.status = SourceStatus(name, str(self._path))
        from iiotctl.sources.replay_file import ReplayFile

        self._file = ReplayFile(self._path)

    def _take(self, tags: Sequence[CapturedTag]) -> None:
        self._tags = list(tags)
        self._by_address = {}
        for captured in self._tags:
            self._by_address.setdefault(captured.tag.address, []).append(captured)
        self._version += 1

    @staticmethod
    def check(config: SourceConfig, tags: Sequence[Tag]) -> list[SiteError]:
        """A file has no array elements and no bit patterns; the file itself is opened when it is played."""
        assert isinstance(config, ReplayConfig)
        problems: list[SiteError] = []
        if Path(config.file).suffix.lower() not in (".parquet", ".pq", ".csv"):
            problems.append(
                SiteError(
                    "replay-kind",
                    f"`{config.file}` is neither Parquet nor CSV",
                    hint="a replay file ends in .parquet or .csv",
                )
            )
        for tag in tags:
            given = {"element": tag.element is not None, "invalid": bool(tag.invalid)}
            problems += [
                SiteError(
                    "replay-tag",
                    f"tag `{tag.name}`: a replay file has no `{key}`",
                    where=tag.name,
                    hint=f"remove `{key}`; `address` is the tag's name in the file",
                )
                for key, is_given in given.items()
                if is_given
            ]
        return problems

    def plan(self) -> list[PlannedRequest]:
        """One line: nothing is sent to anybody."""
        request = f"read {self._path.name} from disk, {self._speed}"
        return [
            PlannedRequest(
                source=self.status.name,
                endpoint=str(self._path),
                period_s=0.0,
                request=request,
                registers=0,
                tags=tuple(captured.tag.name for captured in self._tags),
            )
        ]

    async def run(self, sink: Sink) -> None:
        """Play to the end; a row that is wrong ends it before anything is played."""
        try:
            extent = await asyncio.to_thread(self._file.extent, list(self._by_address))
            self._report_missing(sink, extent)
            self.status.state = SourceState.RUNNING
            if extent.rows:
                await (self._run_fast(sink) if self._speed == "fast" else self._run_realtime(sink, extent))
        except SourceError as error:
            # nothing that trying again could mend: say it and end, so that the capture ends too
            now = self._context.now_us()
            text = error.what if error.cause is None else f"{error.what}: {error.cause}"
            self.status.state, self.status.detail = SourceState.DOWN, text
            sink.failed(None, GapReason.REFUSED, quality.BAD_DECODING_ERROR, now)
            sink.event(Event(Level.ERROR, error.slug, text, self.status.name, at=now))
            return
        self.status.state = SourceState.ENDED
        self.status.detail = "played to its end"
        text = f"{self._path.name} is played to its end"
        sink.event(Event(Level.NOTICE, "replay-ended", text, self.status.name, at=self._context.now_us()))

    def _report_missing(self, sink: Sink, extent: Extent) -> None:
        now = self._context.now_us()
        missing = [captured for captured in self._tags if captured.tag.address not in extent.tags]
        if not missing:
            return
        sink.failed([captured.code for captured in missing], GapReason.REFUSED, quality.BAD_NODE_ID_UNKNOWN, now)
        for captured in missing:
            text = f"`{captured.tag.address}` does not occur in {self._path.name}"
            sink.event(Event(Level.WARNING, "tag-missing", text, self.status.name, captured.tag.name, at=now))

    async def _run_fast(self, sink: Sink) -> None:
        version, playing = self._version, frozenset(self._by_address)
        chunks = self._file.stream(list(playing))
        while (rows := await asyncio.to_thread(next, chunks, None)) is not None:
            await sink.ready()
            self.status.cycles += 1
            if version != self._version:
                version = self._version
                self._report_late(sink, playing)
            batch = self._batch(rows, 0, len(rows.ts), 0)
            if len(batch):
                sink.samples(batch)

    def _report_late(self, sink: Sink, playing: frozenset[str]) -> None:
        """Tags added while a fast replay runs: part of the file has passed, so they are not begun in its middle."""
        late = [captured for captured in self._tags if captured.tag.address not in playing]
        if late:
            now = self._context.now_us()
            sink.failed([captured.code for captured in late], GapReason.REFUSED, quality.BAD_NO_COMMUNICATION, now)
            text = f"{len(late)} tags were added while the file was played; they are in the next replay"
            sink.event(Event(Level.WARNING, "tag-missing", text, self.status.name, at=now))

    async def _run_realtime(self, sink: Sink, extent: Extent) -> None:
        shift = self._context.now_us() - extent.first
        begun = self._context.monotonic()

        def due() -> int:
            """File time that is reached now."""
            return extent.first + round((self._context.monotonic() - begun) * 1e6)

        position = extent.first
        while position <= extent.last:
            version = self._version
            for end in _windows(extent, position):
                rows = await asyncio.to_thread(self._file.window, list(self._by_address), position, end)
                position = await self._play(sink, rows, end, version=version, shift=shift, due=due)
                if version != self._version:  # other tags: the rest of the file may end elsewhere
                    extent = await asyncio.to_thread(self._file.extent, list(self._by_address))
                    self._report_missing(sink, extent)
                    break

    async def _play(self, sink: Sink, rows: Rows, end: int, *, version: int, shift: int, due: Callable[[], int]) -> int:
        """Hand over a window's rows when they are due; returns the file time up to which all has been played."""
        at = 0
        while at < len(rows.ts):
            if version != self._version:
                return int(rows.ts[at])  # read again from here, with the new list of tags
            now = due()
            upto = int(np.searchsorted(rows.ts, now, side="right"))
            if upto <= at:
                await asyncio.sleep(max(0.001, min((int(rows.ts[at]) - now) / 1e6, _STEP_S)))
                continue
            self.status.cycles += 1
            self.status.lag_s = max(0.0, (now - int(rows.ts[at])) / 1e6 - _STEP_S)
            batch = self._batch(rows, at, upto, shift)
            if len(batch):
                await sink.ready()
                sink.samples(batch)
            at = upto
        return end

    def _batch(self, rows: Rows, start: int, end: int, shift: int) -> SampleBatch:
        """Rows `start` to `end` as samples; a name that two tags read becomes two samples."""
        owned = [self._by_address.get(name, []) for name in rows.names]
        owners = [captured for several in owned for captured in several]
        counts = np.array([len(several) for several in owned], np.intp)
        first = np.cumsum(counts) - counts  # where a name's owners begin in `owners`
        tag = rows.tag[start:end]
        copies = counts[tag]
        index = np.repeat(np.arange(start, end), copies)
        within = np.arange(len(index)) - np.repeat(np.cumsum(copies) - copies, copies)
        owner = first[rows.tag[index]] + within
        scale = np.array([captured.tag.scale for captured in owners], np.float64)
        offset = np.array([captured.tag.offset for captured in owners], np.float64)
        text = rows.text
        return SampleBatch(
            tag=np.array([captured.code for captured in owners], np.uint32)[owner],
            ts=rows.ts[index] + shift,
            value=rows.value[index] * scale[owner] + offset[owner],
            quality=rows.quality[index],
            text=None if text is None else [text[i] for i in index],
        )

    async def update(self, tags: Sequence[CapturedTag]) -> None:
        """Take a new list of tags; those that stay go on without interruption."""
        self._take(tags)

    async def read_once(self, tags: Sequence[CapturedTag]) -> list[Reading]:
        """The last row of each tag.

        Raises:
            SourceError: the file cannot be read.
        """
        begun = self._context.monotonic()
        rows = await asyncio.to_thread(self._file.latest, [captured.tag.address for captured in tags])
        latency = self._context.monotonic() - begun
        at = {rows.names[place]: i for i, place in enumerate(rows.tag)}
        readings = []
        for captured in tags:
            tag, i = captured.tag, at.get(captured.tag.address)
            if i is None:
                note = f"does not occur in {self._path.name}"
                now = self._context.now_us()
                readings.append(Reading(tag.name, None, quality.BAD_NODE_ID_UNKNOWN, now, latency, note=note))
                continue
            text = rows.text[i] if rows.text is not None else None
            number = float(rows.value[i]) * tag.scale + tag.offset
            value = text if text is not None else None if np.isnan(number) else number
            readings.append(Reading(tag.name, value, int(rows.quality[i]), int(rows.ts[i]), latency))
        return readings

    async def close(self) -> None:
        """Nothing is held open."""


def _windows(extent: Extent, start: int) -> Iterator[int]:
    """Ends (µs, exclusive) of stretches of equal length from `start` on, with about `WINDOW_ROWS` rows each."""
    from iiotctl.sources.replay_file import WINDOW_ROWS

    count = max(1, -(-extent.rows // WINDOW_ROWS))
    length = extent.last + 1 - start
    for i in range(1, count + 1):
        yield start + length * i // count
