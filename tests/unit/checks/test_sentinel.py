"""Sentinels: known numbers, unknown ones that come again, and no number at all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from iiotctl.checks.base import Judged, Skipped
from iiotctl.checks.sensors.sentinel import CHECK
from iiotctl.findings import Confidence, Severity
from tests.unit.checks.valuetags import measured, place, seen, spells, verdict

KNOWN = [32767.0, -32768.0, 65535.0, 9999.0, -999.0, 2147483647.0, float(np.float32(3.4028234e38)), -1e38]


@pytest.mark.parametrize("number", KNOWN)
@pytest.mark.parametrize("rows", [1, 3, 40])
def test_known_numbers(number: float, rows: int) -> None:
    value = measured()
    value[place(15) : place(15) + rows] = number
    (found,) = spells(CHECK, seen(value))
    assert found.severity is (Severity.LOW if rows < 3 else Severity.MEDIUM)
    assert found.evidence["rows_at_value"] == rows
    assert found.confidence is Confidence.HIGH


def test_two_known_numbers_are_two_findings() -> None:
    value = measured()
    value[place(15) : place(15.1)] = 32767.0
    value[place(16) : place(16.1)] = -32768.0
    assert [one.key for one in spells(CHECK, seen(value))] == ["32767", "-32768"]


def test_a_known_number_within_what_is_usual_is_a_value() -> None:
    value = measured() + 940.0
    value[place(3) : place(4)] = value[place(15) : place(16)] = 999.0
    assert spells(CHECK, seen(value)) == []


@pytest.mark.parametrize("stays", [2, 3])
def test_an_unknown_number_must_come_again(stays: int) -> None:
    value = measured()
    for hour in (13, 15, 17)[:stays]:
        value[place(hour) : place(hour) + 5] = 444.4
    found = spells(CHECK, seen(value))
    assert [one.severity for one in found] == ([Severity.LOW] * stays if stays == 3 else [])


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_no_number_with_a_good_status(number: float) -> None:
    value = measured()
    value[place(15) : place(15) + 12] = number
    (found,) = spells(CHECK, seen(value))
    assert (found.key, found.statistic, found.severity) == ("no-number", 12.0, Severity.MEDIUM)


def test_no_number_as_usual_is_low() -> None:
    value = measured()
    value[::40] = np.nan
    found = spells(CHECK, seen(value))
    assert {one.severity for one in found} == {Severity.LOW}
    assert all("as in the baseline" in one.message for one in found)


def test_it_needs_no_baseline() -> None:
    value = measured()
    value[place(1) : place(1) + 5] = -32768.0
    assert [one.key for one in spells(CHECK, replace(seen(value), baseline=None))] == ["-32768"]


def test_kinds() -> None:
    value = np.arange(place(24)) * 10.0
    value[-30:] = 65535.0
    assert verdict(CHECK, seen(value, kind="counter")) == Judged()
    assert isinstance(verdict(CHECK, seen(measured(), text=True)), Skipped)
