"""Rows of the spool as DuckDB can scan them, without pyarrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl


class Unsealed:
    """A frame behind `__arrow_c_stream__`, which DuckDB calls once a scan.

    A bare capsule would be used up by the first scan, and a polars frame under its own name needs pyarrow.
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._frame.__arrow_c_stream__(requested_schema)
