"""A value goes to another level faster than it ever did.

## What it looks for

A jump that stays: one step that is much larger than any in the baseline, after which the value goes on at the new level. A
gauge that was moved or re-zeroed, two cables or registers that were swapped, a wrong scaling, or a process that cannot be.

## Why it matters in a plant

Temperature, level and mass have inertia: what changes faster than the process can is the measurement. It also tells the
minute in which somebody did something.

## How it decides

A step from one row to the next of more than

    limit = max(`factor` = 3 · largest lasting step of the baseline, `share` = 15 % of its range)

that makes at least 80 % of the way between the medians of the five windows before and after it, and these windows do not
wander by more than a third of it; the step is 3 times as large as the largest ones in these windows usually are. With a
baseline of fewer than 500 windows the limit is larger, by 500 over their number. A change from or to standstill (of the unit, at one level, at zero) is none, nor the edge of a gap or of a clock
shift. It is always `low`: what exactly is wrong, if anything, other checks say (`bias`, `ne43`, `gross-range`).

## What to do

Look what was done at that time: shift book, event list, change log of the PLC.

## When it is wrong

A valve was opened by hand, a batch was started another way: the process can do more than the baseline showed.

## References

QARTOD rate of change test (IOOS, *Manual for Real-Time Quality Control*, test 7).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from iiotctl.checks import timeline
from iiotctl.checks.base import Check, Judged, Skipped, Spell, Unjudged, Verdict
from iiotctl.checks.conclude import amount
from iiotctl.checks.kinds import kind_of
from iiotctl.checks.series import held
from iiotctl.checks.tagdata import State
from iiotctl.findings import Confidence, Ne107, Severity

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.features.columns import Features
    from iiotctl.checks.tagdata import TagData

_AROUND: Final = 5
"""Windows before and after a step."""
_WAY: Final = 0.8
"""Share of the way between the levels that the step makes."""
_OF_STEPS: Final = 3.0
"""Times the largest steps of the windows around, by the median."""
_BESIDE: Final = 3
"""Windows before and after, for the quick look."""
_ALIKE: Final = 0.4
"""Share of the way that the step makes at least, and the way of the step, for the quick look."""
_WANDER: Final = 1 / 3
"""Share of the step by which the levels may wander."""
_ENOUGH: Final = 500
"""Windows of a baseline that has seen what there is."""
_ZERO: Final = 0.02
"""Share of the largest size seen, below which a level is zero."""
_STILL: Final = 2.25
"""Resolutions within which a tag stands still."""


@dataclass(frozen=True, slots=True)
class Params:
    """What counts as too fast.

    Attributes:
        factor: times the largest lasting step of the baseline.
        share: of the range of the baseline, at least.
    """

    factor: float = 3.0
    share: float = 0.15


@dataclass(frozen=True, slots=True)
class _Step:
    """A step in a window: its size, the level before and after, tag's unit."""

    row: int
    size: float
    before: float
    after: float


def learn(data: TagData, params: Params) -> dict[str, Any]:
    """What lasting steps the learning period has.

    Returns:
        `low`, `high`: range; `step`: largest lasting step. Tag's unit.
    """
    features = data.features
    only = data.learning & (features["n"] > 0)
    if not only.any():
        return {}
    low, high = float(features["min"][only].min()), float(features["max"][only].max())
    width = high - low
    rows = _candidates(features, only, params.share / 3 * width)
    rows.sort(key=lambda row: float(features["step_max"][row]), reverse=True)
    largest = next((step.size for row in rows if (step := _lasting(features, row)) is not None), 0.0)
    return {"low": low, "high": high, "step": largest}


def judge(data: TagData, params: Params) -> Verdict:
    """Steps to another level that are larger than any before.

    Args:
        data: with a baseline.
        params: limits.
    """
    kind, learnt = kind_of(data), data.learnt
    if kind.skip:
        return Skipped(kind.skip)
    if data.baseline is None or "step" not in learnt:
        return Unjudged("no baseline tells how fast it changes")
    if kind.constant or not kind.resolution > 0:
        return Unjudged("it never moved in the baseline")
    low, high, step = (float(learnt[name]) for name in ("low", "high", "step"))  # type: ignore[arg-type]
    features = data.features
    brief = max(1.0, _ENOUGH / max(1, kind.windows))
    limit = brief * max(params.factor * step, params.share * (high - low))
    rows = _candidates(features, data.judged, limit)
    shifts = timeline.shifts(data) if rows else []
    spells = []
    for row in rows:
        found = _lasting(features, row)
        clock = timeline.explained(shifts, features.time_of(row), features.time_of(row + 1))
        zero = _ZERO * max(abs(low), abs(high))
        if found is not None and found.size > limit and not clock and not _starts(data, found, zero, kind.resolution):
            spells.append(_spell(data, found, limit))
    return Judged(tuple(spells))


def _lasting(features: Features, row: int) -> _Step | None:
    """The largest step of a window, if it is the way from the level before to the level after."""
    import numpy as np

    level = features["median"]
    parts = [level[max(0, row - _AROUND) : row], level[row + 1 : row + 1 + _AROUND]]
    if any(len(part) < _AROUND or not np.isfinite(part).all() for part in parts):
        return None
    before, after = (float(np.median(part)) for part in parts)
    size = float(features["step_max"][row])
    wander = max(float(np.ptp(part)) for part in parts)
    steps = features["step_max"][max(0, row - _AROUND) : row + 1 + _AROUND]
    usual = float(np.median(steps[np.isfinite(steps)]))
    way = abs(after - before)
    lasts = _WAY * way <= size <= way / _WAY and wander <= _WANDER * size and size >= _OF_STEPS * usual
    return _Step(row, size, before, after) if lasts else None


def _candidates(features: Features, only: npt.NDArray[np.bool_], least: float) -> list[int]:
    """Windows with a step of more than `least` and another level before than after; a quick look over all."""
    import numpy as np

    level = np.pad(features["median"].astype(np.float64), _BESIDE, constant_values=np.nan)
    with np.errstate(invalid="ignore"):
        way = np.abs(level[2 * _BESIDE :] - level[: -2 * _BESIDE])
        size = features["step_max"]
        alike = (size > _ALIKE * way) & (size < way / _ALIKE)
        found: list[int] = np.flatnonzero(only & (size > least) & (way > least / 2) & alike).tolist()
    return found


def _starts(data: TagData, step: _Step, zero: float, lsb: float) -> bool:
    """Whether it is a change from or to standstill."""
    import numpy as np

    features = data.features
    around = slice(max(0, step.row - _AROUND), step.row + 1 + _AROUND)
    if min(abs(step.before), abs(step.after)) <= zero or (data.state[around] == State.OFF).any():
        return True
    still = held(features, _STILL * lsb, _only(data, around))
    return any(stop - first >= np.ceil(_AROUND / 2) for first, stop in still)


def _only(data: TagData, part: slice) -> npt.NDArray[np.bool_]:
    import numpy as np

    found = np.zeros(len(data.features), np.bool_)
    found[part] = True
    return found


def _spell(data: TagData, step: _Step, limit: float) -> Spell:
    features, unit = data.features, data.info.unit
    return Spell(
        start=features.time_of(step.row),
        end=features.time_of(step.row + 1),
        statistic=step.size,
        limit=limit,
        unit=unit,
        message=f"went from {amount(step.before, unit)} to {amount(step.after, unit)} in one step of "
        f"{amount(step.size, unit)}, and stayed there (more than {amount(limit, unit)} at once is not normal)",
        severity=Severity.LOW,
        confidence=Confidence.LOW,
        evidence={"before": step.before, "after": step.after},
    )


CHECK = Check(
    id="rate-of-change",
    title="Rate of change",
    severity=Severity.LOW,
    confidence=Confidence.LOW,
    ne107=Ne107.CHECK,
    params=Params,
    judge=judge,
    learn=learn,
    second_cause="the process did it: a valve opened by hand, a batch started another way",
    action="look what was done at that time: shift book, event list, change log of the PLC",
    references=("QARTOD rate of change test",),
    needs=frozenset({"n", "min", "max", "median", "step_max"}),
)
