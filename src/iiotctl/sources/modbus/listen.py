"""The source type `modbus-rtu-listen`: values from what the master of a serial bus reads. It sends nothing, ever.

The master decides what is read, and when. Tags that lie wholly inside one of its reads get a sample each
time an answer passes; what does not come any more, was refused or garbled is reported as any source does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from iiotctl.errors import SiteError, SourceError
from iiotctl.events import Event, Level
from iiotctl.samples import GapReason
from iiotctl.sources.base import CapturedTag, PlannedRequest, Reading, SourceContext, SourceState, SourceStatus
from iiotctl.sources.modbus.check import check_tags
from iiotctl.sources.modbus.ear import Ear, ear_of
from iiotctl.sources.modbus.failure import Failure, Kind
from iiotctl.sources.modbus.layout import ModbusTag, parse_tag
from iiotctl.sources.modbus.listenonce import Collector
from iiotctl.sources.modbus.overheard import BAD_NO_DATA, NOT_READ, Layouts, deafness
from iiotctl.sources.modbus.serialport import settings_of
from iiotctl.sources.modbus.silence import PERIODS, Silence

if TYPE_CHECKING:
    from iiotctl.samples import SampleBatch
    from iiotctl.site.model import Tag
    from iiotctl.site.sources import ModbusRtuListenSource
    from iiotctl.sources.base import Sink
    from iiotctl.sources.modbus.sniff import Exchange

_LOOK_S: Final = 0.25
_ONCE_S: Final = 5.0
"""Wait this long at least for a value that is to be read once."""
_ONE_CHUNK_US: Final = 1_000_000
_SHOWN: Final = 10


class ListenSource:
    """Listens to one unit; see `sources.base.Source` for the contract.

    Args:
        name: name in the site file.
        config: its table in the site file.
        tags: what to take.
        context: the world.
    """

    def __init__(
        self, name: str, config: ModbusRtuListenSource, tags: Sequence[CapturedTag], context: SourceContext
    ) -> None:
        self.name = name
        self.context = context
        self.tags: dict[int, ModbusTag] = {}
        self.status = SourceStatus(name, f"{config.port} unit {config.unit}, listening")
        self._config = config
        self._sink: Sink | None = None
        self._failing: set[int] = set()
        self._wide = False
        """The failure was reported for the whole source: the first sample ends it for all tags."""
        self._unread: set[int] = set()
        """Tags of which it was told that the master does not read them."""
        self._stamped: dict[int, int] = {}
        self._silence = Silence(context.monotonic)
        self._layouts = Layouts({}, config.unit)
        self._set_tags(tags)

    @staticmethod
    def check(config: ModbusRtuListenSource, tags: Sequence[Tag]) -> list[SiteError]:
        """Problems that can be known without contact."""
        return check_tags(config, tags)

    def plan(self) -> list[PlannedRequest]:
        """One line: nothing is sent."""
        return [
            PlannedRequest(
                source=self.name,
                endpoint=self._config.port,
                period_s=self._config.period,
                request="listens; sends nothing",
                registers=0,
                tags=tuple(tag.name for tag in self.tags.values()),
                note=f"{settings_of(self._config)}; the master decides what is read",
            )
        ]

    async def run(self, sink: Sink) -> None:
        """Deliver until cancelled. Faults of the plant never end it."""
        self._sink = sink
        self._silence.begin(self.tags)
        ear = ear_of(self._config, self.context)
        ear.attach(self)
        try:
            while True:
                await asyncio.sleep(_LOOK_S)
                self._look(ear)
        finally:
            await self._leave(ear, self)

    async def update(self, tags: Sequence[CapturedTag]) -> None:
        """Take a new list of tags."""
        self._set_tags(tags)

    async def read_once(self, tags: Sequence[CapturedTag]) -> list[Reading]:
        """Wait until the master has read each tag once, or for some periods.

        Raises:
            SourceError: the port cannot be opened, or nothing was heard that is Modbus RTU.
        """
        wanted = {tag.code: parse_tag(tag, self._config) for tag in tags}
        patience = max(_ONCE_S, *(PERIODS * tag.extent.period for tag in wanted.values()))
        collector = Collector(wanted, self._config.unit)
        ear = ear_of(self._config, self.context)
        began = self.context.monotonic()
        ear.attach(collector)
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(collector.done.wait(), patience)
            collector.raise_when_deaf(ear, self.context.monotonic(), patience, self.status.endpoint)
        finally:
            await self._leave(ear, collector)
        now, took = self.context.now_us(), self.context.monotonic() - began
        return [collector.reading(tag, now, took) for tag in wanted.values()]

    async def close(self) -> None:
        """Let go of the port; never raises. `run` has done so when it was cancelled."""

    async def _leave(self, ear: Ear, listener: ListenSource | Collector) -> None:
        if await ear.detach(listener):
            self.context.shared.pop(ear.key, None)

    # --- from the ear --------------------------------------------------------------------------

    def heard(self, exchange: Exchange) -> None:
        """An exchange of the bus: samples, or why there are none."""
        layout = self._layouts.of(exchange.read)
        if layout is None:
            return
        self.status.cycles += 1
        codes = layout.codes.tolist()
        if not codes:
            return
        if isinstance(exchange.result, Failure):
            self._fail(codes, exchange.result)
            return
        batch = layout.samples([exchange.result], [self._time(codes, exchange.at)])
        assert batch is not None
        self._silence.heard(codes)
        self._deliver(batch, codes)

    def missed(self, start: int, end: int) -> None:
        """See `Listener`: this machine was too busy to listen."""
        assert self._sink is not None
        if not self._wide:
            held = [code for code in self.tags if code not in self._failing]
            self._sink.lost(None if len(held) == len(self.tags) else held, GapReason.OVERFLOW, start, end)

    def port_lost(self, error: SourceError) -> None:
        """No port: nothing can be heard."""
        self.status.error = error
        cause = error.what if error.cause is None else f"{error.what}: {error.cause}"
        self._fail(list(self.tags), Failure(Kind.DISCONNECTED, cause=cause))

    # --- inside --------------------------------------------------------------------------------

    def _set_tags(self, tags: Sequence[CapturedTag]) -> None:
        try:
            self.tags = {tag.code: parse_tag(tag, self._config) for tag in tags}
        except ValueError as error:  # the site check says it better; this is for callers that skipped it
            raise SiteError("modbus-address", str(error), where=self.name) from error
        self._layouts = Layouts(self.tags, self._config.unit)
        self._failing &= self.tags.keys()
        self._unread &= self.tags.keys()
        self._silence.take(self.tags)

    def _time(self, codes: Sequence[int], at: int) -> int:
        """The time of an answer; later than that of the one before, also if both arrived in one piece."""
        before = max(self._stamped.get(code, 0) for code in codes)
        if 0 <= before - at < _ONE_CHUNK_US:
            at = before + 1
        self._stamped.update(dict.fromkeys(codes, at))
        return at

    def _deliver(self, batch: SampleBatch, codes: Sequence[int]) -> None:
        assert self._sink is not None
        self._sink.samples(batch)
        self.status.alive_at = int(batch.ts[0])
        self._unread.difference_update(codes)
        if self._wide:
            self._wide = False
            self._failing.clear()
            self.status.error = None
            self._silence.begin(self.tags.keys() - set(codes))
            self._say(Level.NOTICE, "source-up", "is heard again")
        if self._failing or self.status.state is not SourceState.RUNNING:
            self._failing.difference_update(codes)
            self._set_state()

    def _look(self, ear: Ear) -> None:
        """Notice what does not come."""
        self.status.reconnects = max(0, ear.opened - 1)
        late = self._silence.overdue() - self._failing
        if not late or not ear.is_open:
            return
        patience = self._silence.patience(late)
        failure = deafness(ear, self.context.monotonic(), patience)
        if failure is None and self._config.unit not in {read.unit for read in ear.seen.reads}:
            units = ", ".join(map(str, ear.seen.units[:_SHOWN]))
            failure = Failure(
                Kind.TIMEOUT, cause=f"the master does not read unit {self._config.unit}; heard of units {units}"
            )
        if failure is not None:
            self._fail(sorted(late), failure)
            return
        never = late & self._silence.never
        if never:
            self._fail(sorted(never), NOT_READ)
        if late - never:
            cause = f"the master has not read it for {patience:.3g} s"
            self._fail(sorted(late - never), Failure(Kind.TIMEOUT, cause=cause))

    def _fail(self, codes: Sequence[int], failure: Failure) -> None:
        """Tags that got no value; each failure is reported once."""
        assert self._sink is not None
        fresh = [code for code in codes if code in self.tags and code not in self._failing]
        if not fresh:
            return
        at = self.context.now_us()
        status = BAD_NO_DATA if failure is NOT_READ else failure.status
        nothing_left = len(fresh) + len(self._failing) == len(self.tags)
        if nothing_left and failure is not NOT_READ and failure.kind is not Kind.REFUSED:
            self._wide = True
            self._failing = set(self.tags)
            self._sink.failed(None, failure.reason, status, at)
            self._say(Level.WARNING, "source-down", f"no data: {failure}")
        else:
            self._failing.update(fresh)
            self._sink.failed(fresh, failure.reason, status, at)
            self._say_lost(fresh, failure)
        self._set_state(str(failure))

    def _say_lost(self, codes: Sequence[int], failure: Failure) -> None:
        if failure is NOT_READ:
            codes = [code for code in codes if code not in self._unread]
            self._unread.update(codes)
            slug = "tags-not-read"
        else:
            slug = "tag-refused" if failure.kind is Kind.REFUSED else "tag-silent"
        if not codes:
            return
        names = [self.tags[code].name for code in codes]
        shown = ", ".join(f"`{name}`" for name in names[:_SHOWN])
        shown += f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        text = f"no value of {shown}: {failure}"
        event = Event(Level.WARNING, slug, text, source=self.name, at=self.context.now_us(), data={"tags": names})
        assert self._sink is not None
        self._sink.event(event)

    def _say(self, level: Level, slug: str, text: str) -> None:
        assert self._sink is not None
        self._sink.event(Event(level, slug, text, source=self.name, at=self.context.now_us()))

    def _set_state(self, detail: str = "") -> None:
        if not self._failing:
            self.status.state, self.status.detail = SourceState.RUNNING, ""
            return
        self.status.state = SourceState.DOWN if len(self._failing) >= len(self.tags) else SourceState.DEGRADED
        if detail:
            self.status.detail = detail
