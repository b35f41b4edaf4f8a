"""What a statement will read, found out before a file of the store may be opened for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from iiotctl.history import tagfacts
from iiotctl.history.sql import connect, scans, views
from iiotctl.history.sql.bounds import Bounds, FileIndex
from iiotctl.history.sql.wide import Wide
from iiotctl.store.layout import SAMPLES, TAGS

if TYPE_CHECKING:
    from iiotctl.history.sql.statement import Statement
    from iiotctl.store.snapshot import Snapshot

_RAW: Final = "raw_"


@dataclass(frozen=True, slots=True)
class Pivot:
    """A call of `wide` with its columns, and the intervals that are asked of it."""

    call: Wide
    tags: tuple[str, ...]
    asked: tuple[Bounds, ...]

    @property
    def needs(self) -> list[Bounds]:
        """What of the samples it reads."""
        return [self.call.needs(bounds, self.tags) for bounds in self.asked]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be made for a statement.

    Attributes:
        files: to read of each table; a table that is not in it is not read.
        latest: the rows of `latest` are wanted.
        pivots: for each call of `wide`.
        streams: see `scans.Scans`.
    """

    files: Mapping[str, Sequence[Path]]
    latest: bool = False
    pivots: tuple[Pivot, ...] = ()
    streams: bool = False


def plan(
    statement: Statement, snapshot: Snapshot, index: FileIndex, *, start: int | None = None, end: int | None = None
) -> Plan:
    """Plan a statement.

    Args:
        statement: checked.
        snapshot: of the store.
        index: its files that can be read.
        start: of the selection, µs UTC.
        end: likewise.

    Raises:
        IncompleteError: `no-tags`, a pattern of `wide` matches nothing.
        duckdb.Error: a file of the tags table cannot be read.
    """
    select = statement.select
    if select is None:
        return Plan(index.files)
    columns = _columns(statement.wides, snapshot, index) if statement.wides else {}
    planned = _planned(select, columns, start, end)
    if planned is None:
        pivots = tuple(Pivot(call, tags, (Bounds(),)) for call, tags in columns.items())
        return Plan(index.files, pivots=pivots)
    found = planned.tables
    pivots = tuple(Pivot(call, tags, tuple(found.get(call.name, [Bounds()]))) for call, tags in columns.items())
    text = select.lower()
    files = {}
    for table in index.files:
        # were it answered without a scan, from the empty table that stood for it, it would be named all the same
        wanted = found.get(_RAW + table, [Bounds()] if table in text else [])
        if table == SAMPLES:
            wanted = [*wanted, *(bounds for pivot in pivots for bounds in pivot.needs)]
        if wanted:
            files[table] = index.chosen(table, wanted)
    return Plan(
        files,
        latest=views.NEWEST in found or "latest" in text,
        pivots=pivots,
        streams=planned.streams and not pivots,
    )


def _columns(calls: Collection[Wide], snapshot: Snapshot, index: FileIndex) -> dict[Wide, tuple[str, ...]]:
    """The tags of each call."""
    explained = bool(index.files[TAGS]) or snapshot.has_unsealed
    tables = (TAGS,) if explained else (TAGS, SAMPLES)
    with connect.session(unsafe=True) as connection:  # SQL of our own alone
        files = {table: index.files[table] for table in tables}
        views.create(connection, snapshot, files=files, only=("tags_history", SAMPLES))
        known = tagfacts.known(connection)
    return {
        call: tuple(facts.tag for facts in tagfacts.matching(known, [call.pattern], snapshot.root)) for call in calls
    }


def _planned(
    select: str, columns: Mapping[Wide, Sequence[str]], start: int | None, end: int | None
) -> scans.Scans | None:
    """What the statement scans, by name of the table in the schema `inside`; None when it cannot be planned."""
    import duckdb

    with connect.aside() as connection:
        views.create_empty(connection, start=start, end=end)
        for call, tags in columns.items():
            connection.execute(call.empty(tags))
        try:
            return scans.of_statement(connection, select)
        except duckdb.Error:
            return None  # the run says what is wrong, and where
