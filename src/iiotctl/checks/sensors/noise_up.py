"""A value scatters from row to row much more than it used to at this level.

## What it looks for

Noise that rises and stays up: readings jump about a mean that may well be right. How much is measured between
neighbouring readings, so that a ramp, a step or a slow cycle of the process changes nothing.

## Why it matters in a plant

A failing amplifier, a loose terminal, water in a junction box, damping that somebody switched off, or cavitation and a
worn bearing, which are real. A controller that follows the noise wears its valve; a mean over it hides that nothing
single can be trusted.

## How it decides

For each window the median of |x(i+1) - 2·x(i) + x(i-1)|, divided by 1.652, which is the standard deviation of white
noise; at least half a step of the tag's resolution; divided by its median in the baseline at this level band
(tenth of the range); of that the median over 15 windows. A value that stands still has none. It fires where for at least
`fewest` = 10 windows (of 60 s for a tag that reports every second)

    ratio > max(`factor` = 1.5 · p99.9 of the ratio in the baseline at this level, `ratio` = 2.7)

At levels that the baseline never saw the limit widens, more so for a tag whose noise depends on its level. From 1.3 times
the limit for at least 30 windows at a known level it is `medium`, otherwise `low`; `low` too where the baseline is smoother
than any converter (less than 1e-5 of the range), because it was then interpolated. Windows in which a clock shift mixes
rows of two times are left out, and so is a value that flickers by two steps (`flat-line`) or jumps on a coarse grid
(`quantisation`).

## What to do

Look at the raw values: evenly scattered is electrical (terminals, shield, earth, supply, a drive nearby), bursts with
the machine are mechanical. Compare with a sibling at the same machine.

## When it is wrong

The process itself became rough: cavitation, boiling, slugs, a stirrer, another product. Then its siblings are rougher too.

## References

Rousseeuw and Croux, *Alternatives to the median absolute deviation* (JASA 88, 1993); NAMUR NE 107.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from iiotctl.checks import noise
from iiotctl.checks.base import Check, Judged, Skipped, Unjudged, Verdict
from iiotctl.checks.kinds import kind_of
from iiotctl.checks.series import runs
from iiotctl.findings import Confidence, Ne107, Severity

if TYPE_CHECKING:
    from iiotctl.checks.tagdata import TagData

_JOIN: Final = 10
"""Quieter windows in between that do not end a stretch."""
_SURE_RATIO: Final = 1.3
_SURE_WINDOWS: Final = 30


@dataclass(frozen=True, slots=True)
class Params:
    """What counts as more noise.

    Attributes:
        ratio: times the median of the baseline at this level.
        factor: times the p99.9 of the baseline at this level.
        fewest: windows.
    """

    ratio: float = 2.7
    factor: float = 1.5
    fewest: int = 10


def learn(data: TagData, params: Params) -> dict[str, Any]:  # noqa: ARG001 - the shape of a check's `learn`
    """Usual noise by level band; see `noise.learn_noise`."""
    return noise.learn_noise(data, kind_of(data).resolution)


def judge(data: TagData, params: Params) -> Verdict:
    """Stretches of more noise than ever at this level.

    Args:
        data: columns `noise.NEEDS`; with a baseline.
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
    seen = noise.against(data, data.learnt, kind.resolution)
    limit = np.maximum(seen.high + np.log(params.factor), np.log(params.ratio)) + seen.widening
    hit = data.judged & (seen.ratio > limit)
    if hit.any():
        hit &= ~noise.mixed(data)
    found = []
    for first, stop in runs(hit, join=_JOIN):
        rows = first + np.flatnonzero(hit[first:stop])
        if len(rows) >= params.fewest and not noise.is_of_steps(data, rows, kind.resolution):
            sure = noise.strength(seen, rows, limit) > _SURE_RATIO and len(rows) >= _SURE_WINDOWS
            found.append(noise.spell(data, seen, rows, limit, sure=sure and noise.is_known(data, seen, rows)))
    return Judged(tuple(found))


CHECK = Check(
    id="noise-up",
    title="Noise up",
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    ne107=Ne107.MAINTENANCE,
    params=Params,
    judge=judge,
    learn=learn,
    second_cause="the process itself became rough (cavitation, boiling, slugs); then its siblings are rougher too",
    action="look at terminals, shield, earth and the transmitter's damping; compare with a sibling at the same machine",
    references=("NAMUR NE 107", "Rousseeuw and Croux 1993"),
    needs=noise.NEEDS,
)
