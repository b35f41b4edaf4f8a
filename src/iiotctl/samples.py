"""What sources hand over and the store keeps: samples in columns, and the gaps between them.

A *sample* is (tag, value, quality, timestamps). On the hot path samples travel as a `SampleBatch` of
numpy columns; tags are small integers (`code`) that index the run's tag table, so that no string is
touched per value. Times are microseconds since 1970-01-01 UTC in int64 (DuckDB's and polars' native
unit).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

NULL_TIME: Final = int(np.iinfo(np.int64).min)
"""Stands for "no timestamp" inside a time column; becomes null in the store."""

EARLIEST_US: Final = 946_684_800_000_000
"""2000-01-01: device clocks before this are not set; see `normalise_time`."""

MAX_AHEAD_US: Final = 24 * 3600 * 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class SampleBatch:
    """n samples in columns.

    Attributes:
        tag: uint32[n], code of the tag in the run's tag table.
        ts: int64[n], µs UTC; the sample's time as the store will keep it.
        value: float64[n], engineering units; NaN = null (Bad quality, or a text tag).
        quality: uint32[n], OPC UA status code.
        text: n strings or None for "no text"; None when no sample of the batch has text.
        ts_source: int64[n] µs UTC with NULL_TIME for null, or None = null throughout.
        ts_server: as ts_source.
        ts_received: as ts_source.
    """

    tag: NDArray[np.uint32]
    ts: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.uint32]
    text: list[str | None] | None = None
    ts_source: NDArray[np.int64] | None = None
    ts_server: NDArray[np.int64] | None = None
    ts_received: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return int(self.tag.shape[0])

    def take(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> SampleBatch:
        """The samples at `index` (positions or a mask), in that order."""
        positions = np.flatnonzero(index) if index.dtype == np.bool_ else index
        return SampleBatch(
            tag=self.tag[positions],
            ts=self.ts[positions],
            value=self.value[positions],
            quality=self.quality[positions],
            text=None if self.text is None else [self.text[i] for i in positions],
            ts_source=None if self.ts_source is None else self.ts_source[positions],
            ts_server=None if self.ts_server is None else self.ts_server[positions],
            ts_received=None if self.ts_received is None else self.ts_received[positions],
        )


def empty_batch() -> SampleBatch:
    """A batch of no samples."""
    return SampleBatch(
        tag=np.empty(0, np.uint32),
        ts=np.empty(0, np.int64),
        value=np.empty(0, np.float64),
        quality=np.empty(0, np.uint32),
    )


def _join_times(batches: list[SampleBatch], column: str) -> NDArray[np.int64] | None:
    parts = [getattr(batch, column) for batch in batches]
    if all(part is None for part in parts):
        return None
    joined: NDArray[np.int64] = np.concatenate(
        [
            np.full(len(batch), NULL_TIME, np.int64) if part is None else part
            for batch, part in zip(batches, parts, strict=True)
        ]
    )
    return joined


def concat(batches: list[SampleBatch]) -> SampleBatch:
    """All samples of `batches` in order, as one batch."""
    if not batches:
        return empty_batch()
    if len(batches) == 1:
        return batches[0]
    text: list[str | None] | None = None
    if any(batch.text is not None for batch in batches):
        text = []
        for batch in batches:
            text.extend(batch.text if batch.text is not None else [None] * len(batch))
    return SampleBatch(
        tag=np.concatenate([batch.tag for batch in batches]),
        ts=np.concatenate([batch.ts for batch in batches]),
        value=np.concatenate([batch.value for batch in batches]),
        quality=np.concatenate([batch.quality for batch in batches]),
        text=text,
        ts_source=_join_times(batches, "ts_source"),
        ts_server=_join_times(batches, "ts_server"),
        ts_received=_join_times(batches, "ts_received"),
    )


class GapReason(StrEnum):
    """Why samples are missing."""

    DISCONNECTED = "disconnected"
    TIMEOUT = "timeout"
    REFUSED = "refused"
    """The device answered, with an error: illegal address, unknown node, access denied."""
    OVERFLOW = "overflow"
    """Values arose faster than they could be taken: a queue overran, or scan cycles were skipped."""
    RESTART = "restart"
    DAMAGED = "damaged"
    """Committed samples cannot be read any more: the disk gave back other bytes than were written."""
    CLOCK_STEP = "clock-step"
    SHUTDOWN = "shutdown"
    DISK_RESERVE = "disk-reserve"
    DISK_FULL = "disk-full"


@dataclass(frozen=True, slots=True)
class Gap:
    """An interval without samples, and why.

    Both ends belong to the gap: no Good sample of the tag has start <= ts <= end.

    Attributes:
        id: unique; a later row with the same id replaces an earlier one.
        source: name of the source.
        tag: name of the tag, or None = every tag of the source.
        start: µs UTC, first missing instant.
        end: µs UTC, last missing instant; None = still open.
        reason: why.
        detected_at: µs UTC, when this row was written; the latest row of an id counts.
        filled_by: what brought the samples later (backfill), or None.
        withdrawn: true when the row takes back an earlier row of this id (the gap was split by tag).
    """

    id: str
    source: str
    tag: str | None
    start: int
    end: int | None
    reason: GapReason
    detected_at: int
    filled_by: str | None = None
    withdrawn: bool = field(default=False)
