"""Each kind of fault is really in the rows that its label names, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from iiotctl.simulator.weeks import faults
from iiotctl.simulator.weeks.record import Record, record
from iiotctl.simulator.weeks.sensor import Sensor
from iiotctl.simulator.weeks.series import DAY_S, HOUR_S, Floats, coloured

DAYS = 7
STEP = 0.01
LOW, HIGH = 2 * DAY_S, DAYS * DAY_S


def healthy(kind: str = "analog") -> Record:
    """A level that wanders from 20 to 80 of 100, with noise of some steps of the converter."""
    rng = np.random.default_rng(1)
    size = DAYS * DAY_S
    turns = 50 + 25 * np.sin(2 * np.pi * np.arange(size) / (5 * HOUR_S)) + coloured(rng, size, 900.0, 2.0)
    value = turns + 0.1 * rng.standard_normal(size)
    sensor = Sensor("T1", kind, "bar", 0.0, 100.0, STEP, "T1", value, followed=True)
    return record(sensor, rng)


def rise(before: Floats, after: Floats) -> Floats:
    """By how much a fault moved the values, % of span (which is 100)."""
    return after - before


def _stuck(_: Record, after: Record, inside: slice) -> bool:
    return float(np.ptp(after.value[inside])) <= 2 * STEP + 1e-9


def _spike(before: Record, after: Record, inside: slice) -> bool:
    moved = np.abs(rise(before.value[inside], after.value[inside]))
    return 6 <= int((moved >= 12).sum()) <= 15 and int((moved > 0).sum()) <= 15


def _drift(before: Record, after: Record, inside: slice) -> bool:
    moved = rise(before.value[inside], after.value[inside])
    rate = float(moved[-1] - moved[0]) / (len(moved) - 1) * DAY_S
    return 0.5 <= abs(rate) <= 4 and bool(np.allclose(np.diff(moved), rate / DAY_S, atol=1e-9))


def _bias(before: Record, after: Record, inside: slice) -> bool:
    moved = rise(before.value[inside], after.value[inside])
    return bool(np.allclose(moved, moved[0])) and 1.5 <= abs(moved[0]) <= 6


def _noise(before: Record, after: Record, inside: slice) -> bool:
    usual, now = (float(np.diff(one.value[inside]).std()) for one in (before, after))
    return 2.5 < now / usual < 15


def _gap(_: Record, after: Record, inside: slice) -> bool:
    return not after.arrives[inside].any()


def _quantise(_: Record, after: Record, inside: slice) -> bool:
    levels = np.unique(after.value[inside])
    return 2 <= len(levels) < 100 and 1 <= float(np.diff(levels).min()) <= 3


def _clip(before: Record, after: Record, inside: slice) -> bool:
    top = float(after.value[inside].max())
    return float((before.value[inside] > top).mean()) > 0.05 and float((after.value[inside] == top).mean()) > 0.05


def _replay(before: Record, after: Record, inside: slice) -> bool:
    part = after.value[inside]
    starts = np.flatnonzero(before.value[: inside.start] == part[0])
    return any(np.array_equal(before.value[first : first + len(part)], part) for first in starts)


def _skew(before: Record, after: Record, inside: slice) -> bool:
    by = np.unique(after.ts[inside] - before.ts[inside])
    return len(by) == 1 and 60e6 <= abs(int(by[0])) <= 600e6


def _duplicate(before: Record, after: Record, inside: slice) -> bool:
    ts = after.rows()[0]
    twice = ts[1:][np.diff(ts) == 0]
    return len(twice) >= 50 and before.ts[inside.start] <= twice.min() <= twice.max() < before.ts[inside.stop]


def _ne43(_: Record, after: Record, inside: slice) -> bool:
    # 3.6 mA is -2.5 % and 21 mA is 106.25 % of 4 to 20 mA
    beyond = (after.value[inside] < -2) | (after.value[inside] > 106)
    return bool(beyond.all()) and set(after.quality[inside].tolist()) == {0x4094_0000}


def _bad_quality(_: Record, after: Record, inside: slice) -> bool:
    return len(set(after.quality[inside].tolist())) == 1 and int(after.quality[inside.start]) >> 30 in (1, 2)


PROOF: dict[str, Callable[[Record, Record, slice], bool]] = {
    "stuck": _stuck,
    "spike": _spike,
    "drift": _drift,
    "bias": _bias,
    "noise": _noise,
    "gap": _gap,
    "quantise": _quantise,
    "clip": _clip,
    "replay": _replay,
    "skew": _skew,
    "duplicate": _duplicate,
    "ne43": _ne43,
    "bad_quality": _bad_quality,
}


def test_every_kind_is_proved() -> None:
    assert set(PROOF) == set(faults.KINDS)


@pytest.mark.parametrize("name", PROOF)
def test_a_label_is_true(name: str) -> None:
    before = healthy()
    for seed in range(3):
        after = healthy()
        label = faults.put(name, np.random.default_rng(seed), after, (LOW, HIGH))
        assert label is not None
        inside = slice(label.first, label.end)
        shortest, longest = faults.KINDS[name].hours
        assert (label.tag, label.fault) == ("T1", name)
        assert LOW <= label.first < label.end <= HIGH
        assert shortest * HOUR_S - 1 <= label.end - label.first <= longest * HOUR_S
        assert PROOF[name](before, after, inside)
        for column in ("ts", "value", "quality", "arrives"):
            was, now = getattr(before, column).copy(), getattr(after, column).copy()
            was[inside], now[inside] = 0, 0
            assert np.array_equal(was, now), column
        if name != "duplicate":
            assert not after.twice
            assert not PROOF[name](before, before, inside)


def test_nothing_is_labelled_where_it_makes_no_difference() -> None:
    resting = healthy()
    resting.value[LOW:HIGH] = 0.0
    for name in ("stuck", "quantise", "clip", "replay"):
        assert faults.put(name, np.random.default_rng(1), resting, (LOW, HIGH)) is None


def test_a_setpoint_has_only_faults_of_the_line() -> None:
    able = {
        name for name in faults.KINDS if faults.put(name, np.random.default_rng(1), healthy("setpoint"), (LOW, HIGH))
    }
    assert able == {"gap", "skew", "duplicate", "bad_quality"}


def test_a_short_place_gets_a_shorter_fault() -> None:
    label = faults.put("drift", np.random.default_rng(1), healthy(), (LOW, LOW + DAY_S), longest=False)
    assert label is not None
    assert LOW <= label.first < label.end <= LOW + DAY_S
