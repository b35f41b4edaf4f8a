"""The layout: bytes a row of raw files, hour files and day archives of one day; speed and memory of compaction.

Each step is a process of its own, so that its peak memory can be told. Yardstick of the speed: polars reads all files,
sorts and writes one, in one go. Sizes are exact; speeds mean something only beside the yardstick of the same run.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import mix

os.environ.setdefault("POLARS_MAX_THREADS", "1")

HOURS = int(os.environ.get("BENCH_HOURS", "24"))
GROUPS = (90_000, 500_000, 1_000_000, 2_000_000)
LATER_US = mix.START_US + 3 * 86_400_000_000


def _make(root: Path, shared: bool) -> None:
    from iiotctl.store.schema import TagRow
    from iiotctl.store.writer import StoreWriter

    made = mix.make(HOURS * 3600, shared=shared)
    # from midnight on, so that a day archive is one
    plant = mix.Mix(made.ts - mix.START_US % 86_400_000_000, made.value)
    writer = StoreWriter.open(root, site="bench", now_us=lambda: mix.START_US, seal_size=1 << 40)
    writer.define_tags([TagRow(code, name, "plc") for code, name in enumerate(mix.names())])
    for first in range(0, HOURS * 3600, 300):
        writer.commit(plant.batch(first, first + 300))
        writer.rotate()
        writer.seal()
    writer.close()


def _compact(root: Path, daily: bool, row_group: int) -> None:
    from iiotctl.store import compact

    compact.DAY_ROW_GROUP = row_group  # type: ignore[misc]
    compact.compact(root, now_us=lambda: LATER_US, daily_after_us=0 if daily else None)


def _plain(root: Path) -> None:
    import polars as pl

    files = sorted((root / "samples").rglob("*.parquet"))
    rows = pl.read_parquet(files, hive_partitioning=False).sort("tag", "ts")
    rows.write_parquet(root / "plain.parquet", compression="zstd", compression_level=3, row_group_size=90_000)


def _step(word: str, root: Path, *more: object) -> tuple[float, float]:
    """CPU seconds and peak MB of a step in its own process."""
    line = [sys.executable, "-m", "bench.bench_compact", word, str(root), *map(str, more)]
    done = subprocess.run(line, check=True, capture_output=True, text=True)
    cpu, peak = json.loads(done.stdout.splitlines()[-1])
    return cpu, peak


def _size(root: Path) -> tuple[int, int]:
    files = list((root / "samples").rglob("*.parquet"))
    return len(files), sum(path.stat().st_size for path in files)


def _day(folder: Path, shared: bool) -> None:
    rows = HOURS * 3600 * mix.TAGS
    print(f"\n{'shared' if shared else 'own'} time, {HOURS} h, {rows:,} rows")
    print(f"{'':32}{'files':>7}{'B/row':>8}{'M rows/s':>10}{'peak MB':>9}")

    def show(name: str, root: Path, cost: tuple[float, float] | None = None) -> None:
        files, size = _size(root)
        speed = "" if cost is None else f"{rows / cost[0] / 1e6:10.2f}{cost[1]:9.0f}"
        print(f"{name:32}{files:7}{size / rows:8.2f}{speed}", flush=True)

    raw = folder / f"raw-{shared}"
    _make(raw, shared)
    show("raw, 5 min", raw)
    cost = _step("plain", raw)
    size = (raw / "plain.parquet").stat().st_size
    print(f"{'polars: read, sort, write one':32}{1:7}{size / rows:8.2f}{rows / cost[0] / 1e6:10.2f}{cost[1]:9.0f}")
    hours = folder / f"hours-{shared}"
    shutil.copytree(raw, hours, ignore=shutil.ignore_patterns("plain.parquet"))
    show("hour files", hours, _step("compact", hours, 0, 90_000))
    for group in GROUPS:
        day = folder / f"day-{shared}-{group}"
        shutil.copytree(hours, day)
        show(f"day archive, groups of {group:,}", day, _step("compact", day, 1, group))
        shutil.rmtree(day)


def main() -> None:
    """Print the table for each kind of time."""
    folder = Path(tempfile.mkdtemp(prefix="iiotctl-bench-"))
    try:
        for shared in (True, False):
            _day(folder, shared)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _child(words: list[str]) -> None:
    root = Path(words[1])
    start = time.process_time()
    if words[0] == "plain":
        _plain(root)
    else:
        _compact(root, words[2] == "1", int(words[3]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(json.dumps([time.process_time() - start, peak]))


if __name__ == "__main__":
    _child(sys.argv[1:])
