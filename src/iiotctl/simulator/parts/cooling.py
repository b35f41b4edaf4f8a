"""The cooling loop: a pump, a chiller with hysteresis, and the heat that oil and drive put into the water."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_FLOW: Final = 58.0
"""l/min with the valve open."""
_WATER: Final = 4186.0
"""J per kg and K, also per litre and K."""
_TANK: Final = 120.0 * _WATER
"""J/K of the 120 l buffer tank."""
_CHILLER: Final = 14_000.0
"""W of cold."""
_ON_ABOVE: Final = 17.0
_OFF_BELOW: Final = 14.0
_COEFFICIENT: Final = 3.1
"""W of cold per W of electricity."""


@dataclass(frozen=True, slots=True)
class Cooling:
    """State of the loop.

    Attributes:
        supply: °C to the consumers.
        back: °C from the consumers.
        flow: l/min.
        chiller_on: the compressor runs.
        pressure: bar behind the pump.
        power: W of pump and chiller.
        heat: W taken up by the water.
    """

    supply: float = 15.5
    back: float = 16.5
    flow: float = _FLOW
    chiller_on: bool = False
    pressure: float = 3.1
    power: float = 750.0
    heat: float = 0.0


def step(loop: Cooling, dt: float, *, heat: float, hall: float, wander: float) -> Cooling:
    """The loop `dt` seconds later; `heat` in W from the consumers, `wander` = -1..1, slow drift of the flow."""
    target = _FLOW * (1.0 + 0.03 * wander)
    flow = loop.flow + (target - loop.flow) * min(1.0, dt / 2.0)
    chiller = loop.supply > _ON_ABOVE or (loop.chiller_on and loop.supply > _OFF_BELOW)
    rise = heat / (max(flow, 1.0) / 60.0 * _WATER)
    back = loop.back + (loop.supply + rise - loop.back) * min(1.0, dt / 8.0)
    gained = heat + 35.0 * (hall - loop.supply)
    supply = loop.supply + (gained - (_CHILLER if chiller else 0.0)) / _TANK * dt
    return Cooling(
        supply=supply,
        back=back,
        flow=flow,
        chiller_on=chiller,
        pressure=0.6 + 2.5 * (flow / _FLOW) ** 2,
        power=750.0 + (_CHILLER / _COEFFICIENT if chiller else 0.0),
        heat=heat,
    )
