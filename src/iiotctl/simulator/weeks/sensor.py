"""One sensor of a week, healthy: what it measures, how, and its values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from iiotctl.simulator.weeks.series import Floats

CARD: Final = 27_648
"""Steps of the analog input of a common PLC over its span."""
TWELVE_BITS: Final = 4095


@dataclass(frozen=True, slots=True)
class Sensor:
    """One tag.

    Attributes:
        tag: name.
        kind: `analog`, `counter`, `setpoint` or `state`; decides which faults it can have.
        unit: engineering unit, or "".
        low, high: measuring range.
        resolution: smallest step.
        group: the machine that it measures.
        value: float64[n], one a second, with noise, before the converter.
        jitter_us: standard deviation of the times, µs.
        lost: share of rows that never arrive.
        followed: others of its group tell what it should show.
    """

    tag: str
    kind: str
    unit: str
    low: float
    high: float
    resolution: float
    group: str
    value: Floats
    jitter_us: float = 0.0
    lost: float = 0.0004
    followed: bool = False

    @property
    def span(self) -> float:
        return self.high - self.low
