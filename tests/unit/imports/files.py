"""Files of other historians, written by us, and what becomes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from iiotctl.imports.figures import FileReport
from iiotctl.imports.shapes import Asked
from iiotctl.imports.work import Options
from iiotctl.ops import import_
from tests.unit.store.bulk_stores import NOW, samples

__all__ = ["Asked", "Options", "imported", "put", "rows_of", "taken"]


def put(folder: Path, text: str | bytes, name: str = "export.csv") -> Path:
    """Write a file."""
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def imported(path: Path, root: Path, **options: Any) -> FileReport:
    """Import a file; its report."""
    (report,) = import_.run([path], root, Options(**options), lambda event: None, site="plant", now_us=lambda: NOW)
    return report


def rows_of(root: Path) -> list[tuple[str, str, float | None, str | None, str]]:
    """(time, tag, value, text, quality) of all samples of a store, by time and tag."""
    from iiotctl import quality

    frame = samples(root).sort("ts", "tag")
    time = pl.col("ts").dt.to_string("%Y-%m-%dT%H:%M:%S%.6f")
    return [
        (at.rstrip("0").rstrip("."), tag, value, text, quality.name(code))
        for at, tag, value, text, code in frame.select(time, "tag", "value", "text", "quality").iter_rows()
    ]


def taken(folder: Path, text: str | bytes, name: str = "export.csv", **options: Any) -> list[Any]:
    """Rows of a fresh store after importing a text."""
    root = folder / "store"
    imported(put(folder, text, name), root, **options)
    return rows_of(root)
