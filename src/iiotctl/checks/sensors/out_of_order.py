"""Rows that come later than newer ones.

## What it looks for

Times that step back in the order of arrival, row by row: late rows, several senders, a buffer that is sent backwards. A
clock that was set is `clock-skew`.

## Why it matters in a plant

Whoever acts on rows as they come (a rate, a counter's difference, a deadband) gets wrong results from rows that are out of
order, although the sorted history looks fine.

## How it decides

An import notes steps back in the view `disorder`. Steps less than `join` = 15 min apart are one stretch. One with fewer
than `fewest` = 3 steps is left out, and so is one with no more steps an hour than `factor` = 3 · those of the baseline. Everything here is `low`: sorted history is not changed by it. Files that are sorted
otherwise by design are not noted at all.

## What to do

Sort by time before you compute differences; look for the sender whose rows are late.

## When it is wrong

The file was put together from parts that are each in order.

## References

QARTOD, timing test; OPC 10000-4 §7.22.2 (queues deliver in order of time).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iiotctl.checks import timeline
from iiotctl.checks.base import Check, Judged, Spell, Verdict
from iiotctl.checks.conclude import span
from iiotctl.checks.features.columns import HOUR, MINUTE
from iiotctl.findings import Confidence, Ne107, Severity

if TYPE_CHECKING:
    from iiotctl.checks.tagdata import Disorder, TagData


@dataclass(frozen=True, slots=True)
class Params:
    """What counts as out of order.

    Attributes:
        fewest: steps back, fewer are none.
        join: min, stretches less far apart are one.
        factor: times the steps an hour of the baseline.
    """

    fewest: int = 3
    join: float = 15.0
    factor: float = 3.0


def judge(data: TagData, params: Params) -> Verdict:
    """Stretches with steps back that no shifted clock explains.

    Args:
        data: `disorder`; the columns of `timeline`.
        params: limits.
    """
    shifts = timeline.shifts(data)
    steps = [
        one for one in data.disorder if one.kind == "backward" and not timeline.explained(shifts, one.start, one.end)
    ]
    learning = _learning(data)
    usual = 0.0
    if learning is not None:
        start, end = learning
        usual = sum(one.rows for one in steps if start <= one.start < end) * HOUR / (end - start)
    found = []
    for group in _groups(steps, round(params.join * MINUTE)):
        start, end = group[0].start, max(one.end for one in group)
        rows = sum(one.rows for one in group)
        limit = max(float(params.fewest), params.factor * usual * max(end - start, HOUR) / HOUR)
        if rows >= limit and timeline.is_judged(data, start, end):
            largest = max(one.step for one in group)
            message = f"{rows} rows came after newer ones, up to {largest:.3g} s late, within {span(end - start)}"
            found.append(Spell(start, end, float(rows), round(limit, 3), message, unit="rows"))
    return Judged(tuple(found))


def _learning(data: TagData) -> tuple[int, int] | None:
    import numpy as np

    at = np.flatnonzero(data.learning)
    return (data.features.time_of(int(at[0])), data.features.time_of(int(at[-1]) + 1)) if len(at) else None


def _groups(steps: list[Disorder], apart: int) -> list[list[Disorder]]:
    groups: list[list[Disorder]] = []
    for one in sorted(steps, key=lambda each: each.start):
        if groups and one.start - max(each.end for each in groups[-1]) < apart:
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


CHECK = Check(
    id="out-of-order",
    title="Rows out of order",
    severity=Severity.LOW,
    confidence=Confidence.MEDIUM,
    ne107=Ne107.MAINTENANCE,
    params=Params,
    judge=judge,
    second_cause="the file was put together from parts that are each in order",
    action="sort by time before computing differences, and look for the sender whose rows are late",
    references=("QARTOD timing test",),
    learns=False,
    needs=frozenset({"rows", "apart", "apart_med"}),
)
