"""A tag is off by a constant amount, from one moment on.

## What it looks for

The level that a tag shows departs at once from what its twin and its siblings let expect, and stays there.

## Why it matters in a plant

A transmitter re-ranged or trimmed wrongly, a plugged impulse line, a shifted probe: everything looks alive, only the number
is wrong. Limits trip too early or too late, balances do not close, a model learns a plant that does not exist.

## How it decides

Related tags ("witnesses": twin and siblings of the site file, else those that the learning period shows) each predict the
tag's 10-minute medians by a small model (line, square or cubic; or lags of 10 min to 6 h for slow tags), tested on parts of
the learning period that it did not see. A witness objects beyond

    limit = 1.3 · p99 of its errors in parts held out, at least 0.6 % of the tag's range,
            wider the further the plant is from what was learnt (leverage); silent in transients

The tag is off where at least two witnesses object on the same side, more than contradict, in at least 40 min. A step from
zero describes its course better than a line that grows. This alone is `low`: a new operating level can look like it; only
from `plain` = 2.5 limits of the second strongest witness, and a witness that knows the tag to `close` = 2 % of its range, it
is `medium`. It is `medium` too where the tag is caught in the act: its level jumps within one sample by more than it ever did (1.3 times the largest
step of the learning period, or 3 times its 99 % quantile), stays for at least half an hour, and at least two witnesses, more
than do not, see their deviation change by as much. With one witness it is the tag or the witness: one `low` finding for both,
unless another check finds fault with one of them at that time. A tag without any
relative is `low` where its level jumps within one sample by more than it ever did, and later back by as much (0.75 to 1.33
times); else it cannot be judged.

## What to do

Compare with a local gauge or a calibrator at two levels, look at the last work done on the loop.

## When it is wrong

The process itself changed: another product, a valve lined up differently, a new operating level that was never learnt. What is mostly seen
within 3 h of such a level (a first stop, a start) is `low`: the tag may settle.

## References

ISA-TR84.00.02 on comparison of redundant sensors; Hotelling/leverage as in Belsley, Kuh, Welsch, *Regression Diagnostics*.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iiotctl.checks.base import Check, Judged, Spell, Verdict
from iiotctl.checks.kinds import NEEDS, kind_of
from iiotctl.checks.relations.jumps import Jump, jumps, there_and_back
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
        plain: times its limit, from which a deviation that nobody saw begin is `medium` …
        close: … where the closest witness knows the tag to this share of its usual range.
    """

    strength: float = 1.5
    witnesses: int = 3
    plain: float = 2.5
    close: float = 0.02


def judge(data: TagData, params: Params) -> Verdict:
    """Steps of a tag away from its relatives.

    Args:
        data: with `vote`.
        params: limits.
    """
    unit, kind = data.info.unit, kind_of(data)
    if data.vote is None:
        alone = [] if kind.skip else there_and_back(data, kind.resolution)
        return Judged(tuple(_alone(one, unit) for one in alone)) if alone else unheard(data)
    caught = jumps(data, kind.resolution)
    found = [_caught(one, unit, params) for one in caught]
    for off in of_shape(data, ("step",)):
        if not any(one.start < (off.end or off.start + 1) and (one.end or off.start + 1) > off.start for one in caught):
            found.append(_seen(off, data, params))  # noqa: PERF401 - reads better than a condition in a comprehension
    return Judged(tuple(found))


def _caught(one: Jump, unit: str, params: Params) -> Spell:
    """A jump within one sample: sure."""
    return Spell(
        start=one.start,
        end=one.end,
        statistic=math.copysign(one.step, one.size),
        limit=one.usual,
        unit=unit,
        message=f"jumped by {amount(one.size, unit, sign=True)} from one sample to the next and stayed; {said(one.names)} did not",
        severity=Severity.MEDIUM if one.supporters > 1 or one.close else Severity.LOW,
        confidence=Confidence.HIGH if one.supporters >= params.witnesses else Confidence.MEDIUM,
        evidence={"witnesses": ", ".join(one.names), "agree": one.supporters, "level_changed_by": one.size},
    )


def _alone(one: Jump, unit: str) -> Spell:
    """A jump and its way back, of which no other tag knows: low."""
    return Spell(
        start=one.start,
        end=one.end,
        statistic=math.copysign(one.step, one.size),
        limit=one.usual,
        unit=unit,
        message=f"jumped by {amount(one.size, unit, sign=True)} from one sample to the next, and later back by as much; "
        "no other tag tells whether the process did",
        severity=Severity.LOW,
        confidence=Confidence.LOW,
        evidence={"level_changed_by": one.size},
    )


def _seen(off: Deviation, data: TagData, params: Params) -> Spell:
    """A constant deviation that nobody saw begin: low, unless close relatives say it plainly."""
    graded = grade(off, params.strength, params.witnesses, twin=data.info.twin)
    plain = off.strength >= params.plain and off.limit <= params.close * off.range
    if graded["severity"] is Severity.MEDIUM and not plain:
        graded |= {"severity": Severity.LOW, "confidence": Confidence.MEDIUM}
    return Spell(
        start=off.start,
        end=off.end,
        statistic=off.size,
        limit=off.limit,
        unit=data.info.unit,
        message=_message(off, data),
        tags=pair(data, off),
        evidence=evidence(off),
        **graded,
    )


def _message(off: Deviation, data: TagData) -> str:
    much = amount(off.size, data.info.unit)
    if off.undecided:
        return undecided(data, off, f"differ by {much} more than they used to")
    way = "more" if off.size > 0 else "less"
    return f"shows {much} {way} than {said(off.names)} let expect, {abs(off.size) / off.range * 100:.1f} % of its usual range"


CHECK = Check(
    id="bias",
    title="Bias",
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    ne107=Ne107.MAINTENANCE,
    params=Params,
    judge=judge,
    second_cause="the process works differently now: another product, a valve or a bypass lined up differently",
    action="compare with a local gauge or a calibrator, and look at the last work done on the loop",
    references=("NAMUR NE 107", "Belsley, Kuh, Welsch: Regression Diagnostics"),
    needs=frozenset({"median", "step_max", "unique", RELATIONS}) | NEEDS,
)
