"""Loss of resolution: what is coarse, for how long, and what only looks like it."""

from __future__ import annotations

import numpy as np
import pytest

from iiotctl.checks.base import Unjudged
from iiotctl.checks.features.columns import HOUR
from iiotctl.checks.sensors.quantisation import CHECK
from iiotctl.findings import Severity
from tests.unit.checks.valuetags import Floats, measured, place, seen, spells, verdict


def coarse(step: float, first: float, last: float) -> Floats:
    """A healthy value of steps of 0.01 that is rounded between two hours."""
    value = measured()
    at = slice(place(first), place(last))
    value[at] = np.round(np.round(value[at] / step) * step, 9)
    return value


@pytest.mark.parametrize(
    ("step", "severity"),
    [(0.01, None), (0.02, None), (0.03, Severity.LOW), (0.05, Severity.MEDIUM), (1.0, Severity.MEDIUM)],
)
def test_steps_are_told_by_how_coarse_they_are(step: float, severity: Severity | None) -> None:
    found = spells(CHECK, seen(coarse(step, 14, 20), unit="bar"))
    assert [one.severity for one in found] == [severity] * (severity is not None)
    for one in found:
        assert one.statistic == pytest.approx(step, rel=0.01)
        assert abs(one.start - 14 * HOUR) <= HOUR / 10
        assert one.end is not None
        assert abs(one.end - 20 * HOUR) <= HOUR / 10
        assert "usually 0.01 bar" in one.message


def test_half_an_hour_of_coarse_steps_may_be_chance() -> None:
    assert spells(CHECK, seen(coarse(1.0, 14, 14.5))) == []


def test_a_tag_that_never_moved_has_no_resolution() -> None:
    value = measured()
    value[: place(12)] = 4.0
    found = verdict(CHECK, seen(value))
    assert isinstance(found, Unjudged)
    assert "moved too little" in found.reason
