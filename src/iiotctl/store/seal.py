"""Seal: a closed segment becomes Parquet, one file per UTC date, and only then goes away.

Order of the steps, each durable before the next: write `*.tmp` and sync · append to the manifest · rename ·
sync the folder · read back and compare the hash. The caller writes the checkpoint and deletes the segment
last. Wherever this is cut off, sealing again gives the same files.
"""

from __future__ import annotations

import hashlib
import io
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from iiotctl.errors import StoreError
from iiotctl.store import columns
from iiotctl.store.durable import Disk
from iiotctl.store.layout import GAPS, SAMPLES, TAGS, TMP_SUFFIX, Layout
from iiotctl.store.manifest import Manifest, SealedFile
from iiotctl.store.schema import gaps_frame, tags_frame
from iiotctl.store.spool import Segment

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


def tables_of(segment: Segment) -> list[tuple[str, date, pl.DataFrame]]:
    """What a segment becomes: (kind, UTC date, rows in the store's order)."""
    import polars as pl

    found: list[tuple[str, date, pl.DataFrame]] = []
    if segment.commits:
        coded = columns.sorted_by_name(columns.coded_frame(segment.coded_frames()), segment.names)
        samples = columns.final_frame(coded, segment.names, segment.site)
        found += [(SAMPLES, day, rows) for day, rows in _by_date(samples, "ts")]
    if segment.gaps:
        gaps = gaps_frame(segment.gaps, segment.site)
        found += [(GAPS, day, rows) for day, rows in _by_date(gaps, "detected_at")]
    history = [(row, change.valid_from) for change in segment.changes for row in change.rows if row.tag in change.new]
    if history:
        tags = tags_frame(history, segment.site).sort("tag", pl.col("valid_from"), maintain_order=True)
        found += [(TAGS, day, rows) for day, rows in _by_date(tags, "valid_from")]
    return found


def _by_date(frame: pl.DataFrame, column: str) -> list[tuple[date, pl.DataFrame]]:
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

    time = {SAMPLES: "ts", GAPS: "detected_at", TAGS: "valid_from"}[kind]
    low, high, first, last = rows.select(
        pl.col("tag").min().alias("low"),
        pl.col("tag").max().alias("high"),
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
    pending: list[tuple[Path, Path, SealedFile]] = []
    try:
        _write_scratch(disk, layout, segment, at, pending)
        if pending:
            manifest.append([entry for _, _, entry in pending])
    except OSError:
        # Give the space back: on a full disk the next commit needs it more.
        for scratch, _, _ in pending:
            with suppress(OSError):
                disk.unlink(scratch)
        raise
    for scratch, final, _ in pending:
        disk.rename(scratch, final)
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
    disk: Disk, layout: Layout, segment: Segment, at: int, pending: list[tuple[Path, Path, SealedFile]]
) -> None:
    """Write and sync the segment's files under scratch names; `pending` grows as they are begun."""
    for kind, day, rows in tables_of(segment):
        final = layout.sealed(kind, day, segment.name)
        disk.make_dir(final.parent)
        data = parquet_bytes(rows)
        scratch = final.with_name(final.name + TMP_SUFFIX)
        relative = final.relative_to(layout.root).as_posix()
        pending.append((scratch, final, _entry(kind, relative, data, rows, at)))
        descriptor = disk.create(scratch)
        try:
            disk.write(descriptor, data)
            disk.sync(descriptor)
        finally:
            disk.close(descriptor)
