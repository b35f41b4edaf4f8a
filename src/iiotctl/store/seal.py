"""Seal: a closed segment becomes Parquet, one file per UTC date, and only then goes away.

Order of the steps, each durable before the next: write `*.tmp` and sync · append to the manifest · rename ·
sync the folder · read back and compare the hash. The caller writes the checkpoint and deletes the segment
last. Wherever this is cut off, sealing again gives the same files.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from iiotctl.errors import StoreError
from iiotctl.store.durable import Disk
from iiotctl.store.layout import CAPTURED, SOLE_COPIES, TMP_SUFFIX, Layout, Table
from iiotctl.store.manifest import Manifest, SealedFile
from iiotctl.store.schema import DATED_BY
from iiotctl.store.spool import Segment
from iiotctl.store.tables import has_rows, rows_of

if TYPE_CHECKING:
    import polars as pl

ROW_GROUP: Final = 90_000
"""25 tags x 1 h at 1 s: 1.42 B a row and single-tag reads that touch one group (measured)."""
ZSTD_LEVEL: Final = 3


def parquet_bytes(frame: pl.DataFrame, *, row_group: int = ROW_GROUP) -> bytes:
    """A frame as Parquet with the store's settings."""
    out = io.BytesIO()
    frame.write_parquet(
        out,
        compression="zstd",
        compression_level=ZSTD_LEVEL,
        row_group_size=row_group,
        statistics=True,
    )
    return out.getvalue()


def tables_of(segment: Segment) -> list[tuple[Table, date, pl.DataFrame]]:
    """What a segment becomes: (table, UTC date, rows in the store's order)."""
    return [
        (table, day, rows)
        for table in CAPTURED
        if has_rows(segment, table)
        for day, rows in by_date(rows_of(segment, table, ordered=True), DATED_BY[table])
    ]


def by_date(frame: pl.DataFrame, column: str) -> list[tuple[date, pl.DataFrame]]:
    """Rows by the UTC date of a time column, oldest date first; their order stays."""
    import polars as pl

    first, last = frame.select(
        pl.col(column).min().dt.date().alias("first"), pl.col(column).max().dt.date().alias("last")
    ).row(0)
    if first == last:
        return [(first, frame)]
    parts = frame.with_columns(pl.col(column).dt.date().alias("_day")).partition_by(
        "_day", as_dict=True, maintain_order=True, include_key=False
    )
    return sorted(((key[0], rows) for key, rows in parts.items()), key=lambda part: part[0])


def _entry(kind: str, path: str, data: bytes, rows: pl.DataFrame, at: int) -> SealedFile:
    import polars as pl

    time = DATED_BY[kind]
    tag = pl.col("tag") if "tag" in rows.columns else pl.lit(None, dtype=pl.String)
    low, high, first, last = rows.select(
        tag.min().alias("low"),
        tag.max().alias("high"),
        pl.col(time).min().dt.epoch("us").alias("first"),
        pl.col(time).max().dt.epoch("us").alias("last"),
    ).row(0)
    return SealedFile(
        path=path,
        kind=kind,
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        rows=rows.height,
        at=at,
        tag_min=low,
        tag_max=high,
        ts_min=first,
        ts_max=last,
    )


def seal_segment(disk: Disk, layout: Layout, segment: Segment, manifest: Manifest, at: int) -> list[SealedFile]:
    """Write the segment's files; on return all are in place, durable and read back.

    Raises:
        OSError: the disk refused; nothing of the segment is lost.
        StoreError: `seal-mismatch`, a file read back differs from what was written.
    """
    tables = ((kind, layout.sealed(kind, day, segment.name), rows) for kind, day, rows in tables_of(segment))
    return place(disk, layout, tables, manifest, at)


class Announcing(Protocol):
    """What says that files are there: a manifest, or somebody who tells it more at the same instant."""

    def append(self, entries: Sequence[SealedFile], /) -> None:
        """Say so, durable on return."""


def place(
    disk: Disk,
    layout: Layout,
    tables: Iterable[tuple[str, Path, pl.DataFrame]],
    manifest: Announcing,
    at: int,
    *,
    suffix: str = TMP_SUFFIX,
) -> list[SealedFile]:
    """Put finished tables into the store; on return all are in place, durable and read back.

    Args:
        disk: where.
        layout: the store.
        tables: (kind, final path, rows in the store's order) each.
        manifest: of this process.
        at: µs UTC, now.
        suffix: of files in the making. Those in `TMP_SUFFIX` may be removed by anyone, since another copy of the rows
            exists until the end (the segment). One in `SOLE_COPIES` is itself that copy as soon as the manifest
            knows it: `bulk` or `retain` goes on from there.

    Raises:
        OSError: the disk refused; nothing of this call is in the store, or all that the manifest knows.
        StoreError: `seal-mismatch`, a file read back differs from what was written.
    """
    pending: list[tuple[Path, Path, SealedFile]] = []
    announced = False
    try:
        _write_scratch(disk, layout, tables, at, pending, suffix=suffix)
        if pending:
            if suffix in SOLE_COPIES:
                for folder in {final.parent for _, final, _ in pending}:
                    disk.sync_dir(folder)
                announced = True  # from here on the manifest may know files that exist nowhere else
            manifest.append([entry for _, _, entry in pending])
    except OSError:
        # Give the space back: on a full disk the next commit needs it more.
        for unfinished, _, _ in [] if announced else pending:
            with suppress(OSError):
                disk.unlink(unfinished)
        raise
    for unfinished, final, _ in pending:
        disk.rename(unfinished, final)
    for folder in {final.parent for _, final, _ in pending}:
        disk.sync_dir(folder)
    for _, final, entry in pending:
        if hashlib.sha256(final.read_bytes()).hexdigest() != entry.sha256:
            raise StoreError(
                "seal-mismatch",
                "a sealed file does not read back as it was written; its segment is kept",
                where=str(final),
                hint="the disk may be failing: check it, then run `iiotctl store seal` again",
            )
    return [entry for _, _, entry in pending]


def _write_scratch(
    disk: Disk,
    layout: Layout,
    tables: Iterable[tuple[str, Path, pl.DataFrame]],
    at: int,
    pending: list[tuple[Path, Path, SealedFile]],
    *,
    suffix: str,
) -> None:
    """Write and sync files under scratch names; `pending` grows as they are begun."""
    for kind, final, rows in tables:
        disk.make_dir(final.parent)
        data = parquet_bytes(rows)
        relative = final.relative_to(layout.root).as_posix()
        unfinished = final.with_name(final.name + suffix)
        pending.append((unfinished, final, _entry(kind, relative, data, rows, at)))
        descriptor = disk.create(unfinished)
        try:
            disk.write(descriptor, data)
            disk.sync(descriptor)
        finally:
            disk.close(descriptor)
