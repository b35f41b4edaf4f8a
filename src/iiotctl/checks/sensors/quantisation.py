"""A value moves in much coarser steps than it used to.

## What it looks for

Loss of resolution: the smallest step that a value makes for an hour is several times the one that it always made.

## Why it matters in a plant

A gateway that rounds to whole numbers, a new scaling, a card that was swapped for one of fewer bits, a deadband that
somebody set: the value is still about right, but a slow leak, a drift or a controller's fine work is not seen any more.
The history cannot be mended afterwards.

## How it decides

The smallest step that is not 0 is taken over `hours` = 1 h (or as long as 60 rows take), provided that the value moved
at least `steps` = 5 times. It fires where

    smallest step > max(`ratio` = 2.5 · p99 of the baseline, 1.5 · the largest of the baseline)

for at least 10 windows, unless the median step grew likewise: of n steps that lie on no grid, the smallest is hardly ever
more than 25/n of the median one (of the time in motion: a start after a rest), and then it says nothing. From 1.5 times the limit for at least 20 windows it is
`medium`, otherwise `low`. The beginning is where the coarse steps began, an hour before they could be told.

## What to do

Ask what was changed at that time: gateway, driver, scaling, data type (a float sent as an integer), deadband, archive
compression. Read the raw value at the source and compare the steps.

## When it is wrong

The tag now reports another range, in which coarse steps are meant.

## References

IEEE 1057 (resolution of a digitiser: its code bin width); OPC 10000-8 (deadband).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from iiotctl.checks import timeline
from iiotctl.checks.base import Check, Judged, Skipped, Spell, Unjudged, Verdict
from iiotctl.checks.conclude import amount, span
from iiotctl.checks.features.columns import HOUR, SECOND
from iiotctl.checks.kinds import kind_of
from iiotctl.checks.series import rolling_max, rolling_sum, runs
from iiotctl.findings import Confidence, Ne107, Severity

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.tagdata import TagData

_ROWS: Final = 60
"""Rows that it takes to know the smallest step."""
_PART: Final = 0.5
"""Share of the usual rows that must be there."""
_LARGEST: Final = 1.5
_CHANCE: Final = 25.0
"""Of n steps that lie on no grid, the smallest is hardly ever more than this by n of the median one."""
_FEWEST: Final = 10
_SURE_RATIO: Final = 1.5
_SURE_WINDOWS: Final = 20


@dataclass(frozen=True, slots=True)
class Params:
    """What counts as loss of resolution.

    Attributes:
        hours: h, over which the smallest step is looked for.
        ratio: times the p99 of that in the baseline.
        steps: times that the value must move within `hours`.
    """

    hours: float = 1.0
    ratio: float = 2.5
    steps: int = 5


def learn(data: TagData, params: Params) -> dict[str, float]:
    """The smallest steps of the learning period.

    Args:
        data: columns `n`, `step_min`, `steps`, `same`; with a baseline.
        params: `hours`, `steps`.

    Returns:
        `p99`, `most`: tag's unit; {} where it hardly moved.
    """
    import numpy as np

    if data.baseline is None:
        return {}
    smallest = _smallest(data, _width(data, params), params.steps)
    known = smallest[data.learning & np.isfinite(smallest)]
    return {"p99": float(np.quantile(known, 0.99)), "most": float(known.max())} if len(known) else {}


def judge(data: TagData, params: Params) -> Verdict:
    """Stretches of coarser steps than ever.

    Args:
        data: columns `n`, `step_min`, `steps`, `same`, `step_med`; with a baseline.
        params: limits.
    """
    import numpy as np

    kind = kind_of(data)
    if kind.skip:
        return Skipped(kind.skip)
    if data.baseline is None:
        return Unjudged("no baseline tells its resolution")
    if not data.learnt:
        return Unjudged("it moved too little in the baseline to know its resolution")
    features, width = data.features, _width(data, params)
    usual, most = (float(data.learnt[name]) for name in ("p99", "most"))  # type: ignore[arg-type]
    moves = rolling_sum(features["steps"] - features["same"], width)
    limit = max(params.ratio * usual, _LARGEST * most)
    smallest = _smallest(data, width, params.steps)
    hit = data.judged & (smallest > limit)
    if hit.any():
        hit &= ~timeline.doubled(data)
    found = []
    for first, stop in runs(hit, join=width):
        rows = first + np.flatnonzero(hit[first:stop])
        begin = max(0, first - width + 1)
        step = float(np.median(smallest[rows]))
        by_chance = _CHANCE / np.median(moves[rows]) * _in_motion(data, begin, stop)
        if len(rows) >= _FEWEST and step > by_chance:
            found.append(_spell(data, (begin, stop), step, limit, usual, windows=len(rows)))
    return Judged(tuple(found))


def _in_motion(data: TagData, begin: int, stop: int) -> float:
    """The median step of the windows that move most of the time, if those make most of the moves; else of all."""
    import numpy as np

    step, steps, same = (data.features[name][begin:stop] for name in ("step_med", "steps", "same"))
    moves, moving = steps - same, step > 0
    mostly = moves[moving].sum() > moves.sum() / 2
    return float(np.nanmedian(step[moving] if mostly else step))


def _width(data: TagData, params: Params) -> int:
    """Windows over which the smallest step is looked for."""
    per_window = _rows(data, 1)
    return max(3, round(params.hours * HOUR / data.features.window), math.ceil(_ROWS / per_window) if per_window else 0)


def _rows(data: TagData, windows: int) -> float:
    """Usual rows in so many windows; 0 = unknown."""
    assert data.baseline is not None
    interval = data.baseline.interval * SECOND
    return windows * data.features.window / interval if interval > 0 else 0.0


def _smallest(data: TagData, width: int, fewest: int) -> npt.NDArray[np.float64]:
    """(n,) smallest step that is not 0 in a window and the `width` - 1 before it; NaN where it moved or came too little."""
    import numpy as np

    features = data.features
    step = features["step_min"].astype(np.float64)
    smallest = -rolling_max(np.where(np.isfinite(step), -step, -np.inf), width, -np.inf)
    moves = rolling_sum(features["steps"] - features["same"], width)
    enough = rolling_sum(features["steps"], width) >= _PART * _rows(data, width)
    found: npt.NDArray[np.float64] = np.where(enough & (moves >= fewest) & np.isfinite(smallest), smallest, np.nan)
    return found


def _spell(data: TagData, at: tuple[int, int], step: float, limit: float, usual: float, *, windows: int) -> Spell:
    features, unit = data.features, data.info.unit
    sure = step > _SURE_RATIO * limit and windows >= _SURE_WINDOWS
    length = (at[1] - at[0]) * features.window
    return Spell(
        start=features.time_of(at[0]),
        end=features.time_of(at[1]),
        statistic=step,
        limit=limit,
        unit=unit,
        message=f"moves in steps of {amount(step, unit)}, usually {amount(usual, unit)}, for {span(length)}",
        severity=Severity.MEDIUM if sure else Severity.LOW,
        confidence=Confidence.HIGH if sure else Confidence.LOW,
        evidence={"usual": usual},
    )


CHECK = Check(
    id="quantisation",
    title="Quantisation",
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    ne107=Ne107.MAINTENANCE,
    params=Params,
    judge=judge,
    learn=learn,
    second_cause="the tag now reports another range, in which coarse steps are meant",
    action="ask what was changed then: gateway, scaling, data type, deadband; compare with the raw value at the source",
    references=("IEEE 1057", "OPC 10000-8"),
    needs=frozenset({"step_med"}),
)
