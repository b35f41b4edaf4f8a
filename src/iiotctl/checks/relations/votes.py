"""What all witnesses of a tag say together: whether it is the tag that is off, or one of them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from iiotctl.checks.relations.coarse import Coarse
from iiotctl.checks.relations.witness import Witness, deviation

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_CELLS: Final = 5
"""Cells of the rolling median of a deviation: 50 min."""
_FEWEST: Final = 3
_CALM: Final = 0.6
"""A witness that sees less than this share of its limit …"""
_ABLE: Final = 0.7
"""… although its limit is below this share of the deviation, contradicts."""
_SECOND: Final = 2
_CLOSER: Final = 0.5
"""A witness that contradicts, with a limit below this share of every supporter's, outweighs them all: a twin or a lagged
copy knows better than those that only had the same days. So does one that has left the levels learnt: nobody knows then."""


@dataclass(frozen=True, slots=True)
class Vote:
    """A tag against its witnesses, cell by cell.

    Attributes:
        start: µs UTC of the first cell.
        cell: µs.
        away: (n,) float64, the deviation that its supporters see (median), tag's unit; NaN where nobody can say.
        limit: (n,) float64, the closest supporter's (or witness's) limit.
        supporters: (n,) int, witnesses beyond their limits on the same side.
        against: (n,) int, witnesses that could have seen it and do not, or see the contrary; as many as the supporters where a
            much closer one does.
        strength: (n,) float64, deviation by limit of the second strongest supporter (of the only one where there is one).
        able: (n,) int, witnesses that can say something.
        names: of the witnesses, the closest first.
        range: tag's unit, its usual range.
        deviations: (witnesses, n) float64, smoothed, tag's unit.
        strayed: (n,) bool, the tag is far from the levels it was learnt at.
    """

    start: int
    cell: int
    away: npt.NDArray[np.float64]
    limit: npt.NDArray[np.float64]
    supporters: npt.NDArray[np.int64]
    against: npt.NDArray[np.int64]
    strength: npt.NDArray[np.float64]
    able: npt.NDArray[np.int64]
    names: tuple[str, ...]
    range: float
    deviations: npt.NDArray[np.float64]
    strayed: npt.NDArray[np.bool_]


def vote(of: Coarse, witnesses: Sequence[Witness], tags: Mapping[str, Coarse], start: int, cell: int) -> Vote | None:
    """Hear all witnesses of a tag; None where it has none.

    Args:
        of: the tag.
        witnesses: of the tag.
        tags: all tags of the grid by name; witnesses that are not among them are not heard.
        start, cell: µs, of the grid.
    """
    import numpy as np

    heard = [one for one in witnesses if one.tag in tags]
    if not heard:
        return None
    pairs = [deviation(of, tags[one.tag], one) for one in heard]
    away = _smooth(np.stack([pair[0] for pair in pairs]))
    limit = np.stack([pair[1] for pair in pairs])
    limit = np.where(np.isfinite(away), limit, np.nan)
    ratio = away / limit
    # where a witness has left all that was learnt with the tag, its own limit says how well it knows the tag
    known = np.array([one.limit for one in heard])[:, None]
    strayed = np.where([~tags[one.tag].inside for one in heard], known, np.inf)
    count = away.shape[1]
    supporters, against = np.zeros(count, np.int64), np.zeros(count, np.int64)
    strength, size, least = np.zeros(count), np.full(count, np.nan), np.full(count, np.nan)
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # cells without a supporter are NaN and stay so
        for side in (1, -1):
            beyond = side * ratio > 1
            much = np.nanmedian(np.where(beyond, away, np.nan), axis=0)
            calm = (np.abs(ratio) < _CALM) & (limit < _ABLE * np.abs(much)) | (side * ratio < -1)
            more = beyond.sum(axis=0) > supporters
            ordered = np.sort(np.where(beyond, side * ratio, 0.0), axis=0)[::-1]
            supporters = np.where(more, beyond.sum(axis=0), supporters)
            against = np.where(more, calm.sum(axis=0), against)
            size = np.where(more, much, size)
            nearest = np.nanmin(np.where(beyond, limit, np.nan), axis=0)
            closest = np.min(np.where(calm, limit, strayed), axis=0)
            overruled = closest < _CLOSER * nearest
            against = np.where(more & overruled, beyond.sum(axis=0), against)
            least = np.where(more, nearest, least)
            strength = np.where(more, ordered[min(_SECOND, len(ordered)) - 1], strength)
            strength = np.where(more & (beyond.sum(axis=0) == 1), ordered[0], strength)
        usual = np.nanmedian(away, axis=0)
        least = np.where(np.isfinite(least), least, np.nanmin(limit, axis=0))
    return Vote(
        start=start,
        cell=cell,
        away=np.where(np.isfinite(size), size, usual),
        limit=least,
        supporters=supporters,
        against=against,
        strength=strength,
        able=np.isfinite(ratio).sum(axis=0),
        names=tuple(one.tag for one in heard),
        range=of.scale.range,
        deviations=away,
        strayed=~of.inside,
    )


def _smooth(away: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Rolling median over `_CELLS` cells around each, of the known ones."""
    import numpy as np
    from numpy.lib.stride_tricks import sliding_window_view

    side = _CELLS // 2
    padded = np.pad(away, ((0, 0), (side, side)), constant_values=np.nan)
    around = sliding_window_view(padded, _CELLS, axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # transients hide whole hours
        middle = np.nanmedian(around, axis=2)
    return np.where(np.isfinite(around).sum(axis=2) >= _FEWEST, middle, np.nan)
