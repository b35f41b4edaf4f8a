"""The shape of a deviation in time: at once and steady (a bias), growing (a drift), or neither (the relation broke)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from iiotctl.checks.features.columns import DAY, HOUR
from iiotctl.checks.relations.coarse import per_cell
from iiotctl.checks.relations.votes import Vote
from iiotctl.checks.series import rolling_sum, runs

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.tagdata import TagData

Shape = Literal["step", "slope", "other"]
_JOIN: Final = 2 * HOUR
"""µs; what comes again so soon is the same deviation."""
_FEWEST: Final = 4
"""Cells with a majority that a deviation needs."""
_MOST: Final = 0.5
"""A stretch belongs to the tag where at least half of its voters' cells say so."""
_BEFORE: Final = DAY * 2
"""µs before the first hit at which a slope may have begun."""
_GROWS: Final = 18 * HOUR
"""µs; what grows for a shorter time is no drift."""
_LEFT: Final = 0.5
"""Where the better of both shapes leaves more than this share of the deviation unexplained, it is neither."""
_CLEAR: Final = 0.8
"""One shape is clearly better where it leaves less than this share of what the other one leaves."""
_SETTLES: Final = 3 * HOUR
"""µs for which a tag may settle after a level that was never learnt."""
_VOTERS: Final = 2
_WORTH: Final = 1.25
"""Limits that the second strongest witness must see, or nothing is said …"""
_WORTH_OTHER: Final = 2.0
"""… of a course of no clear shape."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """One stretch in which a tag is off.

    Attributes:
        start, end: µs UTC; `end` None = still so at the end of the data.
        shape: of its course.
        clear: the other shape fits clearly worse.
        size: tag's unit, median deviation; of a slope that at its end, of no clear shape the largest.
        per_day: tag's unit a day, of a slope.
        limit: tag's unit.
        strength: deviation by limit, of the second strongest witness.
        supporters: witnesses that agree.
        able: witnesses that could say something.
        cells: with a majority.
        share: of its time, those with a majority.
        names: of the witnesses, the closest first.
        undecided: one witness alone: it is the tag or the witness.
        range: tag's unit, usual range.
        settling: seen mostly while the tag comes from levels that were never learnt: a stop, a start.
    """

    start: int
    end: int | None
    shape: Shape
    clear: bool
    size: float
    per_day: float
    limit: float
    strength: float
    supporters: int
    able: int
    cells: int
    share: float
    names: tuple[str, ...]
    undecided: bool
    range: float
    settling: bool = False


def deviations(data: TagData) -> list[Deviation]:
    """Where and how a tag departs from what its relatives say of it.

    Args:
        data: with `vote`.
    """
    import numpy as np

    vote = data.vote
    if vote is None:
        return []
    count = len(vote.away)
    judged = np.zeros(count, np.bool_)
    per = per_cell(data.features.window)
    rows = min(len(data.judged) // per, count)
    judged[:rows] = data.judged[: rows * per].reshape(-1, per).any(axis=1)
    judged &= ~_still(data, count)
    sure = (vote.supporters >= _VOTERS) & (vote.supporters > vote.against)
    alone = (vote.supporters == 1) & (vote.against == 0) & (vote.able == 1)
    found: list[Deviation] = []
    for mask, undecided in ((sure & judged, False), (alone & judged, True)):
        for first, stop in runs(mask, join=_JOIN // vote.cell):
            if np.count_nonzero(mask[first:stop]) >= _FEWEST and _is_ours(vote, mask, first, stop):
                one = _described(vote, mask, first, stop, undecided=undecided)
                if one.strength >= _WORTH and (one.shape != "other" or one.strength >= _WORTH_OTHER):
                    found.append(one)
    return found


def _still(data: TagData, count: int) -> npt.NDArray[np.bool_]:
    """Cells in which the tag stands exactly still: it rests, or it is stuck, which is another check's business."""
    import numpy as np

    low, high = data.features["min"], data.features["max"]
    per = per_cell(data.features.window)
    still = np.zeros(count * per, np.bool_)
    rows = min(len(low), len(still))
    still[:rows] = low[:rows] == high[:rows]
    return np.asarray(still.reshape(-1, per).mean(axis=1) > _MOST)


def _is_ours(vote: Vote, mask: npt.NDArray[np.bool_], first: int, stop: int) -> bool:
    """Whether most of the cells in which anybody can say something say it of this tag."""
    import numpy as np

    can = np.count_nonzero(vote.able[first:stop] > 0)
    return np.count_nonzero(mask[first:stop]) >= _MOST * can


def _described(vote: Vote, mask: npt.NDArray[np.bool_], first: int, stop: int, *, undecided: bool) -> Deviation:
    import numpy as np

    hit = np.flatnonzero(mask[first:stop]) + first
    course = _course(vote, hit)
    begin = max(0, first - _BEFORE // vote.cell)
    # the smoothing spreads an edge over two cells
    step_left, step_at, level = _step(course, begin, first, stop)
    slope_left, slope_at, rate = _slope(course, begin, first, stop)
    energy = float(np.nansum(course[begin:stop] ** 2)) or 1.0
    grows = (stop - slope_at) * vote.cell >= _GROWS
    slopes = slope_left < step_left
    left, other = (slope_left, step_left) if slopes and grows else (step_left, slope_left)
    shape: Shape = "other" if left > _LEFT * energy else "slope" if slopes and grows else "step"
    if slopes and not grows and slope_left < _CLEAR * step_left:
        shape = "other"
    per_day = rate * DAY / vote.cell
    at = slope_at if shape == "slope" else step_at if shape == "step" else first
    farthest = float(vote.away[hit][np.abs(vote.away[hit]).argmax()])
    size = {"slope": rate * (stop - slope_at), "step": level, "other": farthest}[shape]
    return Deviation(
        start=vote.start + at * vote.cell,
        end=None if stop >= len(vote.away) - 1 else vote.start + stop * vote.cell,
        shape=shape,
        clear=left < _CLEAR * other,
        size=size,
        per_day=per_day,
        limit=float(np.median(vote.limit[hit])),
        strength=float(np.quantile(vote.strength[hit], 0.9)),
        supporters=int(np.median(vote.supporters[hit])),
        able=int(np.median(vote.able[hit])),
        cells=len(hit),
        share=len(hit) / max(1, stop - at),
        names=vote.names,
        undecided=undecided,
        range=vote.range,
        settling=_settling(vote, hit),
    )


def _settling(vote: Vote, hit: npt.NDArray[np.int64]) -> bool:
    """Whether most cells with a majority lie soon after a level that was never learnt."""
    import numpy as np

    strayed = rolling_sum(vote.strayed, max(1, _SETTLES // vote.cell)) > 0
    return bool(np.mean(strayed[hit]) > _MOST)


def _course(vote: Vote, hit: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """(n,) the deviation that those witnesses see who support it most of the time."""
    import warnings

    import numpy as np

    side = np.sign(np.median(vote.away[hit]))
    backing = np.nanmean(
        np.where(np.isfinite(vote.deviations[:, hit]), vote.deviations[:, hit] * side, np.nan) > 0, axis=1
    )
    strong = np.nanmean(side * vote.deviations[:, hit] > vote.limit[hit], axis=1)
    voters = vote.deviations[(backing > _MOST) & (strong > 0)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # cells without a voter are NaN and stay so
        return np.asarray(np.nanmedian(voters if len(voters) else vote.deviations, axis=0))


def _step(course: npt.NDArray[np.float64], begin: int, first: int, stop: int) -> tuple[float, int, float]:
    """(squares left, cell, level) of the best step from 0 near the first hit."""
    import numpy as np

    best = (float("inf"), first, 0.0)
    for at in range(max(begin, first - 18), min(first + 4, stop - 1)):
        after = course[at:stop]
        if not np.isfinite(after).any():
            continue
        level = float(np.nanmedian(after))
        left = float(np.nansum(course[begin:at] ** 2) + np.nansum((after - level) ** 2))
        if left < best[0]:
            best = (left, at, level)
    return best


def _slope(course: npt.NDArray[np.float64], begin: int, first: int, stop: int) -> tuple[float, int, float]:
    """(squares left, cell, rate per cell) of the best straight line that leaves 0 before the first hit."""
    import numpy as np

    best = (float("inf"), first, 0.0)
    for at in range(begin, first + 1, 2):
        after = course[at:stop]
        time = np.arange(len(after), dtype=np.float64)
        known = np.isfinite(after)
        if not known.any():
            continue
        rate = float(np.sum(time[known] * after[known]) / max(float(np.sum(time[known] ** 2)), 1e-12))
        left = float(np.nansum(course[begin:at] ** 2) + np.nansum((after - rate * time) ** 2))
        if left < best[0]:
            best = (left, at, rate)
    return best


def of_shape(data: TagData, shapes: Sequence[Shape]) -> list[Deviation]:
    """The deviations of these shapes; a pair that nobody can decide is told once, at the name that comes first."""
    return [
        one for one in deviations(data) if one.shape in shapes and not (one.undecided and one.names[0] < data.info.tag)
    ]
