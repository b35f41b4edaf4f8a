"""`import` of CSV, against polars reading the same file and writing it as Parquet without looking at a cell.

The last column is the share of the yardstick's speed. What `import` does beyond it: every cell checked, times to UTC,
quality to status codes, sorted by tag and time, compared with the store, synced and read back.
"""

from __future__ import annotations

import datetime as dt
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from iiotctl.imports.work import Options
from iiotctl.ops import import_

ROWS = 2_000_000
TAGS = 50
_HOUR = 3600


def _long(path: Path, form: str, *, separator: str = ",", comma: bool = False, quality: str = "Good") -> None:
    """`ROWS` rows of `TAGS` tags at one a second, as a historian exports them."""
    seconds = ROWS // TAGS
    start = int(dt.datetime(2025, 11, 21, tzinfo=dt.UTC).timestamp() * 1e6)
    ts = start + np.repeat(np.arange(seconds) * 1_000_000, TAGS) + np.tile(np.arange(TAGS) * 3_000, seconds)
    noise = np.round(80 + np.cumsum(np.random.default_rng(7).normal(0, 0.01, ROWS)), 2)
    frame = pl.DataFrame(
        {
            "ts": pl.Series(ts).cast(pl.Datetime("us")).dt.to_string(form),
            "tag": [f"press1.zone{i}.temperature" for i in range(TAGS)] * seconds,
            "value": noise,
            "quality": [quality] * ROWS,
        }
    )
    if comma:
        frame = frame.with_columns(pl.col("value").cast(pl.String).str.replace(".", ",", literal=True))
    frame.write_csv(path, separator=separator)


def _wide(path: Path) -> None:
    """The same number of values, a column a tag."""
    seconds = ROWS // TAGS
    start = int(dt.datetime(2025, 11, 21, tzinfo=dt.UTC).timestamp() * 1e6)
    ts = pl.Series("t_stamp", start + np.arange(seconds) * 1_000_000).cast(pl.Datetime("us"))
    values = np.round(np.random.default_rng(7).normal(80, 1, (seconds, TAGS)), 2)
    frame = pl.DataFrame({f"Line1/Zone{i}": values[:, i] for i in range(TAGS)})
    frame.insert_column(0, ts.dt.to_string("%Y-%m-%d %H:%M:%S")).write_csv(path)


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def _line(name: str, size: int, took: tuple[float, float], yard: tuple[float, float]) -> None:
    rate = ROWS / took[0] / 1e6
    print(
        f"  {name:<34} {size / 1e6:6.0f} MB {rate:6.2f} M rows/s  {took[1] / ROWS * 1e6:5.2f} us CPU a row"
        f"  {yard[0] / took[0]:5.2f} x yardstick"
    )


def main() -> None:
    """Print rows a second for each shape."""
    folder = Path(tempfile.mkdtemp(prefix="bench-import-"))
    path, store = folder / "x.csv", folder / "store"
    berlin = Options(zone=ZoneInfo("Europe/Berlin").key)
    cases: list[tuple[str, Callable[[], None], Options]] = [
        ("long, ISO 8601 with Z", lambda: _long(path, "%Y-%m-%dT%H:%M:%S%.3fZ"), Options()),
        (
            "long, German, comma, Berlin",
            lambda: _long(path, "%d.%m.%Y %H:%M:%S,%3f", separator=";", comma=True),
            berlin,
        ),
        ("long, US with AM/PM, OPC DA", lambda: _long(path, "%m/%d/%Y %I:%M:%S %p", quality="192"), Options()),
        ("wide, 50 tags", lambda: _wide(path), Options()),
    ]
    print(f"  {ROWS} values of {TAGS} tags; yardstick: polars read_csv + write_parquet of the same file")
    try:
        for name, make, options in cases:
            make()
            mark = ";" if ";" in path.open().readline() else ","
            yard = _timed(lambda mark=mark: pl.read_csv(path, separator=mark).write_parquet(folder / "x.parquet"))  # type: ignore[misc]
            shutil.rmtree(store, ignore_errors=True)
            took = _timed(lambda options=options: list(import_.run([path], store, options, print)))  # type: ignore[misc]
            _line(name, path.stat().st_size, took, yard)
        took = _timed(lambda: list(import_.run([path], store, Options(), print)))
        _line("the same once more: nothing new", path.stat().st_size, took, yard)
        print(f"  peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:.0f} MB")
    finally:
        shutil.rmtree(folder)
