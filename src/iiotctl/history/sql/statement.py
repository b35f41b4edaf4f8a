"""What `query` may run: one SELECT that writes nothing. Judged by DuckDB's own parser, before the store is opened.

DuckDB calls `WITH x AS (COPY … TO …) SELECT …` a SELECT, and its list of allowed paths permits writing as
well as reading; such a statement could replace a sealed file. So the syntax tree decides: query nodes that
read, and table functions from a list, nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final

from iiotctl.errors import UsageError
from iiotctl.history.sql import connect
from iiotctl.history.sql.sqlerror import as_usage
from iiotctl.history.sql.wide import FUNCTION, Wide, calls

_READING_NODES: Final = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})

# `query` and `json_execute_serialized_sql` run SQL out of a text that nobody has checked; hence a list of what may run.
_TABLE_FUNCTIONS: Final = frozenset(
    {
        "duckdb_columns",
        "duckdb_functions",
        "duckdb_keywords",
        "duckdb_settings",
        "duckdb_tables",
        "duckdb_types",
        "duckdb_views",
        "generate_series",
        "glob",
        "histogram",
        "histogram_values",
        "icu_calendar_names",
        "json_each",
        "json_tree",
        "parquet_file_metadata",
        "parquet_kv_metadata",
        "parquet_metadata",
        "parquet_scan",
        "parquet_schema",
        "pg_timezone_names",
        "pragma_table_info",
        "pragma_version",
        "range",
        "read_blob",
        "read_csv",
        "read_csv_auto",
        "read_json",
        "read_json_auto",
        "read_ndjson",
        "read_parquet",
        "read_text",
        "repeat",
        "repeat_row",
        "summary",
        "unnest",
        FUNCTION,
    }
)
_EXPLAIN: Final = re.compile(
    r"\s*EXPLAIN\b(?:\s+ANALYZE\b)?(?:\s*\(\s*(?:ANALYZE|FORMAT\s+\w+)(?:\s*,\s*(?:ANALYZE|FORMAT\s+\w+))*\s*\))?",
    re.IGNORECASE,
)
_HINT: Final = "write one SELECT; `--unsafe` lifts this for SQL that you trust"


class Kind(Enum):
    """How a statement is run."""

    SELECT = "select"
    EXPLAIN = "explain"
    ANY = "any"
    """Whatever the user wrote, with `--unsafe`."""


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL that may be run.

    Attributes:
        sql: the text, without what stood before and after it.
        kind: how to run it.
        line: lines that stood before it, so that errors can say where it is in the user's file.
        wides: calls of `wide` in it.
    """

    sql: str
    kind: Kind
    line: int = 0
    wides: tuple[Wide, ...] = ()

    @property
    def select(self) -> str | None:
        """The SELECT that is run or explained; None when that is not known."""
        if self.kind is Kind.EXPLAIN:
            match = _EXPLAIN.match(self.sql)
            return self.sql[match.end() :] if match else None
        return self.sql if self.kind is Kind.SELECT else None


def check(sql: str, *, unsafe: bool = False, zone: str = "UTC") -> Statement:
    """The statement, when it may be run.

    Args:
        sql: the text.
        unsafe: anything may be run.
        zone: IANA name, whose days and months `wide` takes.

    Raises:
        UsageError: `sql-empty`, `sql-error` (not SQL), `query-refused` (not exactly one SELECT that only reads).
    """
    import duckdb

    with connect.aside() as connection:
        try:
            found = connection.extract_statements(sql)
        except duckdb.Error as error:
            raise as_usage(error) from error
        if not found:
            raise UsageError(
                "sql-empty", "there is no SQL to run", hint='try `iiotctl query "SELECT count(*) FROM samples"`'
            )
        if unsafe:
            reads = len(found) == 1 and not _objection(_tree(connection, found[0].query))
            if not reads:
                return Statement(sql, Kind.ANY)
        elif len(found) > 1:
            raise _refused(f"{len(found)} statements were given, and one is allowed")
        text = found[0].query
        line = sql[: max(0, sql.find(text))].count("\n")
        one, tree = _one(connection, found[0].type.name, text, line)
        return replace(one, wides=_wides(connection, tree, zone))


def _one(connection: Any, type_: str, text: str, line: int) -> tuple[Statement, dict[str, Any]]:
    if type_ == "EXPLAIN":
        explained = Statement(text, Kind.EXPLAIN, line)
        tree = _tree(connection, explained.select or "")
        if objection := _objection(tree):
            raise _refused(f"what stands after EXPLAIN {objection}")
        return explained, tree
    if type_ == "MULTI":
        raise _refused("PIVOT needs its values listed: `ON column IN ('a', 'b')`")
    if type_ != "SELECT":
        raise _refused(f"{_named(text, type_)} is not a SELECT")
    tree = _tree(connection, text)
    if objection := _objection(tree):
        raise _refused(f"the statement {objection}")
    return Statement(_bare(text), Kind.SELECT, line), tree


def _named(text: str, type_: str) -> str:
    """The statement as its author calls it; DuckDB has one type for INSTALL and LOAD, for CHECKPOINT and CALL."""
    import duckdb

    raw = text.encode()
    starts = [start for start, _ in duckdb.tokenize(text)][:2]  # offsets count bytes
    words = [re.split(r"\W", raw[start:].decode(errors="replace"), maxsplit=1)[0].upper() for start in starts]
    word = words[-1] if words[0] == "FORCE" else words[0]
    return type_.replace("_", " ") if word in ("", "WITH", "FROM", "SELECT") else word


def _refused(cause: str) -> UsageError:
    return UsageError("query-refused", "`query` only reads", cause=cause, hint=_HINT)


def _bare(sql: str) -> str:
    """The statement without its semicolon and what follows, so that it can stand in brackets."""
    import duckdb

    raw = sql.encode()
    for start, _ in reversed(duckdb.tokenize(sql)):  # offsets count bytes
        if raw[start : start + 1] == b";":
            return raw[:start].decode()
    return sql


def _tree(connection: Any, sql: str) -> dict[str, Any]:
    """The syntax tree, as DuckDB writes it down."""
    (answer,) = connection.execute("SELECT json_serialize_sql($1)", [sql]).fetchone()
    tree: dict[str, Any] = json.loads(answer)
    return tree


def _wides(connection: Any, tree: dict[str, Any], zone: str) -> tuple[Wide, ...]:
    nodes = _objects(tree["statements"][0])
    return calls(connection, [node["function"] for node in nodes if node.get("type") == "TABLE_FUNCTION"], zone)


def _objection(tree: dict[str, Any]) -> str:
    """Why this is not one SELECT that only reads; "" when it is."""
    if tree["error"] or len(tree["statements"]) != 1:
        return "is not one SELECT"
    for node in _objects(tree["statements"][0]):
        type_ = str(node.get("type", ""))
        if type_.endswith("_NODE") and type_ not in _READING_NODES:
            return f"changes something ({type_.removesuffix('_NODE').removesuffix('_QUERY')})"
        if type_ == "TABLE_FUNCTION":
            name = str(node.get("function", {}).get("function_name", "")).lower()
            if name not in _TABLE_FUNCTIONS:
                return f"calls the table function `{name}`, which is not on the list of those that only read"
    return ""


def _objects(tree: object) -> Iterator[dict[str, Any]]:
    stack = [tree]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            yield item
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
