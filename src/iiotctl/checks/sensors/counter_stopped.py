"""A counter stands still that always went on.

## What it looks for

A totaliser that does not count for much longer than it ever did, although it goes on delivering: a blocked rotor, a lost
pulse contact, a totaliser block that is no longer called, a saturated register.

## Why it matters in a plant

Nobody looks at a counter until the end of the month. Every day that it stands still is lost from the bill and the balance.

## How it decides

The longest stretch without any change is learnt. It is judged against

    limit = max(`least` = 1 h, `factor` = 3 · (longest stretch of the baseline + one window))

and `low`: nothing may flow. From `sure` = 5 times the limit on, of a counter whose baseline never stood still for as long as
an hour, it is `medium`. The unit at rest does not count; and what reports only on change cannot be judged.

## What to do

Does the flow meter beside it show a flow? Then look at pulse contact, rotor, and at the block that counts.

## When it is wrong

Nothing flows: the consumer is shut down for longer than ever in the baseline.

## References

NAMUR NE 107; EN 1434-6 (heat meters, checking by plausibility of consumption).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from iiotctl.checks.base import Check, Judged, Skipped, Spell, Unjudged, Verdict
from iiotctl.checks.conclude import amount, span
from iiotctl.checks.features.columns import HOUR, SECOND
from iiotctl.checks.kinds import kind_of
from iiotctl.checks.series import held
from iiotctl.checks.tagdata import State
from iiotctl.findings import Confidence, Ne107, Severity

if TYPE_CHECKING:
    from iiotctl.checks.tagdata import TagData

_WITHOUT: Final = 2
"""Windows without numbers over which it may stand still."""


@dataclass(frozen=True, slots=True)
class Params:
    """What counts as stopped.

    Attributes:
        least: s, a shorter stretch is none.
        factor: times the longest stretch of the baseline, which is known to a window.
        rows: rows, a stretch of fewer is none.
        sure: times the limit, from which a counter that never rested is more than `low`.
    """

    least: float = 3600.0
    factor: float = 3.0
    rows: int = 10
    sure: float = 5.0


def learn(data: TagData, params: Params) -> dict[str, Any]:  # noqa: ARG001 - the shape of a check's `learn`
    """`longest`: s, the longest stretch of the learning period without any change. {} for other tags than counters."""
    if not kind_of(data).counter:
        return {}
    only = data.learning & data.settled & (data.state != State.OFF)
    stretches = held(data.features, 0.0, only, without=_WITHOUT)
    longest = max((stop - first for first, stop in stretches), default=0)
    return {"longest": longest * data.features.window / SECOND}


def judge(data: TagData, params: Params) -> Verdict:
    """Stretches without any change that are longer than ever.

    Args:
        data: columns `rows`, `n`, `min`, `max`; with a baseline.
        params: limits.
    """
    kind, features = kind_of(data), data.features
    if not kind.counter:
        return Skipped("no counter")
    if data.info.mode == "exception" or data.info.deadband:
        return Unjudged("it reports on change: silence says nothing")
    longest = data.learnt.get("longest")
    if data.baseline is None or not isinstance(longest, float):
        return Unjudged("no baseline tells for how long it stands still")
    if kind.constant or not kind.windows:
        return Unjudged("it never counted in the baseline")
    limit = max(params.least, params.factor * (longest + features.window / SECOND))
    spells = []
    for first, stop in held(features, 0.0, data.judged, without=_WITHOUT):
        seconds = (stop - first) * features.window / SECOND
        if seconds >= limit and features["n"][first:stop].sum() >= params.rows:
            sure = seconds >= params.sure * limit and longest * SECOND < HOUR
            spells.append(_spell(data, first, stop, limit, longest, sure=sure))
    return Judged(tuple(spells))


def _spell(data: TagData, first: int, stop: int, limit: float, longest: float, *, sure: bool) -> Spell:
    features = data.features
    length = (stop - first) * features.window
    reading = amount(float(features["max"][first]), data.info.unit)
    before = f"for {span(round(longest * SECOND))} at most" if longest else "never"
    return Spell(
        start=features.time_of(first),
        end=features.time_of(stop) if (features["rows"][stop:] > 0).any() else None,
        statistic=length / SECOND,
        limit=limit,
        unit="s",
        message=f"stood still at {reading} for {span(length)}; in the baseline {before}",
        severity=Severity.MEDIUM if sure else Severity.LOW,
        confidence=Confidence.MEDIUM if sure else Confidence.LOW,
        evidence={"reading": float(features["max"][first]), "longest_of_baseline_s": longest},
    )


CHECK = Check(
    id="counter-stopped",
    title="Counter stands still",
    severity=Severity.LOW,
    confidence=Confidence.MEDIUM,
    ne107=Ne107.FAILURE,
    params=Params,
    judge=judge,
    learn=learn,
    second_cause="nothing flows: the consumer is shut down",
    action="does the meter beside it show a flow? then look at pulse contact, rotor and the block that counts",
    references=("NAMUR NE 107", "EN 1434-6"),
    moving_only=True,
    needs=frozenset({"rows", "n", "min", "max"}),
)
