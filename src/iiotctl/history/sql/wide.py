"""`wide('press1.*', '1min')`: a row an interval, a column a tag.

The columns of a DuckDB macro are fixed, those of `wide` depend on the store. So the calls are found in the statement's
syntax tree, a view is made for each before the statement runs, and the macro is but the way to its name.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from iiotctl.errors import UsageError
from iiotctl.history.sql.bounds import Bounds
from iiotctl.history.sql.connect import quoted

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
_MEANT: Final = {"avg": _MEAN, "average": _MEAN, "latest": "last", "minimum": "min", "maximum": "max"}
_PARAMETERS: Final = ("pattern", "every", "how")
MACRO: Final = (
    f"CREATE MACRO {FUNCTION}(pattern, every, how := '{_MEAN}') AS TABLE FROM query_table('inside.{FUNCTION}_'"
    " || hex(pattern || chr(10) || lower(every::VARCHAR) || chr(10) || lower(how)))"
)
"""In hexadecimal, because names of views differ in more than upper and lower case."""
_MONTH: Final = re.compile(r"(\d)\s*mo\b", re.IGNORECASE)
_CALENDAR: Final = re.compile(r"\d+ days?|\d+ (year|month)s?( \d+ months?)?")
_CLOCK_CHANGE_US: Final = 2 * 3600 * 10**6
_INTERVALS: Final = "write e.g. `'15min'`, `'1h'`, `'1d'`, `'1w'`, `'1mo'` or `'1y'`"


@dataclass(frozen=True, slots=True)
class Wide:
    """One call.

    Attributes:
        pattern: of tags.
        written: length of an interval as the user wrote it, lower case.
        every: that length as DuckDB writes it.
        length_us: that length in µs, a month taken for 30 days.
        how: one of `_HOW`.
        zone: IANA name; days, weeks, months and years are those of its calendar.
    """

    pattern: str
    written: str
    every: str
    length_us: int
    how: str
    zone: str

    @property
    def name(self) -> str:
        """Of its view."""
        return f"{FUNCTION}_" + f"{self.pattern}\n{self.written}\n{self.how}".encode().hex().upper()

    @property
    def is_calendar(self) -> bool:
        """Whether it counts days or longer."""
        return _CALENDAR.fullmatch(self.every) is not None

    def needs(self, asked: Bounds, tags: Iterable[str]) -> Bounds:
        """What of the samples an answer takes of which these intervals are asked for."""
        longest = self.length_us * 31 // 30 + _CLOCK_CHANGE_US if self.is_calendar else self.length_us
        end = None if asked.end is None else asked.end + longest
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
        zone = f", {quoted(self.zone)}" if self.is_calendar else ""
        return (
            f"CREATE VIEW inside.{_identifier(self.name)} AS"
            f" SELECT * FROM (SELECT time_bucket(INTERVAL {quoted(self.every)}, ts{zone}) AS ts, tag,"
            f" {_HOW[self.how]} FILTER (WHERE is_good(quality)) AS value"
            f" FROM samples WHERE tag IN ({listed}){condition} GROUP BY 1, 2)"
            f" PIVOT (first(value) FOR tag IN ({named}) GROUP BY ts) ORDER BY ts"
        )


def calls(
    connection: duckdb.DuckDBPyConnection, functions: Iterable[dict[str, Any]], zone: str = "UTC"
) -> tuple[Wide, ...]:
    """The calls of `wide` among functions of a syntax tree.

    Args:
        connection: any.
        functions: of the tree.
        zone: of days and longer intervals, IANA name.

    Raises:
        UsageError: `wide-arguments`.
    """
    found = {
        _call(connection, function["arguments"], zone)
        for function in functions
        if str(function.get("function_name", "")).lower() == FUNCTION
    }
    return tuple(sorted((call for call in found if call is not None), key=lambda call: call.name))


def _call(connection: duckdb.DuckDBPyConnection, arguments: Sequence[dict[str, Any]], zone: str) -> Wide | None:
    import duckdb

    given: dict[str, Any] = {}
    for number, argument in enumerate(arguments):
        given[(argument["name"] or "".join(_PARAMETERS[number : number + 1])).lower()] = argument["expression"]
    if not {"pattern", "every"} <= given.keys() <= set(_PARAMETERS):
        return None  # DuckDB says what is wrong, and where
    texts: dict[str, str] = {"how": _MEAN}
    for name, expression in given.items():
        try:
            text = _evaluated(connection, expression)
        except duckdb.Error as error:
            raise _wrong(str(error).partition("\n")[0].partition(": ")[2]) from error
        if text is None:
            raise _wrong(f"`{name}` is null")
        texts[name] = text
    pattern, written, how = texts["pattern"], texts["every"].lower(), texts["how"].lower()
    if how not in _HOW:
        near = _MEANT.get(how) or "".join(difflib.get_close_matches(how, _HOW, n=1))
        hint = f"did you mean `'{near}'`?" if near else None
        raise _wrong(f"`{texts['how']}` is none of {', '.join(_HOW)}", hint)
    every, length = _interval(connection, written)
    return Wide(pattern, written, every, length // timedelta(microseconds=1), how, zone)


def _interval(connection: duckdb.DuckDBPyConnection, written: str) -> tuple[str, timedelta]:
    """An interval as DuckDB writes it, and its length."""
    import duckdb

    if "shift" in written:
        raise _wrong("shifts are no interval of it", "`iiotctl aggregate --every shift` knows the shifts of the site")
    try:
        (every, length) = connection.execute(
            "SELECT $1::INTERVAL::VARCHAR, $1::INTERVAL", [_MONTH.sub(r"\1 month", written)]
        ).fetchone() or ("", timedelta())
    except duckdb.Error as error:
        raise _wrong(f"`{written}` is no interval", _INTERVALS) from error
    if length <= timedelta():
        raise _wrong("the interval has no length", _INTERVALS)
    if " " in every and not _CALENDAR.fullmatch(every):
        raise _wrong(f"`{written}` mixes units of the calendar and of the clock, or days and months", _INTERVALS)
    return every, length


def _evaluated(connection: duckdb.DuckDBPyConnection, expression: dict[str, Any]) -> str | None:
    """The text of an expression of the syntax tree that stands on its own."""
    (empty,) = connection.execute("SELECT json_serialize_sql('SELECT 0')").fetchone() or ("",)
    tree = json.loads(empty)
    tree["statements"][0]["node"]["select_list"] = [{**expression, "alias": ""}]
    (text,) = connection.execute("SELECT json_deserialize_sql($1)", [json.dumps(tree)]).fetchone() or ("",)
    (value,) = connection.execute(f"SELECT ({text.removeprefix('SELECT ')})::VARCHAR").fetchone() or (None,)
    return None if value is None else str(value)


def _wrong(cause: str, hint: str | None = None) -> UsageError:
    return UsageError(
        "wide-arguments",
        "`wide` takes a pattern of tags, an interval and one of mean, last, min, max, all written out",
        cause=cause,
        hint=hint or """try `iiotctl query "FROM wide('*', '1min', 'mean')"`""",
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
