"""Which tags the store explains, sealed and unsealed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from iiotctl.store.layout import TAGS
from iiotctl.store.schema import dtypes
from iiotctl.store.snapshot import Snapshot

_FACTS: Final = ("tag", "valid_from", "unit", "mode")


@dataclass(frozen=True, slots=True)
class KnownTag:
    """The newest row of a tag's history.

    Attributes:
        valid_from: µs UTC.
        unit: or "".
        mode: as in `TagRow`.
    """

    valid_from: int
    unit: str
    mode: str


def known_tags(root: Path) -> dict[str, KnownTag]:
    """What the history of tags says last of each, by name.

    Raises:
        StoreError: no store here, or one of a newer version.
    """
    import polars as pl

    with Snapshot.open(root) as snapshot:
        unsealed = snapshot.unsealed_tags()
        parts = [] if unsealed is None else [unsealed.select(_FACTS)]
        if snapshot.tag_files:
            scan = pl.scan_parquet(
                snapshot.tag_files,
                hive_partitioning=False,
                schema=pl.Schema(dtypes(TAGS)),
                missing_columns="insert",  # as earlier versions wrote them
            )
            parts.insert(0, scan.select(_FACTS).collect())
        if not parts:
            return {}
        rows = pl.concat(
            [part.with_columns(pl.col("valid_from").cast(pl.Int64)) for part in parts], how="vertical_relaxed"
        )
        newest = rows.sort("valid_from", maintain_order=True).unique("tag", keep="last")
        return {tag: KnownTag(at, unit or "", mode or "") for tag, at, unit, mode in newest.iter_rows()}
