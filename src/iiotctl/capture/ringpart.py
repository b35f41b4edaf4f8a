"""A stretch of the trigger ring: samples of a few seconds, raw while young, packed (Arrow, zstd) from then on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from iiotctl.samples import NULL_TIME, SampleBatch, concat
from iiotctl.store import columns

Spans = tuple[tuple[int, int], ...]
"""Windows of time, µs UTC, both ends inside."""


@dataclass(slots=True, eq=False)
class Part:
    """Some samples of the ring.

    Attributes:
        begun: µs of our steady clock, receipt of its first samples.
        wall: µs UTC of our clock, likewise.
        low: µs UTC, earliest time of its samples on our clock.
        high: latest.
        count: samples in it.
        size: bytes it takes.
        claims: windows whose samples of this part are to be stored.
    """

    begun: int
    wall: int
    low: int
    high: int
    count: int = 0
    size: int = 0
    claims: list[tuple[int, int]] = field(default_factory=list)
    _raw: list[SampleBatch] = field(default_factory=list)
    _packed: bytes = b""

    @property
    def is_packed(self) -> bool:
        """Whether it takes no more samples."""
        return bool(self._packed)

    def add(self, batch: SampleBatch, low: int, high: int) -> None:
        """More samples, with their earliest and latest time."""
        self._raw.append(batch)
        self.count += len(batch)
        self.size += size_of(batch)
        self.low, self.high = min(self.low, low), max(self.high, high)

    def pack(self) -> None:
        """Make it small; it takes no more samples."""
        self._packed = columns.encode(concat(self._raw))
        self._raw = []
        self.size = len(self._packed)

    def samples(self) -> SampleBatch:
        """All of it, in the order of receipt."""
        return unpacked(self._packed) if self._packed else concat(self._raw)

    def keep(self, rest: SampleBatch) -> None:
        """Hold only these from now on."""
        was_packed = self.is_packed
        self._packed, self._raw = b"", [rest] if len(rest) else []
        self.count, self.size = len(rest), size_of(rest)
        if was_packed and self.count:
            self.pack()


def size_of(batch: SampleBatch) -> int:
    """Bytes that a batch takes in memory, about."""
    times = sum(column is not None for column in (batch.ts_source, batch.ts_server, batch.ts_received))
    text = 0 if batch.text is None else sum(8 if item is None else 60 + len(item) for item in batch.text)
    return len(batch) * (24 + 8 * times) + text + 500


def unpacked(data: bytes) -> SampleBatch:
    """The samples that `columns.encode` made bytes of."""
    frame = columns.decode(data)
    present = set(frame.columns)

    def times(name: str) -> NDArray[np.int64] | None:
        return frame[name].fill_null(NULL_TIME).to_numpy() if name in present else None

    return SampleBatch(
        tag=frame["tag"].to_numpy(),
        ts=frame["ts"].to_numpy(),
        value=frame["value"].to_numpy(),
        quality=frame["quality"].to_numpy() if "quality" in present else np.zeros(frame.height, np.uint32),
        text=frame["text"].to_list() if "text" in present else None,
        ts_source=times("ts_source"),
        ts_server=times("ts_server"),
        ts_received=times("ts_received"),
    )
