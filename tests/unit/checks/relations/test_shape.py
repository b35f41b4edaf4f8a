"""The course of a deviation: a step, a slope, or neither."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from iiotctl.checks.relations.coarse import per_cell
from iiotctl.checks.relations.shape import deviations, of_shape
from iiotctl.checks.relations.votes import Vote
from iiotctl.checks.tagdata import TagData
from tests.unit.checks.faketags import START
from tests.unit.checks.relations.relatives import Floats, tag, vote

CELL = per_cell(60_000_000)

CELLS = 6 * 144
AT = 3 * 144
HOUR = 6
"""Cells."""


def _data(said: Vote) -> TagData:
    return replace(tag("A", np.linspace(0, 100, len(said.away) * CELL)), vote=said)


def _course(**parts: Floats) -> Floats:
    size = np.random.default_rng(1).standard_normal(CELLS) * 0.1
    for part in parts.values():
        size[AT : AT + len(part)] += part
    return size


def _cell(us: int) -> int:
    return (us - START) // (CELL * 60_000_000)


def test_at_once_and_steady_is_a_step() -> None:
    (one,) = deviations(_data(vote(_course(step=np.full(20 * HOUR, -5.0)))))
    assert one.shape == "step"
    assert one.clear
    assert one.size == pytest.approx(-5.0, abs=0.1)
    assert _cell(one.start) == AT
    assert one.end is not None
    assert abs(_cell(one.end) - AT - 20 * HOUR) <= 1


def test_what_grows_is_a_slope_that_began_before_anybody_saw_it() -> None:
    rate = 5.0 / 144
    (one,) = deviations(_data(vote(_course(slope=rate * np.arange(2 * 144)))))
    assert one.shape == "slope"
    assert one.clear
    assert one.per_day == pytest.approx(5.0, rel=0.05)
    assert one.size == pytest.approx(10.0, rel=0.05)
    assert abs(_cell(one.start) - AT) <= HOUR  # 29 cells before it is beyond the limit


def test_a_slope_of_a_few_hours_is_called_a_step() -> None:
    (one,) = deviations(_data(vote(_course(slope=np.linspace(0, 4, 6 * HOUR)))))
    assert one.shape != "slope"


def test_what_swings_is_neither() -> None:
    swing = 5 * np.sin(2 * np.pi * np.arange(24 * HOUR) / (9 * HOUR))
    (one,) = deviations(_data(vote(_course(swing=swing))))
    assert one.shape == "other"
    assert abs(one.size) == pytest.approx(5.0, abs=0.4)


def test_what_lasts_to_the_end_has_no_end() -> None:
    (one,) = deviations(_data(vote(_course(step=np.full(CELLS - AT, 5.0)))))
    assert one.end is None


def test_half_an_hour_is_too_short() -> None:
    assert deviations(_data(vote(_course(step=np.full(3, 5.0))))) == []
    assert len(deviations(_data(vote(_course(step=np.full(4, 5.0)))))) == 1


def test_what_comes_again_within_two_hours_is_the_same() -> None:
    part = np.full(12 * HOUR, 5.0)
    part[4 * HOUR : 5 * HOUR] = 0
    assert len(deviations(_data(vote(_course(part=part))))) == 1
    part[4 * HOUR : 8 * HOUR] = 0
    assert len(deviations(_data(vote(_course(part=part))))) == 2


def test_barely_beyond_the_limit_is_not_said() -> None:
    assert deviations(_data(vote(_course(step=np.full(60, 1.1)) * 1.0, limit=1.0))) == []


def test_more_against_than_for_is_another_ones_business() -> None:
    said = vote(_course(step=np.full(20 * HOUR, 5.0)), voters=5)
    said = replace(said, supporters=np.minimum(said.supporters, 2), against=np.maximum(said.against, 3))
    assert deviations(_data(said)) == []


def test_a_tag_that_stands_still_is_left_to_other_checks() -> None:
    data = _data(vote(_course(step=np.full(20 * HOUR, 5.0))))
    columns = dict(data.features.columns) | {"max": data.features["min"]}
    assert deviations(replace(data, features=replace(data.features, columns=columns))) == []


def test_windows_that_are_not_judged_do_not_count() -> None:
    data = _data(vote(_course(step=np.full(20 * HOUR, 5.0))))
    assert deviations(replace(data, judged=np.zeros_like(data.judged))) == []


def test_a_pair_is_told_at_the_name_that_comes_first() -> None:
    said = vote(_course(step=np.full(20 * HOUR, 5.0)), voters=1)
    for name, count in (("A", 1), ("Z", 0)):
        data = replace(tag(name, np.linspace(0, 100, CELLS * CELL)), vote=said)
        assert len(of_shape(data, ("step",))) == count
    assert of_shape(_data(said), ("slope",)) == []
