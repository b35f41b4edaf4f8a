"""`store compact`: many small files become few large ones."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from iiotctl.errors import StoreError, UsageError
from iiotctl.ops.site import open_store
from iiotctl.store.layout import Layout

if TYPE_CHECKING:
    from iiotctl.store.compact import Compaction


def compact_store(
    site: Path | None = None,
    store: Path | None = None,
    *,
    daily_after: str | None = None,
    dry_run: bool = False,
) -> tuple[Path, Compaction]:
    """Compact the store; returns its path and what was (or would be) done.

    Args:
        site: `--site`.
        store: `--store`.
        daily_after: samples of dates that ended so long ago (`14d`) become one file a date; None = never.
        dry_run: only say what would be done.

    Raises:
        UsageError: `bad-value`.
        StoreError: no store; `upkeep-running`; `compact-failed`, the disk refused; `compact-mismatch`.
    """
    from iiotctl.site.units import parse_duration
    from iiotctl.store import compact as core

    try:
        after = None if daily_after is None else round(parse_duration(daily_after) * 1e6)
    except ValueError as error:
        raise UsageError(
            "bad-value",
            f"the value of `--daily-after` is wrong: {error}",
            hint="e.g. `iiotctl store compact --daily-after 14d`",
        ) from error
    root = open_store(site, store)
    if Layout(root).pushed.is_dir():
        raise StoreError(
            "compact-target",
            "this store is fed by `store push` and is not compacted by itself",
            where=str(root),
            cause="the stores that push to it bring what compaction makes of their files",
            hint="compact where the data is captured: `iiotctl store compact && iiotctl store push FOLDER`",
        )

    def now() -> int:
        return time.time_ns() // 1000

    if dry_run:
        return root, core.preview(root, now_us=now(), daily_after_us=after)
    return root, core.compact(root, now_us=now, daily_after_us=after)
