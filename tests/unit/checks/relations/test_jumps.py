"""Jumps: within one sample, not shared, and away from the relatives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from iiotctl.checks.relations.jumps import jumps
from iiotctl.checks.tagdata import TagData
from tests.unit.checks.faketags import START
from tests.unit.checks.relations.relatives import DAY, Floats, heard, noisy, process, tag

MINUTE = 60_000_000
ON, OFF = 3 * DAY + 120, 4 * DAY + 120
"""Windows, between two set-points."""


def _data(*shifted: str, by: Floats | float = 4.0) -> dict[str, TagData]:
    """A, B, C of one process; the named ones are off for a day."""
    x = process(5)
    levels = {name: noisy(x, at) for at, name in enumerate("ABC")}
    for name in shifted:
        levels[name][ON:OFF] += by
    return heard([tag(name, level) for name, level in levels.items()])


def test_a_jump_away_from_the_relatives_and_its_end() -> None:
    found = _data("A")
    (one,) = jumps(found["A"], 0.01)
    assert abs((one.start - START) / MINUTE - ON) <= 2
    assert one.end is not None
    assert abs((one.end - START) / MINUTE - OFF) <= 40
    assert abs(one.size - 4.0) < 0.3
    assert one.supporters == 2
    assert jumps(found["B"], 0.01) == jumps(found["C"], 0.01) == []


def test_the_way_back_is_no_jump() -> None:
    data = _data("A")["A"]
    judged = data.judged.copy()
    judged[: OFF - 60] = False
    assert jumps(replace(data, judged=judged), 0.01) == []


def test_a_set_point_that_all_follow_is_none() -> None:
    found = _data("A", "B", "C")
    assert [jumps(found[name], 0.01) for name in "ABC"] == [[], [], []]


def test_what_comes_slowly_is_none() -> None:
    assert jumps(_data("A", by=np.linspace(0, 4, DAY))["A"], 0.01) == []


def test_a_step_of_a_few_bits_is_none() -> None:
    assert jumps(_data("A")["A"], 1.1) == []
