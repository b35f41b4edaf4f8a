"""What processes and noise are made of: lags, coloured noise, setpoints that step. Whole arrays, one sample a second."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

HOUR_S: Final = 3600
DAY_S: Final = 86_400
_LEAST_POWER: Final = 1e-200
"""A block ends before the powers of its pole leave the range of float64."""


def lagged(goal: Floats, tau: float) -> Floats:
    """First-order lag, which begins at its goal.

    Args:
        goal: float64[n].
        tau: time constant, samples.
    """
    return _one_pole(goal, complex(np.exp(-1 / tau))).real


def swinging(goal: Floats, tau: float, period: float) -> Floats:
    """As a control loop follows its setpoint: over it, back, and to rest.

    Args:
        goal: float64[n].
        tau: time constant with which the swing dies, samples.
        period: of the swing, samples.
    """
    return _one_pole(goal, complex(np.exp(-1 / tau + 2j * np.pi / period))).real


def _one_pole(goal: Floats, pole: complex) -> npt.NDArray[np.complex128]:
    """y[i] = pole y[i-1] + (1 - pole) goal[i], block by block in closed form."""
    block = int(np.clip(np.log(_LEAST_POWER) / np.log(abs(pole)), 1, 4096))
    powers = pole ** np.arange(block + 1)
    found = np.empty(len(goal), np.complex128)
    last = complex(goal[0])
    for first in range(0, len(goal), block):
        part = goal[first : first + block]
        size = len(part)
        driven = (1 - pole) * powers[:size] * np.cumsum(part / powers[:size])
        found[first : first + size] = driven + powers[1 : size + 1] * last
        last = complex(found[first + size - 1])
    return found


def coloured(rng: np.random.Generator, size: int, tau: float, sd: float) -> Floats:
    """Noise that remembers: a lag of white noise, of standard deviation `sd`."""
    found = lagged(rng.standard_normal(size), tau)
    spread = float(found.std())
    return found * (sd / spread) if spread else found


def steps(rng: np.random.Generator, size: int, hours: tuple[float, float], low: float, high: float) -> Floats:
    """Setpoints from `low` to `high`, each held for a time of `hours`."""
    found = np.empty(size)
    first = 0
    while first < size:
        length = int(rng.uniform(*hours) * HOUR_S)
        found[first : first + length] = rng.uniform(low, high)
        first += length
    return found


def day_cycle(size: int, phase: float) -> Floats:
    """-1 to 1, a turn a day; `phase` in radians."""
    found: Floats = np.sin(2 * np.pi * np.arange(size) / DAY_S + phase)
    return found


def rounded(value: Floats, resolution: float) -> Floats:
    """As a converter gives it: whole steps of `resolution`."""
    found: Floats = np.round(np.round(value / resolution) * resolution, 6)
    return found
