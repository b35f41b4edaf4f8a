"""Samples of tags -> their feature tables. Pure numerics: arrays in, arrays out.

Rows of many tags stand one tag after the other and are grouped by (tag, window); each column is one pass over them, in
blocks that the processor's cache holds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Final

from iiotctl.checks.features import levels, steps, timing
from iiotctl.checks.features.columns import COLUMNS, COUNTS, DOUBLE, SECOND, Features, empty
from iiotctl.checks.features.grid import Grid
from iiotctl.checks.features.grouping import Groups, Table, groups_of
from iiotctl.checks.features.samples import BAD, Samples, joined, next_usable, rows_from

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_BLOCK_ROWS: Final = 1 << 16
_APART: Final = 10
"""Median intervals: rows further apart are no step."""


def table_of(
    ts: npt.NDArray[np.int64],
    value: npt.NDArray[np.float64],
    quality: npt.NDArray[np.uint32],
    *,
    window: int,
    start: int,
    count: int,
    received: npt.NDArray[np.int64] | None = None,
    apart_limit: int | None = None,
    columns: Collection[str] = COLUMNS.keys(),
) -> Features:
    """The feature table of one tag.

    Args:
        ts: (n,) µs UTC, ascending; equal times may follow each other.
        value: (n,) NaN where there is no number.
        quality: (n,) OPC UA status codes.
        window: µs.
        start: µs UTC, of the first window; rows before it serve only as neighbours.
        count: windows.
        received: (n,) µs UTC, arrival; None = not kept.
        apart_limit: µs; rows further apart are no step; None = ten times the median interval.
        columns: which are wanted.
    """
    import numpy as np

    table = empty(window, start, count, columns)
    if not len(ts):
        return table
    if apart_limit is None:
        apart_limit = int(_APART * np.median(np.diff(ts))) if len(ts) > 1 else _APART * SECOND
    _, records = tables_of([Samples(ts, value, quality, received)], [Grid(window, start, count, apart_limit)], columns)
    for name, column in table.columns.items():
        column[records["at"]] = records[name]
    return table


def tables_of(
    samples: Sequence[Samples], grids: Sequence[Grid], columns: Collection[str]
) -> tuple[list[int], npt.NDArray[Any]]:
    """The windows with rows of several tags, as records.

    Args:
        samples: of each tag.
        grids: windows of each.
        columns: which are wanted.

    Returns:
        How many records each tag has, and the records: `at`, number of the window, and a field for each column.
    """
    import numpy as np

    kind = record_type(columns)
    counts = [0] * len(grids)
    made = []
    for block in _blocks(samples, grids):
        with np.errstate(all="ignore"):  # differences of huge numbers; casts to float32
            of, records = _of_block(block, kind)
        for tag, rows in of:
            counts[tag] += rows
        made.append(records)
    return counts, np.concatenate(made) if made else np.empty(0, kind)


def record_type(columns: Collection[str]) -> np.dtype[Any]:
    """A window with rows: its number, and a field for each column."""
    import numpy as np

    named = [name for name in COLUMNS if name in columns]
    return np.dtype([("at", np.uint32), *((name, np.float64 if name in DOUBLE else np.float32) for name in named)])


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows of one tag with the windows that are to be made of them; the first is number `base` of its grid."""

    tag: int
    rows: Samples
    grid: Grid
    base: int


def _blocks(samples: Sequence[Samples], grids: Sequence[Grid]) -> Iterator[list[_Part]]:
    """Several tags together or a piece of one, of about `_BLOCK_ROWS` rows."""
    waiting: list[_Part] = []
    rows = 0
    for tag, (its, grid) in enumerate(zip(samples, grids, strict=True)):
        for part in _pieces(tag, its, grid):
            if waiting and rows + len(part.rows) > _BLOCK_ROWS:
                yield waiting
                waiting, rows = [], 0
            waiting.append(part)
            rows += len(part.rows)
    if waiting:
        yield waiting


def _pieces(tag: int, rows: Samples, grid: Grid) -> Iterator[_Part]:
    """A tag with very many rows piece by piece, each with the rows around it that are its neighbours."""
    if len(rows) <= 2 * _BLOCK_ROWS:
        if len(rows):
            yield _Part(tag, rows, grid, 0)
        return
    first = 0
    while first < grid.count:
        begin = int(rows.ts.searchsorted(grid.start + first * grid.window))
        if begin == len(rows):
            return
        # at least the window of the row that is a block further
        far = int(rows.ts[min(begin + _BLOCK_ROWS, len(rows) - 1)])
        last = min(grid.count, max(first, (far - grid.start) // grid.window) + 1)
        end = grid.start + last * grid.window
        part = grid.part(first, last)
        yield _Part(tag, rows_from(rows[: next_usable(rows, end)], part.start), part, first)
        first = last


def _of_block(parts: Sequence[_Part], kind: np.dtype[Any]) -> tuple[list[tuple[int, int]], npt.NDArray[Any]]:
    """(tag, records) of each part, and the records."""
    import numpy as np

    samples = joined([part.rows for part in parts])
    bounds = np.array([0, *accumulate(len(part.rows) for part in parts)])
    bases = np.array([0, *accumulate(part.grid.count + 2 for part in parts)])
    key = np.empty(len(samples), np.int64)
    for part, base, (first, stop) in zip(parts, bases.tolist(), pairwise(bounds.tolist()), strict=False):
        window = (samples.ts[first:stop] - part.grid.start) // part.grid.window
        if first < stop and (window[0] < 0 or window[-1] > part.grid.count):
            np.clip(window, -1, part.grid.count, out=window)  # rows before and behind serve as neighbours only
        np.add(window, base + 1, out=key[first:stop])
    groups = groups_of(key)
    of = np.searchsorted(bases, groups.key, side="right") - 1
    window = groups.key - bases[of] - 1
    counts, starts, lengths, limits, firsts = np.array(
        [(p.grid.count, p.grid.start, p.grid.window, p.grid.apart_limit, p.base) for p in parts], np.int64
    ).T
    table = Table(np.zeros(len(window), kind), starts[of] + window * lengths[of])
    for name in set(kind.names or ()) - COUNTS - {"at"}:
        table.records[name] = np.nan
    table.records["at"] = window + firsts[of]
    _fill(table, groups, samples, key=key, bounds=bounds, limits=limits)
    made = (window >= 0) & (window < counts[of])
    per_part = np.bincount(of[made], minlength=len(parts)).tolist()
    return [(part.tag, rows) for part, rows in zip(parts, per_part, strict=True)], table.records[made]


def _fill(
    table: Table,
    groups: Groups,
    samples: Samples,
    *,
    key: npt.NDArray[np.int64],
    bounds: npt.NDArray[np.int64],
    limits: npt.NDArray[np.int64],
) -> None:
    import numpy as np

    finite = np.isfinite(samples.value)
    timing.fill(table, groups, samples, bounds[:-1], finite)
    good = finite if not samples.quality.any() else finite & (samples.quality < BAD)
    ts, value = samples.ts, samples.value
    if not good.all():
        ts, value = ts[good], value[good]
        if not len(ts):
            return
        bounds = np.concatenate([[0], np.cumsum(good)])[bounds]
        there, groups = groups, groups_of(key[good])
        table = Table(table.records, table.start, np.searchsorted(there.key, groups.key))
    levels.fill(table, groups, value)
    begins = bounds[:-1][bounds[1:] > bounds[:-1]]
    limit = limits[0] if (limits == limits[0]).all() else np.repeat(limits, np.diff(bounds))[1:]
    step = steps.steps_of(ts, value, begins, limit)
    steps.fill(table, groups, step)
    if table.wants("jut", "jut_at"):
        steps.fill_juts(table, groups, step, ts)
