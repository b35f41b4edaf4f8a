"""The press's hydraulic power unit: an accumulator that a pump loads between two pressures, and the oil's heat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CUT_IN: Final = 165.0
"""bar: the pump loads below."""
CUT_OUT: Final = 200.0
"""bar: the pump unloads above."""
PUMP_FLOW: Final = 42.0
"""l/min, loaded."""
STROKE_FLOW: Final = 55.0
"""l/min drawn in the working part of a stroke."""
STIFFNESS: Final = 16.0
"""bar per litre of accumulator."""
LEAK: Final = 0.8
"""l/min at 200 bar."""
OIL_HEAT: Final = 110_000.0
"""J/K of 65 l oil and the tank's steel."""
COOLER: Final = 320.0
"""W/K between oil and cooling water at full flow."""
TANK: Final = 28.0
"""W/K to the hall."""


@dataclass(frozen=True, slots=True)
class Hydraulics:
    """State of the power unit.

    Attributes:
        pressure: bar at the accumulator.
        temperature: °C of the oil.
        flow: l/min to the press, smoothed by the hose.
        pump_loaded: the pump delivers.
        clogging: 0 = new filter, 1 = twice its clean pressure drop.
        level: % of the tank.
        pump_power: W at the shaft.
        heat_to_water: W into the cooling water.
    """

    pressure: float = 182.0
    temperature: float = 44.0
    flow: float = 0.0
    pump_loaded: bool = False
    clogging: float = 0.18
    level: float = 83.0
    pump_power: float = 900.0
    heat_to_water: float = 2500.0

    @property
    def filter_dp(self) -> float:
        """bar across the return filter: grows with flow, cold (thick) oil and dirt."""
        viscosity = 1.0 + 0.02 * max(0.0, 55.0 - self.temperature)
        return (0.15 + 0.016 * (self.flow + 8.0)) * viscosity * (1.0 + self.clogging)


def step(unit: Hydraulics, dt: float, *, pressing: bool, enabled: bool, water: float, hall: float) -> Hydraulics:
    """The unit `dt` seconds later; `water` = supply temperature of the cooling water, `hall` = ambient, both °C."""
    demand = STROKE_FLOW * (unit.pressure / 190.0) ** 0.5 if pressing else 0.0
    loaded = enabled and (unit.pressure < CUT_IN or (unit.pump_loaded and unit.pressure < CUT_OUT))
    supply = PUMP_FLOW if loaded else 0.0
    leak = LEAK * unit.pressure / 200.0
    pressure = max(2.0, unit.pressure + STIFFNESS * (supply - demand - leak) / 60.0 * dt)
    # hydraulic power in W: p [Pa] x Q [m3/s]; what the press does not use stays in the oil as heat
    shaft = (supply / 60_000.0) * unit.pressure * 1e5 / 0.86 + (900.0 if enabled else 0.0)
    useful = (demand / 60_000.0) * unit.pressure * 1e5 * 0.45
    valve = min(1.0, max(0.25, (unit.temperature - 42.0) / 8.0))  # thermostatic bypass, open at 50 °C
    cooled = COOLER * max(0.0, unit.temperature - water) * valve
    heating = max(0.0, shaft - useful) - cooled - TANK * (unit.temperature - hall)
    return Hydraulics(
        pressure=pressure,
        temperature=unit.temperature + heating / OIL_HEAT * dt,
        flow=unit.flow + (demand - unit.flow) * min(1.0, dt / 0.3),
        pump_loaded=loaded,
        clogging=unit.clogging + 2.0e-8 * unit.flow * dt,
        level=unit.level - 2.0e-7 * leak * dt,
        pump_power=shaft,
        heat_to_water=cooled,
    )
