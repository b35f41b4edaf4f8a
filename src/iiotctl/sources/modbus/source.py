"""The source types of Modbus that ask: one unit, over TCP, TLS, RTU over TCP or a serial port; see `sources/base`."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from iiotctl import quality
from iiotctl.errors import SiteError, SourceError
from iiotctl.events import Event, Level
from iiotctl.samples import GapReason
from iiotctl.sources.base import CapturedTag, PlannedRequest, Reading, SourceContext, SourceState, SourceStatus
from iiotctl.sources.modbus import splits
from iiotctl.sources.modbus.advice import Advice, advise
from iiotctl.sources.modbus.check import check_tags
from iiotctl.sources.modbus.deadlines import holes
from iiotctl.sources.modbus.estimate import exchange_s, place_of
from iiotctl.sources.modbus.failure import Failure, Kind, in_words
from iiotctl.sources.modbus.layout import Layout, ModbusTag, limits_of, parse_tag, request_for
from iiotctl.sources.modbus.manners import manners_of
from iiotctl.sources.modbus.outage import Outage
from iiotctl.sources.modbus.plan import Block, plan
from iiotctl.sources.modbus.queue import Scan
from iiotctl.sources.modbus.reading import reading_of
from iiotctl.sources.modbus.scanner import Scanner

if TYPE_CHECKING:
    from iiotctl.samples import SampleBatch
    from iiotctl.site.model import Tag
    from iiotctl.site.sources import PolledModbus
    from iiotctl.sources.base import Sink
    from iiotctl.sources.modbus.frame import AnyRequest
    from iiotctl.sources.modbus.link import Link

_HINTS: Final = {
    "source-refused": "check the port, and that the device's Modbus server is on and has a free connection",
    "source-unreachable": "check cable, address, network mask and routing: `ip route get HOST`",
    "source-host-unknown": "write the address instead of the name, or ask who runs the name server",
    "source-silent": "check the unit identifier (a gateway is silent for one that it does not have), the device's power, and the timeout",
    "source-lost": "the device may allow fewer connections than are open; close other clients and try again",
}

_TRUST: Final = ("ca", "server_certificate", "certificate", "private_key", "server_name")


class ModbusSource:
    """Reads the tags of one unit; see `sources.base.Source` for the contract.

    Args:
        name: name in the site file.
        config: its table in the site file.
        tags: what to read.
        context: the world.
    """

    def __init__(self, name: str, config: PolledModbus, tags: Sequence[CapturedTag], context: SourceContext) -> None:
        self.name = name
        self.context = context
        self.tags: Mapping[int, ModbusTag] = {}
        self._config = config
        self._place = place_of(config)
        self._manners = manners_of(config)
        self.status = SourceStatus(name, f"{self._place} unit {config.unit}")
        self._limits = limits_of(config)
        self._link: Link | None = None
        self._sink: Sink | None = None
        self._scanners: dict[float, tuple[Scanner, asyncio.Task[None]]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._failing: set[int] = set()
        self._wide = False
        """The failure was reported for the whole source: the first sample ends it for all tags."""
        self._memory = splits.path_of(context.state_dir, config.bus, config.unit) if context.state_dir else None
        self._cuts: splits.Cuts = splits.load(self._memory) if self._memory else {}
        self._last_ts = 0
        self._resting = False
        self._is_slow = False
        self._retired_late = 0
        self._set_tags(tags)

    @staticmethod
    def check(config: PolledModbus, tags: Sequence[Tag]) -> list[SiteError]:
        """Problems that can be known without contact."""
        return check_tags(config, tags)

    def plan(self) -> list[PlannedRequest]:
        """What would be sent per cycle; sends nothing."""
        return [
            PlannedRequest(
                source=self.name,
                endpoint=self._place,
                period_s=block.period,
                request=f"unit {self._config.unit} {block}",
                registers=block.count,
                tags=tuple(self.tags[code].name for code in block.keys),
                note=f"{block.note}, remembered" if block.note else "",
                answer_s=exchange_s(self._config, request_for(block, self._config.unit)),
            )
            for block in self._planned()
        ]

    def advice(self) -> Advice:
        """How the requests depend on `max_gap`; sends nothing."""
        return advise([tag.extent for tag in self.tags.values()], self._limits, self._cuts)

    async def run(self, sink: Sink) -> None:
        """Deliver until cancelled. Faults of the plant never end it."""
        self._sink = sink
        self._join()
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self._replan()
                await asyncio.Event().wait()
        finally:
            self._group = None
            self._scanners.clear()

    async def update(self, tags: Sequence[CapturedTag]) -> None:
        """Take a new list of tags; scans in progress end as they began, so nothing is interrupted."""
        self._set_tags(tags)
        self._failing &= self.tags.keys()
        if self._group is not None:
            self._replan()

    async def read_once(self, tags: Sequence[CapturedTag]) -> list[Reading]:
        """Read each tag once, each by a request of its own.

        Raises:
            SourceError: nothing can be reached.
        """
        link = self._join()
        mine = [parse_tag(tag, self._config) for tag in tags]
        allowed = [t for t in mine if not self._limits.forbids(t.extent.table, t.extent.offset, t.extent.end)]
        layouts = [self._layout_of(tag) for tag in allowed]
        scan = Scan(
            link.queue.unit(self._config.unit),
            [layout.requests[0] for layout in layouts],
            self.context.monotonic(),
            self._config.timeout,
            math.inf,
        )
        if allowed:
            await link.perform(scan)
            self._raise_when_unreachable(link, scan)
        readings = {
            tag.code: reading_of(tag, layout, result, at, took)
            for tag, layout, result, at, took in zip(
                allowed, layouts, scan.results, scan.arrived, scan.took, strict=True
            )
        }
        now = self.context.now_us()
        return [
            readings.get(tag.code)
            or Reading(
                tag.name, None, quality.BAD_CONFIGURATION_ERROR, now, 0.0, note="in a `never_read` range; not read"
            )
            for tag in mine
        ]

    async def ask(self, requests: Sequence[AnyRequest]) -> list[bytes | Failure]:
        """Send requests that belong to no tag (identity, register probe), with the manners of the source.

        Raises:
            SourceError: there is no connection. A device that does not answer is a `Failure` in the list.
        """
        link = self._join()
        unit = link.queue.unit(self._config.unit)
        scan = Scan(unit, requests, self.context.monotonic(), self._config.timeout, math.inf)
        await link.perform(scan)
        results = [Failure(Kind.DISCONNECTED) if result is None else result for result in scan.results]
        if all(isinstance(result, Failure) and result.kind is Kind.DISCONNECTED for result in results):
            self._raise_when_unreachable(link, scan)
        return results

    async def close(self) -> None:
        """Let go of connections; never raises."""
        link, self._link = self._link, None
        if link is not None and link.leave(self._manners):
            self.context.shared.pop(self._key, None)
            await asyncio.sleep(0)  # lets the event loop close the socket

    # for the scanners

    def deliver(self, batch: SampleBatch, *, stale: bool) -> None:
        """Samples of a scan; those of tags that a reload took away are dropped."""
        assert self._sink is not None
        if stale:
            batch = batch.take(np.isin(batch.tag, np.fromiter(self.tags, np.uint32)))
        self._sink.samples(batch)
        self._last_ts = int(batch.ts[-1]) if len(batch) else self._last_ts
        self._resting = False
        if self._failing:
            if self._wide:
                self._wide = False
                self._failing.clear()
                self._say(Level.NOTICE, "source-up", "answers again")
                for scanner, _ in self._scanners.values():
                    scanner.reaffirm()
            if back := self._failing.intersection(batch.tag.tolist()):
                self._failing -= back
                self._say_tags(Level.NOTICE, "tag-back", sorted(back), "values again")
            self._set_state()
        elif self.status.state is SourceState.STARTING:
            self._set_state()

    def fail(self, codes: Sequence[int], failure: Failure) -> None:
        """Tags that got no value; each failure is reported once."""
        assert self._sink is not None
        fresh = [code for code in codes if code in self.tags and code not in self._failing]
        if not fresh:
            return
        at = self.context.now_us()
        absent = failure.kind is Kind.DISCONNECTED
        # nothing comes from the source any more: one gap for all of it instead of one a tag
        nothing_left = len(fresh) + len(self._failing) == len(self.tags)
        link = self._join()
        everything = (absent and link.unreachable) or (
            (absent or failure.silent or failure.kind is Kind.UNASKED) and nothing_left
        )
        outage = link.outage if absent and everything else None
        detail = str(outage or failure)
        if everything:
            self._wide = True
            self._failing = set(self.tags)
            self._sink.failed(None, failure.reason if outage is None else outage.reason, failure.status, at)
            self.status.error = self._error_of(outage) if outage is not None else None
            self._say(Level.WARNING, "source-down", f"no data: {detail}")
        else:
            self._failing.update(fresh)
            self._sink.failed(fresh, failure.reason, failure.status, at)
            slug = "tag-refused" if failure.kind is Kind.REFUSED else "tag-silent"
            self._say_tags(Level.WARNING, slug, fresh, "no value", f": {failure}")
        self._set_state(detail)

    def resting(self, seconds: float) -> None:
        """The unit is demoted and asked again in so many seconds."""
        self.status.detail = f"unit {self._config.unit} does not answer; asked again in {seconds:.0f} s"
        if not self._resting:
            self._resting = True
            self._say(
                Level.NOTICE,
                "unit-demoted",
                f"unit {self._config.unit} of {self._place} was silent three times; it is asked more rarely now",
            )

    def asked(self, requests: int) -> None:
        """So many requests were sent."""
        self.status.requests += requests

    def skipped(self, before: SampleBatch, after: SampleBatch, missed: Sequence[float]) -> None:
        """Deadlines around two scans were not served; tags that are in a gap already are left out."""
        assert self._sink is not None
        past = self.context.monotonic()
        times = [self.context.now_us() - round(1e6 * (past - deadline)) for deadline in missed]
        for (start, end), codes in holes(before, after, times).items():
            lost = [code for code in codes if code in self.tags and code not in self._failing]
            if lost:
                self._sink.lost(None if len(lost) == len(self.tags) else lost, GapReason.OVERFLOW, start, end)

    def overloaded(self, period: float, took: float) -> None:
        """Scans take longer than their period; said once."""
        if self._is_slow:
            return
        self._is_slow = True
        self._say(
            Level.WARNING,
            "cycle-too-long",
            f"a cycle takes {took:.3g} s, longer than the period of {period:g} s: scans fall out (gaps `overflow`); "
            "raise `period`, or save requests with `max_gap` (`capture --dry-run` shows them)",
        )

    def learnt(self, block: Block, code: int, cuts: Mapping[int, int]) -> None:
        """A refused request was taken apart: remember where, and plan again."""
        known = self._cuts.setdefault(block.table, {})
        if not cuts.keys() <= known.keys():
            known.update(cuts)
            if self._memory is not None:
                splits.save(self._memory, self._cuts)
            places = ", ".join(str(place) for place in sorted(cuts))
            self._say(
                Level.NOTICE,
                "request-split",
                f"`{block}` was refused with exception {code:02d}; it is split at {places} from now on",
            )
            self._replan()

    def cycled(self, lag: float, *, whole: bool) -> None:
        """A scan has ended."""
        assert self._link is not None
        status = self.status
        if whole:
            status.alive_at = self._last_ts
        status.cycles += 1
        status.lag_s = lag
        status.late_cycles = self._retired_late + sum(scanner.late for scanner, _ in self._scanners.values())
        status.reconnects = self._link.reconnects

    # inside

    @property
    def _key(self) -> tuple[object, ...]:
        trust = (getattr(self._config, key, None) for key in _TRUST)  # of TLS: each trust has connections of its own
        return (type(self._config), *self._config.bus, *trust)

    def _join(self) -> Link:
        if self._link is None:
            from iiotctl.sources.modbus.link import Link
            from iiotctl.sources.modbus.ways import way_to

            link = self.context.shared.get(self._key)
            if link is None:
                way = way_to(self._config, self.context, self._told)
                link = Link(way, now_us=self.context.now_us, monotonic=self.context.monotonic)
                self.context.shared[self._key] = link
            link.join(self._manners)
            self._link = link
        return self._link

    def _told(self, event: Event) -> None:
        """An event of the link, which one of its sources passes on."""
        if self._sink is not None:
            self._sink.event(replace(event, source=self.name, at=self.context.now_us()))

    def _set_tags(self, tags: Sequence[CapturedTag]) -> None:
        try:
            self.tags = {tag.code: parse_tag(tag, self._config) for tag in tags}
        except ValueError as error:  # the site check says it better; this is for callers that skipped it
            raise SiteError("modbus-address", str(error), where=self.name) from error

    def _planned(self) -> tuple[Block, ...]:
        return plan((tag.extent for tag in self.tags.values()), self._limits, self._cuts)

    def _replan(self) -> None:
        """Give each period its requests; start and end the scanners of periods that came and went."""
        assert self._group is not None
        link = self._join()
        by_period: dict[float, list[Block]] = {}
        for block in self._planned():
            by_period.setdefault(block.period, []).append(block)
        for period in self._scanners.keys() - by_period.keys():
            scanner, task = self._scanners.pop(period)
            self._retired_late += scanner.late
            task.cancel()
        for period, blocks in by_period.items():
            if period in self._scanners:
                self._scanners[period][0].take(blocks)
                continue
            scanner = Scanner(self, link, link.queue.unit(self._config.unit), period, self._config.timeout)
            scanner.take(blocks)
            self._scanners[period] = (scanner, self._group.create_task(scanner.run()))

    def _layout_of(self, tag: ModbusTag) -> Layout:
        extent = tag.extent
        block = Block(extent.table, extent.offset, extent.count, extent.period, (tag.code,))
        return Layout((block,), {tag.code: tag}, self._config.unit)

    def _raise_when_unreachable(self, link: Link, scan: Scan) -> None:
        failures = [r for r in scan.results if isinstance(r, Failure) and r.kind in (Kind.DISCONNECTED, Kind.TIMEOUT)]
        if len(failures) < len(scan.results):
            return
        first = failures[0]
        if link.outage is not None and first.kind is Kind.DISCONNECTED:
            raise self._error_of(link.outage)
        raise self._error_of(Outage("source-silent", first.cause, first.hint))

    def _error_of(self, outage: Outage) -> SourceError:
        return SourceError(
            outage.slug,
            outage.what or f"cannot read from `{self.name}`",
            where=self.status.endpoint,
            cause=outage.cause,
            hint=outage.hint or _HINTS.get(outage.slug),
            retriable=True,
        )

    def _set_state(self, detail: str = "") -> None:
        failing = len(self._failing)
        if not failing:
            self.status.error = None
            self.status.state, self.status.detail = SourceState.RUNNING, ""
            return
        self.status.state = SourceState.DOWN if failing >= len(self.tags) else SourceState.DEGRADED
        if detail:
            self.status.detail = detail

    def _say(self, level: Level, slug: str, text: str, tag: str = "") -> None:
        assert self._sink is not None
        self._sink.event(Event(level, slug, text, source=self.name, tag=tag, at=self.context.now_us()))

    def _say_tags(self, level: Level, slug: str, codes: Iterable[int], what: str, why: str = "") -> None:
        name, of_them = in_words([self.tags[code].name for code in codes])
        self._say(level, slug, f"{what}{of_them}{why}", name)
