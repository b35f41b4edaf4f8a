"""A value dances about one of its limits, so that the limit is reached and left again and again.

## What it looks for

An operating limit of the site file that the value crosses window after window: whatever acts on the limit (a message, a
light, a switch) comes and goes all the time.

## Why it matters in a plant

An operator who gets the same message every minute stops reading messages, and misses the one that counts. Usually it is
not the process that is wrong but the limit: too close to where the process works, or without a hysteresis.

## How it decides

Windows do not count every crossing. A window in which the value was on both sides of the limit has at least one, so k
such windows are at least k / 2 activations; the true number may be far larger. It fires where at least `fewest` = 10
windows have the value on both sides, with no more than `quiet` = 15 other windows between two of them. Only tags with
declared limits are judged. It is always `low`: a limit is a decision of people, not a fault of the sensor.

The message tells the hysteresis that would have kept it quiet: how far the value came back from the limit in nine of ten
of these windows.

## What to do

Give the limit a hysteresis (usual first values: 5 % of the range for flow, 2 % for level and pressure, 1 % for temperature)
or a delay, or move it away from where the process works.

## When it is wrong

The process really swings across the limit, slowly and far: then a hysteresis would have to be as large as the swing.

## References

ISA-18.2 (three activations a minute are chattering); EEMUA 191 (hysteresis by kind of measurement).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iiotctl.checks import timeline
from iiotctl.checks.base import Check, Judged, Skipped, Spell, Verdict
from iiotctl.checks.conclude import amount, span
from iiotctl.checks.series import runs
from iiotctl.findings import Confidence, Ne107, Severity

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.tagdata import TagData


@dataclass(frozen=True, slots=True)
class Params:
    """What counts as chattering.

    Attributes:
        fewest: windows with the value on both sides of the limit.
        quiet: windows in between that do not end a stretch.
    """

    fewest: int = 10
    quiet: int = 15


def judge(data: TagData, params: Params) -> Verdict:
    """Stretches in which the value crosses a declared limit in many windows.

    Args:
        data: columns `n`, `min`, `max`.
        params: limits.
    """
    import numpy as np

    if data.info.text:
        return Skipped("a text")
    if not data.info.limits:
        return Skipped("no limits are declared in the site file")
    found = []
    for name, limit in data.info.limits.items():
        crossing = _crossing(data, name, float(limit))
        if crossing.any():
            crossing &= ~timeline.doubled(data)
        for first, stop in runs(crossing, join=params.quiet):
            if int(crossing[first:stop].sum()) >= params.fewest:
                rows = first + np.flatnonzero(crossing[first:stop])
                found.append(_spell(data, name, float(limit), rows, params))
    return Judged(tuple(sorted(found, key=lambda one: one.start)))


def _crossing(data: TagData, name: str, limit: float) -> npt.NDArray[np.bool_]:
    """(n,) judged windows with values beyond the limit and on the right side of it."""
    import numpy as np

    features = data.features
    low, high = features["min"], features["max"]
    with np.errstate(invalid="ignore"):
        both = (low <= limit) & (high > limit) if name.startswith("high") else (low < limit) & (high >= limit)
    found: npt.NDArray[np.bool_] = data.judged & (features["n"] > 0) & both
    return found


def _spell(data: TagData, name: str, limit: float, rows: npt.NDArray[np.int64], params: Params) -> Spell:
    import numpy as np

    features, unit = data.features, data.info.unit
    start, end = features.time_of(int(rows[0])), features.time_of(int(rows[-1]) + 1)
    back = limit - features["min"][rows] if name.startswith("high") else features["max"][rows] - limit
    hysteresis = float(np.quantile(back, 0.9))
    words = name.replace("_", " ")
    return Spell(
        start=start,
        end=end,
        statistic=float(len(rows)),
        limit=float(params.fewest),
        unit="windows",
        message=(
            f"crosses its `{words}` limit of {amount(limit, unit)} at least {-(-len(rows) // 2)} times in "
            f"{span(end - start)}; a hysteresis of {amount(hysteresis, unit)} would have kept it quiet"
        ),
        evidence={"crossed_windows": len(rows), "hysteresis": hysteresis, "level": limit},
        key=name,
    )


CHECK = Check(
    id="chattering-limit",
    title="Chattering limit",
    severity=Severity.LOW,
    confidence=Confidence.MEDIUM,
    ne107=Ne107.OK,
    params=Params,
    judge=judge,
    second_cause="the process really swings across the limit, slowly and far",
    action="give the limit a hysteresis or a delay, or move it away from where the process works",
    references=("ISA-18.2", "EEMUA 191"),
    learns=False,
)
