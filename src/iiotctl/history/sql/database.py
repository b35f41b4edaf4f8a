"""The store as a DuckDB file, for programs that speak ODBC, JDBC or SQL and know nothing of us.

The file holds views over the store's sealed Parquet files (`views`), or their rows (`copy`). Views name each file,
because a pattern such as `samples/*/*.parquet` would count twice what compaction has replaced and not yet deleted, and
would trip over a damaged file. So the file knows nothing of what comes later, and a compaction deletes files that it
names: it is to be made anew from time to time and after each compaction, which takes about as long as listing the store.

It is written as DuckDB 1.0 wrote files. In the form of DuckDB 2 drivers for ODBC and Grafana that are a little older
could not open it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from iiotctl.history.sql import connect, views, wide
from iiotctl.history.sql.reader import Notice, Reader, Selection
from iiotctl.store.layout import Table
from iiotctl.store.schema import COLUMNS, LATER
from iiotctl.store.snapshot import Snapshot

if TYPE_CHECKING:
    import duckdb
    import polars as pl

_FORM: Final[dict[str, str | bool | int | float | list[str]]] = {"storage_compatibility_version": "v1.0.0"}
TABLES: Final = tuple(views.COLUMNS)
"""What the file holds, besides `about` and macros."""


class _Sealed(Snapshot):
    """What stands in Parquet files only; a client of the file cannot read the spool."""

    def unsealed(self, table: Table) -> pl.DataFrame | None:
        """Nothing."""
        del table
        return None


def write_views(selection: Selection, target: Path, notice: Notice, about: Mapping[str, str]) -> int:
    """Make a file with views of what is sealed; returns how many samples wait unsealed and are not in it.

    Args:
        selection: which part of the store.
        target: a path that is free.
        notice: is told about files that had to be left out.
        about: rows of the table `about`.

    Raises:
        StoreError: no store.
        IncompleteError: `disk-full`.
    """
    snapshots: list[Snapshot] = []

    def opened(root: Path, start: int | None, end: int | None) -> Snapshot:
        snapshots.append(_Sealed.open(root, start=start, end=end))
        return snapshots[-1]

    with Reader(selection, notice, opened=opened, unsafe=True) as reader:

        def work(planned: duckdb.DuckDBPyConnection) -> None:
            _meet_strangers(planned, snapshots[-1], reader.omitted)
            target.unlink(missing_ok=True)
            with _database(target) as connection:
                views.create(
                    connection,
                    snapshots[-1],
                    start=selection.start,
                    end=selection.end,
                    without=reader.omitted,
                )
                connection.execute(f"DROP MACRO TABLE IF EXISTS {wide.FUNCTION}")
                _about(connection, about)

        reader.ask(work)
        return snapshots[-1].unsealed_rows


def write_copy(selection: Selection, target: Path, notice: Notice, about: Mapping[str, str]) -> None:
    """Make a file with the rows themselves, sealed or not; arguments and errors as of `write_views`."""
    with Reader(selection, notice, unsafe=True) as reader:

        def work(connection: duckdb.DuckDBPyConnection) -> None:
            target.unlink(missing_ok=True)
            with _database(target) as fresh:
                for macro in views.MACROS:
                    fresh.execute(macro)
                fresh.execute(f"DROP MACRO TABLE IF EXISTS {wide.FUNCTION}")
                _about(fresh, about)
            connection.execute(f"ATTACH {connect.quoted(str(target))} AS copied")
            try:
                for table in TABLES:
                    connection.execute(f"CREATE TABLE copied.main.{table} AS FROM {table}").fetchall()
                connection.execute("DETACH copied")
            finally:
                connection.execute("DETACH DATABASE IF EXISTS copied")
                target.with_name(target.name + ".wal").unlink(missing_ok=True)

        reader.ask(work)


def _meet_strangers(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, omitted: Collection[Path]) -> None:
    """Look into the footer of every file: a view would fail on a damaged or foreign one only at its first client.

    Raises:
        duckdb.Error: there is one; the reader finds out which.
    """
    import duckdb

    for table, files in snapshot.files.items():
        listed = ", ".join(connect.quoted(str(path)) for path in files if path not in omitted)
        if not listed:
            continue
        needed = COLUMNS[table].keys() - LATER.get(table, frozenset())
        named = ", ".join(map(connect.quoted, needed))
        strange = connection.execute(
            f"SELECT file_name FROM parquet_schema([{listed}]) GROUP BY file_name"
            f" HAVING count(*) FILTER (name IN ({named})) < {len(needed)} LIMIT 1"
        ).fetchone()
        if strange:
            raise duckdb.InvalidInputException(f"{strange[0]} is not a file of {table}")


def _database(target: Path) -> duckdb.DuckDBPyConnection:
    import duckdb

    return duckdb.connect(str(target), config=_FORM)


def _about(connection: duckdb.DuckDBPyConnection, about: Mapping[str, str]) -> None:
    connection.execute("CREATE TABLE about (name VARCHAR, fact VARCHAR)")
    connection.executemany("INSERT INTO about VALUES (?, ?)", list(about.items()))
