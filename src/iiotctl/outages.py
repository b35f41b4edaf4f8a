"""Outages: what gaps amount to when one trouble left many of them. Pure.

A device that is away may leave a gap a tag; people count it once and for as long as any of them lasted. One
definition for `gaps`, the summary of a capture, its live table and its status: an *outage* is what the gap rows
of one source with the same reason make together where they overlap or touch. Outages of different sources add up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outages:
    """How many outages, and for how long.

    Attributes:
        count: gaps of one source that overlap or touch count once.
        us: µs, the union of the gaps per source, summed over sources.
        open: outages that last.
    """

    count: int = 0
    us: int = 0
    open: int = 0

    def __add__(self, other: Outages) -> Outages:
        return Outages(self.count + other.count, self.us + other.us, self.open + other.open)

    @property
    def seconds(self) -> float:
        """`us` in seconds."""
        return self.us / 1e6


def merged(spans: Iterable[tuple[int, int]]) -> Outages:
    """Intervals of one source (µs, both ends belong to them) that overlap or touch, as one each."""
    count = us = 0
    until: int | None = None
    for start, end in sorted(spans):
        if until is None or start > until + 1:
            count += 1
            us += end - start + 1
            until = end
        elif end > until:
            us += end - until
            until = end
    return Outages(count, us)


def outages(gaps: Iterable[tuple[str, int, int | None]], now: int) -> Outages:
    """Sum up the gaps of one cause.

    Args:
        gaps: (source, start, end) each, µs UTC, both ends included; end None = it lasts until `now`.
        now: µs UTC.
    """
    spans: dict[str, list[tuple[int, int]]] = {}
    lasting: set[str] = set()
    for source, start, end in gaps:
        spans.setdefault(source, []).append((start, max(start, now) if end is None else end))
        if end is None:
            # All that lasts of a source meets at `now`: it is one outage.
            lasting.add(source)
    return sum((merged(parts) for parts in spans.values()), Outages(open=len(lasting)))
