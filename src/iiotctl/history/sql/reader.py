"""A session over a snapshot of the store that mends itself as long as nothing has been handed out.

Two things can go wrong that are nobody's fault: a file that compaction replaced between planning and reading
(plan again), and a damaged or foreign file (leave it out and say so).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar

from iiotctl.events import Event, Level
from iiotctl.history import latest
from iiotctl.history.sql import connect, planning, sqlerror, views
from iiotctl.history.sql.bounds import Bounds, FileIndex
from iiotctl.history.sql.connect import quoted
from iiotctl.history.sql.omission import left_out
from iiotctl.history.sql.worker import Worker
from iiotctl.store.layout import SAMPLES
from iiotctl.store.snapshot import Snapshot

if TYPE_CHECKING:
    import duckdb

    from iiotctl.history.sql.statement import Statement

_ATTEMPTS: Final = 20
"""Plans per question; more than one only when a file vanished or was left out."""
_MOST_NAMED: Final = 3

Notice = Callable[[Event], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of the store a query sees.

    Attributes:
        root: folder of the store.
        start: µs UTC, inclusive; None = from the beginning.
        end: µs UTC, exclusive; None = to the end.
        windows: only these stretches [start, end) of it, ascending and apart; None = all of it.
    """

    root: Path
    start: int | None = None
    end: int | None = None
    windows: tuple[tuple[int, int], ...] | None = None


class Reader:
    """Answers questions about one selection. A context manager; the session opens with the first question.

    With a statement it opens only the files that this needs, and is good for nothing else. With `only` it has these
    views and no others.
    """

    def __init__(
        self,
        selection: Selection,
        notice: Notice,
        *,
        output: str | None = None,
        unsafe: bool = False,
        opened: Callable[[Path, int | None, int | None], Snapshot] | None = None,
        statement: Statement | None = None,
        only: Collection[str] = views.COLUMNS.keys(),
    ) -> None:
        self.selection = selection
        self._statement, self._only = statement, only
        self._notice = notice
        self._output, self._unsafe = output, unsafe
        self._open = opened or (lambda root, start, end: Snapshot.open(root, start=start, end=end))
        self._without: set[Path] = set()
        self._said: set[Path] = set()
        self._replanned = False
        self._stack = ExitStack()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._files: Mapping[str, Sequence[Path]] = {}
        self._index = FileIndex({}, {})
        self._unsealed = False
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

    @property
    def omitted(self) -> Collection[Path]:
        """Files that turned out to be damaged or of another make."""
        return self._without

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

    def source(
        self,
        table: str = SAMPLES,
        *,
        start: int | None = None,
        end: int | None = None,
        tags: Collection[str] | None = None,
    ) -> str:
        """What to write behind FROM to read a view, with no more files than the question needs.

        To be asked for inside the `work` of `ask`, each time: the files are those of its session.

        Args:
            table: name of a view.
            start: µs UTC; rows before it are not needed.
            end: µs UTC; nor rows from it on.
            tags: nor those of other tags.
        """
        whole = self._index.files.get(table, ())
        if table != SAMPLES or not whole or self.selection.windows is not None:
            return table
        chosen = self._index.chosen(table, [Bounds(start, end, None if tags is None else frozenset(tags))])
        if len(chosen) == len(whole):
            return table
        return views.part(table, chosen, unsealed=self._unsealed, start=self.selection.start, end=self.selection.end)

    def may_hold(
        self, table: str, *, start: int | None = None, end: int | None = None, tags: Collection[str] | None = None
    ) -> bool:
        """Whether `source` can have a row: a question that it says no to need not be asked.

        To be asked like that, with the same arguments.
        """
        return self._unsealed or bool(
            self._index.chosen(table, [Bounds(start, end, None if tags is None else frozenset(tags))])
        )

    def _plan(self) -> duckdb.DuckDBPyConnection:
        chosen = self.selection
        snapshot = self._stack.enter_context(self._open(chosen.root, chosen.start, chosen.end))
        for bad in (*snapshot.bad_files, *snapshot.missing):
            self._leave_out(bad.path, bad.cause)
        self._without.update(self._strangers(snapshot))
        self._files = {
            str(table): [path for path in files if path not in self._without] for table, files in snapshot.files.items()
        }
        index = FileIndex(self._files, snapshot.ranges)
        plan = planning.Plan(self._files)
        if self._statement is not None:
            plan = planning.plan(self._statement, snapshot, index, start=chosen.start, end=chosen.end)
        if plan.latest and chosen.windows is not None:
            plan = replace(plan, files=self._files)  # the newest of the windows are found by SQL
        newest = self._newest(snapshot) if plan.latest and chosen.windows is None else None
        self._index = FileIndex(plan.files, snapshot.ranges)
        self._unsealed = snapshot.unsealed_rows > 0
        files = [path for kind in plan.files.values() for path in kind]
        memory = connect.LEAST_MEMORY if plan.streams else None
        connection = self._stack.enter_context(connect.session(files, self._output, unsafe=self._unsafe, memory=memory))
        views.create(
            connection,
            snapshot,
            start=chosen.start,
            end=chosen.end,
            files=plan.files,
            newest=newest,
            windows=chosen.windows,
            only=self._only,
        )
        for pivot in plan.pivots:
            self._make_wide(connection, pivot)
        if not self._unsafe:
            connect.lock(connection)
        self._connection = connection
        return connection

    def _strangers(self, snapshot: Snapshot) -> list[Path]:
        from iiotctl.history.sql import filecheck

        found = filecheck.strangers(snapshot.files, self._without | snapshot.ranges.keys())
        for path, cause in found:
            self._leave_out(path, cause)
        return [path for path, _ in found]

    def _newest(self, snapshot: Snapshot) -> list[tuple[object, ...]]:
        """Rows of `latest`: found file by file from the newest on, which no SQL over all files would do."""
        with connect.session(unsafe=True) as connection:  # SQL of our own alone
            self._connection = connection  # may be interrupted
            try:
                rows, _ = latest.search(
                    connection,
                    snapshot,
                    self._leave_out,
                    start=self.selection.start,
                    end=self.selection.end,
                    without=self._without,
                )
            finally:
                self._connection = None
        return [(row.tag, row.ts, row.value, row.text, row.unit, row.quality, row.source) for row in rows]

    def _make_wide(self, connection: duckdb.DuckDBPyConnection, pivot: planning.Pivot) -> None:
        needs = pivot.needs
        whole = any(bounds.start is None for bounds in needs), any(bounds.end is None for bounds in needs)
        start = None if whole[0] else min(bounds.start for bounds in needs if bounds.start is not None)
        end = None if whole[1] else max(bounds.end for bounds in needs if bounds.end is not None)
        condition = views.condition("ts", start, end)
        listed = ", ".join(map(quoted, pivot.tags))
        texts = connection.execute(
            f"SELECT DISTINCT tag FROM samples WHERE tag IN ({listed}){condition} AND text IS NOT NULL AND value IS NULL"
            " AND NOT is_bad(quality) ORDER BY tag"
        ).fetchall()
        if texts:
            named = ", ".join(f"`{tag}`" for (tag,) in texts[:_MOST_NAMED])
            more = f" and {len(texts) - _MOST_NAMED} more" if len(texts) > _MOST_NAMED else ""
            has = "have" if len(texts) > 1 else "has"
            text = f"{named}{more} {has} texts in this range; `wide` shows numbers only, the texts are in `samples`"
            self._notice(Event(Level.WARNING, "wide-texts", text))
        connection.execute(pivot.call.view(pivot.tags, condition))

    def _mend(self, error: Exception) -> bool:
        """Whether another plan may succeed: a file vanished, or some file turned out to be none of ours."""
        if self._is_vanished(error) and not self._replanned:
            self._replanned = True
            return True
        from iiotctl.history.sql import filecheck

        culprits = self._worker.run(lambda: filecheck.objections(self._files, error), lambda: None)
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
