"""The family `units`: process units of six sensors that follow one load, continuous or in batches.

Two pressures (twins), a slow temperature, a flow, a motor current with inrush, a vibration whose noise grows with the
load. At rest flow and current are exactly 0. Levels come in later days that the first two never saw.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from iiotctl.simulator.weeks.sensor import CARD, Sensor
from iiotctl.simulator.weeks.series import DAY_S, HOUR_S, Flags, Floats, coloured, day_cycle, lagged, steps

_MINUTE_S: Final = 60
_AMBIENT: Final = 22.0
_SEEN: Final = 0.6
"""Of the starts, in the current: the others fall between two samples."""


def unit(rng: np.random.Generator, number: int, size: int) -> Iterator[Sensor]:
    """Unit `number` (from 0) for `size` seconds."""
    return (replace(sensor, followed=True) for sensor in _sensors(rng, number, size))


def _sensors(rng: np.random.Generator, number: int, size: int) -> Iterator[Sensor]:
    flow = _batches(rng, size) if number % 2 else _continuous(rng, size)
    running = flow > 0
    share = flow / 100
    group, name = f"U{number + 1:02d}", 101 + 10 * number
    white = rng.standard_normal

    pressure = 1 + rng.uniform(5, 7) * share**2 + running * coloured(rng, size, 66.0, 0.02)
    card = 10 / CARD
    for twin, noise, offset in (("A", 0.012, 0.0), ("B", 0.013, 0.01 * white())):
        value = pressure + noise * white(size) + offset
        yield Sensor(f"{group}.PT{name}{twin}", "analog", "bar", 0, 10, card, group, value)

    warmth = lagged(np.where(running, rng.uniform(70, 95) * share**0.8 + 8, 0.0), rng.uniform(2400, 7200))
    value = _AMBIENT + warmth + 1.5 * day_cycle(size, rng.uniform(0, 6)) + 0.03 * white(size)
    yield Sensor(f"{group}.TT{name}", "analog", "degC", 0, 150, 0.1, group, value)

    flowing = flow * (1 + 0.004 * white(size)) + coloured(rng, size, 20.0, 0.25)
    value = np.where(running, np.maximum(flowing, 0.0), 0.0)
    yield Sensor(f"{group}.FT{name}", "analog", "m3/h", 0, 120, 120 / CARD, group, value)

    current = 10 + rng.uniform(35, 42) * share + 0.15 * white(size) + coloured(rng, size, 9.5, 0.1)
    value = np.where(running, current, 0.0) + _inrush(rng, running)
    yield Sensor(f"{group}.IT{name}", "analog", "A", 0, 100, 100 / CARD, group, value)

    shaking = np.where(running, 0.3 + 4 * share**1.5, 0.28)
    value = shaking * np.abs(1 + 0.13 * white(size) + coloured(rng, size, 33.0, 0.06))
    yield Sensor(f"{group}.VT{name}", "analog", "mm/s", 0, 20, 20 / CARD, group, value)


def _continuous(rng: np.random.Generator, size: int) -> Floats:
    """Flow, %: new setpoints every few hours, and up to two stops."""
    load = steps(rng, size, (2, 9), 38, 92)
    for _ in range(int(rng.integers(0, 3))):
        first = int(rng.uniform(0.3 * DAY_S, max(size - 0.2 * DAY_S, 0.4 * DAY_S)))
        load[first : first + int(rng.uniform(1, 3) * HOUR_S)] = 0
    return _at_rest(lagged(load, rng.uniform(60, 200)), load, 0.8)


def _batches(rng: np.random.Generator, size: int) -> Floats:
    """Flow, %: rest, ramp, one to three levels, ramp."""
    parts: list[Floats] = []
    made = 0
    while made < size:
        levels = rng.uniform(40, 88, int(rng.integers(1, 4)))
        hold = int(rng.uniform(1.5, 3) * HOUR_S) // len(levels)
        batch = [
            np.zeros(int(rng.uniform(20, 60) * _MINUTE_S)),
            np.linspace(0, levels[0], int(rng.uniform(8, 25) * _MINUTE_S)),
            np.repeat(levels, hold),
            np.linspace(levels[-1], 0, int(rng.uniform(5, 15) * _MINUTE_S)),
        ]
        parts += batch
        made += sum(len(part) for part in batch)
    load = np.concatenate(parts)[:size]
    return _at_rest(lagged(load, rng.uniform(30, 90)), load, 1.0)


def _at_rest(flow: Floats, load: Floats, least: float) -> Floats:
    """A check valve shuts: below `least` nothing flows, exactly."""
    return np.where((load == 0) & (flow < least), 0.0, flow)


def _inrush(rng: np.random.Generator, running: Flags) -> Floats:
    """Some starts are seen as one or two samples of starting current: healthy."""
    found = np.zeros(len(running))
    for start in np.flatnonzero(np.diff(running.astype(np.int8)) == 1):
        if rng.random() < _SEEN:
            found[start + 1 : start + 1 + int(rng.integers(1, 3))] = rng.uniform(40, 80)
    return found
