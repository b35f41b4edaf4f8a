"""The store that history is measured on: 500 tags at 1 Hz (ten lines of the mix), as hour files after compaction.

10^8 rows are 200,000 s of it. The store is made once and kept in `BENCH_DIR` (default: the system's
temporary folder), because making it takes a few minutes.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench import mix

if TYPE_CHECKING:
    import polars as pl

LINES: Final = 10
TAGS: Final = LINES * mix.TAGS
_HOUR: Final = 3600


def folder() -> Path:
    """Where stores and databases of the benches lie."""
    named = os.environ.get("BENCH_DIR")
    place = Path(named) if named else Path(tempfile.gettempdir()) / "iiotctl-bench"
    place.mkdir(parents=True, exist_ok=True)
    return place


def names() -> list[str]:
    """The 500 tags, in the order of their codes."""
    return [f"cell{line}.{name}" for line in range(LINES) for name in mix.names()]


def units() -> list[str]:
    """Their units."""
    of = {"pressure": "bar", "flow": "m3/h", "setpoint": "degC", "state": "", "count": "pcs"}
    return [of[name.split(".")[2]] for name in names()]


def hours(seconds: int) -> Iterator[tuple[int, pl.DataFrame]]:
    """The rows of each hour: (first second, frame of tag code u32, ts i64 µs UTC, value), in the order they arrive."""
    import numpy as np
    import polars as pl

    for first in range(0, seconds, _HOUR):
        length = min(_HOUR, seconds - first)
        lines = [mix.make(length, shared=True, seed=1 + first + line) for line in range(LINES)]
        yield (
            first,
            pl.DataFrame(
                {
                    "tag": np.tile(np.arange(TAGS, dtype=np.uint32), length),
                    "ts": np.concatenate([line.ts for line in lines], axis=1).reshape(-1) + first * 1_000_000,
                    "value": np.concatenate([line.value for line in lines], axis=1).reshape(-1),
                }
            ),
        )


def build(rows: int) -> tuple[Path, float | None, float | None]:
    """The store with about so many samples; (path, seconds of loading, seconds of compaction), None when it was there.

    Loading counts the time in the store's bulk writer, not that of making the values up.
    """
    from iiotctl.store.bulk import BulkWriter
    from iiotctl.store.schema import TagRow

    root = folder() / f"store-{rows}"
    done = folder() / f"store-{rows}.done"
    if done.exists():
        return root, None, None
    if root.exists():
        raise SystemExit(f"{root} is half made: remove it and run again")
    spent = 0.0
    with BulkWriter.open(root, site="bench", now_us=lambda: mix.START_US) as writer:
        writer.codes(names())
        kinds = [name.split(".")[2] for name in names()]
        tags = [
            TagRow(code, name, "plc", unit=unit, kind={"count": "counter"}.get(kind, kind))
            for code, (name, unit, kind) in enumerate(zip(names(), units(), kinds, strict=True))
        ]
        writer.write_tags([(tag, mix.START_US) for tag in tags])
        for _, frame in hours(rows // TAGS):
            begun = time.perf_counter()
            writer.add(frame)
            writer.flush()
            spent += time.perf_counter() - begun
    begun = time.perf_counter()
    compact(root)
    compaction = time.perf_counter() - begun
    done.touch()
    return root, spent, compaction


def compact(root: Path) -> None:
    """Hour files, as `iiotctl store compact` leaves them."""
    from iiotctl.ops.store_compact import compact_store

    compact_store(store=root)


def size(root: Path) -> tuple[int, int]:
    """(files, bytes) of the samples."""
    files = list((root / "samples").rglob("*.parquet"))
    return len(files), sum(path.stat().st_size for path in files)
