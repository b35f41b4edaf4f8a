"""What a statement needs of each table, as DuckDB's own plan of it says.

The statement is planned over empty tables. What DuckDB then pushes down into a scan holds for every row that the scan
hands on, whatever stands around it: views, joins, `now() - INTERVAL 1 hour` and prefixes of LIKE are worked out
already. A filter that is not understood here narrows nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from iiotctl.history.sql.bounds import Bounds

if TYPE_CHECKING:
    import duckdb

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PREFIX: Final = "memory.inside."
_STREAMING: Final = frozenset(
    {"SEQ_SCAN", "FILTER", "PROJECTION", "UNION", "LIMIT", "STREAMING_LIMIT", "DUMMY_SCAN", "RANGE", "GENERATE_SERIES"}
)
_OPTIONAL: Final = re.compile(r"('(?:[^']|'')*')|optional: ")
_LOW: Final = frozenset({"COMPARE_GREATERTHAN", "COMPARE_GREATERTHANOREQUALTO", "COMPARE_EQUAL"})
_HIGH: Final = {"COMPARE_LESSTHAN": 0, "COMPARE_LESSTHANOREQUALTO": 1, "COMPARE_EQUAL": 1}


@dataclass(frozen=True, slots=True)
class Scans:
    """What a statement does.

    Attributes:
        tables: what each scan of a table needs.
        streams: rows leave as they come; nothing is sorted, grouped or joined.
    """

    tables: dict[str, list[Bounds]]
    streams: bool


def of_statement(connection: duckdb.DuckDBPyConnection, sql: str) -> Scans:
    """What a statement scans.

    Args:
        connection: of `connect.aside`, with the views of `views.create_empty`.
        sql: one SELECT.

    Raises:
        duckdb.Error: the statement cannot be planned.
    """
    rows = connection.execute(f"EXPLAIN (FORMAT json) {sql}").fetchall()
    found: dict[str, list[Bounds]] = {}
    streams = True
    for node in _nodes([plan for _, text in rows for plan in json.loads(text)]):
        facts = node["extra_info"]
        streams = streams and node["name"] in _STREAMING
        table = _table(str(facts.get("Table", "")))
        if table is not None:
            filters = facts.get("Filters", [])
            bounds = _bounds(connection, [filters] if isinstance(filters, str) else filters)
            found.setdefault(table, []).append(bounds)
    return Scans(found, streams)


def _table(name: str) -> str | None:
    """The name within our schema."""
    inside = name.removeprefix(_PREFIX)
    if inside == name:
        return None
    return inside[1:-1].replace('""', '"') if inside.startswith('"') else inside


def _nodes(plans: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for plan in plans:
        yield plan
        yield from _nodes(plan.get("children", []))


def _bounds(connection: duckdb.DuckDBPyConnection, filters: Sequence[str]) -> Bounds:
    starts, ends, tags = [], [], []
    for text in filters:
        # "optional" filters are tried early and repeated above: what fails them is dropped there
        plain = _OPTIONAL.sub(lambda found: found[1] or "", text)
        (answer,) = connection.execute("SELECT json_serialize_sql($1)", [f"SELECT {plain}"]).fetchone() or ("{}",)
        tree = json.loads(answer)
        if tree.get("error", True):
            continue
        for part in _conjuncts(tree["statements"][0]["node"]["select_list"][0]):
            names = _tags(part)
            if names is not None:
                tags.append(names)
            elif (at := _time(part)) is not None:
                starts += [at] if part["type"] in _LOW else []
                ends += [at + _HIGH[part["type"]]] if part["type"] in _HIGH else []
    return Bounds(max(starts, default=None), min(ends, default=None), frozenset.intersection(*tags) if tags else None)


def _conjuncts(part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if part["type"] == "CONJUNCTION_AND":
        for child in part["children"]:
            yield from _conjuncts(child)
    else:
        yield part


def _tags(part: dict[str, Any]) -> frozenset[str] | None:
    """Names that the column `tag` must be one of; None when this says nothing of the kind."""
    if part["type"] == "COMPARE_EQUAL" and _column(part["left"]) == "tag":
        values = [part["right"]]
    elif part["type"] == "COMPARE_IN" and _column(part["children"][0]) == "tag":
        values = part["children"][1:]
    elif part["type"] == "CONJUNCTION_OR":
        sets = [names for child in part["children"] if (names := _tags(child)) is not None]
        return frozenset[str]().union(*sets) if len(sets) == len(part["children"]) else None
    else:
        return None
    texts = [_text(value) for value in values]
    return None if None in texts else frozenset(text for text in texts if text is not None)


def _time(part: dict[str, Any]) -> int | None:
    """The time, µs UTC, that a column of the time axis is compared with."""
    if part.get("class") != "COMPARISON" or _column(part["left"]) not in ("ts", "start"):
        return None
    value = part["right"]
    if value["type"] != "OPERATOR_CAST" or value["type_expr"].get("type_name") != "TIMESTAMP WITH TIME ZONE":
        return None
    try:
        at = datetime.fromisoformat(_text(value["child"]) or "")
    except ValueError:  # infinity, years that Python does not have
        return None
    return (at - _EPOCH) // timedelta(microseconds=1) if at.tzinfo else None


def _column(part: dict[str, Any]) -> str | None:
    names = part.get("column_names", []) if part["type"] == "COLUMN_REF" else []
    return names[0] if len(names) == 1 else None


def _text(part: dict[str, Any]) -> str | None:
    literal = part.get("literal", {}) if part["type"] == "VALUE_CONSTANT" else {}
    return literal["text"] if literal.get("kind") == "STRING" else None
