"""The learning period of one tag -> its baseline. Pure numerics: a table in, quantiles out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from iiotctl.checks.baseline.model import ALL_BANDS, ALL_STATES, BANDS, QUANTILES, Quantiles, TagBaseline

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.tagdata import TagData

LEFT_OUT: Final = frozenset({"first", "last", "worst", "jut_at"})
"""Columns whose quantiles say nothing: `median` stands for the level, a status is no quantity, a place no size."""


def learn(data: TagData) -> TagBaseline | None:
    """What is normal for one tag: quantiles of every column of its feature table over the learning period.

    Windows without a row are left out; NaN are left out column by column. Quantiles are interpolated linearly between
    the ordered values. Level bands are the tenths between the 0.1 % and the 99.9 % quantile of the windows' medians.
    There are quantiles over all, per level band, and per operating state.

    Args:
        data: `features`, `learning` and `state` are looked at.

    Returns:
        The baseline, `learnt` of the checks still empty; None where the learning period has no row at all.
    """
    import numpy as np

    features = data.features
    rows = features["rows"]
    at = np.flatnonzero(data.learning & (rows > 0))
    if not len(at):
        return None
    names = [name for name in features.columns if name not in LEFT_OUT]
    block = np.stack([features[name][at].astype(np.float64) for name in names])
    level = features["median"][at] if "median" in features.columns else np.full(len(at), np.nan)
    interval = features["apart_med"][at] if "apart_med" in features.columns else np.full(len(at), np.nan)
    found = TagBaseline(
        tag=data.info.tag,
        unit=data.info.unit,
        window=features.window,
        windows=len(at),
        start=features.time_of(int(at[0])),
        end=features.time_of(int(at[-1]) + 1),
        interval=float(np.nanmedian(interval)) if np.isfinite(interval).any() else float("nan"),
        edges=_edges(level),
        table={},
        counts={},
    )
    band, state = found.bands(level), data.state[at]
    groups: list[tuple[tuple[int, int], npt.NDArray[np.bool_]]] = [
        ((ALL_STATES, ALL_BANDS), np.ones(len(at), np.bool_)),
        *(((ALL_STATES, one), band == one) for one in range(BANDS)),
        *(((int(one), ALL_BANDS), state == one) for one in np.unique(state)),
    ]
    filled = [(place, of) for place, of in groups if of.any()]
    values = np.stack([quantiles_of(block[:, of]) for _, of in filled])
    counts = {place: int(np.count_nonzero(of)) for place, of in filled}
    return replace(found, table=Quantiles(names, list(counts), values), counts=counts)


def quantiles_of(block: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """(lines, len(QUANTILES)) quantiles of each line of (lines, n) values, NaN left out; NaN where a line has none."""
    import numpy as np

    ordered = np.sort(block, axis=1)
    known = np.count_nonzero(~np.isnan(ordered), axis=1)
    place = np.outer(np.maximum(known - 1, 0), QUANTILES)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(known - 1, 0)[:, None])
    line = np.arange(len(ordered))[:, None]
    below, above = ordered[line, low], ordered[line, high]
    part = place - low
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(part > 0, below + part * (above - below), below)


def _edges(level: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """(BANDS + 1,) edges of the level bands; NaN where no window has a level."""
    import numpy as np

    known = np.asarray(level, np.float64)[np.isfinite(level)]
    if not len(known):
        return np.full(BANDS + 1, np.nan)
    low, high = (float(one) for one in quantiles_of(known[None, :])[0, [1, -2]])
    return low + np.arange(BANDS + 1) / BANDS * (high - low)
