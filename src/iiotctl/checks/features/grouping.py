"""Rows grouped by window, figures of the groups, and the records they go into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_MOST_PLACES: Final = 4
"""With more places that medians stand at, sorting is faster."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Consecutive rows with the same key.

    Attributes:
        key: (g,) int64, ascending.
        begins: (g,) first row of each.
        counts: (g,) rows of each, one at least.
    """

    key: npt.NDArray[np.int64]
    begins: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]

    def sums(self, values: npt.NDArray[Any], dtype: Any = None) -> npt.NDArray[Any]:
        """(g,) sum of each group."""
        import numpy as np

        return np.add.reduceat(values, self.begins, dtype=dtype)

    def tally(self, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
        """(g,) how many rows of each are true."""
        import numpy as np

        return np.add.reduceat(mask, self.begins, dtype=np.int32)

    def spread(self, figures: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """(n,) each group's figure at each of its rows."""
        import numpy as np

        return np.repeat(figures, self.counts)

    def rows_of(self, chosen: npt.NDArray[np.bool_]) -> Groups:
        """The chosen groups as they stand in `values[spread(chosen)]`."""
        import numpy as np

        counts = self.counts[chosen]
        return Groups(self.key[chosen], np.cumsum(counts) - counts, counts)


@dataclass(frozen=True, slots=True)
class Table:
    """Records of windows that are filled column by column.

    Attributes:
        records: (windows,) with a field for each wanted column.
        start: (windows,) µs UTC, beginning of each.
        at: number of each group's record; None = group and record have the same number.
    """

    records: npt.NDArray[Any]
    start: npt.NDArray[np.int64]
    at: npt.NDArray[np.int64] | None = None

    def wants(self, *names: str) -> bool:
        """Whether one of the columns is asked for."""
        return not set(names).isdisjoint(self.records.dtype.names or ())

    def put(self, name: str, figures: npt.NDArray[Any], chosen: npt.NDArray[Any] | None = None) -> None:
        """Figures of the groups, or of the `chosen` ones, where the column is asked for."""
        if not self.wants(name):
            return
        if self.at is None:
            self.records[name][slice(None) if chosen is None else chosen] = figures
        else:
            self.records[name][self.at if chosen is None else self.at[chosen]] = figures


def groups_of(key: npt.NDArray[np.int64]) -> Groups:
    """Groups of rows whose keys ascend; one row at least."""
    import numpy as np

    begins = np.flatnonzero(key[1:] != key[:-1])
    begins = np.concatenate([np.zeros(1, begins.dtype), begins + 1])
    return Groups(key[begins], begins, np.diff(begins, append=len(key)))


def medians(
    values: npt.NDArray[np.float64], groups: Groups, unknown: npt.NDArray[Any] | None = None
) -> npt.NDArray[np.float64]:
    """(g,) median of each group; NaN values do not count, and NaN where there are no others.

    Args:
        values: (n,).
        groups: of the values.
        unknown: (g,) how many NaN each has; None = none at all.
    """
    import numpy as np

    found = np.empty(len(groups.counts))
    known = groups.counts if unknown is None else groups.counts - unknown
    for chosen, block in _blocks(values, groups):
        some = known[chosen]
        low, high = np.maximum(some - 1, 0) // 2, np.minimum(some // 2, block.shape[1] - 1)
        needed = np.unique(np.concatenate([low, high]))
        if len(needed) <= _MOST_PLACES:
            block.partition(needed, axis=1)
        else:
            block.sort(axis=1)
        line = np.arange(len(block))
        found[chosen] = np.where(some > 0, (block[line, low] + block[line, high]) / 2, np.nan)
    return found


def middles(values: npt.NDArray[np.float64], groups: Groups) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """(g,) median and number of different values of each group; no value is NaN."""
    import numpy as np

    median = np.empty(len(groups.counts))
    unique = np.empty(len(groups.counts), np.int64)
    for chosen, block in _blocks(values, groups):
        counts = groups.counts[chosen]
        block.sort(axis=1)
        line = np.arange(len(block))
        median[chosen] = (block[line, (counts - 1) // 2] + block[line, counts // 2]) / 2
        unique[chosen] = 1 + np.count_nonzero(block[:, 1:] > block[:, :-1], axis=1)  # NaN is not larger
    return median, unique


def _blocks(
    values: npt.NDArray[np.float64], groups: Groups
) -> Iterator[tuple[slice | npt.NDArray[np.int64], npt.NDArray[np.float64]]]:
    """Groups of about the same length as (chosen groups, (groups, longest) values with NaN behind)."""
    import numpy as np

    counts = groups.counts
    longest, shortest = int(counts.max()), int(counts.min())
    if longest == shortest:
        yield slice(None), values.reshape(-1, longest).copy()
        return
    if longest < 2 * shortest:
        yield slice(None), _padded(values, counts, longest)
        return
    size = np.frexp(counts)[1]  # powers of two
    for one in np.unique(size).tolist():
        here = size == one
        rows = values[groups.spread(here)]
        yield np.flatnonzero(here), _padded(rows, counts[here], int(counts[here].max()))


def _padded(values: npt.NDArray[np.float64], counts: npt.NDArray[np.int64], longest: int) -> npt.NDArray[np.float64]:
    import numpy as np

    block = np.full((len(counts), longest), np.nan)
    block[np.arange(longest) < counts[:, None]] = values
    return block
