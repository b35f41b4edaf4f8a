"""The views that SQL sees: `samples`, `tags`, `gaps`, `rollups` …, over sealed files and unsealed rows alike."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from iiotctl import quality
from iiotctl.history.sql.connect import quoted
from iiotctl.history.sql.unsealed import Unsealed
from iiotctl.history.sql.wide import MACRO as WIDE_MACRO
from iiotctl.store.schema import COLUMNS as STORE_COLUMNS
from iiotctl.store.schema import (
    DATED_BY,
    DISORDER_COLUMNS,
    EVENT_COLUMNS,
    GAP_COLUMNS,
    KEPT_COLUMNS,
    LATER,
    REMOVED,
    ROLLUP_COLUMNS,
    SAMPLE_COLUMNS,
    TAG_COLUMNS,
)

if TYPE_CHECKING:
    import duckdb
    import polars as pl

    from iiotctl.store.snapshot import Snapshot

SQL_TYPES: Final = {
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "string": "VARCHAR",
    "float64": "DOUBLE",
    "uint32": "UINTEGER",
    "int64": "BIGINT",
    "bool": "BOOLEAN",
}
"""DuckDB's type of each kind of column in `store.schema`."""
COLUMNS: Final[dict[str, dict[str, str]]] = {
    "samples": {name: SQL_TYPES[kind] for name, kind in SAMPLE_COLUMNS.items()},
    "tags": {name: SQL_TYPES[kind] for name, kind in TAG_COLUMNS.items()},
    "tags_history": {name: SQL_TYPES[kind] for name, kind in TAG_COLUMNS.items()},
    "gaps": {name: SQL_TYPES[kind] for name, kind in GAP_COLUMNS.items() if name != "withdrawn"},
    "rollups": {name: SQL_TYPES[kind] for name, kind in ROLLUP_COLUMNS.items() if name != "closes"},
    "kept": {name: SQL_TYPES[kind] for name, kind in KEPT_COLUMNS.items()},
    "events": {
        "number": "BIGINT",
        **{name: SQL_TYPES[kind] for name, kind in EVENT_COLUMNS.items() if name != "withdrawn"},
    },
    "disorder": {name: SQL_TYPES[kind] for name, kind in DISORDER_COLUMNS.items()},
    "latest": {
        "tag": "VARCHAR",
        "ts": "TIMESTAMP WITH TIME ZONE",
        "value": "DOUBLE",
        "text": "VARCHAR",
        "unit": "VARCHAR",
        "quality": "UINTEGER",
        "status": "VARCHAR",
        "source": "VARCHAR",
    },
}
"""Views with their columns and DuckDB types, in order."""
NEWEST: Final = "newest"
"""What `latest` is made of, in the schema `inside`."""
LAST_USABLE: Final = 0x40900000
"""UncertainLastUsableValue: of a roll-up with Bad samples nobody knows whether its last value still held."""

OF_VERBS: Final = ("samples", "tags", "tags_history", "gaps", "events")
"""What the questions of our own verbs are made of."""

_INSIDE: Final = "inside"
_INSIDE_NEWEST: Final = f"{_INSIDE}.{NEWEST}"
_MADE_OF: Final = {"tags_history": ("tags",), "latest": ("samples", "tags_history", "tags", "rollups")}
"""Views that are made of others, or of the table of another name."""

Windows = Sequence[tuple[int, int]]
"""Stretches [start, end) in µs UTC, ascending and apart from each other."""
_IN_TREE: Final = 200
"""With more windows a join is faster than a tree of comparisons (measured over 5 million rows)."""
_AT_ONCE: Final = 1000
"""Rows of a statement that fills a table of ours."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def create(
    connection: duckdb.DuckDBPyConnection,
    snapshot: Snapshot,
    *,
    start: int | None = None,
    end: int | None = None,
    without: Collection[Path] = (),
    files: Mapping[str, Sequence[Path]] | None = None,
    newest: Sequence[Sequence[object]] | None = None,
    windows: Windows | None = None,
    only: Collection[str] = COLUMNS.keys(),
) -> None:
    """Make the views of a snapshot.

    Args:
        connection: from `connect.session`, not yet locked.
        snapshot: what there is.
        start: µs UTC; samples before it are not in the view, nor roll-ups that began and gaps that ended before it.
        end: µs UTC; samples from it on are not in the view, nor roll-ups and gaps that began at or after it.
        without: files to leave out because they are damaged.
        files: what is read of each table; all of the snapshot when None. Of a table that is not in it nothing is
            read, not even what is unsealed.
        newest: rows of `latest` without `status`, where somebody has found them already; else the view looks
            through everything.
        windows: of the rows that would be in the views only those of these stretches are; roll-ups that began in
            one, gaps, kept windows, events and disorder that touch one.
        only: views that will be asked for: each takes a few ms to make.
    """
    chosen = snapshot.files if files is None else files
    # what the views are made of stands in a schema of its own, where SHOW TABLES does not look
    _enter(connection)
    tables = set(only) | {table for view in only for table in _MADE_OF.get(view, ())}
    for table in snapshot.files.keys() & tables:
        good = [path for path in chosen.get(table, ()) if path not in without]
        _raw(connection, table, good, snapshot.unsealed(table) if table in chosen else None)
    if newest is not None:
        _newest_table(connection, newest)
    if windows is not None:
        _windows_table(connection, windows)
    if newest is None and "latest" in only:
        tables.add(_INSIDE_NEWEST)
    _define(connection, _definitions(start, end, windows), tables)


def create_empty(connection: duckdb.DuckDBPyConnection, *, start: int | None = None, end: int | None = None) -> None:
    """Make the views over empty tables in the schema `inside`, to plan statements that are run elsewhere.

    Args:
        connection: a fresh one.
        start: as in `create`.
        end: likewise.
    """
    _enter(connection)
    for table, kinds in STORE_COLUMNS.items():
        columns = ", ".join(f'"{column}" {SQL_TYPES[kind]}' for column, kind in kinds.items())
        connection.execute(f"CREATE TABLE {_INSIDE}.raw_{table} ({columns})")
    _newest_table(connection, [])
    _define(connection, _definitions(start, end), COLUMNS)


def _enter(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(f"CREATE SCHEMA {_INSIDE}")
    for statement in MACROS:
        connection.execute(statement)


def _newest_table(connection: duckdb.DuckDBPyConnection, rows: Sequence[Sequence[object]]) -> None:
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS["latest"].items() if name != "status")
    connection.execute(f"CREATE TABLE {_INSIDE}.{NEWEST} ({columns})")
    if rows:
        marks = f"({', '.join('?' * len(rows[0]))})"
        values = [cell for row in rows for cell in row]
        connection.execute(f"INSERT INTO {_INSIDE}.{NEWEST} VALUES {', '.join([marks] * len(rows))}", values)


def _windows_table(connection: duckdb.DuckDBPyConnection, windows: Windows) -> None:
    connection.execute(f'CREATE TABLE {_INSIDE}.windows ("from" TIMESTAMPTZ, "to" TIMESTAMPTZ)')
    for some in range(0, len(windows), _AT_ONCE):
        rows = ", ".join(f"({literal(low)}, {literal(high)})" for low, high in windows[some : some + _AT_ONCE])
        connection.execute(f"INSERT INTO {_INSIDE}.windows VALUES {rows}")


def inside(windows: Windows, column: str) -> str:
    """SQL that is true where a time lies in one of the windows: a tree, so that few of them are looked at.

    Args:
        windows: [start, end) each in µs UTC, ascending and apart; one at least.
        column: SQL of the time.
    """
    if len(windows) == 1:
        ((start, end),) = windows
        return f"({column} >= {literal(start)} AND {column} < {literal(end)})"
    half = len(windows) // 2
    low, high = inside(windows[:half], column), inside(windows[half:], column)
    return f"CASE WHEN {column} < {literal(windows[half][0])} THEN {low} ELSE {high} END"


def _within(rows: str, column: str, windows: Windows | None) -> str:
    """Rows of a view by a time, those of the windows only."""
    if windows is None:
        return rows
    if len(windows) <= _IN_TREE:
        return f"FROM ({rows}) WHERE {inside(windows, column) if windows else 'false'}"
    join = f'ASOF JOIN {_INSIDE}.windows w ON r.{column} >= w."from"'
    return f'SELECT r.* FROM ({rows}) r {join} WHERE r.{column} < w."to"'


def _touching(rows: str, windows: Windows | None) -> str:
    """Rows of a view with start and end, those that touch a window."""
    if windows is None:
        return rows
    touches = f'EXISTS (FROM {_INSIDE}.windows w WHERE r.start < w."to" AND (r."end" IS NULL OR r."end" >= w."from"))'
    return f"FROM ({rows}) r WHERE {touches}"


def _define(connection: duckdb.DuckDBPyConnection, definitions: Mapping[str, str], only: Collection[str]) -> None:
    for name, sql in definitions.items():
        if name in only:
            connection.execute(f"CREATE VIEW {name} AS {sql}")


def _definitions(start: int | None, end: int | None, windows: Windows | None = None) -> dict[str, str]:
    """SQL of each view, those that others are made of first."""
    where = _where(("ts >= {}", start), ("ts < {}", end))
    samples = _within(f"FROM {_INSIDE}.raw_samples{where}", "ts", windows)
    tags = (
        f"FROM (FROM {_INSIDE}.raw_tags"
        " QUALIFY row_number() OVER (PARTITION BY site, tag ORDER BY valid_from DESC, config_hash) = 1)"
        f" WHERE mode IS DISTINCT FROM {quoted(REMOVED)}"
    )
    where = _where(('("end" IS NULL OR "end" >= {})', start), ("start < {}", end))
    # of one instant the row that ends or takes back the gap is the later one
    gaps = (
        f"SELECT * EXCLUDE (withdrawn) FROM (FROM {_INSIDE}.raw_gaps QUALIFY row_number() OVER "
        '(PARTITION BY site, id ORDER BY detected_at DESC, withdrawn DESC, "end" DESC NULLS LAST) = 1)'
        f" WHERE NOT withdrawn{where.replace(' WHERE', ' AND')}"
    )
    kept = (
        f"FROM (FROM {_INSIDE}.raw_kept"
        ' QUALIFY row_number() OVER (PARTITION BY site, id ORDER BY detected_at DESC, "end" DESC NULLS LAST) = 1)'
        + where
    )
    # numbers are those of the whole store, whatever part of it is looked at
    where = _where(('("end" IS NULL OR "end" > {})', start), ("start < {}", end))
    events = (
        f"FROM (SELECT row_number() OVER (PARTITION BY site, event ORDER BY start, id) AS number,"
        f" * EXCLUDE (withdrawn) FROM (FROM {_INSIDE}.raw_events QUALIFY row_number() OVER"
        ' (PARTITION BY site, id ORDER BY detected_at DESC, withdrawn DESC, "end" DESC NULLS LAST) = 1)'
        " WHERE NOT withdrawn)" + where
    )
    # a spell that is noted again, grown or not, keeps its start
    where = _where(('"end" >= {}', start), ("start < {}", end))
    disorder = (
        f"FROM (FROM {_INSIDE}.raw_disorder QUALIFY row_number() OVER"
        ' (PARTITION BY site, tag, kind, start ORDER BY detected_at DESC, "end" DESC, rows DESC) = 1)' + where
    )
    rollups = _ROLLUPS.format(where=_where(("start >= {}", start), ("start < {}", end)))
    return {
        "samples": samples,
        "tags_history": f"FROM {_INSIDE}.raw_tags",
        "tags": tags,
        "gaps": _touching(gaps, windows),
        "kept": _touching(kept, windows),
        "events": _touching(events, windows),
        "disorder": _touching(disorder, windows),
        "rollups": _within(rollups, "start", windows),
        _INSIDE_NEWEST: _NEWEST,
        "latest": f"SELECT {_LATEST} FROM {_INSIDE_NEWEST}",
    }


def _raw(connection: duckdb.DuckDBPyConnection, name: str, files: Sequence[Path], frame: pl.DataFrame | None) -> None:
    if frame is not None:
        # not `register`: its views are temporary, and SHOW TABLES lists them
        connection.execute(f"SET schema = '{_INSIDE}'")
        connection.from_arrow(Unsealed(frame)).create_view(f"unsealed_{name}")
        connection.execute("SET schema = 'main'")
    groups = _by_columns(connection, name, files)
    connection.execute(f"CREATE VIEW {_INSIDE}.raw_{name} AS {_rows_of(name, groups, unsealed=frame is not None)}")


def part(table: str, files: Sequence[Path], *, unsealed: bool, start: int | None = None, end: int | None = None) -> str:
    """SQL of a part of the view of a table that has all its columns in every file; `create` has been called.

    Args:
        table: `samples`.
        files: of those that the view reads.
        unsealed: there are unsealed rows.
        start: as given to `create`.
        end: likewise.
    """
    rows = _rows_of(table, [(frozenset(), files)] if files else [], unsealed=unsealed)
    time = DATED_BY[table]
    where = _where((f"{time} >= {{}}", start), (f"{time} < {{}}", end))
    return f"(FROM ({rows}){where})" if where else f"({rows})"


def _rows_of(name: str, groups: Sequence[tuple[Collection[str], Sequence[Path]]], *, unsealed: bool) -> str:
    kinds = STORE_COLUMNS[name]

    def columns(lacks: Collection[str] = ()) -> str:
        cells = {column: "NULL" if column in lacks else f'"{column}"' for column in kinds}
        return ", ".join(f'CAST({cell} AS {SQL_TYPES[kinds[column]]}) AS "{column}"' for column, cell in cells.items())

    parts = []
    for lacks, some in groups:
        listed = ", ".join(quoted(str(path)) for path in some)
        parts.append(f"SELECT {columns(lacks)} FROM read_parquet([{listed}], hive_partitioning = false)")
    if unsealed:
        parts.append(f"SELECT {columns()} FROM {_INSIDE}.unsealed_{name}")
    if not parts:
        parts.append(f"SELECT {columns(kinds)} WHERE false")
    return " UNION ALL ".join(parts)


def _by_columns(
    connection: duckdb.DuckDBPyConnection, table: str, files: Sequence[Path]
) -> list[tuple[frozenset[str], list[Path]]]:
    """Files together that lack the same columns, because an earlier version wrote them.

    `union_by_name` would do, and would take a foreign file for rows of nothing but nulls.
    """
    later = LATER.get(table)
    if not files or later is None:
        return [(frozenset(), list(files))] if files else []
    listed = ", ".join(quoted(str(path)) for path in files)
    rows = connection.execute(f"SELECT file_name, list(name) FROM parquet_schema([{listed}]) GROUP BY 1").fetchall()
    has = {name: later.intersection(columns) for name, columns in rows}
    groups: dict[frozenset[str], list[Path]] = {}
    for path in files:
        groups.setdefault(later - has.get(str(path), later), []).append(path)
    return list(groups.items())


def literal(ts_us: int) -> str:
    """A time in µs UTC as SQL."""
    return f"TIMESTAMPTZ '{(_EPOCH + timedelta(microseconds=ts_us)).isoformat(sep=' ')}'"


def condition(column: str, start: int | None, end: int | None) -> str:
    """` AND …`: a time column lies in [start, end), µs UTC; "" without bounds."""
    return _where((f"{column} >= {{}}", start), (f"{column} < {{}}", end)).replace(" WHERE", " AND", 1)


def _where(*conditions: tuple[str, int | None]) -> str:
    held = [text.format(literal(ts)) for text, ts in conditions if ts is not None]
    return f" WHERE {' AND '.join(held)}" if held else ""


def _names_map() -> str:
    codes = ", ".join(str(code) for code in quality.NAMES)
    names = ", ".join(quoted(name) for name in quality.NAMES.values())
    return f"map([{codes}]::UINTEGER[], [{names}])"


_ROLLUPS: Final = f"""
SELECT tag, start, "end", "min", "max", mean,
    sqrt(list_sum(list_transform(parts, lambda p: p.n * (p.std * p.std + (p.mean - mean) * (p.mean - mean)))) / "count")
        AS std,
    "count", bad, "first", first_ts, "last", last_ts, quality, partial, site
FROM (
    SELECT tag, start, "end", site, min("min") AS "min", max("max") AS "max",
        sum(mean * "count") / nullif(sum("count"), 0) AS mean,
        list({{{{'n': "count", 'mean': mean, 'std': std}}}}) AS parts,
        sum("count")::BIGINT AS "count", sum(bad)::BIGINT AS bad,
        arg_min("first", first_ts) AS "first", min(first_ts) AS first_ts,
        arg_max("last", last_ts) AS "last", max(last_ts) AS last_ts,
        max(quality) AS quality, bool_or(partial) OR NOT bool_or(closes) AS partial
    FROM {_INSIDE}.raw_rollups{{where}}
    GROUP BY tag, start, "end", site
)
WHERE "count" + bad > 0"""
"""One row an interval: its parts put together by the formulas of Chan et al., which stay exact for large means."""

_NEWEST: Final = f"""
SELECT tag, n.ts, n.row.value AS value, n.row.text AS text, t.unit, n.row.quality AS quality, t.source
FROM (
    SELECT tag, max(ts) AS ts, arg_max({{value: value, text: text, quality: quality}}, ts) AS "row"
    FROM (
        SELECT tag, ts, value, text, quality FROM samples
        UNION ALL
        SELECT tag, last_ts, "last", NULL, CASE WHEN is_bad(quality) THEN {LAST_USABLE}::UINTEGER ELSE quality END
        FROM rollups WHERE last_ts IS NOT NULL
    ) GROUP BY tag
) n FULL JOIN (
    SELECT tag, arg_max(unit, valid_from) AS unit, arg_max(source, valid_from) AS source,
        arg_max(mode, valid_from) AS mode
    FROM tags_history GROUP BY tag
) t USING (tag)
WHERE t.mode IS DISTINCT FROM {quoted(REMOVED)}"""
_LATEST: Final = "tag, ts, value, text, unit, quality, quality_name(quality) AS status, source"
MACROS: Final = (
    "CREATE MACRO is_good(quality) AS quality < 1073741824",
    "CREATE MACRO is_bad(quality) AS quality >= 2147483648",
    (
        f"CREATE MACRO quality_name(quality) AS coalesce(map_extract({_names_map()}, (quality & 4294901760)::UINTEGER)[1],"
        " CASE WHEN quality < 1073741824 THEN 'Good' WHEN quality < 2147483648 THEN 'Uncertain' ELSE 'Bad' END"
        " || printf('(0x%08X)', quality))"
    ),
    WIDE_MACRO,
)
