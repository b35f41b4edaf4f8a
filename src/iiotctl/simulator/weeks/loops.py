"""The family `loops`: sensors of utilities that have little to do with each other, so that no check leans on siblings.

Control loops with a valve that saturates, tanks that fill and drain, weather, lone transmitters with heavy-tailed noise,
compressors that load and unload, totalisers with reset, states. Converters of 12 bits, times with ms of jitter, lost rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from iiotctl.simulator.weeks.sensor import TWELVE_BITS, Sensor
from iiotctl.simulator.weeks.series import DAY_S, HOUR_S, Floats, coloured, day_cycle, lagged, steps, swinging

_JITTER_US: Final = 3000.0
_LOADED: Final = 0.4
"""Share of a compressor's turn in which it delivers."""
_RESETS: Final = 0.4
"""Of a totaliser, a day."""


def _analog(tag: str, unit: str, span: tuple[float, float], value: Floats, group: str = "") -> Sensor:
    """A 12-bit converter, which clamps; a machine of its own if none is named."""
    low, high = span
    seen = np.clip(value, low, high)
    step = (high - low) / TWELVE_BITS
    return Sensor(tag, "analog", unit, low, high, step, group or tag, seen, jitter_us=_JITTER_US, lost=0.001)


def control_loop(rng: np.random.Generator, number: int, size: int) -> Iterator[Sensor]:
    """Setpoint, measured value, and the valve, which is fully open when the load is high."""
    goal = np.round(steps(rng, size, (5, 20), 45, 75))
    seconds = np.arange(size)
    load = np.sin(2 * np.pi * seconds / rng.uniform(600, 2400) + rng.uniform(0, 6))
    measured = swinging(goal, rng.uniform(120, 400), rng.uniform(400, 1200))
    measured = (
        measured + rng.uniform(0.3, 0.8) * load + coloured(rng, size, 12.0, 0.15) + 0.08 * rng.standard_normal(size)
    )
    valve = 30 + 0.6 * (goal - 45) + 12 * np.roll(load, 60) + coloured(rng, size, 3 * HOUR_S, rng.uniform(8, 16))
    valve = valve + 1.5 * (goal - measured) + 0.1 * rng.standard_normal(size)
    name = f"L{number:02d}"
    yield replace(_analog(f"{name}.SP", "degC", (0, 100), goal, name), kind="setpoint", resolution=0.1)
    yield _analog(f"{name}.PV", "degC", (0, 100), measured, name)
    yield replace(_analog(f"{name}.MV", "%", (0, 100), valve * rng.uniform(1.0, 1.5), name), resolution=0.1)


def tank(rng: np.random.Generator, number: int, size: int) -> Iterator[Sensor]:
    """A level that drains slowly and is filled fast, and the state of its pump."""
    top, bottom = rng.uniform(70, 90), rng.uniform(15, 35)
    level, pump = [], []
    made = 0
    while made < size:
        down, up = int(rng.uniform(1500, 9000)), int(rng.uniform(400, 900))
        low, high = bottom + rng.normal(0, 0.5), top + rng.normal(0, 0.5)
        level += [np.linspace(high, low, down, endpoint=False), np.linspace(low, top, up, endpoint=False)]
        pump += [np.zeros(down), np.ones(up)]
        made += down + up
    true = np.concatenate(level)[:size] + coloured(rng, size, 5.0, 0.12)
    name = f"K{number:02d}"
    yield _analog(f"{name}.LT", "%", (0, 100), true + 0.05 * rng.standard_normal(size), name)
    yield replace(_analog(f"{name}.P_ON", "", (0, 1), np.concatenate(pump)[:size], name), kind="state", resolution=1.0)


def weather(rng: np.random.Generator, number: int, size: int) -> Iterator[Sensor]:
    """A temperature outdoors: days, and weather on top."""
    value = 9 + rng.uniform(3, 7) * day_cycle(size, rng.uniform(0, 6)) + coloured(rng, size, 10 * HOUR_S, 2.0)
    yield _analog(f"W{number:02d}.TT", "degC", (-30, 50), value + 0.02 * rng.standard_normal(size))


def lone(rng: np.random.Generator, number: int, size: int) -> Iterator[Sensor]:
    """A pressure without siblings: it wanders about a level, and its noise has heavy tails."""
    level = lagged(steps(rng, size, (6, 30), 2.5, 4.5), 600.0)
    tails = np.clip(rng.standard_t(4, size), -12, 12)
    value = level + coloured(rng, size, 900.0, 0.08) + 0.012 * tails
    yield _analog(f"X{number:02d}.PT", "bar", (0, 6), value)


def compressor(rng: np.random.Generator, number: int, size: int) -> Iterator[Sensor]:
    """Air pressure between two limits: a triangle of minutes, faster when more air is drawn; the motor's current."""
    drawn = 0.55 + 0.25 * day_cycle(size, rng.uniform(0, 6)) + lagged(steps(rng, size, (1, 4), -0.15, 0.15), 300.0)
    seconds = rng.uniform(120, 300)
    phase = np.cumsum(drawn / 0.55 / seconds)
    turn = phase % 1
    up = turn < _LOADED
    shape = np.where(up, turn / _LOADED, (1 - turn) / (1 - _LOADED))
    pressure = 6.8 + 0.5 * shape + 0.006 * rng.standard_normal(size)
    amps = np.where(up, 82.0, 31.0) + 0.6 * rng.standard_normal(size) + coloured(rng, size, 30.0, 0.5)
    name = f"C{number:02d}"
    yield _analog(f"{name}.PT", "bar", (0, 10), pressure, name)
    yield _analog(f"{name}.IT", "A", (0, 150), lagged(amps, 2.0), name)


def metered(rng: np.random.Generator, number: int, size: int) -> Iterator[Sensor]:
    """A demand with mornings and evenings, and its totaliser, which is set to 0 now and then."""
    day = day_cycle(size, rng.uniform(0, 6))
    demand = 22 + 8 * day + 4 * np.roll(day, DAY_S // 6) * day + coloured(rng, size, 1200.0, 2.0)
    flow = np.maximum(demand, 1.0) * (1 + 0.01 * rng.standard_normal(size))
    total = np.cumsum(flow) / HOUR_S
    for reset in np.flatnonzero(rng.random(size // DAY_S) < _RESETS) * DAY_S + 6 * HOUR_S:
        total[reset:] -= total[reset]
    name = f"M{number:02d}"
    yield _analog(f"{name}.FT", "m3/h", (0, 60), flow, name)
    yield replace(_analog(f"{name}.FQ", "m3", (0, 1e6), total, name), kind="counter", resolution=0.1)


MACHINES: Final[tuple[Callable[[np.random.Generator, int, int], Iterator[Sensor]], ...]] = (
    control_loop,
    tank,
    weather,
    lone,
    compressor,
    metered,
    lone,
)


def machine(rng: np.random.Generator, number: int, size: int) -> Iterator[Sensor]:
    """Machine `number` (from 0) for `size` seconds."""
    return MACHINES[number % len(MACHINES)](rng, number + 1, size)
