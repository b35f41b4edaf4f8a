"""Tags on a coarse grid of time, side by side: the level of each cell, and how it is felt later by slow neighbours."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from iiotctl.checks.features.columns import MINUTE

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.tagdata import TagData

CELL: Final = 10 * MINUTE
"""µs of a cell; tags with longer windows have a window a cell."""
LAGS: Final = (1.0, 2.0, 3.0, 4.5, 6.0, 9.0, 13.0, 18.0, 25.0, 36.0)
"""Time constants of first-order lags, in cells: 10 min to 6 h."""
_STEADY: Final = 0.05
"""A cell in which the level moves by more than this share of the range, or three times the usual, is a transient."""
_USUAL: Final = 3.0
_RESTS: Final = 0.02
"""Below this share of its range a tag is at its lowest: its unit may rest."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How a tag's level is brought to about 0 … 1: from the learning period, kept in the baseline.

    Attributes:
        low: tag's unit, its lowest usual level (0.1 % quantile).
        range: tag's unit, from there to its highest usual level; > 0.
        spread: tag's unit, median movement within a cell.
    """

    low: float
    range: float
    spread: float


@dataclass(frozen=True, slots=True)
class Coarse:
    """One tag on the grid.

    Attributes:
        tag: its name.
        level: (n,) float64, median of each cell, tag's unit; NaN where nothing came.
        learning: (n,) bool, cells to learn from.
        steady: (n,) bool, the level neither moved much within the cell nor to the cells beside it.
        scale: of the tag.
        unit_level: (n,) float64, (level - low) / range; the last known one where nothing came.
        lagged: (lags, 3, n) float64, first-order lags of `unit_level`, its square, and of being at the lowest level.
    """

    tag: str
    level: npt.NDArray[np.float64]
    learning: npt.NDArray[np.bool_]
    steady: npt.NDArray[np.bool_]
    scale: Scale
    unit_level: npt.NDArray[np.float64]
    lagged: npt.NDArray[np.float64]

    @property
    def inside(self) -> npt.NDArray[np.bool_]:
        """(n,) bool, the level is about where it was while it was learnt from."""
        return (self.unit_level >= -_BEYOND) & (self.unit_level <= 1 + _BEYOND)


_BEYOND: Final = 0.25
_LARGEST: Final = 1e100
"""No plant shows larger values, and their powers would overflow."""


def per_cell(window: int) -> int:
    """Windows (of so many µs) of the feature table in a cell."""
    return max(1, CELL // window)


def coarse(tags: Sequence[TagData], scales: Mapping[str, Scale] | None = None) -> list[Coarse]:
    """Tags on one grid.

    Args:
        tags: with one window, all of the same length; others are left out by the caller.
        scales: by tag, from the baseline; None = from the learning windows. Tags without one are left out.
    """
    import numpy as np

    levels: list[tuple[str, npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.bool_]]] = []
    for data in tags:
        median = data.features["median"].astype(np.float64)
        median = np.where(np.abs(median) < _LARGEST, median, np.nan)
        per = per_cell(data.features.window)
        stop = len(median) // per * per
        cells = median[:stop].reshape(-1, per)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # cells without a row are NaN and stay so
            level = np.nanmedian(cells, axis=1)
            spread = np.nanmax(cells, axis=1) - np.nanmin(cells, axis=1)
        learning = data.learning[:stop].reshape(-1, per).any(axis=1) & np.isfinite(level)
        levels.append((data.info.tag, level, spread, learning))
    found: list[Coarse] = []
    for tag, level, spread, learning in levels:
        scale = _scale(level, spread, learning) if scales is None else scales.get(tag)
        if scale is not None:
            found.append(_one(tag, level, spread, learning, scale=scale))
    return _lagged(found)


def _scale(
    level: npt.NDArray[np.float64], spread: npt.NDArray[np.float64], learning: npt.NDArray[np.bool_]
) -> Scale | None:
    import numpy as np

    if not learning.any():
        return None
    low, high = np.quantile(level[learning], [0.001, 0.999]).tolist()
    return Scale(low, high - low, float(np.nanmedian(spread[learning]))) if high > low else None


def _one(
    tag: str,
    level: npt.NDArray[np.float64],
    spread: npt.NDArray[np.float64],
    learning: npt.NDArray[np.bool_],
    *,
    scale: Scale,
) -> Coarse:
    import numpy as np

    known = np.maximum.accumulate(np.where(np.isfinite(level), np.arange(len(level)), -1))
    held = np.where(known >= 0, level[np.maximum(known, 0)], np.nan)
    moved = np.abs(np.diff(held, prepend=np.nan))
    moved = np.fmax(moved, np.append(moved[1:], np.nan))
    most = max(_STEADY * scale.range, _USUAL * scale.spread)
    with np.errstate(invalid="ignore"):
        steady = (spread <= most) & ~(moved > most)
    return Coarse(
        tag=tag,
        level=level,
        learning=learning,
        steady=steady,
        scale=scale,
        unit_level=np.clip((held - scale.low) / scale.range, -3.0, 4.0),
        lagged=np.empty((len(LAGS), 3, 0)),
    )


def _lagged(tags: list[Coarse]) -> list[Coarse]:
    """With the lags of all tags, in one walk through time."""
    from dataclasses import replace

    import numpy as np

    if not tags or not len(tags[0].level):
        return tags
    unit = np.stack([one.unit_level for one in tags])
    inputs = np.stack([unit, unit * unit, np.where(np.isfinite(unit), unit < _RESTS, np.nan)], axis=1)
    share = 1 - np.exp(-1 / np.asarray(LAGS))[None, :, None]
    out = np.empty((len(tags), len(LAGS), 3, unit.shape[1]))
    state = np.repeat(inputs[:, None, :, 0], len(LAGS), axis=1)
    for cell in range(unit.shape[1]):
        now = inputs[:, None, :, cell]
        state = np.where(np.isfinite(state), state, now)
        state = state + np.where(np.isfinite(now), share * (now - state), 0.0)
        out[..., cell] = state
    return [replace(one, lagged=out[at]) for at, one in enumerate(tags)]
