"""Run one statement over a snapshot of the store, and hand its rows out as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from iiotctl.history.sql.reader import Notice, Reader, Selection
from iiotctl.history.sql.statement import Statement

if TYPE_CHECKING:
    import duckdb

    from iiotctl.store.snapshot import Snapshot

_CHUNK: Final = 2048


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a result: its name and DuckDB's type."""

    name: str
    sql_type: str


class Running:
    """A statement on a snapshot. A context manager; `rows` and `copy` may be called once, one of them."""

    def __init__(
        self,
        selection: Selection,
        statement: Statement,
        notice: Notice,
        *,
        output: str | None = None,
        unsafe: bool = False,
        opened: Callable[[Path, int | None, int | None], Snapshot] | None = None,
    ) -> None:
        self._statement = statement
        self._reader = Reader(selection, notice, output=output, unsafe=unsafe, opened=opened, statement=statement)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.__exit__(kind, error, trace)

    def rows(self) -> tuple[list[Field], Iterator[Sequence[object]]]:
        """Columns and rows; the first rows have been computed when this returns."""
        fields, first = self._reader.ask(self._begin, shift=-self._statement.line)
        return fields, self._rest(first)

    def copy(self, wrapped: Callable[[list[Field]], str], *, begun: Callable[[], bool]) -> None:
        """Let DuckDB write the result itself.

        Args:
            wrapped: makes the COPY statement from the columns; the user's SQL begins on its second line.
            begun: whether output has left already, so that nothing can be done again.
        """

        def work(connection: duckdb.DuckDBPyConnection) -> None:
            described = connection.execute(f"DESCRIBE\n{self._statement.sql}").fetchall()
            fields = [Field(name, sql_type) for name, sql_type, *_ in described]
            connection.execute(wrapped(fields)).fetchall()

        self._reader.ask(work, begun=begun, shift=1 - self._statement.line)

    def _begin(self, connection: duckdb.DuckDBPyConnection) -> tuple[list[Field], list[Any]]:
        cursor = connection.execute(self._statement.sql)
        fields = [Field(entry[0], str(entry[1])) for entry in cursor.description or ()]
        return fields, _fetch(cursor)

    def _rest(self, first: list[Any]) -> Iterator[Sequence[object]]:
        chunk = first
        while chunk:
            yield from chunk
            chunk = self._reader.continued(_fetch, shift=-self._statement.line)


def _fetch(cursor: duckdb.DuckDBPyConnection) -> list[Any]:
    return cursor.fetchmany(_CHUNK)
