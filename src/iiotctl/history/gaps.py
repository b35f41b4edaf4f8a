"""Gaps of the store as rows, narrowed to what was asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from iiotctl.errors import IncompleteError
from iiotctl.events import Event
from iiotctl.history.sql.connect import quoted
from iiotctl.history.sql.reader import Selection
from iiotctl.history.sql.result import Running
from iiotctl.history.sql.statement import Kind, Statement


@dataclass(frozen=True, slots=True)
class GapRow:
    """A gap, both ends included; `end` None = still open.

    Attributes:
        tag: None = every tag of the source.
        duration_s: seconds; None while open.
    """

    source: str
    tag: str | None
    start: datetime
    end: datetime | None
    duration_s: float | None
    reason: str
    detected_at: datetime
    filled_by: str | None
    id: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which gaps; None = all.

    Attributes:
        tag: gaps of this tag, those of its whole source included.
    """

    source: str | None = None
    tag: str | None = None
    reason: str | None = None


def find(selection: Selection, wanted: Wanted, notice: Callable[[Event], None]) -> list[GapRow]:
    """Gaps by start, then source and tag.

    Args:
        selection: store and range; a gap that reaches into the range counts.
        wanted: what to keep.
        notice: is told about files that had to be left out.

    Raises:
        IncompleteError: `no-tags` or `no-source`, the store knows no such tag or source.
        StoreError: no store.
    """
    conditions = []
    if wanted.source is not None:
        known(selection, "source", wanted.source, notice)
        conditions.append(f"source = {quoted(wanted.source)}")
    if wanted.tag is not None:
        known(selection, "tag", wanted.tag, notice)
        conditions.append(of_tag(wanted.tag))
    if wanted.reason is not None:
        conditions.append(f"reason = {quoted(wanted.reason)}")
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    sql = (
        'SELECT source, tag, start, "end", (epoch_us("end") - epoch_us(start) + 1) / 1e6, reason, detected_at,'
        f" filled_by, id FROM gaps {where} ORDER BY start, source, tag NULLS FIRST, id"
    )
    with Running(selection, Statement(sql, Kind.SELECT), notice) as running:
        return [GapRow(*row) for row in running.rows()[1]]  # type: ignore[arg-type]


def of_tag(tag: str) -> str:
    """SQL that is true of the gaps of a tag and of its whole source."""
    name = quoted(tag)
    return f"(tag = {name} OR tag IS NULL AND source IN (SELECT source FROM tags_history WHERE tag = {name}))"


def known(selection: Selection, column: str, name: str, notice: Callable[[Event], None]) -> None:
    """Raise `no-tags` or `no-source` unless the store knows this tag or source (`column`)."""
    from iiotctl.history.names import near

    sql = f"SELECT {column} FROM tags_history UNION SELECT {column} FROM gaps ORDER BY 1"
    everything = Selection(selection.root)
    with Running(everything, Statement(sql, Kind.SELECT), notice) as running:
        names = [str(row[0]) for row in running.rows()[1] if row[0] is not None]
    if name not in names:
        raise IncompleteError(
            "no-tags" if column == "tag" else "no-source",
            f"the store knows no {column} `{name}`",
            where=str(selection.root),
            hint=near(name, names) or f'`iiotctl query "SELECT DISTINCT {column} FROM tags"` lists them',
        )
