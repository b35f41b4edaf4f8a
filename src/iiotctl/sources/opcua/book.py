"""What a subscription knows of its items, in columns by client handle, so that a message is a few numpy steps.

From changed values (`changes.Changes`) come samples by the rules of `convert`: plain numbers all at once, the
rest (text, enumerations, broken-wire values, NaN, integers beyond 2^53) one by one through `convert_value`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from iiotctl.samples import NULL_TIME, GapReason, SampleBatch
from iiotctl.sources.opcua.changes import Changes
from iiotctl.sources.opcua.convert import NULL_DATE_US, OVERFLOW, convert_value, settle_times
from iiotctl.sources.opcua.denial import SUSPECTS, denial_of
from iiotctl.sources.opcua.monitored import Watched
from iiotctl.sources.opcua.wire import LAST_TICK

_BAD: Final = 1 << 31
_CODE: Final = np.uint32(0xFFFF0000)
_SUSPECTS: Final = np.array(sorted(SUSPECTS), np.uint32)


@dataclass(frozen=True, slots=True)
class Hole:
    """Values of an item were lost between two of its samples.

    Attributes:
        entry: the item.
        after: µs UTC of the sample before; None = there was none.
        before: µs UTC of the sample behind.
        overflown: the server says so; else a message is missing.
        reason: `timeout` when the item was dead, else `overflow`.
    """

    entry: Watched
    after: int | None
    before: int
    overflown: bool = False
    reason: GapReason = GapReason.OVERFLOW


@dataclass(frozen=True, slots=True)
class Taken:
    """What a message brought.

    Attributes:
        batch: samples, in the server's order; may be empty.
        holes: losses that the server tells, or that end here.
        denied: items whose value the server does not give, with the status.
    """

    batch: SampleBatch
    holes: list[Hole]
    denied: list[tuple[Watched, int]]


def micros_of(ticks: NDArray[np.int64]) -> NDArray[np.int64]:
    """µs UTC of 100-ns ticks since 1601; NULL_TIME for "no time" (the first µs), the year 9999 for what is later."""
    whole = np.clip(ticks, 0, LAST_TICK) // 10
    return np.where(whole > 0, whole + NULL_DATE_US, NULL_TIME)


def _known(ts: np.int64 | int) -> int | None:
    return None if ts == NULL_TIME else int(ts)


class Book:
    """The items of one subscription.

    Attributes:
        last_ts: int64 by handle, µs UTC of the last sample; NULL_TIME = none.
        last_value: float64 by handle, NaN = null.
        last_status: uint32 by handle.
        last_text: by handle, of items that have texts.
        is_suspect: bool by handle: values may have been lost since `last_ts`.
    """

    def __init__(self) -> None:
        self.entries: dict[int, Watched] = {}
        self._handles: dict[int, int] = {}
        self._next = 1
        self._size = 64
        self._is_known = np.zeros(64, np.bool_)
        self._is_special = np.zeros(64, np.bool_)
        self._code = np.zeros(64, np.uint32)
        self._scale = np.ones(64)
        self._offset = np.zeros(64)
        self._any_scaled = False
        self.last_ts = np.full(64, NULL_TIME, np.int64)
        self.last_value = np.full(64, np.nan)
        self.last_status = np.zeros(64, np.uint32)
        self.last_text: dict[int, str | None] = {}
        self.is_suspect = np.zeros(64, np.bool_)
        self._unconfirmed: NDArray[np.bool_] | None = None
        self._silenced: dict[int, tuple[Watched, int]] = {}
        """By code: the dead item of a tag that is watched anew, and the time of its last sample."""

    def _grow(self) -> None:
        more = self._size
        self._is_known = np.append(self._is_known, np.zeros(more, np.bool_))
        self._is_special = np.append(self._is_special, np.zeros(more, np.bool_))
        self._code = np.append(self._code, np.zeros(more, np.uint32))
        self._scale = np.append(self._scale, np.ones(more))
        self._offset = np.append(self._offset, np.zeros(more))
        self.last_ts = np.append(self.last_ts, np.full(more, NULL_TIME, np.int64))
        self.last_value = np.append(self.last_value, np.full(more, np.nan))
        self.last_status = np.append(self.last_status, np.zeros(more, np.uint32))
        self.is_suspect = np.append(self.is_suspect, np.zeros(more, np.bool_))
        if self._unconfirmed is not None:
            self._unconfirmed = np.append(self._unconfirmed, np.zeros(more, np.bool_))
        self._size += more

    # --- items ---

    def add(self, entry: Watched) -> int:
        """A handle for an item; handles are never used twice."""
        handle, self._next = self._next, self._next + 1
        while handle >= self._size:
            self._grow()
        self.entries[handle] = entry
        self._handles[entry.item.captured.code] = handle
        self._is_known[handle] = True
        if (dead := self._silenced.get(entry.item.captured.code)) is not None:
            self.last_ts[handle] = dead[1]
            self.is_suspect[handle] = True
        self.learn(handle)
        return handle

    def learn(self, handle: int) -> None:
        """Take the rule of an item, which may have changed since `add`."""
        rule = self.entries[handle].rule
        self._code[handle] = rule.code
        self._scale[handle], self._offset[handle] = rule.scale, rule.offset
        self._any_scaled |= rule.scaled
        self._is_special[handle] = bool(rule.invalid) or bool(rule.texts) or rule.element is not None

    def drop(self, handle: int) -> None:
        """The item of a handle is gone; what still comes for it is ignored."""
        entry = self.entries.pop(handle)
        self._is_known[handle] = False
        self.is_suspect[handle] = False
        self.last_text.pop(handle, None)
        if self._handles.get(entry.item.captured.code) == handle:
            del self._handles[entry.item.captured.code]

    def handle_of(self, code: int) -> int | None:
        """Handle of a tag, None = it has none."""
        return self._handles.get(code)

    def suspect_all(self) -> None:
        """A message is lost: between the last sample and the next one of any item values may be missing."""
        self.is_suspect |= self._is_known

    def silence(self, handle: int) -> tuple[Watched, int | None]:
        """An item is dead: what it missed is a hole that ends with the first value of the tag's next item.

        Returns:
            The item, and µs UTC of its last sample; None = it had none.
        """
        entry, ts = self.entries[handle], int(self.last_ts[handle])
        self._silenced[entry.item.captured.code] = (entry, ts)
        return entry, _known(ts)

    def end_holes(self, until: int) -> list[Hole]:
        """Holes that no value has ended, up to `until` (µs UTC); they count as told."""
        suspects = [self.entries[handle] for handle in np.flatnonzero(self.is_suspect).tolist()]
        given_up = [entry for code, (entry, _) in self._silenced.items() if code not in self._handles]
        holes = [self._hole(entry, until) for entry in suspects + given_up]
        self.is_suspect[:] = False
        self._silenced.clear()
        return holes

    def _hole(self, entry: Watched, before: int) -> Hole:
        """The hole of a suspect."""
        dead = self._silenced.pop(entry.item.captured.code, None)
        if dead is not None:
            return Hole(entry, _known(dead[1]), before, reason=GapReason.TIMEOUT)
        return Hole(entry, _known(self.last_ts[self._handles[entry.item.captured.code]]), before)

    # --- samples ---

    def is_foreign(self, parts: Iterable[Changes]) -> bool:
        """Whether some value belongs to a handle that was never given out: the message was damaged on its way."""
        return any(len(part) and int(part.handle.max()) >= self._next for part in parts)

    def take(self, changes: Changes, received: int) -> Taken:
        """Samples from changed values; items that are not known are ignored.

        Args:
            changes: as decoded.
            received: µs UTC.
        """
        known = changes.handle < self._size
        known &= self._is_known[np.where(known, changes.handle, 0)]
        if not known.all():
            changes = changes.take(known)
        source, server = micros_of(changes.source), micros_of(changes.server)
        denied: list[tuple[Watched, int]] = []
        suspects = np.isin(changes.status & _CODE, _SUSPECTS) if (changes.status >= _BAD).any() else None
        if suspects is not None and suspects.any():
            kept = np.ones(len(changes), np.bool_)
            for place in np.flatnonzero(suspects).tolist():
                if status := denial_of(int(changes.status[place]), int(source[place])):
                    kept[place] = False
                    denied.append((self.entries[int(changes.handle[place])], status))
            changes, source, server = changes.take(kept), source[kept], server[kept]
        batch = self._samples(changes, source, server, received)
        return Taken(batch, self._note(changes, batch), denied)

    def _samples(
        self, changes: Changes, source: NDArray[np.int64], server: NDArray[np.int64], received: int
    ) -> SampleBatch:
        handle, raw, status = changes.handle, changes.value, changes.status
        value = raw
        if self._any_scaled:
            scale, offset = self._scale[handle], self._offset[handle]
            with np.errstate(over="ignore", invalid="ignore"):
                value = np.where((scale != 1.0) | (offset != 0.0), raw * scale + offset, raw)
        is_bad = status >= _BAD
        single = ~is_bad & (self._is_special[handle] | ~np.isfinite(value))
        if changes.odd:
            single[list(changes.odd)] = True
            single &= ~is_bad
        value = np.where(is_bad, np.nan, value)
        texts: list[str | None] | None = None
        places = np.flatnonzero(single).tolist()
        if places:
            status = status.copy()
        for place in places:
            rule = self.entries[int(handle[place])].rule
            value[place], text, status[place] = convert_value(changes.plain(place), rule, int(status[place]))
            if text is not None:
                texts = texts if texts is not None else [None] * len(changes)
                texts[place] = text
        arrived = np.full(len(changes), received, np.int64)
        ts, quality, ts_source, ts_server = settle_times(source, server, arrived, status)
        return SampleBatch(self._code[handle], ts, value, quality, texts, ts_source, ts_server, arrived)

    def _note(self, changes: Changes, batch: SampleBatch) -> list[Hole]:
        """Holes that the samples tell of; then the samples are the last ones of their items."""
        handle, ts = changes.handle, batch.ts
        holes = self._holes(handle, ts, (changes.status & OVERFLOW) == OVERFLOW)
        self.last_ts[handle] = ts
        self.last_value[handle] = batch.value
        self.last_status[handle] = batch.quality
        if batch.text is not None or self.last_text:
            texts: list[Any] = [None] * len(batch) if batch.text is None else batch.text
            self.last_text.update(zip(handle.tolist(), texts, strict=True))
        self.is_suspect[handle] = False
        if self._unconfirmed is not None:
            self._unconfirmed[handle] = False
        return holes

    def _holes(self, handle: NDArray[np.uint32], ts: NDArray[np.int64], overflown: NDArray[np.bool_]) -> list[Hole]:
        doubtful = overflown | self.is_suspect[handle]
        if not doubtful.any():
            return []
        holes = []
        before: dict[int, int | None] = {}
        suspected = set(handle[self.is_suspect[handle]].tolist())
        for place in np.flatnonzero(np.isin(handle, handle[doubtful])).tolist():
            number, at = int(handle[place]), int(ts[place])
            entry = self.entries[number]
            if overflown[place]:
                self._silenced.pop(entry.item.captured.code, None)
                holes.append(Hole(entry, before.get(number, _known(self.last_ts[number])), at, overflown=True))
            elif number in suspected:
                holes.append(self._hole(entry, at))
            suspected.discard(number)
            before[number] = at
        return holes

    # --- after an interruption that lost nothing ---

    def ask_confirmation(self) -> None:
        """The connection was away: values that did not change meanwhile are to be told again (`confirm`)."""
        self._unconfirmed = self._is_known & (self.last_ts != NULL_TIME)

    def confirm(self, received: int) -> SampleBatch | None:
        """The last samples of items that were silent since `ask_confirmation`; None when there are none.

        The subscription lived on and told of no change, so they are true now.
        """
        waiting, self._unconfirmed = self._unconfirmed, None
        if waiting is None:
            return None
        handles = np.flatnonzero(waiting & self._is_known & ~self.is_suspect)
        if not handles.size:
            return None
        texts = [self.last_text.get(handle) for handle in handles.tolist()] if self.last_text else None
        return SampleBatch(
            self._code[handles],
            self.last_ts[handles],
            self.last_value[handles],
            self.last_status[handles],
            texts,
            ts_received=np.full(handles.shape[0], received, np.int64),
        )
