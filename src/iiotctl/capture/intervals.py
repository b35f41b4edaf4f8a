"""Closed intervals of time in µs, both ends inside: cutting samples out of a gap."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


def cut(start: int, end: int, times: Sequence[int], *, period_us: int, exception: bool) -> list[tuple[int, int]]:
    """What is left of a gap when samples turn up inside it.

    Args:
        start: first instant of the gap.
        end: last instant of the gap.
        times: of the samples, in any order; those outside the gap do not matter.
        period_us: scan period; between two scans a hole of less than one and a half is none. 0 keeps all.
        exception: the tag reports on change. Then a sample tells that nothing changed after it, so that only
            what lies before the earliest one is missing.

    Returns:
        The remaining pieces in order of time; none of `times` lies in them.
    """
    inside = sorted({ts for ts in times if start <= ts <= end})
    if not inside:
        return [(start, end)]
    if exception:
        return [(start, inside[0] - 1)] if inside[0] > start else []
    edges = [start - 1, *inside, end + 1]
    pieces = [(left + 1, right - 1) for left, right in pairwise(edges) if right - left > 1]
    return [piece for piece in pieces if piece[1] - piece[0] + 2 >= 1.5 * period_us]
