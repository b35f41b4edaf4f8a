"""Numerics that several checks need: stretches of a mask, of a held value. Arrays in, arrays or numbers out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.features.columns import Features

Scalar = TypeVar("Scalar", bound="np.generic")


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


def rolling_median(values: npt.NDArray[np.floating[Any]], width: int, *, fewest: int = 1) -> npt.NDArray[np.float32]:
    """(n,) the median of the `width` values around each; NaN where fewer than `fewest` of them are numbers.

    Args:
        values: (n,) NaN = unknown.
        width: odd.
        fewest: numbers that it takes.
    """
    import numpy as np

    half = width // 2
    padded = np.full(len(values) + 2 * half, np.nan, np.float32)
    padded[half : half + len(values)] = values
    ordered = np.sort(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1)  # NaN last
    known = np.count_nonzero(~np.isnan(ordered), axis=1)
    row = np.arange(len(values))
    middle = (ordered[row, np.maximum(known - 1, 0) // 2] + ordered[row, known // 2]) / 2
    found: npt.NDArray[np.float32] = np.where(known >= max(fewest, 1), middle, np.float32(np.nan))
    return found


def rolling_max(values: npt.NDArray[Scalar], width: int, before: Any) -> npt.NDArray[Scalar]:
    """(n,) the largest of each value and the `width` - 1 before it (van Herk and Gil-Werman: two passes by blocks).

    Args:
        values: (n,) without NaN.
        width: values.
        before: stands in front of the first.
    """
    import numpy as np

    count = len(values)
    blocks = -(-(count + width - 1) // width)
    padded = np.full(blocks * width, before, values.dtype)
    padded[width - 1 : width - 1 + count] = values
    table = padded.reshape(blocks, width)
    ahead = np.maximum.accumulate(table, axis=1).ravel()
    behind = np.maximum.accumulate(table[:, ::-1], axis=1)[:, ::-1].ravel()
    return np.maximum(behind[:count], ahead[width - 1 : width - 1 + count])


def rolling_sum(values: npt.NDArray[Any], width: int) -> npt.NDArray[np.float64]:
    """(n,) the sum of each value and the `width` - 1 before it, as far as there are any."""
    import numpy as np

    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    ends = np.arange(1, len(values) + 1)
    found: npt.NDArray[np.float64] = sums[ends] - sums[np.maximum(ends - width, 0)]
    return found
