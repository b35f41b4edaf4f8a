"""Columns of the feature table that tell how values move: steps, second differences, values that stand out, runs.

A step is the difference to the usable row before, also of the window before, unless more than the tag's limit of time
lies between. What is not known is NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iiotctl.checks.features.columns import SECOND
from iiotctl.checks.features.grouping import Groups, Table, medians

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def steps_of(
    ts: npt.NDArray[np.int64],
    value: npt.NDArray[np.float64],
    begins: npt.NDArray[np.int64],
    limit: np.int64 | npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """(n,) the step to each row.

    Args:
        ts: (n,) µs UTC.
        value: (n,) of the usable rows, one tag after the other.
        begins: first row of each tag.
        limit: µs; rows further apart are no step. One for all, or (n - 1,).
    """
    import numpy as np

    step = np.empty(len(value))
    np.subtract(value[1:], value[:-1], out=step[1:])
    step[1:][ts[1:] - ts[:-1] > limit] = np.nan
    step[begins] = np.nan
    return step


def fill(table: Table, groups: Groups, step: npt.NDArray[np.float64]) -> None:
    """Fill `steps`, `same`, `step_*`, `bend_*` and `run`.

    Args:
        table: the records.
        groups: of the usable rows.
        step: (n,) see `steps_of`.
    """
    import numpy as np

    begins = groups.begins
    unknown = groups.tally(np.isnan(step))
    same = step == 0
    table.put("steps", groups.counts - unknown)
    table.put("same", groups.tally(same))
    if table.wants("step_net"):
        known = groups.counts > unknown
        net = groups.sums(np.where(np.isnan(step), 0, step) if unknown.any() else step)
        table.put("step_net", np.where(known, net, np.nan))
    size = np.abs(step)
    table.put("step_max", np.fmax.reduceat(size, begins))
    if table.wants("step_med"):
        table.put("step_med", medians(size, groups, unknown))
    if table.wants("bend_med", "bend_max"):
        bend = np.empty(len(step))
        bend[0] = np.nan
        np.subtract(step[1:], step[:-1], out=bend[1:])
        np.abs(bend, out=bend)
        table.put("bend_max", np.fmax.reduceat(bend, begins))
        if table.wants("bend_med"):
            table.put("bend_med", medians(bend, groups, groups.tally(np.isnan(bend))))
    if table.wants("run"):
        _runs(table, groups, same)
    if table.wants("step_min"):
        size[same] = np.nan
        table.put("step_min", np.fmin.reduceat(size, begins))


def _runs(table: Table, groups: Groups, same: npt.NDArray[np.bool_]) -> None:
    import numpy as np

    number = np.arange(len(same), dtype=np.int32)
    begun = np.where(same, np.int32(0), number)
    begun[groups.begins] = groups.begins
    np.maximum.accumulate(begun, out=begun)
    table.put("run", 1 + np.maximum.reduceat(number - begun, groups.begins))


def fill_juts(table: Table, groups: Groups, step: npt.NDArray[np.float64], ts: npt.NDArray[np.int64]) -> None:
    """Fill `jut` and `jut_at`: a value belongs to its own window, though the step after it may belong to the next.

    Args:
        table: the records.
        groups: of the usable rows.
        step: (n,) see `steps_of`.
        ts: (n,) µs UTC.
    """
    import numpy as np

    size, rises = np.abs(step), step > 0
    jut = np.empty(len(step))
    jut[-1] = np.nan
    np.minimum(size[:-1], size[1:], out=jut[:-1])  # NaN stays
    jut[:-1] *= rises[:-1] != rises[1:]
    largest = np.fmax.reduceat(jut, groups.begins)
    table.put("jut", largest)
    if table.wants("jut_at"):
        hits = np.flatnonzero(jut == groups.spread(largest))
        of = np.searchsorted(groups.begins, hits, side="right") - 1
        first = np.flatnonzero(np.diff(of, prepend=-1))
        hits, of = hits[first], of[first]
        begun = table.start if table.at is None else table.start[table.at]
        table.put("jut_at", (ts[hits] - begun[of]) / SECOND, of)
