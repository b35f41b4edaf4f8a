"""Texts as numbers, where values are compared or counted and tags may hold texts."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Final

from iiotctl.history.sql.connect import quoted
from iiotctl.history.sql.views import condition

if TYPE_CHECKING:
    import duckdb

    from iiotctl.history.sql.reader import Reader

AS_NUMBER: Final = "coalesce(value, CAST(hash(text) AS DOUBLE))"
"""SQL of a sample's value, or of the number that stands for its text."""


def codes(reader: Reader, texts: Iterable[str]) -> dict[str, float]:
    """The numbers that stand for texts in `AS_NUMBER`."""
    wanted = list(texts)

    def work(connection: duckdb.DuckDBPyConnection) -> dict[str, float]:
        found = connection.execute(f"SELECT {', '.join(f'CAST(hash({quoted(text)}) AS DOUBLE)' for text in wanted)}")
        return dict(zip(wanted, found.fetchone() or (), strict=True))

    return reader.ask(work) if wanted else {}


def held(reader: Reader, tag: str, end: int, most: int) -> list[str]:
    """The texts that a tag had before an instant, so many at most."""

    def work(connection: duckdb.DuckDBPyConnection) -> list[str]:
        rows = connection.execute(
            f"SELECT DISTINCT text FROM {reader.source('samples', end=end, tags={tag})} WHERE tag = {quoted(tag)}"
            f" AND epoch_us(ts) < {end} AND text IS NOT NULL AND value IS NULL LIMIT {most}"
        ).fetchall()
        return [row[0] for row in rows]

    return reader.ask(work)


def having(reader: Reader, tags: Collection[str], start: int, end: int) -> frozenset[str]:
    """Those of the tags that have texts in [start, end), µs UTC."""

    def work(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
        rows = connection.execute(
            f"SELECT DISTINCT tag FROM {reader.source('samples', start=start, end=end, tags=tags)} WHERE tag IN"
            f" ({', '.join(map(quoted, tags))}) AND text IS NOT NULL{condition('ts', start, end)}"
        ).fetchall()
        return frozenset(tag for (tag,) in rows)

    return reader.ask(work) if tags else frozenset()
