"""A counter goes back.

## What it looks for

A totaliser or counter whose reading becomes smaller, although it only ever counts up: it was exchanged or reset, a PLC lost
its retained memory, two counters are written to one tag, or rows came in the wrong order.

## Why it matters in a plant

Consumption is the difference of two readings. One step back gives a negative or an enormous amount, in a bill or a balance.

## How it decides

Each window's smallest and last value are compared with what was read before. It went back where a value is smaller by more
than `resolutions` = 2 smallest steps of the counter, and by more than `share` = 1e-9 of the reading.

- To less than `zero` = 1 % of the reading before: a *reset*, `info`, because
  many totalisers are reset each batch; silent where the baseline had some.
- The same from within 2 % below the declared `rollover`, else below 10^n,
  2^15, 2^16, 2^31 or 2^32: a *rollover*, as it should be, silent.
- Down and up again to where it was, or up and down: a *wrong reading*, `low`.
- Else it *went back*, `medium`.

The edges of a clock shift are silent: there the rows are out of order, not the counter.

## What to do

Read the counter itself. Was it exchanged, was the PLC loaded anew, was it started cold? For a bill correct by hand.

## When it is wrong

A meter that counts both directions (net energy) is no counter: declare it as `measurement`.

## References

OpenMetrics 1.0, counters (resets); EN 1434-1 and OIML R 49 (registers of heat and water meters roll over).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from iiotctl.checks import timeline
from iiotctl.checks.base import Check, Judged, Skipped, Spell, Unjudged, Verdict
from iiotctl.checks.conclude import amount
from iiotctl.checks.kinds import kind_of
from iiotctl.findings import Confidence, Ne107, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iiotctl.checks.tagdata import TagData

_ENDS: Final = (2.0**15, 2.0**16, 2.0**31, 2.0**32, *(10.0**digits for digits in range(3, 13)))
"""Readings at which registers begin again."""
_CLOSE: Final = 0.02
"""Share of such an end by which a reading may lie below it."""
_BACK: Final = 0.999
"""Share of the reading before that counts as back where it was."""
_MUCH: Final = 10.0
"""A wrong reading that was too large lies so many times further off than the counter went on meanwhile."""
_SOON: Final = 3
"""Windows within which a wrong reading is over."""


@dataclass(frozen=True, slots=True)
class Params:
    """What counts as going back.

    Attributes:
        resolutions: smallest steps of the counter, at least.
        share: of the reading, at least: what floats lose.
        zero: share of the reading before, below which it is a reset.
    """

    resolutions: float = 2.0
    share: float = 1e-9
    zero: float = 0.01


@dataclass(frozen=True, slots=True)
class _Back:
    """A step back: window, reading before and after; or one wrong reading (after), and it goes on where it was."""

    row: int
    before: float
    after: float
    recovers: bool


def learn(data: TagData, params: Params) -> dict[str, Any]:
    """`resets`: how often the learning period saw it begin again."""
    kind = kind_of(data)
    if not kind.counter:
        return {}
    steps = [step for step in _backwards(data, params) if data.learning[step.row]]
    return {"resets": float(sum(_is_reset(step, params) for step in steps))}


def judge(data: TagData, params: Params) -> Verdict:
    """Where the reading becomes smaller.

    Args:
        data: columns `n`, `min`, `max`, `last`; `rollover` of its facts.
        params: limits.
    """
    kind = kind_of(data)
    if not kind.counter:
        return Skipped("no counter")
    if not (data.features["n"] > 0).any():
        return Unjudged("it has no numbers")
    resets = data.learnt.get("resets", 0.0)
    steps = [step for step in _backwards(data, params) if data.judged[step.row]]
    shifts = timeline.shifts(data) if steps else []
    spells = []
    for step in steps:
        at = data.features.time_of(step.row)
        if timeline.explained(shifts, at, at + data.features.window) or _rolls_over(data, step, params):
            continue
        if not (_is_reset(step, params) and isinstance(resets, float) and resets > 0):
            spells.append(_spell(data, step, params))
    return Judged(tuple(spells))


def _backwards(data: TagData, params: Params) -> Iterator[_Back]:
    """Windows in which it is smaller than before, each with the reading that it came from."""
    import numpy as np

    features = data.features
    rows = np.flatnonzero(features["n"] > 0)
    if not len(rows):
        return
    low, high, last = (features[name][rows].astype(np.float64) for name in ("min", "max", "last"))
    before = np.concatenate([[low[0]], last[:-1]])
    resolution = kind_of(data).resolution
    with np.errstate(invalid="ignore", over="ignore"):
        least = np.fmax(params.share * np.abs(high), params.resolutions * (resolution if resolution > 0 else 0.0))
        across, within = before - low, high - last
        hit = np.flatnonzero((across > least) | (within > least))
    for place in hit.tolist():
        came_from = float(max(before[place], high[place]) if within[place] > least[place] else before[place])
        earlier = float(before[place] if within[place] > least[place] else before[max(0, place - 1)])
        went_to = float(last[place] if within[place] > least[place] else low[place])
        if earlier <= went_to and _MUCH * (went_to - earlier) < came_from - went_to:
            yield _Back(int(rows[place]), went_to, came_from, recovers=True)
            continue
        went_to = float(low[place])
        later = np.append(high[place + 1 : place + 1 + _SOON], last[place])
        recovers = went_to < _BACK * came_from and bool((later >= _BACK * came_from).any())
        yield _Back(int(rows[place]), came_from, went_to, recovers)


def _is_reset(step: _Back, params: Params) -> bool:
    return abs(step.after) <= params.zero * abs(step.before) and not step.recovers


def _rolls_over(data: TagData, step: _Back, params: Params) -> bool:
    if not _is_reset(step, params):
        return False
    ends = (data.info.rollover,) if data.info.rollover else _ENDS
    return any((1 - _CLOSE) * end <= step.before <= end for end in ends)


def _spell(data: TagData, step: _Back, params: Params) -> Spell:
    features, unit = data.features, data.info.unit
    before, after = amount(step.before), amount(step.after, unit)
    if step.recovers:
        key, message, severity = "reading", f"read {after} for a moment, and went on at {before}", Severity.LOW
    elif _is_reset(step, params):
        key, message, severity = "reset", f"began again at {after}; it had counted to {before}", Severity.INFO
    else:
        size = amount(step.before - step.after, unit)
        key, message, severity = "back", f"went back by {size}, from {before} to {after}", Severity.MEDIUM
    return Spell(
        start=features.time_of(step.row),
        end=features.time_of(step.row + 1),
        statistic=abs(step.before - step.after),
        limit=params.resolutions * kind_of(data).resolution,
        unit=unit,
        message=message,
        severity=severity,
        confidence=Confidence.HIGH,
        key=key,
        evidence={"before": step.before, "after": step.after},
    )


CHECK = Check(
    id="counter-backwards",
    title="Counter goes back",
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    ne107=Ne107.CHECK,
    params=Params,
    judge=judge,
    learn=learn,
    second_cause="it was reset or exchanged on purpose",
    action="read the counter itself; was it exchanged, was the PLC loaded anew or started cold?",
    references=("OpenMetrics 1.0, counters", "EN 1434-1"),
    learns=False,
    needs=frozenset({"n", "min", "max", "last"}),
)
