"""The trigger ring at work: which samples are stored at once, which wait in memory, which windows are kept and why.

Stands between what sources deliver and what is committed. Pure but for its state: times come in as arguments; of our
clocks the wall clock stamps samples and rows, the steady one decides about ages.

Each trigger has windows of its own, from `before` it fired to `after`; firing again before the end extends the
window. A sample is stored when it lies in a window of any trigger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from iiotctl.capture.ring import Ring
from iiotctl.capture.summary import RingFigures, TriggerFigures
from iiotctl.capture.trigger import Watches
from iiotctl.events import Event, Level
from iiotctl.kept import Kept
from iiotctl.samples import SampleBatch, empty_batch
from iiotctl.site.units import format_duration, format_size

if TYPE_CHECKING:
    from iiotctl.capture.tagtable import Manner
    from iiotctl.site.ring import RingSettings
    from iiotctl.sources.base import CapturedTag

_CLOCKS_AGREE_US: Final = 1_000_000
"""A device clock that is off by less is taken for ours."""
_JUDGE_AFTER_US: Final = 30_000_000
"""After so long the rate of samples is known well enough to say how far the ring will reach."""
_SHORT: Final = 0.95


@dataclass(frozen=True, slots=True)
class KeptTag:
    """What the ring must know of a tag.

    Attributes:
        code: the tag's code in this run.
        name: name in the site file.
        source: name of its source.
        on_change: it may be silent because nothing changes.
        stamped_here: its timestamps come from our clock.
    """

    code: int
    name: str
    source: str
    on_change: bool
    stamped_here: bool = True

    @classmethod
    def of(cls, source: str, item: CapturedTag, manner: Manner) -> KeptTag:
        """A tag of the site file."""
        on_change = manner.exception or item.tag.deadband_absolute is not None
        return cls(item.code, item.tag.name, source, on_change, manner.stamped_here)


@dataclass(slots=True, eq=False)
class _Window:
    ids: dict[str | None, str]
    place: int
    start: int
    end: int
    fired_at: int
    is_drained: bool = False
    """What the ring held of it is stored; until then nothing is said about it."""
    sure_until: int | None = None
    """It was extended, and behind this the ring must be asked first."""
    said: dict[str | None, tuple[int, int]] = field(default_factory=dict)


class Keeping:
    """State of a run's ring.

    Args:
        settings: `[ring]`.
        new_id: gives ids that are unique in the store.
        now: µs UTC, begin of the run.
        on_event: takes events.
    """

    def __init__(
        self, settings: RingSettings, new_id: Callable[[], str], now: int, on_event: Callable[[Event], None]
    ) -> None:
        self.kept = 0
        self._settings = settings
        self._new_id = new_id
        self._on_event = on_event
        self._keep_us = round(settings.keep * 1e6)
        self._before_us = round(settings.lead * 1e6)
        self._after_us = round(settings.after * 1e6)
        self._watches = Watches(settings.parsed)
        self._ring = Ring(self._keep_us, settings.memory, now)
        self._begun: int | None = None
        self._tags: dict[int, KeptTag] = {}
        self._is_in = np.zeros(64, np.bool_)
        self._windows: list[_Window] = []
        self._steps: list[tuple[int, int]] = []
        """Steps of our clock: what it showed before and after."""
        self._offsets: dict[str, tuple[float, int]] = {}
        """By source: its clock minus ours as measured (s), and the steps of ours since then (µs)."""
        self._told_short = False
        self._told_deaf: set[str] = set()
        if settings.lead < settings.before:
            lead, usual = format_duration(settings.lead), format_duration(settings.before)
            text = f"{lead} are stored before a trigger, not {usual}: the ring reaches no further back"
            on_event(Event(Level.NOTICE, "ring-lead", text, at=now))

    # --- what there is -------------------------------------------------------------------------

    def define(self, tags: Iterable[KeptTag]) -> None:
        """Tags begin; each that a glob of `[ring] tags` names goes through the ring."""
        for tag in tags:
            self._tags[tag.code] = tag
            if tag.code >= self._is_in.shape[0]:
                more = max(tag.code + 1, 2 * self._is_in.shape[0]) - self._is_in.shape[0]
                self._is_in = np.append(self._is_in, np.zeros(more, np.bool_))
            self._is_in[tag.code] = self._settings.takes(tag.name)
            self._ring.reserve(tag.code)
            self._watches.define(tag.code, tag.name)

    def set_clock(self, source: str, offset_s: float | None) -> None:
        """The clock of a source minus ours, seconds; None = unknown."""
        measured = offset_s or 0.0
        known, since = self._offsets.get(source, (0.0, 0))
        if known != measured:
            known, since = measured, 0
        elif source in self._offsets or not measured:
            return
        self._offsets[source] = (known, since)
        self._shift(source)

    def _shift(self, source: str) -> None:
        measured, since = self._offsets[source]
        shift = round(measured * 1e6) - since
        codes = [tag.code for tag in self._tags.values() if tag.source == source]
        self._ring.set_shift(codes, shift if abs(shift) > _CLOCKS_AGREE_US else 0)

    def stepped(self, step_us: int, now: int) -> None:
        """Our clock jumped by `step_us` and shows `now`."""
        self._watches.forget_order(code for code, tag in self._tags.items() if tag.stamped_here)
        before = now - step_us
        self._steps.append((before, now))
        del self._steps[:-8]
        for source, (measured, since) in list(self._offsets.items()):
            if measured:
                self._offsets[source] = (measured, since + step_us)
                self._shift(source)
        for window in [window for window in self._windows if window.end >= before]:
            # what is left of it goes on in the new time
            self._open(window.place, window.fired_at, now, window.end + step_us)
            window.end = before

    # --- samples -------------------------------------------------------------------------------

    def watch(self, batch: SampleBatch, now: int, steady: int) -> None:
        """Samples came, before any deadband: see whether a trigger fires.

        Args:
            batch: the samples.
            now: µs UTC of our clock.
            steady: µs of our steady clock.
        """
        for place, code, at in self._watches.feed(batch, steady):
            self._fire(place, at - self._shift_of(code), now)

    def sift(self, batch: SampleBatch, now: int, steady: int) -> SampleBatch:
        """What of samples is stored at once; the rest waits in the ring. `now`, `steady` as in `watch`."""
        if self._begun is None:
            self._begun = steady
        is_in = self._is_in[batch.tag]
        if not is_in.any():
            return batch
        spans = tuple((window.start, window.end) for window in self._windows)
        direct = ~is_in | self._ring.inside(batch, spans) if spans else ~is_in
        if not direct.any():
            self._ring.push(batch, steady=steady, wall=now)
            return empty_batch()
        stored = batch if direct.all() else batch.take(direct)
        if len(stored) < len(batch):
            self._ring.push(batch.take(~direct), steady=steady, wall=now)
        mine = stored if is_in.all() else stored.take(self._is_in[stored.tag])
        self._ring.stored(mine)
        self.kept += len(mine)
        return stored

    def pull(self) -> SampleBatch:
        """Samples out of the ring that a window wants, one stretch at most; none, and maybe more to come."""
        batch = self._ring.take()
        self.kept += len(batch)
        if not self._ring.is_waiting:
            for window in self._windows:
                window.is_drained, window.sure_until = True, None
        return batch

    @property
    def is_waiting(self) -> bool:
        """Whether `pull` has something to do."""
        return self._ring.is_waiting

    @property
    def is_choked(self) -> bool:
        """More is to be stored than the disk takes."""
        return self._ring.is_choked

    # --- windows -------------------------------------------------------------------------------

    def _shift_of(self, code: int) -> int:
        measured, since = self._offsets.get(self._tags[code].source, (0.0, 0))
        shift = round(measured * 1e6) - since
        return shift if abs(shift) > _CLOCKS_AGREE_US else 0

    def _fire(self, place: int, fired_at: int, now: int) -> None:
        trigger = self._watches.all[place].trigger
        start, end = fired_at - self._before_us, fired_at + self._after_us
        is_new = True
        for before, after in reversed(self._steps):
            if not start < after <= fired_at:
                continue
            # our clock stepped meanwhile: the part before it stands in the old time
            is_new &= self._open(place, fired_at, before - (after - start), before)
            start = after
        is_new &= self._open(place, fired_at, start, end)
        if is_new:
            held = max(0.0, (fired_at - max(start, self._ring.complete_since)) / 1e6)
            text = f"`{trigger.text}` fired; kept from {format_duration(int(held) if held >= 1 else round(held, 1))} before it"
            if held < _SHORT * self._settings.lead:
                text += f" (the ring held no more; {format_duration(self._settings.lead)} are wanted)"
            data: dict[str, object] = {"trigger": trigger.text, "fired_at_us": fired_at}
            self._on_event(Event(Level.NOTICE, "trigger-fired", text, at=now, data=data))

    def _open(self, place: int, fired_at: int, start: int, end: int) -> bool:
        """Keep a window; false when it only extends one of the same trigger."""
        if self._ring.complete_since <= end:  # else our clock has stepped back meanwhile
            start = max(start, self._ring.complete_since)
        for window in self._windows:
            if window.place == place and start <= window.end + 1 and end >= window.start:
                if end > window.end:
                    self._ring.claim(window.end + 1, end)
                    if self._ring.is_waiting and window.sure_until is None:
                        window.sure_until = window.end
                    window.end = end
                return False
        self._windows.append(_Window({}, place, start, end, fired_at))
        self._ring.claim(start, end)
        on_change = [code for code, tag in self._tags.items() if tag.on_change and self._is_in[code]]
        self._ring.remember_before(start, np.array(on_change, np.uint32))
        self._windows[-1].is_drained = not self._ring.is_waiting
        return True

    def tick(self, now: int, steady: int) -> None:
        """Time has passed: triggers that wait for it, what is too old, what to tell."""
        for place, code, at in self._watches.tick(steady):
            self._fire(place, at - self._shift_of(code), now)
        self._ring.shrink(steady)
        # a late sample may still find its window as long as the ring would have held it
        self._windows = [
            window for window in self._windows if window.end > now - self._keep_us or not self._is_said(window)
        ]
        self._tell(now, steady)

    def rows(self, now: int) -> list[Kept]:
        """What to write about windows with the next commit: how far they are stored, and why.

        Args:
            now: µs UTC; all that is in the commits up to this one was received before.
        """
        found = []
        for window in self._windows:
            if not window.is_drained:
                continue
            start = window.start
            end = min(window.end if window.sure_until is None else window.sure_until, now)
            for source, shift in self._clocks().items():
                if end < start or window.said.get(source) == (start, end):
                    continue
                window.said[source] = (start, end)
                found.append(
                    Kept(
                        window.ids.setdefault(source, self._new_id()),
                        source,
                        start + shift,
                        end + shift,
                        self._watches.all[window.place].trigger.text,
                        window.fired_at,
                        now,
                    )
                )
        return found

    def _is_said(self, window: _Window) -> bool:
        return (
            window.is_drained
            and window.sure_until is None
            and all(said == (window.start, window.end) for said in window.said.values())
        )

    def _clocks(self) -> Mapping[str | None, int]:
        """Clocks of the sources that differ from ours, µs ahead; one row for all when none does."""
        sources = {tag.source: tag.code for tag in self._tags.values() if self._is_in[tag.code]}
        shifts: dict[str | None, int] = {source: self._shift_of(code) for source, code in sources.items()}
        ours: dict[str | None, int] = {None: 0}
        return shifts if any(shifts.values()) else ours

    # --- what to say ---------------------------------------------------------------------------

    def figures(self, steady: int) -> RingFigures:
        """The ring now; `steady` as in `watch`."""
        ring = self._ring
        return RingFigures(
            keep_s=self._settings.keep,
            held_s=ring.held_us(steady) / 1e6,
            reach_s=self._reach(steady),
            samples=ring.count,
            bytes=ring.size,
            memory=self._settings.memory,
            tags=int(np.count_nonzero(self._is_in)),
            kept=self.kept,
            is_open=any(not self._is_said(window) for window in self._windows),
            triggers=tuple(
                TriggerFigures(watch.trigger.text, watch.is_armed, watch.fired, watch.fired_at)
                for watch in self._watches.all
            ),
        )

    def _reach(self, steady: int) -> float | None:
        held = self._ring.held_us(steady)
        if self._begun is None or steady - self._begun < min(_JUDGE_AFTER_US, self._keep_us) or not self._ring.size:
            return None
        return min(self._settings.keep, held / 1e6 * self._settings.memory / self._ring.size)

    def _tell(self, now: int, steady: int) -> None:
        reach = self._reach(steady)
        if not self._told_short and reach is not None and reach < _SHORT * self._settings.keep:
            self._told_short = True
            text = (
                f"the ring holds {format_duration(round(reach))} of the {format_duration(self._settings.keep)} asked: "
                f"more does not fit into {format_size(self._settings.memory)}; raise `--ring-memory`, or name fewer tags"
            )
            self._on_event(Event(Level.WARNING, "ring-short", text, at=now, data={"reach_s": reach}))
        for tag in sorted(self._watches.deaf - self._told_deaf):
            self._told_deaf.add(tag)
            text = "delivers text: its triggers never fire"
            self._on_event(Event(Level.WARNING, "trigger-text", text, tag=tag, at=now))
