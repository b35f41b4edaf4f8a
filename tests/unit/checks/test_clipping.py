"""Ceilings and floors: counted right, told, and told apart from a frozen and a coarse value."""

from __future__ import annotations

import numpy as np
import pytest

from iiotctl.checks.base import Unjudged
from iiotctl.checks.features.columns import HOUR, MINUTE, Features
from iiotctl.checks.sensors import clipping
from iiotctl.checks.sensors.clipping import CHECK
from iiotctl.findings import Severity
from tests.unit.checks.faketags import tag
from tests.unit.checks.valuetags import Floats, measured, place, rows, seen, spells, verdict

PEAK = 18.0
"""h, when the value peaks at 54."""


def clipped(level: float, hours: float = 4) -> Floats:
    value = measured()
    at = slice(place(PEAK - hours / 2), place(PEAK + hours / 2))
    value[at] = np.minimum(value[at], level)
    return value


@pytest.mark.parametrize("side", ["high", "low"])
def test_the_ceiling_of_the_last_windows_is_counted_as_one_would_by_hand(side: str) -> None:
    rng = np.random.default_rng(4)
    data = tag(windows=300)
    columns = dict(data.features.columns)
    sign = 1 if side == "high" else -1
    columns["max"] = rng.integers(0, 9, 300).astype(float)
    columns["min"] = columns["max"] - rng.integers(0, 2, 300)
    columns["n"] = rng.integers(0, 7, 300).astype(np.float32)
    extreme = "max" if side == "high" else "min"
    columns[f"at_{extreme}"] = np.minimum(rng.integers(1, 4, 300), columns["n"]).astype(np.float32)
    seen_ = type(data)(
        **{**{name: getattr(data, name) for name in data.__slots__}, "features": Features(MINUTE, 0, columns)}
    )
    found = clipping._ceiling(seen_, side, 20)
    for row in range(300):
        of = [i for i in range(max(0, row - 19), row + 1) if columns["n"][i] > 0]
        if not of:
            assert found.at[row] == 0
            continue
        top = max(sign * columns[extreme][i] for i in of)
        at = [i for i in of if sign * columns[extreme][i] == top]
        assert found.level[row] == top
        assert found.at[row] == len(at)
        assert found.full[row] == sum(columns["max"][i] == columns["min"][i] for i in at)
        share = sum(columns[f"at_{extreme}"][i] for i in at) / sum(columns["n"][i] for i in at)
        assert found.share[row] == pytest.approx(share)
        assert found.on[row] == pytest.approx(share * len(at))


@pytest.mark.parametrize(("level", "severity"), [(53.0, Severity.MEDIUM), (53.6, Severity.MEDIUM), (55.0, None)])
def test_a_ceiling(level: float, severity: Severity | None) -> None:
    found = spells(CHECK, seen(clipped(level), unit="bar"))
    assert [one.severity for one in found] == [severity] * (severity is not None)
    for one in found:
        assert one.evidence["level"] == level
        assert one.key == "high"
        assert one.end is not None
        assert PEAK - 2 <= one.start / HOUR < one.end / HOUR <= PEAK + 2.02


def test_a_ceiling_that_is_reached_by_a_few_readings_is_none() -> None:
    assert spells(CHECK, seen(clipped(54.4))) == []


def frozen(flicker: float) -> Floats:
    value = measured()
    at = slice(place(PEAK), place(PEAK + 3))
    value[at] = np.round(54.9 + flicker * np.random.default_rng(1).integers(0, 3, at.stop - at.start), 9)
    return value


@pytest.mark.parametrize("flicker", [0.0, 0.01])
def test_a_frozen_value_is_no_ceiling(flicker: float) -> None:
    assert spells(CHECK, seen(frozen(flicker))) == []


def test_a_coarse_value_that_smoothly_stands_at_its_ceiling() -> None:
    t = rows()
    value = np.round(np.round((80 + 4 * np.sin(2 * np.pi * t / 28_800)) / 0.1) * 0.1, 9)
    at = slice(place(17), place(19.2))
    value[at] = np.minimum(value[at], 83.2)
    (found,) = spells(CHECK, seen(value))
    assert found.evidence["level"] == pytest.approx(83.2)


def test_a_constant_tells_nothing_of_its_ceiling() -> None:
    assert verdict(CHECK, seen(np.full_like(measured(), 7.0))) == Unjudged("it never moved in the baseline")
