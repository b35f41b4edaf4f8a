"""Thinning for a drawing as historians do it: of each column of the screen the samples that may be seen.

An interval gives its first and last sample, the smallest and the largest value that is not Bad, and the exceptional
sample: the first of the worst quality, if any is not Good. So neither a spike of one sample nor one bad
reading is hidden, whatever the width. (PI Web API reference, `GetPlot`.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from iiotctl.history.retrieval.block import Block, joined

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_SEVERITY_SHIFT: Final = 30


def borders(start: int, end: int, width: int) -> npt.NDArray[np.int64]:
    """(m,) int64, µs UTC: where the intervals begin, and the end of the last; no two are the same instant."""
    import numpy as np

    span = end - start
    if span <= width:
        return np.arange(start, end + 1, dtype=np.int64)
    steps = np.arange(width + 1, dtype=np.int64)
    # without a product that leaves 64 bits
    return start + steps * (span // width) + steps * (span % width) // width


def select(block: Block, borders_: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
    """Which rows of a block a drawing needs.

    Args:
        block: by time, all within the borders.
        borders_: see `borders`.

    Returns:
        Rising indices, at most five an interval, none twice.
    """
    import numpy as np

    if not len(block):
        return np.empty(0, np.intp)
    cuts = np.searchsorted(block.ts, borders_)
    starts = cuts[:-1][cuts[1:] > cuts[:-1]]
    ends = np.append(starts[1:], len(block))
    usable = block.usable
    low = np.where(usable, block.value, np.inf)
    high = np.where(usable, block.value, -np.inf)
    severity = block.quality >> _SEVERITY_SHIFT
    worst = np.maximum.reduceat(severity, starts)
    least = _first(low, np.minimum.reduceat(low, starts), starts, ends)
    most = _first(high, np.maximum.reduceat(high, starts), starts, ends)
    exceptional = _first(severity, worst, starts, ends)
    chosen: npt.NDArray[np.intp] = np.unique(np.concatenate([starts, ends - 1, least, most, exceptional]))
    return chosen


def _first(
    column: npt.NDArray[Any], wanted: npt.NDArray[Any], starts: npt.NDArray[np.intp], ends: npt.NDArray[np.intp]
) -> npt.NDArray[np.intp]:
    """Of each interval the first row that has the wanted value."""
    import numpy as np

    hits = np.flatnonzero(column == np.repeat(wanted, ends - starts))
    found: npt.NDArray[np.intp] = hits[np.searchsorted(hits, starts)]
    return found


def plot(blocks: Iterable[Block], start: int, end: int, width: int) -> Iterator[Block]:
    """The rows of a drawing, from blocks of any size.

    Args:
        blocks: of one tag, by time, within the range.
        start: µs UTC.
        end: µs UTC.
        width: intervals.
    """
    import numpy as np

    edges = borders(start, end, width)
    kept: Block | None = None
    for block in blocks:
        if not len(block):
            continue
        rows = block if kept is None else joined(block.tag, [kept, block])
        rows = rows[select(rows, edges)]
        # what has been chosen of the interval that the block ends in stands for its rows when the next one comes
        begun = edges[np.searchsorted(edges, rows.ts[-1], side="right") - 1]
        at = int(np.searchsorted(rows.ts, begun))
        if at:
            yield rows[:at]
        kept = rows[at:]
    if kept is not None:
        yield kept
