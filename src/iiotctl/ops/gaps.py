"""`gaps`: what is missing from the store, how long, and why."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from iiotctl.errors import UsageError
from iiotctl.events import Event
from iiotctl.history import times
from iiotctl.history.gaps import GapRow, Wanted, find
from iiotctl.history.names import near
from iiotctl.history.result import Selection
from iiotctl.samples import GapReason


@dataclass(frozen=True, slots=True)
class Cause:
    """Gaps of one cause; `seconds` counts those that have ended."""

    reason: str
    count: int
    open: int
    seconds: float


def gaps(
    store: Path,
    wanted: Wanted,
    notice: Callable[[Event], None],
    *,
    start: str | None = None,
    end: str | None = None,
    now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
) -> list[GapRow]:
    """Gaps of a store by start.

    Args:
        store: folder of the store.
        wanted: source, tag and reason to keep.
        notice: is told about files that had to be left out.
        start: `--from` as typed; gaps that ended before are left out.
        end: `--to` as typed; gaps that began later are left out.
        now_us: wall clock, µs UTC.

    Raises:
        UsageError: `bad-time`, `unknown-reason`.
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
    first, last = times.parse_range(start, end, now_us())
    return find(Selection(store, first, last), wanted, notice)


def by_cause(rows: Sequence[GapRow]) -> list[Cause]:
    """How many and how long, the most frequent cause first."""
    causes = {}
    for reason in {row.reason for row in rows}:
        of_it = [row for row in rows if row.reason == reason]
        ended = [row.duration_s for row in of_it if row.duration_s is not None]
        causes[reason] = Cause(reason, len(of_it), len(of_it) - len(ended), sum(ended))
    return sorted(causes.values(), key=lambda cause: (-cause.count, cause.reason))
