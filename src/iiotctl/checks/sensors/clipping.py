"""A value runs into a ceiling or a floor that it cannot pass.

## What it looks for

For hours the value reaches the same highest (or lowest) number again and again, or stays at it, and never passes it,
where it used to peak a little differently every time.

## Why it matters in a plant

A range that is too small, a saturated amplifier, a limit in a scaling block or a gateway: what lies beyond is not seen.
An average is wrong, a peak or a total is wrong, and a trip above that level can never act.

## How it decides

For each window the largest value of the last `hours` = 3 h is the ceiling. Counted are the windows that reach it exactly
(`at`), how many of their values lie on it (`on`, in windows' worth), and the windows that lie on it completely (`full`).
It fires where

    at > max(`factor` = 1.5 · p99.9 of the baseline, 30 min)  and  on > 2 · p99.9 of the baseline
    or  full > max(2 · p99.9 of the baseline, 45 min)

and likewise for floors. A coarse tag peaks at the same number by nature: for it the values on the ceiling must also be a
larger share than in 99 % of its windows. The highest and the lowest level of the baseline are none: there it may rest. A
value that stands still at one stretch (a coarse one: and jumps when it is released) is a `flat-line`, one that moves in
coarser steps than it used to is `quantisation`. A coarse one that stands still at one stretch and leaves it without a jump is
`low` up to 3 times that limit: the top of a slow curve looks the same. From 1.3 times the limit (a coarse tag: twice) for at least 20 windows it is `medium`,
otherwise `low`.

## What to do

Compare the level with the ends of the span, with the limits of scaling and function blocks, with the type of the number
(4095, 27648, 32767). Then widen the range, or read the raw value.

## When it is wrong

A valve, a relief or a controller really holds the process at this level.

## References

pvanalytics, *Clipping* (plateaus of inverters); NAMUR NE 107 (out of specification).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from iiotctl.checks import timeline
from iiotctl.checks.base import Check, Judged, Skipped, Spell, Unjudged, Verdict
from iiotctl.checks.conclude import amount, span
from iiotctl.checks.features.columns import HOUR, MINUTE
from iiotctl.checks.kinds import kind_of
from iiotctl.checks.series import rolling_max, runs
from iiotctl.findings import Confidence, Ne107, Severity

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.tagdata import TagData

    Rows = npt.NDArray[np.int64]

_WINDOWS: Final = 24
"""Windows that it takes at least to speak of a ceiling …"""
_FEWEST: Final = 8
"""… so many of them at it."""
_SIDES: Final = {"high": 1.0, "low": -1.0}
"""Ceiling and floor: the sign that makes a ceiling of it."""
_EXTREME: Final = {"high": "max", "low": "min"}
_USUAL: Final = 0.999
_ON: Final = 2.0
_FULL: Final = 2.0
_FULL_TIME: Final = 45 * MINUTE
_SURE_RATIO: Final = 1.3
_SURE_COARSE: Final = 2.0
_SURE_WINDOWS: Final = 20
_OWN: Final = 0.99
_COARSE: Final = 0.04
"""Share of a window's values on its own highest, beyond the one that is, from which a tag is coarse."""
_FLICKER: Final = 2.25
"""LSB by which a frozen value may flicker."""
_LEAVES: Final = 2
"""Windows in which a frozen value may leave its level: at both ends."""
_LEAVES_SHARE: Final = 0.02
"""Or this share of them."""
_JUMP: Final = 2.0
"""A frozen value jumps when it is released, by more than so many times the p95 of the windows' largest steps."""
_LONG: Final = 3.0
"""Times the limit of `full`, from which one stretch is no top of a slow curve."""
_COARSER: Final = 2.5
_OFTEN: Final = 0.95
_MOSTLY: Final = 0.1
_END: Final = 2.0
"""LSB within which a level is an end of what the baseline saw."""


@dataclass(frozen=True, slots=True)
class Params:
    """What counts as clipped.

    Attributes:
        hours: h, over which the ceiling is looked for.
        factor: times the p99.9 of the baseline.
        least: min, fewer at the ceiling are none.
    """

    hours: float = 3.0
    factor: float = 1.5
    least: float = 30.0


@dataclass(frozen=True, slots=True)
class _Ceiling:
    """Of the last so many windows, for each window.

    Attributes:
        level: (n,) the largest value; -inf where nothing came.
        at: (n,) windows that reach it exactly.
        on: (n,) share of their values that lie on it, times `at`.
        full: (n,) windows of which all values lie on it.
        share: (n,) of the values of the windows that reach it, those on it.
    """

    level: npt.NDArray[np.float64]
    at: npt.NDArray[np.float64]
    on: npt.NDArray[np.float64]
    full: npt.NDArray[np.float64]
    share: npt.NDArray[np.float64]


def learn(data: TagData, params: Params) -> dict[str, float]:
    """How often the value reaches its extremes in the learning period.

    Args:
        data: columns `n`, `min`, `max`, `at_min`, `at_max`.
        params: `hours`.

    Returns:
        `high_at`, `high_on`, `high_full`, `low_…`: p99.9, windows; `high_share`, `low_share`: p99 of the share of a
        window's values on its own extreme, 0 but for a tag that is `coarse` (0 or 1); `high`, `low`: levels, `step`:
        median of the windows' smallest steps, `jump`: p95 of their largest, tag's unit. {} = nothing came.
    """
    import numpy as np

    features, width = data.features, _width(data, params)
    there = data.learning & (features["n"] > 0)
    if not there.any():
        return {}
    found = {"low": float(features["min"][there].min()), "high": float(features["max"][there].max())}
    steps = features["step_min"][there]
    found["step"] = float(np.median(steps[np.isfinite(steps)])) if np.isfinite(steps).any() else 0.0
    jumps = features["step_max"][there]
    found["jump"] = float(np.nanquantile(jumps, _OFTEN)) if np.isfinite(jumps).any() else 0.0
    found["coarse"] = 0.0
    moving = there & (features["max"] > features["min"])
    for side, extreme in _EXTREME.items():
        ceiling = _ceiling(data, side, width)
        for name in ("at", "on", "full"):
            found[f"{side}_{name}"] = float(np.quantile(getattr(ceiling, name)[there], _USUAL))
        found[f"{side}_share"] = 0.0
        rows, own = features["n"][moving], features[f"at_{extreme}"][moving]
        if len(rows) and np.median((own - 1) / np.maximum(rows - 1, 1)) > _COARSE:
            found["coarse"] = 1.0
            found[f"{side}_share"] = float(np.quantile(own / rows, _OWN))
    return found


def judge(data: TagData, params: Params) -> Verdict:
    """Stretches in which the value is pinned to a ceiling or a floor.

    Args:
        data: columns `n`, `min`, `max`, `at_min`, `at_max`; with a baseline.
        params: limits.
    """
    kind = kind_of(data)
    if kind.skip:
        return Skipped(kind.skip)
    if data.baseline is None or not data.learnt:
        return Unjudged("no baseline tells how often it reaches its extremes")
    if kind.constant:
        return Unjudged("it never moved in the baseline")
    spells = [spell for side in _SIDES for spell in _side(data, side, params, kind.resolution)]
    return Judged(tuple(sorted(spells, key=lambda one: one.start)))


def _side(data: TagData, side: str, params: Params, lsb: float) -> list[Spell]:
    import numpy as np

    features, width = data.features, _width(data, params)
    ceiling = _ceiling(data, side, width)
    learnt: dict[str, Any] = dict(data.learnt)
    most = max(params.factor * learnt[f"{side}_at"], params.least * MINUTE / features.window, _FEWEST)
    full = max(_FULL * learnt[f"{side}_full"], _FULL_TIME / features.window, _FEWEST)
    pinned = (ceiling.on > _ON * learnt[f"{side}_on"]) & (ceiling.share > learnt[f"{side}_share"])
    score = np.maximum(np.where(pinned, ceiling.at / most, 0.0), ceiling.full / full)
    hit = data.judged & (score > 1)
    level = _SIDES[side] * ceiling.level
    slack = _END * lsb if lsb > 0 else 0.0
    if side == "low":
        hit &= level > learnt["low"] + slack
    elif learnt["high_at"] >= most / 3:
        hit &= level < learnt["high"] - slack
    if hit.any():
        hit &= ~timeline.doubled(data)
    found = []
    for first, stop in runs(hit, join=width):
        rows = first + np.flatnonzero(hit[first:stop])
        begin = max(0, first - width + 1)
        touching = begin + np.flatnonzero(np.isin(features[_EXTREME[side]][begin:stop], level[rows]))
        reached = float(np.median(level[rows]))
        if not _is_frozen(data, touching, reached, lsb) and not _is_coarse(data, touching):
            clear = _SURE_COARSE if data.learnt["coarse"] else _SURE_RATIO
            sure = score[rows].max() > clear and len(rows) >= _SURE_WINDOWS and not _is_smooth(data, touching, full)
            found.append(_spell(data, side, touching, reached, most, sure=bool(sure)))
    return found


def _is_frozen(data: TagData, touching: Rows, level: float, lsb: float) -> bool:
    """Whether it is one stretch at which the value stands still; a coarse one without a jump at its end may be smooth."""
    import numpy as np

    features, first, last = data.features, int(touching[0]), int(touching[-1])
    coarse = bool(data.learnt["coarse"])
    width = 1e-9 * abs(level) + (0.0 if coarse else _FLICKER * lsb)
    low, high = (features[name][first : last + 1] for name in ("min", "max"))
    leaves = int(np.count_nonzero((high > level + width) | (low < level - width)))
    if leaves > max(_LEAVES, _LEAVES_SHARE * len(touching)):
        return False
    jump = _JUMP * float(cast("float", data.learnt["jump"]))
    released = (features["n"][last + 1 :] > 0).any() and not (features["step_max"][last : last + 2] > jump).any()
    return not (coarse and released)


def _is_smooth(data: TagData, touching: Rows, full: float) -> bool:
    """Whether a coarse tag stood still at one stretch, not much longer than it must: the top of a slow curve does, too."""
    features, part = data.features, slice(int(touching[0]), int(touching[-1]) + 1)
    moved = int((features["max"][part] > features["min"][part]).sum())
    if not data.learnt["coarse"] or len(touching) > _LONG * full:
        return False
    return moved <= max(_LEAVES, _LEAVES_SHARE * len(touching))


def _is_coarse(data: TagData, touching: Rows) -> bool:
    """Whether it moves in coarser steps than it used to: then any of its levels is reached again and again."""
    import numpy as np

    steps = data.features["step_min"][touching]
    steps = steps[np.isfinite(steps)]
    usual = float(cast("float", data.learnt["step"]))
    return len(steps) > 0 and float(np.quantile(steps, _MOSTLY)) > _COARSER * usual


def _width(data: TagData, params: Params) -> int:
    return max(_WINDOWS, round(params.hours * HOUR / data.features.window))


def _ceiling(data: TagData, side: str, width: int) -> _Ceiling:
    """How the last `width` windows lie under their largest value (of the negative values: the smallest)."""
    import numpy as np

    features = data.features
    count = len(features)
    there = features["n"] > 0
    extreme = np.where(there, _SIDES[side] * features[_EXTREME[side]], -np.inf)
    values, number = np.unique(extreme, return_inverse=True)
    top = rolling_max(number, width, 0)
    # windows by value, then by time: those of one value within a time are a slice
    order = np.argsort(number, kind="stable")
    keys = number[order] * np.int64(count) + order
    row = np.arange(count, dtype=np.int64)
    first = np.searchsorted(keys, top * np.int64(count) + np.maximum(row - width + 1, 0), side="left")
    stop = np.searchsorted(keys, top * np.int64(count) + row, side="right")

    def total(of: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        sums = np.concatenate([[0.0], np.cumsum(of[order], dtype=np.float64)])
        found: npt.NDArray[np.float64] = sums[stop] - sums[first]
        return found

    level = values[top] if count else np.empty(0)
    at = np.where(np.isfinite(level), stop - first, 0).astype(np.float64)
    rows = total(np.where(there, features["n"], 0))
    share = total(np.where(there, features[f"at_{_EXTREME[side]}"], 0)) / np.maximum(rows, 1)
    return _Ceiling(level, at, at * share, total(there & (features["max"] == features["min"])), share)


def _spell(data: TagData, side: str, touching: Rows, level: float, most: float, *, sure: bool) -> Spell:
    features, unit = data.features, data.info.unit
    first, stop = int(touching[0]), int(touching[-1]) + 1
    length = (stop - first) * features.window
    beyond = "above" if side == "high" else "below"
    return Spell(
        start=features.time_of(first),
        end=features.time_of(stop),
        statistic=float(len(touching)),
        limit=most,
        unit="windows",
        message=(
            f"never {beyond} {amount(level, unit)} for {span(length)}, but exactly there "
            f"in {len(touching)} of {stop - first} windows of {span(features.window)}"
        ),
        severity=Severity.MEDIUM if sure else Severity.LOW,
        confidence=Confidence.HIGH if sure else Confidence.LOW,
        evidence={"level": level},
        key=side,
    )


CHECK = Check(
    id="clipping",
    title="Clipping",
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    ne107=Ne107.SPECIFICATION,
    params=Params,
    judge=judge,
    learn=learn,
    second_cause="a valve, a relief or a controller really holds the process at this level",
    action="compare the level with the ends of the span, the limits of scaling blocks and the type of the number",
    references=("pvanalytics clipping", "NAMUR NE 107"),
    needs=frozenset({"at_max", "at_min"}),
)
