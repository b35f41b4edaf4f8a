"""The hum of the mains (50, 60 or 16.7 Hz) lies on a fast measurement.

## What it looks for

A value whose movement from row to row is one sine of the mains frequency, or of its double.

## Why it matters in a plant

Hum says that a cable lies beside a power cable, that a shield is open or earthed at both ends, that a supply is bad. It
is small at first; at a worse moment it trips something, and in slow records it turns into a slow wave that does not exist.

## How it decides

A sine of amplitude A and frequency f, read fs times a second, has a median |step| of √2 · A · sin(π·f/fs), a median
|second difference| of 2 · sin(π·f/fs) times that, and a standard deviation of A / √2. So from the windows' medians

    f = fs / π · arcsin(median |second difference| / (2 · median |step|)),   A = median |step| / (√2 · sin(π·f/fs))

It fires where for at least `fewest` = 3 windows f is within `near` = 6 % of 16.7, 50, 60, 100 or 120 Hz and A / √2 within a
quarter of the standard deviation; white noise fits the first at one rate by chance, but never the second. Hum that is
smaller than the noise beside it is not seen. It takes more than 2.2 rows in a period: 110 a second for 50 Hz. For slower
tags it says so: a reading once a second cannot tell, and whatever shows there is an alias.

## What to do

Look at shield, earth, cable route and supply of this loop; feed the card from a battery and see whether it stays. Filter
before the converter, not behind it.

## When it is wrong

Something turns at this speed: a fan or a pump at 3000 or 1000 turns a minute. At a rate of exactly two, three or four times
the mains frequency every period is read at the same few places, the medians tell nothing, and it may stay silent.

## References

IEC 61000-4-16 (disturbances at mains frequency); Nyquist and Shannon (sampling); Oppenheim and Schafer, *Discrete-Time
Signal Processing*.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from iiotctl.checks.base import Check, Judged, Skipped, Spell, Unjudged, Verdict
from iiotctl.checks.conclude import amount, span
from iiotctl.checks.features.columns import SECOND
from iiotctl.checks.kinds import kind_of
from iiotctl.checks.series import runs
from iiotctl.checks.timeline import interval_of
from iiotctl.findings import Confidence, Ne107, Severity

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.tagdata import TagData

_LINES: Final = (50 / 3, 50.0, 60.0, 100.0, 120.0)
"""Hz."""
_ROWS: Final = 2.2
"""Rows in a period that it takes."""
_FIT: Final = 0.25
_STEPS: Final = 30
"""Steps in a window that it takes."""


@dataclass(frozen=True, slots=True)
class Params:
    """What counts as hum.

    Attributes:
        near: share of a mains frequency, by which the frequency may differ.
        fewest: windows.
    """

    near: float = 0.06
    fewest: int = 3


def judge(data: TagData, params: Params) -> Verdict:
    """Stretches in which the value hums.

    Args:
        data: columns `steps`, `step_med`, `bend_med`, `std`.
        params: limits.
    """
    import numpy as np

    kind = kind_of(data)
    if kind.skip:
        return Skipped(kind.skip)
    interval = interval_of(data)
    if not interval > 0:
        return Unjudged("fewer than two rows: nothing tells how often it reports")
    rate = 1 / interval
    lines = [line for line in _LINES if rate > _ROWS * line]
    if not lines:
        return Unjudged(
            f"cannot see: {_often(interval)}; 16.7 Hz take {_ROWS * _LINES[0]:.0f} a second, 50 Hz {_ROWS * 50:.0f}"
        )
    frequency, amplitude = sine(data.features["step_med"], data.features["bend_med"], rate)
    std = data.features["std"]
    enough = data.judged & (data.features["steps"] >= _STEPS)
    with np.errstate(invalid="ignore"):
        pure = enough & (np.abs(amplitude / math.sqrt(2) - std) <= _FIT * std)
        hums = [pure & (np.abs(frequency - line) <= params.near * line) for line in lines]
    found = [
        _spell(data, line, first, stop, amplitude)
        for line, hum in zip(lines, hums, strict=True)
        for first, stop in runs(hum, join=1)
        if int(hum[first:stop].sum()) >= params.fewest
    ]
    return Judged(tuple(sorted(found, key=lambda one: one.start)))


def sine(
    step: npt.NDArray[np.floating[Any]], bend: npt.NDArray[np.floating[Any]], rate: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Frequency (Hz) and amplitude of the sine that has these medians; NaN where none can.

    Args:
        step: (n,) median |step|.
        bend: (n,) median |second difference|.
        rate: rows a second.
    """
    import numpy as np

    with np.errstate(invalid="ignore", divide="ignore"):
        half = bend.astype(np.float64) / (2 * step.astype(np.float64))
        half = np.where((half > 0) & (half <= 1), half, np.nan)
        return rate / np.pi * np.arcsin(half), step / (math.sqrt(2) * half)


def _often(interval: float) -> str:
    """A row a second comes with some jitter: 0.999 s is no `1 rows a second`."""
    many = interval < 0.95  # noqa: PLR2004 - as above
    return f"{1 / interval:.3g} rows a second" if many else f"one row every {span(round(interval * SECOND))}"


def _spell(data: TagData, line: float, first: int, stop: int, amplitude: npt.NDArray[np.float64]) -> Spell:
    import numpy as np

    features, unit = data.features, data.info.unit
    size = float(np.nanmedian(amplitude[first:stop]))
    return Spell(
        start=features.time_of(first),
        end=features.time_of(stop),
        statistic=size,
        limit=(1 - _FIT) * math.sqrt(2) * float(np.nanmedian(features["std"][first:stop])),
        unit=unit,
        message=f"hums at {line:.3g} Hz with an amplitude of {amount(size, unit)} for {span((stop - first) * features.window)}",
        evidence={"frequency_hz": line, "amplitude": size},
        key=f"{line:.3g} Hz",
    )


CHECK = Check(
    id="mains-pickup",
    title="Mains pickup",
    severity=Severity.LOW,
    confidence=Confidence.MEDIUM,
    ne107=Ne107.MAINTENANCE,
    params=Params,
    judge=judge,
    second_cause="something turns at this speed: a fan or a pump at 3000 or 1000 turns a minute",
    action="look at shield, earth, cable route and supply of this loop; filter before the converter, not behind it",
    references=("IEC 61000-4-16",),
    learns=False,
    needs=frozenset({"step_med", "bend_med"}),
)
