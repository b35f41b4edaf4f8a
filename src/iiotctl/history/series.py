"""The samples of tags over a range as arrays, with as many before and after it as bounding values need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from iiotctl import quality
from iiotctl.history.sql.connect import quoted
from iiotctl.history.sql.views import literal

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import numpy.typing as npt

    from iiotctl.history.sql.reader import Reader

_HOUR_US: Final = 3_600_000_000
_NEAR_US: Final = _HOUR_US
_CODE: Final = 0xFFFF0000
_NEIGHBOURS: Final = 64
"""Samples in a row among which neighbours are looked for first."""
_REACHES: Final = (8 * 24 * _HOUR_US, None)
"""How far to look for a neighbour that is not near, in steps: a year is not read to find one."""


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

    def between(self, start: int, end: int) -> int:
        """How many samples lie in [start, end), µs UTC."""
        import numpy as np

        first, stop = np.searchsorted(self.ts, [start, end], side="left").tolist()
        return int(stop - first)

    def then(self, later: Series) -> Series:
        """This and what comes after it."""
        import numpy as np

        return Series(
            self.tag,
            np.concatenate([self.ts, later.ts]),
            np.concatenate([self.value, later.value]),
            np.concatenate([self.quality, later.quality]),
        )

    def before(self, at: int, good: int) -> bool:
        """Whether there are that many Good samples before an instant."""
        return self._good(slice(None, int(self.ts.searchsorted(at)))) >= good

    def after(self, at: int, good: int) -> bool:
        """Whether there are that many Good samples from an instant on."""
        return self._good(slice(int(self.ts.searchsorted(at)), None)) >= good

    def _good(self, part: slice) -> int:
        import numpy as np

        return int(np.count_nonzero((self.quality[part] < quality.UNCERTAIN) & ~np.isnan(self.value[part])))


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
    found = read_up_to(
        reader, [tag], start, end, None, good_before=good_before, good_after=good_after, gaps=gaps, number=number
    )
    assert found is not None
    return found[0]


def read_up_to(
    reader: Reader,
    tags: Sequence[str],
    start: int,
    end: int,
    most: int | None,
    *,
    good_before: int = 2,
    good_after: int = 1,
    gaps: bool = True,
    number: str = "value",
) -> list[Series] | None:
    """As `read`, several tags in one pass over the files: in these, tags whose names are neighbours stand side by side.

    Returns:
        The series by tag, or None when that were more than about `most` samples.

    Raises:
        StoreError: no store; a file went away meanwhile.
    """

    def work(connection: duckdb.DuckDBPyConnection) -> list[Series] | None:
        asked = _Asked(connection, reader, number)
        # neighbours are mostly near: one statement brings them along
        first, last = start - _NEAR_US * (good_before > 0), end + _NEAR_US * (good_after > 0)
        near = asked.samples(tags, first, last, most)
        if near is None:
            return None
        found = [asked.reaching(_Stretch(one, first, last), start, end, good_before, good_after) for one in near]
        if not gaps or not reader.may_hold("gaps"):
            return [one.series for one in found]
        holes = _holes(connection, tags, min(one.first for one in found), max(one.last for one in found))
        return [
            _with_holes(one.series, [at for at in holes.get(one.series.tag, ()) if one.first <= at <= one.last])
            for one in found
        ]

    return reader.ask(work)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """All samples of a tag in [first, last), µs UTC."""

    series: Series
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Asked:
    """Samples of the store, with what shall stand in `value`."""

    connection: duckdb.DuckDBPyConnection
    reader: Reader
    number: str

    def _from(self, tags: Sequence[str], low: int | None, high: int | None) -> str:
        source = self.reader.source("samples", start=low, end=high, tags=tags)
        limits = [f"tag IN ({', '.join(map(quoted, tags))})"]
        limits += [f"ts >= {literal(low)}"] if low is not None else []
        limits += [f"ts < {literal(high)}"] if high is not None else []
        return f"FROM {source} WHERE {' AND '.join(limits)}"

    def samples(self, tags: Sequence[str], low: int, high: int, most: int | None = None) -> list[Series] | None:
        """Samples in [low, high) by tag; None when there are more than `most`."""
        limit = "" if most is None else f" LIMIT {most + 1}"
        place = f"list_position([{', '.join(map(quoted, tags))}], tag) - 1" if len(tags) > 1 else "0"
        arrays = self.connection.execute(
            f"SELECT CAST({place} AS USMALLINT) AS place, epoch_us(ts) AS ts, CAST({self.number} AS DOUBLE) AS value,"
            f" quality {self._from(tags, low, high)}{limit}"
        ).fetchnumpy()
        if most is not None and len(arrays["ts"]) > most:
            return None
        return _by_tag(tags, arrays)

    def reaching(self, there: _Stretch, start: int, end: int, good_before: int, good_after: int) -> _Stretch:
        """A stretch around [start, end) made longer, until as many Good neighbours as wanted are in it."""
        series, first, last = there.series, there.first, there.last
        if good_before and not series.before(start, good_before):
            reach = self.reach(series.tag, start, good_before, forward=False)
            if reach is not None and reach < first:
                series = self._alone(series.tag, reach, first).then(series)
                first = reach
        if good_after and not series.after(end, good_after):
            reach = self.reach(series.tag, end, good_after, forward=True)
            if reach is not None and reach >= last:
                series = series.then(self._alone(series.tag, last, reach + 1))
                last = reach + 1
        return _Stretch(series, first, last)

    def _alone(self, tag: str, low: int, high: int) -> Series:
        found = self.samples([tag], low, high)
        assert found is not None
        return found[0]

    def reach(self, tag: str, at: int, good: int, *, forward: bool) -> int | None:
        """The time up to which neighbours are needed: of the wanted number of Good samples, else of what there is.

        Where Good ones are missing, as many that are not Bad; and in any case the nearest one that is a sample
        at all, since the end of the data is told from it. None when there is nothing on that side.
        """
        nearest: list[tuple[int, int, bool]] = []
        goods: list[int] = []
        for span in _REACHES:
            far = None if span is None else at + span if forward else at - span
            low, high = (at, far) if forward else (far, at)
            if not self.reader.may_hold("samples", start=low, end=high, tags=(tag,)):
                continue
            nearest = self.connection.execute(
                f"SELECT epoch_us(ts), quality, ({self.number}) IS NOT NULL {self._from([tag], low, high)}"
                f" ORDER BY ts{'' if forward else ' DESC'} LIMIT {_NEIGHBOURS}"
            ).fetchall()
            goods = [when for when, code, is_number in nearest if is_number and code < quality.UNCERTAIN][:good]
            if len(goods) == good:
                return goods[-1]
            if len(nearest) == _NEIGHBOURS:
                return self._far_reach(tag, at, good, forward=forward)
        usable = [when for when, code, is_number in nearest if is_number and code < quality.BAD][:good]
        real = [when for when, code, _ in nearest if code & _CODE != quality.BAD_NO_DATA][:1]
        found = [*goods, *usable, *real] or [when for when, *_ in nearest[:1]]
        return (max if forward else min)(found, default=None)

    def _far_reach(self, tag: str, at: int, good: int, *, forward: bool) -> int | None:
        """As `reach`, where many samples in a row are Bad."""
        order, farthest = ("", "max") if forward else (" DESC", "min")
        is_number = f"({self.number}) IS NOT NULL"
        kinds = (
            (f"quality < {quality.UNCERTAIN} AND {is_number}", good),
            (f"quality < {quality.BAD} AND {is_number}", good),
            (f"quality & {_CODE} <> {quality.BAD_NO_DATA}", 1),
        )
        rows = self._from([tag], *((at, None) if forward else (None, at)))
        parts = [f"(SELECT ts {rows} AND {kind} ORDER BY ts{order} LIMIT {wanted})" for kind, wanted in kinds]
        sql = f"SELECT epoch_us({farthest}(ts)) FROM ({' UNION ALL '.join(parts)})"
        row = self.connection.execute(sql).fetchone()
        return None if row is None or row[0] is None else int(row[0])


def _holes(connection: duckdb.DuckDBPyConnection, tags: Sequence[str], first: int, last: int) -> dict[str, list[int]]:
    """Where gaps of the tags begin, µs UTC."""
    listed = f"({', '.join(map(quoted, tags))})"
    begun = f"g.start >= {literal(first)} AND g.start <= {literal(last)} AND g.filled_by IS NULL"
    rows = connection.execute(
        f"SELECT g.tag, epoch_us(g.start) FROM gaps AS g WHERE g.tag IN {listed} AND {begun} UNION"
        " SELECT t.tag, epoch_us(g.start) FROM gaps AS g JOIN tags_history AS t USING (source)"
        f" WHERE g.tag IS NULL AND t.tag IN {listed} AND {begun}"
    ).fetchall()
    found: dict[str, list[int]] = {}
    for tag, at in rows:
        found.setdefault(tag, []).append(at)
    return found


def _by_tag(tags: Sequence[str], arrays: dict[str, Any]) -> list[Series]:
    import numpy as np

    place = np.asarray(arrays["place"])
    ts = arrays["ts"].astype(np.int64)
    value = arrays["value"].astype(np.float64)
    if isinstance(value, np.ma.MaskedArray):  # DuckDB masks nulls only where there are some
        value = value.filled(np.nan)  # type: ignore[no-untyped-call]
    status = np.asarray(arrays["quality"]).astype(np.uint32)
    if len(tags) > 1:
        order = np.argsort(place, kind="stable")
        place, ts, value, status = place[order], ts[order], value[order], status[order]
    cuts = np.searchsorted(place, np.arange(len(tags) + 1))
    return [
        _sorted(Series(tag, ts[a:b], value[a:b], status[a:b])) for tag, (a, b) in zip(tags, pairwise(cuts), strict=True)
    ]


def _sorted(series: Series) -> Series:
    import numpy as np

    if not np.any(series.ts[1:] < series.ts[:-1]):  # files are sorted, and mostly come one after the other
        return series
    order = np.argsort(series.ts, kind="stable")
    return Series(series.tag, series.ts[order], series.value[order], series.quality[order])


def _with_holes(series: Series, holes: Iterable[int]) -> Series:
    import numpy as np

    extra = np.setdiff1d(np.array(sorted(holes), dtype=np.int64), series.ts)
    if not extra.size:
        return series
    at = np.searchsorted(series.ts, extra)
    return Series(
        series.tag,
        np.insert(series.ts, at, extra),
        np.insert(series.value, at, np.nan),
        np.insert(series.quality, at, np.uint32(quality.BAD_NO_DATA)),
    )
