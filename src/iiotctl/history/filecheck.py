"""Which files of a store made a query fail: cut off, damaged, or of another make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iiotctl.history.connect import quoted
from iiotctl.history.views import SQL_TYPES
from iiotctl.store.schema import COLUMNS, LATER

if TYPE_CHECKING:
    import duckdb


def objections(files: Mapping[str, Sequence[Path]], error: Exception) -> list[tuple[Path, str]]:
    """Files that cannot be read as their table, and why.

    Args:
        files: files by table (`samples`, `gaps`, `tags`).
        error: what the query met. A file that it names is read through, of the others only the footer; when it
            names nothing at all (DuckDB's decoder of pages does that), every file is read through.
    """
    import duckdb

    if isinstance(error, duckdb.ParserException | duckdb.PermissionException | duckdb.OutOfMemoryException):
        return []
    named = str(error)
    anonymous = type(error) is duckdb.Error
    found = []
    with duckdb.connect() as connection:
        for table, paths in files.items():
            for path in paths:
                cause = _objection(connection, path, table, thorough=anonymous or str(path) in named)
                if cause:
                    found.append((path, cause))
    return found


def _objection(connection: duckdb.DuckDBPyConnection, path: Path, table: str, *, thorough: bool) -> str:
    import duckdb

    name = quoted(str(path))
    try:
        described: list[Any] = connection.execute(f"DESCRIBE FROM read_parquet({name})").fetchall()
        kinds = {row[0]: row[1] for row in described}
        there = [column for column in COLUMNS[table] if column in kinds]
        missing = COLUMNS[table].keys() - kinds.keys() - LATER.get(table, frozenset())
        if missing:
            return f"not a file of `{table}`: it has no column {', '.join(f'`{column}`' for column in COLUMNS[table] if column in missing)}"
        wrong = [column for column in there if kinds[column] != SQL_TYPES[COLUMNS[table][column]]]
        if wrong:
            return f"not a file of `{table}`: column `{wrong[0]}` is {kinds[wrong[0]]}"
        if thorough:
            every = ", ".join(f'"{column}"' for column in there)
            # a count alone would be answered from the footer
            connection.execute(f"SELECT max(hash({every})) FROM read_parquet({name})").fetchall()
    except duckdb.Error as error:
        if not path.exists():
            return ""  # gone, not damaged
        return str(error).partition("\n")[0]
    return ""
