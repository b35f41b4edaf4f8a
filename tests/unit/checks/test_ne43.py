"""NE 43: with a declared span and without, how long, and what only looks like it."""

from __future__ import annotations

import numpy as np
import pytest

from iiotctl.checks.base import Judged, Skipped, Unjudged
from iiotctl.checks.features.columns import HOUR, MINUTE
from iiotctl.checks.sensors.ne43 import CHECK
from iiotctl.findings import Confidence, Ne107, Severity
from tests.unit.checks.valuetags import Floats, measured, place, seen, spells, verdict

UNCERTAIN = 0x40940000


def broken(level: float, minutes: float, *, at: float = 15.25, every: float = 1.0) -> Floats:
    value = measured(every=every, lsb=0.003617)
    value[place(at, every) : place(at + minutes / 60, every)] = level
    return value


@pytest.mark.parametrize("minutes", [1, 3, 10, 240])
@pytest.mark.parametrize("at", [15.25, 15.258])
def test_a_wire_break_without_a_span(minutes: float, at: float) -> None:
    (found,) = spells(CHECK, seen(broken(-3.125, minutes, at=at), every=1.0, unit="bar"))
    assert "consistent with 3.5 mA of 0 … 100 bar: wire break" in found.message
    assert found.end is not None
    assert abs(found.start - at * HOUR) <= MINUTE
    assert abs(found.end - at * HOUR - minutes * MINUTE) <= 2 * MINUTE
    assert found.key == "low"


def test_a_short_baseline_makes_it_low_and_a_status_does_not_change_that() -> None:
    quality = np.zeros(place(24, 1.0), np.uint32)
    quality[place(15.25, 1.0) : place(15.3, 1.0)] = UNCERTAIN
    (found,) = spells(CHECK, seen(broken(-3.125, 3), every=1.0, quality=quality))
    assert (found.severity, found.evidence["status_uncertain"]) == (Severity.LOW, True)


@pytest.mark.parametrize(
    ("level", "severity", "words", "ne107"),
    [
        (-3.125, Severity.MEDIUM, "3.5 mA, -3.1 % of 0 … 100 bar: wire break", Ne107.FAILURE),
        (107.0, Severity.MEDIUM, "21.1 mA, 107.0 % of 0 … 100 bar: short", Ne107.FAILURE),
        (104.0, Severity.LOW, "saturated", Ne107.SPECIFICATION),
        (-2.0, Severity.LOW, "saturated", Ne107.SPECIFICATION),
    ],
)
def test_bands_of_a_declared_span(level: float, severity: Severity, words: str, ne107: Ne107) -> None:
    (found,) = spells(CHECK, seen(broken(level, 3), every=1.0, unit="bar", span=(0.0, 100.0)))
    assert (found.severity, found.ne107) == (severity, ne107)
    assert words in found.message


def test_a_declared_span_needs_no_baseline() -> None:
    (found,) = spells(CHECK, seen(broken(-3.125, 3, at=2.0), every=1.0, span=(0.0, 100.0)))
    assert abs(found.start - 2 * HOUR) <= MINUTE


def test_a_glimpse_is_a_spike() -> None:
    value = broken(-3.125, 0.2)
    for data in (seen(value, every=1.0), seen(value, every=1.0, span=(0.0, 100.0))):
        assert verdict(CHECK, data) == Judged()


def test_what_fits_nothing_is_low_for_two_hours_at_most() -> None:
    assert [one.severity for one in spells(CHECK, seen(broken(-4.4, 30), every=1.0))] == [Severity.LOW]
    assert [one.confidence for one in spells(CHECK, seen(broken(-4.4, 30), every=1.0))] == [Confidence.LOW]
    assert spells(CHECK, seen(broken(-4.4, 180), every=1.0)) == []


def test_a_way_in_several_steps_is_no_jump() -> None:
    value = broken(-3.125, 30, every=10.0)
    first = place(15.25)
    value[first - 6 : first] = np.linspace(45, 2, 6)
    assert spells(CHECK, seen(value)) == []


def test_a_level_above_zero_is_a_machine_that_stopped() -> None:
    assert spells(CHECK, seen(broken(3.1, 30), every=1.0)) == []


def test_what_cannot_be_judged() -> None:
    clamped = verdict(CHECK, seen(measured(), span=(0.0, 100.0)))
    assert isinstance(clamped, Unjudged)
    assert "clamped" in clamped.reason
    assert isinstance(verdict(CHECK, seen(np.full(place(24), 5.0))), Unjudged)
    assert isinstance(verdict(CHECK, seen(measured(), kind="setpoint")), Skipped)
