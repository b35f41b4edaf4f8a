"""What of the delivered samples is new: re-deliveries are dropped.

Pure and vectorised: columns by tag code, a batch at a time.

A server that is asked again (a new subscription, a repeated notification) sends values that
are stored already; their source time may be months old. A sample that is not newer than the tag's latest
and says the same is dropped. One that is older but new is kept: it is late, not double. After a failure the
tag's last row is a null, so a value that has not changed since is stored once more, with the time of its
receipt as `ts` and its own time as `ts_source`. Samples stamped by our clock are only dropped when the time
is the very same: a clock that steps back makes no duplicates. A sample whose own time is impossible carries
the time of its receipt; it is told again when `ts_source` and all else are the same. What earlier runs have
stored is in `earlier`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iiotctl.capture.earlier import Earlier, StoredRow, source_times
from iiotctl.samples import NULL_TIME, SampleBatch, concat

_REMEMBERED: Final = 100_000
"""Samples kept to tell a late one from a double one and to keep gaps off stored samples."""

_UNKNOWN: Final = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class FilterTag:
    """What the filter knows of a tag.

    Attributes:
        code: the tag's code in this run.
        stamped_here: its timestamps come from our clock.
        in_order: its samples come in the order of their times, in every run the same ones (a file).
    """

    code: int
    stamped_here: bool
    in_order: bool = False


class Filter:
    """State of all tags of a run.

    Attributes:
        redelivered: samples dropped so far because they are stored already.
    """

    def __init__(self) -> None:
        self.redelivered = 0
        self._earlier = Earlier()
        self._in_order: set[int] = set()
        self._source = np.full(64, NULL_TIME, np.int64)
        self._ts = np.full(64, NULL_TIME, np.int64)
        self._value = np.full(64, np.nan)
        self._quality = np.full(64, _UNKNOWN, np.uint32)
        self._is_nulled = np.zeros(64, np.bool_)
        self._stamped_here = np.zeros(64, np.bool_)
        self._text: dict[int, str | None] = {}
        self._recent: deque[SampleBatch] = deque()
        self._recent_count = 0

    def define(self, tags: Iterable[FilterTag]) -> None:
        """Tags begin or change."""
        for tag in tags:
            if tag.code >= self._ts.shape[0]:
                self._grow(tag.code)
            self._stamped_here[tag.code] = tag.stamped_here
            if tag.in_order:
                self._in_order.add(tag.code)

    def _grow(self, code: int) -> None:
        more = max(code + 1, 2 * self._ts.shape[0]) - self._ts.shape[0]
        self._ts = np.append(self._ts, np.full(more, NULL_TIME, np.int64))
        self._source = np.append(self._source, np.full(more, NULL_TIME, np.int64))
        self._value = np.append(self._value, np.full(more, np.nan))
        self._quality = np.append(self._quality, np.full(more, _UNKNOWN, np.uint32))
        self._is_nulled = np.append(self._is_nulled, np.zeros(more, np.bool_))
        self._stamped_here = np.append(self._stamped_here, np.zeros(more, np.bool_))

    def restore(self, code: int, row: StoredRow) -> None:
        """Go on after an earlier run; `row` is the latest stored row of the tag, which is defined already."""
        is_file = code in self._in_order
        self._earlier.restore(code, row, in_order=is_file, stamped_here=bool(self._stamped_here[code]))
        if row.quality >> 31:
            self._ts[code] = NULL_TIME if row.good_ts is None else row.good_ts
            self._source[code] = self._ts[code]
            self._is_nulled[code] = True
        else:
            self._ts[code] = row.ts
            self._source[code] = row.ts if row.ts_source is None else row.ts_source
            self._value[code] = np.nan if row.value is None else row.value
            self._quality[code] = row.quality
        # the text of the row is not known here; see `_same_text`

    def accept(self, batch: SampleBatch, received: int) -> SampleBatch:
        """The samples of `batch` that were not delivered before.

        Args:
            batch: as delivered.
            received: µs UTC, for samples without `ts_received`.
        """
        if not len(batch):
            return batch
        fresh, told = batch, None
        if (masks := self._earlier.sift(batch, received)) is not None:
            fresh = batch.take(masks[0])
            told = _received(batch.take(masks[1]), received)
        kept = self._without_redelivered(fresh, received) if len(fresh) else fresh
        if told is not None and len(told):
            kept = concat([kept, told])
        self.redelivered += len(batch) - len(kept)
        good = kept.tag[kept.quality < 1 << 31]
        self._is_nulled[good] = False
        return kept

    def nulled(self, nulls: SampleBatch) -> None:
        """Null samples of a failure were stored; the next value passes whatever it is."""
        self._is_nulled[nulls.tag] = True

    def stored(self, batch: SampleBatch) -> None:
        """Remember these for a while: no gap may cover them, and what is late and says the same is double."""
        if not len(batch):
            return
        self._recent.append(batch)
        self._recent_count += len(batch)
        while self._recent_count > _REMEMBERED and len(self._recent) > 1:
            self._recent_count -= len(self._recent.popleft())

    def recent(self, code: int, start: int, end: int) -> list[int]:
        """Times of stored samples of a tag in an interval, as far as they are remembered; not the Bad ones."""
        found: list[int] = []
        for batch in self._recent:
            mask = (batch.tag == code) & (batch.ts >= start) & (batch.ts <= end) & (batch.quality < 1 << 31)
            found += batch.ts[mask].tolist()
        return found

    # --- re-delivery ---------------------------------------------------------------------------

    def _without_redelivered(self, batch: SampleBatch, received: int) -> SampleBatch:
        is_unique = len(batch) == 1 or bool((batch.tag[1:] > batch.tag[:-1]).all())
        order = np.arange(len(batch)) if is_unique else np.argsort(batch.tag, kind="stable")
        tag, ts, source = batch.tag[order], batch.ts[order], source_times(batch)[order]
        first = np.ones(len(batch), np.bool_)
        first[1:] = tag[1:] != tag[:-1]
        previous = np.where(first, self._ts[tag], np.roll(ts, 1))
        doubtful = np.where(self._stamped_here[tag], ts == previous, ts <= previous)
        told = np.where(first, self._source[tag], np.roll(source, 1))
        doubtful |= (source != ts) & (source == told)
        last = np.append(first[1:], True)
        if not doubtful.any():
            self._see(batch, order[last])
            return batch
        keep = np.ones(len(batch), np.bool_)
        confirm = np.zeros(len(batch), np.bool_)
        alone = first & last
        self._see(batch, order[alone & ~doubtful])
        single = order[alone & doubtful]
        same = self._says_the_same(batch, single)
        keep[single[same]] = False
        confirm[single[same & self._is_nulled[batch.tag[single]]]] = True
        for place in single[~same].tolist():
            keep[place] = not self._is_stored(batch, place)
            if batch.ts[place] > self._ts[batch.tag[place]]:
                self._see(batch, np.array([place]))
        # a tag with several samples in one batch, not all of them newer: one after the other
        twisted = set(np.unique(tag[doubtful & ~alone]).tolist())
        for place in order[~alone].tolist():
            if int(batch.tag[place]) in twisted:
                keep[place], confirm[place] = self._one(batch, place)
        plain = order[~alone & last & ~np.isin(tag, list(twisted))]
        self._see(batch, plain)
        return _confirmed(batch, keep, confirm & (batch.quality < 1 << 31), received)

    def _one(self, batch: SampleBatch, place: int) -> tuple[bool, bool]:
        code = int(batch.tag[place])
        source = int(source_times(batch)[place])
        is_told = source != batch.ts[place] and source == self._source[code]
        if is_told and bool(self._says_the_same(batch, np.array([place]))[0]):
            return False, bool(self._is_nulled[code])
        newer = batch.ts[place] > self._ts[code]
        if newer or (self._stamped_here[code] and batch.ts[place] != self._ts[code]):
            self._see(batch, np.array([place]))
            return True, False
        if bool(self._says_the_same(batch, np.array([place]))[0]):
            return False, bool(self._is_nulled[code])
        return not self._is_stored(batch, place), False

    def _says_the_same(self, batch: SampleBatch, places: NDArray[np.intp]) -> NDArray[np.bool_]:
        tag = batch.tag[places]
        value, quality = batch.value[places], batch.quality[places]
        known, seen = self._quality[tag], self._value[tag]
        same: NDArray[np.bool_] = (quality == known) & ((value == seen) | (np.isnan(value) & np.isnan(seen)))
        if batch.text is not None:
            same &= np.array([self._same_text(batch, place) for place in places.tolist()], np.bool_)
        # after a restart the value before the null row is not known; the null row must be followed by one
        unknown: NDArray[np.bool_] = (known == _UNKNOWN) & self._is_nulled[tag]
        return same | unknown

    def _same_text(self, batch: SampleBatch, place: int) -> bool:
        code = int(batch.tag[place])
        text = None if batch.text is None else batch.text[place]
        if code not in self._text:
            # right after a restart only the time tells
            return text is None or bool(source_times(batch)[place] == self._source[code])
        return text == self._text[code]

    def _see(self, batch: SampleBatch, places: NDArray[np.intp]) -> None:
        tag = batch.tag[places]
        self._ts[tag] = batch.ts[places]
        self._source[tag] = source_times(batch)[places]
        self._value[tag] = batch.value[places]
        self._quality[tag] = batch.quality[places]
        if batch.text is not None:
            for place in places.tolist():
                self._text[int(batch.tag[place])] = batch.text[place]

    def _is_stored(self, batch: SampleBatch, place: int) -> bool:
        code, ts, quality = batch.tag[place], batch.ts[place], batch.quality[place]
        value = batch.value[place]
        for other in self._recent:
            hit = (other.tag == code) & (other.ts == ts) & (other.quality == quality)
            hit &= (other.value == value) | (np.isnan(other.value) & np.isnan(value))
            if hit.any():
                return True
        return False


def _confirmed(batch: SampleBatch, keep: NDArray[np.bool_], confirm: NDArray[np.bool_], received: int) -> SampleBatch:
    """The kept samples, and behind them the unchanged ones with the time of their receipt."""
    kept = batch if keep.all() else batch.take(keep)
    if not confirm.any():
        return kept
    stamped = _received(batch.take(confirm), received)
    return concat([kept, stamped]) if len(kept) else stamped


def _received(again: SampleBatch, received: int) -> SampleBatch:
    """Samples with the time of their receipt, their own one as `ts_source`."""
    at = np.full(len(again), received, np.int64)
    if again.ts_received is not None:
        at = np.where(again.ts_received == NULL_TIME, at, again.ts_received)
    return SampleBatch(
        again.tag, at, again.value, again.quality, again.text, source_times(again), again.ts_server, None
    )
