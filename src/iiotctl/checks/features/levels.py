"""Columns of the feature table that tell where the values of a window lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iiotctl.checks.features.grouping import Groups, Table, medians, middles

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def fill(table: Table, groups: Groups, value: npt.NDArray[np.float64]) -> None:
    """Fill `n`, `first`, `last`, `min`, `max`, `mean`, `std`, `at_max`, `at_min`, `median` and `unique`.

    Args:
        table: the records.
        groups: of the usable rows.
        value: (n,) of the usable rows.
    """
    import numpy as np

    counts = groups.counts
    table.put("n", counts)
    table.put("first", value[groups.begins])
    table.put("last", value[groups.begins + counts - 1])
    low, high = np.minimum.reduceat(value, groups.begins), np.maximum.reduceat(value, groups.begins)
    table.put("min", low)
    table.put("max", high)
    if table.wants("mean", "std"):
        # sums of differences to the lowest: exact where nothing moves, and huge levels cost no digits
        above = value - groups.spread(low)
        mean = groups.sums(above) / counts
        table.put("mean", low + mean)
        if table.wants("std"):
            above -= groups.spread(mean)
            above *= above
            table.put("std", np.sqrt(groups.sums(above) / counts))
    if table.wants("at_max"):
        table.put("at_max", groups.tally(value == groups.spread(high)))
    if table.wants("at_min"):
        table.put("at_min", groups.tally(value == groups.spread(low)))
    if table.wants("median", "unique"):
        _middles(table, groups, value, low, high)


def _middles(
    table: Table,
    groups: Groups,
    value: npt.NDArray[np.float64],
    low: npt.NDArray[np.float64],
    high: npt.NDArray[np.float64],
) -> None:
    import numpy as np

    moves = low < high
    table.put("median", low)
    table.put("unique", np.ones(len(low)))
    if not moves.any():
        return
    if not moves.all():  # what rests need not be sorted
        value, groups = value[groups.spread(moves)], groups.rows_of(moves)
    chosen = np.flatnonzero(moves)
    if table.wants("unique"):
        median, unique = middles(value, groups)
        table.put("unique", unique, chosen)
    else:
        median = medians(value, groups)
    table.put("median", median, chosen)
