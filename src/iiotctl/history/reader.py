"""A session over a snapshot of the store that mends itself as long as nothing has been handed out.

Two things can go wrong that are nobody's fault: a file that compaction replaced between planning and reading
(plan again), and a damaged or foreign file (leave it out and say so).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar

from iiotctl.events import Event
from iiotctl.history import connect, sqlerror, views
from iiotctl.history.omission import left_out
from iiotctl.history.worker import Worker
from iiotctl.store.snapshot import Snapshot

if TYPE_CHECKING:
    import duckdb

_ATTEMPTS: Final = 20
"""Plans per question; more than one only when a file vanished or was left out."""

Notice = Callable[[Event], None]
T = TypeVar("T")


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


class Reader:
    """Answers questions about one selection. A context manager; the session opens with the first question."""

    def __init__(
        self,
        selection: Selection,
        notice: Notice,
        *,
        output: str | None = None,
        unsafe: bool = False,
        opened: Callable[[Path, int | None, int | None], Snapshot] | None = None,
    ) -> None:
        self.selection = selection
        self._notice = notice
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

    def ask(
        self,
        work: Callable[[duckdb.DuckDBPyConnection], T],
        *,
        begun: Callable[[], bool] = lambda: False,
        shift: int = 0,
    ) -> T:
        """Do `work` with the session's connection; again from the start when the store needed mending.

        Args:
            work: must hand nothing out before it returns, or say so by `begun`.
            begun: whether output has left already, so that nothing can be done again.
            shift: lines that we put before the user's SQL, less those that stood before it.

        Raises:
            UsageError: the SQL is wrong.
            StoreError: no store; or a file went away when nothing could be done about it any more.
            BrokenPipeError: the reader of the output has gone.
        """
        import duckdb

        for _ in range(_ATTEMPTS):
            try:
                return self._worker.run(lambda: work(self._connection or self._plan()), self._interrupt)
            except duckdb.Error as error:
                if begun() and sqlerror.is_closed_pipe(error):
                    raise BrokenPipeError from error
                if begun() or not self._mend(error):
                    raise self._translated(error, shift) from error
                self._close()
        raise sqlerror.changed(None)

    def continued(self, work: Callable[[duckdb.DuckDBPyConnection], T], *, shift: int = 0) -> T:
        """Go on with what `ask` began: output has left, so nothing is mended.

        Raises:
            StoreError: a file went away meanwhile.
        """
        import duckdb

        connection = self._connection
        assert connection is not None
        try:
            return self._worker.run(lambda: work(connection), self._interrupt)
        except duckdb.Error as error:
            raise self._translated(error, shift) from error

    def source(self, table: str = "samples", *, start: int | None = None, end: int | None = None) -> str:
        """What to write behind FROM to read a view, with no more files than the range needs.

        Args:
            table: name of a view.
            start: µs UTC; rows before it are not needed.
            end: µs UTC; nor rows from it on.
        """
        del start, end
        return table

    def _plan(self) -> duckdb.DuckDBPyConnection:
        chosen = self.selection
        snapshot = self._stack.enter_context(self._open(chosen.root, chosen.start, chosen.end))
        for bad in (*snapshot.bad_files, *snapshot.missing):
            self._leave_out(bad.path, bad.cause)
        self._files = {str(table): files for table, files in snapshot.files.items()}
        files = [path for kind in self._files.values() for path in kind]
        connection = self._stack.enter_context(connect.session(files, self._output, unsafe=self._unsafe))
        views.create(connection, snapshot, start=chosen.start, end=chosen.end, without=self._without)
        if not self._unsafe:
            connect.lock(connection)
        self._connection = connection
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

    def _translated(self, error: Exception, shift: int) -> Exception:
        return sqlerror.changed(error) if self._is_vanished(error) else sqlerror.translate(error, shift=shift)

    def _is_vanished(self, error: Exception) -> bool:
        return sqlerror.is_vanished(error, [path for files in self._files.values() for path in files])

    def _leave_out(self, path: Path, cause: str) -> None:
        if path not in self._said:
            self._said.add(path)
            self._notice(left_out(path, cause))

    def _interrupt(self) -> None:
        if self._connection is not None:
            self._connection.interrupt()
