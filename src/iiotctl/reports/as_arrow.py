"""`--format arrow`: Arrow IPC, times as µs UTC, batch by batch.

There are two forms of it. A file (`.arrow`, `.feather`) has an index at its end and can be mapped into memory; a
stream (`.arrows`, and everything that goes into a pipe) can be read while it comes. Texts are written as the types of
Arrow's first version, which every reader knows.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from iiotctl.reports import frames

if TYPE_CHECKING:
    import polars as pl

    from iiotctl.reports.base import Look
    from iiotctl.reports.rows import Rows

_END: Final = b"\xff\xff\xff\xff\x00\x00\x00\x00"
_PREFIX: Final = 8
"""Bytes before a message: a mark, and the length of its metadata."""


def render(rows: Rows, stream: BinaryIO, look: Look) -> None:
    """Write a file or a stream."""
    write(frames.frames(rows), stream, look.suffix)


def convert(parquet: Path, stream: BinaryIO, suffix: str) -> None:
    """Write the rows of a Parquet file."""
    import polars as pl

    lazy = pl.scan_parquet(parquet)
    if is_stream(suffix):
        nothing = lazy.head(0).collect()  # where no batch comes, it says the columns
        _write_stream(itertools.chain((nothing,), lazy.collect_batches(chunk_size=100_000)), stream)
    else:
        _write_file(lazy, stream)


def is_stream(suffix: str) -> bool:
    """Whether an output whose name ends so takes the form of a stream; "" = a pipe."""
    return suffix.lower() in ("", ".arrows")


def write(batches: Iterator[pl.DataFrame], stream: BinaryIO, suffix: str) -> None:
    """Write frames of one schema."""
    from polars.io.plugins import register_io_source

    if is_stream(suffix):
        _write_stream(batches, stream)
        return
    first = next(batches)

    def source(*asked: Any) -> Iterator[pl.DataFrame]:
        del asked
        return itertools.chain((first,), batches)

    _write_file(register_io_source(source, schema=first.schema), stream)


def _write_file(lazy: pl.LazyFrame, stream: BinaryIO) -> None:
    import polars as pl

    with frames.system_errors():
        lazy.sink_ipc(stream, compat_level=pl.CompatLevel.oldest(), engine="streaming")


def _write_stream(batches: Iterable[pl.DataFrame], stream: BinaryIO) -> None:
    """One stream out of many: the schema once, all their batches, one end."""
    import polars as pl

    begun = False
    for frame in batches:
        whole = io.BytesIO()
        frame.write_ipc_stream(whole, compat_level=pl.CompatLevel.oldest())
        data = whole.getvalue()
        after_schema = _PREFIX + int.from_bytes(data[4:_PREFIX], "little")
        stream.write(data[after_schema if begun else 0 : -len(_END)])
        begun = True
    stream.write(_END)
