"""How much a tag scatters from row to row, whatever its level does, and how much it usually does at each level. Pure.

The measure is the median of |second difference| in a window, which a ramp does not change, of which the median over
some windows is taken; for white noise it is `BEND` times the standard deviation. Noise often grows with the level (flow,
vibration), so the usual noise is learnt by level band, and beyond the levels seen the limits widen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from iiotctl.checks import timeline
from iiotctl.checks.baseline.model import BANDS
from iiotctl.checks.series import rolling_median

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.base import Learnt
    from iiotctl.checks.tagdata import TagData

BEND: Final = 1.652
"""Median of |second difference| of white noise of standard deviation 1: 0.6745 · √6."""
NEEDS: Final = frozenset({"steps", "bend_med", "min", "max", "median"})
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


@dataclass(frozen=True, slots=True)
class Noise:
    """Noise against what is usual at the level of the moment; logarithms of the tag's unit.

    Attributes:
        now: (n,) NaN where the value rests or too little is there.
        usual, low, high: (n,) learnt median and spread at this level.
        beyond: (n,) distance of the level from those learnt, as a share of their range.
        widening: (n,) by how much limits move outwards there.
    """

    now: npt.NDArray[np.floating[Any]]
    usual: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    beyond: npt.NDArray[np.float64]
    widening: npt.NDArray[np.float64]


def learn_noise(data: TagData, resolution: float) -> dict[str, Any]:
    """What is usual in the learning period.

    Args:
        data: columns `NEEDS`; with a baseline.
        resolution: of the tag, its unit.

    Returns:
        `usual`, `low`, `high`: for each level band the median and the 0.1 % and 99.9 % quantiles, tag's unit (standard
        deviation); a band that was hardly seen has those of the nearest. {} where there is too little.
    """
    import numpy as np

    if data.baseline is None or not resolution > 0:
        return {}
    now = noise_of(data, resolution)
    known = data.learning & np.isfinite(now)
    if np.count_nonzero(known) < _FEWEST:
        return {}
    band = data.baseline.bands(data.features["median"])
    of_band = [now[known & (band == number)] for number in range(BANDS)]
    filled = [number for number in range(BANDS) if len(of_band[number]) >= _OF_BAND]
    parts = [of_band[number] for number in filled] or [now[known]]
    near = np.abs(np.subtract.outer(np.arange(BANDS), filled or [0])).argmin(axis=1)
    low, usual, high = np.array([np.quantile(part, (_SPREAD, 0.5, 1 - _SPREAD)) for part in parts]).T
    return {name: np.exp(of[near]).tolist() for name, of in (("usual", usual), ("low", low), ("high", high))}


def noise_of(data: TagData, resolution: float) -> npt.NDArray[np.floating[Any]]:
    """(n,) logarithm of the noise (standard deviation, tag's unit), at least of half a step; NaN = at rest or unknown."""
    import numpy as np

    features = data.features
    known = (features["steps"] >= _STEPS) & (features["max"] > features["min"])
    with np.errstate(invalid="ignore"):
        bend = np.where(known, np.maximum(features["bend_med"], resolution / 2), np.nan)
        return rolling_median(np.log(bend / BEND), WIDTH)


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
    growth = float(max(np.ptp(high), np.ptp(low)))
    return Noise(
        noise_of(data, resolution),
        usual[band],
        low[band],
        high[band],
        beyond,
        np.minimum(_GROWTH * growth * beyond, _MOST),
    )


def mixed(data: TagData) -> npt.NDArray[np.bool_]:
    """(n,) windows whose noise is that of rows of two times, because a clock was set."""
    import numpy as np

    found: npt.NDArray[np.bool_] = np.convolve(timeline.doubled(data), np.ones(WIDTH), "same")[: len(data.features)] > 0
    return found
