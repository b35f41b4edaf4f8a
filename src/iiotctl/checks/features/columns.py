"""The columns of the feature table, and the table of one tag.

A row is one window of time (60 s for tags that report every 10 s or more often; see `window_of`), rows are
consecutive and without holes: a window in which nothing came has `rows` 0 and NaN elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

COLUMNS: Final[Mapping[str, str]] = {
    "rows": "rows of any quality",
    "n": "rows with a finite number that are not Bad: all that follows to `jut` is of these",
    "bad": "rows with a Bad status",
    "uncertain": "rows with an Uncertain status",
    "worst": "the worst status code (Bad before Uncertain before Good; of equals the most frequent), as a number",
    "odd": "rows whose value is NaN or infinite although they are not Bad",
    "first": "first value",
    "last": "last value",
    "min": "smallest value",
    "max": "largest value",
    "mean": "arithmetic mean",
    "median": "median",
    "std": "standard deviation (population)",
    "unique": "number of different values",
    "same": "steps of exactly 0. A step is the difference to the row before, also of the window before, unless more than `apart_limit` lies between",
    "steps": "number of steps",
    "step_med": "median of |step|",
    "step_max": "largest |step|",
    "step_min": "smallest |step| that is not 0; NaN if all are",
    "step_net": "sum of steps, signed",
    "bend_med": "median of |second difference|: noise that a ramp does not change",
    "bend_max": "largest |second difference|",
    "jut": "how far a value stands out from both neighbours on the same side: max of min(|x - before|, |x - after|)",
    "jut_at": "seconds from the beginning of the window to that value",
    "at_max": "values equal to the window's max",
    "at_min": "values equal to the window's min",
    "run": "longest run of equal consecutive values, rows, counted within the window",
    "apart": "longest time in s from a row of any quality to the row before it (also of an earlier window)",
    "apart_med": "median of that time, s",
    "twice": "rows with the same time as the row before",
    "behind": "largest `ts_received` - `ts` in s; NaN where arrival was not kept",
    "ahead": "smallest `ts_received` - `ts` in s; NaN likewise",
}
"""Name and meaning of each column; values in the tag's unit unless said otherwise."""

BASIC: Final = frozenset(
    {
        "rows",
        "n",
        "bad",
        "first",
        "last",
        "min",
        "max",
        "median",
        "std",
        "same",
        "steps",
        "step_max",
        "step_min",
        "step_net",
    }
    | {"jut", "apart", "apart_med"}
)
"""Always there: what a run itself, operating states, the sort of a tag and reports look at."""

DOUBLE: Final = frozenset({"first", "last", "min", "max", "mean", "median", "worst", "step_net"})
"""Kept as float64; all others are float32."""

COUNTS: Final = frozenset(
    {"rows", "n", "bad", "uncertain", "odd", "same", "steps", "twice", "at_max", "at_min", "unique"}
)
"""0 in a window without rows, where all others are NaN."""


@dataclass(frozen=True, slots=True)
class Features:
    """The feature table of one tag.

    Attributes:
        window: µs, length of a window.
        start: µs UTC of the first window, a multiple of `window` since 1970.
        columns: {name: (n,) float32 or float64}; only those that were asked for.
    """

    window: int
    start: int
    columns: Mapping[str, npt.NDArray[Any]]

    def __len__(self) -> int:
        return len(self.columns["rows"])

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return self.columns[name]

    @property
    def end(self) -> int:
        """µs UTC behind the last window."""
        return self.start + len(self) * self.window

    def times(self) -> npt.NDArray[np.int64]:
        """(n,) µs UTC, the beginning of each window."""
        import numpy as np

        return self.start + np.arange(len(self), dtype=np.int64) * self.window

    def time_of(self, row: int) -> int:
        """µs UTC, the beginning of a window."""
        return self.start + row * self.window

    def row_of(self, at: int) -> int:
        """Number of the window that holds an instant (may lie outside the table)."""
        return (at - self.start) // self.window

    def between(self, start: int, end: int) -> Features:
        """The windows that begin in [start, end), µs UTC."""
        first = max(0, -((self.start - start) // self.window))
        stop = max(first, min(len(self), -((self.start - end) // self.window)))
        return Features(
            self.window,
            self.start + first * self.window,
            {name: column[first:stop] for name, column in self.columns.items()},
        )


def empty(window: int, start: int, count: int, columns: Iterable[str] = COLUMNS) -> Features:
    """The table of a tag that has no rows, so many windows long."""
    import numpy as np

    made: dict[str, npt.NDArray[Any]] = {}
    for name in columns:
        kind = np.float64 if name in DOUBLE else np.float32
        made[name] = np.zeros(count, kind) if name in COUNTS else np.full(count, np.nan, kind)
    return Features(window, start, made)


_WINDOWS: Final = ((10 * SECOND, MINUTE), (100 * SECOND, 10 * MINUTE), (15 * MINUTE, HOUR), (2 * HOUR, 6 * HOUR))


def window_of(interval: float) -> int:
    """The window for a tag that reports every so many µs (median), in µs: at least about six rows each."""
    for longest, window in _WINDOWS:
        if interval <= longest:
            return window
    return DAY
