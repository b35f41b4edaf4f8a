"""What a crash cost of tags whose roll-ups stand for their samples: the running intervals that were not written.

Samples that are stored are durable at every commit, and the gap of a restart begins right after the last of
them. Of a tag with `raw = false` the samples of the running interval were in memory only; they were observed,
so its source's account covers them, and this is the gap that says they are gone.
"""

from __future__ import annotations

from collections.abc import Sequence

from iiotctl.capture.gapbook import GapBook
from iiotctl.capture.rollup import LATENESS_US, SAVE_US
from iiotctl.samples import Gap, GapReason
from iiotctl.sources.base import CapturedTag
from iiotctl.store.state import Recovery

_COMMIT_US = 2_000_000
"""Between the time of a sample and the commit that accounts for it."""


def gaps(book: GapBook, name: str, captured: Sequence[CapturedTag], past: Recovery, at: int) -> list[Gap]:
    """Gap rows of a source's tags.

    Args:
        book: of the run.
        name: the source.
        captured: its tags.
        past: what the earlier run left.
        at: µs UTC, now.
    """
    end = past.alive.get(name)
    if past.clean or end is None:
        return []
    rows = []
    for item in captured:
        if item.tag.raw:
            continue
        shortest = round(min(item.tag.rollup) * 1e6)
        start = first_unwritten(shortest, end, past.rolled.get(item.tag.name))
        if start <= end:
            rows.append(book.record(name, item.code, (start, end), GapReason.RESTART, at))
    return rows


def first_unwritten(interval_us: int, account: int, rolled: int | None) -> int:
    """First instant that no roll-up holds.

    Args:
        interval_us: the tag's shortest interval.
        account: µs UTC until which the source had delivered.
        rolled: µs UTC of the last instant that a written roll-up holds, None = there is none.
    """
    # a quiet tag has no roll-up although nothing is lost: an interval older than this would have been written
    written = account - LATENESS_US - _COMMIT_US
    oldest = max(written - written % interval_us, written - SAVE_US)
    return oldest if rolled is None else max(oldest, rolled + 1)
