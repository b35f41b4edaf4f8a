"""A value is where no measurement, or no healthy process, can be.

## What it looks for

Values outside of the measuring range, outside of the operating limits of the site file, or, where nothing is declared, of a
quite different size than all that the baseline saw: a wrong scaling after a PLC change, a wrong register or byte order, a
transmitter that was re-ranged on one side only.

## Why it matters in a plant

It is the coarsest of all tests and the first that everybody expects. A value of 3700 °C in an average makes the day useless.

## How it decides

By the median of each window with `rows` = 3 rows at least (a single value is a spike):

- below -26 % or above +119 % of the declared span: no loop current gives
  this, nor the overrange of a card. What lies between is for `ne43`.
- outside of `low_low` … `high_high`: `medium`; outside of `low` … `high`:
  `low`. Not while the unit is at rest.
- without span and limits: further outside of the baseline's range than `far`
  = 5 times this range, and `size` = 10 times the largest size seen: `low`,
  because a baseline of two days has not seen everything; `medium` from
  `lasts` = 1 h on: no plant works at ten times its size without a word.

## What to do

Compare with a second gauge. Did anybody change scaling, register map or transmitter at that time?

## When it is wrong

The process really is there: a matter for the operators, not a sensor. Without a declared span: a start after a baseline of
standstill.

## References

QARTOD gross range test (IOOS, *Manual for Real-Time Quality Control*, test 4); NAMUR NE 107.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from iiotctl.checks import loop
from iiotctl.checks.base import Check, Judged, Skipped, Spell, Unjudged, Verdict
from iiotctl.checks.conclude import amount, span
from iiotctl.checks.features.columns import HOUR
from iiotctl.checks.kinds import kind_of
from iiotctl.checks.series import runs
from iiotctl.checks.tagdata import State
from iiotctl.findings import Confidence, Ne107, Severity

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.tagdata import TagData

_JOIN: Final = 5
"""Windows between that make no second spell."""
_LIMITS: Final = {
    "low_low": Severity.MEDIUM,
    "high_high": Severity.MEDIUM,
    "low": Severity.LOW,
    "high": Severity.LOW,
}


@dataclass(frozen=True, slots=True)
class Params:
    """What counts as out of range.

    Attributes:
        rows: rows of a window, at least.
        far: times the baseline's range, without span and limits.
        size: times the largest size in the baseline, without span and limits.
        lasts: h, from which such a size is `medium`.
    """

    rows: int = 3
    far: float = 5.0
    size: float = 10.0
    lasts: float = 1.0


@dataclass(frozen=True, slots=True)
class _Bound:
    """One side of one range.

    Attributes:
        key: `span-low`, `high_high`, `baseline-high` …
        limit: tag's unit.
        above: values above it are outside.
        severity, ne107: of what lies outside.
        text: what the limit is.
        second: what else it may be.
    """

    key: str
    limit: float
    above: bool
    severity: Severity
    ne107: Ne107
    text: str
    second: str = ""


def learn(data: TagData, params: Params) -> dict[str, Any]:  # noqa: ARG001 - the shape of a check's `learn`
    """`low`, `high`: smallest and largest value of the learning period, tag's unit."""
    features = data.features
    only = data.learning & (features["n"] > 0)
    if not only.any():
        return {}
    return {"low": float(features["min"][only].min()), "high": float(features["max"][only].max())}


def judge(data: TagData, params: Params) -> Verdict:
    """Windows with values out of range.

    Args:
        data: columns `n`, `min`, `max`, `median`.
        params: limits.
    """
    kind = kind_of(data)
    if kind.skip:
        return Skipped(kind.skip)
    bounds = list(_declared(data))
    if bounds:
        return Judged(tuple(one for bound in bounds for one in _outside(data, bound, params)))
    learnt = [data.learnt.get(name) for name in ("low", "high")]
    if data.baseline is None or not all(isinstance(one, float) for one in learnt):
        return Unjudged("no span and no limits are declared, and no baseline tells where it usually is")
    if kind.constant:
        return Unjudged("no span and no limits are declared, and it never moved in the baseline")
    return Judged(tuple(one for bound in _learnt(data, params) for one in _outside(data, bound, params)))


def _declared(data: TagData) -> Iterator[_Bound]:
    info, unit = data.info, data.info.unit
    if info.span is not None and info.span[1] > info.span[0]:
        low, high = info.span
        text = f"the span of {amount(low)} … {amount(high, unit)}"
        for key, share, above in (("span-low", loop.IMPOSSIBLE_LOW, False), ("span-high", loop.IMPOSSIBLE_HIGH, True)):
            yield _Bound(
                key, low + share * (high - low), above, Severity.MEDIUM, Ne107.FAILURE, f"far outside of {text}"
            )
    for name, severity in _LIMITS.items():
        if name in info.limits:
            limit, above = float(info.limits[name]), name.startswith("high")
            where = "above" if above else "below"
            text = f"{where} the limit `{name}` of {amount(limit, unit)}"
            second = "the process really is there: a matter for the operators, not for a sensor"
            yield _Bound(name, limit, above, severity, Ne107.SPECIFICATION, text, second)


def _learnt(data: TagData, params: Params) -> Iterator[_Bound]:
    low, high = (float(data.learnt[name]) for name in ("low", "high"))  # type: ignore[arg-type]
    width, size, unit = high - low, max(abs(low), abs(high)), data.info.unit
    text = f"of another size than all that the baseline saw ({amount(low)} … {amount(high, unit)})"
    second = "the process is in a state that the baseline did not see"
    above, below = (
        max(high + params.far * width, params.size * size),
        min(low - params.far * width, -params.size * size),
    )
    for key, limit in (("baseline-high", above), ("baseline-low", below)):
        yield _Bound(key, limit, key.endswith("high"), Severity.LOW, Ne107.SPECIFICATION, text, second)


def _outside(data: TagData, bound: _Bound, params: Params) -> Iterator[Spell]:
    import numpy as np

    features, unit = data.features, data.info.unit
    hit = data.judged & (features["n"] >= params.rows) & _beyond(features["median"], bound)
    learnt = bound.key.startswith("baseline")
    if learnt:
        hit &= ~data.learning
    if bound.key in _LIMITS:
        hit &= (data.state != State.OFF) & data.settled
    for first, stop in runs(hit, join=_JOIN):
        column = features["max" if bound.above else "min"][first:stop].astype(np.float64)
        lasts = (stop - first) * features.window
        extreme = float(np.nanmax(column) if bound.above else np.nanmin(column))
        yield Spell(
            start=features.time_of(first),
            end=features.time_of(stop) if (features["n"][stop:] > 0).any() else None,
            statistic=extreme,
            limit=bound.limit,
            unit=unit,
            message=f"at {amount(extreme, unit)} for {span(lasts)}, {bound.text}",
            severity=Severity.MEDIUM if learnt and lasts >= params.lasts * HOUR else bound.severity,
            confidence=Confidence.LOW if learnt else Confidence.HIGH,
            ne107=bound.ne107,
            second_cause=bound.second,
            key=bound.key,
        )


def _beyond(column: npt.NDArray[Any], bound: _Bound) -> npt.NDArray[np.bool_]:
    import numpy as np

    with np.errstate(invalid="ignore"):
        found: npt.NDArray[np.bool_] = column > bound.limit if bound.above else column < bound.limit
    return found


CHECK = Check(
    id="gross-range",
    title="Gross range",
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    ne107=Ne107.FAILURE,
    params=Params,
    judge=judge,
    learn=learn,
    second_cause="the span in the site file is not that of the transmitter",
    action="compare with a second gauge; then look for a change of scaling, register map or transmitter at that time",
    references=("QARTOD gross range test", "NAMUR NE 107"),
    learns=False,
    needs=frozenset({"n", "min", "max", "median"}),
)
