"""The main drive of the press: current, speed, winding temperature with thermal lag, vibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

RATED_SPEED: Final = 1485.0
"""1/min."""
RATED_CURRENT: Final = 56.0
"""A, 30 kW at 400 V."""
_WINDING_HEAT: Final = 9_000.0
"""J/K."""
_WINDING_LOSS: Final = 1_500.0
"""W at rated current."""
_WINDING_TO_HALL: Final = 21.0
"""W/K at rated speed (own fan); a third of it at standstill. Time constant 7 to 20 minutes."""


@dataclass(frozen=True, slots=True)
class Motor:
    """State of the drive.

    Attributes:
        speed: 1/min.
        current: A.
        winding: °C.
        vibration: mm/s RMS (ISO 20816).
        power: W from the mains.
        loss: W of heat.
    """

    speed: float = 0.0
    current: float = 0.0
    winding: float = 41.0
    vibration: float = 0.05
    power: float = 0.0
    loss: float = 0.0


def step(motor: Motor, dt: float, *, on: bool, load: float, hall: float) -> Motor:
    """The drive `dt` seconds later; `load` = 0..1 of rated torque, `hall` = ambient °C."""
    target = RATED_SPEED * (1.0 - 0.012 * load) if on else 0.0
    lag = 1.5 if on else 4.0
    speed = motor.speed + (target - motor.speed) * min(1.0, dt / lag)
    turning = speed / RATED_SPEED
    if on:
        inrush = 2.2 * max(0.0, 1.0 - turning * 1.05)
        wanted = RATED_CURRENT * ((0.34**2 + (0.95 * load) ** 2) ** 0.5 + inrush)
    else:
        wanted = 0.0
    current = motor.current + (wanted - motor.current) * min(1.0, dt / 0.25)
    ratio = current / RATED_CURRENT
    loss = _WINDING_LOSS * ratio**2 + (260.0 * turning if on else 0.0)
    removed = _WINDING_TO_HALL * (0.33 + 0.67 * turning) * (motor.winding - hall)
    return Motor(
        speed=speed,
        current=current,
        winding=motor.winding + (loss - removed) / _WINDING_HEAT * dt,
        vibration=0.05 + 1.25 * turning**2 + 0.7 * turning * load,
        power=400.0 * 3**0.5 * current * (0.35 + 0.5 * min(1.0, ratio)),
        loss=loss,
    )
