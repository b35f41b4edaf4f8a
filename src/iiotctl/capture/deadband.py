"""The deadband of single tags: small changes are not stored, the shape of the curve is kept.

Off unless the site file gives one; 0 stores changes only. A sample is suppressed while it stays within the band
around the last stored value, its quality is the same and the heartbeat has not run out. The last suppressed
sample before a change is stored too. So a held (stepped) value is never off by more than the band, and a slope
begins where the change began. Text is stored when it changes.

Columns by tag code. A batch with several samples of one tag is taken in rounds, one sample a tag each, so
that a batch from a polled device (each tag once) is a single vectorised step.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from iiotctl.samples import NULL_TIME, SampleBatch, concat, empty_batch


class Deadband:
    """Last stored and last suppressed sample of each tag.

    Attributes:
        suppressed: samples held back so far and not stored later.
    """

    def __init__(self) -> None:
        self.suppressed = 0
        self._size = 0
        self._is_on = np.zeros(0, np.bool_)
        self._band = np.zeros(0)
        self._heartbeat = np.zeros(0, np.int64)
        self._ts = np.zeros(0, np.int64)
        self._value = np.zeros(0)
        self._quality = np.zeros(0, np.uint32)
        self._held = np.zeros((4, 0), np.int64)
        """ts, ts_source, ts_server, ts_received of the last suppressed sample; ts NULL_TIME = none."""
        self._held_value = np.zeros(0)
        self._text: dict[int, str | None] = {}
        self._reserve(63)

    def define(self, code: int, band: float | None, heartbeat_us: int) -> None:
        """The tag's band in engineering units (None = off) and heartbeat."""
        self._reserve(code)
        self._is_on[code] = band is not None
        self._band[code] = 0.0 if band is None else band
        self._heartbeat[code] = heartbeat_us

    def _reserve(self, code: int) -> None:
        if code < self._size:
            return
        more = max(code + 1, 2 * self._size) - self._size
        nothing = np.full(more, NULL_TIME, np.int64)
        self._is_on = np.append(self._is_on, np.zeros(more, np.bool_))
        self._band = np.append(self._band, np.zeros(more))
        self._heartbeat = np.append(self._heartbeat, np.zeros(more, np.int64))
        self._ts = np.append(self._ts, nothing)
        self._value = np.append(self._value, np.full(more, np.nan))
        self._quality = np.append(self._quality, np.zeros(more, np.uint32))
        self._held = np.concatenate([self._held, np.tile(nothing, (4, 1))], axis=1)
        self._held_value = np.append(self._held_value, np.full(more, np.nan))
        self._size += more

    def accept(self, batch: SampleBatch) -> SampleBatch:
        """The samples to be stored, and suppressed ones before a change."""
        places = np.flatnonzero(self._is_on[batch.tag])
        if not places.size:
            return batch
        keep = np.ones(len(batch), np.bool_)
        keep[places] = False
        shaped: list[SampleBatch] = []
        rank = _rank(batch.tag[places])
        for number in range(int(rank.max()) + 1):
            stored, before = self._round(batch, places[rank == number])
            keep[stored] = True
            if len(before):
                shaped.append(before)
        kept = batch if keep.all() else batch.take(keep)
        kept = concat([*shaped, kept]) if shaped else kept
        self.suppressed += len(batch) - len(kept)
        return kept

    def _round(self, batch: SampleBatch, places: NDArray[np.intp]) -> tuple[NDArray[np.intp], SampleBatch]:
        tag, ts, value, quality = batch.tag[places], batch.ts[places], batch.value[places], batch.quality[places]
        stored_ts, stored = self._ts[tag], self._value[tag]
        changed = quality != self._quality[tag]
        changed |= np.abs(value - stored) > self._band[tag]
        changed |= np.isnan(value) != np.isnan(stored)
        if batch.text is not None:
            text = [batch.text[place] != self._text.get(int(batch.tag[place])) for place in places.tolist()]
            changed |= np.array(text, np.bool_)
        is_first = stored_ts == NULL_TIME
        is_late = (ts <= stored_ts) & ~is_first
        # the first sample has no age; NULL_TIME would overflow
        age = ts - np.where(is_first, ts, stored_ts)
        keep = changed | is_first | is_late | (age >= self._heartbeat[tag])
        # a late sample is kept as it is; what came after it stays the latest
        moves = keep & ~is_late
        shaped = self._take_held(tag[changed & moves & (self._held[0, tag] != NULL_TIME) & (self._held[0, tag] < ts)])
        self._store(batch, places[moves])
        self._hold(batch, places[~keep])
        return places[keep], shaped

    def _store(self, batch: SampleBatch, places: NDArray[np.intp]) -> None:
        tag = batch.tag[places]
        self._ts[tag] = batch.ts[places]
        self._value[tag] = batch.value[places]
        self._quality[tag] = batch.quality[places]
        self._held[0, tag] = NULL_TIME
        if batch.text is not None:
            for place in places.tolist():
                self._text[int(batch.tag[place])] = batch.text[place]

    def _hold(self, batch: SampleBatch, places: NDArray[np.intp]) -> None:
        newer = places[batch.ts[places] > self._held[0, batch.tag[places]]]
        tag = batch.tag[newer]
        self._held[0, tag] = batch.ts[newer]
        for row, column in enumerate((batch.ts_source, batch.ts_server, batch.ts_received), start=1):
            self._held[row, tag] = NULL_TIME if column is None else column[newer]
        self._held_value[tag] = batch.value[newer]

    def _take_held(self, codes: NDArray[np.uint32]) -> SampleBatch:
        if not codes.size:
            return empty_batch()
        text = [self._text.get(code) for code in codes.tolist()]
        times = self._held[:, codes]
        held = SampleBatch(
            codes,
            times[0],
            self._held_value[codes],
            self._quality[codes],
            text if any(item is not None for item in text) else None,
            *(None if (row == NULL_TIME).all() else row for row in times[1:]),
        )
        self._held[0, codes] = NULL_TIME
        return held

    def flush(self, codes: Sequence[int] | NDArray[np.uint32] | None) -> SampleBatch:
        """The suppressed samples of tags (None = of all), which then count as stored: a gap begins, or the run ends."""
        wanted = np.arange(self._size, dtype=np.uint32) if codes is None else np.asarray(codes, np.uint32)
        held = self._take_held(wanted[self._held[0, wanted] != NULL_TIME])
        self._ts[held.tag] = held.ts
        self._value[held.tag] = held.value
        self.suppressed -= len(held)
        return held

    def interrupted(self, nulls: SampleBatch) -> None:
        """Null samples were stored: whatever comes next is a change."""
        self._ts[nulls.tag] = NULL_TIME
        self._held[0, nulls.tag] = NULL_TIME


def _rank(tag: NDArray[np.uint32]) -> NDArray[np.intp]:
    """How many earlier samples of the same tag the batch holds, for each sample."""
    order = np.argsort(tag, kind="stable")
    ordered = tag[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    begin = np.repeat(starts, np.diff(np.append(starts, tag.shape[0])))
    rank = np.empty(tag.shape[0], np.intp)
    rank[order] = np.arange(tag.shape[0]) - begin
    return rank
