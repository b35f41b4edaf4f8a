"""How long a tag was in each of its states, and how often it came there. Pure.

A state holds until the next sample with another one. Bad quality, a gap and the time in front of the first sample are
unknown: time of no state. A state is entered where it begins after another one, or as the first one known; not where it
goes on behind a time that is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iiotctl.quality import BAD

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.history.series import Series


@dataclass(frozen=True, slots=True)
class Runs:
    """States one after the other over a range.

    Attributes:
        at: (n,) int64, µs UTC, ascending: where each begins.
        state: (n,) float64, NaN = unknown; two neighbours differ.
        end: µs UTC, where the last one is over.
    """

    at: npt.NDArray[np.int64]
    state: npt.NDArray[np.float64]
    end: int

    def then(self, later: Runs) -> Runs:
        """These and what follows them."""
        import numpy as np

        at, state = np.append(self.at, later.at), np.append(self.state, later.state)
        return _brief(at, state, later.end)


def runs(series: Series, start: int, end: int) -> Runs:
    """The states of a tag in [start, end).

    Args:
        series: with the last sample before the range, Bad or not, if there is one.
        start: µs UTC.
        end: µs UTC, after `start`.
    """
    import numpy as np

    state = np.where(series.quality >= BAD, np.nan, series.value)
    first, stop = np.searchsorted(series.ts, start, side="right"), np.searchsorted(series.ts, end, side="left")
    before = state[first - 1] if first else np.nan
    at = np.append(np.int64(start), series.ts[first:stop])
    state = np.append(before, state[first:stop])
    last = np.ones(at.size, np.bool_)
    last[:-1] = at[1:] > at[:-1]
    return _brief(at[last], state[last], end)


def _brief(at: npt.NDArray[np.int64], state: npt.NDArray[np.float64], end: int) -> Runs:
    import numpy as np

    turns = np.ones(at.size, np.bool_)
    turns[1:] = (state[1:] != state[:-1]) & ~(np.isnan(state[1:]) & np.isnan(state[:-1]))
    return Runs(at[turns], state[turns], end)


@dataclass(frozen=True, slots=True)
class Tally:
    """States in intervals, one row for each state that occurs in one; unknown is a state.

    Attributes:
        interval: (m,) int64, number of the interval.
        state: (m,) float64, NaN = unknown; ascending within an interval, unknown last.
        entered: (m,) int64, how often the state was entered in the interval.
        visits: (m,) int64, stretches of the state that lie in the interval, whole or in part.
        duration: (m,) int64, µs.
        longest: (m,) int64, µs, longest stretch within the interval.
    """

    interval: npt.NDArray[np.int64]
    state: npt.NDArray[np.float64]
    entered: npt.NDArray[np.int64]
    visits: npt.NDArray[np.int64]
    duration: npt.NDArray[np.int64]
    longest: npt.NDArray[np.int64]

    def row_of(self, cut: Pieces) -> npt.NDArray[np.int64]:
        """The row that each of the pieces counts for."""
        import numpy as np

        states, code = np.unique(np.append(self.state, cut.state), return_inverse=True)
        own, theirs = code[: self.state.size], code[self.state.size :]
        keys = self.interval * states.size + own
        rows: npt.NDArray[np.int64] = np.searchsorted(keys, cut.interval * states.size + theirs).astype(np.int64)
        return rows


@dataclass(frozen=True, slots=True)
class Pieces:
    """Runs cut at the borders of intervals; what lies in no interval is left out.

    Attributes:
        start: (n,) int64, µs UTC.
        end: (n,) int64.
        state: (n,) float64, NaN = unknown.
        interval: (n,) int64.
        entered: (n,) bool, the state was entered where the piece starts.
    """

    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    state: npt.NDArray[np.float64]
    interval: npt.NDArray[np.int64]
    entered: npt.NDArray[np.bool_]


def pieces(found: Runs, starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> Pieces:
    """Runs cut at intervals.

    Args:
        found: the states.
        starts: (k,) µs UTC of the intervals, ascending.
        ends: (k,) likewise; no interval reaches into the next.
    """
    import numpy as np

    borders = np.setdiff1d(np.concatenate([starts, ends]), found.at)
    edges = np.concatenate([found.at, borders])
    place = np.append(np.arange(found.at.size), np.searchsorted(found.at, borders, side="right") - 1)
    order = np.lexsort((place, edges))  # a run without length keeps its place before the next
    order = order[(place[order] >= 0) & (edges[order] < found.end)]
    edges, place, begins = edges[order], place[order], order < found.at.size
    interval = np.searchsorted(starts, edges, side="right") - 1
    inside = (interval >= 0) & (edges < ends[np.maximum(interval, 0)])
    stop = np.append(edges[1:], found.end)
    entered = begins & _entered(found.state)[place]
    return Pieces(edges[inside], stop[inside], found.state[place][inside], interval[inside], entered[inside])


def _entered(state: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Whether each run differs from the last one that is known; unknown is entered whenever it begins."""
    import numpy as np

    known = np.flatnonzero(~np.isnan(state))
    fresh = np.isnan(state)
    fresh[known] = True
    fresh[known[1:]] = state[known[1:]] != state[known[:-1]]
    return fresh


def tally(cut: Pieces) -> Tally:
    """Count and measure."""
    import numpy as np

    values, code = np.unique(cut.state, return_inverse=True)  # NaN last, and once
    keys, row = np.unique(cut.interval * values.size + code, return_inverse=True)
    lasts = cut.end - cut.start
    longest = np.zeros(keys.size, np.int64)
    np.maximum.at(longest, row, lasts)
    duration = np.zeros(keys.size, np.int64)
    np.add.at(duration, row, lasts)
    entered = np.bincount(row, weights=cut.entered, minlength=keys.size).astype(np.int64)
    visits = np.bincount(row, minlength=keys.size).astype(np.int64)
    return Tally(keys // values.size, values[keys % values.size], entered, visits, duration, longest)
