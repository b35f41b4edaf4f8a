"""Which range an audit judges, what counts as now, and from which part of a store is learnt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from iiotctl.checks.conclude import instant
from iiotctl.checks.features.columns import DAY, MINUTE
from iiotctl.checks.tagdata import TagInfo
from iiotctl.errors import IncompleteError
from iiotctl.events import Event
from iiotctl.history.extent import extent
from iiotctl.history.time import times
from iiotctl.history.time.sitetime import SiteTime
from iiotctl.site.units import format_count
from iiotctl.store.schema import IMPORTED

MOST: Final = 31 * DAY
"""µs; without `--from` no more than this is looked at."""
_OLDEST: Final = 946_684_800_000_000
"""2000-01-01: earlier times are those of a clock that was never set."""
_AHEAD: Final = 31 * DAY
"""Rows further ahead of the clock than this are no samples of this plant."""
_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Scope:
    """What is looked at, µs UTC.

    Attributes:
        start, end: the judged range [start, end).
        clock: of the run.
        told: `--to` was given.
        oldest, newest: first and last row of the store; wrong clocks aside.
        latest: last row that is not ahead of the clock, else `newest`: one source with a wrong clock must not make all
            other tags look stopped.
        warnings: what a person should know about the range.
    """

    start: int
    end: int
    clock: int
    told: bool
    oldest: int
    newest: int
    latest: int
    warnings: tuple[str, ...] = ()

    def now(self, info: TagInfo) -> int:
        """Against what "stopped" is judged: imported tags by the latest row of the store, others by the clock."""
        if info.mode == IMPORTED:
            return min(self.end, self.latest)
        return min(self.end, self.clock) if self.told else max(self.clock, self.start)


def scope(
    root: Path,
    start: str | None,
    end: str | None,
    clock: int,
    notice: Callable[[Event], None],
    *,
    zone: SiteTime,
) -> Scope:
    """The range of an audit.

    Without `--to` it ends with the newest row (what has come since is nothing, and `now` says how long that is); without
    `--from` it begins with the store, at most 31 days before its end.

    Args:
        root: folder of the store.
        start, end: as typed.
        clock: µs UTC.
        notice: see `times.parse`.
        zone: of times without offset.

    Raises:
        UsageError: `bad-time`, `empty-range`.
        IncompleteError: `no-samples`.
        StoreError: no store.
    """
    asked = times.parse_range(start, end, clock, zone=zone, notice=notice)
    oldest, newest, latest, warnings = _known(root, clock, notice)
    last = newest + 1 if asked.end is None else asked.end
    first = oldest if asked.start is None else asked.start
    if asked.start is None and last - first > MOST:
        first = last - MOST
        warnings.append("only the last 31 d were looked at; `--from` says otherwise")
    if first >= last:
        raise IncompleteError(
            "no-samples",
            "the store has no samples in this range",
            where=str(root),
            hint="`iiotctl store status` shows from when to when there are samples",
        )
    return Scope(first, last, clock, asked.end is not None, oldest, newest, latest, tuple(warnings))


def _known(root: Path, clock: int, notice: Callable[[Event], None]) -> tuple[int, int, int, list[str]]:
    """First, last and latest row of the store (see `Scope`), and what a person should know about them."""
    found = extent(root, _OLDEST, clock + _AHEAD, notice)
    if found.first is None or found.last is None:
        raise IncompleteError(
            "no-samples",
            "the store has no samples",
            where=str(root),
            hint="`iiotctl capture` or `iiotctl import FILE` fills it",
        )
    warnings = []
    for many, where in ((found.before, "from before the year 2000"), (found.behind, "more than 31 d in the future")):
        if many:
            tags = found.strange
            whose = ", ".join(tags[:_NAMED]) + (f" and {len(tags) - _NAMED} more" if len(tags) > _NAMED else "")
            warnings.append(f"not looked at: {format_count(many, 'row')} {where}, of a wrong clock (among {whose})")
    latest = found.last
    if found.last > clock + MINUTE:
        warnings.append(f"the newest row is of {instant(found.last)}, later than the clock of this computer")
        latest = extent(root, _OLDEST, clock + MINUTE, notice).last or found.last
    return found.first, found.last, latest, warnings
