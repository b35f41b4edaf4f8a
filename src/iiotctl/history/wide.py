"""`wide('press1.*', '1min')`: a row an interval, a column a tag.

The columns of a DuckDB macro are fixed, those of `wide` depend on the store. So the calls are found in the statement's
syntax tree, a view is made for each before the statement runs, and the macro is but the way to its name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from iiotctl.errors import UsageError
from iiotctl.history.bounds import Bounds
from iiotctl.history.connect import quoted

if TYPE_CHECKING:
    import duckdb

FUNCTION: Final = "wide"
_MEAN: Final = "mean"
_HOW: Final = {
    _MEAN: "avg(value)",
    "last": "arg_max(value, ts)",
    "min": "min(value)",
    "max": "max(value)",
}
_PARAMETERS: Final = ("pattern", "every", "how")
MACRO: Final = (
    f"CREATE MACRO {FUNCTION}(pattern, every, how := '{_MEAN}') AS TABLE FROM query_table('inside.\"wide '"
    " || replace(pattern || ' ' || every::INTERVAL::VARCHAR || ' ' || how, '\"', '\"\"') || '\"')"
)


@dataclass(frozen=True, slots=True)
class Wide:
    """One call.

    Attributes:
        pattern: of tags.
        every: length of an interval, as DuckDB writes it.
        length_us: that length in µs, a month taken for 30 days.
        how: one of `_HOW`.
    """

    pattern: str
    every: str
    length_us: int
    how: str = _MEAN

    @property
    def name(self) -> str:
        """Of its view."""
        return f"wide {self.pattern} {self.every} {self.how}"

    def needs(self, asked: Bounds, tags: Iterable[str]) -> Bounds:
        """What of the samples an answer takes of which these intervals are asked for."""
        end = None if asked.end is None else asked.end + self.length_us * 31 // 30
        return Bounds(asked.start, end, frozenset(tags))

    def empty(self, tags: Sequence[str]) -> str:
        """SQL that makes a table with its columns."""
        cells = ", ".join(f"{_identifier(column)} DOUBLE" for column in _columns(tags))
        return f"CREATE TABLE inside.{_identifier(self.name)} (ts TIMESTAMP WITH TIME ZONE, {cells})"

    def view(self, tags: Sequence[str], condition: str) -> str:
        """SQL that makes its view.

        Args:
            tags: the columns.
            condition: further condition on the samples, begins with AND; or "".
        """
        listed = ", ".join(map(quoted, tags))
        named = ", ".join(
            f"{quoted(tag)} AS {_identifier(column)}" for tag, column in zip(tags, _columns(tags), strict=True)
        )
        return (
            f"CREATE VIEW inside.{_identifier(self.name)} AS"
            f" SELECT * FROM (SELECT time_bucket(INTERVAL {quoted(self.every)}, ts) AS ts, tag,"
            f" {_HOW[self.how]} FILTER (WHERE is_good(quality)) AS value"
            f" FROM samples WHERE tag IN ({listed}){condition} GROUP BY 1, 2)"
            f" PIVOT (first(value) FOR tag IN ({named}) GROUP BY ts) ORDER BY ts"
        )


def calls(connection: duckdb.DuckDBPyConnection, functions: Iterable[dict[str, Any]]) -> tuple[Wide, ...]:
    """The calls of `wide` among functions of a syntax tree.

    Raises:
        UsageError: `wide-arguments`.
    """
    found = {
        _call(connection, function["arguments"])
        for function in functions
        if str(function.get("function_name", "")).lower() == FUNCTION
    }
    return tuple(sorted((call for call in found if call is not None), key=lambda call: call.name))


def _call(connection: duckdb.DuckDBPyConnection, arguments: Sequence[dict[str, Any]]) -> Wide | None:
    import duckdb

    given: dict[str, Any] = {}
    for number, argument in enumerate(arguments):
        given[(argument["name"] or "".join(_PARAMETERS[number : number + 1])).lower()] = argument["expression"]
    if not {"pattern", "every"} <= given.keys() <= set(_PARAMETERS):
        return None  # DuckDB says what is wrong, and where
    try:
        (pattern,) = _evaluated(connection, given["pattern"], "{0}::VARCHAR")
        (how,) = _evaluated(connection, given["how"], "{0}::VARCHAR") if "how" in given else (_MEAN,)
        every, length = _evaluated(connection, given["every"], "{0}::INTERVAL::VARCHAR, {0}::INTERVAL")
    except duckdb.Error as error:
        raise _wrong(str(error).partition("\n")[0].partition(": ")[2]) from error
    if pattern is None or how not in _HOW:
        raise _wrong("the pattern is null" if pattern is None else f"`{how}` is none of {', '.join(_HOW)}")
    if length is None or length <= timedelta():
        raise _wrong("the interval has no length")
    return Wide(pattern, every, length // timedelta(microseconds=1), how)


def _evaluated(connection: duckdb.DuckDBPyConnection, expression: dict[str, Any], form: str) -> tuple[Any, ...]:
    """The value of an expression of the syntax tree that stands on its own."""
    (empty,) = connection.execute("SELECT json_serialize_sql('SELECT 0')").fetchone() or ("",)
    tree = json.loads(empty)
    tree["statements"][0]["node"]["select_list"] = [{**expression, "alias": ""}]
    (text,) = connection.execute("SELECT json_deserialize_sql($1)", [json.dumps(tree)]).fetchone() or ("",)
    value = f"({text.removeprefix('SELECT ')})"
    row: tuple[Any, ...] = connection.execute(f"SELECT {form.format(value)}").fetchone() or ()
    return row


def _wrong(cause: str) -> UsageError:
    return UsageError(
        "wide-arguments",
        "`wide` takes a pattern of tags, an interval and one of mean, last, min, max, all written out",
        cause=cause,
        hint="""try `iiotctl query "FROM wide('*', '1min', 'mean')"`""",
    )


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _columns(tags: Sequence[str]) -> list[str]:
    """A column's name for each tag: the tag's own, unless it would be there twice for DuckDB, which ignores case."""
    taken = {"ts"}
    found = []
    for tag in tags:
        name, number = tag, 2
        while name.lower() in taken:
            name, number = f"{tag}_{number}", number + 1
        taken.add(name.lower())
        found.append(name)
    return found
