"""The outages of a running capture, by source and reason, kept up to date as gaps close and change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from iiotctl.outages import Outages, merged
from iiotctl.samples import GapReason

_KEPT: Final = 4096
"""Gaps of a source and reason kept one by one; older ones are only counted."""


class Tally:
    """The closed gaps of a run by source and reason."""

    def __init__(self) -> None:
        self._spans: dict[tuple[str, GapReason], dict[str, tuple[int, int]]] = {}
        self._older: dict[tuple[str, GapReason], Outages] = {}

    def add(self, source: str, reason: GapReason, gap_id: str, start: int, end: int) -> None:
        """A gap is closed."""
        key = (source, reason)
        spans = self._spans.setdefault(key, {})
        spans[gap_id] = (start, end)
        if len(spans) > _KEPT:
            first = sorted(spans, key=lambda name: spans[name])[: _KEPT // 2]
            old = merged(spans.pop(name) for name in first)
            self._older[key] = self._older.get(key, Outages()) + old

    def remove(self, source: str, reason: GapReason, gap_id: str) -> None:
        """A gap is taken back, or its ends change."""
        self._spans.get((source, reason), {}).pop(gap_id, None)

    def planned(self, still: Iterable[tuple[str, GapReason, int]], since: int) -> int:
        """Outages `shutdown` that began before the run (`since`, µs UTC): one at most of each source."""
        found = {
            source
            for (source, reason), spans in self._spans.items()
            if reason is GapReason.SHUTDOWN and any(start < since for start, _ in spans.values())
        }
        found |= {source for source, reason, start in still if reason is GapReason.SHUTDOWN and start < since}
        return len(found)

    def totals(self, still: Iterable[tuple[str, GapReason, int]], now: int) -> dict[tuple[str, GapReason], Outages]:
        """By source and reason.

        Args:
            still: source, reason and start (µs UTC) of the gaps that last.
            now: µs UTC, up to which these count.
        """
        spans = {key: list(known.values()) for key, known in self._spans.items() if known}
        for source, reason, start in still:
            spans.setdefault((source, reason), []).append((start, max(start, now)))
        found = dict(self._older)
        for key, parts in spans.items():
            found[key] = found.get(key, Outages()) + merged(parts)
        return found


def by_reason(totals: dict[tuple[str, GapReason], Outages]) -> dict[GapReason, Outages]:
    """Sums over the sources."""
    found: dict[GapReason, Outages] = {}
    for (_, reason), outages in totals.items():
        found[reason] = found.get(reason, Outages()) + outages
    return found


def of_source(totals: dict[tuple[str, GapReason], Outages], source: str) -> int:
    """Outages of one source, of all reasons."""
    return sum(outages.count for (name, _), outages in totals.items() if name == source)
