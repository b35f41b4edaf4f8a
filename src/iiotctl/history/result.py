"""Run one statement over a snapshot of the store, and hand its rows out as they come.

Two things can go wrong that are nobody's fault and are mended here, as long as no row has left: a file that
compaction replaced between planning and reading (plan again), and a damaged or foreign file (leave it out
and say so).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from iiotctl.events import Event
from iiotctl.history import connect, sqlerror, views
from iiotctl.history.omission import left_out
from iiotctl.history.statement import Statement
from iiotctl.history.worker import Worker
from iiotctl.store.snapshot import Snapshot

if TYPE_CHECKING:
    import duckdb

_CHUNK: Final = 2048
_ATTEMPTS: Final = 20
"""Plans per query; more than one only when a file vanished or was left out."""

Notice = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a result: its name and DuckDB's type."""

    name: str
    sql_type: str


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of the store a query sees.

    Attributes:
        root: folder of the store.
        start: µs UTC, inclusive; None = from the beginning.
        end: µs UTC, exclusive; None = to the end.
    """

    root: Path
    start: int | None = None
    end: int | None = None


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
        self._selection, self._statement, self._notice = selection, statement, notice
        self._output, self._unsafe = output, unsafe
        self._open = opened or (lambda root, start, end: Snapshot.open(root, start=start, end=end))
        self._without: set[Path] = set()
        self._said: set[Path] = set()
        self._replanned = False
        self._stack = ExitStack()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._files: dict[str, list[Path]] = {}
        self._worker = Worker()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        self._worker.__exit__(kind, error, trace)

    def _close(self) -> None:
        self._connection = None
        self._stack.close()

    def rows(self) -> tuple[list[Field], Iterator[Sequence[object]]]:
        """Columns and rows; the first rows have been computed when this returns."""
        fields, first = self._settled(self._begin)
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

        self._settled(work, begun=begun, shift=1)

    def _begin(self, connection: duckdb.DuckDBPyConnection) -> tuple[list[Field], list[Any]]:
        cursor = connection.execute(self._statement.sql)
        fields = [Field(entry[0], str(entry[1])) for entry in cursor.description or ()]
        return fields, _fetch(cursor)

    def _rest(self, first: list[Any]) -> Iterator[Sequence[object]]:
        import duckdb

        connection = self._connection
        assert connection is not None
        chunk = first
        while chunk:
            yield from chunk
            try:
                chunk = self._worker.run(lambda: _fetch(connection), self._interrupt)
            except duckdb.Error as error:
                if self._is_vanished(error):
                    raise sqlerror.changed(error) from error
                raise sqlerror.translate(error, shift=-self._statement.line) from error

    def _settled(
        self,
        work: Callable[[duckdb.DuckDBPyConnection], Any],
        *,
        begun: Callable[[], bool] = lambda: False,
        shift: int = 0,
    ) -> Any:
        import duckdb

        for _ in range(_ATTEMPTS):
            try:
                return self._worker.run(lambda: work(self._plan()), self._interrupt)
            except duckdb.Error as error:
                if begun() and sqlerror.is_closed_pipe(error):
                    raise BrokenPipeError from error
                if begun() or not self._mend(error):
                    if self._is_vanished(error):
                        raise sqlerror.changed(error) from error
                    raise sqlerror.translate(error, shift=shift - self._statement.line) from error
                self._close()
        raise sqlerror.changed(None)

    def _plan(self) -> duckdb.DuckDBPyConnection:
        chosen = self._selection
        snapshot = self._stack.enter_context(self._open(chosen.root, chosen.start, chosen.end))
        for bad in (*snapshot.bad_files, *snapshot.missing):
            self._leave_out(bad.path, bad.cause)
        self._files = {str(table): files for table, files in snapshot.files.items()}
        files = [path for kind in self._files.values() for path in kind]
        connection = self._stack.enter_context(connect.session(files, self._output, unsafe=self._unsafe))
        self._connection = connection
        views.create(connection, snapshot, start=chosen.start, end=chosen.end, without=self._without)
        if not self._unsafe:
            connect.lock(connection)
        return connection

    def _mend(self, error: Exception) -> bool:
        """Whether another plan may succeed: a file vanished, or some file turned out to be none of ours."""
        if self._is_vanished(error) and not self._replanned:
            self._replanned = True
            return True
        from iiotctl.history import filecheck

        tables = {name: [path for path in files if path not in self._without] for name, files in self._files.items()}
        culprits = self._worker.run(lambda: filecheck.objections(tables, error), lambda: None)
        for path, cause in culprits:
            self._leave_out(path, cause)
            self._without.add(path)
        return bool(culprits)

    def _is_vanished(self, error: Exception) -> bool:
        return sqlerror.is_vanished(error, [path for files in self._files.values() for path in files])

    def _leave_out(self, path: Path, cause: str) -> None:
        if path not in self._said:
            self._said.add(path)
            self._notice(left_out(path, cause))

    def _interrupt(self) -> None:
        if self._connection is not None:
            self._connection.interrupt()


def _fetch(cursor: duckdb.DuckDBPyConnection) -> list[Any]:
    return cursor.fetchmany(_CHUNK)
