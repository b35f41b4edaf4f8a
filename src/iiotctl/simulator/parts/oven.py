"""The oven: three heated zones, each under PID control, coupled to their neighbours and to the parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SETPOINTS: Final = (180.0, 200.0, 190.0)
"""°C."""
HEATER: Final = 9_000.0
"""W per zone at 100 %."""
_ZONE_HEAT: Final = 42_000.0
"""J/K of steel, brick and air of one zone."""
_TO_HALL: Final = 16.0
"""W/K through wall and slots."""
_TO_NEIGHBOUR: Final = 9.0
"""W/K."""
_PER_PART: Final = 300.0
"""J to warm one part by 1 K."""
_SENSOR_S: Final = 6.0
"""s: the thermocouple sits in a steel well."""
_GAIN, _INTEGRAL_S, _DERIVATIVE_S = 6.0, 220.0, 12.0
"""% per K, s, s."""

Three = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Oven:
    """State of the oven; every field has one value a zone.

    Attributes:
        zone: °C of the zone itself.
        sensed: °C at the thermocouple.
        duty: % of the heater.
        integral: % that the integral part holds.
    """

    zone: Three = (176.5, 197.0, 187.0)
    sensed: Three = (176.0, 196.5, 186.5)
    duty: Three = (34.0, 40.0, 36.0)
    integral: Three = (36.0, 42.0, 36.0)

    @property
    def power(self) -> float:
        """W of the heaters."""
        return HEATER * sum(self.duty) / 100.0


def step(oven: Oven, dt: float, *, setpoints: Three, parts_per_s: float, enabled: bool, hall: float) -> Oven:
    """The oven `dt` seconds later."""
    zones, sensed, duties, integrals = [], [], [], []
    for i in range(3):
        now, seen, setpoint = oven.zone[i], oven.sensed[i], setpoints[i]
        change = (now - seen) / _SENSOR_S  # K/s at the sensor
        error = setpoint - seen
        wanted = _GAIN * error + oven.integral[i] - _GAIN * _DERIVATIVE_S * change
        duty = min(100.0, max(0.0, wanted)) if enabled else 0.0
        saturated = duty != wanted and error * wanted > 0  # anti-windup: do not integrate into the stop
        integral = oven.integral[i] if saturated else oven.integral[i] + _GAIN * error / _INTEGRAL_S * dt
        neighbours = sum(_TO_NEIGHBOUR * (oven.zone[j] - now) for j in (i - 1, i + 1) if 0 <= j < len(oven.zone))
        into_parts = parts_per_s * _PER_PART * max(0.0, now - (hall + 55.0 * i)) / 3.0
        heat = HEATER * duty / 100.0 + neighbours - _TO_HALL * (now - hall) - into_parts
        zones.append(now + heat / _ZONE_HEAT * dt)
        sensed.append(seen + change * dt)
        duties.append(duty)
        integrals.append(min(100.0, max(0.0, integral)))
    return Oven(
        zone=(zones[0], zones[1], zones[2]),
        sensed=(sensed[0], sensed[1], sensed[2]),
        duty=(duties[0], duties[1], duties[2]),
        integral=(integrals[0], integrals[1], integrals[2]),
    )
