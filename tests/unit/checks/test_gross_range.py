"""Gross range: span, limits, and the size of what the baseline saw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from iiotctl.checks.base import Judged, Skipped, Unjudged
from iiotctl.checks.features.columns import HOUR, MINUTE
from iiotctl.checks.sensors.gross_range import CHECK
from iiotctl.checks.tagdata import State
from iiotctl.findings import Ne107, Severity
from tests.unit.checks.valuetags import Floats, measured, place, seen, spells, verdict


def set_to(level: float, *, at: float = 15.0, hours: float = 1.0) -> Floats:
    value = measured()
    value[place(at) : place(at + hours)] = level
    return value


@pytest.mark.parametrize(("level", "key"), [(118.0, None), (120.0, "span-high"), (-25.0, None), (-27.0, "span-low")])
def test_what_no_current_gives(level: float, key: str | None) -> None:
    found = spells(CHECK, seen(set_to(level), span=(0.0, 100.0), unit="bar"))
    assert [one.key for one in found] == ([key] if key else [])
    for one in found:
        assert (one.severity, one.ne107) == (Severity.MEDIUM, Ne107.FAILURE)
        assert one.end is not None
        assert abs(one.start - 15 * HOUR) <= MINUTE
        assert abs(one.end - 16 * HOUR) <= MINUTE


def test_limits_by_their_weight() -> None:
    found = spells(CHECK, seen(set_to(90.0), limits={"low": 10.0, "high": 70.0, "high_high": 80.0}))
    assert {one.key: one.severity for one in found} == {"high": Severity.LOW, "high_high": Severity.MEDIUM}
    assert all(one.second_cause for one in found)


def test_limits_are_not_judged_at_rest_but_the_span_is() -> None:
    data = seen(set_to(-40.0), limits={"low": 10.0}, span=(0.0, 100.0))
    off = replace(data, state=np.full(len(data.state), State.OFF, np.uint8))
    assert [one.key for one in spells(CHECK, off)] == ["span-low"]


def test_without_declarations_only_another_size_is_told() -> None:
    assert spells(CHECK, seen(set_to(300.0))) == []
    assert [one.severity for one in spells(CHECK, seen(set_to(700.0)))] == [Severity.MEDIUM]
    assert spells(CHECK, seen(set_to(700.0, at=3.0))) == []  # it was learnt


def test_what_still_is_outside_is_open() -> None:
    assert [one.end for one in spells(CHECK, seen(set_to(500.0, at=20.0, hours=4.0), span=(0.0, 100.0)))] == [None]


def test_what_cannot_be_judged() -> None:
    flat = np.full(place(24), 5.0)
    assert isinstance(verdict(CHECK, seen(flat)), Unjudged)
    assert isinstance(verdict(CHECK, replace(seen(measured()), baseline=None)), Unjudged)
    assert verdict(CHECK, replace(seen(flat, span=(0.0, 10.0)), baseline=None)) == Judged()
    assert isinstance(verdict(CHECK, seen(measured(), kind="counter")), Skipped)
