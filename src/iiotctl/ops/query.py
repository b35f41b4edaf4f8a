"""`query`: one SELECT over the store, written as rows in any format."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from iiotctl.events import Event
from iiotctl.history.events import during
from iiotctl.history.sql import export, statement
from iiotctl.history.sql.omission import Omissions
from iiotctl.history.sql.reader import Reader, Selection
from iiotctl.history.sql.result import Field, Running
from iiotctl.history.time import times
from iiotctl.history.time.sitetime import UTC_TIME, SiteTime
from iiotctl.reports import as_arrow, target
from iiotctl.reports import output as reports
from iiotctl.reports.as_json import head, keys
from iiotctl.reports.base import Sheet
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
        during: `--during`; only samples are seen of the times in which an event of this name lasted.
        force: replace an existing output file.
        unsafe: run any SQL.
        color: styles are allowed in tables.
        strict: fail after the result when files had to be left out.
        zone: of `start` and `end` where they have no offset, and of the days of `wide`.
        sheet: what a workbook and CSV for Excel need to know.
    """

    store: Path
    sql: str
    format: str = "table"
    output: Path | None = None
    start: str | None = None
    end: str | None = None
    during: str | None = None
    force: bool = False
    unsafe: bool = False
    color: bool = False
    strict: bool = False
    zone: SiteTime = UTC_TIME
    sheet: Sheet = field(default_factory=Sheet)


def column(field: Field) -> Column:
    """A result's column as other programs read it."""
    sql_type = field.sql_type
    if sql_type.endswith("]"):
        return Column(field.name, "list")
    if sql_type.startswith("TIMESTAMP"):
        return Column(field.name, "timestamp", zoned=sql_type.endswith("TIME ZONE"))
    if sql_type.startswith("DECIMAL"):
        return Column(field.name, "decimal", scale=int(sql_type.rpartition(",")[2].rstrip(")")))
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
        IncompleteError: `no-events`.
        StoreError: no store, or a file went away after output had begun; `store-incomplete` with `strict`.
        BrokenPipeError: the reader of stdout has gone.
    """
    omissions = Omissions(notice)
    _run(query, omissions, now_us)
    omissions.end(query.store, strict=query.strict)


def _run(query: Query, notice: Callable[[Event], None], now_us: Callable[[], int]) -> None:
    checked = statement.check(query.sql, unsafe=query.unsafe, zone=query.zone.name)
    now = now_us()
    within = times.parse_range(query.start, query.end, now, zone=query.zone, notice=notice)
    to_file = query.output is not None and str(query.output) != "-"
    if to_file and query.output is not None:
        target.keep_out_of_store(query.output)
    reports.check(query.format, query.output, query.sheet.excel)
    selection = Selection(query.store, within.start, within.end)
    if query.during is not None:
        with Reader(selection, notice, only=("events",)) as reader:
            windows = tuple(during.windows(reader, query.during, within.start, within.end, now=now))
        selection = Selection(query.store, windows[0][0], windows[-1][1], windows)
    copies = (
        query.format in export.FORMATS
        and query.sheet.excel is None
        and checked.kind is statement.Kind.SELECT
        and not target.is_terminal(query.output)
        and ((to_file and query.format != "json") or (query.format != "arrow" and export.has_pipes()))
    )
    if copies and _Copy(query, selection, checked, notice).done():
        return
    with Running(selection, checked, notice, unsafe=query.unsafe) as running:
        fields, rows = running.rows()
        table = Rows([column(field) for field in fields], rows)
        if checked.kind is statement.Kind.EXPLAIN and query.format == "table":
            table = Rows([Column("plan")], ((line,) for row in rows for line in str(row[-1]).splitlines()))
        reports.write(table, query.format, query.output, color=query.color, force=query.force, sheet=query.sheet)


class _CannotCopyError(Exception):
    pass


class _Copy:
    """A result that DuckDB writes itself, straight to a file or through a pipe of ours."""

    def __init__(
        self, query: Query, selection: Selection, checked: statement.Statement, notice: Callable[[Event], None]
    ) -> None:
        self._query, self._selection, self._checked, self._notice = query, selection, checked, notice

    def done(self) -> bool:
        """Write; False when the columns are of types that only `iiotctl.reports` spells right."""
        query = self._query
        try:
            if query.format == "arrow":
                self._arrow()
            elif query.output is None or str(query.output) == "-" or query.format == "json":
                with target.binary(query.output, force=query.force) as stream:
                    self._pipe(stream)
            else:
                with target.staged(query.output, force=query.force) as stage:
                    self._to(str(stage.absolute()), lambda: False)
        except _CannotCopyError:
            return False
        return True

    def _arrow(self) -> None:
        """By way of a Parquet file, because DuckDB cannot write Arrow and hands it over whole.

        Not for a pipe: its reader would wait for the last row, and going away early would stop nothing.
        """
        output = self._query.output
        target.check_place(output, force=self._query.force)
        with tempfile.TemporaryDirectory(prefix="iiotctl-arrow-", ignore_cleanup_errors=True) as folder:
            path = Path(folder) / "rows.parquet"
            self._to(str(path), lambda: False)
            with target.binary(output, force=self._query.force) as stream:
                as_arrow.convert(path, stream, "" if output is None else output.suffix)

    def _pipe(self, stream: BinaryIO) -> None:
        document = export.Document() if self._query.format == "json" else None
        pipe = export.Pipe(stream, document)
        pipe.feed(lambda: self._to(pipe.path, lambda: pipe.moved > 0, document))
        if document is not None:
            stream.write(document.tail)

    def _to(self, path: str, begun: Callable[[], bool], document: export.Document | None = None) -> None:
        def wrapped(fields: list[Field]) -> str:
            if not export.can_copy(fields, self._query.format):
                raise _CannotCopyError
            columns = [column(field) for field in fields]
            if document is not None:
                document.head = head(columns)
            return export.copy_statement(self._checked.sql, fields, keys(columns), self._query.format, path)

        with Running(self._selection, self._checked, self._notice, output=path, unsafe=self._query.unsafe) as running:
            running.copy(wrapped, begun=begun)
