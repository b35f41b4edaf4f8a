"""Gap rows after a backfill: what is filled, by what, and what is still missing. Pure.

A gap is filled only where the history shows that it was recording: between its first and last value, not where it says
itself that it had none. What is left stays a gap with the old reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from iiotctl.samples import Gap


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a history told of one tag around an interval; µs UTC, both ends included.

    Attributes:
        first, last: of its values that were not Bad; None without any.
        holes: where it says itself that it has nothing.
    """

    first: int | None
    last: int | None
    holes: tuple[tuple[int, int], ...] = ()


def covered(start: int, end: int, told: Evidence, slack: int) -> list[tuple[int, int]]:
    """Parts of [start, end] that the history covers; a first or last value within `slack` of an end reaches it."""
    if told.first is None or told.last is None:
        return []
    low = start if told.first <= start + slack else told.first
    high = end if told.last >= end - slack else told.last
    parts = [(low, high)] if low <= high else []
    for hole_start, hole_end in told.holes:
        cut: list[tuple[int, int]] = []
        for left, right in parts:
            if hole_end < left or hole_start > right:
                cut.append((left, right))
                continue
            if left < hole_start:
                cut.append((left, hole_start - 1))
            if right > hole_end:
                cut.append((hole_end + 1, right))
        parts = cut
    return parts


def _rest(start: int, end: int, parts: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    rest, at = [], start
    for left, right in parts:
        if left > at:
            rest.append((at, left - 1))
        at = right + 1
    if at <= end:
        rest.append((at, end))
    return rest


def _child(gap: Gap, tag: str | None, start: int, end: int) -> str:
    """An id that comes out the same when a killed backfill is repeated."""
    text = f"{gap.id} {tag} {start} {end}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def fill(gap: Gap, by_tag: Mapping[str, Sequence[tuple[int, int]]], tags: Sequence[str], by: str, at: int) -> list[Gap]:
    """The rows that replace a closed gap.

    Args:
        gap: of one tag, or of its whole source.
        by_tag: covered parts by tag, sorted, within the gap.
        tags: every tag that the gap means: its own, or all of the source.
        by: what filled it.
        at: µs UTC, now.

    Returns:
        No rows when nothing is covered; else the gap as filled, or its pieces (the first keeps the id).
    """
    assert gap.end is not None
    if not any(by_tag.get(tag) for tag in tags):
        return []
    whole = [(gap.start, gap.end)]
    if all(list(by_tag.get(tag, ())) == whole for tag in tags):
        return [replace(gap, filled_by=by, detected_at=at)]
    rows = [replace(gap, withdrawn=True, detected_at=at)] if gap.tag is None else []
    for tag in tags:
        parts = list(by_tag.get(tag, ()))
        pieces = sorted([(*part, by) for part in parts] + [(*part, None) for part in _rest(gap.start, gap.end, parts)])
        for number, (start, end, filler) in enumerate(pieces):
            keeps = gap.tag is not None and number == 0
            name = gap.id if keeps else _child(gap, tag, start, end)
            rows.append(replace(gap, id=name, tag=tag, start=start, end=end, filled_by=filler, detected_at=at))
    return rows
