"""`simulate --week`: a labelled week in a folder, to measure with how well faults are found."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from iiotctl.errors import UsageError
from iiotctl.reports.target import keep_out_of_store

if TYPE_CHECKING:
    from iiotctl.simulator.weeks.faults import Label
    from iiotctl.simulator.weeks.record import Record
    from iiotctl.simulator.weeks.week import Plan

SAMPLES: Final = "samples.parquet"
LABELS: Final = "labels.csv"
TAGS: Final = "tags.csv"
_LEAST_DAYS: Final = 3
_MOST_DAYS: Final = 31
_EXAMPLE: Final = "e.g. `iiotctl simulate --week week1 --seed 1`"


@dataclass(frozen=True, slots=True)
class Week:
    """What was written.

    Attributes:
        file: the samples.
        rows: how many.
        tags: of how many tags.
        faults: how many faults are in them.
    """

    file: Path
    rows: int
    tags: int
    faults: int


def simulate_week(folder: Path, plan: Plan) -> Week:
    """Write `samples.parquet`, `labels.csv` and `tags.csv` into a new or empty folder.

    Args:
        folder: where.
        plan: seed, family, tags, days.

    Raises:
        UsageError: `bad-value`, an unknown family, too few or too many days, a folder that is not empty;
            `folder-unusable`.
    """
    from iiotctl.simulator.weeks.week import FAMILIES, records

    if plan.family not in FAMILIES:
        raise UsageError("bad-value", f"the value of `--family` must be {' or '.join(FAMILIES)}", hint=_EXAMPLE)
    if not _LEAST_DAYS <= plan.days <= _MOST_DAYS:
        raise UsageError(
            "bad-value",
            f"the value of `--days` must be {_LEAST_DAYS} to {_MOST_DAYS}: the first two are healthy",
            hint=_EXAMPLE,
        )
    labels: list[Label] = []
    tags: list[tuple[object, ...]] = []
    rows = 0
    # gone even when the run is interrupted, so that the folder can be used again
    with tempfile.TemporaryDirectory(prefix=".parts-", dir=_new(folder)) as parts:
        for number, (made, put) in enumerate(records(plan)):
            rows += _write(Path(parts) / f"{number:05d}.parquet", made, plan.start_s)
            labels += put
            one = made.sensor
            tags.append((one.tag, one.kind, one.unit, one.low, one.high, f"{one.resolution:.6g}", one.group))
        _join(Path(parts), folder / SAMPLES)
    named = [(one.tag, one.fault, *_times(plan, one), one.param) for one in labels]
    _table(folder / LABELS, ("tag", "fault", "start", "end", "param"), named)
    _table(folder / TAGS, ("tag", "kind", "unit", "low", "high", "resolution", "group"), tags)
    return Week(folder / SAMPLES, rows, len(tags), len(labels))


def _new(folder: Path) -> Path:
    keep_out_of_store(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        used = any(folder.iterdir())
    except OSError as error:
        raise UsageError(
            "folder-unusable", f"the folder `{folder}` cannot be used", cause=error.strerror, hint=_EXAMPLE
        ) from error
    if used:
        raise UsageError("bad-value", f"the folder `{folder}` is not empty", hint="name a new one")
    return folder


def _write(file: Path, made: Record, start_s: int) -> int:
    """The rows of one tag, as they arrive."""
    import polars as pl

    ts, value, quality = made.rows()
    frame = pl.DataFrame(
        {
            "ts": pl.Series(ts + start_s * 1_000_000).cast(pl.Datetime("us", "UTC")),
            "tag": pl.repeat(made.sensor.tag, len(ts), eager=True),
            "value": value,
            "quality": quality,
        }
    )
    frame.write_parquet(file)
    return len(frame)


def _join(parts: Path, file: Path) -> None:
    """One file of them, tag after tag, without holding them all."""
    import polars as pl

    pl.scan_parquet(sorted(parts.iterdir())).sink_parquet(file, maintain_order=True, row_group_size=1 << 18)


def _times(plan: Plan, label: Label) -> tuple[str, str]:
    from datetime import UTC, datetime

    def iso(second: int) -> str:
        return datetime.fromtimestamp(plan.start_s + second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    return iso(label.first), iso(label.end)


def _table(file: Path, head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)
