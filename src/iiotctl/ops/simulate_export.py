"""`simulate --export`: a historian's export to practise on, with the site file that says what its tags are."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from iiotctl.errors import UsageError
from iiotctl.ops.simulate import check_folder

FILE: Final = "export.parquet"
_DAY_S: Final = 86_400
_LEAST: Final = 3
_MOST: Final = 31


@dataclass(frozen=True, slots=True)
class Export:
    """What was written.

    Attributes:
        site_file: the site file.
        file: the export.
        rows: its samples.
        tags: how many tags.
    """

    site_file: Path
    file: Path
    rows: int
    tags: int


def simulate_export(
    folder: Path, seconds: float, *, seed: int = 1, now_us: Callable[[], int] = lambda: time.time_ns() // 1000
) -> Export:
    """Write `export.parquet` and `site.toml` into a folder; the export ends now.

    Args:
        folder: a new or empty folder.
        seconds: how long; whole days.
        seed: the same seed gives the same values.
        now_us: wall clock, µs UTC.

    Raises:
        UsageError: `bad-value`, not 3 to 31 days; the folder holds a site file already.
    """
    import numpy as np
    import polars as pl

    from iiotctl.simulator import sensors

    days = round(seconds / _DAY_S)
    if not _LEAST <= days <= _MOST:
        raise UsageError(
            "bad-value",
            f"the value of `--export` must be {_LEAST} to {_MOST} days: the first two teach what is normal",
            hint="e.g. `iiotctl simulate --write-site boiler --export 4d`",
        )
    check_folder(folder, example="iiotctl simulate --write-site boiler --export 4d")
    since, values = sensors.export(days, seed)
    begin = now_us() // 1_000_000 // 60 * 60 - days * _DAY_S
    ts = (since + begin) * 1_000_000
    names = list(values)
    frame = pl.DataFrame(
        {
            "ts": pl.Series(np.tile(ts, len(names))).cast(pl.Datetime("us", "UTC")),
            "tag": pl.Series(names).gather(np.repeat(np.arange(len(names)), len(ts))),
            "value": np.concatenate([values[name] for name in names]),
            "quality": pl.repeat("Good", len(ts) * len(names), eager=True),
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(folder / FILE)
    (folder / "site.toml").write_text(sensors.site_toml(FILE), encoding="utf-8")
    return Export(folder / "site.toml", folder / FILE, len(frame), len(names))
