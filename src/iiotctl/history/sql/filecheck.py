"""Which files of a store made a query fail: cut off, damaged, or of another make."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iiotctl.history.sql.connect import quoted
from iiotctl.history.sql.views import SQL_TYPES
from iiotctl.store.layout import Table
from iiotctl.store.schema import COLUMNS, LATER

if TYPE_CHECKING:
    import duckdb


def strangers(files: Mapping[Table, Sequence[Path]], known: Collection[Path]) -> list[tuple[Path, str]]:
    """Files that no manifest lists and that are none of their table, and why: DuckDB may count their rows in silence.

    Only footers are read, those of listed files not at all.

    Args:
        files: files by table.
        known: those that a manifest lists.
    """
    unknown = {table: [path for path in paths if path not in known] for table, paths in files.items()}
    if not any(unknown.values()):
        return []
    import duckdb

    found = []
    with duckdb.connect() as connection:
        for table, paths in unknown.items():
            for alike in _by_footer(connection, paths):
                cause = _objection(connection, alike[0], table, thorough=False)
                if cause:
                    found += [(path, cause) for path in alike]
    return sorted(found)


def _by_footer(connection: duckdb.DuckDBPyConnection, paths: Sequence[Path]) -> list[list[Path]]:
    """Files together that have the same columns, so that one stands for all of them."""
    import duckdb

    if not paths:
        return []
    listed = ", ".join(quoted(str(path)) for path in paths)
    try:
        rows = connection.execute(
            "SELECT list(file_name) FROM (SELECT file_name, list((name, type, converted_type, logical_type)) AS columns"
            f" FROM parquet_schema([{listed}]) GROUP BY file_name) GROUP BY columns"
        ).fetchall()
    except duckdb.Error:  # one is damaged, or has just gone
        return [[path] for path in paths]
    return [[Path(name) for name in names] for (names,) in rows]


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
        return _damage(error)
    return ""


def _damage(error: Exception) -> str:
    """What DuckDB met in a file, in words; of a damaged page it tells the bytes that it stumbled over."""
    import duckdb

    text = str(error).partition("\n")[0]
    if isinstance(error, duckdb.IOException):
        return text
    return f"damaged ({''.join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)})"
