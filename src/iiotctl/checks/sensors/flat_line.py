"""A value stands still that never stood still for so long.

## What it looks for

A measured value that is held exactly, or within two of its smallest steps, for longer than it ever was in the baseline: a
frozen transmitter, a blocked impulse line, a card or an OPC server that goes on delivering its last value as Good.

## Why it matters in a plant

A frozen value looks healthy: it is in range and its status is Good. A controller that follows it opens or closes its valve
to the end, and an operator believes a level that no longer is.

## How it decides

The resolution (LSB) of the tag is learnt first: the 1 % quantile of its smallest steps. Then the longest stretch of windows
is taken over which the values stay within a band of 0 (held exactly) and of 2 LSB (held, but for the last bits of the
converter). Each is judged against the longest such stretch of the baseline:

    limit = max(`least` = 10 min, `factor` = 3 · (longest stretch of the baseline + two windows))

because a stretch counts in whole windows and may lose almost two. One of fewer than `rows` = 10 rows tells nothing. Not
counted are the unit at rest, a level at which the baseline shows the tag to stand again and again (a flow of exactly 0; no
tag of 20 levels or fewer, which stands at all of them), and a 0 below which the baseline never went, or all within 1 % of its
highest level where the baseline never came so low: a machine that was switched off. Where the baseline knows long stretches too (a
temperature in steps of 0.1), a finding needs `sure` = 2 times the limit to be more than `low`, and is `low` where the last
bits still flicker as they did for an hour of the baseline: a steady process looks the same. It is `low` too at the highest or
lowest value of the baseline, or at 0 or 100 of a tag within 0 … 100: a valve or a controller at its end. A tag that reports only on
change, or with a deadband, cannot be judged.

## What to do

Compare with a second gauge or with what the process must do; then look at transmitter, impulse line, card and the
server's item. Does the value move when the process is moved a little?

## When it is wrong

The process really stands still: a closed tank, a machine in a state that the baseline never saw.

## References

QARTOD flat line test (IOOS, *Manual for Real-Time Quality Control*, test 8); NAMUR NE 107.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from iiotctl.checks.base import Check, Judged, Skipped, Spell, Unjudged, Verdict
from iiotctl.checks.conclude import amount, span
from iiotctl.checks.features.columns import SECOND
from iiotctl.checks.kinds import kind_of
from iiotctl.checks.series import held
from iiotctl.checks.tagdata import State
from iiotctl.findings import Confidence, Ne107, Severity

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.tagdata import TagData

_BANDS: Final = {"exact": 0.0, "near": 2.0}
"""Widths of the bands in LSB, by name."""
_SLACK: Final = 0.25
"""LSB that a step may be off, because resolutions are no round numbers."""
_UNSEEN: Final = 2
"""Windows, by which a stretch may be longer than it is counted."""
_WITHOUT: Final = 2
"""Windows without numbers over which a value counts as held."""
_LONG_S: Final = 300.0
"""A stretch of so many s may be a rest …"""
_SHARE: Final = 0.02
"""… if its level takes this share of the baseline …"""
_ONCE_S: Final = 3600.0
"""… in two stretches, or in one of so many s …"""
_MOST: Final = 3
"""… and no more levels than these do: more are no rests but coarse steps."""
_LEVELS: Final = 20
"""Levels; a tag of so few stands at each of them, and none is a rest."""
_FULL: Final = 100.0
"""An end of what is shown in percent."""
_OFF: Final = 0.01
"""Share of the highest level that a machine shows which is switched off."""


@dataclass(frozen=True, slots=True)
class Params:
    """What counts as a flat line.

    Attributes:
        least: s, a shorter stretch is none.
        factor: times the longest stretch of the baseline, which is known to two windows.
        rows: rows, a stretch of fewer is none.
        sure: times the limit, from which a tag that often stands still is more than `low`.
    """

    least: float = 600.0
    factor: float = 3.0
    rows: int = 10
    sure: float = 2.0


def learn(data: TagData, params: Params) -> dict[str, Any]:  # noqa: ARG001 - the shape of a check's `learn`
    """The longest stretches of the learning period, and where it rests.

    Args:
        data: columns `n`, `min`, `max`, `median`.
        params: not looked at.

    Returns:
        `exact`, `near`: s; `rests`: levels, `low` and `high`: smallest and largest value, tag's unit. {} where the tag never moved.
    """

    kind = kind_of(data)
    lsb = kind.resolution
    if not lsb > 0:
        return {}
    features = data.features
    few = kind.levels <= _LEVELS
    only = data.learning if few else _moving(data) & data.learning
    seconds = features.window / SECOND
    level = features["median"]
    stretches = {name: held(features, _width(name, lsb), only, without=_WITHOUT) for name in _BANDS}
    by_level: dict[float, list[float]] = {}
    for first, stop in stretches["exact"]:
        if (stop - first) * seconds >= _LONG_S:
            by_level.setdefault(float(level[first]), []).append((stop - first) * seconds)
    total = float(data.learning.sum()) * seconds
    rests = [
        at
        for at, lengths in by_level.items()
        if sum(lengths) > _SHARE * total and (len(lengths) > 1 or lengths[0] > _ONCE_S)
    ]
    rests = [] if few or len(rests) > _MOST else rests
    found: dict[str, Any] = {
        name: max(
            ((stop - first) * seconds for first, stop in of if not _rests(float(level[first]), rests, lsb)), default=0.0
        )
        for name, of in stretches.items()
    }
    there = data.learning & (features["n"] > 0)
    ends = {"low": float(features["min"][there].min()), "high": float(features["max"][there].max())}
    return found | {"rests": rests} | ends


def judge(data: TagData, params: Params) -> Verdict:
    """Stretches over which the value stood still for longer than it ever did.

    Args:
        data: columns `n`, `min`, `max`, `median`; with a baseline.
        params: limits.
    """
    import numpy as np

    kind, learnt = kind_of(data), data.learnt
    if kind.skip:
        return Skipped(kind.skip)
    if data.info.mode == "exception" or data.info.deadband:
        return Unjudged("it reports on change: a value that is not sent again may be held or frozen")
    if data.baseline is None:
        return Unjudged("no baseline tells for how long it stands still")
    if kind.constant or not kind.resolution > 0 or "rests" not in learnt:
        return Unjudged("it never moved in the baseline")
    features, lsb = data.features, kind.resolution
    rests = list(np.atleast_1d(np.asarray(learnt["rests"], np.float64)))
    low, high = _number(learnt.get("low")), _number(learnt.get("high"))
    off = _OFF * high
    ends = [low, high, *((0.0, _FULL) if low >= 0 and high <= _FULL else ())]
    if low >= -lsb:
        rests.append(0.0)
    taken = np.zeros(len(features), np.bool_)
    spells = []
    for name in _BANDS:
        usual = _number(learnt.get(name))
        limit = max(params.least, params.factor * (usual + _UNSEEN * features.window / SECOND))
        for first, stop in held(features, _width(name, lsb), data.judged, without=_WITHOUT):
            seconds = (stop - first) * features.window / SECOND
            few = features["n"][first:stop].sum() < params.rows
            level = float(features["median"][first])
            at_rest = _rests(level, rests, lsb) or abs(level) <= off < low
            if few or seconds < limit or taken[first:stop].any() or at_rest:
                continue
            taken[first:stop] = True
            steady = _rests(level, ends, lsb) or (_BANDS[name] and usual >= _ONCE_S)
            sure = _is_sure(seconds, limit, params) and not steady
            spells.append(_spell(data, first, stop, limit, usual, sure=sure))
    return Judged(tuple(sorted(spells, key=lambda one: one.start)))


def _moving(data: TagData) -> npt.NDArray[np.bool_]:
    """Windows in which the unit is not known to be at rest."""
    moving: npt.NDArray[np.bool_] = data.settled & (data.state != State.OFF)
    return moving


def _width(name: str, lsb: float) -> float:
    return (_BANDS[name] + _SLACK) * lsb if _BANDS[name] else 0.0


def _rests(level: float, rests: list[float], lsb: float) -> bool:
    return any(abs(level - rest) <= 2 * lsb for rest in rests)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _is_sure(seconds: float, limit: float, params: Params) -> bool:
    """A tag that never stands still for long needs no more; one that does needs a clear excess."""
    return limit <= params.least or seconds >= params.sure * limit


def _spell(data: TagData, first: int, stop: int, limit: float, usual: float, *, sure: bool) -> Spell:
    features, unit = data.features, data.info.unit
    low, high = float(features["min"][first:stop].min()), float(features["max"][first:stop].max())
    level = float(features["median"][first])
    length = (stop - first) * features.window
    before = f"in the baseline never for more than {span(round(usual * SECOND))}" if usual else "in the baseline never"
    how = f"held {amount(level, unit)}"
    if high > low:
        how += f" within {amount(high - low, unit)}"
    return Spell(
        start=features.time_of(first),
        end=features.time_of(stop) if (features["rows"][stop:] > 0).any() else None,
        statistic=length / SECOND,
        limit=limit,
        unit="s",
        message=f"{how} for {span(length)}, {before}",
        severity=Severity.MEDIUM if sure else Severity.LOW,
        confidence=Confidence.HIGH if sure else Confidence.LOW,
        evidence={"level": level, "moved": high - low, "longest_of_baseline_s": usual},
    )


CHECK = Check(
    id="flat-line",
    title="Flat line",
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    ne107=Ne107.FAILURE,
    params=Params,
    judge=judge,
    learn=learn,
    second_cause="the process itself stands still, in a state that the baseline did not see",
    action="compare with a second gauge; then look at transmitter, impulse line, card and the server's item",
    references=("QARTOD flat line test", "NAMUR NE 107"),
    moving_only=True,
    needs=frozenset({"n", "min", "max", "median"}),
)
