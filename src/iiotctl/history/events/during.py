"""`--during EVENT`: the stretches of time in which stored events of a name lasted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from iiotctl.errors import IncompleteError
from iiotctl.history.names import near
from iiotctl.history.sql.connect import quoted

if TYPE_CHECKING:
    import duckdb

    from iiotctl.history.sql.reader import Reader

_NUMBERED: Final = re.compile(r"(?P<name>.+)#(?P<number>\d+)")


@dataclass(frozen=True, slots=True)
class Lasted:
    """One event as a stretch of time, cut to what was asked.

    Attributes:
        name: its name and number, e.g. `hot#3`.
        start: µs UTC, belongs to it.
        end: µs UTC, does not.
    """

    name: str
    start: int
    end: int


def events(
    reader: Reader, event: str, start: int | None = None, end: int | None = None, *, now: int | None = None
) -> list[Lasted]:
    """The events that `--during` names, each by itself, by start; they may overlap.

    Args:
        reader: of the store.
        event: `NAME`, `NAME#3` for the third one of the store, or an id.
        start: µs UTC; None = from the first one.
        end: µs UTC; None = to the last one.
        now: µs UTC, up to which an event lasts that is not over; None = the present.

    Raises:
        IncompleteError: `no-events`, the store knows no such event, or none in the range.
        StoreError: no store.
    """
    numbered = _NUMBERED.fullmatch(event)
    chosen = f"event = {quoted(event)} OR id = {quoted(event)}"
    if numbered:
        chosen += f" OR event = {quoted(numbered['name'])} AND number = {int(numbered['number'])}"
    present = "epoch_us(now())" if now is None else str(now)
    sql = (
        f"SELECT event || '#' || number, epoch_us(start), coalesce(epoch_us(\"end\"), {present})"
        f" FROM events WHERE {chosen} ORDER BY start, id"
    )

    def work(connection: duckdb.DuckDBPyConnection) -> tuple[list[tuple[str, int, int]], list[str]]:
        found = connection.execute(sql).fetchall()
        names = [] if found else connection.execute("SELECT DISTINCT event FROM events ORDER BY event").fetchall()
        return found, [row[0] for row in names]

    found, names = reader.ask(work)
    if not found and reader.selection.start is None and reader.selection.end is None:
        raise IncompleteError(
            "no-events",
            f"the store knows no event `{event}`",
            where="--during",
            hint=near(event, names) or "`iiotctl events` lists them, `iiotctl events find` looks for them",
        )
    cut = [
        Lasted(name, first if start is None else max(first, start), last if end is None else min(last, end))
        for name, first, last in found
    ]
    inside = [one for one in cut if one.start < one.end]
    if not inside:
        raise IncompleteError(
            "no-events",
            f"no event `{event}` lasted in the range",
            where="--during",
            hint=f"`iiotctl events --name {numbered['name'] if numbered else event}` shows when they did",
        )
    return inside


def windows(
    reader: Reader, event: str, start: int | None = None, end: int | None = None, *, now: int | None = None
) -> list[tuple[int, int]]:
    """When an event of this name lasted: stretches [start, end) in µs UTC, ascending, apart from each other.

    Arguments and errors as of `events`.
    """
    return merged((one.start, one.end) for one in events(reader, event, start, end, now=now))


def merged(stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Stretches [start, end) by start, those that touch or overlap as one."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(stretches):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found
