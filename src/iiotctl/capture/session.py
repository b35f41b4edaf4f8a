"""A capture from start to end: store, sources, recorder and control put together.

Order at the start: lock and recover the store, write the tags, open the gap since the last run, make that
durable, then let the sources begin. At the end: sources stop, what was suppressed is written, gaps are
closed, the last commit, seal. Between them one tick a second: clock, requests, status, view.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from iiotctl.capture import confirmed, departed, unanswered, unwritten
from iiotctl.capture import figures as figures_
from iiotctl.capture.ballast import Ballast
from iiotctl.capture.clock import Clock
from iiotctl.capture.control import Action, Answer, Control, Request
from iiotctl.capture.disk import Reserve
from iiotctl.capture.keeping import Keeping, KeptTag
from iiotctl.capture.ledger import Ledger
from iiotctl.capture.ledgerstate import LedgerTag
from iiotctl.capture.quieting import Quieting
from iiotctl.capture.recorder import Recorder
from iiotctl.capture.saying import damage, nothing_to_capture, plain
from iiotctl.capture.stages import Stages
from iiotctl.capture.summary import Summary, TagFigures
from iiotctl.capture.supervisor import Keeper
from iiotctl.capture.tagtable import TagTable, manner_of, period_us, row_of
from iiotctl.capture.wishes import Wishes, check_names
from iiotctl.errors import IiotctlError, SiteProblemsError
from iiotctl.events import Event, Level
from iiotctl.samples import GapReason
from iiotctl.site.units import format_count
from iiotctl.sources.base import CapturedTag, SourceContext
from iiotctl.store.schema import RING, TagRow
from iiotctl.store.writer import StoreWriter

if TYPE_CHECKING:
    from iiotctl.site.load import LoadedSite
    from iiotctl.site.settings import Settings
    from iiotctl.site.sources import SourceConfig

TICK_S: Final = 1.0
_REQUEST_S: Final = 0.2


class Session:
    """One run of capture.

    Args:
        loaded: the site.
        settings: store, commit interval, reserve, folders.
        wishes: the rest.
    """

    def __init__(self, loaded: LoadedSite, settings: Settings, wishes: Wishes) -> None:
        self.loaded = loaded
        self.settings = settings
        self.wishes = wishes
        self.keepers: dict[str, Keeper] = {}
        self.table = TagTable()
        self.stopped_by = ""
        self.tags: list[TagFigures] = []
        """How complete each tag is; from the end on."""
        self.events: list[Event] = []
        check_names(wishes.only, loaded)
        self._began = 0.0
        self.started_us = 0
        self._stop = asyncio.Event()
        self._reloading = asyncio.Lock()
        self._context = SourceContext(
            now_us=wishes.now_us,
            monotonic=wishes.monotonic,
            state_dir=settings.state,
            pki_dir=settings.pki,
            trust_first=wishes.trust_first,
            sole_master=wishes.sole_master,
            folder=loaded.folder,
        )
        self.writer: StoreWriter
        self.ledger: Ledger
        self.stages: Stages
        self.recorder: Recorder
        self._control: Control
        self._ballast = Ballast(settings.store)
        self._quieting = Quieting(wishes.monotonic)

    def sources_of(self, loaded: LoadedSite) -> dict[str, SourceConfig]:
        """The sources to run: those wished for that have tags."""
        names = self.wishes.only or list(loaded.site.sources)
        return {
            name: loaded.site.sources[name]
            for name in names
            if name in loaded.site.sources and loaded.site.tags_of(name)
        }

    def check(self, configs: Mapping[str, SourceConfig]) -> None:
        """Raise for what can be known to be wrong without contact."""
        problems = [
            problem
            for name, config in configs.items()
            for problem in self.wishes.check(config, self.loaded.site.tags_of(name))
        ]
        if problems:
            raise SiteProblemsError(problems)

    # --- start ---------------------------------------------------------------------------------

    async def open(self) -> None:
        """Lock and recover the store and prepare everything; the sources do not run yet."""
        wishes, settings = self.wishes, self.settings
        self._began = wishes.monotonic()
        self.started_us = wishes.now_us()
        configs = self.sources_of(self.loaded)
        if not configs:
            raise nothing_to_capture(self.loaded)
        self.check(configs)
        self.writer = await asyncio.to_thread(
            StoreWriter.open,
            settings.store,
            site=self.loaded.site.site.name,
            run_info={"pid": os.getpid(), "site_file": str(self.loaded.path), **wishes.info},
            now_us=wishes.now_us,
            seal_every_s=settings.capture.seal_every,
            seal_size=settings.capture.seal_size,
        )
        try:
            await self._prepare(configs)
        except BaseException:
            self.writer.close(seal=False)
            raise

    async def _prepare(self, configs: Mapping[str, SourceConfig]) -> None:
        wishes, settings = self.wishes, self.settings
        numbers = iter(range(1, 1 << 62))

        def new_id() -> str:
            return f"{self.writer.run}-{next(numbers)}"

        self.ledger = Ledger(new_id, self.started_us)
        self.stages = Stages()
        self._control = Control(settings.store, self._ballast)
        await asyncio.to_thread(self._ballast.take)
        self.recorder = Recorder(
            self.writer,
            self.ledger,
            self.stages,
            clock=Clock(wishes.now_us, wishes.monotonic),
            reserve=Reserve(settings.store, settings.capture.min_free),
            ballast=self._ballast,
            commit_s=settings.capture.commit,
            on_event=self.tell,
            codes_of=lambda name: self.keepers[name].codes if name in self.keepers else (),
            keeping=Keeping(wishes.ring, new_id, self.started_us, self.tell) if wishes.ring is not None else None,
        )
        if damaged := self.writer.recovered.damaged:
            text = damage(damaged, settings.store / "spool" / "damaged", earlier=True)
            self.tell(Event(Level.WARNING, "segment-damaged", text, at=self.started_us))
        rows = []
        for name, config in configs.items():
            captured = self.table.take(self.loaded.site.tags_of(name))
            rows += self.rows_of(captured, config)
            self._introduce(name, config, captured, self.started_us)
            self._recall(name, config, captured)
            self.keepers[name] = self._keeper(name, config, captured)
        self._recall_departed(configs)
        past, steady = self.writer.recovered, wishes.monotonic()
        await asyncio.to_thread(unwritten.roll_again, self.stages.rollups, settings.store, self.keepers, past, steady)
        listed = {tag.name for tag in self.loaded.site.tags}
        rows += await asyncio.to_thread(departed.since_last_run, self.writer, listed, self.table)
        await self.recorder.define(rows, self.started_us)

    def _keeper(self, name: str, config: SourceConfig, captured: Sequence[CapturedTag]) -> Keeper:
        return Keeper(
            name,
            config,
            captured,
            create=lambda n, c, t: self.wishes.create(n, c, t, self._context),
            recorder=self.recorder,
            on_event=self.tell,
        )

    def _introduce(self, name: str, config: SourceConfig, captured: Sequence[CapturedTag], since: int) -> None:
        """Make tags known to ledger, stages and view."""
        manner = manner_of(config)
        self.ledger.add_source(name, stamped_here=manner.stamped_here, since=since)
        self.ledger.define(
            LedgerTag(item.code, item.tag.name, name, period_us(item.tag, config), manner.exception, since)
            for item in captured
        )
        for item in captured:
            self.stages.define(item, manner)
            self.recorder.latest.reserve(item.code)
        if self.recorder.keeping is not None:
            self.recorder.keeping.define(KeptTag.of(name, item, manner) for item in captured)

    def _recall(self, name: str, config: SourceConfig, captured: Sequence[CapturedTag]) -> None:
        """Go on where the last run of this store ended."""
        past = self.writer.recovered
        last: dict[int, int] = {}
        for item in captured:
            if (row := past.last.get(item.tag.name)) is None:
                continue
            self.stages.filter.restore(item.code, row)
            if row.good_ts is not None:
                last[item.code] = row.good_ts
        if not manner_of(config).continuous:
            return
        rows = self.ledger.resume(
            name,
            previous_end=past.alive.get(name),
            last=last,
            open_gaps=[gap for gap in past.open_gaps if gap.source == name],
            reason=GapReason.SHUTDOWN if past.clean else GapReason.RESTART,
            at=self.started_us,
        )
        rows += unwritten.gaps(self.ledger.book, name, captured, past, self.started_us)
        self.recorder.note(rows + unanswered.gaps(self.ledger.book, (name, config), captured, past, self.started_us))

    def _recall_departed(self, configs: Mapping[str, SourceConfig]) -> None:
        """Gaps left open by sources that are no longer captured end here."""
        left = [gap for gap in self.writer.recovered.open_gaps if gap.source not in configs]
        if not self.wishes.only:
            self.recorder.note([figures_.ended(gap, self.started_us) for gap in left])

    # --- run -----------------------------------------------------------------------------------

    async def run(self, *, duration_s: float | None = None) -> Summary:
        """Capture until the duration is over, every source has ended, or `stop` is called.

        Raises:
            IiotctlError: the store broke; what was durable stays so.
        """
        await self.recorder.commit()
        self._began = self.wishes.monotonic()
        tags = sum(len(keeper.tags) for keeper in self.keepers.values())
        text = f"capturing {format_count(tags, 'tag')} of {format_count(len(self.keepers), 'source')} into {self.settings.store}"
        self.tell(Event(Level.NOTICE, "capturing", text, at=self.started_us))
        committing = asyncio.create_task(self.recorder.run(), name="recorder")
        for keeper in self.keepers.values():
            keeper.start()
        ticking = asyncio.create_task(self._tick(duration_s), name="tick")
        stopping = asyncio.create_task(self._stop.wait(), name="stop")
        try:
            await asyncio.wait({committing, ticking, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ticking.cancel()
            stopping.cancel()
            await asyncio.gather(ticking, stopping, return_exceptions=True)
        summary = await self._finish(committing)
        if not ticking.cancelled() and (error := ticking.exception()) is not None:
            raise error
        return summary

    def stop(self, why: str) -> None:
        """End in order."""
        self.stopped_by = self.stopped_by or why
        self._stop.set()

    async def _finish(self, committing: asyncio.Task[None]) -> Summary:
        await asyncio.gather(*(keeper.stop() for keeper in self.keepers.values()))
        for name, keeper in self.keepers.items():
            self.recorder.flush(name, keeper.codes)
        now = self.recorder.now()
        self.recorder.note(self.ledger.close(now))
        if committing.done() and committing.exception() is not None:
            self._end(now)
            self.writer.close(seal=False)
            raise committing.exception()  # type: ignore[misc]
        is_complete = await self.recorder.finish()
        await committing
        if not is_complete:
            text = f"{self.recorder.waiting} samples found no room on the disk and are lost; the next start counts them as a gap"
            self.tell(Event(Level.ERROR, "last-commit-failed", text, at=now))
        files = await asyncio.to_thread(self._close_store)
        self.recorder.figures.sealed_files += len(files)
        self.recorder.figures.sealed_bytes += sum(file.size for file in files)
        return self._end(now)

    def _close_store(self) -> list[Any]:
        self.writer.rotate()
        try:
            files = self.writer.seal()
        except (OSError, IiotctlError) as error:
            text = f"the last samples stay in the spool and are sealed at the next start: {plain(error)}"
            self.tell(Event(Level.WARNING, "seal-failed", text))
            self._ballast.give_up()
            with suppress(OSError, IiotctlError):
                self.writer.mark_ended()
            self.writer.close(seal=False)
            return []
        self.writer.close(seal=True)
        return files

    def _end(self, now: int) -> Summary:
        self.recorder.shut_down()
        self.tags = figures_.of_tags(self, now, ended=True)
        summary = figures_.with_tags(self.summary(), self.tags)
        status = figures_.status(summary, "stopped", now, self.events)
        self._control.close(status | figures_.tags_json(self.tags))
        return summary

    async def _tick(self, duration_s: float | None) -> None:
        monotonic = self.wishes.monotonic
        last, due = self._began, self._began
        while True:
            now = monotonic()
            if now >= due:
                self.ledger.hear({name: keeper.status.alive_at for name, keeper in self.keepers.items()})
                self.recorder.tick({name: keeper.status.clock_offset_s for name, keeper in self.keepers.items()})
                self.recorder.latest.tick(now - last)
                last = now
                due = max(due + TICK_S, now)
                self._publish()
                self.wishes.on_tick(self)
            for request in self._control.requests():
                await self._serve(request)
            if duration_s is not None and monotonic() - self._began >= duration_s:
                self.stop("duration")
            if all(keeper.is_over for keeper in self.keepers.values()):
                self.stop("ended")
            left = _REQUEST_S if duration_s is None else min(_REQUEST_S, self._began + duration_s - monotonic())
            await asyncio.sleep(max(0.01, left))

    def _publish(self) -> None:
        now = self.wishes.now_us()
        self._control.publish(figures_.status(self.summary(), "running", now, self.events))

    async def _serve(self, request: Request) -> None:
        if request.action == Action.RELOAD:
            answer = await self.reload()
        elif request.action == Action.SEAL:
            before = self.recorder.figures.sealed_files
            await self.recorder.seal_now()
            made = self.recorder.figures.sealed_files - before
            answer = Answer(True, f"sealed {format_count(made, 'file')}", {"files": made})
        elif request.action == Action.TAGS:
            answer = Answer(True, "", figures_.tags_json(figures_.of_tags(self, self.wishes.now_us())))
        elif request.action == Action.STOP:
            self.stop("request")
            answer = Answer(True, "stopping", {})
        else:
            answer = Answer(False, f"unknown request `{request.action}`", {})
        self._control.answer(request, answer)

    def tell(self, event: Event) -> None:
        """Pass an event on unless it floods; the last warnings are kept for the status."""
        told = self._quieting.take(event)
        if told is None:
            return
        event = told
        if event.slug == confirmed.SLUG:
            with suppress(OSError):  # the event itself is shown, and logged
                confirmed.keep(self.settings.store, self.writer.run, event)
        if event.level >= Level.WARNING:
            self.events.append(event)
            del self.events[:-10]
        self.wishes.on_event(event)

    def summary(self) -> Summary:
        """Figures of the run so far."""
        return figures_.summarise(self, self.wishes.monotonic() - self._began)

    def view(self) -> list[figures_.TagView]:
        """Every tag's newest value, for a live table."""
        return figures_.view(self, self.wishes.now_us())

    # --- reload --------------------------------------------------------------------------------

    async def reload(self) -> Answer:
        """Read the site file again and take over what changed; a wrong file is refused and nothing changes."""
        from iiotctl.capture.reload import reload

        async with self._reloading:
            return await reload(self)

    def adopt(self, name: str, config: SourceConfig, captured: Sequence[CapturedTag]) -> Keeper:
        """A source that joins while running, introduced before; it is not started."""
        self.keepers[name] = self._keeper(name, config, captured)
        return self.keepers[name]

    def introduce(self, name: str, config: SourceConfig, captured: Sequence[CapturedTag]) -> None:
        """Tags that join or change while running."""
        self._introduce(name, config, captured, self.wishes.now_us())

    def rows_of(self, captured: Sequence[CapturedTag], config: SourceConfig) -> list[TagRow]:
        """What the store keeps about tags; of those that go through the ring it says so."""
        ring = self.wishes.ring
        rows = [row_of(item, config) for item in captured]
        return rows if ring is None else [replace(row, mode=RING) if ring.takes(row.tag) else row for row in rows]

    def prepare(self, name: str, config: SourceConfig) -> None:
        """See whether a source can be made; raises as `registry.create`."""
        self.wishes.create(name, config, [], self._context)
