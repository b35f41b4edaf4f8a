"""Thirteen ways in which a sensor lies, each put into a stretch of one tag's record where it can be seen.

A fault is a length, what it does to the rows, and a test whether it makes a difference at a place: a sensor that stands
still at rest cannot be told from one that rests, so nothing is labelled there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from iiotctl.simulator.weeks.record import Record
from iiotctl.simulator.weeks.series import DAY_S, HOUR_S

_STATUS: Final = {
    "BadNotConnected": 0x808A0000,
    "BadDeviceFailure": 0x808B0000,
    "BadSensorFailure": 0x808C0000,
    "BadCommunicationError": 0x80050000,
    "BadNoCommunication": 0x80310000,
    "UncertainLastUsableValue": 0x40900000,
}
_OUT_OF_UNITS: Final = 0x4094_0000
"""UncertainEngineeringUnitsExceeded."""
_ALL: Final = frozenset({"analog", "counter", "setpoint", "state"})
_ANALOG: Final = frozenset({"analog"})
_TRIES: Final = 200
_EXACT: Final = 0.6
"""Of the stuck ones; the others flicker by a digit."""
_SHORTER: Final = 0.6
"""Of the room, where two faults share a tag."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault.

    Attributes:
        hours: shortest and longest.
        put: changes rows `first` up to, not including, `end`; returns the parameter for the label.
        seen: whether it would make a difference to these rows; None if it always does.
        on: kinds of sensor that can have it.
    """

    hours: tuple[float, float]
    put: Callable[[np.random.Generator, Record, int, int], str]
    seen: Callable[[Record, int, int], bool] | None
    on: frozenset[str] = _ANALOG


@dataclass(frozen=True, slots=True)
class Label:
    """A fault that was put in: tag, kind, rows `first` up to, not including, `end` (seconds), parameter."""

    tag: str
    fault: str
    first: int
    end: int
    param: str


def put(
    name: str, rng: np.random.Generator, record: Record, between: tuple[int, int], *, longest: bool = True
) -> Label | None:
    """Put a fault of kind `name` somewhere between two rows; None where it makes no difference anywhere.

    Args:
        longest: whether the place has room for the longest ones.
    """
    kind = KINDS[name]
    if record.sensor.kind not in kind.on:
        return None
    low, high = between
    most = kind.hours[1] if longest else min(kind.hours[1], _SHORTER * (high - low) / HOUR_S)
    length = int(min(rng.uniform(min(kind.hours[0], most), most) * HOUR_S, high - low - 1))
    for _ in range(_TRIES):
        first = int(rng.integers(low, high - length))
        if kind.seen is None or kind.seen(record, first, first + length):
            return Label(record.sensor.tag, name, first, first + length, kind.put(rng, record, first, first + length))
    return None


def _moves(record: Record, first: int, end: int) -> bool:
    """Well above the resolution, and neither at rest at any time nor on a stop."""
    part = record.value[first:end]
    moving = np.ptp(part[np.linspace(0, len(part) - 1, 500).astype(np.int64)])
    hour = part[: len(part) // HOUR_S * HOUR_S].reshape(-1, HOUR_S) if len(part) >= HOUR_S else part[None]
    return bool(moving > 8 * record.sensor.resolution and (np.ptp(hour, axis=1) > 4 * record.sensor.resolution).all())


def _wide(record: Record, first: int, end: int) -> bool:
    """Covers at least a fiftieth of the span."""
    return bool(np.ptp(record.value[first:end]) > 0.02 * record.span)


def _known(record: Record, _first: int, _end: int) -> bool:
    """Somebody could tell: others follow it, or its hours were all alike; one that wanders alone may well be right."""
    hours = record.sensor.value[: 2 * DAY_S].reshape(-1, HOUR_S).mean(axis=1)
    return record.sensor.followed or float(hours.std()) < 0.01 * record.span


def _stuck(rng: np.random.Generator, record: Record, first: int, end: int) -> str:
    """Held, exactly or within a digit."""
    exact = rng.random() < _EXACT
    digits = np.zeros(end - first) if exact else rng.integers(-1, 2, end - first)
    record.value[first:end] = record.value[first] + digits * record.sensor.resolution
    return "exact" if exact else "within a digit"


def _spike(rng: np.random.Generator, record: Record, first: int, end: int) -> str:
    """Single samples far off."""
    count = min(int(rng.integers(6, 16)), end - first)
    rows = first + rng.choice(end - first, count, replace=False)
    record.value[rows] += rng.choice([-1, 1], count) * rng.uniform(0.12, 0.45, count) * record.span
    return f"{count} samples"


def _drift(rng: np.random.Generator, record: Record, first: int, end: int) -> str:
    """Off by more each day, until somebody calibrates it."""
    rate = float(rng.choice([-1, 1]) * rng.uniform(0.5, 4))
    record.value[first:end] += rate / 100 * record.span * np.arange(end - first) / DAY_S
    return f"{rate:.2f} % of span a day"


def _bias(rng: np.random.Generator, record: Record, first: int, end: int) -> str:
    """Off by the same from one sample to the next."""
    size = float(rng.choice([-1, 1]) * rng.uniform(1.5, 6))
    record.value[first:end] += size / 100 * record.span
    return f"{size:.2f} % of span"


def _noise(rng: np.random.Generator, record: Record, first: int, end: int) -> str:
    """White noise, several times what the steps from sample to sample are."""
    steps = np.abs(np.diff(record.value[first:end]))
    usual = max(float(np.median(steps)) / 0.954, record.sensor.resolution)
    factor = float(rng.uniform(4, 10))
    record.value[first:end] += rng.normal(0, usual * factor, end - first)
    return f"x {factor:.1f}"


def _gap(_: np.random.Generator, record: Record, first: int, end: int) -> str:
    """Nothing arrives."""
    record.arrives[first:end] = False
    return ""


def _quantise(rng: np.random.Generator, record: Record, first: int, end: int) -> str:
    """Steps of some per cent of the span."""
    step = float(rng.uniform(1, 3))
    size = step / 100 * record.span
    record.value[first:end] = np.round(record.value[first:end] / size) * size
    return f"{step:.2f} % of span"


def _limit(record: Record, first: int, end: int, share: float) -> float:
    part = record.value[first:end]
    return float(np.quantile(part[part > part.min() + 0.02 * record.span], share))


def _clip(rng: np.random.Generator, record: Record, first: int, end: int) -> str:
    """Never above a level that it passed before."""
    limit = _limit(record, first, end, float(rng.uniform(0.25, 0.6)))
    record.value[first:end] = np.minimum(record.value[first:end], limit)
    return f"at {limit:.4g}"


def _replay(rng: np.random.Generator, record: Record, first: int, end: int) -> str:
    """What was sent before is sent again under new times."""
    length = end - first
    earlier = int(rng.integers(0, first - length - HOUR_S))
    for _ in range(_TRIES):
        if _moves(record, earlier, earlier + length):
            break
        earlier = int(rng.integers(0, first - length - HOUR_S))
    record.value[first:end] = record.value[earlier : earlier + length]
    return f"from {first - earlier} s before"


def _repeatable(record: Record, first: int, end: int) -> bool:
    return first > (end - first) + 2 * HOUR_S and _moves(record, first, end)


def _skew(rng: np.random.Generator, record: Record, first: int, end: int) -> str:
    """The clock is off by minutes, then set right."""
    by = int(rng.choice([-1, 1]) * rng.uniform(60, 600))
    record.ts[first:end] += by * 1_000_000
    return f"{by} s"


def _duplicate(rng: np.random.Generator, record: Record, first: int, end: int) -> str:
    """Rows arrive twice."""
    count = min(int(rng.integers(60, 200)), end - first)
    rows = first + rng.choice(end - first, count, replace=False)
    record.twice += sorted(rows[record.arrives[rows]].tolist())
    return f"{count} rows"


def _ne43(rng: np.random.Generator, record: Record, first: int, end: int) -> str:
    """The current of a broken wire or a short, as the engineering value that the PLC makes of it."""
    current = float(rng.choice([3.5, 3.6, 21.0, 21.5]))
    level = record.sensor.low + record.span * (current - 4) / 16
    record.value[first:end] = level + rng.normal(0, 0.0005 * record.span, end - first)
    record.quality[first:end] = _OUT_OF_UNITS
    return f"{current} mA"


def _bad_quality(rng: np.random.Generator, record: Record, first: int, end: int) -> str:
    """A status that says not to use the value."""
    name = str(rng.choice(list(_STATUS)))
    record.quality[first:end] = _STATUS[name]
    return name


KINDS: Final[dict[str, Kind]] = {
    "stuck": Kind((0.5, 3), _stuck, _moves),
    "spike": Kind((0.4, 0.6), _spike, None),
    "drift": Kind((40, 110), _drift, _known),
    "bias": Kind((3, 12), _bias, None),
    "noise": Kind((2, 12), _noise, None),
    "gap": Kind((0.3, 2), _gap, None, _ALL),
    "quantise": Kind((3, 10), _quantise, _wide),
    "clip": Kind((6, 14), _clip, _wide),
    "replay": Kind((0.7, 4), _replay, _repeatable),
    "skew": Kind((1, 6), _skew, None, _ALL),
    "duplicate": Kind((0.1, 0.3), _duplicate, None, _ALL),
    "ne43": Kind((2 / 60, 10 / 60), _ne43, None),
    "bad_quality": Kind((0.05, 1), _bad_quality, None, _ALL),
}
"""By the name in `labels.csv`."""
