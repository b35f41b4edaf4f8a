"""What of a tag is kept from one batch of rows to the next, so that its table is as if all rows were there at once.

A window is made when no later row can change it: its rows are all there, and so is the next usable row behind it (or
it is so far behind that it is no neighbour). Until then its rows wait, with the few before them that are their
neighbours. The window itself is chosen by the first rows, which wait as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from iiotctl.checks.features.columns import MINUTE, SECOND, window_of
from iiotctl.checks.features.grid import Grid
from iiotctl.checks.features.samples import Samples, joined, last_usable, rows_from, usable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_FIRST_ROWS: Final = 512
"""Rows by which the window of a tag is chosen."""
_TAIL: Final = 256
_APART: Final = 10
"""Median intervals: rows further apart are no step."""


def interval_of(ts: npt.NDArray[np.int64]) -> float | None:
    """Median time between rows in µs, repeated times left out; None when there is none."""
    import numpy as np

    apart = np.diff(ts)
    apart = apart[apart > 0]
    return float(np.median(apart)) if len(apart) else None


def apart_limit_of(interval: float | None) -> int:
    """µs; rows further apart are no step."""
    return int(_APART * (SECOND if interval is None else interval))


class Carried:
    """One tag on its way through the pass.

    Args:
        start, end: µs UTC, the asked range.
        window: µs, where it is given.
    """

    __slots__ = ("_done", "_end", "_given", "_kept", "_last_value", "_start", "first_row", "grid", "interval",
                 "last_change", "last_row", "rows")  # fmt: skip

    def __init__(self, start: int, end: int, window: int | None) -> None:
        self._start, self._end, self._given = start, end, window
        self._kept = joined([])
        self._done = 0
        self._last_value = float("nan")
        self.grid: Grid | None = None
        self.interval: float | None = None
        self.rows = 0
        self.first_row: int | None = None
        self.last_row: int | None = None
        self.last_change: int | None = None

    def add(self, new: Samples) -> None:
        """Rows that come after all rows so far."""
        self._note(new)
        self._kept = joined([self._kept, new]) if len(self._kept) else new

    def due(self, *, ended: bool) -> tuple[Samples, Grid, int] | None:
        """What can be made now: rows, the windows, and the number of the first of them in the whole table.

        Args:
            ended: no more rows will come.
        """
        if self.grid is None and (ended or len(self._kept) >= _FIRST_ROWS):
            self._choose()
        grid, rows = self.grid, self._kept
        if grid is None or not len(rows):
            self._kept = rows.copy()
            return None
        first = self._done
        stop = grid.count if ended else max(first, min(grid.count, self._settled(grid)))
        self._done = stop
        self._kept = rows_from(rows, grid.start + stop * grid.window).copy()
        if stop == first:
            return None
        return rows, grid.part(first, stop), first

    def _choose(self) -> None:
        self.interval = interval_of(self._kept.ts[:_FIRST_ROWS])
        window = self._given or window_of(self.interval or MINUTE / 6)
        start = self._start // window * window
        self.grid = Grid(window, start, -((start - self._end) // window), apart_limit_of(self.interval))

    def _settled(self, grid: Grid) -> int:
        """Number of windows that no later row can change."""
        ts = self._kept.ts
        last = int(ts[-1])
        for at in last_usable(self._kept):
            if last - ts[at] <= grid.apart_limit:
                last = int(ts[at])
        return (last - grid.start) // grid.window

    def _note(self, new: Samples) -> None:
        if not len(new):
            return
        self.rows += len(new)
        if self.first_row is None:
            self.first_row = int(new.ts[0])
        self.last_row = int(new.ts[-1])
        known = last_usable(new, 2)
        if not known:
            return
        before, last = new.value[known[0]], new.value[known[-1]]
        if len(known) > 1 and before != last:
            self.last_change = int(new.ts[known[-1]])
        else:
            self._look_back(new)
        self._last_value = float(last)

    def _look_back(self, new: Samples) -> None:
        """The last change, where it is not the last row."""
        import numpy as np

        for tail in (new[-_TAIL:], new):
            known = np.flatnonzero(usable(tail))
            value = tail.value[known]
            changed = np.flatnonzero(value[1:] != value[:-1])
            if len(changed):
                self.last_change = int(tail.ts[known[changed[-1] + 1]])
                return
        # NaN, which differs from itself: there was none before
        if value[0] != self._last_value == self._last_value:
            self.last_change = int(tail.ts[known[0]])
