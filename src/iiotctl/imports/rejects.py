"""Rows that were refused: counted by reason, the first few of each kept to be shown, all of them written on request."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TextIO

import polars as pl

SHOWN: Final = 3
_LONGEST: Final = 200

SCHEMA: Final[dict[str, Any]] = {"line": pl.UInt64, "reason": pl.String, "cause": pl.String, "content": pl.String}
HEADER: Final = ("file", *SCHEMA)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that was not taken.

    Attributes:
        line: of the file, from 1; a row number in Parquet.
        reason: one word for the kind: fields, damaged, time, hour-skipped, hour-twice, tag, number, quality, conflict.
        cause: one clause.
        content: what stands there; cut where it is kept to be shown.
    """

    line: int
    reason: str
    cause: str
    content: str


def refusals(rows: Sequence[Refusal]) -> pl.DataFrame:
    """Refusals as a frame."""
    data = [(row.line, row.reason, row.cause, row.content) for row in rows]
    return pl.DataFrame(data, schema=SCHEMA, orient="row")


def refused(rows: pl.DataFrame, reason: str, cause: str | pl.Expr, content: Sequence[str]) -> pl.DataFrame:
    """The rows of a frame with `line` as refusals; `content` names the columns that are shown."""
    shown = [pl.col(name).cast(pl.String).fill_null("") for name in content]
    return rows.select(
        pl.col("line").cast(pl.UInt64),
        pl.lit(reason).alias("reason"),
        (pl.lit(cause) if isinstance(cause, str) else cause).alias("cause"),
        pl.concat_str(shown, separator=" | ").alias("content"),
    )


@dataclass(slots=True)
class Rejects:
    """All refusals of an import.

    Attributes:
        file: name of the file that is being read.
        out: where all of them are written as CSV, or None.
        counts: by reason.
        first: the first few of each reason.
    """

    file: str = ""
    out: TextIO | None = None
    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, list[Refusal]] = field(default_factory=dict)

    def take(self, rows: pl.DataFrame) -> None:
        """Count refusals (columns of `SCHEMA`)."""
        if not rows.height:
            return
        for (reason,), part in rows.partition_by("reason", as_dict=True, maintain_order=True).items():
            word = str(reason)
            self.counts[word] = self.counts.get(word, 0) + part.height
            known = self.first.setdefault(word, [])
            shown = part.head(SHOWN - len(known)).with_columns(pl.col("content").str.slice(0, _LONGEST))
            known += [Refusal(*row) for row in shown.iter_rows()]
        if self.out is not None:
            writer = csv.writer(self.out)
            writer.writerows((self.file, *row) for row in rows.select(list(SCHEMA)).iter_rows())

    @property
    def total(self) -> int:
        """Number of refused rows."""
        return sum(self.counts.values())
