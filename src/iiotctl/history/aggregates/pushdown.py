"""Functions that count samples, of many tags at once: one GROUP BY of the database instead of a read for each tag."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from iiotctl import quality
from iiotctl.history.aggregates.base import CODE, Floats, Function, Ints
from iiotctl.history.aggregates.frame import Frame
from iiotctl.history.aggregates.request import Block, Request, answer
from iiotctl.history.aggregates.tally import Extreme
from iiotctl.history.series import Series
from iiotctl.history.sql.connect import quoted
from iiotctl.history.sql.views import literal
from iiotctl.history.time.intervals import Intervals

if TYPE_CHECKING:
    import duckdb

    from iiotctl.history.sql.reader import Reader
    from iiotctl.history.tagfacts import TagFacts

_MOST_RESULTS: Final = 1_000_000
"""Tags times intervals that are asked for at once."""
_FEWEST_TAGS: Final = 4
"""With fewer tags at once, one by one is as fast."""
_NEAR_US: Final = 3_600_000_000
_IS_REAL: Final = f"quality & {CODE} <> {quality.BAD_NO_DATA}"
_EXTREMES: Final = {"Minimum": (1.0,), "Maximum": (-1.0,), "Range": (1.0, -1.0)}


def able(request: Request, wanted: Intervals, tags: Sequence[TagFacts]) -> bool:
    """Whether the database can count: functions of counts, forward, over intervals of one length."""
    if request.descending or request.windows is not None or not all(each.by_tally for each in request.functions):
        return False
    width = int(wanted.ends[0] - wanted.starts[0]) if len(wanted) else 0
    even = np.all(np.diff(wanted.starts) == width) and int(wanted.ends[-1] - wanted.starts[-1]) <= width
    return bool(width and even) and min(_at_once(wanted), len(tags)) >= _FEWEST_TAGS


def _at_once(wanted: Intervals) -> int:
    return _MOST_RESULTS // len(wanted)


def answers(reader: Reader, request: Request, tags: Sequence[TagFacts], wanted: Intervals) -> Iterator[Block]:
    """Results by tag, in the order given; the same as those of `answer`.

    Tags with recorded gaps in the range, and those that begin with samples that are no data, are read one by one.

    Raises:
        StoreError: no store; a file went away meanwhile.
    """
    at_once = _at_once(wanted)
    for place in range(0, len(tags), at_once):
        some = tags[place : place + at_once]
        counts = _Counts.ask(reader, request, [tag.tag for tag in some], wanted)
        for tag in some:
            frame = counts.frame(tag.tag)
            if frame is None:
                yield from answer(reader, request, tag, wanted)
                continue
            tally = _Tally(counts.rows(tag.tag), len(wanted), request.configuration.treat_uncertain_as_bad)
            with np.errstate(over="ignore", invalid="ignore"):
                found = [function.compute(frame, tally) for function in request.functions]
            yield Block(tag, wanted.starts, wanted.ends, found)


@dataclass(frozen=True, slots=True)
class _Counts:
    """What the database counted.

    Attributes:
        request: what for.
        wanted: its intervals.
        columns: by name, sorted by tag.
        where: rows of each tag.
        earlier: tags with samples before the range.
        later: and with samples from its end on.
        holes: tags with gaps.
    """

    request: Request
    wanted: Intervals
    columns: dict[str, npt.NDArray[Any]]
    where: dict[str, slice]
    earlier: set[str]
    later: set[str]
    holes: set[str]

    @classmethod
    def ask(cls, reader: Reader, request: Request, tags: Sequence[str], wanted: Intervals) -> _Counts:
        low, high = int(wanted.starts[0]), int(wanted.ends[-1])
        listed = f"({', '.join(quoted(tag) for tag in tags)})"

        def work(connection: duckdb.DuckDBPyConnection) -> _Counts:
            source = reader.source("samples", start=low, end=high, tags=set(tags))
            columns = connection.execute(_counting(request.functions, source, listed, wanted)).fetchnumpy()
            names = columns["tag"].astype(str)
            starts = np.flatnonzero(np.append(True, names[1:] != names[:-1])) if len(names) else np.zeros(0, np.int64)
            stops = np.append(starts[1:], len(names))
            where = {str(names[a]): slice(int(a), int(b)) for a, b in zip(starts, stops, strict=False)}
            known = _Outside(connection, reader, tags)
            return cls(
                request,
                wanted,
                columns,
                where,
                set() if request.from_first else known.earlier(low),
                set() if request.to_last else known.later(high),
                set() if request.bridge_gaps else _with_holes(connection, listed, low, high + _NEAR_US),
            )

        return reader.ask(work)

    def rows(self, tag: str) -> dict[str, npt.NDArray[Any]]:
        """The columns of one tag."""
        part = self.where.get(tag, slice(0, 0))
        return {name: column[part] for name, column in self.columns.items()}

    def frame(self, tag: str) -> Frame | None:
        """Where the data of a tag begins and ends; None = this tag is to be read."""
        rows = self.rows(tag)
        is_earlier, is_later = tag in self.earlier, tag in self.later
        if tag in self.holes or (not is_earlier and np.any(rows["empty"] > 0)):
            return None
        low, high = int(self.wanted.starts[0]), int(self.wanted.ends[-1])
        # of the samples themselves only the first and the last matter
        times = [low - 1] if is_earlier else []
        times += [int(rows["first"].min()), int(rows["last"].max())] if len(rows["k"]) else []
        times += [high] if is_later else []
        number = len(times)
        series = Series(tag, np.array(times, np.int64), np.zeros(number), np.zeros(number, np.uint32))
        return Frame.of(
            series,
            self.wanted.starts,
            self.wanted.ends,
            self.wanted.partial,
            configuration=self.request.configuration,
        )


def _counting(functions: Sequence[Function], source: str, listed: str, wanted: Intervals) -> str:
    """SQL: one row for each tag and interval that has samples."""
    low, high = int(wanted.starts[0]), int(wanted.ends[-1])
    width = int(wanted.ends[0] - wanted.starts[0])
    columns = [
        "count(*) AS number",
        "count(g) AS good",
        "count(u) AS uncertain",
        f"count(*) FILTER (NOT ({_IS_REAL})) AS empty",
        "min(us) AS first",
        "max(us) AS last",
    ]
    several = []
    names = {function.name for function in functions}
    if "Average" in names:
        columns.append("fsum(g) AS sum")
    if any(name.startswith(("Standard", "Variance")) for name in names):
        columns.append("var_pop(g) AS variance")
    for sign in sorted({sign for name in names for sign in _EXTREMES.get(name, ())}):
        smallest, side = ("min", "low") if sign > 0 else ("max", "high")
        columns += [
            f"{smallest}(g) AS {side}",
            f"{smallest}(u) AS {side}_other",
            f"{smallest}(g, 2) AS {side}_two",
            f"{smallest}(at_start) AS {side}_start",
        ]
        several.append(f", CAST(len({side}_two) = 2 AND {side}_two[1] = {side}_two[2] AS INT) AS {side}_several")
    # numbers of Good and of Uncertain samples, those of all others null: faster than a FILTER for each column
    return (
        f"SELECT *{''.join(several)} FROM (SELECT tag, k, {', '.join(columns)} FROM ("
        f"SELECT *, CASE WHEN us = {low} + k * {width} THEN g END AS at_start FROM ("
        f"SELECT tag, quality, epoch_us(ts) AS us, (us - {low}) // {width} AS k,"
        f" CASE WHEN quality < {quality.UNCERTAIN} AND NOT isnan(value) THEN value END AS g,"
        f" CASE WHEN quality >= {quality.UNCERTAIN} AND quality < {quality.BAD} AND NOT isnan(value) THEN value END AS u"
        f" FROM {source} WHERE tag IN {listed} AND ts >= {literal(low)} AND ts < {literal(high)}))"
        " GROUP BY tag, k) ORDER BY tag, k"
    )


@dataclass(frozen=True, slots=True)
class _Outside:
    """Tags with samples outside the range."""

    connection: duckdb.DuckDBPyConnection
    reader: Reader
    tags: Sequence[str]

    def earlier(self, at: int) -> set[str]:
        """With a sample that is data before an instant."""
        return self._found((at - _NEAR_US, at), (None, at), _IS_REAL)

    def later(self, at: int) -> set[str]:
        """With a sample from an instant on."""
        return self._found((at, at + _NEAR_US), (at, None), "true")

    def _found(self, near: tuple[int, int], far: tuple[int | None, int | None], kind: str) -> set[str]:
        found: set[str] = set()
        for low, high in (near, far):  # mostly all are found near by
            missing = [tag for tag in self.tags if tag not in found]
            if not missing or not self.reader.may_hold("samples", start=low, end=high, tags=set(missing)):
                continue
            source = self.reader.source("samples", start=low, end=high, tags=set(missing))
            limits = [f"tag IN ({', '.join(quoted(tag) for tag in missing)})", kind]
            limits += [f"ts >= {literal(low)}"] if low is not None else []
            limits += [f"ts < {literal(high)}"] if high is not None else []
            sql = f"SELECT DISTINCT tag FROM {source} WHERE {' AND '.join(limits)}"
            found |= {row[0] for row in self.connection.execute(sql).fetchall()}
        return found


def _with_holes(connection: duckdb.DuckDBPyConnection, listed: str, low: int, high: int) -> set[str]:
    rows = connection.execute(
        "SELECT DISTINCT t.tag FROM gaps AS g JOIN tags_history AS t"
        " ON g.tag = t.tag OR g.tag IS NULL AND g.source = t.source"
        f" WHERE g.start >= {literal(low)} AND g.start <= {literal(high)} AND g.filled_by IS NULL AND t.tag IN {listed}"
    ).fetchall()
    return {row[0] for row in rows}


class _Tally:
    """The tally of one tag, from the rows of the intervals that have samples."""

    def __init__(self, rows: dict[str, npt.NDArray[Any]], intervals: int, treat_uncertain_as_bad: bool) -> None:
        self._rows, self._intervals = rows, intervals
        self._takes_uncertain = not treat_uncertain_as_bad

    @property
    def number(self) -> Ints:
        return self._whole("number")

    @property
    def good(self) -> Ints:
        return self._whole("good")

    @property
    def bad(self) -> Ints:
        usable = self.good + self._whole("uncertain") if self._takes_uncertain else self.good
        return self.number - usable

    @property
    def sum(self) -> Floats:
        return self._real("sum", 0.0)

    @property
    def squares(self) -> Floats:
        return self._real("variance", 0.0) * self.good.astype(np.float64)

    def least(self, sign: float) -> Extreme:
        side = "low" if sign > 0 else "high"
        none = sign * np.inf
        value = sign * self._real(side, none)
        other = sign * self._real(f"{side}_other", none) if self._takes_uncertain else np.full_like(value, np.inf)
        several = self._whole(f"{side}_several") > 0
        return Extreme(value, other, several, sign * self._real(f"{side}_start", none) == value)

    def _whole(self, column: str) -> Ints:
        found = np.zeros(self._intervals, np.int64)
        found[self._rows["k"]] = np.ma.filled(self._rows[column], 0)  # type: ignore[no-untyped-call]
        return found

    def _real(self, column: str, nothing: float) -> Floats:
        """With a place for each interval, `nothing` where there is no sample, or null."""
        found = np.full(self._intervals, nothing)
        found[self._rows["k"]] = np.ma.filled(self._rows[column], nothing)  # type: ignore[no-untyped-call]
        return found
