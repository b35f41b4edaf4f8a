"""The audit of sensors: rows a second and peak memory, beside the same questions asked of polars and DuckDB.

    make bench BENCH=audit
    BENCH_ROWS=100000000 python -m bench audit

Each figure is a process of its own, so that its peak memory is its own; both sides read the same files. The first run
warms the files up and does not count.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

ROWS: Final = int(os.environ.get("BENCH_ROWS", "10_000_000"))
BASIC: Final = frozenset(
    {"rows", "n", "bad", "min", "max", "mean", "apart", "twice", "steps", "same", "step_max", "step_min", "jut", "run"}
)
"""What gap, range, flat line, spike and rate of change look at."""
CHECKS: Final = ("gap", "gross-range", "flat-line", "spike", "rate-of-change")
_TAGS_IN_SQL: Final = "tag, time_bucket(INTERVAL 1 MINUTE, ts)"


def _range() -> tuple[int, int]:
    from bench.mix import START_US

    seconds = ROWS // 500 + 3600
    return START_US, START_US + seconds * 1_000_000


def _build(_: Path) -> int:
    from bench.history import plant

    plant.build(ROWS)
    return ROWS


def _pass(root: Path, columns: frozenset[str], *, anchors: bool = False, back: bool = False) -> int:
    from iiotctl.checks.features.stream import Wanted, of_store

    wanted = Wanted(*_range(), columns=columns, anchors=anchors, folder=root.parent)
    with of_store(root, wanted, print) as found:
        for tag in found.tags if back else ():
            found.read([tag])
        return found.rows


def _basic(root: Path) -> int:
    return _pass(root, BASIC)


def _all(root: Path) -> int:
    from iiotctl.checks.features.columns import COLUMNS

    return _pass(root, frozenset(COLUMNS))


def _anchors(root: Path) -> int:
    from iiotctl.checks.features.columns import COLUMNS

    return _pass(root, frozenset(COLUMNS), anchors=True)


def _back(root: Path) -> int:
    from iiotctl.checks.features.columns import COLUMNS

    return _pass(root, frozenset(COLUMNS), back=True)


def _audit(root: Path, select: tuple[str, ...] = ()) -> int:
    from iiotctl.ops.audit_sensors import Wanted, audit_sensors

    end = _range()[1]
    audit_sensors(root, Wanted(select=select, remember=False), now_us=lambda: end)
    return ROWS


def _audit_basic(root: Path) -> int:
    return _audit(root, CHECKS)


def _polars(root: Path) -> int:
    """Five tests with fixed limits, one tag at a time."""
    import polars as pl

    from bench.history import plant

    rows = 0
    samples = pl.scan_parquet(root / "samples" / "**" / "*.parquet", hive_partitioning=False)
    step, apart = pl.col("value").diff(), pl.col("ts").diff().dt.total_microseconds()
    held = pl.col("value").rolling_max(300) - pl.col("value").rolling_min(300)
    tests = [
        pl.len().alias("rows"),
        (apart > 60_000_000).sum().alias("gap"),
        (~pl.col("value").is_between(-1e6, 1e6)).sum().alias("range"),
        (held < 1e-6).sum().alias("flat"),
        ((pl.min_horizontal(step.abs(), step.shift(-1).abs()) > 100) & (step * step.shift(-1) < 0))
        .sum()
        .alias("spike"),
        (step.abs() / apart > 1).sum().alias("rate"),
    ]
    for name in plant.names():
        one = samples.filter(pl.col("tag") == name).select("ts", "value", "quality").sort("ts").select(tests)
        rows += one.collect().item(0, "rows")
    return rows


def _duckdb(root: Path) -> int:
    """A table of minutes with what one GROUP BY can tell: no steps, no second differences."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(f"SET threads = 2; SET temp_directory = '{root.parent / 'spill'}'")
        rows = connection.execute(
            "SELECT sum(n) FROM (SELECT count(*) AS n, min(value) AS a, max(value) AS b, avg(value) AS c, median(value) AS d,"
            " stddev_pop(value) AS e, count(DISTINCT value) AS f, max(quality) AS g, first(value) AS h, last(value) AS i"
            f" FROM read_parquet('{root}/samples/**/*.parquet') GROUP BY {_TAGS_IN_SQL})"
            " WHERE a IS NOT NULL OR b > c OR d > e OR f > g OR h > i"
        ).fetchone()
    assert rows is not None
    return int(rows[0])


WORK: Final[dict[str, tuple[str, Callable[[Path], int]]]] = {
    "build": ("", _build),
    "basic": ("feature pass, columns of the five basic checks", _basic),
    "all": ("feature pass, all columns", _all),
    "back": ("feature pass, all columns, and read back", _back),
    "anchors": ("feature pass, all columns and anchors for repeats", _anchors),
    "polars": ("yardstick: five tests in polars, one tag at a time", _polars),
    "duckdb": ("yardstick: table of minutes by GROUP BY in DuckDB", _duckdb),
    "audit-basic": ("audit sensors, the five basic checks", _audit_basic),
    "audit": ("audit sensors, all checks", _audit),
}


def measured(name: str) -> dict[str, float]:
    """One piece of work in a process of its own: rows, seconds by the clock and of CPU, MB at most."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.bench_audit", name], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"{name} was killed")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    measured("build")
    measured("basic")
    print(
        f"  {ROWS:,} rows, 500 tags, hour files; load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    print(f"  {'':<56}{'s':>7}{'M rows/s':>10}{'CPU s':>8}{'peak MB':>9}")
    for name, (title, _) in WORK.items():
        if not title:
            continue
        try:
            found = measured(name)
        except RuntimeError as error:
            print(f"  {title:<56} {error}")
            continue
        speed = found["rows"] / found["wall"] / 1e6
        print(f"  {title:<56}{found['wall']:>7.1f}{speed:>10.2f}{found['cpu']:>8.1f}{found['peak']:>9.0f}", flush=True)


def _child(name: str) -> None:
    from bench.history import plant

    root = plant.folder() / f"store-{ROWS}"
    begun, used = time.perf_counter(), time.process_time()
    rows = WORK[name][1](root)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    wall, cpu = time.perf_counter() - begun, time.process_time() - used
    print(json.dumps({"rows": rows, "wall": wall, "cpu": cpu, "peak": peak}))


if __name__ == "__main__":
    _child(sys.argv[1])
