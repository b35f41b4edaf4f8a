"""Chunks of a file to coded rows of the store: each cell read, each row that cannot be read refused with its reason."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from iiotctl import quality
from iiotctl.imports import lines, statuses, values, zones
from iiotctl.imports.lines import LINE
from iiotctl.imports.meaning import Meaning, time_text
from iiotctl.imports.rejects import Rejects, refused
from iiotctl.imports.shapes import Shape, WideColumn
from iiotctl.imports.tagnames import Names
from iiotctl.imports.times import EARLIEST_US, LATEST_US
from iiotctl.imports.zones import Ambiguous
from iiotctl.reports.values import unguard_formula

_NO_DATA: Final = quality.CODES["BadNoData"]
_TIMES: Final = ("ts_source", "ts_server", "ts_received")
_HOUR_US: Final = 3_600_000_000


@dataclass(slots=True)
class Counts:
    """Figures of a file.

    Attributes:
        rows: samples that the file holds, refused ones included.
        empty: cells of wide files without a sample.
        left_out: rows of tags that the map of names leaves out.
        zoned, local: rows whose time says its offset, and that do not.
        units: unit by tag code.
    """

    rows: int = 0
    empty: int = 0
    left_out: int = 0
    zoned: int = 0
    local: int = 0
    units: dict[int, str] = field(default_factory=dict)


class RowReader:
    """Reads the chunks of one file.

    Args:
        shape: which column means what.
        meaning: how cells are read.
        names: names of tags.
        codes: the numbers of names, see `BulkWriter.codes`.
        zone: of times that say no offset.
        ambiguous: what to do in the hour that passes twice when the order of rows does not tell.
        rejects: where refused rows go.
        guarded: texts may carry the `'` that our own CSV puts before formulas.
    """

    def __init__(
        self,
        shape: Shape,
        meaning: Meaning,
        names: Names,
        codes: Callable[[Collection[str]], list[int]],
        *,
        zone: str,
        ambiguous: Ambiguous,
        rejects: Rejects,
        guarded: bool,
    ) -> None:
        self.counts = Counts()
        self._shape, self._meaning, self._names, self._codes = shape, meaning, names, codes
        self._zone, self._ambiguous, self._rejects, self._guarded = zone, ambiguous, rejects, guarded
        self._twice: list[pl.DataFrame] = []
        self._by_name: dict[str, int | None] = {}

    def read(self, frame: pl.DataFrame, refused_lines: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Coded rows (see `BulkWriter.add`) of a chunk; those of the repeated hour wait for `finish`."""
        self.counts.rows += refused_lines.height
        self._rejects.take(refused_lines)
        if not frame.height:
            return
        if not self._shape.is_wide:
            yield from self._rows(frame, time_text(frame, self._shape), self._long(frame))
            return
        shared: dict[int | None, pl.Series] = {}
        for column in self._shape.wide:
            if column.time not in shared:
                shared[column.time] = time_text(frame, self._shape) if column.time is None else frame[f"c{column.time}"]
            yield from self._wide(frame, column, shared[column.time])

    def finish(self) -> Iterator[pl.DataFrame]:
        """Rows of the repeated hour, after the last chunk."""
        if not self._twice:
            return
        # in the order of the lines, also of wide files, which come column by column
        rows = pl.concat(self._twice, how="diagonal").sort("line", maintain_order=True)
        rows = rows.with_columns(pl.lit(self._meaning.falling).alias("falling"))
        told, open_ = zones.settle(rows, self._zone, self._ambiguous, step=self._meaning.step)
        local = pl.col("at").cast(pl.Datetime("us")).dt.to_string("%Y-%m-%d %H:%M:%S%.f")
        names = {code: name for name, code in self._by_name.items() if code is not None}
        name = pl.col("tag").replace_strict(names, return_dtype=pl.String)
        cause = (
            f"the hour passes twice in {self._zone}, and the order of rows does not tell which is meant: `--ambiguous`"
        )
        shown = ["at", "tag", "value", *(["text"] if "text" in open_.columns else [])]
        self._rejects.take(
            refused(open_.with_columns(local.alias("at"), name.alias("tag")), "hour-twice", cause, shown)
        )
        self._twice = []
        if told.height:
            yield told.select("tag", "ts", pl.exclude("tag", "ts"))

    def _long(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Columns tag (code), value, text, quality, problem, cause of every row."""
        shape = self._shape
        cells = [self._cells(frame, place) for place in shape.values]
        raw = cells[0]
        if len(cells) > 1:
            raw = pl.select(pl.coalesce([cell.cast(pl.String, strict=False) for cell in cells]).alias("raw"))["raw"]
        if shape.tag is None:
            self._learn([shape.fixed_tag])
            code = self._by_name[shape.fixed_tag]
            tag = pl.repeat(code, frame.height, dtype=pl.UInt32, eager=True)
        else:
            names = frame[f"c{shape.tag}"].cast(pl.String)
            unique = names.drop_nulls().unique()
            self._learn(unique.to_list())
            codes = pl.Series([self._by_name[name] for name in unique.to_list()], dtype=pl.UInt32)
            tag = names.replace_strict(unique, codes, default=None, return_dtype=pl.UInt32)
            self._units(frame, tag)
        text = None if shape.text is None else self._unguarded(frame[f"c{shape.text}"].cast(pl.String))
        return self._judged(frame, raw, text, shape.values, shape.quality).with_columns(tag.alias("tag"))

    def _learn(self, names: list[str]) -> None:
        fresh = [name for name in names if name not in self._by_name]
        self._names.learn(fresh)
        ours = [self._names.known[name] for name in fresh]
        codes = dict(zip([name for name in ours if name], self._codes([name for name in ours if name]), strict=True))
        self._by_name |= {name: codes.get(new) for name, new in zip(fresh, ours, strict=True)}

    def _units(self, frame: pl.DataFrame, tag: pl.Series) -> None:
        if self._shape.unit is None:
            return
        units = pl.DataFrame({"tag": tag, "unit": frame[f"c{self._shape.unit}"].cast(pl.String)}).drop_nulls().unique()
        for code, unit in units.iter_rows():
            self.counts.units.setdefault(code, unit)

    def _unguarded(self, text: pl.Series) -> pl.Series:
        if not self._guarded:
            return text
        guarded = text.filter(text.str.starts_with("'").fill_null(value=False)).unique()
        if not len(guarded):
            return text
        plain = pl.Series([unguard_formula(word) for word in guarded.to_list()], dtype=pl.String)
        return text.replace(guarded, plain)

    def _cells(self, frame: pl.DataFrame, place: int) -> pl.Series:
        """A column of values; cells that were numbers in the file get its decimal mark."""
        name = f"c{place}"
        if self._meaning.decimal == "." or lines.numeric(name) not in frame.columns:
            return frame[name]
        marked = pl.col(name).str.replace(".", self._meaning.decimal, literal=True)
        return frame.select(pl.when(lines.numeric(name)).then(marked).otherwise(name).alias(name))[name]

    def _judged(
        self,
        frame: pl.DataFrame,
        raw: pl.Series,
        text: pl.Series | None,
        places: Collection[int],
        quality_column: int | None,
    ) -> pl.DataFrame:
        """Value, text and quality of a column of cells, and what is wrong with them."""
        grouped = any(f"c{place}" in self._meaning.grouped for place in places)
        read = values.read(raw, self._meaning.decimal, grouped=grouped).with_columns(raw.alias("raw"))
        if text is not None:
            read = read.with_columns(pl.coalesce(text, pl.col("text")).alias("text"))
            nothing = pl.col("text").is_not_null() & (pl.col("quality") == _NO_DATA)
            read = read.with_columns(pl.when(~nothing).then(pl.col("quality")).alias("quality"))
        read = read.with_columns(pl.when("refused").then(pl.lit("number")).alias("problem"))
        if quality_column is None:
            said: pl.Expr = pl.lit(None, dtype=pl.UInt32)
        else:
            codes, unknown = statuses.read(frame[f"c{quality_column}"], self._meaning.scheme)
            said = pl.lit(codes)
            read = read.with_columns(
                pl.when(unknown).then(pl.lit("quality")).otherwise("problem").alias("problem"),
                frame[f"c{quality_column}"].cast(pl.String, strict=False).alias("raw_quality"),
            )
        for flag, code in (
            (self._shape.questionable, "Uncertain"),
            (self._shape.substituted, "UncertainSubstituteValue"),
        ):
            if flag is not None:
                cells = frame[f"c{flag}"].cast(pl.String)
                yes = [word for word in cells.drop_nulls().unique().to_list() if statuses.flagged(word)]
                uncertain = pl.lit(quality.CODES[code], dtype=pl.UInt32)
                said = pl.when(pl.lit(cells).is_in(yes)).then(uncertain).otherwise(said)
        found = pl.col("quality")
        is_bad = said >= quality.BAD
        # a state such as `I/O Timeout` says more than Good, and a Bad quality more than an empty cell
        chosen = pl.when(is_bad | (said.is_not_null() & (said > 0) & (found == _NO_DATA))).then(said)
        return read.with_columns(
            chosen.otherwise(pl.coalesce(found, said, pl.lit(0, dtype=pl.UInt32))).alias("quality")
        ).with_columns(pl.when(pl.col("quality") < quality.BAD).then(pl.col("value")).alias("value"))

    def _wide(self, frame: pl.DataFrame, column: WideColumn, time: pl.Series) -> Iterator[pl.DataFrame]:
        raw = self._cells(frame, column.value)
        self._learn([column.name])
        code = self._by_name[column.name]
        if code is not None and column.unit:
            self.counts.units.setdefault(code, column.unit)
        there = raw.is_not_null()
        if column.quality is not None and column.quality != self._shape.quality:
            there |= frame[f"c{column.quality}"].is_not_null()
        if not there.all():
            self.counts.empty += int((~there).sum())
            frame, raw, time = frame.filter(there), raw.filter(there), time.filter(there)
        if frame.height:
            judged = self._judged(frame, raw, None, (column.value,), column.quality)
            tag = pl.repeat(code, frame.height, dtype=pl.UInt32, eager=True).alias("tag")
            yield from self._rows(frame, time, judged.with_columns(tag))

    def _rows(self, frame: pl.DataFrame, time: pl.Series, judged: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Times, refusals, and what is left."""
        at, zoned = self._times(frame, time)
        utc = zones.to_utc(at, zoned, self._zone)
        rows = judged.with_columns(
            frame[LINE].alias("line"), at.alias("at"), utc["ts"], utc["twice"], utc["skipped"], *self._others(frame)
        )
        self.counts.rows += rows.height
        self.counts.local += int((~zoned & at.is_not_null()).sum())
        self.counts.zoned += int((zoned & at.is_not_null()).sum())
        rows = self._sorted_out(rows, time, frame)
        columns = ["tag", "ts", "value", "quality", "line", *(c for c in rows.columns if c in (*_TIMES, "site"))]
        if rows["text"].null_count() < rows.height:
            columns.insert(4, "text")
        if rows["twice"].any():
            kept = ["at" if name == "ts" else name for name in columns]
            self._twice.append(rows.filter("twice").select(kept))
            rows = rows.filter(~pl.col("twice"))
        if rows.height:
            yield rows.select(columns)

    def _times(self, frame: pl.DataFrame, time: pl.Series) -> tuple[pl.Series, pl.Series]:
        """As `TimeReader.read`; local times whose offset stands beside them are UTC thereby."""
        at, zoned = self._meaning.time.read(time)
        if self._shape.offset is None:
            return at, zoned
        hours = values.read(frame[f"c{self._shape.offset}"], self._meaning.decimal)["value"]
        behind = (hours * _HOUR_US).round().cast(pl.Int64)
        said = hours.is_not_null() & ~zoned
        return at - behind.set(~said, 0), zoned | said

    def _others(self, frame: pl.DataFrame) -> list[pl.Series]:
        found = []
        for name, place in self._shape.others.items():
            cells = frame[f"c{place}"]
            if cells.null_count() == len(cells):
                continue
            if name in _TIMES:
                at, _ = self._meaning.time.read(cells)
                found.append(at.fill_null(pl.Series([-(1 << 63)], dtype=pl.Int64)[0]).alias(name))
            else:
                found.append(cells.cast(pl.String).alias(name))
        return found

    def _sorted_out(self, rows: pl.DataFrame, time: pl.Series, frame: pl.DataFrame) -> pl.DataFrame:
        """Take out what cannot be stored, each row for its first reason."""
        sane = pl.col("ts").is_between(EARLIEST_US, LATEST_US) | pl.col("twice")
        fine = sane & pl.col("tag").is_not_null() & pl.col("problem").is_null()
        whole = rows.select(fine.fill_null(value=False).all()).item()
        if whole:
            return rows
        rows = rows.with_columns(time.cast(pl.String).alias("_time"), self._tag_text(frame, rows).alias("_tag"))
        if self._names.given:
            out = [
                name for name, new in self._names.known.items() if not new and self._names.given.get(name.strip()) == ""
            ]
            left = rows["tag"].is_null() & rows["_tag"].is_in(out)
            self.counts.left_out += int(left.sum())
            rows = rows.filter(~left.fill_null(value=False))
        for reason, condition, cause in (
            ("tag", pl.col("tag").is_null(), "the name of the tag is empty or holds no usable character"),
            ("time", pl.col("at").is_null(), "the time cannot be read"),
            ("hour-skipped", pl.col("skipped"), f"this local time does not exist in {self._zone}: clocks go forward"),
            ("time", ~sane, "the time lies before 1980 or after 2099"),
            (
                "number",
                pl.col("problem") == "number",
                f"this is no number with the decimal mark `{self._meaning.decimal}`",
            ),
            ("quality", pl.col("problem") == "quality", "the quality is none that is known"),
        ):
            hit = rows.select(condition.fill_null(value=False).alias("hit"))["hit"]
            if hit.any():
                shown = ["_time", "_tag", "raw", *(["raw_quality"] if "raw_quality" in rows.columns else [])]
                self._rejects.take(refused(rows.filter(hit), reason, cause, shown))
                rows = rows.filter(~hit)
        return rows

    def _tag_text(self, frame: pl.DataFrame, rows: pl.DataFrame) -> pl.Series:
        if self._shape.tag is not None:
            return frame[f"c{self._shape.tag}"].cast(pl.String)
        by_code = {code: name for name, code in self._by_name.items() if code is not None}
        word = by_code.get(rows["tag"].to_list()[0], "") if rows.height else ""
        return pl.Series([word], dtype=pl.String).new_from_index(0, rows.height)
