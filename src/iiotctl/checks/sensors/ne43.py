"""A transmitter says by its current that it failed: wire break or short.

## What it looks for

A value that no measurement gives, because the loop current is at a failure level of NAMUR NE 43: 3.6 mA or less (wire
break, failed transmitter), 21 mA or more (short, failed transmitter). In engineering units it is an odd number just below
or above the span, held for a while.

## Why it matters in a plant

The transmitter knows that it failed and says so, but many cards pass the number on with a Good status. Averages, totals
and controllers take -0.31 bar for a pressure.

## How it decides

*Span declared* (or unit mA: 4 … 20): the value is at -2.5 % of the span or below, or at +106.25 % or above, for `least` =
30 s. Between 103.125 % and 106.25 %, and between -1.25 % and -2.5 %, the transmitter is saturated: that is `low`. What no
current gives (beyond -26 % and 119 %) is a matter of `gross-range`. A tag that never left 0 … 100 % of its span cannot be judged: the PLC may clamp it.

*Span not declared*: the value leaves all that the baseline saw by more than `beyond` = 2 % of its range, at once (one step
makes `abrupt` = 80 % of the way, there and back), stands still there (3 % of the way), for 30 s or more. Then the level is
compared with the failure currents 3.5, 3.6, 0 mA, and 21 to 22.8 mA, of a round span from 0 (0 … 10 bar, 0 … 250 °C …)
into which all of the baseline fits. If it fits below 0, or above and the tag moves in steps of a converter over that span, or
the status is Uncertain all that time, it is `medium`; else it is `low`, without any fit
for two hours at most, and must have gone three times as far as the steps before and after are, and 1.3 times as far as single
windows of the baseline went (a probe that cleans itself). A level of exactly 0, or between 0 and the smallest value, is no wire break but a machine that was
switched off.

## What to do

Measure the loop current; look at terminals, fuse, barrier and supply; read the transmitter's diagnostics over HART. Declare
the span in the site file, so that nothing must be guessed.

## When it is wrong

A transmitter was simulated or calibrated; without a declared span, a process that jumps and rests where it never was.

## References

NAMUR NE 43 (2003); NAMUR NE 107; IEC 60381-1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from iiotctl.checks import loop, timeline
from iiotctl.checks.base import Check, Judged, Skipped, Spell, Unjudged, Verdict
from iiotctl.checks.conclude import BRIEF, amount, span
from iiotctl.checks.features.columns import HOUR, SECOND
from iiotctl.checks.kinds import kind_of
from iiotctl.checks.series import runs
from iiotctl.findings import Confidence, Ne107, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.tagdata import TagData

_STILL: Final = 0.03
"""Share of the way within which the value then stays."""
_CLEAR: Final = 0.08
"""Share of the baseline's range that the way is at least …"""
_OF_STEPS: Final = 3.0
"""… and times the largest steps just before and after."""
_AROUND: Final = 10
"""Windows before and after that tell from where it came."""
_NEAR_ZERO: Final = 0.25
"""Share of a failure level by which the baseline may be below 0 and the span still begin there."""
_TWO_LEVELS: Final = 0.15
"""Share of the way by which the deviation of a window with both levels may be off."""
_FEWEST: Final = 4
"""Rows."""
_INSIDE: Final = 0.9
"""Share of a window from which on it lies inside."""
_LONGEST: Final = 2 * HOUR
_OUTLIERS: Final = 0.3
"""Share of the range by which single values of the baseline may lie off without being its range."""
_AGAIN: Final = 1.3
"""Times the way of the outliers of the baseline, within which it is one of them."""
_TINY: Final = 0.001
"""Share of the span by which a level may miss a limit: the resolution of old cards."""


@dataclass(frozen=True, slots=True)
class Params:
    """What counts as a failure current.

    Attributes:
        least: s, for so long.
        abrupt: share of the way that one step makes, without a declared span.
        beyond: share of the baseline's range by which it leaves it, without a declared span.
    """

    least: float = 30.0
    abrupt: float = 0.8
    beyond: float = 0.02


@dataclass(frozen=True, slots=True)
class _Jump:
    """A stay outside, seen from the level before and after.

    Attributes:
        first, stop: windows.
        level: outside, tag's unit.
        length: s.
        rows: how many were outside.
        way: from the level before and after, tag's unit.
        uncertain: most of the rows outside say so.
        abrupt: one step each made most of the way there and back.
        calm: the way is much longer than the steps before and after.
        still: it stayed at that level.
    """

    first: int
    stop: int
    level: float
    length: float
    rows: float
    way: float
    uncertain: bool
    abrupt: bool
    calm: bool
    still: bool


def learn(data: TagData, params: Params) -> dict[str, Any]:  # noqa: ARG001 - the shape of a check's `learn`
    """The range of the learning period, tag's unit.

    Returns:
        `low`, `high`: smallest and largest value; `bottom`, `top`: 0.1 % and 99.9 % quantile of the windows' medians.
    """
    import numpy as np

    features = data.features
    only = data.learning & (features["n"] > 0)
    if not only.any():
        return {}
    level = features["median"][only]
    return {
        "low": float(features["min"][only].min()),
        "high": float(features["max"][only].max()),
        "bottom": float(np.quantile(level, 0.001)),
        "top": float(np.quantile(level, 0.999)),
    }


def judge(data: TagData, params: Params) -> Verdict:
    """Stays at a failure level.

    Args:
        data: see `needs` of the check; with a baseline where no span is declared.
        params: limits.
    """
    kind = kind_of(data)
    if kind.skip:
        return Skipped(kind.skip)
    declared = data.info.span or ((4.0, 20.0) if data.info.unit.lower() == "ma" else None)
    if declared is not None and declared[1] > declared[0]:
        return _declared(data, declared, params)
    if data.baseline is None or "bottom" not in data.learnt:
        return Unjudged("no span is declared and no baseline tells where it usually is")
    if not kind.resolution > 0:
        return Unjudged("no span is declared and it never moved in the baseline")
    return Judged(tuple(_guessed(data, kind.resolution, params)))


def _declared(data: TagData, of: tuple[float, float], params: Params) -> Verdict:
    import numpy as np

    features = data.features
    low, high = of
    width = high - low
    with np.errstate(invalid="ignore"):
        known = data.judged & (features["n"] > 0)
        under = known & (features["min"] <= low + (loop.SATURATED_LOW + _TINY) * width)
        over = known & (features["max"] >= low + (loop.SATURATED_HIGH - _TINY) * width)
        left = known & ((features["min"] < low) | (features["max"] > high))
    if not known.any():
        return Unjudged("it has no numbers")
    if not left.any():
        return Unjudged("it was never outside 0 … 100 % of its span: clamped in the PLC?")
    spells = []
    for side, mask in (("low", under), ("high", over)):
        for first, stop in runs(mask, join=1):
            jump = _jump(data, first, stop, side, params)
            is_current = loop.IMPOSSIBLE_LOW < loop.share_of(jump.level, of) < loop.IMPOSSIBLE_HIGH
            if is_current and jump.length >= params.least and jump.rows >= _FEWEST:
                spells.append(_named(data, jump, of, side))
    return Judged(tuple(spells))


def _named(data: TagData, jump: _Jump, of: tuple[float, float], side: str) -> Spell:
    unit = data.info.unit
    share = loop.share_of(jump.level, of)
    failed = share <= loop.FAILED_LOW + _TINY if side == "low" else share >= loop.FAILED_HIGH - _TINY
    edge = (
        (loop.FAILED_LOW if side == "low" else loop.FAILED_HIGH)
        if failed
        else (loop.SATURATED_LOW if side == "low" else loop.SATURATED_HIGH)
    )
    current = loop.current_of(jump.level, of)
    message = (
        f"at {amount(jump.level, unit)} for {_length(jump)}: {current:.3g} mA, {100 * share:.1f} % of "
        f"{amount(of[0])} … {amount(of[1], unit)}: "
    )
    return Spell(
        start=data.features.time_of(jump.first),
        end=_end(data, jump),
        statistic=jump.level,
        limit=of[0] + edge * (of[1] - of[0]),
        unit=unit,
        message=message + (_cause(side) if failed else "the transmitter is saturated"),
        severity=Severity.MEDIUM if failed else Severity.LOW,
        ne107=Ne107.FAILURE if failed else Ne107.SPECIFICATION,
        second_cause="" if failed else "the process is outside of what the transmitter was ranged for",
        key=side,
        evidence={"current_ma": current, "share_of_span": share, "span_declared": True},
    )


def _guessed(data: TagData, lsb: float, params: Params) -> list[Spell]:
    import numpy as np

    features, learnt = data.features, data.learnt
    low, high, bottom, top = (_number(learnt, name) for name in ("low", "high", "bottom", "top"))
    width = max(top - bottom, 6 * lsb)
    floor = low if low > bottom - _OUTLIERS * width else bottom - params.beyond * width
    ceiling = high if high < top + _OUTLIERS * width else top + params.beyond * width
    known = data.judged & ~data.learning & (features["n"] > 0)
    with np.errstate(invalid="ignore"):
        masks = {
            "low": known & (features["min"] < floor - params.beyond * width),
            "high": known & (features["max"] > ceiling + params.beyond * width),
        }
    if not any(mask.any() for mask in masks.values()):
        return []
    shifts = timeline.shifts(data)
    spells = []
    for side, mask in masks.items():
        for first, stop in runs(mask, join=1):
            jump = _jump(data, first, stop, side, params)
            clear = jump.way >= _CLEAR * width and jump.length >= params.least and jump.rows >= _FEWEST
            switched_off = side == "low" and low >= 0 and jump.level > -lsb
            clock = timeline.explained(shifts, features.time_of(first), features.time_of(stop))
            if clear and jump.abrupt and jump.still and not switched_off and not clock:
                spells += _supposed(data, jump, side, floor if side == "low" else ceiling)
    return spells


def _supposed(data: TagData, jump: _Jump, side: str, limit: float) -> list[Spell]:
    """The finding without a declared span, if there is enough to say."""
    unit, features = data.info.unit, data.features
    low, high = _number(data.learnt, "low"), _number(data.learnt, "high")
    from_zero = low >= -abs(jump.level) * _NEAR_ZERO
    fit = loop.fitting(jump.level, largest=high, resolution=kind_of(data).resolution) if from_zero else None
    edge, outlier = (_number(data.learnt, "bottom"), low) if side == "low" else (_number(data.learnt, "top"), high)
    again = abs(jump.level - edge) <= _AGAIN * abs(outlier - edge)
    if fit is None and not jump.uncertain and (jump.length * SECOND > _LONGEST or not jump.calm or again):
        return []
    brief = data.baseline is not None and data.baseline.end - data.baseline.start < BRIEF
    # so many currents and round spans fit about any high value; below 0 hardly any
    told = fit is not None and (side == "low" or fit.digitised)
    sure = (told or jump.uncertain) and not brief
    message = f"jumped to {amount(jump.level, unit)} for {_length(jump)}"
    if fit is not None:
        message += (
            f": span not declared; consistent with {fit.current:.3g} mA of 0 … {amount(fit.span, unit)}: {_cause(side)}"
        )
    else:
        message += f", {'below' if side == 'low' else 'above'} all that the baseline saw: {_cause(side)}?"
    spell = Spell(
        start=features.time_of(jump.first),
        end=_end(data, jump),
        statistic=jump.level,
        limit=limit,
        unit=unit,
        message=message,
        severity=Severity.MEDIUM if sure else Severity.LOW,
        confidence=Confidence.HIGH if sure and jump.uncertain else Confidence.MEDIUM if sure else Confidence.LOW,
        key=side,
        evidence={
            "span_declared": False,
            "span_supposed": fit.span if fit else None,
            "current_ma": fit.current if fit else None,
            "resolution_fits": bool(fit and fit.digitised),
            "status_uncertain": jump.uncertain,
        },
    )
    return [spell]


def _jump(data: TagData, first: int, stop: int, side: str, params: Params) -> _Jump:
    """What happened in these windows, seen from the level before and after."""
    import numpy as np

    features = data.features
    inside = slice(first, stop)
    extreme = features["min" if side == "low" else "max"][inside].astype(np.float64)
    level = float(np.median(extreme[np.isfinite(extreme)]))
    around = np.r_[max(0, first - _AROUND) : first, stop : min(len(features), stop + _AROUND)]
    usual = features["median"][around]
    usual = usual[np.isfinite(usual)]
    home = float(np.median(usual)) if len(usual) else float("nan")
    way = abs(level - home) if np.isfinite(home) else 0.0
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.clip((features["mean"][inside] - home) / (level - home), 0.0, 1.0) if way else np.ones(stop - first)
    share = np.where(np.isfinite(share), share, 0.0)
    full = share >= _INSIDE
    within = full.copy()
    within[[0, -1]] = False
    levels = features["median"][inside][full]
    steps = features["step_max"]
    there = _largest(steps[first : first + 1])
    back = _largest(steps[stop - 1 : stop + 1]) if stop < len(features) else np.inf
    calm = steps[around]
    calm = calm[np.isfinite(calm)]
    rows = float(np.sum(share * features["n"][inside]))
    return _Jump(
        first,
        stop,
        float(np.median(levels)) if len(levels) else level,
        float(share.sum()) * features.window / SECOND,
        rows,
        way,
        uncertain=bool(np.sum(features["uncertain"][inside]) >= 0.5 * rows),
        abrupt=min(there, back) >= params.abrupt * way,
        calm=way >= _OF_STEPS * float(np.median(calm) if len(calm) else 0.0),
        still=bool(full[1:-1].all())
        and _largest((features["max"] - features["min"])[inside][within]) <= _STILL * way
        and (len(levels) == 0 or float(np.ptp(levels)) <= _STILL * way)
        and _two_levels(features["std"][inside][~full], share[~full], way),
    )


def _two_levels(std: npt.NDArray[Any], share: npt.NDArray[np.float64], way: float) -> bool:
    """Whether windows that are partly inside hold two levels so far apart, and nothing in between."""
    import numpy as np

    expected = way * np.sqrt(share * (1 - share))
    with np.errstate(invalid="ignore"):
        return bool((np.abs(std - expected) <= _TWO_LEVELS * way).all())


def _largest(column: npt.NDArray[Any]) -> float:
    import numpy as np

    known = column[np.isfinite(column)]
    return float(known.max()) if len(known) else 0.0


def _end(data: TagData, jump: _Jump) -> int | None:
    return data.features.time_of(jump.stop) if (data.features["rows"][jump.stop :] > 0).any() else None


def _length(jump: _Jump) -> str:
    return span(round(jump.length * SECOND))


def _cause(side: str) -> str:
    return "wire break or failed transmitter" if side == "low" else "short or failed transmitter"


def _number(learnt: Mapping[str, Any], name: str) -> float:
    value = learnt.get(name)
    return float(value) if isinstance(value, int | float) else float("nan")


CHECK = Check(
    id="ne43",
    title="Failure current (NE 43)",
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    ne107=Ne107.FAILURE,
    params=Params,
    judge=judge,
    learn=learn,
    second_cause="the transmitter was simulated or calibrated at that time",
    action="measure the loop current; then look at terminals, fuse, barrier and supply",
    references=("NAMUR NE 43", "NAMUR NE 107"),
    learns=False,
    needs=frozenset({"rows", "n", "uncertain", "min", "max", "mean", "median", "step_max", "apart", "apart_med"}),
)
