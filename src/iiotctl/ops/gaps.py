"""`gaps`: what is missing from the store, how long, and why."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from iiotctl.errors import UsageError
from iiotctl.events import Event
from iiotctl.history.completeness import TagRecord, records
from iiotctl.history.gaps import GapRow, Wanted, find
from iiotctl.history.names import near
from iiotctl.history.sql.reader import Selection
from iiotctl.history.time import times
from iiotctl.history.time.sitetime import UTC_TIME, SiteTime
from iiotctl.outages import Outages, outages
from iiotctl.samples import GapReason

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Cause:
    """Outages of one cause; see `iiotctl.outages`."""

    reason: str
    outages: Outages


def gaps(
    store: Path,
    wanted: Wanted,
    notice: Callable[[Event], None],
    *,
    start: str | None = None,
    end: str | None = None,
    zone: SiteTime = UTC_TIME,
    now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
) -> list[GapRow]:
    """Gaps of a store by start.

    Args:
        store: folder of the store.
        wanted: source, tag and reason to keep.
        notice: is told about files that had to be left out.
        start: `--from` as typed; gaps that ended before are left out.
        end: `--to` as typed; gaps that began later are left out.
        zone: of `start` and `end` where they have no offset.
        now_us: wall clock, µs UTC.

    Raises:
        UsageError: `bad-time`, `empty-range`, `unknown-reason`.
        IncompleteError: the store knows no such tag or source.
        StoreError: no store.
    """
    reasons = [str(reason) for reason in GapReason]
    if wanted.reason is not None and wanted.reason not in reasons:
        raise UsageError(
            "unknown-reason",
            f"`{wanted.reason}` is not a reason of gaps",
            where="--reason",
            hint=near(wanted.reason, reasons) or f"one of {', '.join(reasons)}",
        )
    within = times.parse_range(start, end, now_us(), zone=zone, notice=notice)
    return find(Selection(store, within.start, within.end), wanted, notice)


def completeness(
    store: Path,
    wanted: Wanted,
    notice: Callable[[Event], None],
    *,
    start: str | None = None,
    end: str | None = None,
    zone: SiteTime = UTC_TIME,
    now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
) -> list[TagRecord]:
    """How complete the record of each tag is, the least complete first; parameters as for `gaps`.

    Raises:
        UsageError: `bad-time`, `empty-range`; `bad-value` when `wanted` names a reason.
        IncompleteError: the store knows no such tag or source.
        StoreError: no store.
    """
    if wanted.reason is not None:
        raise UsageError(
            "bad-value",
            "`--reason` narrows the list of gaps; completeness counts them all",
            where="--reason",
            hint="leave `--reason` out, or `--completeness`",
        )
    now = now_us()
    within = times.parse_range(start, end, now, zone=zone, notice=notice)
    return records(Selection(store, within.start, within.end), wanted, notice, now)


def by_cause(rows: Sequence[GapRow], now_us: int) -> list[Cause]:
    """How many outages and how long, those that last counted up to `now_us`; the most frequent cause first.

    A gap that a backfill filled is not missing any more and does not count.
    """
    spans: dict[str, list[tuple[str, int, int | None]]] = {}
    for row in rows:
        if row.filled_by is not None:
            continue
        end = None if row.end is None else _us(row.end)
        spans.setdefault(row.reason, []).append((row.source, _us(row.start), end))
    causes = [Cause(reason, outages(of_it, now_us)) for reason, of_it in spans.items()]
    return sorted(causes, key=lambda cause: (-cause.outages.count, cause.reason))


def _us(time_: datetime) -> int:
    return (time_ - _EPOCH) // timedelta(microseconds=1)
