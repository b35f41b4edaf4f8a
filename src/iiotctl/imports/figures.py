"""What an import or its preview tells: figures of each tag and file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from iiotctl import quality
from iiotctl.imports.rejects import Refusal


@dataclass(frozen=True, slots=True)
class TagFigures:
    """A tag of a file.

    Attributes:
        name: ours.
        original: as the file calls it.
        rows: samples that can be stored.
        first, last: µs UTC.
        low, high: of its values; None without numbers.
        good, uncertain, bad: rows by quality.
        texts: rows with text.
        unit: or "".
    """

    name: str
    original: str
    rows: int
    first: int
    last: int
    low: float | None
    high: float | None
    good: int
    uncertain: int
    bad: int
    texts: int
    unit: str


@dataclass(frozen=True, slots=True)
class FileReport:
    """A file, read.

    Attributes:
        facts: what was recognised, in words: (what, how).
        tags: by name.
        rows: samples in the file, refused ones included.
        usable: of these, those that can be stored.
        stored, already, expired, conflicts, conflicts_stored: see `store.bulk.Stored`; all 0 in a preview.
        refused: rows by reason.
        examples: the first refusals of each reason.
        disputes: the first conflicts: (line, tag, ts, value and quality as text).
        empty: cells of wide files without a sample.
        left_out: rows that the map of names leaves out.
        changed: (name in the file, our name).
        unmatched: names of the map that the file does not hold.
        first, last: µs UTC of the usable rows.
        ahead: usable rows more than a day ahead of the clock.
        doubts: what a person should look at, a clause each.
        assumed_zone: local times were read in this zone that nobody named; "" otherwise.
    """

    path: Path
    facts: tuple[tuple[str, str], ...]
    tags: tuple[TagFigures, ...]
    rows: int
    usable: int
    stored: int
    already: int
    expired: int
    conflicts: int
    conflicts_stored: int
    refused: dict[str, int]
    examples: tuple[Refusal, ...]
    disputes: tuple[tuple[int | None, str, int, str], ...]
    empty: int
    left_out: int
    changed: tuple[tuple[str, str], ...]
    unmatched: tuple[str, ...]
    first: int | None
    last: int | None
    ahead: int
    doubts: tuple[str, ...] = ()
    assumed_zone: str = ""

    @property
    def refused_total(self) -> int:
        """Rows that were refused."""
        return sum(self.refused.values())


@dataclass(slots=True)
class TagBook:
    """Adds up the figures of tags, chunk by chunk."""

    ahead_of: int
    ahead: int = 0
    _parts: list[pl.DataFrame] = field(default_factory=list)

    def take(self, rows: pl.DataFrame) -> None:
        """Count coded rows."""
        text = pl.col("text").is_not_null().sum() if "text" in rows.columns else pl.lit(0)
        part = rows.group_by("tag").agg(
            pl.len().cast(pl.Int64).alias("rows"),
            pl.col("ts").min().alias("first"),
            pl.col("ts").max().alias("last"),
            pl.col("value").min().alias("low"),
            pl.col("value").max().alias("high"),
            (pl.col("quality") < quality.UNCERTAIN).sum().cast(pl.Int64).alias("good"),
            (pl.col("quality") >= quality.BAD).sum().cast(pl.Int64).alias("bad"),
            text.cast(pl.Int64).alias("texts"),
        )
        self._parts.append(part)
        last = part["last"].max()
        if isinstance(last, int) and last > self.ahead_of:
            self.ahead += int((rows["ts"] > self.ahead_of).sum())
        if len(self._parts) > 64:  # noqa: PLR2004 - keep the list short
            self._parts = [self.table()]

    def table(self) -> pl.DataFrame:
        """A row a tag code."""
        if not self._parts:
            kinds = {"tag": pl.UInt32, "low": pl.Float64, "high": pl.Float64}
            names = ("tag", "rows", "first", "last", "low", "high", "good", "bad", "texts")
            return pl.DataFrame(schema={name: kinds.get(name, pl.Int64) for name in names})
        sums = [pl.col(name).sum() for name in ("rows", "good", "bad", "texts")]
        parts = pl.concat(self._parts)
        found = parts.group_by("tag").agg(
            pl.col("first").min(), pl.col("last").max(), pl.col("low").min(), pl.col("high").max(), *sums
        )
        return found.sort("tag").select(parts.columns)
