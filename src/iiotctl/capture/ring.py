"""The ring: the newest samples in memory, bounded by time and by bytes, until a trigger claims them or they leave.

Pure: times come in as arguments. A sample is in the ring, or it was handed out by `take`, or it has left: never
two of these, so what several windows claim is stored once. Claimed stretches wait in the ring, out of reach
of the bounds, and are handed out one stretch at a time, so that a large dump never stands in memory as a whole.

A window is a span on our clock. Devices whose clock differs are asked in their own (`set_shift`).

A tag that reports on change may be silent throughout a window. Its last sample before the window is stored with it
(`remember_before`), or nobody would know its value at the trigger.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iiotctl.capture.newest import Newest
from iiotctl.capture.ringpart import Part, Spans
from iiotctl.samples import NULL_TIME, SampleBatch, empty_batch

PART: Final = 16_384
"""Samples of a stretch: packed to about 60 kB within 10 ms."""
_PART_US: Final = 30_000_000
"""A stretch is packed at this age, whatever its size."""
_AHEAD_US: Final = 60_000_000
_FEW: Final = 8
"""Stretches looked through at once for the samples before a window."""


class Ring:
    """Samples of the tags that go through the ring.

    Args:
        keep_us: µs that the ring is to reach back.
        memory: bytes that it may take.
        since: µs UTC, begin of the run.

    Attributes:
        complete_since: µs UTC: all that was delivered since then is in the ring or stored.
        count: samples in it.
        size: bytes it takes.
        squeezed: stretches that left before their time for lack of memory.
    """

    def __init__(self, keep_us: int, memory: int, since: int) -> None:
        self.complete_since = since
        self.count = 0
        self.size = 0
        self.squeezed = 0
        self._keep_us = keep_us
        self._memory = memory
        self._parts: deque[Part] = deque()
        self._claimed: deque[Part] = deque()
        self._searches: deque[_Search] = deque()
        self._shift = np.zeros(64, np.int64)
        self._is_shifted = False
        self.left = Newest()
        """The last samples that have left the ring."""
        self._stored = np.full(64, NULL_TIME, np.int64)
        self._fetched = np.full(64, NULL_TIME, np.int64)
        """Of a tag the time of the sample before a window that was stored last: it must not be stored again."""

    def reserve(self, code: int) -> None:
        """Make room for a code."""
        if code < self._shift.shape[0]:
            return
        more = max(code + 1, 2 * self._shift.shape[0]) - self._shift.shape[0]
        self._shift = np.append(self._shift, np.zeros(more, np.int64))
        self._stored = np.append(self._stored, np.full(more, NULL_TIME, np.int64))
        self._fetched = np.append(self._fetched, np.full(more, NULL_TIME, np.int64))

    def set_shift(self, codes: Iterable[int], shift_us: int) -> None:
        """The clock that stamps these tags is ahead of ours by so much."""
        self._shift[list(codes)] = shift_us
        self._is_shifted = bool(self._shift.any())
        for part in self._parts:  # its bounds may be wrong now: have it looked into
            part.low, part.high = NULL_TIME, np.iinfo(np.int64).max

    def times(self, batch: SampleBatch) -> NDArray[np.int64]:
        """int64[n], µs UTC: the samples' times on our clock."""
        return batch.ts - self._shift[batch.tag] if self._is_shifted else batch.ts

    def inside(self, batch: SampleBatch, spans: Spans) -> NDArray[np.bool_]:
        """Which samples lie in any of the windows."""
        times = self.times(batch)
        found = np.zeros(len(batch), np.bool_)
        for start, end in spans:
            found |= (times >= start) & (times <= end)
        return found

    # --- in ------------------------------------------------------------------------------------

    def push(self, batch: SampleBatch, *, steady: int, wall: int) -> None:
        """Samples came that no window wants yet.

        Args:
            batch: at least one sample.
            steady: µs of our steady clock.
            wall: µs UTC of our clock.
        """
        times = self.times(batch)
        part = self._parts[-1] if self._parts else None
        if part is None or part.is_packed or part.claims:
            part = Part(steady, wall, int(times[0]), int(times[0]))
            self._parts.append(part)
        before = part.size
        part.add(batch, int(times.min()), int(times.max()))
        if part.count >= PART:
            part.pack()
        self.count += len(batch)
        self.size += part.size - before
        self.shrink(steady)

    def shrink(self, steady: int) -> None:
        """Let go of what is too old or too much; what is claimed stays."""
        last = self._parts[-1] if self._parts else None
        if last is not None and last.count and not last.is_packed and steady - last.begun > _PART_US:
            before = last.size
            last.pack()
            self.size += last.size - before
        while len(self._parts) > 1 and not self._parts[0].claims and self._parts[1].begun < steady - self._keep_us:
            self._drop(self._parts[0])
        while self.size > self._memory:
            oldest = next((part for part in self._parts if not part.claims), None)
            if oldest is None or oldest is self._parts[-1]:
                break
            self.squeezed += 1
            self._drop(oldest)

    def _drop(self, part: Part) -> None:
        self._parts.remove(part)
        self.count -= part.count
        self.size -= part.size
        if not part.count:
            return
        batch = part.samples()
        times = self.times(batch)
        follower = self._parts[0].wall
        newest = int(times.max()) + 1
        # a device clock that is far ahead, or a step back of ours, must not push this into the future
        self.complete_since = max(follower, newest) if newest < follower + _AHEAD_US else follower
        self.left.take(batch, times)

    def held_us(self, steady: int) -> int:
        """µs that the ring reaches back now."""
        return steady - self._parts[0].begun if self._parts else 0

    # --- out -----------------------------------------------------------------------------------

    def claim(self, start: int, end: int) -> None:
        """What the ring holds of a window is to be stored."""
        for part in self._parts:
            if part.low <= end and part.high >= start and part.count and (start, end) not in part.claims:
                if not part.claims:
                    self._claimed.append(part)
                part.claims.append((start, end))

    def remember_before(self, start: int, codes: NDArray[np.uint32]) -> None:
        """The last samples of these tags before a window are to be stored as well, unless a later one is stored."""
        if codes.size:
            self._searches.append(_Search(start, codes, self._stored.copy()))

    def older(self, start: int) -> list[Part]:
        """Stretches with samples before an instant, in the order of receipt."""
        return [part for part in self._parts if part.low < start]

    @property
    def is_waiting(self) -> bool:
        """Whether `take` has something to hand out, or to look for."""
        return bool(self._claimed or self._searches)

    @property
    def is_choked(self) -> bool:
        """What is claimed alone takes more than the ring may."""
        return self.size > 1.25 * self._memory

    def take(self) -> SampleBatch:
        """The next claimed samples, one stretch at most; may be none although more is waiting."""
        if self._claimed:
            return self._take_claimed(self._claimed.popleft())
        if self._searches and self._searches[0].step(self):
            return self._searches.popleft().result(self)
        return empty_batch()

    def _take_claimed(self, part: Part) -> SampleBatch:
        batch = part.samples()
        mask = self.inside(batch, tuple(part.claims))
        mask &= self.times(batch) != self._fetched[batch.tag]
        part.claims.clear()
        if not mask.any():
            return empty_batch()
        found = batch if mask.all() else batch.take(mask)
        count, size = part.count, part.size
        part.keep(batch.take(~mask))
        self.count += part.count - count
        self.size += part.size - size
        self.stored(found)
        return found

    def stored(self, batch: SampleBatch) -> None:
        """These samples are stored, from the ring or on their direct way."""
        np.maximum.at(self._stored, batch.tag, self.times(batch))

    def fetched(self, codes: NDArray[np.uint32]) -> NDArray[np.int64]:
        """Times of the samples before a window that were stored last, by tag."""
        return self._fetched[codes]

    def fetch(self, batch: SampleBatch) -> None:
        """These samples, of which a copy stays in the ring, are stored."""
        self._fetched[batch.tag] = self.times(batch)
        self.stored(batch)


class _Search:
    """The last samples before a window, looked for from there backwards, a few stretches at a time."""

    def __init__(self, start: int, codes: NDArray[np.uint32], stored: NDArray[np.int64]) -> None:
        self._start = start
        self._codes = codes
        self._parts: list[Part] | None = None
        self._stored = stored
        self._found = Newest()

    def step(self, ring: Ring) -> bool:
        """Look on; true when all is looked through."""
        if self._parts is None:  # only now: what came in the same batch as the trigger is in the ring as well
            self._parts = ring.older(self._start)
        for _ in range(_FEW):
            if not self._parts or not (missing := self._codes[self._found.of(self._codes) == NULL_TIME]).size:
                return True
            part = self._parts.pop()
            if part.count:
                self._look(ring, part.samples(), missing)
        return False

    def _look(self, ring: Ring, batch: SampleBatch, codes: NDArray[np.uint32]) -> None:
        times = ring.times(batch)
        mask = (times < self._start) & np.isin(batch.tag, codes)
        self._found.take(batch.take(mask), times[mask])

    def result(self, ring: Ring) -> SampleBatch:
        """What was found and is not stored yet."""
        gone = self._codes[ring.left.of(self._codes) != NULL_TIME]
        self._look(ring, ring.left.samples(gone), gone)
        times = self._found.of(self._codes)
        known = self._stored[self._codes]
        chosen = self._codes[(times != NULL_TIME) & (times > known) & (times != ring.fetched(self._codes))]
        found = self._found.samples(chosen)
        ring.fetch(found)
        return found
