"""Numerics that several checks need: stretches of a mask, of a held value. Arrays in, arrays or numbers out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.features.columns import Features


def runs(mask: npt.NDArray[np.bool_], *, join: int = 0) -> list[tuple[int, int]]:
    """Stretches [first, stop) in which a mask is true, in order.

    Args:
        mask: (n,) bool.
        join: stretches with at most so many false between them are one.
    """
    import numpy as np

    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    found: list[tuple[int, int]] = []
    for first, stop in edges.reshape(-1, 2).tolist():
        if found and first - found[-1][1] <= join:
            found[-1] = (found[-1][0], stop)
        else:
            found.append((first, stop))
    return found


def held(features: Features, within: float, only: npt.NDArray[np.bool_], *, without: int = 0) -> list[tuple[int, int]]:
    """Stretches [first, stop) of windows over which all values stay within a band, in order; as long as possible.

    Args:
        features: columns `n`, `min`, `max`.
        within: width of the band, tag's unit.
        only: (n,) bool, windows that count.
        without: a stretch goes on over at most so many windows without numbers.
    """
    import numpy as np

    low, high = features["min"], features["max"]
    with np.errstate(invalid="ignore", over="ignore"):
        slack = within + 1e-9 * np.abs(high)  # what arithmetic in doubles leaves of a step
        still = only & (features["n"] > 0) & (high - low <= slack)
    busy = only & (features["n"] > 0) & ~still
    found: list[tuple[int, int]] = []
    first = last = -1
    bottom = top = 0.0
    for row in np.flatnonzero(still).tolist():
        new_bottom, new_top = min(bottom, low[row]), max(top, high[row])
        goes_on = first >= 0 and row - last - 1 <= without and not busy[last + 1 : row].any()
        if goes_on and new_top - new_bottom <= slack[row] and only[last:row].all():
            bottom, top = new_bottom, new_top
        else:
            if first >= 0:
                found.append((first, last + 1))
            first, bottom, top = row, low[row], high[row]
        last = row
    if first >= 0:
        found.append((first, last + 1))
    return found
