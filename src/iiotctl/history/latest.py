"""The newest sample of each tag without reading the whole store: the newest files first, until every tag is found.

A sample lies in the folder of its own date, so nothing in an older folder can be newer. Within a date the
files' own statistics say what each can hold at most. Of a tag whose roll-ups stand for its samples the last
value of the newest roll-up counts; an interval never reaches into another date.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from iiotctl.events import Event
from iiotctl.history.sql import connect, filecheck, sqlerror
from iiotctl.history.sql.connect import quoted
from iiotctl.history.sql.omission import left_out
from iiotctl.history.sql.unsealed import Unsealed
from iiotctl.history.sql.views import LAST_USABLE, condition
from iiotctl.history.sql.worker import Worker
from iiotctl.quality import BAD
from iiotctl.store.schema import REMOVED
from iiotctl.store.snapshot import Snapshot

if TYPE_CHECKING:
    import duckdb

_BATCH_FILES: Final = 8
_BATCH_ROWS: Final = 1_000_000
"""What is read at a time within a date: many small files, or a large one."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest sample of a tag; `ts` is None when there has never been one.

    Attributes:
        quality: OPC UA status code.
        unit: as of the newest row of the tag's history.
    """

    tag: str
    ts: datetime | None = None
    value: float | None = None
    text: str | None = None
    quality: int | None = None
    unit: str = ""
    source: str = ""


def latest(
    snapshot: Snapshot, wanted: Callable[[str], bool], notice: Callable[[Event], None], *, named: Collection[str] = ()
) -> tuple[list[Latest], list[str]]:
    """The newest sample of every tag that is wanted, sorted by tag; and the names of all tags that were seen.

    Args:
        snapshot: of the store.
        wanted: whether a tag is asked for.
        notice: is told about files that had to be left out.
        named: tags that are asked for by name; only these are shown when the site file does not list them any more.

    Raises:
        StoreError: a file went away meanwhile.
    """
    import duckdb

    def leave_out(path: Path, cause: str) -> None:
        notice(left_out(path, cause))

    strangers = filecheck.strangers(snapshot.files, snapshot.ranges.keys())
    for path, cause in (*((bad.path, bad.cause) for bad in (*snapshot.bad_files, *snapshot.missing)), *strangers):
        leave_out(path, cause)
    without = [path for path, _ in strangers]
    with Worker() as worker, connect.session(unsafe=True) as connection:  # SQL of our own alone
        try:
            return worker.run(
                lambda: search(connection, snapshot, leave_out, wanted=wanted, named=named, without=without),
                connection.interrupt,
            )
        except duckdb.Error as error:
            gone = sqlerror.is_vanished(error, [path for files in snapshot.files.values() for path in files])
            raise (sqlerror.changed(error) if gone else sqlerror.translate(error)) from error


def search(
    connection: duckdb.DuckDBPyConnection,
    snapshot: Snapshot,
    leave_out: Callable[[Path, str], None],
    *,
    wanted: Callable[[str], bool] = lambda tag: True,  # noqa: ARG005 - every tag
    named: Collection[str] = (),
    start: int | None = None,
    end: int | None = None,
    without: Collection[Path] = (),
) -> tuple[list[Latest], list[str]]:
    """As `latest`, with a session of the caller's.

    Args:
        connection: may read every file of the snapshot.
        snapshot: of the store.
        leave_out: is told about damaged and foreign files.
        wanted: as in `latest`.
        named: likewise.
        start: µs UTC; older samples do not count.
        end: µs UTC; nor do later ones, this one included.
        without: files to leave out.

    Raises:
        duckdb.Error: a file went away meanwhile.
    """
    limits = (condition("ts", start, end), condition("start", start, end))
    return _Search(connection, snapshot, leave_out, limits, without).run(wanted, named)


class _Search:
    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        snapshot: Snapshot,
        leave_out: Callable[[Path, str], None],
        limits: tuple[str, str],
        without: Collection[Path],
    ) -> None:
        self._connection, self._snapshot, self._leave_out = connection, snapshot, leave_out
        self._limits, self._rolled_limits = limits
        self._without = set(without)
        self._found: dict[str, tuple[Any, ...]] = {}

    def run(self, matches: Callable[[str], bool], named: Collection[str]) -> tuple[list[Latest], list[str]]:
        rows = list(self._tags())
        about = {tag: (unit or "", source or "") for tag, unit, source, _ in rows}
        removed = {tag for tag, _, _, mode in rows if mode == REMOVED}.difference(named)

        def wanted(tag: str) -> bool:
            return tag not in removed and matches(tag)

        if self._snapshot.has_unsealed and (frame := self._snapshot.unsealed_samples()) is not None:
            self._connection.register("_unsealed", Unsealed(frame))
            self._take(self._connection.execute(_newest("_unsealed", self._limits)).fetchall())
        if self._snapshot.has_unsealed and (frame := self._snapshot.unsealed_rollups()) is not None:
            self._connection.register("_unsealed_rollups", Unsealed(frame))
            self._take(
                self._connection.execute(_newest_rolled("_unsealed_rollups", None, self._rolled_limits)).fetchall()
            )
        # without a tags table nobody knows when all have been found
        missing = {tag for tag in about if wanted(tag)} if about else None
        for samples, rollups in _by_date(self._snapshot.sample_files, self._snapshot.rollup_files):
            if missing is not None and not missing:
                break
            found = self._date(samples, missing) | self._rolled(rollups, missing)
            if missing is not None:
                missing -= found
        names = sorted({*about, *self._found})
        return [self._row(tag, *about.get(tag, ("", ""))) for tag in names if wanted(tag)], names

    def _row(self, tag: str, unit: str, source: str) -> Latest:
        if tag not in self._found:
            return Latest(tag, unit=unit, source=source)
        _, ts, value, text, quality = self._found[tag]
        return Latest(tag, ts, value, text, quality, unit, source)

    def _tags(self) -> Iterable[tuple[str, str | None, str | None, str | None]]:
        unsealed = self._snapshot.unsealed_tags() if self._snapshot.has_unsealed else None
        if unsealed is not None:
            self._connection.register("_unsealed_tags", Unsealed(unsealed))

        def sql(files: Sequence[Path]) -> str:
            parts = [_reading(files)] if files else []
            parts += ["_unsealed_tags"] if unsealed is not None else []
            union = " UNION ALL ".join(f"SELECT tag, unit, source, mode, valid_from FROM {part}" for part in parts)
            newest = ", ".join(f"arg_max({column}, valid_from)" for column in ("unit", "source", "mode"))
            return f"SELECT tag, {newest} FROM ({union}) WHERE tag IS NOT NULL GROUP BY tag" if parts else ""

        rows: list[tuple[str, str | None, str | None, str | None]] = self._guarded(
            sql, self._snapshot.tag_files, "tags"
        )
        return rows

    def _date(self, files: Sequence[Path], missing: set[str] | None) -> set[str]:
        """Look through the files of one date, those that can hold the newest samples first."""
        ranked = self._ranked(files)
        found: set[str] = set()
        open_ = None if missing is None else set(missing)
        while ranked:
            most = ranked[0][0]
            if open_ is not None:
                open_ -= {tag for tag in open_ if tag in self._found and self._found[tag][1] >= most}
                if not open_:
                    break
            batch, ranked = self._batch(ranked)
            among = "" if open_ is None else f" AND tag IN ({', '.join(map(quoted, sorted(open_)))})"
            rows = self._guarded(partial(_newest_in, among + self._limits), batch, "samples")
            found |= self._take(rows)
        return found

    def _batch(self, ranked: list[tuple[datetime, Path]]) -> tuple[list[Path], list[tuple[datetime, Path]]]:
        """The first files, few enough that little is read in vain; and the rest."""
        rows, count = 0, 0
        while count < min(len(ranked), _BATCH_FILES) and rows < _BATCH_ROWS:
            held = self._snapshot.ranges.get(ranked[count][1])
            rows += _BATCH_ROWS // _BATCH_FILES if held is None else held.rows
            count += 1
        return [path for _, path in ranked[:count]], ranked[count:]

    def _rolled(self, files: Sequence[Path], missing: set[str] | None) -> set[str]:
        """Look through the roll-ups of one date."""

        def sql(chosen: Sequence[Path]) -> str:
            return _newest_rolled(_reading(chosen), missing, self._rolled_limits) if chosen else ""

        return self._take(self._guarded(sql, files, "rollups"))

    def _ranked(self, files: Sequence[Path]) -> list[tuple[datetime, Path]]:
        """The files with the latest time that each can hold, the latest first."""
        most: dict[Path, datetime] = {}
        for path in files:
            held = self._snapshot.ranges.get(path)
            if held is not None and held.ts_max is not None:
                most[path] = _EPOCH + timedelta(microseconds=held.ts_max)
        unknown = [path for path in files if path not in most]
        most |= {Path(name): at for at, name in self._guarded(_latest_times, unknown, "samples")}
        # what is none of ours has no such column; reading it says so
        foreign = [path for path in unknown if path not in most and path not in self._without]
        most |= dict.fromkeys(foreign, datetime.max.replace(tzinfo=UTC))
        return sorted(((at, path) for path, at in most.items()), reverse=True)

    def _take(self, rows: list[tuple[Any, ...]]) -> set[str]:
        for tag, ts, newest in rows:
            if tag not in self._found or self._found[tag][1] < ts:
                self._found[tag] = (tag, ts, newest["value"], newest["text"], newest["quality"])
        return {row[0] for row in rows}

    def _guarded(self, sql: Callable[[Sequence[Path]], str], files: Sequence[Path], table: str) -> list[Any]:
        """Run `sql(files)`; files that turn out to be damaged or foreign are left out and the rest tried again."""
        import duckdb

        good = [path for path in files if path not in self._without]
        while text := sql(good):
            try:
                return self._connection.execute(text).fetchall()
            except duckdb.Error as error:
                culprits = filecheck.objections({table: good}, error)
                if not culprits:
                    raise
            for path, cause in culprits:
                self._leave_out(path, cause)
                self._without.add(path)
                good.remove(path)
        return []


def _latest_times(files: Sequence[Path]) -> str:
    if not files:
        return ""
    listed = ", ".join(quoted(str(path)) for path in files)
    # a file without statistics may hold anything
    most = "CASE WHEN count(stats_max_value) = count(*) THEN max(stats_max_value::TIMESTAMPTZ)"
    return (
        f"SELECT {most} ELSE TIMESTAMPTZ '9999-12-31' END, file_name FROM parquet_metadata([{listed}])"
        " WHERE path_in_schema = 'ts' GROUP BY file_name"
    )


def _newest(table: str, conditions: str) -> str:
    newest = "arg_max({value: value, text: text, quality: quality}, ts)"
    return f"SELECT tag, max(ts), {newest} FROM {table} WHERE tag IS NOT NULL{conditions} GROUP BY tag"


def _newest_in(conditions: str, files: Sequence[Path]) -> str:
    return _newest(_reading(files), conditions) if files else ""


def _reading(files: Sequence[Path]) -> str:
    return f"read_parquet([{', '.join(quoted(str(path)) for path in files)}], hive_partitioning = false)"


def _newest_rolled(table: str, tags: Collection[str] | None, limits: str) -> str:
    quality = f"CASE WHEN quality >= {BAD} THEN {LAST_USABLE} ELSE quality END::UINTEGER"
    newest = f'arg_max({{value: "last", text: NULL::VARCHAR, quality: {quality}}}, last_ts)'
    chosen = "" if tags is None else f" AND tag IN ({', '.join(map(quoted, sorted(tags)))})"
    return f"SELECT tag, max(last_ts), {newest} FROM {table} WHERE tag IS NOT NULL AND last_ts IS NOT NULL{chosen}{limits} GROUP BY tag"


def _by_date(*tables: Sequence[Path]) -> list[tuple[list[Path], ...]]:
    """The files of each table date by date, the latest date first."""
    dates: dict[str, tuple[list[Path], ...]] = {}
    for number, files in enumerate(tables):
        for path in files:
            dates.setdefault(path.parent.name, tuple([] for _ in tables))[number].append(path)
    return [dates[name] for name in sorted(dates, reverse=True)]
