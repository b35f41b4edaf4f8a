"""Results written by DuckDB itself: CSV, JSON lines and Parquet in about 100 MB, whatever their size.

Spelling of values agrees with `iiotctl.reports`, which writes what this cannot: nested types and intervals,
and everything that goes to a terminal. stdout is fed through a pipe of ours, because DuckDB would open
`/dev/stdout` anew and cut off a file that stdout was redirected to.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from iiotctl.history.sql.connect import quoted
from iiotctl.history.sql.result import Field

FORMATS: Final = frozenset({"csv", "json", "jsonl", "parquet", "arrow"})
"""What `copy_statement` can write; Arrow as the Parquet file that it is made from."""

_PLAIN: Final = frozenset(
    {
        "BOOLEAN",
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "HUGEINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
        "UBIGINT",
        "UHUGEINT",
        "DATE",
        "UUID",
        "FLOAT",
        "DOUBLE",
        "VARCHAR",
        "BLOB",
        "TIMESTAMP",
        "TIMESTAMP WITH TIME ZONE",
    }
)
_OPTIONS: Final = {
    "csv": r"FORMAT csv, HEADER, NEW_LINE '\r\n'",
    "json": "FORMAT json",
    "jsonl": "FORMAT json",
    "parquet": "FORMAT parquet, COMPRESSION zstd",
    "arrow": "FORMAT parquet, COMPRESSION zstd",
}
_NOT_BY_PARQUET: Final = frozenset({"HUGEINT", "UHUGEINT", "UUID"})
"""Types that Parquet makes something else of (DuckDB writes a HUGEINT as a double)."""
_CHUNK: Final = 1 << 18


def can_copy(fields: Sequence[Field], format_: str) -> bool:
    """Whether DuckDB spells all columns as `iiotctl.reports` would."""
    if format_ == "parquet":
        return bool(fields)
    exact = _NOT_BY_PARQUET if format_ == "arrow" else frozenset()
    return bool(fields) and all(_is_plain(field.sql_type) and field.sql_type not in exact for field in fields)


def _is_plain(sql_type: str) -> bool:
    return sql_type in _PLAIN or re.fullmatch(r"DECIMAL\(\d+,\d+\)", sql_type) is not None


def copy_statement(sql: str, fields: Sequence[Field], names: Sequence[str], format_: str, target: str) -> str:
    """The COPY that writes the result of `sql`, which begins on the second line.

    Args:
        sql: one SELECT.
        fields: its columns.
        names: their names in the output, unique.
        format_: one of `FORMATS`.
        target: path that DuckDB opens.
    """
    inner = [f"c{number}" for number in range(len(fields))]
    cells = ", ".join(
        f"{_cell(column, field.sql_type, format_)} AS {_identifier(name)}"
        for column, field, name in zip(inner, fields, names, strict=True)
    )
    return (
        f"COPY (SELECT {cells} FROM (\n{sql}\n) AS result({', '.join(inner)}))"
        f" TO {quoted(target)} ({_OPTIONS[format_]}, USE_TMP_FILE false)"
    )


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


_CELLS: Final = {
    "TIMESTAMP WITH TIME ZONE": "strftime({0} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')",
    "TIMESTAMP": "strftime({0}, '%Y-%m-%dT%H:%M:%S.%f')",
    "FLOAT": "CASE WHEN isfinite({0}) THEN {0} END",
    "DOUBLE": "CASE WHEN isfinite({0}) THEN {0} END",
    "BLOB": "lower(hex({0}))",
}
# as reports.values.guard_formula
_GUARDED: Final = (
    r"CASE WHEN regexp_matches({0}, '^''*[=+\-@\t\r]')"
    r" AND NOT regexp_full_match({0}, '[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?')"
    r" THEN '''' || {0} ELSE {0} END"
)


def _cell(column: str, sql_type: str, format_: str) -> str:
    if format_ in ("parquet", "arrow"):
        return column
    if sql_type == "VARCHAR" and format_ == "csv":
        return _GUARDED.replace("{0}", column)
    return _CELLS.get(sql_type, "{0}").replace("{0}", column)


class Document:
    """Turns JSON lines into the rows of one JSON document while they pass by.

    A line holds no raw line feed, so every line feed stands between two rows.
    """

    def __init__(self) -> None:
        self.head = b""
        """The document up to its first row; set before the first row comes."""
        self._begun = False
        self._between = False

    def __call__(self, data: bytes) -> bytes:
        before = b""
        if not self._begun:
            before = self.head + b"\n  "
        elif self._between:
            before = b",\n  "
        self._begun = True
        self._between = data.endswith(b"\n")
        return before + data.removesuffix(b"\n").replace(b"\n", b",\n  ")

    @property
    def tail(self) -> bytes:
        """What ends the document."""
        return b"\n]}\n" if self._begun else self.head + b"]}\n"


class Pipe:
    """A path that DuckDB can write to, whose bytes arrive at a stream of ours."""

    def __init__(self, stream: BinaryIO, change: Callable[[bytes], bytes] | None = None) -> None:
        self._stream = stream
        self._change = change
        self._read, self._write = os.pipe()
        self._error: BaseException | None = None
        self.moved = 0
        self.path = f"/dev/fd/{self._write}"
        self._pump = threading.Thread(target=self._run, name="query-output", daemon=True)

    def _run(self) -> None:
        try:
            put = self._putter()
            while data := os.read(self._read, _CHUNK):
                self.moved += len(data)
                put(data if self._change is None else self._change(data))
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for us
            self._error = error
        finally:
            # from here on DuckDB meets a closed pipe and stops
            os.close(self._read)

    def _putter(self) -> Callable[[bytes], object]:
        self._stream.flush()
        try:
            descriptor = self._stream.fileno()
        except (OSError, AttributeError):
            return self._stream.write
        # not through the stream: a blocked reader would leave its lock taken when we are interrupted

        def put(data: bytes) -> None:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]

        return put

    def feed(self, work: Callable[[], None]) -> None:
        """Do `work`, which writes to `path`, and wait until everything has arrived.

        Raises:
            BrokenPipeError: the reader of the stream has gone.
            OSError: the stream cannot take more.
        """
        self._pump.start()
        failure: BaseException | None = None
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again below, unless the stream is the cause
            failure = error
        with suppress(OSError):
            os.close(self._write)
        interrupted = failure is not None and not isinstance(failure, Exception)
        self._pump.join(1.0 if interrupted else None)
        if isinstance(self._error, OSError) and not interrupted:
            raise self._error
        if failure is not None:
            raise failure
        if self._error is not None:
            raise self._error


def has_pipes() -> bool:
    """Whether this system has `/dev/fd`."""
    return Path("/dev/fd").exists()
