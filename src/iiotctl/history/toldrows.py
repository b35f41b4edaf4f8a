"""What a store was told of its tags, gaps and the order of times, as plain rows: all of it, nothing narrowed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iiotctl.history import tagfacts

if TYPE_CHECKING:
    import duckdb

    from iiotctl.history.tagfacts import TagFacts


@dataclass(frozen=True, slots=True)
class Told:
    """Times in µs UTC.

    Attributes:
        facts: newest facts, by tag.
        history: rows of the tags table by tag, oldest first, by column: `valid_from` (None = ever), `asset`, `source`,
            `deadband`, `heartbeat`, `criticality`, `twin`, `siblings` (JSON), `unit`.
        gaps: source, tag (None = all of the source), start, end (None = open), reason; those filled later left out.
        disorder: tag, start, end, kind, rows, step in s.
    """

    facts: Mapping[str, TagFacts]
    history: Mapping[str, Sequence[Mapping[str, Any]]]
    gaps: Sequence[tuple[str, str | None, int, int | None, str]]
    disorder: Sequence[tuple[str, int, int, str, int, float | None]]


VIEWS = ("samples", "tags_history", "gaps", "disorder")
"""That `told` asks."""
_COLUMNS = ("valid_from", "tag", "asset", "source", "deadband", "heartbeat", "criticality", "twin", "siblings", "unit")


def told(connection: duckdb.DuckDBPyConnection) -> Told:
    """All of it.

    Args:
        connection: with the views.
    """
    history: dict[str, list[Mapping[str, Any]]] = {}
    rows = connection.execute(
        f"SELECT epoch_us(valid_from), {', '.join(_COLUMNS[1:])} FROM tags_history WHERE tag IS NOT NULL"
        " ORDER BY tag, tags_history.valid_from NULLS FIRST, config_hash DESC NULLS FIRST"
    ).fetchall()
    for row in rows:
        named = dict(zip(_COLUMNS, row, strict=True))
        history.setdefault(named["tag"], []).append(named)
    gaps = connection.execute(
        'SELECT source, tag, epoch_us(start), epoch_us("end"), reason FROM gaps WHERE filled_by IS NULL'
        " ORDER BY gaps.start, source, tag NULLS FIRST"
    ).fetchall()
    disorder = connection.execute(
        'SELECT tag, epoch_us(start), epoch_us("end"), kind, rows, step FROM disorder ORDER BY tag, disorder.start, kind'
    ).fetchall()
    return Told(tagfacts.known(connection), history, gaps, disorder)
