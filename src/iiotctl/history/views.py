"""The views that SQL sees: `samples`, `tags`, `gaps`, `rollups` …, over sealed files and unsealed rows alike."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from iiotctl import quality
from iiotctl.history.connect import quoted
from iiotctl.history.unsealed import Unsealed
from iiotctl.store.schema import COLUMNS as STORE_COLUMNS
from iiotctl.store.schema import (
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
}
"""Views with their columns and DuckDB types, in order."""

_INSIDE: Final = "inside"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def create(
    connection: duckdb.DuckDBPyConnection,
    snapshot: Snapshot,
    *,
    start: int | None = None,
    end: int | None = None,
    without: Collection[Path] = (),
) -> None:
    """Make the views of a snapshot.

    Args:
        connection: from `connect.session`, not yet locked.
        snapshot: what there is.
        start: µs UTC; samples before it are not in the view, nor roll-ups that began and gaps that ended before it.
        end: µs UTC; samples from it on are not in the view, nor roll-ups and gaps that began at or after it.
        without: files to leave out because they are damaged.
    """
    # what the views are made of stands in a schema of its own, where SHOW TABLES does not look
    connection.execute(f"CREATE SCHEMA {_INSIDE}")
    connection.execute(f"SET schema = '{_INSIDE}'")
    for table, files in snapshot.files.items():
        good = [path for path in files if path not in without]
        _raw(connection, table, good, snapshot.unsealed(table), STORE_COLUMNS[table])
    connection.execute("SET schema = 'main'")
    where = _where(("ts >= {}", start), ("ts < {}", end))
    connection.execute(f"CREATE VIEW samples AS FROM {_INSIDE}.raw_samples{where}")
    connection.execute(f"CREATE VIEW tags_history AS FROM {_INSIDE}.raw_tags")
    connection.execute(
        f"CREATE VIEW tags AS FROM (FROM {_INSIDE}.raw_tags"
        " QUALIFY row_number() OVER (PARTITION BY site, tag ORDER BY valid_from DESC, config_hash) = 1)"
        f" WHERE mode IS DISTINCT FROM {quoted(REMOVED)}"
    )
    where = _where(('("end" IS NULL OR "end" >= {})', start), ("start < {}", end))
    # of one instant the row that ends or takes back the gap is the later one
    connection.execute(
        f"CREATE VIEW gaps AS SELECT * EXCLUDE (withdrawn) FROM (FROM {_INSIDE}.raw_gaps QUALIFY row_number() OVER "
        '(PARTITION BY site, id ORDER BY detected_at DESC, withdrawn DESC, "end" DESC NULLS LAST) = 1)'
        f" WHERE NOT withdrawn{where.replace(' WHERE', ' AND')}"
    )
    connection.execute(
        f"CREATE VIEW kept AS FROM (FROM {_INSIDE}.raw_kept"
        ' QUALIFY row_number() OVER (PARTITION BY site, id ORDER BY detected_at DESC, "end" DESC NULLS LAST) = 1)'
        + where
    )
    # numbers are those of the whole store, whatever part of it is looked at
    where = _where(('("end" IS NULL OR "end" > {})', start), ("start < {}", end))
    connection.execute(
        f"CREATE VIEW events AS FROM (SELECT row_number() OVER (PARTITION BY site, event ORDER BY start, id) AS number,"
        f" * EXCLUDE (withdrawn) FROM (FROM {_INSIDE}.raw_events QUALIFY row_number() OVER"
        ' (PARTITION BY site, id ORDER BY detected_at DESC, withdrawn DESC, "end" DESC NULLS LAST) = 1)'
        " WHERE NOT withdrawn)" + where
    )
    connection.execute(_ROLLUPS.format(where=_where(("start >= {}", start), ("start < {}", end))))
    for statement in _MACROS:
        connection.execute(statement)


def _raw(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    files: Sequence[Path],
    frame: pl.DataFrame | None,
    kinds: dict[str, str],
) -> None:
    def columns(lacks: Collection[str] = ()) -> str:
        cells = {column: "NULL" if column in lacks else f'"{column}"' for column in kinds}
        return ", ".join(f'CAST({cell} AS {SQL_TYPES[kinds[column]]}) AS "{column}"' for column, cell in cells.items())

    parts = []
    for lacks, some in _by_columns(connection, name, files):
        listed = ", ".join(quoted(str(path)) for path in some)
        parts.append(f"SELECT {columns(lacks)} FROM read_parquet([{listed}], hive_partitioning = false)")
    if frame is not None:
        # not `register`: its views are temporary, and SHOW TABLES lists them
        connection.from_arrow(Unsealed(frame)).create_view(f"unsealed_{name}")
        parts.append(f"SELECT {columns()} FROM {_INSIDE}.unsealed_{name}")
    if not parts:
        parts.append(f"SELECT {columns(kinds)} WHERE false")
    connection.execute(f"CREATE VIEW {_INSIDE}.raw_{name} AS {' UNION ALL '.join(parts)}")


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


def _where(*conditions: tuple[str, int | None]) -> str:
    held = [text.format(literal(ts)) for text, ts in conditions if ts is not None]
    return f" WHERE {' AND '.join(held)}" if held else ""


def _names_map() -> str:
    codes = ", ".join(str(code) for code in quality.NAMES)
    names = ", ".join(quoted(name) for name in quality.NAMES.values())
    return f"map([{codes}]::UINTEGER[], [{names}])"


_ROLLUPS: Final = f"""
CREATE VIEW rollups AS
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

_MACROS: Final = (
    "CREATE MACRO is_good(quality) AS quality < 1073741824",
    "CREATE MACRO is_bad(quality) AS quality >= 2147483648",
    (
        f"CREATE MACRO quality_name(quality) AS coalesce({_names_map()}[(quality & 4294901760)::UINTEGER],"
        " CASE WHEN quality < 1073741824 THEN 'Good' WHEN quality < 2147483648 THEN 'Uncertain' ELSE 'Bad' END"
        " || printf('(0x%08X)', quality))"
    ),
)
