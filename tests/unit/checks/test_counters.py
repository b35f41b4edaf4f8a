"""Counters: back, reset, rolled over, read wrongly, stopped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from iiotctl.checks.base import Skipped, Unjudged
from iiotctl.checks.features.columns import HOUR, MINUTE
from iiotctl.checks.sensors import counter_backwards, counter_stopped
from iiotctl.checks.tagdata import TagData
from iiotctl.findings import Severity
from tests.unit.checks.valuetags import Floats, measured, place, rows, seen, spells, verdict

BACK, STOPPED = counter_backwards.CHECK, counter_stopped.CHECK


def counted(begin: float = 1000.0, rate: float = 60.0) -> Floats:
    """A totaliser: so much an hour."""
    found: Floats = np.round(begin + rate * rows() / 3600, 1)
    return found


def keys(data: TagData) -> list[tuple[str, Severity | None]]:
    return [(one.key, one.severity) for one in spells(BACK, data)]


@pytest.mark.parametrize("at", [15.0, 15.008])
def test_a_smaller_reading_from_then_on(at: float) -> None:
    value = counted()
    value[place(at) :] -= 100.0
    (found,) = spells(BACK, seen(value, unit="m3"))
    assert (found.key, found.severity) == ("back", Severity.MEDIUM)
    assert found.message.startswith("went back by 99.")
    assert abs(found.start - round(at * HOUR)) <= MINUTE


def test_begun_again_at_zero() -> None:
    value = counted()
    value[place(15) :] -= value[place(15)]
    assert keys(seen(value)) == [("reset", Severity.INFO)]


def test_who_is_reset_every_batch_is_so_by_nature() -> None:
    value = counted()
    for hour in (4, 8, 13, 18):
        value[place(hour) :] -= value[place(hour)]
    assert keys(seen(value, kind="counter")) == []


@pytest.mark.parametrize(("end", "facts"), [(65536.0, {}), (100000.0, {}), (5000.0, {"rollover": 5000.0})])
def test_a_register_begins_again_behind_its_end(end: float, facts: dict[str, float]) -> None:
    value = counted(end - 900.05) % end
    assert keys(replace_info(seen(value), **facts)) == []
    odd = counted(0.7 * end) % (0.7 * end + 900.05)
    assert [key for key, _ in keys(replace_info(seen(odd), **facts))] == ["reset"]


def replace_info(data: TagData, **facts: float) -> TagData:
    return replace(data, info=replace(data.info, kind="counter", **facts))  # type: ignore[arg-type]


@pytest.mark.parametrize("reading", [0.0, 20.0, 9999999.0])
@pytest.mark.parametrize("at", [15.0, 15.0 + 50 / 3600])
def test_one_wrong_reading(reading: float, at: float) -> None:
    value = counted()
    value[place(at)] = reading
    assert keys(seen(value)) == [("reading", Severity.LOW)]


def test_what_floats_lose_is_no_step_back() -> None:
    value = counted()
    value[place(15)] -= 0.1
    assert keys(seen(value)) == []


@pytest.mark.parametrize(("hours", "severity"), [(0.5, None), (2.0, Severity.LOW), (8.0, Severity.MEDIUM)])
def test_stopped(hours: float, severity: Severity | None) -> None:
    value = counted()
    value[place(13) :] -= np.minimum(value[place(13) :] - value[place(13)], hours * 60)
    found = spells(STOPPED, seen(value, unit="m3"))
    assert [one.severity for one in found] == ([severity] if severity else [])
    for one in found:
        assert f"stood still at 1780 m3 for {hours:.0f} h" in one.message


def test_nights_of_the_baseline_are_known() -> None:
    value = counted()
    for hour in (3, 13):
        value[place(hour) :] -= np.minimum(value[place(hour) :] - value[place(hour)], 300)
    assert spells(STOPPED, seen(value, kind="counter")) == []


def test_other_tags_are_skipped() -> None:
    for check in (BACK, STOPPED):
        assert isinstance(verdict(check, seen(measured())), Skipped)
        assert isinstance(verdict(check, seen(np.full(place(24), np.nan), kind="counter")), Unjudged)
    assert isinstance(verdict(STOPPED, seen(counted(), deadband=1.0)), Unjudged)
