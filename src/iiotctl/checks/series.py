"""Numerics that several checks need: stretches of a mask. Arrays in, arrays or numbers out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


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
