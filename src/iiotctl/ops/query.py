"""`query`: one SELECT over the store, written as rows in any format."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from iiotctl.errors import UsageError
from iiotctl.events import Event
from iiotctl.history import export, statement, times
from iiotctl.history.result import Field, Running, Selection
from iiotctl.reports import output as reports
from iiotctl.reports import target
from iiotctl.reports.as_json import keys
from iiotctl.reports.rows import Column, Rows

_TYPES = {
    "BOOLEAN": "boolean",
    "FLOAT": "float",
    "DOUBLE": "float",
    "DATE": "date",
    "TIME": "time",
    "TIME WITH TIME ZONE": "time",
    "INTERVAL": "interval",
    "BLOB": "bytes",
}


@dataclass(frozen=True, slots=True)
class Query:
    """What to run and where the result goes.

    Attributes:
        store: folder of the store.
        sql: the text.
        format: table, json, jsonl, csv, parquet, or that of another package.
        output: file; None or `-` = stdout.
        start: `--from` as typed; only samples from then on are seen.
        end: `--to` as typed; only samples before it are seen.
        force: replace an existing output file.
        unsafe: run any SQL.
        color: styles are allowed in tables.
    """

    store: Path
    sql: str
    format: str = "table"
    output: Path | None = None
    start: str | None = None
    end: str | None = None
    force: bool = False
    unsafe: bool = False
    color: bool = False


def column(field: Field) -> Column:
    """A result's column as other programs read it."""
    sql_type = field.sql_type
    if sql_type.startswith("TIMESTAMP"):
        return Column(field.name, "timestamp")
    if sql_type.startswith("DECIMAL"):
        return Column(field.name, "decimal")
    if sql_type.endswith("]"):
        return Column(field.name, "list")
    if sql_type.startswith(("STRUCT", "MAP", "UNION")):
        return Column(field.name, "struct")
    if sql_type.endswith("INT") or sql_type in ("INTEGER", "UINTEGER"):
        return Column(field.name, "integer")
    return Column(field.name, _TYPES.get(sql_type, "string"))


def run(
    query: Query,
    notice: Callable[[Event], None],
    *,
    now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
) -> None:
    """Run a query and write its result.

    Args:
        query: what and where.
        notice: is told about files that had to be left out.
        now_us: wall clock, µs UTC.

    Raises:
        UsageError: the SQL is wrong or would do more than read; the output exists or lies in the store.
        StoreError: no store, or a file went away after output had begun.
        BrokenPipeError: the reader of stdout has gone.
    """
    checked = statement.check(query.sql, unsafe=query.unsafe)
    start, end = times.parse_range(query.start, query.end, now_us())
    to_file = query.output is not None and str(query.output) != "-"
    if to_file and query.output is not None:
        _keep_out(query.output, query.store)
    if target.is_terminal(query.output) and query.format == "parquet":
        raise target.binary_to_terminal()
    selection = Selection(query.store, start, end)
    copies = (
        query.format in export.FORMATS
        and checked.kind is statement.Kind.SELECT
        and not target.is_terminal(query.output)
        and (to_file or export.has_pipes())
    )
    if copies and _copied(query, selection, checked, notice):
        return
    with Running(selection, checked, notice, unsafe=query.unsafe) as running:
        fields, rows = running.rows()
        table = Rows([column(field) for field in fields], rows)
        reports.write(table, query.format, query.output, color=query.color, force=query.force)


class _CannotCopyError(Exception):
    pass


def _copied(query: Query, selection: Selection, checked: statement.Statement, notice: Callable[[Event], None]) -> bool:
    """Whether DuckDB could write the result itself."""

    def copy(path: str, begun: Callable[[], bool]) -> None:
        def wrapped(fields: list[Field]) -> str:
            if not export.can_copy(fields, query.format):
                raise _CannotCopyError
            names = keys([column(field) for field in fields])
            return export.copy_statement(checked.sql, fields, names, query.format, path)

        with Running(selection, checked, notice, output=path, unsafe=query.unsafe) as running:
            running.copy(wrapped, begun=begun)

    try:
        if query.output is not None and str(query.output) != "-":
            with target.staged(query.output, force=query.force) as stage:
                copy(str(stage.absolute()), lambda: False)
        else:
            with target.binary(None) as stream:
                pipe = export.Pipe(stream)
                pipe.feed(lambda: copy(pipe.path, lambda: pipe.moved > 0))
    except _CannotCopyError:
        return False
    return True


def _keep_out(output: Path, store: Path) -> None:
    if output.resolve().is_relative_to(store.resolve()):
        raise UsageError(
            "output-in-store",
            "the output lies inside the store, where only capture writes",
            where=str(output),
            hint="choose another folder with `--output FILE`",
        )
