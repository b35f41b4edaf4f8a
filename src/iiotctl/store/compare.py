"""Which rows are new to the store: the same tag, time, value, quality and text is the same sample.

A row whose tag and time are there with another value is a conflict: two histories disagree, and it is for a person to
say which one holds. A row of an interval that retention has rolled up, without a sample of its tag and time, has
expired: whether it is counted there already cannot be told, so it does not count again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from iiotctl.errors import StoreError
from iiotctl.store import lasting
from iiotctl.store.layout import ROLLUPS, SAMPLES, date_of
from iiotctl.store.snapshot import Snapshot

if TYPE_CHECKING:
    import polars as pl

_COMPARED: Final = (SAMPLES, ROLLUPS)
_SAME: Final = ("tag", "ts", "value", "quality", "text")


@dataclass(frozen=True, slots=True, eq=False)
class Verdicts:
    """What became of a block of rows.

    Attributes:
        new: to be stored, in the order given.
        already: number of rows that are there, or that repeat an earlier row of the block.
        expired: number of rows in whose place retention left roll-ups.
        conflicts: tag (name), ts, value, text, quality and line of each row that disagrees.
        conflicts_kept: how many of these are in `new` all the same.
        repeats: tag (name) and ts of each row that repeats an earlier one of the block.
    """

    new: pl.DataFrame
    already: int
    expired: int
    conflicts: pl.DataFrame
    conflicts_kept: int
    repeats: pl.DataFrame


class Judge:
    """Compares blocks with a snapshot of the store.

    Args:
        snapshot: sealed and unsealed rows.
        names: of the tag codes.
        keep_conflicts: store rows that disagree, too.
    """

    def __init__(self, snapshot: Snapshot, names: Sequence[str], *, keep_conflicts: bool) -> None:
        self._keep = keep_conflicts
        self._files = _by_date(snapshot.sample_files)
        self._rollups = _by_date(snapshot.rollup_files)
        damaged = (*snapshot.bad_files, *snapshot.missing)
        self._bad = {date_of(bad.path.parent): bad for bad in damaged if bad.path.parent.parent.name in _COMPARED}
        self._names = names
        self._unsealed = snapshot.unsealed_samples()

    def judge(self, day: date, block: pl.DataFrame) -> Verdicts:
        """Sort out a block of one UTC date.

        Args:
            day: the date.
            block: coded rows (see `BulkWriter.add`) sorted by tag name and ts, equal keys in the order of arrival.

        Raises:
            StoreError: `store-damaged`, a file of this date cannot be read.
        """
        import polars as pl

        rows = _complete(block)
        there = self._there(day, rows)
        expired = self._expired(day, rows)
        same_key = (pl.col("tag") == pl.col("tag").shift()) & (pl.col("ts") == pl.col("ts").shift())
        twice = rows.filter(same_key | same_key.shift(-1, fill_value=False))
        repeats = self._named(twice.filter(~pl.struct(_SAME).is_first_distinct())).select("tag", "ts")
        if there is None and expired is None and not twice.height:
            return Verdicts(rows, 0, 0, self._named(rows.clear()), 0, repeats)
        total = rows.height
        new = rows.unique(_SAME, keep="first", maintain_order=True)
        taken = pl.lit(value=False)
        if there is not None:
            new = new.join(there, on=_SAME, how="anti", nulls_equal=True, maintain_order="left")
            keys = there.select("tag", "ts").unique().with_columns(pl.lit(value=True).alias("_taken"))
            new = new.join(keys, on=["tag", "ts"], how="left", maintain_order="left")
            taken = pl.col("_taken").fill_null(value=False)
        unique = new.height
        if expired is not None:
            new = new.filter(taken | ~expired)
        gone = unique - new.height
        new = new.with_columns((taken | ~pl.struct("tag", "ts").is_first_distinct()).alias("_other"))
        already = total - unique
        conflicts = self._named(new.filter("_other"))
        if not self._keep:
            new = new.filter(~pl.col("_other"))
        kept = conflicts.height if self._keep else 0
        return Verdicts(new.drop("_other", "_taken", strict=False), already, gone, conflicts, kept, repeats)

    def _named(self, rows: pl.DataFrame) -> pl.DataFrame:
        import polars as pl

        names = pl.Series("tag", list(self._names), dtype=pl.String)
        line = [pl.col("line")] if "line" in rows.columns else []
        return rows.select(pl.lit(names).gather(pl.col("tag")).alias("tag"), "ts", "value", "text", "quality", *line)

    def _there(self, day: date, rows: pl.DataFrame) -> pl.DataFrame | None:
        """Rows of the store that could be the same or disagree, with our tag codes; None when there are none."""
        import polars as pl

        files = self._files.get(day, [])
        if (bad := self._bad.get(day)) is not None:
            raise _damaged(str(bad.path), bad.cause)
        if not files and self._unsealed is None:
            return None
        times = pl.from_epoch(rows["ts"], time_unit="us").dt.replace_time_zone("UTC")
        codes = rows["tag"].unique()
        ours = pl.DataFrame({"tag": pl.Series([self._names[code] for code in codes]), "_code": codes})
        inside = pl.col("ts").is_between(pl.lit(times.min()), pl.lit(times.max())) & pl.col("tag").is_in(
            ours["tag"].implode()
        )
        columns = ("ts", "tag", "value", "quality", "text")
        parts = []
        try:
            if files:
                scan = pl.scan_parquet(files, hive_partitioning=False).select(columns).filter(inside)
                parts.append(scan.collect())
        except (pl.exceptions.PolarsError, OSError) as error:
            raise _damaged(str(files[0]), str(error).splitlines()[0]) from error
        if self._unsealed is not None:
            parts.append(self._unsealed.select(columns).filter(inside))
        found = pl.concat(parts).join(ours, on="tag", how="inner")
        if not found.height:
            return None
        return found.select(
            pl.col("_code").alias("tag"),
            pl.col("ts").dt.epoch("us").alias("ts"),
            "value",
            "quality",
            "text",
        )

    def _expired(self, day: date, rows: pl.DataFrame) -> pl.Expr | None:
        """Whether a row lies in an interval that retention rolled up; None when none does."""
        import polars as pl

        files = self._rollups.get(day, [])
        if not files:
            return None
        names = [self._names[code] for code in rows["tag"].unique()]
        length = (pl.col("end") - pl.col("start")).dt.total_microseconds()
        try:
            found = (
                pl.scan_parquet(files, hive_partitioning=False)
                .filter(lasting.is_calculated() & pl.col("tag").is_in(names))
                .select("tag", pl.col("start").dt.epoch("us"), length.alias("length"))
                .unique()
                .collect()
            )
        except (pl.exceptions.PolarsError, OSError) as error:
            raise _damaged(files[0], str(error).splitlines()[0]) from error
        if not found.height:
            return None
        codes = {name: code for code, name in enumerate(self._names)}
        covered = pl.lit(value=False)
        for (each,), intervals in found.partition_by("length", as_dict=True).items():
            tags = intervals["tag"].replace_strict(codes, return_dtype=pl.UInt32)
            taken = pl.struct(tags.alias("tag"), intervals["start"].alias("ts"))
            start = pl.struct("tag", pl.col("ts") // each * each)
            covered |= start.is_in(pl.select(taken).to_series().implode())
        return covered


def _by_date(files: Iterable[Path]) -> dict[date | None, list[str]]:
    found: dict[date | None, list[str]] = {}
    for path in files:
        found.setdefault(date_of(path.parent), []).append(str(path))
    return found


def _complete(block: pl.DataFrame) -> pl.DataFrame:
    """The block with all columns that are compared, in the store's types: no NaN, no missing quality."""
    import polars as pl

    has = set(block.columns)
    return block.with_columns(
        pl.col("value").fill_nan(None),
        (pl.col("quality").fill_null(0) if "quality" in has else pl.lit(0, dtype=pl.UInt32).alias("quality")),
        (pl.col("text") if "text" in has else pl.lit(None, dtype=pl.String).alias("text")),
    )


def _damaged(where: str, cause: str) -> StoreError:
    return StoreError(
        "store-damaged",
        "a file of the store cannot be read, so what is new cannot be told",
        where=where,
        cause=cause,
        hint="`iiotctl store verify` names every damaged file; restore it from a copy or move it away",
    )
