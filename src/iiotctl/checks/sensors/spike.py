"""Single values stand far out from those before and after.

## What it looks for

One sample, or up to four in a row, that jump away and come back at once: a loose contact, a wet connector, the start of a
large drive beside the cable, a lost bit in a telegram.

## Why it matters in a plant

A spike trips interlocks and shakes controllers, and it enters every average, minimum and maximum. Spikes that come again
are the first sign of a contact that will soon be open.

## How it decides

For each window there are two sizes: how far a single value stands out from both its neighbours, and how far a few (by the
window's standard deviation four at most) stand out at once from the medians of this and the neighbouring windows. The larger one
is judged against the largest of the baseline:

    limit = max(`factor` = 2 · largest of the baseline, `lsb` = 6 · resolution, `share` = 2 % of the range of the baseline)

A tag that is noisier than it was (by its median step) has a limit that is larger by as much: that is noise, not spikes.
What stands out less than 2.5 times as far as values usually do in the half hours before and after, or jumps by the one
step that it can make then, is none either. A baseline of fewer than 500 windows makes the limit larger, by 500 over
their number, and the finding `low`. In the `near` = 3 windows around a change
between standstill and motion the limit is learnt apart, because motors have an inrush, and is at least the range of the
baseline, because a motor may run for a moment only; where the baseline saw fewer than 10 starts and stops, nothing is said
there. A few spikes within an hour of each other are one finding; it is more than `low` with 3 such windows
at 1.3 times the limit, or 2 at 4 times; never where a tag within 0 … 360 jumps by more than 270: a direction that passes north.

## What to do

Look at the times: do they fall together with a drive that starts, a radio, a crane? Then clamp, connector, shield and
earthing; on a bus look at its error counters.

## When it is wrong

The process does it: a water hammer, a pump that draws air, an inrush that the baseline did not contain.

## References

QARTOD spike test (IOOS, *Manual for Real-Time Quality Control*, test 6); NAMUR NE 107.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from iiotctl.checks import timeline
from iiotctl.checks.base import Check, Judged, Skipped, Spell, Unjudged, Verdict
from iiotctl.checks.conclude import amount, span
from iiotctl.checks.features.columns import DAY, HOUR, MINUTE
from iiotctl.checks.kinds import kind_of
from iiotctl.checks.series import held, runs
from iiotctl.checks.tagdata import State
from iiotctl.findings import Confidence, Ne107, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.features.columns import Features
    from iiotctl.checks.tagdata import TagData

    Floats = npt.NDArray[np.float64]
    Mask = npt.NDArray[np.bool_]

_WIDEST: Final = 4.5
"""Values in a row; more are no spike."""
_STANDS: Final = 3 * MINUTE
"""µs for which a tag that stood still did not just pass by."""
_STILL: Final = 2.25
"""Resolutions within which it stands still."""
_LOWEST: Final = 0.02
"""Share of the range above the smallest value that is the lowest level."""
_STARTS: Final = 10
"""Starts and stops; who saw fewer does not know how a motor starts."""
_PART: Final = 0.25
"""Share of a window's values that may stand out together."""
_ENOUGH: Final = 500
"""Windows; a baseline of fewer has seen less than there is: the limit is larger by their ratio, findings low."""
_OF_NOISE: Final = 2.5
"""A spike stands out so many times as far as values usually do in its hour …"""
_OF_STEP: Final = 1.5
"""… and is larger than so many of the smallest steps then."""
_SEVERAL: Final = 3
_CLEAR: Final = 1.3
_HUGE: Final = 4.0
_TURN: Final = 360.0
_MOST_OF_TURN: Final = 0.75
"""Share of a full turn, from which a jump of an angle is the way through north."""
_OFTEN_A_DAY: Final = 3.0
"""Spikes a day from which the contact counts as failing."""


@dataclass(frozen=True, slots=True)
class Params:
    """What counts as a spike.

    Attributes:
        factor: times the largest size of the baseline.
        lsb: resolutions of the tag, at least.
        share: of the range of the baseline (from the 0.1 % to the 99.9 % quantile), at least.
        near: windows around a start or a stop.
    """

    factor: float = 2.0
    lsb: float = 6.0
    share: float = 0.02
    near: int = 3


def learn(data: TagData, params: Params) -> dict[str, Any]:
    """The largest sizes of the learning period, around starts and stops and elsewhere, and its usual noise.

    Args:
        data: see `needs` of the check.
        params: `near`.

    Returns:
        `low`, `high`: smallest and largest value; `step`: 99 % quantile of the windows' median steps; `elsewhere`: largest size; `near`:
        largest size around starts and stops, absent where there were few. Tag's unit; {} where it never moved.
    """
    import numpy as np

    features, lsb = data.features, kind_of(data).resolution
    only = data.learning & (features["n"] > 0)
    if not lsb > 0 or not only.any():
        return {}
    found: dict[str, Any] = {
        "low": float(np.nanmin(features["min"][only])),
        "high": float(np.nanmax(features["max"][only])),
    }
    near, starts = _near_start(data, found, lsb, params.near)
    size = _size(features)
    found |= {
        "step": _quantile(features["step_med"][only], 0.99),
        "elsewhere": float(size[only & ~near].max(initial=0.0)),
    }
    if starts >= _STARTS:
        found["near"] = float(size[only & near].max(initial=0.0))
    return found


def judge(data: TagData, params: Params) -> Verdict:
    """Windows with values that stand out more than they ever did.

    Args:
        data: with a baseline.
        params: limits.
    """
    import numpy as np

    kind, learnt, features = kind_of(data), data.learnt, data.features
    if kind.skip:
        return Skipped(kind.skip)
    if data.baseline is None:
        return Unjudged("no baseline tells how far values stand out")
    if "low" not in learnt or not kind.resolution > 0:
        return Unjudged("it never moved in the baseline")
    lsb = kind.resolution
    near, _ = _near_start(data, learnt, lsb, params.near)
    low, high = (float(edge) for edge in data.baseline.edges[[0, -1]])
    brief = max(1.0, _ENOUGH / max(1, kind.windows))
    least = brief * max(params.lsb * lsb, params.share * (high - low))
    noisier = np.maximum(1.0, (_filled(features["step_med"]) + lsb) / (_number(learnt, "step") + lsb))
    elsewhere = np.maximum(params.factor * brief * _number(learnt, "elsewhere") * noisier, least)
    starting = max(params.factor * brief * _number(learnt, "near", np.inf), high - low)
    limit = np.where(near, np.maximum(elsewhere, starting), elsewhere)
    size = _size(features)
    hit = data.judged & (size > limit)
    shifts = timeline.shifts(data) if hit.any() else []
    for row in np.flatnonzero(hit).tolist():
        clock = timeline.explained(shifts, features.time_of(row), features.time_of(row + 1))
        hit[row] = size[row] > _restless(features, row) and not clock
    stretches = runs(hit, join=max(1, HOUR // features.window))
    return Judged(
        tuple(_spell(data, first, hit[first:stop], size[first:stop], limit[first:stop]) for first, stop in stretches)
    )


def _size(features: Features) -> Floats:
    """(n,) how far values stand out: one alone or a few together; 0 where there is nothing to tell."""
    import numpy as np

    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        level = features["median"].astype(np.float64)
        around = np.stack([level, np.append(level[1:], np.nan), np.append(np.nan, level[:-1])])
        top, bottom = np.fmax.reduce(around), np.fmin.reduce(around)
        out = np.fmax(features["max"] - top, bottom - features["min"])
        out = np.fmin(out, features["step_max"].astype(np.float64))
        count = (features["std"] / out) ** 2 * features["n"]
        few = (count <= np.minimum(_WIDEST, features["n"] * _PART)) & np.isfinite(out)
    return np.maximum(_filled(features["jut"]), np.where(few, out, 0.0))


def _near_start(data: TagData, learnt: Mapping[str, Any], lsb: float, near: int) -> tuple[Mask, int]:
    """(n,) windows around a change between standstill and motion, and how many such changes the baseline has.

    Standstill is what the unit's state says, what is held for some minutes, and the lowest level.
    """
    import numpy as np

    features = data.features
    low, high = _number(learnt, "low"), _number(learnt, "high")
    always = np.ones(len(features), np.bool_)
    with np.errstate(invalid="ignore"):
        lowest = features["median"] <= low + max(2 * lsb, _LOWEST * (high - low))
    stretches = held(features, _STILL * lsb, always) + runs(lowest) + runs(data.state == State.OFF)
    long = [one for one in stretches if (one[1] - one[0]) * features.window >= _STANDS]
    edges = np.unique([edge for one in long for edge in one if 0 < edge < len(features)]).astype(int)
    found = np.zeros(len(features), np.bool_)
    for shift in range(-near, near + 1):
        found[np.clip(edges + shift, 0, max(0, len(found) - 1))] = True
    return found, int(np.count_nonzero(data.learning[edges]))


def _restless(features: Features, row: int) -> float:
    """How far values stand out all the time in the half hours before and after: by noise, or by steps that are coarse."""
    import numpy as np

    half = max(2, HOUR // 2 // features.window)
    found = 0.0
    for part in (slice(max(0, row - half), row), slice(row + 1, row + 1 + half)):
        for name, times in (("jut", _OF_NOISE), ("step_min", _OF_STEP)):
            column = features[name][part]
            known = column[np.isfinite(column)]
            if len(known):
                found = max(found, times * float(np.median(known)))
    return found


def _spell(data: TagData, first: int, hit: Mask, size: Floats, limit: Floats) -> Spell:
    import numpy as np

    features, unit = data.features, data.info.unit
    excess = np.where(hit, size / limit, 0.0)
    count, worst = int(hit.sum()), int(excess.argmax())
    length = len(hit) * features.window
    ratio = float(excess[worst])
    turned = _turns(data) and float(size[worst]) > _MOST_OF_TURN * _TURN
    sure = (
        not turned
        and kind_of(data).windows >= _ENOUGH
        and ((count >= _SEVERAL and ratio > _CLEAR) or (count > 1 and ratio > _HUGE))
    )
    usual = f"(more than {amount(float(limit[worst]), unit)} is not normal)"
    if count == 1:
        message = f"a spike of {amount(float(size[worst]), unit)} {usual}"
    else:
        message = f"{count} spikes of up to {amount(float(size[worst]), unit)} within {span(length)} {usual}"
    return Spell(
        start=features.time_of(first),
        end=features.time_of(first + len(hit)),
        statistic=float(size[worst]),
        limit=float(limit[worst]),
        unit=unit,
        message=message,
        severity=Severity.MEDIUM if sure else Severity.LOW,
        confidence=Confidence.HIGH if sure else Confidence.LOW,
        ne107=Ne107.FAILURE if count >= _OFTEN_A_DAY * max(1.0, length / DAY) else Ne107.MAINTENANCE,
        evidence={"windows_with_spikes": count},
    )


def _turns(data: TagData) -> bool:
    """Whether it may be an angle in degrees, which goes from 360 to 0 without any jump."""
    low, high = _number(data.learnt, "low"), _number(data.learnt, "high")
    return low >= 0 and _TURN / 2 < high <= _TURN


def _filled(column: npt.NDArray[Any]) -> Floats:
    import numpy as np

    return np.where(np.isfinite(column), column, 0.0).astype(np.float64)


def _quantile(column: npt.NDArray[Any], q: float) -> float:
    import numpy as np

    known = column[np.isfinite(column)]
    return float(np.quantile(known, q)) if len(known) else 0.0


def _number(learnt: Mapping[str, Any], name: str, absent: float = 0.0) -> float:
    value = learnt.get(name)
    return float(value) if isinstance(value, int | float) else absent


CHECK = Check(
    id="spike",
    title="Spike",
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    ne107=Ne107.MAINTENANCE,
    params=Params,
    judge=judge,
    learn=learn,
    second_cause="the process does it: a water hammer, an inrush that the baseline did not contain",
    action="look what starts at those times; then at clamp, connector, shield and earthing",
    references=("QARTOD spike test", "NAMUR NE 107"),
    needs=frozenset({"n", "min", "max", "median", "std", "step_max", "step_med", "step_min", "jut"}),
)
