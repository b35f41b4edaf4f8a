"""How often each item of a subscription tells of a change, and which items have been silent for unusually long."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

_SMOOTHING = 0.2


class Pulses:
    """Columns by client handle; all times in seconds of one monotonic clock.

    Attributes:
        came: float64, when a value came last, or when the item was seen first; NaN = not seen.
    """

    def __init__(self) -> None:
        self.came = np.full(64, np.nan)
        self._usual = np.full(64, np.nan)
        self._looked = np.full(64, -np.inf)

    def _reserve(self, size: int) -> None:
        more = size - self.came.shape[0]
        if more > 0:
            self.came = np.append(self.came, np.full(more, np.nan))
            self._usual = np.append(self._usual, np.full(more, np.nan))
            self._looked = np.append(self._looked, np.full(more, -np.inf))

    def beat(self, handles: NDArray[np.uint32], now: float, size: int) -> None:
        """Values of items came in one message; `size` = handles from here on are nobody's."""
        self._reserve(size)
        handles = handles[handles < size]
        gap = now - self.came[handles]
        usual = self._usual[handles]
        self._usual[handles] = np.where(np.isnan(usual), gap, usual + _SMOOTHING * (gap - usual))
        self.came[handles] = now

    def restart(self, now: float) -> None:
        """Nothing could come until now."""
        self.came[~np.isnan(self.came)] = now

    def silent(self, handles: Collection[int], now: float, *, times: float, least: float, pause: float) -> list[int]:
        """Items that have been silent for unusually long, those that were looked at longest ago first.

        Args:
            handles: the items.
            now: s.
            times: so many times its usual interval is unusual,
            least: but never less than this, s.
            pause: an item that was looked at so lately is left alone, s.
        """
        known = np.fromiter(handles, np.int64, len(handles))
        self._reserve(int(known.max(initial=0)) + 1)
        fresh = known[np.isnan(self.came[known])]
        self.came[fresh] = now
        usual, looked = self._usual[known], self._looked[known]
        unusual = np.maximum(times * np.nan_to_num(usual), least)
        places = np.flatnonzero((now - self.came[known] >= unusual) & (now - looked >= pause))
        # of those never looked at, the ones that used to change
        order = np.lexsort((np.isnan(usual[places]), looked[places]))
        found: list[int] = known[places[order]].tolist()
        return found

    def looked(self, handles: Collection[int], now: float) -> None:
        """Items were looked at."""
        self._looked[list(handles)] = now
