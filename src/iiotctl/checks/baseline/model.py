"""A baseline: quantiles of the feature table per tag, operating state and level band, and what checks learnt."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from iiotctl.checks.base import Learnt

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

QUANTILES: Final = (0.0, 0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999, 1.0)
BANDS: Final = 10
"""Level bands: tenths of the range from the 0.1 % to the 99.9 % quantile of the windows' medians."""
ALL_BANDS: Final = -1
ALL_STATES: Final = -1


class Quantiles(Mapping[tuple[str, int, int], "npt.NDArray[np.float64]"]):
    """{(feature, state, band): quantiles}, in one array: plants have thousands of tags.

    Args:
        features: names.
        groups: (state, band).
        values: (groups, features, len(QUANTILES)) float64; NaN where nothing was learnt.
    """

    __slots__ = ("_features", "_groups", "_values")

    def __init__(
        self, features: Sequence[str], groups: Sequence[tuple[int, int]], values: npt.NDArray[np.float64]
    ) -> None:
        self._features = {name: place for place, name in enumerate(features)}
        self._groups = {group: place for place, group in enumerate(groups)}
        self._values = values

    def __getitem__(self, key: tuple[str, int, int]) -> npt.NDArray[np.float64]:
        feature, state, band = key
        found: npt.NDArray[np.float64] = self._values[self._groups[state, band], self._features[feature]]
        if found[0] != found[0]:  # NaN
            raise KeyError(key)
        return found

    def __iter__(self) -> Iterator[tuple[str, int, int]]:
        for group, at in self._groups.items():
            for name, column in self._features.items():
                if self._values[at, column, 0] == self._values[at, column, 0]:
                    yield (name, *group)

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True, slots=True)
class TagBaseline:
    """What is normal for one tag.

    Attributes:
        tag, unit: as learnt; a tag that now has another unit must not be judged by it.
        window: µs, of the feature table that it was learnt from.
        windows: windows with samples that were learnt from.
        start, end: µs UTC, the learning period.
        interval: s, median time between rows.
        edges: (BANDS + 1,) levels, ascending: the bands.
        table: {(feature, state, band): (len(QUANTILES),) float64}; state and band may be ALL_STATES, ALL_BANDS.
        counts: {(state, band): windows}.
        learnt: {check: what it learnt}.
    """

    tag: str
    unit: str
    window: int
    windows: int
    start: int
    end: int
    interval: float
    edges: npt.NDArray[np.float64]
    table: Mapping[tuple[str, int, int], npt.NDArray[np.float64]]
    counts: Mapping[tuple[int, int], int]
    learnt: Mapping[str, Learnt] = field(default_factory=dict)

    def quantile(self, feature: str, q: float, *, state: int = ALL_STATES, band: int = ALL_BANDS) -> float:
        """A learnt quantile of a feature (q is one of QUANTILES); NaN where none was learnt."""
        found = self.table.get((feature, state, band))
        return float("nan") if found is None else float(found[QUANTILES.index(q)])

    def bands(self, level: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """(n,) the level band of each value: 0 … BANDS - 1, outside ones at the nearest; -1 for NaN."""
        import numpy as np

        found = np.clip(np.searchsorted(self.edges, level, side="right") - 1, 0, BANDS - 1)
        return np.where(np.isnan(level), -1, found)

    def by_band(self, feature: str, q: float, level: npt.NDArray[Any], *, fewest: int = 30) -> npt.NDArray[np.float64]:
        """(n,) the learnt quantile at each level; bands with fewer windows than `fewest` take the nearest fuller one."""
        import numpy as np

        filled = [band for band in range(BANDS) if self.counts.get((ALL_STATES, band), 0) >= fewest]
        if not filled:
            return np.full(len(level), self.quantile(feature, q))
        near = np.abs(np.subtract.outer(np.arange(BANDS), filled)).argmin(axis=1)
        nearest = [filled[at] for at in near]
        limits = np.array([self.quantile(feature, q, band=band) for band in nearest] + [np.nan])
        return limits[self.bands(level)]


def digest(base: TagBaseline) -> str:
    """SHA-256 over what was learnt of one tag, by which two runs can be told apart."""
    facts = (base.tag, base.unit, base.window, base.windows, base.start, base.end, sorted(base.learnt.items()))
    found = hashlib.sha256(f"{facts}".encode())
    for key, values in base.table.items():
        found.update(f"{key}".encode() + values.tobytes())
    return found.hexdigest()
