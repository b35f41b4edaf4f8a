"""Outages: what gaps amount to when one trouble left many of them. Pure.

A device that is away leaves a gap a tag; people count it once and for as long as any of them lasted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outages:
    """Outages of one cause.

    Attributes:
        count: gaps of one source that overlap or touch count once.
        us: µs, the union of the gaps per source, summed over sources.
        open: outages that last.
    """

    count: int
    us: int
    open: int = 0

    @property
    def seconds(self) -> float:
        """`us` in seconds."""
        return self.us / 1e6


def outages(gaps: Iterable[tuple[str, int, int | None]], now: int) -> Outages:
    """Sum up the gaps of one cause.

    Args:
        gaps: (source, start, end) each, µs UTC, both ends included; end None = it lasts until `now`.
        now: µs UTC.
    """
    spans = sorted((source, start, max(start, now) if end is None else end, end is None) for source, start, end in gaps)
    count = us = lasting = 0
    of, until, is_open = "", 0, False
    for source, start, end, lasts in spans:
        if not count or source != of or start > until + 1:
            lasting += is_open
            count, us = count + 1, us + end - start + 1
            of, until, is_open = source, end, lasts
        else:
            us += max(0, end - until)
            until, is_open = max(until, end), is_open or lasts
    return Outages(count, us, lasting + is_open)
