"""What arrives of one sensor: rows in the order of arrival, and where a fault may stand in them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from iiotctl.simulator.weeks.sensor import Sensor
from iiotctl.simulator.weeks.series import Flags, Floats, rounded


@dataclass(slots=True)
class Record:
    """Rows of one tag, one a second; faults change them in place.

    Attributes:
        sensor: the healthy one.
        ts: int64[n], µs since the beginning.
        value: float64[n], before the converter.
        quality: uint32[n], OPC UA StatusCode.
        arrives: bool[n].
        twice: rows that are sent again at once.
    """

    sensor: Sensor
    ts: npt.NDArray[np.int64]
    value: Floats
    quality: npt.NDArray[np.uint32]
    arrives: Flags
    twice: list[int] = field(default_factory=list)

    @property
    def span(self) -> float:
        return self.sensor.span

    def rows(self) -> tuple[npt.NDArray[np.int64], Floats, npt.NDArray[np.uint32]]:
        """Times, values and qualities as they arrive."""
        order = np.sort(np.concatenate([np.arange(len(self.ts)), np.array(self.twice, np.int64)]), kind="stable")
        order = order[self.arrives[order]]
        return self.ts[order], rounded(self.value[order], self.sensor.resolution), self.quality[order]


def record(sensor: Sensor, rng: np.random.Generator) -> Record:
    """The healthy rows: times with the sensor's jitter, a few of them lost."""
    size = len(sensor.value)
    ts = np.arange(size, dtype=np.int64) * 1_000_000
    if sensor.jitter_us:
        # less than half a second, so that the order stands
        ts += np.clip(rng.normal(0, sensor.jitter_us, size), -40_000, 40_000).astype(np.int64)
    return Record(sensor, ts, sensor.value.copy(), np.zeros(size, np.uint32), rng.random(size) >= sensor.lost)
