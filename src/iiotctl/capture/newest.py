"""The newest sample of each tag among those seen, whole with its times and text; columns by tag code."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from iiotctl.samples import NULL_TIME, SampleBatch

_TIMES = ("ts_source", "ts_server", "ts_received")


class Newest:
    """Nothing at first.

    Attributes:
        time: int64, µs UTC of the newest sample by code, NULL_TIME = none.
    """

    def __init__(self) -> None:
        self.time = np.empty(0, np.int64)
        self._value = np.empty(0)
        self._quality = np.empty(0, np.uint32)
        self._stamps = np.empty((4, 0), np.int64)
        """ts, ts_source, ts_server, ts_received."""
        self._text: dict[int, str | None] = {}

    def _reserve(self, code: int) -> None:
        size = self.time.shape[0]
        if code < size:
            return
        more = max(code + 1, 2 * size, 64) - size
        self.time = np.append(self.time, np.full(more, NULL_TIME, np.int64))
        self._value = np.append(self._value, np.full(more, np.nan))
        self._quality = np.append(self._quality, np.zeros(more, np.uint32))
        self._stamps = np.concatenate([self._stamps, np.full((4, more), NULL_TIME, np.int64)], axis=1)

    def take(self, batch: SampleBatch, times: NDArray[np.int64]) -> None:
        """More samples, with the times that decide; of equal ones the later in the batch."""
        if not len(batch):
            return
        self._reserve(int(batch.tag.max()))
        places = np.argsort(times, kind="stable")
        places = places[times[places] >= self.time[batch.tag[places]]]
        codes = batch.tag[places]  # of a code that stands twice numpy assigns the last
        self.time[codes] = times[places]
        self._value[codes] = batch.value[places]
        self._quality[codes] = batch.quality[places]
        self._stamps[0, codes] = batch.ts[places]
        for row, name in enumerate(_TIMES, start=1):
            column = getattr(batch, name)
            self._stamps[row, codes] = NULL_TIME if column is None else column[places]
        if batch.text is not None:
            self._text.update((code, batch.text[place]) for code, place in zip(codes.tolist(), places, strict=True))

    def of(self, codes: NDArray[np.uint32]) -> NDArray[np.int64]:
        """Times of the newest samples of tags."""
        if codes.size:
            self._reserve(int(codes.max()))
        return self.time[codes]

    def samples(self, codes: NDArray[np.uint32]) -> SampleBatch:
        """The newest samples of tags that have one."""
        stamps = self._stamps[:, codes]
        text = [self._text.get(code) for code in codes.tolist()]
        return SampleBatch(
            codes,
            stamps[0],
            self._value[codes],
            self._quality[codes],
            text if any(item is not None for item in text) else None,
            *(None if (row == NULL_TIME).all() else row for row in stamps[1:]),
        )
