"""Values at given times, by the rules of the aggregate Interpolative (OPC 10000-13 §5.4.3.5).

Between two Good samples the value runs in a straight line, or holds when the tag is stepped. What is not Good is passed
over, and then the result is UncertainDataSubNormal; so is a value held beyond the last Good sample. Before the first one
there is none (BadNoData). At a Good sample's own time the result is that sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from iiotctl import quality as codes
from iiotctl.history.retrieval.block import Block, empty, joined

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

UNCERTAIN_DATA_SUB_NORMAL: Final = 0x40A40000


def at(block: Block, times: npt.NDArray[np.int64], *, stepped: bool) -> Block:
    """The value at each time.

    Args:
        block: samples by time, with the neighbours that the times need.
        times: (n,) int64, µs UTC, rising.
        stepped: hold instead of a straight line.
    """
    import numpy as np

    good = np.flatnonzero(block.good)
    value = np.full(len(times), np.nan)
    quality = np.full(len(times), codes.BAD_NO_DATA, dtype=np.uint32)
    if not good.size:
        return Block(block.tag, times, value, quality)
    ts = block.ts[good]
    before = np.searchsorted(ts, times, side="right") - 1
    after = np.searchsorted(ts, times, side="left")
    known = before >= 0
    earlier = good[np.maximum(before, 0)]
    exact = known & (block.ts[earlier] == times)
    beyond = after >= good.size
    later = good[np.minimum(after, good.size - 1)]
    # between two neighbouring Good samples stands nothing but what was passed over
    last = np.searchsorted(block.ts, times, side="right") - 1
    passed = last > earlier if stepped else later - earlier > 1
    doubtful = ~exact & (passed | beyond)
    value = np.where(known, block.value[earlier], np.nan)
    if not stepped:
        sloped = known & ~exact & ~beyond
        span = np.maximum(block.ts[later] - block.ts[earlier], 1)
        part = (times - block.ts[earlier]) / span
        with np.errstate(invalid="ignore", over="ignore"):
            line = block.value[earlier] + (block.value[later] - block.value[earlier]) * part
        value = np.where(sloped, line, value)
    own = np.where(exact, block.quality[earlier], codes.GOOD)
    quality = np.where(known, np.where(doubtful, UNCERTAIN_DATA_SUB_NORMAL, own), codes.BAD_NO_DATA)
    return Block(block.tag, times, value, quality.astype(np.uint32))


def interpolated(tag: str, blocks: Iterable[Block], times: npt.NDArray[np.int64], *, stepped: bool) -> Iterator[Block]:
    """Values at given times from blocks of any size.

    Args:
        tag: its name.
        blocks: of the tag, by time; the first begins at the last Good sample before the times, the last one ends with
            the first Good sample behind them, as far as there are such.
        times: see `at`.
        stepped: see `at`.
    """
    import numpy as np

    kept: Block | None = None
    done = 0
    for block in blocks:
        rows = block if kept is None else joined(tag, [kept, block])
        good = np.flatnonzero(rows.good)
        if good.size:
            upto = int(np.searchsorted(times, rows.ts[good[-1]], side="right"))
            if upto > done:
                yield at(rows, times[done:upto], stepped=stepped)
                done = upto
        # of what is passed over one row is enough to know of it: the earliest
        kept = rows[good[-1] : good[-1] + 2] if good.size else rows[:1]
    if done < len(times):
        yield at(empty(tag) if kept is None else kept, times[done:], stepped=stepped)
