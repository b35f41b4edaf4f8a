"""A tag and its relatives no longer belong together.

## What it looks for

Related tags that agreed while they were learnt from disagree, and the difference is neither a constant (`bias`) nor a growing
one (`drift`).

## Why it matters in a plant

Flow without pressure, current without motion: a valve that leaks, a belt that slips, a line that plugs and frees itself, or a
sensor that follows only half of the way.

## How it decides

Deviation, witnesses and limits as for `bias`. The relation is broken where at least two witnesses object, more than
contradict, in at least 40 min, from 2 limits of the second strongest on, and neither a step nor a line explains half of the
course. Always `low`, `medium` from `strength` = 3 limits and `witnesses` = 3 that agree for at least `hours` = 2 h,
one of which knows the tag to `close` = 2 % of its usual range.

## What to do

Look at both ends: trend the tag with its witnesses, ask what changed at that time.

## When it is wrong

A way of working that the learning period did not show. Learn a baseline from a period that shows it.

## References

Venkatasubramanian et al. (2003), *A review of process fault detection and diagnosis*, part III (relations between tags).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iiotctl.checks.base import Check, Judged, Spell, Verdict
from iiotctl.checks.features.columns import HOUR
from iiotctl.checks.relations.learnt import RELATIONS
from iiotctl.checks.relations.shape import of_shape
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
        hours: h, a shorter break is `low` …
        close: … as is one where no witness knows the tag to this share of its usual range.
    """

    strength: float = 3.0
    witnesses: int = 3
    hours: float = 2.0
    close: float = 0.02


def judge(data: TagData, params: Params) -> Verdict:
    """Stretches in which a tag does not follow its relatives.

    Args:
        data: with `vote`.
        params: limits.
    """
    if data.vote is None:
        return unheard(data)
    found: list[Spell] = []
    for one in of_shape(data, ("other",)):
        graded = grade(one, params.strength, params.witnesses, twin=data.info.twin)
        if one.cells * data.vote.cell < params.hours * HOUR or one.limit > params.close * one.range:
            graded["severity"] = Severity.LOW
        off = amount(one.size, data.info.unit)
        found.append(
            Spell(
                start=one.start,
                end=one.end,
                statistic=one.size,
                limit=one.limit,
                unit=data.info.unit,
                message=undecided(data, one, f"no longer go together, up to {off} apart")
                if one.undecided
                else f"no longer goes with {said(one.names)}: up to {off} off, now more, now less",
                tags=pair(data, one),
                evidence=evidence(one),
                **graded,
            )
        )
    return Judged(tuple(found))


CHECK = Check(
    id="relation-break",
    title="Relation break",
    severity=Severity.LOW,
    confidence=Confidence.MEDIUM,
    ne107=Ne107.MAINTENANCE,
    params=Params,
    judge=judge,
    second_cause="the process works differently now: another product, a valve or a bypass lined up differently",
    action="trend the tag with its witnesses, and ask what changed at that time",
    references=("NAMUR NE 107", "Venkatasubramanian et al. 2003"),
    needs=frozenset({"median", RELATIONS}),
)
