"""An export of a historian: days of ten sensors of a boiler house, two of which lie. Arrays at once, no plant in real time.

Loads step every few hours, the pump rests once a day; noise and resolution are those of a 27,648-step input card. By
the middle of the last two days one sensor freezes and one drifts away from its twin.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

PERIOD_S: Final = 10
_CARD: Final = 27_648
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Sensor:
    """One tag.

    Attributes:
        tag, asset, unit, description: facts.
        span: measuring range.
        noise: standard deviation, % of span.
        twin: the tag that measures the same, or "".
    """

    tag: str
    asset: str
    unit: str
    description: str
    span: tuple[float, float]
    noise: float
    twin: str = ""


SENSORS: Final = (
    Sensor("boiler1.pressure", "boiler1", "bar", "Steam drum pressure", (0.0, 16.0), 0.06),
    Sensor("boiler1.level_a", "boiler1", "mm", "Drum level, left", (-300.0, 300.0), 0.25, "boiler1.level_b"),
    Sensor("boiler1.level_b", "boiler1", "mm", "Drum level, right", (-300.0, 300.0), 0.25, "boiler1.level_a"),
    Sensor("boiler1.steam_flow", "boiler1", "t/h", "Steam flow", (0.0, 20.0), 0.12),
    Sensor("boiler1.gas_flow", "boiler1", "m3/h", "Gas flow", (0.0, 1600.0), 0.1),
    Sensor("boiler1.flue_gas_temperature", "boiler1", "degC", "Flue gas behind the economiser", (0.0, 300.0), 0.04),
    Sensor("pump1.flow", "pump1", "m3/h", "Feed water flow", (0.0, 30.0), 0.12),
    Sensor("pump1.pressure", "pump1", "bar", "Feed water pressure", (0.0, 40.0), 0.08),
    Sensor("pump1.current", "pump1", "A", "Motor current", (0.0, 60.0), 0.1),
    Sensor("pump1.temperature", "pump1", "degC", "Bearing temperature", (0.0, 150.0), 0.05),
)
FROZEN: Final = "pump1.pressure"
DRIFTING: Final = "boiler1.level_b"
_FROZEN_S: Final = (30 * _HOUR_S, 5 * _HOUR_S)
"""Before the end, and how long."""
_DRIFT_S: Final = 40 * _HOUR_S
"""Before the end; it lasts."""
_DRIFT: Final = 6.0
"""% of span a day."""


def export(days: int, seed: int) -> tuple[npt.NDArray[np.int64], dict[str, Floats]]:
    """Seconds since the beginning, and the values of each tag.

    Args:
        days: how long.
        seed: the same seed gives the same values.
    """
    import numpy as np

    since = np.arange(0, days * _DAY_S, PERIOD_S, dtype=np.int64)
    rng = np.random.default_rng(seed)
    load = _load(rng, since)
    resting = (since % _DAY_S >= 2 * _HOUR_S) & (since % _DAY_S < 3 * _HOUR_S)
    slow = _lagged(load, 900.0)
    level = _wander(rng, since, 25.0) + 30 * (_lagged(load, 60.0) - _lagged(load, 600.0))
    running = np.where(resting, 0.0, 1.0)
    true = {
        "boiler1.pressure": 10.2 - 0.9 * slow + 0.2 * np.sin(since / 2000),
        "boiler1.level_a": level,
        "boiler1.level_b": level + 4.0,
        "boiler1.steam_flow": 4 + 12 * load,
        "boiler1.gas_flow": 350 + 1000 * _lagged(load, 180.0),
        "boiler1.flue_gas_temperature": 115 + 70 * slow,
        "pump1.flow": running * (6 + 18 * load),
        "pump1.pressure": running * (30 - 8 * load) + (1 - running) * 1.8,
        "pump1.current": running * (18 + 26 * load),
        "pump1.temperature": 34 + 28 * _lagged(running * (0.4 + 0.6 * load), 2400.0),
    }
    end = days * _DAY_S
    true[DRIFTING] = true[DRIFTING] + 600 * _DRIFT / 100 * np.maximum(since - (end - _DRIFT_S), 0) / _DAY_S
    values = {sensor.tag: _measured(rng, sensor, true[sensor.tag], resting) for sensor in SENSORS}
    first = np.searchsorted(since, end - _FROZEN_S[0])
    values[FROZEN][first : first + _FROZEN_S[1] // PERIOD_S] = values[FROZEN][first]
    return since, values


def _load(rng: np.random.Generator, since: npt.NDArray[np.int64]) -> Floats:
    """Steps every two hours or so, 0 to 1, reached within minutes."""
    import numpy as np

    goals = rng.uniform(0.05, 0.95, int(since[-1] // (2 * _HOUR_S)) + 1)
    return _lagged(goals[np.minimum(since // (2 * _HOUR_S), len(goals) - 1)], 240.0)


def _lagged(goal: Floats, tau: float) -> Floats:
    """First-order lag, s."""
    import numpy as np

    share = 1 - np.exp(-PERIOD_S / tau)
    kernel = share * (1 - share) ** np.arange(int(8 * tau / PERIOD_S) + 1)
    padded = np.concatenate([np.full(len(kernel) - 1, goal[0]), goal])
    return _convolved(padded, kernel)


def _convolved(value: Floats, kernel: Floats) -> Floats:
    import numpy as np

    size = 1 << (len(value) + len(kernel)).bit_length()
    product = np.fft.irfft(np.fft.rfft(value, size) * np.fft.rfft(kernel, size), size)
    found: Floats = product[len(kernel) - 1 : len(value)] / kernel.sum()
    return found


def _wander(rng: np.random.Generator, since: npt.NDArray[np.int64], size: float) -> Floats:
    """A level that a controller holds, loosely."""
    import numpy as np

    marks = rng.standard_normal(int(since[-1] // 600) + 2) * size
    return _lagged(np.interp(since, np.arange(len(marks)) * 600, marks), 300.0)


def _measured(rng: np.random.Generator, sensor: Sensor, true: Floats, resting: npt.NDArray[np.bool_]) -> Floats:
    """With noise, as the input card sees it; a pump that stands still has neither flow nor current, exactly."""
    import numpy as np

    span = sensor.span[1] - sensor.span[0]
    value = true + rng.standard_normal(len(true)) * span * sensor.noise / 100
    value = np.round((value - sensor.span[0]) / span * _CARD) / _CARD * span + sensor.span[0]
    if sensor.tag in ("pump1.flow", "pump1.current"):
        value = np.where(resting & (true == 0), 0.0, value)
    return np.round(value, 6)


def site_toml(file: str) -> str:
    """The site file that says what the export's tags are."""
    head = f"""\
# Facts of the tags of {file}: import it beside this file, then run `iiotctl audit sensors`.
schema = 1

[site]
name = "Simulated boiler house"
timezone = "UTC"

[sources.historian]
type = "replay"
file = {json.dumps(file)}
description = "an export of the historian"
"""
    return "\n".join([head, *(_tag(sensor) for sensor in SENSORS)])


def _tag(sensor: Sensor) -> str:
    lines = [
        "[[tags]]",
        f"name = {json.dumps(sensor.tag)}",
        'source = "historian"',
        f"asset = {json.dumps(sensor.asset)}",
        f"address = {json.dumps(sensor.tag)}",
        f"unit = {json.dumps(sensor.unit)}",
        f"span = [{sensor.span[0]:g}, {sensor.span[1]:g}]",
        f"description = {json.dumps(sensor.description)}",
    ]
    if sensor.twin:
        lines.append(f"twin = {json.dumps(sensor.twin)}")
    return "\n".join(lines) + "\n"
