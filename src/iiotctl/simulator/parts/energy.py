"""The energy meter of the line: sums the loads, splits them over three phases, counts watt-hours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_BASE: Final = 1_800.0
"""W of controls, light and fans."""
_SHARE: Final = (0.345, 0.335, 0.320)
"""Of the load on L1, L2, L3: the oven's zones are not equal."""
START_WH: Final = 48_213_907.0


@dataclass(frozen=True, slots=True)
class Energy:
    """State of the meter.

    Attributes:
        power: W, sum of the phases.
        energy: Wh, only rises.
        power_factor: 0..1.
        frequency: Hz.
        voltage: V, L1 to N, L2 to N, L3 to N.
        current: A per phase.
    """

    power: float = _BASE
    energy: float = START_WH
    power_factor: float = 0.92
    frequency: float = 50.0
    voltage: tuple[float, float, float] = (231.0, 230.6, 231.4)
    current: tuple[float, float, float] = (0.0, 0.0, 0.0)


def step(meter: Energy, dt: float, *, motors: float, heaters: float, grid: float) -> Energy:
    """The meter `dt` seconds later; loads in W, `grid` = -1..1, the slow breathing of voltage and frequency."""
    power = _BASE + motors + heaters
    factor = (motors * 0.82 + heaters * 1.0 + _BASE * 0.9) / power
    sag = 0.00009 * power
    voltage = tuple(231.0 + 1.6 * grid + 0.3 * i - sag * share for i, share in enumerate(_SHARE))
    current = tuple(power * share / (v * factor) for share, v in zip(_SHARE, voltage, strict=True))
    return Energy(
        power=power,
        energy=meter.energy + power * dt / 3600.0,
        power_factor=factor,
        frequency=50.0 + 0.018 * grid,
        voltage=(voltage[0], voltage[1], voltage[2]),
        current=(current[0], current[1], current[2]),
    )
