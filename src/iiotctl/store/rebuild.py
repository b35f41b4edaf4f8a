"""The checkpoint made again from sealed files, when it is damaged or gone.

Bounded work: gaps and tags are small and read whole; of the samples the newest files are read until every
known tag has a row, and never more than `MOST_FILES`. A tag that was silent for longer may get one row twice
when its server repeats an old value.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from iiotctl.quality import BAD
from iiotctl.samples import Gap, GapReason
from iiotctl.store import ledger
from iiotctl.store.layout import GAPS, SAMPLES, TAGS, Layout, is_capture_log
from iiotctl.store.schema import REMOVED, TagRow, tag_from_json
from iiotctl.store.standing import files_of
from iiotctl.store.state import LastRow, State

if TYPE_CHECKING:
    import polars as pl

MOST_FILES: Final = 600
"""Two days of files of 5 minutes."""
SLICE_ROWS: Final = 1_000_000


def rebuild(layout: Layout) -> State:
    """What sealed files say of last rows, open gaps and the tag history; files that cannot be read are skipped."""
    import polars as pl

    state = State()
    tags = _read_all(files_of(layout, TAGS))
    if tags is not None:
        latest = tags.sort("valid_from", maintain_order=True).unique("tag", keep="last")
        state.hashes = dict(latest.select("tag", "config_hash").iter_rows())
        state.sources = dict(latest.select("tag", "source").iter_rows())
        state.removed = set(latest.filter(pl.col("mode") == REMOVED)["tag"])
    gaps = _read_all(files_of(layout, GAPS))
    if gaps is not None:
        times = pl.col("start", "end", "detected_at").dt.epoch("us")
        for row in gaps.with_columns(times).drop("site").sort("detected_at", maintain_order=True).to_dicts():
            state.gaps([Gap(**{**row, "reason": GapReason(row["reason"])})])
    state.restore(_last_rows(layout, set(state.hashes)))
    logs = sorted(filter(is_capture_log, layout.manifest.glob("*.log")))
    state.run = logs[-1].name.partition(".")[0] if logs else None
    return state


def tag_facts(layout: Layout, names: Collection[str]) -> dict[str, TagRow]:
    """The latest row of the tags history for each of these tags, as far as it is sealed; codes are 0."""
    import polars as pl

    tags = _read_all(files_of(layout, TAGS))
    if tags is None:
        return {}
    chosen = tags.filter(pl.col("tag").is_in(list(names))).sort("valid_from", maintain_order=True)
    return {row["tag"]: tag_from_json({**row, "code": 0}) for row in chosen.to_dicts()}


def _last_rows(layout: Layout, wanted: set[str]) -> dict[str, LastRow]:
    entries = [entry for versions in ledger.read_all(layout).values() for entry in versions[-1:]]
    newest = sorted((one for one in entries if one.kind == SAMPLES), key=lambda one: one.ts_max or 0, reverse=True)
    found: dict[str, LastRow] = {}
    silent = set(wanted)
    before = None
    for entry in newest[:MOST_FILES]:
        # A file overlaps those before it by late rows only: go on until all that is left lies before.
        if not silent and before is not None and (entry.ts_max or 0) < before:
            break
        for rows in _slices(layout.root / entry.path):
            for tag, row in _last_of(rows).items():
                _take(found, tag, row)
        silent -= {tag for tag, row in found.items() if row.good_ts is not None}
        before = min((row.ts for row in found.values()), default=None)
    return found


def _take(found: dict[str, LastRow], tag: str, row: LastRow) -> None:
    old = found.get(tag)
    if old is None:
        found[tag] = row
        return
    later = row if row.ts > old.ts else old
    good = max((ts for ts in (old.good_ts, row.good_ts) if ts is not None), default=None)
    found[tag] = LastRow(later.ts, later.value, later.quality, good, later.ts_source)


def _last_of(rows: pl.DataFrame) -> dict[str, LastRow]:
    import polars as pl

    good = pl.col("ts").filter(pl.col("quality") < BAD).max()
    last = rows.group_by("tag").agg(
        pl.col("ts").last().dt.epoch("us"),
        pl.col("value", "quality").last(),
        good.dt.epoch("us").alias("good"),
        pl.col("ts_source").last().dt.epoch("us"),
    )
    return {tag: LastRow(*row) for tag, *row in last.iter_rows()}


def _slices(path: Path) -> Iterator[pl.DataFrame]:
    """What is needed of the samples of a file, in parts that fit into memory."""
    import polars as pl

    try:
        wanted = pl.scan_parquet(path, hive_partitioning=False).select("tag", "ts", "value", "quality", "ts_source")
        count = wanted.select(pl.len()).collect().item()
        for begin in range(0, count, SLICE_ROWS):
            yield wanted.slice(begin, SLICE_ROWS).collect()
    except (OSError, pl.exceptions.PolarsError):
        return  # as in `_read`


def _read(path: Path) -> pl.DataFrame | None:
    import polars as pl

    try:
        return pl.read_parquet(path, hive_partitioning=False)
    except (OSError, pl.exceptions.PolarsError):
        # `store verify` names it; here it only knows less.
        return None


def _read_all(paths: Iterable[Path]) -> pl.DataFrame | None:
    import polars as pl

    frames = [frame for path in paths if (frame := _read(path)) is not None]
    return pl.concat(frames, how="diagonal") if frames else None  # earlier versions wrote fewer columns
