"""Many rows as columns: frames of one schema straight to CSV, JSON lines, Parquet or Arrow, a few MB at a time.

Spelling of values agrees with the renderers of rows (a test compares), except that small numbers may come as `1e-7`.
For files and pipes only: a terminal needs `output.write`, which escapes what could move its cursor.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from iiotctl.reports import as_arrow, as_json, target
from iiotctl.reports.frames import system_errors

if TYPE_CHECKING:
    import polars as pl

    from iiotctl.reports.rows import Column

FORMATS: Final = frozenset({"csv", "json", "jsonl", "parquet", "arrow"})
_TIME: Final = "%Y-%m-%dT%H:%M:%S%.6fZ"
# as values.guard_formula
_FORMULA: Final = r"^'*[=+\-@\t\r]"
_NUMBER: Final = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


def can(format_: str, output: Path | None) -> bool:
    """Whether `write` may be used for a format and a place."""
    return format_ in FORMATS and not target.is_terminal(output)


def write(
    columns: Sequence[Column],
    frames: Iterator[pl.DataFrame],
    format_: str,
    output: Path | None = None,
    *,
    force: bool | None = None,
) -> None:
    """Write frames.

    Args:
        columns: what the frames hold, in their order.
        frames: at least one, all of the schema of the first, which may be empty; times are µs UTC.
        format_: one of `FORMATS`.
        output: file, written completely or not at all; None or `-` = stdout.
        force: replace an existing file; None = the command knows no `--force`.

    Raises:
        UsageError: `output-exists`, `output-unwritable`.
        BrokenPipeError: the reader of stdout has gone.
    """
    with target.binary(output, force=force) as stream:
        if format_ == "parquet":
            _parquet(frames, stream)
        elif format_ == "arrow":
            as_arrow.write(frames, stream, "" if output is None else output.suffix)
        elif format_ == "csv":
            _csv(frames, stream)
        else:
            _json(columns, frames, stream, document=format_ == "json")


def _parquet(frames: Iterator[pl.DataFrame], stream: BinaryIO) -> None:
    from polars.io.plugins import register_io_source

    first = next(frames)

    def source(*asked: Any) -> Iterator[pl.DataFrame]:
        del asked
        return itertools.chain((first,), frames)

    lazy = register_io_source(source, schema=first.schema)
    with system_errors():
        lazy.sink_parquet(stream, compression="zstd", engine="streaming")


def _csv(frames: Iterator[pl.DataFrame], stream: BinaryIO) -> None:
    for number, frame in enumerate(frames):
        if number and not frame.height:
            continue
        lines = io.BytesIO()
        spelled = frame.with_columns(_spelled(frame, guard=True))
        spelled.write_csv(lines, include_header=number == 0, line_terminator="\r\n")
        stream.write(lines.getbuffer())


def _json(columns: Sequence[Column], frames: Iterator[pl.DataFrame], stream: BinaryIO, *, document: bool) -> None:
    put: Callable[[bytes], object] = stream.write
    if document:
        stream.write(as_json.head(columns))
    begun = False
    for frame in frames:
        if not frame.height:
            continue
        lines = io.BytesIO()
        frame.with_columns(_spelled(frame, guard=False)).write_ndjson(lines)
        if document:
            put((b",\n  " if begun else b"\n  ") + lines.getvalue().removesuffix(b"\n").replace(b"\n", b",\n  "))
        else:
            put(lines.getvalue())
        begun = True
    if document:
        put(b"\n]}\n" if begun else b"]}\n")


def _spelled(frame: pl.DataFrame, *, guard: bool) -> list[pl.Expr]:
    """Columns that polars would spell otherwise than `values`."""
    import polars as pl

    found = []
    for name, kind in frame.schema.items():
        column = pl.col(name)
        if kind == pl.Float64:
            found.append(pl.when(column.is_finite()).then(column).alias(name))
        elif isinstance(kind, pl.Datetime):
            found.append(column.dt.to_string(_TIME))
        elif guard and kind == pl.String and not frame[name].is_null().all():
            risky = column.str.contains(_FORMULA) & ~column.str.contains(_NUMBER)
            found.append(pl.when(risky).then(pl.lit("'") + column).otherwise(column).alias(name))
    return found
