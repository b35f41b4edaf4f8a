"""The samples of one tag over a range as arrays, with as many before and after it as bounding values need."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from iiotctl import quality
from iiotctl.history.connect import quoted
from iiotctl.history.gaps import of_tag
from iiotctl.history.views import literal

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import numpy.typing as npt

    from iiotctl.history.reader import Reader

_HOUR_US: Final = 3_600_000_000
_REACHES: Final = (_HOUR_US, 24 * _HOUR_US, 8 * 24 * _HOUR_US, 64 * 24 * _HOUR_US, None)
"""How far to look for a neighbour, in steps: most are near, and a year is not read to find one."""


@dataclass(frozen=True, slots=True)
class Series:
    """Samples of one tag in the order of time.

    Attributes:
        tag: its name.
        ts: (n,) int64, µs UTC, ascending; of equal times the later stored comes last.
        value: (n,) float64; NaN where there is no number.
        quality: (n,) uint32, OPC UA status codes.
    """

    tag: str
    ts: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint32]


def read(
    reader: Reader,
    tag: str,
    start: int,
    end: int,
    *,
    good_before: int = 2,
    good_after: int = 1,
    gaps: bool = True,
    number: str = "value",
) -> Series:
    """Samples in [start, end), and beyond both ends those up to the given number of Good ones.

    What lies between a neighbour and the range comes along, Bad and Uncertain alike, so that both kinds of
    bounding values of OPC 10000-13 §3.1 can be told from the result.

    Args:
        reader: over the whole store: neighbours may lie far outside the range.
        tag: exact name.
        start: µs UTC.
        end: µs UTC, after `start`.
        good_before: Good samples wanted before `start`; fewer when there are not as many.
        good_after: Good samples wanted at or after `end`; likewise.
        gaps: put a Bad sample (BadNoData, no value) where a gap of the tag or of its source begins and none
            is stored, so that nothing is drawn or averaged across a hole.
        number: SQL over the columns of `samples` for what shall stand in `value`, e.g. a number for each text.

    Raises:
        StoreError: no store; a file went away meanwhile.
    """

    def work(connection: duckdb.DuckDBPyConnection) -> Series:
        first = _reach(connection, reader, tag, start, good_before, number, forward=False)
        last = _reach(connection, reader, tag, end, good_after, number, forward=True)
        source = reader.source("samples", start=first, end=last + 1)
        sql = (
            f"SELECT epoch_us(ts) AS ts, CAST({number} AS DOUBLE) AS value, quality FROM {source}"
            f" WHERE tag = {quoted(tag)} AND ts >= {literal(first)} AND ts <= {literal(last)} ORDER BY ts"
        )
        arrays = connection.execute(sql).fetchnumpy()
        holes = _holes(connection, tag, first, last) if gaps else []
        return _joined(tag, arrays, holes)

    return reader.ask(work)


def _reach(
    connection: duckdb.DuckDBPyConnection,
    reader: Reader,
    tag: str,
    at: int,
    wanted: int,
    number: str,
    *,
    forward: bool,
) -> int:
    """The time of the last of `wanted` Good samples before `at` (or from it on); `at` when there is none."""
    found: list[tuple[int]] = []
    if wanted:
        for span in _REACHES:
            low, high = (
                (at, None if span is None else at + span) if forward else (None if span is None else at - span, at)
            )
            limits = [f"ts >= {literal(low)}"] if low is not None else []
            limits += [f"ts < {literal(high)}"] if high is not None else []
            found = connection.execute(
                f"SELECT epoch_us(ts) FROM {reader.source('samples', start=low, end=high)} WHERE tag = {quoted(tag)}"
                f" AND {' AND '.join(limits)} AND quality < {quality.UNCERTAIN} AND ({number}) IS NOT NULL"
                f" ORDER BY ts {'' if forward else 'DESC'} LIMIT {wanted}"
            ).fetchall()
            if len(found) == wanted:
                break
    return found[-1][0] if found else at


def _holes(connection: duckdb.DuckDBPyConnection, tag: str, first: int, last: int) -> list[int]:
    """Where gaps of the tag begin, µs UTC."""
    rows = connection.execute(
        f"SELECT DISTINCT epoch_us(start) FROM gaps WHERE start >= {literal(first)} AND start <= {literal(last)}"
        f" AND filled_by IS NULL AND {of_tag(tag)}"
    ).fetchall()
    return [row[0] for row in rows]


def _joined(tag: str, arrays: dict[str, Any], holes: Iterable[int]) -> Series:
    import numpy as np

    ts = arrays["ts"].astype(np.int64)
    value = arrays["value"].astype(np.float64)
    if isinstance(value, np.ma.MaskedArray):  # DuckDB masks nulls only where there are some
        value = value.filled(np.nan)  # type: ignore[no-untyped-call]
    status = np.asarray(arrays["quality"]).astype(np.uint32)
    extra = np.setdiff1d(np.array(sorted(holes), dtype=np.int64), ts)
    if extra.size:
        at = np.searchsorted(ts, extra)
        ts = np.insert(ts, at, extra)
        value = np.insert(value, at, np.nan)
        status = np.insert(status, at, np.uint32(quality.BAD_NO_DATA))
    return Series(tag, ts, value, status)
