"""When a condition was true, over stored samples: yes, no or unknown at every instant. Pure.

- A value holds until the next sample (stepped tags), or runs in a straight line to it (sloped ones): then `>`, `>=`,
  `<` and `<=` turn at the crossing between two samples, to the µs. `=` and `!=` look at samples as they are, since a
  line passes through a value in no time.
- A Bad sample, or one without a value, makes unknown what it is until the next one with a value; so does the time
  before the first sample. `bad` and `good` are asked of the quality itself and are always known from then on.
- An edge (`rises`, `falls`, `rises above`, `falls below`, `changes`) is true for one µs: when the value enters the
  level and was known outside of it before, whatever was unknown between.
- `and`, `or` and `not` follow Kleene: no and unknown is no, yes or unknown is yes, all else with unknown is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from iiotctl.quality import BAD, UNCERTAIN
from iiotctl.site.condition import AllOf, AnyOf, Claim, Condition, Expression, Not, level_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.history.series import Series

NO: Final = -1
UNKNOWN: Final = 0
YES: Final = 1
_SLOPES: Final = (Condition.ABOVE, Condition.AT_LEAST, Condition.BELOW, Condition.AT_MOST)


@dataclass(frozen=True, slots=True)
class Truth:
    """Three-valued, over a range.

    Attributes:
        at: (n,) int64, µs UTC, strictly ascending; the first is the begin of the range.
        says: (n,) int8: YES, NO or UNKNOWN from `at[i]` until `at[i + 1]`, the last until the end of the range; no
            two neighbours are equal.
    """

    at: npt.NDArray[np.int64]
    says: npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Course:
    """How the values of a tag run.

    Attributes:
        series: its samples, with the last one before the range and the first behind it.
        is_stepped: a value holds until the next sample; else a straight line leads there.
    """

    series: Series
    is_stepped: bool


def judge(condition: Expression, courses: Mapping[str, Course], start: int, end: int) -> Truth:
    """When a condition is true in [start, end).

    Args:
        condition: its texts already numbers.
        courses: by name of the tag.
        start: µs UTC.
        end: µs UTC, after `start`.
    """
    import numpy as np

    match condition:
        case Claim():
            return _cut(*_test(condition, courses[condition.tag]), start, end)
        case Not(of):
            inner = judge(of, courses, start, end)
            return Truth(inner.at, -inner.says)
        case AllOf(parts) | AnyOf(parts):
            every = isinstance(condition, AllOf)
            found = [judge(part, courses, start, end) for part in parts]
            at = np.unique(np.concatenate([truth.at for truth in found]))
            combined = [sampled(truth, at) for truth in found]
            says = np.minimum.reduce(combined) if every else np.maximum.reduce(combined)
            return _brief(at, says)


def sampled(truth: Truth, at: npt.NDArray[np.int64]) -> npt.NDArray[np.int8]:
    """What it says at these instants, all of them in its range."""
    import numpy as np

    says: npt.NDArray[np.int8] = truth.says[np.searchsorted(truth.at, at, side="right") - 1]
    return says


def _brief(at: npt.NDArray[np.int64], says: npt.NDArray[Any]) -> Truth:
    import numpy as np

    turns = np.ones(at.size, np.bool_)
    turns[1:] = says[1:] != says[:-1]
    return Truth(at[turns], says[turns].astype(np.int8))


def _cut(at: npt.NDArray[np.int64], says: npt.NDArray[np.int8], start: int, end: int) -> Truth:
    """Cut to the range; of several verdicts for one instant the last counts."""
    import numpy as np

    before = int(np.searchsorted(at, start, side="right"))
    inside = slice(before, int(np.searchsorted(at, end, side="left")))
    first = says[before - 1] if before else np.int8(UNKNOWN)
    at = np.concatenate([np.array([start], np.int64), at[inside]])
    says = np.concatenate([np.array([first], np.int8), says[inside]])
    last = np.ones(at.size, np.bool_)
    last[:-1] = at[1:] > at[:-1]
    return _brief(at[last], says[last])


def _test(claim: Claim, course: Course) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int8]]:
    """Instants, and what is true from each on until the next."""
    import numpy as np

    series = _settled(course.series)
    is_bad = series.quality >= BAD
    if claim.condition in (Condition.BAD, Condition.GOOD):
        wanted = is_bad if claim.condition is Condition.BAD else series.quality < UNCERTAIN
        return series.ts, np.where(wanted, YES, NO).astype(np.int8)
    is_known = ~is_bad & ~np.isnan(series.value)
    if claim.condition is Condition.CHANGES:
        value = series.value[is_known]
        changed = np.zeros(value.size, np.bool_)
        changed[1:] = value[1:] != value[:-1]
        return _moments(series.ts, is_known, series.ts[is_known][changed])
    level = level_of(claim)
    at, says = _level(level, series, is_known, is_stepped=course.is_stepped)
    if level is claim:
        return at, says
    known = says[is_known]
    entered = np.zeros(known.size, np.bool_)
    entered[1:] = (known[1:] == YES) & (known[:-1] == NO)
    return _moments(at, is_known, at[is_known][entered])


def _settled(series: Series) -> Series:
    """Of several samples of one instant the one stored last."""
    import numpy as np

    last = np.ones(series.ts.size, np.bool_)
    last[:-1] = series.ts[1:] > series.ts[:-1]
    if last.all():
        return series
    return type(series)(series.tag, series.ts[last], series.value[last], series.quality[last])


def _level(
    claim: Claim, series: Series, is_known: npt.NDArray[np.bool_], *, is_stepped: bool
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int8]]:
    import numpy as np

    value, limit = series.value, claim.threshold
    compare: Mapping[Condition, Any] = {
        Condition.ABOVE: np.greater,
        Condition.AT_LEAST: np.greater_equal,
        Condition.BELOW: np.less,
        Condition.AT_MOST: np.less_equal,
        Condition.EQUAL: np.equal,
        Condition.UNEQUAL: np.not_equal,
    }
    with np.errstate(invalid="ignore"):
        says = np.where(is_known, np.where(compare[claim.condition](value, limit), YES, NO), UNKNOWN).astype(np.int8)
    if is_stepped or claim.condition not in _SLOPES or says.size < 2:  # noqa: PLR2004 - a line has two ends
        return series.ts, says
    at = series.ts.copy()
    turns = np.flatnonzero(is_known[:-1] & is_known[1:] & (says[:-1] != says[1:]) & np.isfinite(value[1:] - value[:-1]))
    low, high = at[turns], at[turns + 1]
    share = (limit - value[turns]) / (value[turns + 1] - value[turns])
    crossing = low + np.rint(share * (high - low)).astype(np.int64)
    # a sample keeps its own verdict at its own instant
    crossed = series.ts.copy()
    crossed[turns + 1] = np.clip(crossing, low + 1, high)
    return crossed, says


def _moments(
    at: npt.NDArray[np.int64], is_known: npt.NDArray[np.bool_], moments: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int8]]:
    """Yes for 1 µs at each moment, no at all other known times."""
    import numpy as np

    before = np.where(is_known, NO, UNKNOWN).astype(np.int8)
    times = np.concatenate([at, moments, moments + 1])
    says = np.concatenate([before, np.full(moments.size, YES, np.int8), np.full(moments.size, NO, np.int8)])
    # of one instant: what a moment leaves behind, then the next sample, then its moment
    rank = np.concatenate([np.full(at.size, 1), np.full(moments.size, 2), np.full(moments.size, 0)])
    order = np.lexsort((rank, times))
    return times[order], says[order]
