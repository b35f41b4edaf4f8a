"""From when to when there are samples, of a store and of its tags."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from iiotctl.events import Event
from iiotctl.history.sql.connect import quoted
from iiotctl.history.sql.reader import Reader, Selection
from iiotctl.history.sql.views import condition
from iiotctl.store.snapshot import Snapshot

if TYPE_CHECKING:
    import duckdb

Notice = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Extent:
    """Of the samples of a store, µs UTC, both ends included.

    Attributes:
        first, last: None = there are none.
        before, behind: rows outside of what was asked for.
        strange: tags that have such rows, names ascending.
    """

    first: int | None
    last: int | None
    before: int = 0
    behind: int = 0
    strange: tuple[str, ...] = ()


def extent(root: Path, low: int, high: int, notice: Notice) -> Extent:
    """First and last row with a time in [low, high), µs UTC; without reading samples where the manifests tell.

    Raises:
        StoreError: no store.
    """
    bounds: list[tuple[int, int]] = []
    with Snapshot.open(root) as snapshot:
        held = [snapshot.ranges.get(path) for path in snapshot.sample_files]
        bounds = [(of.ts_min, of.ts_max) for of in held if of and of.ts_min is not None and of.ts_max is not None]
        told = len(bounds) == len(held) and not snapshot.unsealed_rows
    if told and all(low <= first and last < high for first, last in bounds):
        return Extent(
            min((first for first, _ in bounds), default=None), max((last for _, last in bounds), default=None)
        )
    inside = f"FILTER (WHERE true{condition('ts', low, high)})"
    sql = (
        f"SELECT epoch_us(min(ts) {inside}), epoch_us(max(ts) {inside}),"
        f" count(*) FILTER (WHERE true{condition('ts', None, low)}),"
        f" count(*) FILTER (WHERE true{condition('ts', high, None)}),"
        f" list(DISTINCT tag ORDER BY tag) FILTER (WHERE NOT (true{condition('ts', low, high)})) FROM samples"
    )
    with Reader(Selection(root), notice, only=("samples",)) as reader:
        first, last, before, behind, strange = reader.ask(lambda connection: connection.execute(sql).fetchall()[0])
    return Extent(first, last, before, behind, tuple(strange or ()))


def first_rows(root: Path, tags: Sequence[str], since: int, until: int, notice: Notice) -> dict[str, int]:
    """The first row of each tag in [since, until), µs UTC; tags without one are left out."""
    if not tags:
        return {}
    listed = ", ".join(map(quoted, tags))

    def work(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
        source = reader.source("samples", start=since, end=until, tags=tags)
        sql = f"SELECT tag, epoch_us(min(ts)) FROM {source} WHERE tag IN ({listed}) GROUP BY tag"
        return dict(connection.execute(sql).fetchall())

    with Reader(Selection(root, since, until), notice, only=("samples",)) as reader:
        return reader.ask(work)
