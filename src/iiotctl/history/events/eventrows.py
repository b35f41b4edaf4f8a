"""Stored events as rows, and what finding events again changes about them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from iiotctl.eventframe import EventFrame
from iiotctl.history.sql.connect import quoted
from iiotctl.history.sql.views import literal

if TYPE_CHECKING:
    import duckdb

    from iiotctl.history.sql.reader import Reader

_FOREVER: Final = 1 << 62
_COLUMNS: Final = (
    *("number", "site", "tags", "attributes"),
    *("id", "event", "asset", "epoch_us(start)", 'epoch_us("end")', "severity", "condition", "until"),
    *("epoch_us(detected_at)", "definition_hash", "tool_version"),
)


@dataclass(frozen=True, slots=True)
class Stored:
    """An event of the store.

    Attributes:
        number: place among those of its name.
        site: site id.
        frame: the event.
    """

    number: int
    site: str
    frame: EventFrame


def stored(
    reader: Reader,
    name: str | None = None,
    start: int | None = None,
    end: int | None = None,
    *,
    newest: int | None = None,
) -> list[Stored]:
    """Events of the store by start.

    Args:
        reader: of the store.
        name: None = of every name.
        start: µs UTC; those that were over before are left out.
        end: µs UTC; those that began from then on are left out.
        newest: only so many, the latest.
    """
    conditions = [f"event = {quoted(name)}"] if name is not None else []
    conditions += [f'("end" IS NULL OR "end" > {literal(start)})'] if start is not None else []
    conditions += [f"start < {literal(end)}"] if end is not None else []
    sql = (
        f"SELECT {', '.join(_COLUMNS)} FROM events"
        + (f" WHERE {' AND '.join(conditions)}" if conditions else "")
        + " ORDER BY start DESC, event DESC, id DESC"
        + (f" LIMIT {newest}" if newest is not None else "")
    )

    def work(connection: duckdb.DuckDBPyConnection) -> list[Stored]:
        return [_stored(*row) for row in reversed(connection.execute(sql).fetchall())]

    return reader.ask(work)


def _stored(number: int, site: str, tags: str, attributes: str, *facts: Any) -> Stored:
    described = (*facts[:8], tuple(json.loads(tags)), json.loads(attributes), *facts[8:])
    return Stored(number, site, EventFrame(*described))


def event_id(definition_hash: str, asset: str | None, start: int) -> str:
    """Id of an event when it is found first; 16 hexadecimal digits."""
    return hashlib.sha256(f"{definition_hash}/{asset or ''}/{start}".encode()).hexdigest()[:16]


@dataclass(slots=True)
class Changes:
    """What finding events again comes to.

    Attributes:
        new: not in the store yet.
        changed: in the store, with another end or other figures: their newer rows.
        same: as stored.
        withdrawn: rows that take stored ones back.
        of_earlier: stored ones that another definition of the same name found, and which stay.
    """

    new: list[EventFrame] = field(default_factory=list)
    changed: list[EventFrame] = field(default_factory=list)
    same: list[EventFrame] = field(default_factory=list)
    withdrawn: list[EventFrame] = field(default_factory=list)
    of_earlier: int = 0

    @property
    def rows(self) -> list[EventFrame]:
        """What the store lacks."""
        return [*self.new, *self.changed, *self.withdrawn]


def reconciled(found: Iterable[EventFrame], known: Sequence[EventFrame], now: int, *, replaces: bool) -> Changes:
    """Compare events that were found with those of the store.

    An event that overlaps a stored one of the same definition is that one, whatever late samples have changed about
    its edges: it keeps the id. Of several stored ones that have become one event the first counts, the others are
    taken back. What is not found again stays: its samples may be gone by retention.

    Args:
        found: by start, apart from each other, all of one definition.
        known: of the store: all of the name in the range that was looked at.
        now: µs UTC, for `detected_at`.
        replaces: take back what was not found again, and what earlier definitions of the name have found.
    """
    changes = Changes()
    found = list(found)
    hashes = {event.definition_hash for event in found}
    mine = sorted((event for event in known if event.definition_hash in hashes), key=lambda event: event.start)
    others = [event for event in known if event.definition_hash not in hashes]
    left = list(mine)
    for event in found:
        alike = [one for one in left if _overlap(one, event)]
        left = [one for one in left if one not in alike]
        if not alike:
            changes.new.append(event)
            continue
        before = alike[0]
        row = replace(event, id=before.id)
        if _facts(row) == _facts(before):
            changes.same.append(before)
        else:
            changes.changed.append(replace(row, detected_at=_after(before, now)))
        changes.withdrawn += [_taken_back(one, now) for one in alike[1:]]
    if replaces:
        changes.withdrawn += [_taken_back(one, now) for one in [*left, *others]]
    else:
        changes.of_earlier = len(others)
    return changes


def _overlap(one: EventFrame, other: EventFrame) -> bool:
    end, other_end = (_FOREVER if event.end is None else event.end for event in (one, other))
    return one.start == other.start or (one.start < other_end and other.start < end)


def _facts(event: EventFrame) -> EventFrame:
    """All that matters of an event: not when and by whom it was written down."""
    return replace(event, detected_at=0, tool_version="")


def _after(before: EventFrame, now: int) -> int:
    """When a newer row of an event is written, also by a clock that was put back."""
    return max(now, before.detected_at + 1)


def _taken_back(event: EventFrame, now: int) -> EventFrame:
    return replace(event, detected_at=_after(event, now), withdrawn=True)
