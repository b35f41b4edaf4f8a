"""`--format parquet`: zstd, times as µs UTC. Rows are collected first: meant for tables that fit in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from iiotctl.reports import frames

if TYPE_CHECKING:
    from iiotctl.reports.base import Look
    from iiotctl.reports.rows import Rows


def render(rows: Rows, stream: BinaryIO, look: Look) -> None:
    """Write one Parquet file."""
    del look
    frame = frames.whole(rows)
    with frames.system_errors():
        frame.write_parquet(stream, compression="zstd")
