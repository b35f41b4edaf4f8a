"""What a file means as a whole: settled before the first row is taken, by evidence over as much of it as it needs.

Some facts cannot be told from a few rows: 3/4/2026 may be March or April until a 13 turns up, `1,234` may be a
thousand. Where the first chunk proves nothing the file is read on until it does; what stays open is for the user.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

import polars as pl

from iiotctl.imports import lines, statuses, times, values
from iiotctl.imports.failure import bad_shape
from iiotctl.imports.shapes import Shape
from iiotctl.imports.statuses import Scheme
from iiotctl.imports.tables import Table
from iiotctl.imports.times import TimeReader
from iiotctl.imports.values import Decimal

_T = TypeVar("_T")
_SOME: Final = 2000


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user says about the file; None = find out."""

    date_order: times.Order | None = None
    decimal: Decimal | None = None
    scheme: Scheme | None = None
    time_unit: times.Kind | None = None


@dataclass(frozen=True, slots=True)
class Meaning:
    """How cells are read.

    Attributes:
        grouped: columns that write thousands in groups.
        falling: the first rows' times fall instead of growing.
        step: µs from one row of a tag to its next, in the middle; 0 = the first rows do not tell.
        zeros: the file's quality numbers are all 0, which is Good in OPC UA and Bad in OPC DA.
        facts: what evidence settled, in words.
    """

    time: TimeReader
    decimal: Decimal
    scheme: Scheme
    grouped: frozenset[str]
    falling: bool
    step: int
    zeros: bool
    facts: tuple[tuple[str, str], ...]


def time_text(frame: pl.DataFrame, shape: Shape) -> pl.Series:
    """The column of times; date and clock as one text."""
    if len(shape.time) == 1:
        return frame[f"c{shape.time[0]}"]
    day, clock = (pl.col(f"c{place}").cast(pl.String).str.strip_chars() for place in shape.time[:2])
    both = pl.concat_str(day.str.replace(times.MIDNIGHT, ""), clock, separator=" ")
    return frame.select(both.alias("time"))["time"]


def settle(table: Table, shape: Shape, wishes: Wishes, path: Path) -> Meaning:
    """Find out how the cells of a file are read.

    Raises:
        UsageError: `import-shape`, it cannot be told, or the file holds no rows.
    """
    first = next((frame for frame, _ in table.chunks() if frame.height), None)
    if first is None:
        raise bad_shape(path, "the file holds no rows", cause="there is a header and nothing below it")
    reader = _time_reader(table, shape, wishes, first, path)
    falling, step = _course(first.head(_SOME), shape, reader)
    cells = [f"c{place}" for place in (shape.values or [each.value for each in shape.wide[:200]])]
    decimal = wishes.decimal or table.decimal
    written = replace(table, chunks=lambda: ((as_written(frame), bad) for frame, bad in table.chunks()))
    facts = [("times", reader.describe())]
    if decimal is None:
        decimal = _evidence(as_written(first), written, cells, values.decimal_evidence)
        word = "nothing proves a comma" if decimal is None else ""
        decimal = decimal or "."
        facts.append(("decimal mark", f"`{decimal}`" + (f" ({word})" if word else "")))
    grouped: frozenset[str] = frozenset()
    if not table.typed and table.decimal is None:
        cells = [f"c{place}" for place in (shape.values or [each.value for each in shape.wide])]
        grouped = _grouped(as_written(first), written, cells, decimal)
    scheme = wishes.scheme or shape.scheme
    states = _quality_columns(shape)
    if scheme is None:
        scheme = _evidence(first, table, states, statuses.scheme_evidence) if states else None
    numbers = bool(states) and _proof(first.head(_SOME), states, statuses.first_number) is not None
    zeros = scheme is None and numbers
    scheme = scheme or "opc-ua"
    if numbers:
        word = {"opc-da": "OPC DA (192 = Good)", "opc-ua": "OPC UA (0 = Good)"}[scheme]
        facts.append(("quality numbers", word + (", though all of them are 0" if zeros else "")))
    return Meaning(reader, decimal, scheme, grouped, falling, step, zeros, tuple(facts))


def _course(some: pl.DataFrame, shape: Shape, reader: TimeReader) -> tuple[bool, int]:
    """Whether times fall, and the usual step of a tag (µs; 0 = not known)."""
    at, _ = reader.read(time_text(some, shape))
    steps = at.drop_nulls().diff().drop_nulls()
    falling = bool(len(steps)) and int((steps < 0).sum()) > int((steps > 0).sum())
    tag = pl.lit("") if shape.tag is None else some[f"c{shape.tag}"].cast(pl.String)
    each = pl.DataFrame({"at": at}).select(pl.col("at").diff().over(tag).abs())["at"]
    usual = each.filter(each > 0).median()
    return falling, int(usual) if isinstance(usual, float) else 0


def as_written(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame without cells that were numbers in the file: they say nothing of how numbers are written."""
    marked = [name for name in frame.columns if lines.numeric(name) in frame.columns]
    return frame.with_columns(pl.when(~pl.col(lines.numeric(name))).then(pl.col(name)).alias(name) for name in marked)


def _grouped(first: pl.DataFrame, table: Table, cells: list[str], decimal: Decimal) -> frozenset[str]:
    """Columns that prove what a lone `1.234` is, where there is one."""
    open_ = {name for name in cells if values.holds_groups(first[name], decimal, sure=False)}
    found: set[str] = set()
    for frame, _ in table.chunks() if open_ else ():
        found |= {name for name in open_ - found if values.holds_groups(frame[name], decimal, sure=True)}
        if found == open_:
            break
    return frozenset(found)


def _quality_columns(shape: Shape) -> list[str]:
    places = {shape.quality, *(each.quality for each in shape.wide)}
    return [f"c{place}" for place in sorted(place for place in places if place is not None)]


def _time_reader(table: Table, shape: Shape, wishes: Wishes, first: pl.DataFrame, path: Path) -> TimeReader:
    column = time_text(first, shape)
    if column.dtype.is_temporal():
        return TimeReader("typed", example=str(column.drop_nulls().head(1).to_list()[:1] or "")[1:-1])
    some = [str(cell) for cell in column.drop_nulls().head(_SOME).to_list()]
    reader = times.guess(some[:200]) or times.guess(some[-200:])
    if wishes.time_unit is not None:
        reader = TimeReader(wishes.time_unit, example=some[0] if some else "")
    if reader is None:
        raise bad_shape(
            path,
            "the times are of no form that is known",
            cause=f"e.g. `{some[0][:40]}`" if some else "the column of times is empty",
            hint="write them as ISO 8601 (`2026-11-21T14:05:03Z`), or name another column: `--time-column COLUMN`",
        )
    if reader.kind != "text":
        return reader
    if wishes.date_order is not None:
        return TimeReader("text", wishes.date_order, reader.example)
    order = reader.order
    if order != "ymd":
        order = _order(table, shape)
    if order == "open":
        raise bad_shape(
            path,
            f"`{reader.example}` may be written day first or month first, and no time of the file tells which",
            hint="say it: `--date-format dmy` or `--date-format mdy`",
        )
    return TimeReader("text", order, reader.example)


def _order(table: Table, shape: Shape) -> times.Order:
    found: times.Order = "open"
    for frame, _ in table.chunks():
        dates = time_text(frame, shape).str.slice(0, 11).unique(maintain_order=True)
        found = times.order_of(dates.drop_nulls().to_list())
        if found != "open":
            return found
    return found


def _evidence(
    first: pl.DataFrame, table: Table, columns: Iterable[str], judge: Callable[[list[str]], _T | None]
) -> _T | None:
    """What the first chunk that proves anything proves."""
    found = _proof(first.head(_SOME), columns, judge)
    if found is not None:
        return found
    for frame, _ in table.chunks():
        found = _proof(frame, columns, judge)
        if found is not None:
            return found
    return None


def _proof(frame: pl.DataFrame, columns: Iterable[str], judge: Callable[[list[str]], _T | None]) -> _T | None:
    for name in columns:
        if frame[name].dtype == pl.String or frame[name].dtype.is_integer():
            found = judge(frame[name].drop_nulls().cast(pl.String).unique(maintain_order=True).to_list())
            if found is not None:
                return found
    return None
