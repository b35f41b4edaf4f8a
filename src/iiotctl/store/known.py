"""Which tags the store explains, sealed and unsealed."""

from __future__ import annotations

from pathlib import Path

from iiotctl.store.layout import TAGS
from iiotctl.store.schema import dtypes
from iiotctl.store.snapshot import Snapshot


def known_tags(root: Path) -> set[str]:
    """Names in the history of tags.

    Raises:
        StoreError: no store here, or one of a newer version.
    """
    import polars as pl

    with Snapshot.open(root) as snapshot:
        unsealed = snapshot.unsealed_tags()
        found: set[str] = set() if unsealed is None else set(unsealed["tag"])
        if snapshot.tag_files:
            scan = pl.scan_parquet(
                snapshot.tag_files,
                hive_partitioning=False,
                schema=pl.Schema(dtypes(TAGS)),
                missing_columns="insert",  # as earlier versions wrote them
            )
            found |= set(scan.select("tag").collect()["tag"])
    return found
