"""One period of one unit: asks at each deadline, hands samples over, takes refused requests apart."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import numpy as np

from iiotctl.sources.modbus.deadlines import Overload, unserved
from iiotctl.sources.modbus.failure import Failure, Kind
from iiotctl.sources.modbus.layout import Layout, ModbusTag
from iiotctl.sources.modbus.plan import Block, halves, learn
from iiotctl.sources.modbus.queue import Scan, Unit
from iiotctl.sources.ticker import Tick, Ticker

if TYPE_CHECKING:
    from iiotctl.samples import SampleBatch
    from iiotctl.site.address import Table
    from iiotctl.sources.base import SourceContext
    from iiotctl.sources.modbus.link import Link

FIRST_RETRY_S: Final = 60.0
LAST_RETRY_S: Final = 600.0
_PATIENCE_PERIODS: Final = 2
_PATIENCE_S: Final = 2.0
"""A silent unit may be put off so long (the larger of the two) for the sake of the others."""

_Place = tuple["Table", int, int]


class Owner(Protocol):
    """What a scanner needs of its source."""

    context: SourceContext
    tags: Mapping[int, ModbusTag]

    def deliver(self, batch: SampleBatch, *, stale: bool) -> None:
        """Samples; stale = the tags changed since they were asked for."""

    def fail(self, codes: Sequence[int], failure: Failure) -> None:
        """Tags that got no value."""

    def resting(self, seconds: float) -> None:
        """The unit is demoted and asked again in so many seconds."""

    def asked(self, requests: int) -> None:
        """So many requests were sent."""

    def skipped(self, before: SampleBatch, after: SampleBatch, missed: Sequence[float]) -> None:
        """Deadlines (monotonic seconds) around two neighbouring scans were not served."""

    def overloaded(self, period: float, took: float) -> None:
        """Scans take so many seconds on average, longer than their period."""

    def learnt(self, block: Block, code: int, cuts: Mapping[int, int]) -> None:
        """A refused request was taken apart."""

    def cycled(self, lag: float, *, whole: bool) -> None:
        """A scan has ended, so many seconds after its deadline; whole = every request was answered."""


class _Asleep(NamedTuple):
    """A refused place that cannot be parted: asked again at `until`, monotonic seconds."""

    until: float
    wait: float
    failure: Failure


class Scanner:
    """Scans the tags of one period.

    Args:
        owner: the source.
        link: its connections.
        unit: the unit it reads.
        period: seconds.
        timeout: seconds a request may take.
    """

    def __init__(self, owner: Owner, link: Link, unit: Unit, period: float, timeout: float) -> None:
        self.period = period
        self._owner = owner
        self._link = link
        self._unit = unit
        self._timeout = timeout
        self._blocks: tuple[Block, ...] = ()
        self._layout = Layout((), {}, unit.number)
        self._asleep: dict[_Place, _Asleep] = {}
        self._rouse_at = float("inf")
        self._ticker: Ticker | None = None
        self._before: SampleBatch | None = None
        self._overload = Overload()

    @property
    def late(self) -> int:
        """Scans that started late or were skipped."""
        return 0 if self._ticker is None else self._ticker.late + self._ticker.skipped

    def take(self, blocks: Sequence[Block]) -> None:
        """A new plan; it counts from the next scan on."""
        self._blocks = tuple(blocks)
        self._arrange()

    def reaffirm(self) -> None:
        """Report once more what is not asked now because it was refused."""
        for block in self._blocks:
            rest = self._asleep.get(_place(block))
            if rest is not None:
                self._owner.fail(block.keys, rest.failure)

    async def run(self) -> None:
        """Scan until cancelled."""
        context = self._owner.context
        queue = self._link.queue
        self._ticker = ticker = Ticker(self.period, monotonic=context.monotonic, start=self._link.epoch)
        try:
            while True:
                tick = await ticker.next()
                queue.expect(self, self._unit, ticker.following)
                whole = await self._scan(tick)
                self._owner.cycled(context.monotonic() - tick.deadline, whole=whole)
        finally:
            queue.forget(self)
            self._link.pump()

    def _arrange(self) -> None:
        """The layout of what is asked now: all but the places that were refused lately."""
        now = self._owner.context.monotonic()
        asleep = {place for place, rest in self._asleep.items() if rest.until > now}
        self._rouse_at = min((self._asleep[place].until for place in asleep), default=float("inf"))
        blocks = [block for block in self._blocks if _place(block) not in asleep]
        self._layout = Layout(blocks, self._owner.tags, self._unit.number)

    async def _scan(self, tick: Tick) -> bool:
        now = self._owner.context.monotonic()
        if now >= self._rouse_at:
            self._arrange()
        layout = self._layout
        if not layout.requests:
            return False
        if not self._link.queue.may_ask(self._unit, now):
            self._owner.fail(layout.codes.tolist(), Failure(Kind.TIMEOUT, cause=f"unit {self._unit.number} is silent"))
            self._owner.resting((self._unit.probe_at or now) - now)
            return False
        scan = await self._ask(layout, tick)
        if not scan.failures:
            took = self._overload.scanned(self._owner.context.monotonic() - now, self.period)
            if took is not None:
                self._owner.overloaded(self.period, took)
        if self._asleep:
            for block, result in zip(layout.blocks, scan.results, strict=True):
                if isinstance(result, bytes):
                    self._asleep.pop(_place(block), None)
        if scan.failures:
            await self._take_stock(layout, scan, tick)
        return not scan.failures

    async def _ask(self, layout: Layout, tick: Tick) -> Scan:
        """Ask, and hand over what came."""
        tags = self._owner.tags
        patience = max(_PATIENCE_S, _PATIENCE_PERIODS * self.period)
        scan = Scan(self._unit, layout.requests, tick.deadline, self._timeout, patience)
        unasked = asyncio.get_running_loop().call_later(patience, self._note_unasked, layout, scan)
        try:
            await self._link.perform(scan)
        except asyncio.CancelledError:
            self._note_unfinished(layout, scan, tick)
            raise
        finally:
            unasked.cancel()
        self._owner.asked(len(scan.took) if not scan.failures else sum(took > 0 for took in scan.took))
        batch = layout.samples(scan.results, scan.arrived)
        if batch is not None:
            # Deadlines pass unserved while a scan waits for its turn or its answers, or while this process is
            # stalled. Where the scan failed instead, the failure's own gap covers them.
            missed = unserved(tick, self.period, self._owner.context.monotonic())
            if missed and self._before is not None:
                self._owner.skipped(self._before, batch, missed)
            if layout is self._layout or self._before is None:
                self._before = batch
            self._owner.deliver(batch, stale=tags is not self._owner.tags)
        return scan

    def _note_unasked(self, layout: Layout, scan: Scan) -> None:
        """A scan has waited in vain for its turn so far."""
        if not scan.tried and self._link.is_connected:
            waited = self._owner.context.monotonic() - scan.deadline
            cause = f"not asked for {waited:.3g} s: the link is too slow for its plan"
            self._owner.fail(layout.codes.tolist(), Failure(Kind.UNASKED, cause=cause))

    def _note_unfinished(self, layout: Layout, scan: Scan, tick: Tick) -> None:
        """The end comes while a scan waits: what it missed is missing."""
        context = self._owner.context
        now = context.monotonic()
        if now - tick.deadline <= self.period:
            return
        if self._before is None:
            self._note_unasked(layout, scan)
        else:
            end = replace(self._before, ts=np.full(len(self._before), context.now_us()))
            self._owner.skipped(self._before, end, sorted((*unserved(tick, self.period, now), tick.deadline)))

    async def _take_stock(self, layout: Layout, scan: Scan, tick: Tick) -> None:
        parted = {
            block: result
            for block, result in zip(layout.blocks, scan.results, strict=True)
            if isinstance(result, Failure) and result.illegal and self._halves(block) is not None
        }
        for lost in layout.lost(scan.results):
            alone = [block for block in lost.blocks if block not in parted]
            self._note_lost(alone, lost.failure)
        for block, failure in parted.items():
            await self._isolate(block, failure, tick)

    def _note_lost(self, blocks: Sequence[Block], failure: Failure) -> None:
        if not blocks:
            return
        self._owner.fail([code for block in blocks for code in block.keys], failure)
        if not failure.lasting:
            return
        now = self._owner.context.monotonic()
        for block in blocks:
            before = self._asleep.get(_place(block))
            wait = FIRST_RETRY_S if before is None else min(LAST_RETRY_S, 2 * before.wait)
            self._asleep[_place(block)] = _Asleep(now + wait, wait, failure)
        self._arrange()

    def _halves(self, block: Block) -> tuple[Block, Block] | None:
        tags = self._owner.tags
        if any(code not in tags for code in block.keys):  # a reload took tags away meanwhile
            return None
        return halves(block, {code: tags[code].extent for code in block.keys})

    async def _isolate(self, block: Block, failure: Failure, tick: Tick) -> None:
        """Part a refused request again and again until each part is answered or cannot be parted.

        The parts' samples are handed over as they come, so the good tags lose nothing.
        """
        settled: list[tuple[Block, bytes | Failure | None]] = []
        first = self._halves(block)
        waiting = list(first) if first is not None else []
        while waiting:
            layout = Layout(waiting, self._owner.tags, self._unit.number)
            scan = await self._ask(layout, tick)
            waiting = []
            for piece, result in zip(layout.blocks, scan.results, strict=True):
                parts = self._halves(piece) if isinstance(result, Failure) and result.illegal else None
                if parts is None:
                    settled.append((piece, result))
                else:
                    waiting += parts
        settled.sort(key=lambda entry: entry[0].start)
        if all(not isinstance(result, Failure) or result.illegal for _, result in settled):
            codes = [(piece, result.code if isinstance(result, Failure) else 0) for piece, result in settled]
            self._owner.learnt(block, failure.code, learn(block, failure.code, codes))
        for piece, result in settled:
            if isinstance(result, Failure):
                self._note_lost([piece], result)


def _place(block: Block) -> _Place:
    return block.table, block.start, block.count
