"""Flat line: what is held, for how long, and how sure that is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from iiotctl.checks.base import Skipped, Unjudged
from iiotctl.checks.features.columns import HOUR, MINUTE
from iiotctl.checks.sensors.flat_line import CHECK
from iiotctl.checks.tagdata import State
from iiotctl.findings import Severity
from tests.unit.checks.valuetags import measured, place, rows, seen, spells, verdict


@pytest.mark.parametrize("minutes", [5, 15, 60, 240])
def test_a_held_value_of_more_than_ten_minutes_is_found(minutes: int) -> None:
    value = measured()
    value[place(15) : place(15 + minutes / 60)] = value[place(15)]
    found = spells(CHECK, seen(value, unit="bar"))
    assert [one.severity for one in found] == ([Severity.MEDIUM] if minutes > 10 else [])
    for one in found:
        assert abs(one.start - 15 * HOUR) <= MINUTE
        assert one.end is not None
        assert abs(one.end - 15 * HOUR - minutes * MINUTE) <= MINUTE
        assert f"held {value[place(15)]:.4g} bar for" in one.message


def test_a_step_between_two_held_values_makes_two() -> None:
    value = measured()
    value[place(15) : place(16)] = 50.0
    value[place(16) : place(17)] = 53.0
    assert [one.evidence["level"] for one in spells(CHECK, seen(value))] == [50.0, 53.0]


def test_a_coarse_tag_needs_a_clear_excess() -> None:
    t = rows()
    value = np.round(60 + 3 * np.sin(2 * np.pi * t / 43_200), 1)
    usual = spells(CHECK, seen(value))
    assert usual == []
    held = value.copy()
    held[place(14) : place(18)] = held[place(14)]
    (found,) = spells(CHECK, seen(held))
    assert found.severity is Severity.LOW
    assert "never for more than" in found.message
    held[place(14) : place(23)] = held[place(14)]
    assert [one.severity for one in spells(CHECK, seen(held))] == [Severity.MEDIUM]


def test_a_level_at_which_it_rests_in_the_baseline_is_none() -> None:
    value = measured()
    for hour in (3, 8, 15):
        value[place(hour) : place(hour + 2)] = 12.5
    assert spells(CHECK, seen(value)) == []


def test_rest_of_the_unit_is_not_learnt_as_its_longest_stretch() -> None:
    value = measured()
    value[place(3) : place(5)] = 20.0
    value[place(15) : place(16)] = 50.0
    data = seen(value)
    state = data.state.copy()
    state[180:300] = State.OFF
    (found,) = spells(CHECK, replace(data, state=state))
    assert found.limit == CHECK.params().least


def test_what_cannot_be_judged() -> None:
    assert isinstance(verdict(CHECK, seen(np.full(len(rows()), 5.0))), Unjudged)
    assert isinstance(verdict(CHECK, replace(seen(measured()), baseline=None)), Unjudged)
    assert isinstance(verdict(CHECK, seen(measured(), deadband=0.5)), Unjudged)
    assert isinstance(verdict(CHECK, seen(measured(), kind="counter")), Skipped)
