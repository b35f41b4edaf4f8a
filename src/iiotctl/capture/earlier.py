"""What earlier runs have stored already, as far as it differs from what the filter knows within a run.

Two rules, both from the tag's latest stored row:

*Bad rows.* A server tells a new subscription the Bad status that it told the last run. It is dropped when the
latest row says the same. Another one that is older than that row is kept with the time of its receipt: its own
time may be stored already.

*Files.* A file that is replayed with its own times tells of each tag in order. So whatever is not newer than
the latest row was stored by an earlier replay. Rows that mean "nothing came" carry our time and do not count.
"""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from iiotctl.quality import BAD, BAD_DECODING_ERROR, BAD_NO_COMMUNICATION, BAD_NODE_ID_UNKNOWN
from iiotctl.samples import NULL_TIME, SampleBatch

_OURS: Final = (BAD_DECODING_ERROR, BAD_NO_COMMUNICATION, BAD_NODE_ID_UNKNOWN)
"""What a replay stores, with our time, when it cannot play a tag."""


class StoredRow(Protocol):
    """The part of `store.state.LastRow` that counts here."""

    @property
    def ts(self) -> int: ...
    @property
    def value(self) -> float | None: ...
    @property
    def quality(self) -> int: ...
    @property
    def good_ts(self) -> int | None: ...
    @property
    def ts_source(self) -> int | None: ...


def source_times(batch: SampleBatch) -> NDArray[np.int64]:
    """int64[n], µs UTC: the time that the device gave; `ts` where it gave none."""
    if batch.ts_source is None:
        return batch.ts
    return np.where(batch.ts_source == NULL_TIME, batch.ts, batch.ts_source)


class Earlier:
    """Columns by tag code."""

    def __init__(self) -> None:
        self._bad_ts = np.full(64, NULL_TIME, np.int64)
        self._bad_source = np.full(64, NULL_TIME, np.int64)
        self._bad_quality = np.zeros(64, np.uint32)
        self._floor = np.full(64, NULL_TIME, np.int64)
        self._stamped_here = np.zeros(64, np.bool_)
        self._is_empty = True

    def restore(self, code: int, row: StoredRow, *, in_order: bool, stamped_here: bool) -> None:
        """Take the latest row of a tag.

        Args:
            code: the tag.
            row: its latest stored row.
            in_order: samples come in the order of their times, as from a file.
            stamped_here: with the time of our clock.
        """
        if not in_order and row.quality < BAD:
            return
        self._grow(code)
        self._is_empty = False
        self._stamped_here[code] = stamped_here
        if row.quality >= BAD:
            self._bad_ts[code] = row.ts
            self._bad_source[code] = row.ts if row.ts_source is None else row.ts_source
            self._bad_quality[code] = row.quality
        if in_order:
            known = row.good_ts if row.quality in _OURS else row.ts
            self._floor[code] = NULL_TIME if known is None else known

    def _grow(self, code: int) -> None:
        more = code + 1 - self._floor.shape[0]
        if more <= 0:
            return
        more = max(more, self._floor.shape[0])
        none = np.full(more, NULL_TIME, np.int64)
        self._bad_ts = np.append(self._bad_ts, none)
        self._bad_source = np.append(self._bad_source, none)
        self._floor = np.append(self._floor, none)
        self._bad_quality = np.append(self._bad_quality, np.zeros(more, np.uint32))
        self._stamped_here = np.append(self._stamped_here, np.zeros(more, np.bool_))

    def sift(self, batch: SampleBatch, received: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
        """Which samples of a batch are not stored yet, and which to keep with the time of their receipt.

        Returns:
            Two masks that exclude each other; None when all are to be kept as they are.
        """
        if self._is_empty:
            return None
        self._grow(int(batch.tag.max()))
        tag, ts, quality = batch.tag, batch.ts, batch.quality
        floor = self._floor[tag]
        drop: NDArray[np.bool_] = (floor != NULL_TIME) & (ts <= floor)
        known = self._bad_ts[tag]
        is_told = (quality >= BAD) & (known != NULL_TIME) & ~drop
        is_told &= np.where(
            self._stamped_here[tag], ts == known, (ts <= known) | (source_times(batch) == self._bad_source[tag])
        )
        says_same = quality == self._bad_quality[tag]
        drop |= is_told & says_same
        again = is_told & ~says_same & (ts < known)
        if not (drop.any() or again.any()):
            return None
        told = tag[again]
        self._bad_ts[told] = received
        self._bad_source[told] = source_times(batch)[again]
        self._bad_quality[told] = quality[again]
        return ~(drop | again), again
