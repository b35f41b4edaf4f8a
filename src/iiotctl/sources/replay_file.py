"""Reading a file of samples for `replay`: Parquet or CSV with ts, tag, value and optional quality, text.

Streams: no function holds more than a few chunks or one window, whatever the size of the file. Call `extent`
first: it judges every row, so that a wrong one is reported before anything is played.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from iiotctl import quality
from iiotctl.errors import SourceError
from iiotctl.samples import EARLIEST_US

CHUNK_ROWS: Final = 50_000
WINDOW_ROWS: Final = 500_000
_WANTED: Final = ("ts", "tag", "value", "quality", "text")
_SUFFIXES: Final = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv"}
_BAD_NO_DATA: Final = quality.CODES["BadNoData"]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Samples as the file has them: columns of the same length.

    Attributes:
        ts: int64 µs UTC.
        names: the tags that occur.
        tag: uint32, position in `names`.
        value: float64, NaN = none.
        quality: uint32.
        text: strings or None; None when the file has no text here.
    """

    ts: NDArray[np.int64]
    names: list[str]
    tag: NDArray[np.uint32]
    value: NDArray[np.float64]
    quality: NDArray[np.uint32]
    text: list[str | None] | None


@dataclass(frozen=True, slots=True)
class Extent:
    """What a file holds of the wanted tags."""

    rows: int
    first: int
    last: int
    tags: frozenset[str]


class ReplayFile:
    """A file of samples.

    Raises:
        SourceError: it cannot be opened, is of no known kind, or lacks a column; `extent`: a row is wrong.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        kind = _SUFFIXES.get(path.suffix.lower())
        if kind is None:
            raise self._error(f"`{path.name}` is neither Parquet nor CSV", cause=f"its name ends in `{path.suffix}`")
        if not path.is_file():
            raise self._error(f"there is no file `{path.name}`", cause="`file` is relative to the site file")
        if not path.stat().st_size:
            raise self._error(f"`{path.name}` is empty")
        try:
            self._scan = pl.scan_parquet(path) if kind == "parquet" else pl.scan_csv(path, infer_schema=False)
            schema = self._scan.collect_schema()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise self._unreadable(error) from error
        missing = [name for name in ("ts", "tag", "value") if name not in schema]
        if missing:
            raise self._error(
                f"`{path.name}` has no column {' and '.join(f'`{name}`' for name in missing)}",
                cause=f"its columns are {', '.join(list(schema)[:20])}",
            )
        self._scan = self._normal(schema)

    def _error(self, what: str, cause: str | None = None) -> SourceError:
        return SourceError(
            "replay-file",
            what,
            where=str(self.path),
            cause=cause,
            hint="replay takes .parquet or .csv with the columns ts, tag, value and, if wanted, quality and text",
        )

    def _unreadable(self, error: Exception) -> SourceError:
        return self._error(f"`{self.path.name}` cannot be read", cause=str(error).strip().split("\n")[0][:300])

    def _normal(self, schema: pl.Schema) -> pl.LazyFrame:
        """ts int64, tag String, value Float64, quality as it is (text or number), text String; plus `bad` markers."""
        columns = [_time(schema["ts"]).alias("ts"), pl.col("tag").cast(pl.String)]
        value = pl.col("value")
        if schema["value"] == pl.String:
            stripped = value.str.strip_chars()
            number = pl.when(stripped.str.to_lowercase().is_in(["", "nan", "null"])).then(None).otherwise(stripped)
            columns += [
                number.cast(pl.Float64, strict=False).alias("value"),
                (number.is_not_null() & number.cast(pl.Float64, strict=False).is_null()).alias("bad_value"),
            ]
        else:
            columns += [value.cast(pl.Float64), pl.lit(value=False).alias("bad_value")]
        if "quality" in schema:
            columns.append(pl.col("quality") if schema["quality"] == pl.String else pl.col("quality").cast(pl.UInt32))
        if "text" in schema:
            columns.append(pl.col("text").cast(pl.String))
        return self._scan.select(columns)

    def extent(self, tags: Sequence[str]) -> Extent:
        """Rows, first and last time, and which of `tags` occur; one streaming pass that also judges every row."""
        wanted = self._scan.filter(pl.col("tag").is_in(list(tags)))
        facts = [
            pl.len().alias("rows"),
            pl.col("ts").min().alias("first"),
            pl.col("ts").max().alias("last"),
            pl.col("ts").is_null().sum().alias("no_time"),
            pl.col("bad_value").sum(),
        ]
        try:
            found = wanted.group_by("tag").agg(facts).collect(engine="streaming")
            words = self._quality_words(wanted)
        except pl.exceptions.PolarsError as error:
            raise self._unreadable(error) from error
        for row in found.iter_rows(named=True):
            for count, what in ((row["no_time"], "time"), (row["bad_value"], "number")):
                if count:
                    raise self._error(
                        f"`{self.path.name}` has {count} rows without a readable {what}", cause=f"tag `{row['tag']}`"
                    )
            if row["first"] < EARLIEST_US:
                raise self._error(
                    f"`{self.path.name}` has times before the year 2000",
                    cause="whole numbers in `ts` are microseconds since 1970-01-01 UTC; seconds or milliseconds are not",
                )
        self._codes_of(words)
        firsts, lasts = found["first"].to_list(), found["last"].to_list()
        return Extent(
            sum(found["rows"].to_list()), min(firsts, default=0), max(lasts, default=0), frozenset(found["tag"])
        )

    def _quality_words(self, wanted: pl.LazyFrame) -> list[str | None]:
        if wanted.collect_schema().get("quality") != pl.String:
            return []
        return wanted.select(pl.col("quality").unique()).collect(engine="streaming")["quality"].to_list()

    def _codes_of(self, words: list[str | None]) -> dict[str, int]:
        try:
            return {word: quality.parse(word) for word in words if word}
        except ValueError as error:
            raise self._error(
                f"`{self.path.name}` has a quality that is no OPC UA status code",
                cause=f"{error}; write e.g. Good, BadTimeout, 0 or 0x800A0000",
            ) from error

    def stream(self, tags: Sequence[str]) -> Iterator[Rows]:
        """The rows of `tags` in the file's order, `CHUNK_ROWS` at a time."""
        wanted = self._scan.filter(pl.col("tag").is_in(list(tags)))
        try:
            for frame in wanted.collect_batches(chunk_size=CHUNK_ROWS, lazy=True):
                for part in frame.iter_slices(CHUNK_ROWS):
                    yield self._rows(part)
        except pl.exceptions.PolarsError as error:
            raise self._unreadable(error) from error

    def window(self, tags: Sequence[str], start: int, end: int) -> Rows:
        """The rows of `tags` with start <= ts < end (µs UTC), in the order of time."""
        inside = pl.col("ts").is_between(start, end, closed="left") & pl.col("tag").is_in(list(tags))
        try:
            return self._rows(self._scan.filter(inside).collect(engine="streaming").sort("ts", maintain_order=True))
        except pl.exceptions.PolarsError as error:
            raise self._unreadable(error) from error

    def latest(self, tags: Sequence[str]) -> Rows:
        """The last row of each of `tags`."""
        wanted = self._scan.filter(pl.col("tag").is_in(list(tags)))
        try:
            return self._rows(
                wanted.group_by("tag", maintain_order=True)
                .agg(pl.all().sort_by("ts").last())
                .select(wanted.collect_schema().names())
                .collect(engine="streaming")
            )
        except pl.exceptions.PolarsError as error:
            raise self._unreadable(error) from error

    def _rows(self, frame: pl.DataFrame) -> Rows:
        text = frame["text"].to_list() if "text" in frame.columns else None
        value = frame["value"].fill_null(float("nan")).to_numpy().astype(np.float64)
        has_text = frame["text"].is_not_null().to_numpy() if text is not None else np.zeros(len(frame), bool)
        empty = np.isnan(value) & ~has_text
        codes = self._codes(frame, np.where(empty, _BAD_NO_DATA, quality.GOOD).astype(np.uint32))
        codes[empty & (codes >> 30 == 0)] = _BAD_NO_DATA
        value[codes >> 31 == 1] = np.nan  # a value that is Bad must not be used
        if text is not None and not has_text.any():
            text = None
        names = frame["tag"].unique(maintain_order=True).to_list()
        places = frame["tag"].replace_strict(dict(zip(names, range(len(names)), strict=True)), return_dtype=pl.UInt32)
        return Rows(
            frame["ts"].to_numpy().astype(np.int64), names, places.to_numpy().astype(np.uint32), value, codes, text
        )

    def _codes(self, frame: pl.DataFrame, default: NDArray[np.uint32]) -> NDArray[np.uint32]:
        if "quality" not in frame.columns:
            return default
        column = frame["quality"]
        if column.dtype == pl.String:
            known = self._codes_of(column.unique().to_list())
            column = column.replace_strict(known, default=None, return_dtype=pl.UInt32)
        missing = column.is_null().to_numpy()
        codes: NDArray[np.uint32] = column.fill_null(0).to_numpy().astype(np.uint32)
        return np.where(missing, default, codes)


def _time(dtype: pl.DataType) -> pl.Expr:
    """The column `ts` as int64 µs UTC; what cannot be read becomes null."""
    ts = pl.col("ts")
    if isinstance(dtype, pl.Datetime):
        return ts.dt.cast_time_unit("us").cast(pl.Int64)  # a zone changes the display, not the instant
    if dtype.is_integer():
        return ts.cast(pl.Int64)
    if dtype == pl.String:
        iso = ts.str.strip_chars().str.replace(r"^(\d{4}-\d{2}-\d{2}) ", "${1}T")
        zoned = iso.str.to_datetime("%+", time_unit="us", strict=False).cast(pl.Int64)
        naive = iso.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False).cast(pl.Int64)
        return pl.coalesce(zoned, naive, iso.cast(pl.Int64, strict=False))
    return pl.lit(None, pl.Int64)
