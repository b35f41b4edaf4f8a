"""Spikes: how wide, how many, and what only looks like one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from iiotctl.checks.base import Unjudged
from iiotctl.checks.features.columns import HOUR, MINUTE
from iiotctl.checks.sensors.spike import CHECK
from iiotctl.findings import Ne107, Severity
from tests.unit.checks.valuetags import measured, place, seen, spells, verdict


@pytest.mark.parametrize("width", [1, 2, 3])
def test_spikes_of_few_values_are_found(width: int) -> None:
    value = measured(every=1.0)
    for minute in (3, 9, 14, 22):
        first = place(15 + minute / 60, 1.0)
        value[first : first + width] += 6.0
    (found,) = spells(CHECK, seen(value, every=1.0, unit="bar"))
    assert found.severity is Severity.MEDIUM
    assert found.evidence["windows_with_spikes"] == 4
    assert found.message.startswith("4 spikes of up to ")
    assert abs(found.start - 15 * HOUR - 3 * MINUTE) <= MINUTE


def test_what_stays_for_a_minute_is_no_spike() -> None:
    value = measured(every=1.0)
    for minute in (3, 9, 14, 22):
        first = place(15 + minute / 60, 1.0)
        value[first : first + 40] += 6.0
    assert spells(CHECK, seen(value, every=1.0)) == []


def test_one_alone_is_low_and_many_are_a_failing_contact() -> None:
    value = measured()
    value[place(15)] += 9.0
    (found,) = spells(CHECK, seen(value))
    assert (found.severity, found.ne107) == (Severity.LOW, Ne107.MAINTENANCE)
    value[place(15) : place(15.5) : 18] += 9.0
    (found,) = spells(CHECK, seen(value))
    assert (found.severity, found.ne107) == (Severity.MEDIUM, Ne107.FAILURE)


def test_an_hour_between_makes_two() -> None:
    value = measured()
    value[[place(15), place(18)]] += 9.0
    assert len(spells(CHECK, seen(value))) == 2


@pytest.mark.parametrize("starts", [0, 2, 6])
def test_an_inrush_is_known_by_those_who_saw_several(starts: int) -> None:
    value = measured()
    for hour in [*range(1, 1 + starts), 15]:
        value[place(hour) : place(hour + 0.5)] = 0.0
        value[place(hour + 0.5)] += 200.0
    assert spells(CHECK, seen(value)) == []
    value[place(15.5)] += 2000.0
    assert len(spells(CHECK, seen(value))) == (1 if starts > 4 else 0)


def test_a_short_baseline_makes_it_low_at_most() -> None:
    value = measured()
    value[place(15) : place(15.5) : 18] += 30.0
    data = seen(value)
    data = replace(data, learning=data.features.times() < 6 * HOUR)
    found = spells(CHECK, data)
    assert [one.severity for one in found] == [Severity.LOW]


def test_what_cannot_be_judged() -> None:
    assert isinstance(verdict(CHECK, seen(np.full(place(24), 5.0))), Unjudged)
    assert isinstance(verdict(CHECK, replace(seen(measured()), baseline=None)), Unjudged)
