"""From sources to the spool: collects batches, makes them durable once an interval, accounts for every loss.

The event loop never waits for the disk: one worker thread commits (one write, one fdatasync), another seals.
What waits meanwhile is bounded. When the disk is slower than the sources, or has no room, samples are thrown
away, and each source concerned gets a gap with the cause.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

from iiotctl.capture.ballast import Ballast
from iiotctl.capture.clock import Clock
from iiotctl.capture.disk import Reserve, is_full
from iiotctl.capture.keeping import Keeping
from iiotctl.capture.latest import Latest
from iiotctl.capture.ledger import Ledger
from iiotctl.capture.pending import Figures, Load, Writer
from iiotctl.capture.sealing import Sealing
from iiotctl.capture.stages import Stages
from iiotctl.events import Event, Level
from iiotctl.samples import Gap, GapReason, SampleBatch, empty_batch
from iiotctl.site.units import format_size

_T = TypeVar("_T")
Durable = Callable[[], None]

if TYPE_CHECKING:
    from iiotctl.capture.summary import RingFigures
    from iiotctl.store.schema import TagRow
    from iiotctl.store.writer import CommitInfo

MAX_BACKLOG: Final = 1_000_000
"""Samples that may wait for the disk, about 40 MB; beyond, they are lost and counted."""
_EAGER: Final = 100_000
"""So many waiting samples are committed before the interval ends."""
_SIGN_US: Final = 10_000_000
"""A source without changes is known to live at least so often; a crash leaves no longer gap than this."""


class Recorder:
    """Takes what sources deliver and brings it to the store.

    Args:
        writer: of the store.
        ledger: knows the run's sources and tags.
        stages: likewise.
        clock: ours.
        reserve: free space to leave.
        ballast: room for the last words on a full disk.
        commit_s: commit interval, seconds.
        on_event: takes events; called on the loop.
        codes_of: codes of a source's tags.
        keeping: the trigger ring, if there is one.
        max_backlog: samples that may wait for the disk.
    """

    def __init__(
        self,
        writer: Writer,
        ledger: Ledger,
        stages: Stages,
        *,
        clock: Clock,
        reserve: Reserve,
        ballast: Ballast,
        commit_s: float,
        on_event: Callable[[Event], None],
        codes_of: Callable[[str], Sequence[int]],
        keeping: Keeping | None = None,
        max_backlog: int = MAX_BACKLOG,
    ) -> None:
        self.commit_s = commit_s
        self.figures = Figures()
        self.latest = Latest()
        self.blocked: GapReason | None = None
        self.keeping = keeping
        self._writer = writer
        self._ledger = ledger
        self._stages = stages
        self._clock = clock
        self._reserve = reserve
        self._ballast = ballast
        self._on_event = on_event
        self._codes_of = codes_of
        self._max_backlog = max_backlog
        self._pending = Load()
        self._alive: dict[str, int] = {}  # signs of life as last written
        self._held: Load | None = None
        self._in_flight = 0
        self._is_stopping = False
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()
        self._room = asyncio.Event()
        self._room.set()
        self._committer = ThreadPoolExecutor(1, "commit")
        self._sealing = Sealing(writer, clock.monotonic, self.figures, self._tell)

    @property
    def waiting(self) -> int:
        """Samples that are not durable yet."""
        return self._pending.count + self._in_flight + (self._held.count if self._held else 0)

    def now(self) -> int:
        """Our wall clock, µs UTC; a step of it is noticed here."""
        step, now = self._clock.step(), self._clock.now_us()
        if step:
            self._pending.gaps += self._ledger.stepped(step, now)
            if self.keeping is not None:
                self.keeping.stepped(step, now)
            way = "forward" if step > 0 else "back"
            text = f"the clock of this machine jumped {abs(step) / 1e6:.1f} s {way} (or the machine slept)"
            self._tell(Level.WARNING, "clock-step", text, {"step_s": step / 1e6})
        return now

    # --- what sources tell ---------------------------------------------------------------------

    def samples(self, source: str, batch: SampleBatch, on_commit: Durable | None, *, alive_at: int = 0) -> None:
        """See `Sink.samples`; `alive_at` as in `SourceStatus`."""
        now = self.now()
        figures = self.figures
        figures.delivered += len(batch)
        figures.by_source[source] = figures.by_source.get(source, 0) + len(batch)
        self.latest.observe(batch)
        if self.blocked is None and (self.waiting + len(batch) > self._max_backlog or self._is_choked):
            self._block(GapReason.OVERFLOW, f"the disk is too slow: {self.waiting} samples wait for it")
        if self.blocked is not None:
            self._pending.gaps += self._ledger.dropping(source, self.blocked, now)
            figures.dropped += len(batch)
            if on_commit is not None:
                # lost and accounted for: the server need not keep it for us
                asyncio.get_running_loop().call_soon(on_commit)
            return
        fresh = self._stages.filter.accept(batch, now)
        self._stages.rollups.add(fresh, self._steady())
        if self.keeping is not None:
            self.keeping.watch(fresh, now, self._steady())
        kept = self._stages.deadband.accept(fresh)
        self._stages.filter.stored(kept)
        self._pending.gaps += self._ledger.observe(source, batch, kept, now, alive_at=alive_at)
        self._add(self._stages.rollups.raw(kept))
        if on_commit is not None:
            self._pending.callbacks.append(on_commit)

    def failed(
        self, source: str, tags: Sequence[int] | None, reason: GapReason, quality: int, *, at: int, alive_at: int
    ) -> None:
        """See `Sink.failed`; `alive_at` as in `SourceStatus`."""
        self.now()
        self.flush(source, self._codes_of(source) if tags is None else tags)
        rows, nulls = self._ledger.failed(source, tags, reason, quality, at, alive_at=alive_at)
        self._pending.gaps += rows
        self.latest.observe(nulls)
        self.latest.count[nulls.tag] -= 1  # nobody delivered them
        self._stages.nulled(nulls)
        self._stages.rollups.add(nulls, self._steady())
        if self.keeping is not None:
            self.keeping.watch(nulls, self._clock.now_us(), self._steady())
        self._add(self._stages.rollups.raw(nulls))

    def lost(self, source: str, tags: Sequence[int] | None, reason: GapReason, start: int, end: int) -> None:
        """See `Sink.lost`."""
        at, recent = self.now(), self._stages.filter.recent
        self._pending.gaps += self._ledger.lost(source, tags, reason, start, end, at=at, recent=recent)

    def bridged(self, source: str) -> None:
        """See `Sink.bridged`."""
        self._pending.gaps += self._ledger.bridged(source, self.now())

    def event(self, event: Event) -> None:
        """See `Sink.event`."""
        self._on_event(event)

    async def ready(self) -> None:
        """See `Sink.ready`."""
        while self.blocked is not None or self.waiting > self._max_backlog // 2:
            self._room.clear()
            self._wake.set()
            await self._room.wait()

    def note(self, rows: Sequence[Gap]) -> None:
        """Gap rows from elsewhere (restart, reload) for the next commit."""
        self._pending.gaps += rows

    def flush(self, source: str, codes: Sequence[int]) -> None:
        """Store the suppressed samples of tags: a gap begins, they leave, or the run ends."""
        held = self._stages.deadband.flush(codes)
        if len(held):
            self._stages.filter.stored(held)
            self._pending.gaps += self._ledger.observe(source, empty_batch(), held, self._clock.now_us())
            self._add(self._stages.rollups.raw(held))

    def tick(self, clocks: Mapping[str, float | None]) -> None:
        """Another second; `clocks` of the sources minus ours, seconds, None = unknown."""
        now = self.now()
        self._stages.tell(self._on_event, now)
        if self.keeping is not None:
            for source, offset in clocks.items():
                self.keeping.set_clock(source, offset)
            self.keeping.tick(now, self._steady())

    def ring_figures(self) -> RingFigures | None:
        """The trigger ring now, if there is one."""
        return None if self.keeping is None else self.keeping.figures(self._steady())

    def _steady(self) -> int:
        return round(self._clock.monotonic() * 1e6)

    @property
    def _is_choked(self) -> bool:
        return self.keeping is not None and self.keeping.is_choked

    def _add(self, batch: SampleBatch) -> None:
        if self.keeping is not None:
            batch = self.keeping.sift(batch, self._clock.now_us(), self._steady())
        self._store(batch)

    def _draw(self) -> None:
        """Take out of the ring what a trigger wants, as much as one commit takes well."""
        if self.keeping is None or self.blocked not in (None, GapReason.OVERFLOW):
            return
        while self.keeping.is_waiting and self._pending.count < _EAGER:
            self._store(self.keeping.pull())
        if self.keeping.is_waiting:
            self._wake.set()

    def _store(self, batch: SampleBatch) -> None:
        if not len(batch):
            return
        self._pending.batches.append(batch)
        self._pending.count += len(batch)
        if self._pending.count >= _EAGER:
            self._wake.set()

    # --- to the disk ---------------------------------------------------------------------------

    async def define(self, rows: Sequence[TagRow], since: int | None = None) -> None:
        """Tags begin or change, at `since` (µs UTC, None = now); to be called before their first sample."""
        async with self._turn:
            await self._in(lambda: self._writer.define_tags(rows, since))

    async def run(self) -> None:
        """Commit once an interval until `finish`; ends with an error when the store is broken."""
        loop = asyncio.get_running_loop()
        deadline = loop.time()
        while not self._is_stopping:
            deadline = max(deadline + self.commit_s, loop.time())
            try:
                async with asyncio.timeout_at(deadline):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            await self.commit()

    async def commit(self) -> None:
        """Make everything that waits durable, as far as there is room."""
        async with self._turn:
            await self._commit()

    async def _commit(self) -> None:
        if self._reserve.is_short():
            if self.blocked not in (GapReason.DISK_RESERVE, GapReason.DISK_FULL):
                free, required = format_size(self._reserve.free), format_size(self._reserve.required)
                self._block(
                    GapReason.DISK_RESERVE,
                    f"only {free} are free and {required} are to stay free: nothing is stored until there is room",
                )
            # what came before the reserve still finds room, and so do the few rows that say what is lost
            if self._pending.count or self._pending.gaps:
                await self._write()
            return
        if self.blocked is GapReason.DISK_RESERVE:
            self._unblock()
        if not self._ballast.is_held:
            await self._in(self._ballast.take)
        self._draw()
        await self._write()
        if self.blocked is GapReason.OVERFLOW and self.waiting < self._max_backlog // 2 and not self._is_choked:
            self._unblock()
        if self.blocked is None and self.waiting <= self._max_backlog // 2:
            self._room.set()
        if self.blocked is not GapReason.DISK_FULL:
            await self._sealing.begin(self._rotate)

    async def _write(self) -> None:
        load = self._held or Load()
        self._held = None
        self._stages.rollups.gaps(self._pending.gaps)
        self._pending.rollups += self._stages.rollups.due(self._steady(), ending=self._is_stopping)
        load.add(self._pending)
        self._pending = Load()
        load.kept += self.keeping.rows(self._clock.now_us()) if self.keeping is not None else []
        alive = self._ledger.accounts()
        # where nothing is stored (no changes, a ring) they tell up to when we were watching
        is_due = self.keeping is not None or self._clock.now_us() - self.figures.durable_until >= _SIGN_US
        is_sign = is_due and alive != self._alive and self.blocked is None
        # with the ballast taken again an empty commit shows whether the spool has room as well
        is_probe = self.blocked is GapReason.DISK_FULL and self._ballast.is_held
        if not (load.count or load.gaps or load.kept or load.rollups or is_sign or is_probe):
            self._done(load, None)
            return
        self._in_flight = load.count
        try:
            info = await self._in(lambda: load.commit_to(self._writer, alive))
        except Exception as error:
            self._held = load
            if not is_full(error):
                raise
            self._full()
            return
        finally:
            self._in_flight = 0
        self._alive = alive
        # without the ballast there is room for gap rows only
        if self.blocked is GapReason.DISK_FULL and self._ballast.is_held and not self._reserve.is_short():
            self._unblock()
        self._done(load, info)

    def _done(self, load: Load, info: CommitInfo | None) -> None:
        if info is not None:
            figures = self.figures
            figures.commits += 1
            figures.stored += load.count
            figures.rollups += sum(map(len, load.rollups))
            figures.bytes += info.size
            figures.durable_until = self._clock.now_us()
            text = f"commit {figures.commits}: {load.count} samples durable, {figures.stored} in all"
            self._tell(Level.DEBUG, "commit", text, {"samples": load.count, "stored": figures.stored})
        for callback in load.callbacks:
            callback()

    async def _rotate(self) -> bool:
        try:
            await self._in(self._writer.rotate)
        except Exception as error:
            if not is_full(error):
                raise
            self._full()
            return False
        return True

    async def seal_now(self) -> None:
        """Close the running segment and seal all that are closed."""
        await self.commit()
        async with self._turn:
            await self._sealing.settled()
            self._sealing.wanted = True
            await self._sealing.begin(self._rotate)
            await self._sealing.settled()

    async def finish(self) -> bool:
        """The last commit.

        Returns:
            False when samples remain that the disk did not take.
        """
        self._is_stopping = True
        self._wake.set()
        await self._sealing.settled()
        async with self._turn:
            while self.keeping is not None and self.keeping.is_waiting and self.blocked is None:
                self._draw()
                await self._write()
            is_left = self._pending.count or self._pending.gaps or self._held is not None or self.keeping is not None
            if is_left or not self._stages.rollups.is_empty:
                had_ballast = self._ballast.is_held
                await self._write()
                if self._held is not None and had_ballast:
                    await self._write()
        return self._held is None

    def shut_down(self) -> None:
        """Let the threads go."""
        self._committer.shutdown(wait=False)
        self._sealing.shut_down()

    async def _in(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._committer, work)

    def _full(self) -> None:
        self._ballast.give_up()
        if self.blocked is not GapReason.DISK_FULL:
            self._block(GapReason.DISK_FULL, "the disk is full: nothing is stored until there is room")

    def _block(self, reason: GapReason, text: str) -> None:
        self.blocked = reason
        slug = "backlog-overflow" if reason is GapReason.OVERFLOW else str(reason)
        self._tell(Level.ERROR, slug, text, {"waiting": self.waiting})

    def _unblock(self) -> None:
        self._tell(Level.NOTICE, "storing-again", f"samples are stored again after a gap `{self.blocked}`")
        self.blocked = None

    def _tell(self, level: Level, slug: str, text: str, data: dict[str, object] | None = None) -> None:
        self._on_event(Event(level, slug, text, at=self._clock.now_us(), data=data or {}))
