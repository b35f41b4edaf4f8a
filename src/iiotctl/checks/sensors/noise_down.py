"""A value scatters from row to row much less than it used to at this level.

## What it looks for

A reading that went numb: it still moves, but its usual noise is gone, while the process goes on.

## Why it matters in a plant

An impulse line that is plugged or frozen, a damping that somebody turned up, a filter or an average that was put in
between, a process connection that is half closed. The value looks better than ever and follows too late; a trip that
depends on it comes too late, too.

## How it decides

The noise is measured as for `noise-up`: median |second difference| of a window, median over 15 windows. It fires where for
at least `fewest` = 30 windows

    noise < min(p0.1 of the baseline at any level / `factor` = 1.5, median at this level / `ratio` = 2.7)

and the value still scatters by at least 1.5 steps of its resolution: below, it is held (`flat-line`), rounded
(`quantisation`) or interpolated, and says nothing of the line. Windows that lie on a ceiling or floor (`clipping`), at rest
or shortly after it do not count, nor levels that the baseline never saw. From 1.3 times beyond the limit for at least 60
windows it is `medium`, otherwise `low`.

## What to do

Blow down or flush the impulse line, look at its heat tracing and its valves; ask for changes of damping and filters. Move
the process a little and compare with a sibling.

## When it is wrong

The process became calm: a pump or a stirrer stopped, another product, a smaller load.

## References

Hashemian, *Maintenance of Process Instrumentation in Nuclear Power Plants* (2006; noise analysis of sensing lines);
NAMUR NE 107.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from iiotctl.checks import noise
from iiotctl.checks.base import Check, Judged, Skipped, Unjudged, Verdict
from iiotctl.checks.kinds import kind_of
from iiotctl.checks.series import runs
from iiotctl.findings import Confidence, Ne107, Severity

if TYPE_CHECKING:
    from iiotctl.checks.tagdata import TagData

_JOIN: Final = 10
"""Noisier windows in between that do not end a stretch."""
_SURE_RATIO: Final = 1.3
_SURE_WINDOWS: Final = 60
_STEPS: Final = 1.5
"""Steps of the resolution that are left of the noise; below, the value is held, rounded or interpolated."""
_BEYOND: Final = 0.05
"""Farther than so much of the learnt range from the levels learnt, it may be calm by nature."""
_PINNED: Final = 0.3
"""Share of a window's values on its highest or lowest, from which it lies on a ceiling or a floor."""


@dataclass(frozen=True, slots=True)
class Params:
    """What counts as less noise.

    Attributes:
        ratio: times less than the median of the baseline at this level.
        factor: times less than the p0.1 of the baseline at this level.
        fewest: windows.
    """

    ratio: float = 2.7
    factor: float = 1.5
    fewest: int = 30


def learn(data: TagData, params: Params) -> dict[str, Any]:  # noqa: ARG001 - the shape of a check's `learn`
    """Usual noise by level band; see `noise.learn_noise`."""
    return noise.learn_noise(data, kind_of(data).resolution)


def judge(data: TagData, params: Params) -> Verdict:
    """Stretches of less noise than ever at this level.

    Args:
        data: columns `noise.NEEDS`, `n`, `at_min`, `at_max`; with a baseline.
        params: limits.
    """
    import numpy as np

    kind = kind_of(data)
    if kind.skip:
        return Skipped(kind.skip)
    if data.baseline is None:
        return Unjudged("no baseline tells how much it scatters")
    if not data.learnt:
        return Unjudged("it moved too little in the baseline to know its usual noise")
    lsb = kind.resolution
    if not max(cast("list[float]", data.learnt["usual"])) > _STEPS * params.ratio * lsb:
        return Unjudged("its usual noise is hardly more than its resolution: less cannot be seen")
    seen = noise.against(data, data.learnt, lsb)
    limit = np.minimum(seen.calmest - np.log(params.factor), -np.log(params.ratio)) - seen.widening
    features = data.features
    on_one = np.maximum(features["at_max"], features["at_min"]) / np.maximum(features["n"], 1)
    free = (seen.beyond < _BEYOND) & ((on_one < _PINNED) | (features["n"] < 1 / _PINNED**2))
    hit = data.judged & (seen.ratio < limit) & free & (np.exp(seen.ratio) * seen.usual >= _STEPS * lsb)
    if hit.any():
        hit &= ~noise.mixed(data)
    found = []
    for first, stop in runs(hit, join=_JOIN):
        rows = first + np.flatnonzero(hit[first:stop])
        if len(rows) >= params.fewest:
            sure = noise.strength(seen, rows, limit) > _SURE_RATIO and len(rows) >= _SURE_WINDOWS
            found.append(noise.spell(data, seen, rows, limit, sure=sure and noise.is_known(data, seen, rows)))
    return Judged(tuple(found))


CHECK = Check(
    id="noise-down",
    title="Noise down",
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    ne107=Ne107.MAINTENANCE,
    params=Params,
    judge=judge,
    learn=learn,
    second_cause="the process became calm: a pump or stirrer stopped, another product, a smaller load",
    action="flush the impulse line and look at its valves and heating; ask for changes of damping and filters",
    references=("Hashemian 2006 (noise analysis)", "NAMUR NE 107"),
    moving_only=True,
    needs=noise.NEEDS | {"n", "at_min", "at_max"},
)
