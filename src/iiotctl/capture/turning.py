"""When a gap ends, and when the cause of one that lasts becomes another. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from iiotctl.capture.gapbook import OpenGap
from iiotctl.capture.ledgerstate import LedgerTag, TagColumns, received_at
from iiotctl.samples import NULL_TIME, GapReason, SampleBatch

_OURS: Final = (GapReason.DISK_FULL, GapReason.DISK_RESERVE, GapReason.OVERFLOW)
_PAUSES: Final = (GapReason.SHUTDOWN, GapReason.RESTART)


def is_past(gap: OpenGap, since: int) -> bool:
    """Whether a gap tells of the time before this run (`since`, µs UTC), in which nobody captured."""
    return gap.reason in _PAUSES and gap.start < since


def turning(gap: OpenGap, reason: GapReason, since: int, at: int) -> int | None:
    """Where the gap of a source ends because another cause takes over.

    Args:
        gap: lasts.
        reason: of a failure that is reported now.
        since: µs UTC, begin of the run.
        at: µs UTC, of the failure.

    Returns:
        µs UTC, first instant of the new cause; None = the gap goes on as it is.
    """
    if reason in _PAUSES:
        return None
    if gap.reason in _PAUSES:
        # while nobody captured, that was the cause; from the begin of this run it is the device
        return max(since, gap.start) if is_past(gap, since) else at
    # samples were thrown away here; now the device gives none either
    return at if gap.reason in _OURS and reason not in _OURS else None


def end_of(start: int, batch: SampleBatch, received: int, *, together_us: int) -> int:
    """Last missing instant (µs UTC) of a gap that began at `start` and ends with the samples of `batch`.

    Args:
        received: µs UTC, for samples without `ts_received`.
        together_us: first new samples of the tags that are no further apart came back at once.
    """
    fresh = batch.ts >= start
    if not fresh.any():
        # only values that have not changed since: they are confirmed from now on
        return received_at(batch, received) - 1
    tags, inverse = np.unique(batch.tag[fresh], return_inverse=True)
    first = np.full(tags.shape[0], np.iinfo(np.int64).max, np.int64)
    np.minimum.at(first, inverse, batch.ts[fresh])
    # else each tag has its own first new sample
    is_together = int(first.max() - first.min()) <= together_us
    return int(first.min() if is_together else first.max()) - 1


def behind(tags: Iterable[LedgerTag], columns: TagColumns, start: int) -> list[tuple[int, int]]:
    """Polled tags that have missed more than a period when the gap of all of the source begins at `start` (µs UTC).

    A source's gap begins after the latest sample of any of its tags; in a slow scan others came long before.

    Returns:
        Code and first missing instant of each; the last one is `start` - 1.
    """
    found = []
    for tag in tags:
        known = max(int(columns.last[tag.code]), int(columns.covered[tag.code]))
        if not tag.exception and known != NULL_TIME and start - 1 - known > tag.period_us:
            found.append((tag.code, known + 1))
    return found
