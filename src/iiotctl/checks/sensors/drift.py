"""A tag departs slowly from its relatives.

## What it looks for

The difference between the tag and what its twin and its siblings let expect grows, day by day.

## Why it matters in a plant

Drift is how most sensors die: an ageing electrode, a coated thermowell, a diaphragm that creeps. Each day looks like the day
before, so nobody notices until the product, the balance or the calibration does.

## How it decides

Deviation, witnesses and limits as for `bias`. The tag drifts where at least two witnesses object, and a straight line that
leaves zero up to two days before describes the course better than a step, over at least 8 h. The rate is the least-squares
slope of that line, in the tag's unit a day. Days until tolerance:

    (tolerance - |deviation now|) / |rate|,   tolerance = `tolerance` (1 %) of the span, without a span of the usual range

`medium` from `strength` = 1.25 limits of the second strongest witness and `witnesses` = 3 that agree, or twice that strength
with two; else `low`. Where no witness that objects knows the tag to `close` = 5 % of its usual range (a slow temperature),
`medium` also needs `hours` = 40 h, `plain` = 1.75 limits and a majority in `share` = 25 % of that time: what differs for some
hours of each day is another sort of day. So is anything that less than `seen` = 10 % of its time shows, unless it has reached
`plainly` = 5 % of the usual range.

## What to do

Plan a calibration before the tolerance is reached; clean or replace the sensor; write down as found and as left.

## When it is wrong

The process drifts: fouling of a heat exchanger changes how temperature follows flow. A step in small parts looks alike.

## References

ISO/IEC 17025 on drift between calibrations; NAMUR NE 107.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iiotctl.checks.base import Check, Judged, Spell, Verdict
from iiotctl.checks.features.columns import HOUR
from iiotctl.checks.relations.learnt import RELATIONS
from iiotctl.checks.relations.shape import Deviation, of_shape
from iiotctl.checks.relations.words import amount, evidence, grade, pair, said, undecided, unheard
from iiotctl.findings import Confidence, Ne107, Severity

if TYPE_CHECKING:
    from iiotctl.checks.tagdata import TagData


@dataclass(frozen=True, slots=True)
class Params:
    """When a deviation is sure.

    Attributes:
        strength: times its limit that the second strongest witness must see.
        witnesses: that agree; with two, the strength counts double.
        tolerance: share of the span that the tag may be off.
        close: where the closest witness knows the tag only worse than to this share of its usual range …
        hours: h, it must drift for so long …
        plain: … by so many limits of the second strongest witness …
        share: … and witnesses must say so in this share of the time, to be more than `low`.
        seen: share of the time in which any drift must be seen to be more than `low` …
        plainly: … unless it has reached this share of the usual range.
    """

    strength: float = 1.25
    witnesses: int = 3
    tolerance: float = 0.01
    close: float = 0.05
    hours: float = 40.0
    plain: float = 1.75
    share: float = 0.25
    seen: float = 0.1
    plainly: float = 0.05


def judge(data: TagData, params: Params) -> Verdict:
    """Slopes of a tag away from its relatives.

    Args:
        data: with `vote`.
        params: limits.
    """
    if data.vote is None:
        return unheard(data)
    found: list[Spell] = []
    for one in of_shape(data, ("slope",)):
        span = data.info.span
        width = span[1] - span[0] if span is not None else one.range
        tolerance = params.tolerance * width
        left = (tolerance - abs(one.size)) / abs(one.per_day) if one.per_day else float("inf")
        unit = data.info.unit
        rate = amount(one.per_day, unit, sign=not one.undecided)
        base = "span" if span is not None else "usual range"
        share = f"{params.tolerance * 100:.3g} % of its {base}"
        due = f"reaches {share} in {left:.1f} days" if left > 0 else f"past {share}"
        so_far = amount(one.size, unit, sign=not one.undecided)
        found.append(
            Spell(
                start=one.start,
                end=one.end,
                statistic=one.size,
                limit=one.limit,
                unit=unit,
                message=undecided(data, one, f"drift apart by {rate} a day, {so_far} so far")
                if one.undecided
                else f"drifts by {rate} a day away from {said(one.names)}: {so_far} so far, {due}",
                tags=pair(data, one),
                ne107=Ne107.SPECIFICATION if left <= 0 else None,
                evidence=evidence(one)
                | {
                    "per_day": one.per_day,
                    "tolerance": tolerance,
                    "days_until_tolerance": max(left, 0.0),
                },
                **_graded(one, data, params),
            )
        )
    return Judged(tuple(found))


def _graded(one: Deviation, data: TagData, params: Params) -> dict[str, Any]:
    """As for every deviation; but what no close relative sees, and has not gone on for long, is a guess about the process."""
    graded = grade(one, params.strength, params.witnesses, twin=data.info.twin)
    lasts = ((data.features.end if one.end is None else one.end) - one.start) / HOUR
    close = one.limit <= params.close * one.range
    glimpsed = one.share < params.seen and abs(one.size) < params.plainly * one.range
    if glimpsed or (not close and (lasts < params.hours or one.strength < params.plain or one.share < params.share)):
        graded["severity"] = Severity.LOW
    return graded


CHECK = Check(
    id="drift",
    title="Drift",
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    ne107=Ne107.MAINTENANCE,
    params=Params,
    judge=judge,
    second_cause="the process drifts: fouling or wear changes how the tags follow each other",
    action="plan a calibration before the tolerance is reached; note as found and as left",
    references=("NAMUR NE 107", "ISO/IEC 17025"),
    needs=frozenset({"median", RELATIONS}),
)
