"""How much a tag scatters from row to row, whatever its level does, and how much it usually does at each level. Pure.

The measure is the median of |second difference| in a window, which a ramp does not change; for white noise it is `BEND`
times the standard deviation. Of its ratio to what is usual the median over some windows is taken. Noise often grows with
the level (flow, vibration), so the usual noise is learnt by level band, and beyond the levels seen the limits widen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from iiotctl.checks import timeline
from iiotctl.checks.base import Spell
from iiotctl.checks.baseline.model import BANDS
from iiotctl.checks.conclude import amount, span
from iiotctl.checks.series import rolling_median
from iiotctl.findings import Confidence, Severity

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.base import Learnt
    from iiotctl.checks.tagdata import TagData

BEND: Final = 1.652
"""Median of |second difference| of white noise of standard deviation 1: 0.6745 · √6."""
NEEDS: Final = frozenset({"steps", "step_min", "bend_med", "min", "max", "median"})
WIDTH: Final = 15
"""Windows over which the median is taken, around each."""
_FEWEST: Final = 60
"""Learning windows that it takes …"""
_OF_BAND: Final = 30
"""… and of a level band, to be learnt by itself."""
_STEPS: Final = 3
"""Steps in a window that it takes."""
_SPREAD: Final = 0.001
"""Quantile at both ends of what counts as usual."""
_GROWTH: Final = 2.0
"""Beyond the levels seen, limits widen by so many times as much as they differ within them …"""
_MOST: Final = 1.0
"""… and at most by a factor of e."""
_COMPUTED: Final = 1e-5
"""A converter of 16 bits scatters by at least this share of its range; less was interpolated or computed."""
_FAR: Final = 0.3
"""Farther than so much of the learnt range from the levels learnt, noise proves little."""
_FLICKER: Final = 2.25
"""Steps within which a frozen value may flicker."""
_COARSER: Final = 2.5
_GRID: Final = 0.4
"""On a grid, the smallest step of a window is at least this share of the median second difference."""


@dataclass(frozen=True, slots=True)
class Noise:
    """Noise against what is usual at the level of the moment, as logarithms of ratios.

    Attributes:
        ratio: (n,) to the learnt median, median over `WIDTH` windows; NaN where the value rests or too little is there.
        low, high: (n,) spread of that in the learning period, at this level.
        calmest: (n,) the lowest of the learning period at any level.
        usual: (n,) the learnt median itself, tag's unit (standard deviation).
        beyond: (n,) distance of the level from those learnt, as a share of their range.
        widening: (n,) by how much limits move outwards there.
    """

    ratio: npt.NDArray[np.floating[Any]]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    calmest: npt.NDArray[np.float64]
    usual: npt.NDArray[np.float64]
    beyond: npt.NDArray[np.float64]
    widening: npt.NDArray[np.float64]


def learn_noise(data: TagData, resolution: float) -> dict[str, Any]:
    """What is usual in the learning period.

    Args:
        data: columns `NEEDS`; with a baseline.
        resolution: of the tag, its unit.

    Returns:
        For each level band `usual`, the median noise (standard deviation, tag's unit), and `low` and `high`, the 0.1 %
        and 99.9 % quantiles of the ratio to it; a band that was hardly seen has those of the nearest. {} where there
        is too little.
    """
    import numpy as np

    if data.baseline is None or not resolution > 0:
        return {}
    now = noise_of(data, resolution)
    known = data.learning & np.isfinite(now)
    if np.count_nonzero(known) < _FEWEST:
        return {}
    band = np.maximum(data.baseline.bands(data.features["median"]), 0)
    counts = np.bincount(band[known], minlength=BANDS)
    filled = np.flatnonzero(counts >= _OF_BAND)
    if not len(filled):  # too few of each: all together
        filled, band = np.zeros(1, np.int64), np.zeros(len(band), np.int64)
    near = filled[np.abs(np.subtract.outer(np.arange(BANDS), filled)).argmin(axis=1)]
    usual = np.zeros(BANDS)
    usual[filled] = [np.median(now[known & (band == number)]) for number in filled]
    ratio = rolling_median(now - usual[near][band], WIDTH)
    spread = np.zeros((BANDS, 2))
    spread[filled] = [np.quantile(ratio[known & (band == number)], (_SPREAD, 1 - _SPREAD)) for number in filled]
    learnt = {"usual": usual[near], "low": spread[near, 0], "high": spread[near, 1]}
    return {name: np.exp(of).tolist() for name, of in learnt.items()}


def noise_of(data: TagData, resolution: float) -> npt.NDArray[np.float64]:
    """(n,) logarithm of the noise (standard deviation, tag's unit), at least of half a step; NaN = at rest or unknown."""
    import numpy as np

    features = data.features
    known = (features["steps"] >= _STEPS) & (features["max"] > features["min"])
    with np.errstate(invalid="ignore"):
        bend = np.where(known, np.maximum(features["bend_med"].astype(np.float64), resolution / 2), np.nan)
        found: npt.NDArray[np.float64] = np.log(bend / BEND)
    return found


def against(data: TagData, learnt: Learnt, resolution: float) -> Noise:
    """The noise of each window beside what was learnt of its level.

    Args:
        data: columns `NEEDS`; with a baseline.
        learnt: see `learn_noise`; not {}.
        resolution: of the tag, its unit.
    """
    import numpy as np

    assert data.baseline is not None
    level = data.features["median"]
    band = np.maximum(data.baseline.bands(level), 0)
    usual, low, high = (np.log(np.asarray(learnt[name], np.float64)) for name in ("usual", "low", "high"))
    bottom, top = data.baseline.edges[0], data.baseline.edges[-1]
    with np.errstate(invalid="ignore"):
        beyond = np.maximum(np.maximum(level - top, bottom - level), 0) / max(top - bottom, resolution)
    growth = float(max(np.ptp(usual + high), np.ptp(usual + low)))
    return Noise(
        ratio=rolling_median(noise_of(data, resolution) - usual[band], WIDTH),
        low=low[band],
        high=high[band],
        calmest=np.min(usual + low) - usual[band],
        usual=np.exp(usual)[band],
        beyond=beyond,
        widening=np.minimum(_GROWTH * growth * beyond, _MOST),
    )


def mixed(data: TagData) -> npt.NDArray[np.bool_]:
    """(n,) windows whose noise is that of rows of two times, because a clock was set."""
    import numpy as np

    found: npt.NDArray[np.bool_] = np.convolve(timeline.doubled(data), np.ones(WIDTH), "same")[: len(data.features)] > 0
    return found


def strength(seen: Noise, rows: npt.NDArray[np.int64], limit: npt.NDArray[np.floating[Any]]) -> float:
    """By what factor the noise of some windows is beyond its limit, on whichever side; median."""
    import numpy as np

    return float(np.exp(np.median(np.abs((seen.ratio - limit)[rows]))))


def is_known(data: TagData, seen: Noise, rows: npt.NDArray[np.int64]) -> bool:
    """Whether the levels were learnt, and scattered there as a converter does: then noise proves something."""
    import numpy as np

    assert data.baseline is not None
    scattered = np.median(seen.usual[rows]) > _COMPUTED * np.ptp(data.baseline.edges)
    return bool(scattered and np.median(seen.beyond[rows]) < _FAR)


def is_of_steps(data: TagData, rows: npt.NDArray[np.int64], resolution: float) -> bool:
    """Whether it is no noise: a value frozen but for a flicker, or one on a grid much coarser than its resolution."""
    import numpy as np

    low, high, step, bend = (data.features[name][rows] for name in ("min", "max", "step_min", "bend_med"))
    if high.max() - low.min() <= _FLICKER * resolution:
        return True
    return bool(np.median(step) > _COARSER * resolution and np.median(step) > _GRID * np.median(bend))


def spell(
    data: TagData,
    seen: Noise,
    rows: npt.NDArray[np.int64],
    limit: npt.NDArray[np.floating[Any]],
    *,
    sure: bool,
) -> Spell:
    """What to tell of windows whose noise is beyond a limit (logarithm of a ratio)."""
    import numpy as np

    features, unit = data.features, data.info.unit
    ratio, most = (float(np.exp(np.median(of[rows]))) for of in (seen.ratio, limit))
    usual = float(np.median(seen.usual[rows]))
    first, stop = int(rows[0]), int(rows[-1]) + 1
    how = f"{ratio:.1f} times the usual" if ratio > 1 else f"down to {100 * ratio:.0f} % of the usual"
    return Spell(
        start=features.time_of(first),
        end=features.time_of(stop),
        statistic=ratio * usual,
        limit=most * usual,
        unit=unit,
        message=(
            f"noise {how}: {amount(ratio * usual, unit)} instead of {amount(usual, unit)} "
            f"(standard deviation) for {span((stop - first) * features.window)}"
        ),
        severity=Severity.MEDIUM if sure else Severity.LOW,
        confidence=Confidence.HIGH if sure else Confidence.LOW,
        evidence={"usual": usual, "ratio": ratio},
    )
