"""The newest sample of each tag, its rate and a short history, for the live table and the status."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from iiotctl.samples import NULL_TIME, SampleBatch

SPARK: Final = 32
"""Values of the short history, one a second."""

_SMOOTHING: Final = 0.3


class Latest:
    """Columns by tag code; updated a batch at a time.

    Attributes:
        ts: int64, µs UTC of the newest sample, NULL_TIME = none yet.
        value: float64, NaN = null.
        quality: uint32.
        count: int64, samples delivered.
        rate: float64, samples a second, smoothed.
        spark: float64[tags, SPARK], newest last.
        text: newest text by code.
    """

    def __init__(self) -> None:
        self.ts = np.full(64, NULL_TIME, np.int64)
        self.value = np.full(64, np.nan)
        self.quality = np.zeros(64, np.uint32)
        self.count = np.zeros(64, np.int64)
        self.rate = np.zeros(64)
        self.spark = np.full((64, SPARK), np.nan)
        self.text: dict[int, str] = {}
        self._counted = np.zeros(64, np.int64)
        self._size = 64

    def reserve(self, code: int) -> None:
        """Make room for a code."""
        if code < self._size:
            return
        more = max(code + 1, 2 * self._size) - self._size
        self.ts = np.append(self.ts, np.full(more, NULL_TIME, np.int64))
        self.value = np.append(self.value, np.full(more, np.nan))
        self.quality = np.append(self.quality, np.zeros(more, np.uint32))
        self.count = np.append(self.count, np.zeros(more, np.int64))
        self.rate = np.append(self.rate, np.zeros(more))
        self.spark = np.concatenate([self.spark, np.full((more, SPARK), np.nan)])
        self._counted = np.append(self._counted, np.zeros(more, np.int64))
        self._size += more

    def observe(self, batch: SampleBatch) -> None:
        """Delivered samples, in the order of their arrival; of several of one tag the last one stays."""
        tag = batch.tag
        self.ts[tag] = batch.ts
        self.value[tag] = batch.value
        self.quality[tag] = batch.quality
        np.add.at(self.count, tag, 1)
        if batch.text is not None:
            self.text.update(
                (code, text) for code, text in zip(tag.tolist(), batch.text, strict=True) if text is not None
            )

    def tick(self, seconds: float) -> None:
        """Another `seconds` have passed: move the short history on, smooth the rates."""
        if seconds <= 0:
            return
        fresh: NDArray[np.float64] = (self.count - self._counted) / seconds
        self.rate += _SMOOTHING * (fresh - self.rate)
        self._counted = self.count.copy()
        self.spark[:, :-1] = self.spark[:, 1:]
        self.spark[:, -1] = self.value
