"""Levels that jump within one sample and stay, while the relatives of the tag do not: a bias caught in the act."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from iiotctl.checks.features.columns import HOUR
from iiotctl.checks.relations.coarse import per_cell

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.relations.votes import Vote
    from iiotctl.checks.tagdata import TagData

_BESIDE: Final = 8
"""Windows before and after, whose level is compared."""
_ALIKE: Final = (0.6, 1.5)
"""The level changes by so many times the largest step: the step did it."""
_USUAL: Final = 1.3
"""The step is so many times the largest of the learning period …"""
_RARE: Final = 3.0
"""… or so many times its 99 % quantile, whichever is less, and at least so many of its smallest steps:"""
_STEPS: Final = 4.0
_LOOK: Final = (3, 7)
"""Cells before and after whose deviations are compared; nearer ones are smeared by the smoothing."""
_SEEN: Final = (0.5, 1.7)
"""A witness sees the jump where its deviation changes by so many times the jump …"""
_UNSEEN: Final = 0.25
"""… and does not where it changes by less than this."""
_BACK: Final = 0.4
"""The jump is over where the deviation is so close to what it was before, as a share of the jump."""
_BACK_AGAIN: Final = (0.75, 1.33)
"""A jump back is so many times the jump."""
_LEAST: Final = HOUR // 2
_VOTERS: Final = 2
_CLOSE: Final = 0.02
_FEW: Final = 3
"""A tag with so few different values in the middle window has coarse steps."""


@dataclass(frozen=True, slots=True)
class Jump:
    """A level that jumped away from the relatives.

    Attributes:
        start, end: µs UTC; `end` None = still so at the end of the data.
        size: tag's unit, signed, by which the level changed.
        step: tag's unit, the largest step from one sample to the next.
        usual: tag's unit, the largest step that is usual.
        supporters: witnesses that see it.
        close: one of them knows the tag to 2 % of its usual range.
        names: of the witnesses, the closest first.
    """

    start: int
    end: int | None
    size: float
    step: float
    usual: float
    supporters: int
    close: bool
    names: tuple[str, ...]


def jumps(data: TagData, resolution: float) -> list[Jump]:
    """Where a tag's level jumped and its relatives' did not.

    Args:
        data: with `vote` and `baseline`; columns `step_max`, `median`, `min`, `max`, `unique`.
        resolution: the smallest step that the tag makes, its unit.
    """
    import numpy as np

    vote = data.vote
    if vote is None:
        return []
    per = per_cell(data.features.window)
    found: list[Jump] = []
    busy = 0
    for row, size, step, usual in _edges(data, resolution):
        seen = _witnessed(vote, row // per, size) if row >= busy else 0
        if seen:
            stop = _over(vote, row // per, size)
            end = min(stop * per, len(data.features))
            busy = end
            if (end - row) * data.features.window >= _LEAST:
                done = None if stop >= len(vote.away) - 1 else data.features.time_of(end)
                known = np.nanmin(vote.limit[row // per : stop], initial=np.inf)
                close = bool(known <= _CLOSE * vote.range)
                found.append(Jump(data.features.time_of(row), done, size, step, usual, seen, close, vote.names))
    return found


def there_and_back(data: TagData, resolution: float) -> list[Jump]:
    """Where a level jumped within one sample, and later back by as much: all that a tag without relatives can tell.

    Args:
        data: with `baseline`; columns as for `jumps`.
        resolution: the smallest step that the tag makes, its unit.
    """
    found: list[Jump] = []
    before: tuple[int, float, float, float] | None = None
    for edge in _edges(data, resolution):
        if before is not None and _BACK_AGAIN[0] <= -edge[1] / before[1] <= _BACK_AGAIN[1]:
            row, size, step, usual = before
            if (edge[0] - row) * data.features.window >= _LEAST:
                start, end = data.features.time_of(row), data.features.time_of(edge[0])
                found.append(Jump(start, end, size, step, usual, supporters=0, close=False, names=()))
            before = None
        else:
            before = edge
    return found


def _edges(data: TagData, resolution: float) -> Iterator[tuple[int, float, float, float]]:
    """(window, change of level, largest step, usual step) of each jump that stays and is larger than any before."""
    import numpy as np

    base = data.baseline
    if base is None:
        return
    usual = min(_USUAL * base.quantile("step_max", 1.0), _RARE * base.quantile("step_max", 0.99))
    usual = max(usual, _STEPS * resolution if np.isfinite(resolution) else 0.0)
    step = data.features["step_max"].astype(np.float64)
    for row in np.flatnonzero(data.judged & (step > usual)).tolist():
        size = _shift(data.features["median"], row)
        if _ALIKE[0] * step[row] <= abs(size) <= _ALIKE[1] * step[row] and not _rests_beside(data, row):
            yield row, size, float(step[row]), usual


def _shift(level: npt.NDArray[np.float64], row: int) -> float:
    """By how much the level behind a window differs from that before it, the ramp it may be on apart; NaN at the edges."""
    import numpy as np

    around = level[max(0, row - _BESIDE) : row + 1 + _BESIDE]
    if len(around) < 2 * _BESIDE + 1 or np.count_nonzero(np.isfinite(around)) < _BESIDE + _BESIDE // 2:
        return float("nan")
    ramp = float(np.nanmedian(np.diff(around)))
    straight = around - ramp * np.arange(len(around))
    before, after = straight[:_BESIDE], straight[_BESIDE + 1 :]
    if not (np.isfinite(before).any() and np.isfinite(after).any()):
        return float("nan")
    return float(np.nanmedian(after) - np.nanmedian(before))


def _rests_beside(data: TagData, row: int) -> bool:
    """Whether the tag stands exactly still before or after: it came to rest, or left it."""
    import numpy as np

    still = data.features["min"] == data.features["max"]
    sides = (still[max(0, row - _BESIDE) : row], still[row + 1 : row + 1 + _BESIDE])
    return any(np.count_nonzero(side) > len(side) // 2 for side in sides) and not _coarse(data)


def _coarse(data: TagData) -> bool:
    """Whether it often stands still while it is at work: its steps are coarse."""
    base = data.baseline
    return base is not None and base.quantile("unique", 0.5) <= _FEW


def _around(vote: Vote, cell: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(witnesses,) deviation before and after a cell."""
    import numpy as np

    near, far = _LOOK
    before = vote.deviations[:, max(0, cell - far + 1) : max(0, cell - near + 1)]
    after = vote.deviations[:, cell + near : cell + far]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a witness that is silent there stays NaN
        none = np.full(len(vote.deviations), np.nan)
        return (
            np.nanmedian(before, axis=1) if before.shape[1] else none,
            np.nanmedian(after, axis=1) if after.shape[1] else none,
        )


def _witnessed(vote: Vote, cell: int, size: float) -> int:
    """How many witnesses see the jump; 0 where too few do, or more do not, or where it brings the tag back to them."""
    import numpy as np

    before, after = _around(vote, cell)
    share = (after - before) / size
    if np.count_nonzero(before / size < -_SEEN[0]) > np.count_nonzero(after / size > _SEEN[0]):
        return 0
    seen = int(np.count_nonzero((share >= _SEEN[0]) & (share <= _SEEN[1])))
    unseen = int(np.count_nonzero(np.abs(share) < _UNSEEN))
    return seen if seen >= _VOTERS and seen > unseen else 0


def _over(vote: Vote, cell: int, size: float) -> int:
    """Cell in which the deviation is back where it was before the jump."""
    import numpy as np

    before, _ = _around(vote, cell)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        away = np.nanmedian((vote.deviations[:, cell:] - before[:, None]) / size, axis=0)
    back = np.flatnonzero(away[_LOOK[0] :] < _BACK)
    return cell + _LOOK[0] + int(back[0]) if len(back) else len(vote.away)
