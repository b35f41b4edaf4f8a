"""Samples of one tag -> its feature table. Pure numerics: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from iiotctl import quality as codes
from iiotctl.checks.features.columns import COLUMNS, DOUBLE, SECOND, Features

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.features.carry import Grid
    from iiotctl.checks.features.samples import Samples

_BAD: Final = 0x80000000


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

    made: dict[str, npt.NDArray[Any]] = {
        name: np.full(count, np.nan, np.float64 if name in DOUBLE else np.float32) for name in columns
    }
    zeros = {"rows", "n", "bad", "uncertain", "odd", "same", "steps", "twice", "at_max", "at_min", "unique"}
    for name in zeros & made.keys():
        made[name][:] = 0
    found = Features(window, start, made)
    row = (ts - start) // window
    stop = int(np.searchsorted(row, count))
    ts, value, quality, row = ts[:stop], value[:stop], quality[:stop], row[:stop]
    received = None if received is None else received[:stop]
    if not len(ts):
        return found
    interval = np.diff(ts)
    if apart_limit is None:
        apart_limit = int(10 * np.median(interval)) if len(interval) else 10 * SECOND
    _rows(made, ts, value, quality, row, received=received)
    bad = quality >= _BAD
    usable = np.isfinite(value) & ~bad
    if not usable.all():
        ts, value, row = ts[usable], value[usable], row[usable]
    if len(ts):
        _levels(made, value, row)
        _steps(made, ts, value, row, apart_limit, start=start, window=window)
    return found


def _groups(row: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """First position of each window that has rows and is in the table, and the windows' numbers."""
    import numpy as np

    begins = np.flatnonzero(np.concatenate([[True], row[1:] != row[:-1]]))
    begins = begins[row[begins] >= 0]
    return begins, row[begins]


def _put(made: dict[str, npt.NDArray[Any]], name: str, at: npt.NDArray[Any], values: Any) -> None:
    if name in made:
        made[name][at] = values


def _rows(
    made: dict[str, npt.NDArray[Any]],
    ts: npt.NDArray[np.int64],
    value: npt.NDArray[np.float64],
    quality: npt.NDArray[np.uint32],
    row: npt.NDArray[np.int64],
    *,
    received: npt.NDArray[np.int64] | None,
) -> None:
    import numpy as np

    begins, at = _groups(row)
    if not len(begins):
        return
    counts = np.diff(np.append(begins, len(row)))
    _put(made, "rows", at, counts)
    bad = quality >= _BAD
    uncertain = (quality >= codes.UNCERTAIN) & ~bad
    _put(made, "bad", at, np.add.reduceat(bad.astype(np.int32), begins))
    _put(made, "uncertain", at, np.add.reduceat(uncertain.astype(np.int32), begins))
    _put(made, "odd", at, np.add.reduceat((np.isinf(value) | (np.isnan(value) & ~bad)).astype(np.int32), begins))
    _put(made, "worst", at, np.maximum.reduceat(quality, begins))
    apart = np.diff(ts, prepend=ts[0]) / SECOND
    apart[0] = np.nan
    _put(made, "apart", at, np.fmax.reduceat(apart, begins))
    _put(made, "apart_med", at, _medians(apart, begins, counts))
    same_time = apart == 0
    _put(made, "twice", at, np.add.reduceat(same_time.astype(np.int32), begins))
    if received is not None:
        offset = (received - ts) / SECOND
        _put(made, "behind", at, np.maximum.reduceat(offset, begins))
        _put(made, "ahead", at, np.minimum.reduceat(offset, begins))


def _levels(made: dict[str, npt.NDArray[Any]], value: npt.NDArray[np.float64], row: npt.NDArray[np.int64]) -> None:
    import numpy as np

    begins, at = _groups(row)
    if not len(begins):
        return
    counts = np.diff(np.append(begins, len(row)))
    _put(made, "n", at, counts)
    _put(made, "first", at, value[begins])
    _put(made, "last", at, value[begins + counts - 1])
    low, high = np.minimum.reduceat(value, begins), np.maximum.reduceat(value, begins)
    _put(made, "min", at, low)
    _put(made, "max", at, high)
    mean = np.add.reduceat(value, begins) / counts
    _put(made, "mean", at, mean)
    tail = value[begins[0] :]
    deviation = tail - np.repeat(mean, counts)
    first = begins - begins[0]
    _put(made, "std", at, np.sqrt(np.add.reduceat(deviation * deviation, first) / counts))
    _put(made, "at_max", at, np.add.reduceat((tail == np.repeat(high, counts)).astype(np.int32), first))
    _put(made, "at_min", at, np.add.reduceat((tail == np.repeat(low, counts)).astype(np.int32), first))
    if "median" in made or "unique" in made:
        ordered = _sorted(value, begins, counts)
        _put(made, "median", at, _middle(ordered, counts))
        _put(made, "unique", at, 1 + np.count_nonzero(np.diff(ordered, axis=1) > 0, axis=1))


def _steps(
    made: dict[str, npt.NDArray[Any]],
    ts: npt.NDArray[np.int64],
    value: npt.NDArray[np.float64],
    row: npt.NDArray[np.int64],
    apart_limit: int,
    *,
    start: int,
    window: int,
) -> None:
    import numpy as np

    if len(ts) < 2:  # noqa: PLR2004 - a step has two ends
        return
    step = np.diff(value)
    step[np.diff(ts) > apart_limit] = np.nan
    begins, at = _groups(row[1:])
    if not len(begins):
        return
    counts = np.diff(np.append(begins, len(step)))
    size = np.abs(step)
    known = np.add.reduceat(~np.isnan(step), begins, dtype=np.int32)
    same = step == 0
    _put(made, "steps", at, known)
    _put(made, "same", at, np.add.reduceat(same.astype(np.int32), begins))
    _put(made, "step_net", at, np.add.reduceat(np.nan_to_num(step), begins))
    _put(made, "step_max", at, np.fmax.reduceat(size, begins))
    _put(made, "step_min", at, np.fmin.reduceat(np.where(same, np.nan, size), begins))
    _put(made, "step_med", at, _medians(size, begins, counts))
    bend = np.abs(np.diff(step, prepend=np.nan))
    _put(made, "bend_max", at, np.fmax.reduceat(bend, begins))
    _put(made, "bend_med", at, _medians(bend, begins, counts))
    if "jut" in made or "jut_at" in made:
        _juts(made, ts, step, row, start=start, window=window)
    if "run" in made:
        run = np.arange(1, len(same) + 1)
        broken = np.where(same, 0, run)
        broken[begins] = np.maximum(broken[begins], np.where(same[begins], run[begins] - 1, 0))
        length = run - np.maximum.accumulate(broken) + 1
        _put(made, "run", at, np.maximum.reduceat(length, begins))


def _juts(
    made: dict[str, npt.NDArray[Any]],
    ts: npt.NDArray[np.int64],
    step: npt.NDArray[np.float64],
    row: npt.NDArray[np.int64],
    *,
    start: int,
    window: int,
) -> None:
    """A value that stands out belongs to its own window, so its step after it may belong to the next."""
    import numpy as np

    before, after = step[:-1], step[1:]
    jut = np.where(
        before * after < 0, np.minimum(np.abs(before), np.abs(after)), np.where(before * after >= 0, 0.0, np.nan)
    )
    begins, at = _groups(row[1:-1]) if len(row) > 2 else (np.empty(0, np.int64),) * 2  # noqa: PLR2004
    if not len(begins):
        return
    counts = np.diff(np.append(begins, len(jut)))
    largest = np.fmax.reduceat(jut, begins)
    _put(made, "jut", at, largest)
    first = begins[0]
    hit = np.flatnonzero(jut[first:] == np.repeat(largest, counts)) + first
    which, once = np.unique(np.searchsorted(begins, hit, side="right") - 1, return_index=True)
    _put(made, "jut_at", at[which], (ts[1:-1][hit[once]] - start - at[which] * window) / SECOND)


def _sorted(
    value: npt.NDArray[np.float64], begins: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """(windows, longest) values of each window in ascending order, NaN behind them."""
    import numpy as np

    longest = int(counts.max())
    first = int(begins[0])
    if (counts == longest).all():
        return np.sort(value[first:].reshape(-1, longest), axis=1)
    block = np.full((len(counts), longest), np.nan)
    column = np.arange(len(value) - first) - np.repeat(begins - first, counts)
    block[np.repeat(np.arange(len(counts)), counts), column] = value[first:]
    block.sort(axis=1)
    return block


def _middle(ordered: npt.NDArray[np.float64], counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    import numpy as np

    line = np.arange(len(ordered))
    low = np.maximum(counts - 1, 0) // 2
    high = np.minimum(counts // 2, ordered.shape[1] - 1)
    middle = (ordered[line, low] + ordered[line, high]) / 2
    return np.where(counts > 0, middle, np.nan)


def _medians(
    value: npt.NDArray[np.float64], begins: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Medians of the windows, NaN left out."""
    import numpy as np

    ordered = _sorted(value, begins, counts)
    known = np.count_nonzero(~np.isnan(ordered), axis=1)
    return _middle(ordered, np.minimum(known, ordered.shape[1]))


def tables_of(
    samples: Samples, bounds: Sequence[int], grids: Sequence[Grid], columns: Collection[str]
) -> tuple[list[int], npt.NDArray[Any]]:
    """The windows with rows of several tags, as records.

    Args:
        samples: rows of one tag after the other.
        bounds: (tags + 1,) where the rows of each begin and end.
        grids: windows of each.
        columns: which are wanted.

    Returns:
        How many records each tag has, and the records: `at`, number of the window, and a field for each column.
    """
    import numpy as np

    parts = []
    for (first, stop), grid in zip(pairwise(bounds), grids, strict=True):
        rows = samples[first:stop]
        table = table_of(
            rows.ts, rows.value, rows.quality, received=rows.received, window=grid.window, start=grid.start,
            count=grid.count, apart_limit=grid.apart_limit, columns={*columns, "rows"},
        )  # fmt: skip
        at = np.flatnonzero(table["rows"])
        records = np.empty(len(at), record_type(columns))
        records["at"] = at
        for name in columns:
            records[name] = table[name][at]
        parts.append(records)
    return [len(part) for part in parts], np.concatenate(parts)


def record_type(columns: Collection[str]) -> np.dtype[Any]:
    """A window with rows: its number, and a field for each column."""
    import numpy as np

    named = [name for name in COLUMNS if name in columns]
    return np.dtype([("at", np.uint32), *((name, np.float64 if name in DOUBLE else np.float32) for name in named)])
