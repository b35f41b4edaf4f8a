"""Rows that came twice, or two values for one time.

## What it looks for

Rows of the same time: *repeated* with the same value, *conflicting* with another one.

## Why it matters in a plant

Counts, totals and averages by rows count such rows twice. They show a buffer that is sent again after each reconnection,
two collectors that write the same tag, or two devices under one name: then the values of two machines are mixed.

## How it decides

An import keeps one of the rows and notes the others in the view `disorder`; rows of one time that were stored all the same
are counted in the samples. Stretches less than `join` = 15 min apart are one. One of `fewest` = 5 rows or more is told, unless
the baseline has such rows, too, and it is no more than `factor` = 3 · as many an hour. It is `low` where fewer than `share` =
1 % of the rows are concerned: where times are cut to seconds, two rows fall into one second now and then. What a clock that
was set back leaves twice belongs to `clock-skew`.

## What to do

Find who sends twice: a buffer after reconnection, a second collector, a merged export. With conflicting values compare both
with the display before you trust either.

## When it is wrong

An export that was put together from parts which overlap repeats the rows of the overlap; nothing is wrong with the sensor.

## References

OPC 10000-11 (a history refuses to insert a second value for one time: BadEntryExists); QARTOD, timing test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from iiotctl.checks import timeline
from iiotctl.checks.base import Check, Judged, Spell, Verdict
from iiotctl.checks.conclude import span
from iiotctl.checks.features.columns import HOUR, MINUTE, SECOND
from iiotctl.checks.series import runs
from iiotctl.findings import Confidence, Ne107, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iiotctl.checks.tagdata import TagData

REPEATED: Final = "repeated"
CONFLICTING: Final = "conflicting"
_STORED: Final = "stored"


@dataclass(frozen=True, slots=True)
class Params:
    """What counts as repetition.

    Attributes:
        fewest: rows, fewer are none.
        join: min, stretches less far apart are one.
        factor: times the rows an hour of the baseline, fewer are none.
        share: of the rows of the stretch, less is `low`.
    """

    fewest: int = 5
    join: float = 15.0
    factor: float = 3.0
    share: float = 0.01


@dataclass(frozen=True, slots=True)
class _Stretch:
    start: int
    end: int
    rows: int
    kind: str


def judge(data: TagData, params: Params) -> Verdict:
    """Stretches of rows that share their time, but for those that a shifted clock explains.

    Args:
        data: `disorder`; columns `rows`, `twice`, and those of `timeline`.
        params: limits.
    """
    shifts = timeline.shifts(data)
    noted = [_Stretch(one.start, one.end, one.rows, one.kind) for one in data.disorder if one.kind != "backward"]
    found = [
        one
        for one in _joined([*noted, *_stored(data)], round(params.join * MINUTE))
        if not timeline.explained(shifts, one.start, one.end)
    ]
    usual = _usual(data, found)
    shown = [one for one in found if timeline.is_judged(data, one.start, one.end)]
    told = [(one, limit) for one in shown if one.rows >= (limit := _limit(one, usual, params))]
    interval = timeline.interval_of(data)
    return Judged(tuple(_spell(one, limit, interval, params) for one, limit in told))


def _stored(data: TagData) -> list[_Stretch]:
    features = data.features
    found = []
    for first, stop in runs(features["twice"] > 0):
        rows = int(features["twice"][first:stop].sum())
        found.append(_Stretch(features.time_of(first), features.time_of(stop) - 1, rows, _STORED))
    return found


def _joined(found: Sequence[_Stretch], apart: int) -> list[_Stretch]:
    """Stretches of one kind that lie close together as one; a part of one that was noted again counts once."""
    joined: list[_Stretch] = []
    for one in sorted(found, key=lambda each: (each.kind, each.start, -each.end)):
        last = joined[-1] if joined else None
        if last is not None and last.kind == one.kind and one.start - last.end < apart:
            rows = max(last.rows, one.rows) if one.start <= last.end else last.rows + one.rows
            joined[-1] = _Stretch(last.start, max(last.end, one.end), rows, one.kind)
        else:
            joined.append(one)
    return joined


def _usual(data: TagData, found: Sequence[_Stretch]) -> float:
    """Such rows an hour in the learning period; 0 without one."""
    import numpy as np

    at = np.flatnonzero(data.learning)
    if not len(at):
        return 0.0
    start, end = data.features.time_of(int(at[0])), data.features.time_of(int(at[-1]) + 1)
    return sum(one.rows for one in found if start <= one.start < end) * HOUR / (end - start)


def _limit(one: _Stretch, usual: float, params: Params) -> float:
    return max(float(params.fewest), params.factor * usual * max(one.end - one.start, HOUR) / HOUR)


def _spell(one: _Stretch, limit: float, interval: float, params: Params) -> Spell:
    length = one.end - one.start
    among = length / SECOND / interval if interval > 0 else 0.0
    count = "1 row" if one.rows == 1 else f"{one.rows} rows"
    said = {
        REPEATED: f"{count} came twice, with the same time and value",
        CONFLICTING: f"{count} had the time of another row and another value",
        _STORED: f"{count} have the time of another row",
    }[one.kind]
    return Spell(
        start=one.start,
        end=one.end,
        statistic=float(one.rows),
        limit=round(limit, 3),
        unit="rows",
        message=f"{said}, within {span(length)}" if length else said,
        severity=Severity.MEDIUM if one.rows >= params.share * among else Severity.LOW,
        confidence=Confidence.HIGH,
        second_cause="two devices or collectors write one tag" if one.kind != REPEATED else "",
        key="" if one.kind == REPEATED else one.kind,
    )


CHECK = Check(
    id="duplicate-timestamp",
    title="Duplicate timestamps",
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    ne107=Ne107.MAINTENANCE,
    params=Params,
    judge=judge,
    second_cause="an export was put together from parts that overlap",
    action="find who sends twice: a buffer after reconnection, a second collector, a merged export",
    references=("OPC 10000-11", "QARTOD timing test"),
    learns=False,
    needs=frozenset({"rows", "apart", "apart_med", "twice"}),
)
