"""Drift between calibrations: rates, dates and how sure they are."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiotctl.checks.base import Judged, Spell, Unjudged
from iiotctl.checks.features.columns import DAY
from iiotctl.checks.sensors.calibration_drift import Params, judge
from iiotctl.checks.tagdata import Calibration, TagData
from iiotctl.findings import Confidence, Severity
from tests.unit.checks.faketags import START, tag

YEAR = 365.25


def _data(*records: tuple[float, float | None, float | None], tolerance: float = 1.0, **facts: object) -> TagData:
    """Records as (days before, as found, as left)."""
    kept = tuple(Calibration(START - round(ago * DAY), found, left, tolerance) for ago, found, left in records)
    data = tag("PT1", windows=10, unit="bar", calibrations=kept, **facts)
    return replace(data, now=START)


def _spells(data: TagData, params: Params | None = None) -> tuple[Spell, ...]:
    verdict = judge(data, params or Params())
    assert isinstance(verdict, Judged)
    return verdict.spells


def test_the_rate_goes_from_as_left_to_the_next_as_found() -> None:
    (one,) = _spells(_data((3 * YEAR, None, -0.2), (2 * YEAR, 0.4, 0.0)))
    # 0.6 bar a year, from 0.0: used up 1 / 0.6 years behind the last calibration
    assert one.key == "due"
    assert one.evidence["drift_per_year"] == pytest.approx(0.6)
    assert (START - one.start) / DAY == pytest.approx(2 * YEAR - YEAR / 0.6, abs=1)
    assert one.statistic == pytest.approx(1.2)
    assert (one.severity, one.confidence) == (Severity.MEDIUM, Confidence.LOW)


def test_falling_errors_reach_the_lower_tolerance() -> None:
    (one,) = _spells(_data((3 * YEAR, 0.0, 0.3), (2 * YEAR, -0.4, -0.4)))
    assert one.evidence["drift_per_year"] == pytest.approx(-0.7)
    assert (START - one.start) / DAY == pytest.approx(2 * YEAR - 0.6 / 0.7 * YEAR, abs=1)


def test_three_rates_of_one_sign_make_it_sure() -> None:
    records = [(ago * YEAR, 0.5, 0.0) for ago in (5, 4, 3, 2.5)]
    assert _spells(_data(*records[:3]))[0].confidence is Confidence.MEDIUM
    assert _spells(_data(*records))[0].confidence is Confidence.HIGH


def test_rates_of_different_signs_are_doubtful() -> None:
    (one,) = _spells(_data((6 * YEAR, 0.0, 0.0), (5 * YEAR, -0.1, 0.0), (4 * YEAR, 0.5, 0.0), (3 * YEAR, 0.6, 0.0)))
    assert (one.severity, one.confidence) == (Severity.LOW, Confidence.LOW)


def test_it_is_told_so_many_days_ahead() -> None:
    data = _data((2 * YEAR, 0.0, 0.0), (YEAR, 0.9, 0.0))  # used up 0.11 years from now
    (one,) = _spells(data)
    assert one.severity is Severity.LOW
    assert one.evidence["days_until_tolerance"] == pytest.approx(YEAR / 9, abs=0.1)
    assert one.action.startswith("calibrate it before 2026-04-1")
    assert _spells(data, Params(ahead=30)) == ()


def test_found_far_beyond_is_high_and_the_doubt_begins_at_the_crossing() -> None:
    (one,) = _spells(_data((YEAR, 0.0, 0.0), (10, 2.0, 0.0)))
    assert (one.key, one.severity) == ("found", Severity.HIGH)
    assert (START - one.start) / DAY == pytest.approx((YEAR + 10) / 2, abs=1)
    assert one.end == START - 10 * DAY
    assert "calibrate it every 5 months" in one.action


def test_left_beyond_its_tolerance_is_still_so() -> None:
    (one,) = _spells(_data((10, 0.5, 1.2)))
    assert one.end is None
    assert one.message == "the calibration of 2026-02-20 left it off by +1.2 bar: its tolerance is 1 bar"


def test_a_record_in_percent_without_a_span_is_named() -> None:
    data = _data((10, 0.5, 0.0))
    record = replace(data.info.calibrations[0], unit="%", where="c.csv:7")
    verdict = judge(replace(data, info=replace(data.info, calibrations=(record,))), Params())
    assert verdict == Unjudged("c.csv:7 is in % of its span, which is not known")


def test_a_tag_without_unit_takes_that_of_its_records_if_they_agree() -> None:
    bar, psi = (Calibration(START - ago * DAY, 2.0, 0.0, 1.0, unit) for ago, unit in ((700, "psi"), (10, "bar")))
    data = tag("PT1", windows=10)
    (one,) = _spells(replace(data, info=replace(data.info, calibrations=(psi,))))
    assert one.unit == "bar"
    verdict = judge(replace(data, info=replace(data.info, calibrations=(bar, psi))), Params())
    assert isinstance(verdict, Unjudged)
    assert "in `psi`, another record in `bar`" in verdict.reason


_ERRORS = st.none() | st.floats(-1e12, 1e12)


@given(
    st.lists(st.tuples(st.integers(0, 20_000), _ERRORS, _ERRORS), min_size=1, max_size=8, unique_by=lambda row: row[0]),
    st.floats(1e-9, 1e9),
)
def test_any_records_are_judged(rows: list[tuple[int, float | None, float | None]], tolerance: float) -> None:
    data = _data(*sorted(rows, key=lambda row: -row[0]), tolerance=tolerance)
    for one in _spells(data):
        assert one.end is None or one.end >= one.start
        assert math.isfinite(one.statistic)
        assert one.message
