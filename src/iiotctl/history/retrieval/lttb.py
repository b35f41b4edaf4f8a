"""Thinning that keeps the shape of a line: largest triangle three buckets (S. Steinarsson, 2013).

The line is cut into buckets of equally many samples; of each the one is kept that makes the largest triangle with the
one kept before it and the mean of the next bucket. Bad samples take no part in that: of a bucket with any the first is
kept besides, so that the line breaks where it was broken.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.history.retrieval.block import Block

_ENDS: Final = 2


def select(block: Block, count: int) -> npt.NDArray[np.intp]:
    """Which rows of a block to keep.

    Args:
        block: by time.
        count: samples to keep, at least 2.

    Returns:
        Rising indices with the first and the last row: `count` of them, or all when there are no more; in addition
        the first row that is not usable in each bucket.
    """
    import numpy as np

    total = len(block)
    if total <= count:
        return np.arange(total)
    usable = block.usable
    x = (block.ts - block.ts[0]).astype(np.float64)
    y = np.where(usable, block.value, 0.0)
    edges = 1 + (np.arange(count - 1) * (total - _ENDS)) // max(count - _ENDS, 1)
    # the last row is a bucket of its own
    starts = np.append(edges[: count - _ENDS], total - 1)
    number = np.add.reduceat(usable.astype(np.float64), starts)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        mean_x = np.add.reduceat(np.where(usable, x, 0.0), starts) / number
        mean_y = np.add.reduceat(y, starts) / number
    chosen = [0]
    anchor = 0 if usable[0] else -1
    for place, (first, last) in enumerate(pairwise(starts)):
        rows = first + np.flatnonzero(usable[first:last])
        if not rows.size:
            continue
        mean = float(mean_x[place + 1]), float(mean_y[place + 1])
        anchor = int(rows[_widest((x, y), rows, anchor, mean)])
        chosen.append(anchor)
    broken = np.flatnonzero(~usable)
    if broken.size:
        at = np.searchsorted(broken, starts)
        at = broken[at[at < broken.size]]
        chosen.extend(at.tolist())
    return np.unique(np.array([*chosen, total - 1], dtype=np.intp))


def _widest(
    corners: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
    rows: npt.NDArray[np.intp],
    anchor: int,
    mean: tuple[float, float],
) -> int:
    """Which of the rows makes the largest triangle; where a corner is missing, the one farthest from the other."""
    import numpy as np

    x, y = corners
    next_x, next_y = mean
    with np.errstate(invalid="ignore", over="ignore"):
        if anchor < 0 or not np.isfinite(next_y):
            other = next_y if anchor < 0 else y[anchor]
            area = np.abs(y[rows] - (other if np.isfinite(other) else y[rows[0]]))
        else:
            area = np.abs((x[anchor] - next_x) * (y[rows] - y[anchor]) - (x[anchor] - x[rows]) * (next_y - y[anchor]))
    return int(np.argmax(np.nan_to_num(area, nan=0.0)))
