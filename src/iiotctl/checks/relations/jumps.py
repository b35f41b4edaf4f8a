"""Levels that jump within one sample and stay, while the relatives of the tag do not: a bias caught in the act."""

from __future__ import annotations

import warnings
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

    vote, base = data.vote, data.baseline
    if vote is None or base is None:
        return []
    usual = min(_USUAL * base.quantile("step_max", 1.0), _RARE * base.quantile("step_max", 0.99))
    usual = max(usual, _STEPS * resolution if np.isfinite(resolution) else 0.0)
    step = data.features["step_max"].astype(np.float64)
    per = per_cell(data.features.window)
    found: list[Jump] = []
    busy = 0
    for row in np.flatnonzero(data.judged & (step > usual)).tolist():
        if row < busy:
            continue
        size = _shift(data.features["median"], row)
        if not _ALIKE[0] * step[row] <= abs(size) <= _ALIKE[1] * step[row]:
            continue
        seen = 0 if _rests_beside(data, row) else _witnessed(vote, row // per, size)
        if seen:
            stop = _over(vote, row // per, size)
            end = min(stop * per, len(step))
            busy = end
            if (end - row) * data.features.window >= _LEAST:
                done = None if stop >= len(vote.away) - 1 else data.features.time_of(end)
                known = np.nanmin(vote.limit[row // per : stop], initial=np.inf)
                found.append(
                    Jump(
                        start=data.features.time_of(row),
                        end=done,
                        size=size,
                        step=float(step[row]),
                        usual=usual,
                        supporters=seen,
                        close=bool(known <= _CLOSE * vote.range),
                        names=vote.names,
                    )
                )
    return found


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
