"""What status codes say, and when a check of them speaks up."""

from __future__ import annotations

import numpy as np
import pytest

from iiotctl import quality
from iiotctl.checks.base import Judged, Spell
from iiotctl.checks.features.columns import HOUR, MINUTE, SECOND
from iiotctl.checks.sensors.bad_quality import Params, judge
from iiotctl.checks.statuscodes import said
from iiotctl.findings import Ne107, Severity
from tests.unit.checks.sensors_times import LENGTH, regular, seen

BAD = quality.BAD_SENSOR_FAILURE


def spells(*parts: tuple[int, int, int], code: int = BAD, every: float = 1.0) -> list[Spell]:
    """Parts (from, to, every so many rows) get a code."""
    clock = regular(every=every)
    codes = np.zeros(len(clock), np.uint32)
    for start, end, each in parts:
        codes[np.flatnonzero((clock >= start) & (clock < end))[::each]] = code
    value = np.where(codes >= quality.BAD, np.nan, 1.0)
    verdict = judge(seen(clock, value, codes), Params())
    assert isinstance(verdict, Judged)
    return list(verdict.spells)


@pytest.mark.parametrize(
    ("code", "grade", "ne107", "severity"),
    [
        (BAD, 3, Ne107.FAILURE, Severity.HIGH),
        (BAD | 0x480, 3, Ne107.FAILURE, Severity.HIGH),
        (0x80FF0000, 3, Ne107.FAILURE, Severity.MEDIUM),
        (quality.CODES["BadOutOfService"], 3, Ne107.CHECK, Severity.MEDIUM),
        (quality.CODES["UncertainSimulatedValue"], 2, Ne107.CHECK, Severity.MEDIUM),
        (quality.CODES["UncertainEngineeringUnitsExceeded"], 2, Ne107.SPECIFICATION, Severity.MEDIUM),
        (quality.CODES["UncertainSensorCalibration"], 2, Ne107.MAINTENANCE, Severity.MEDIUM),
        (quality.CODES["GoodLocalOverride"], 1, Ne107.CHECK, Severity.LOW),
        (quality.GOOD_CLAMPED, 1, Ne107.SPECIFICATION, Severity.INFO),
        (0x500, 1, Ne107.SPECIFICATION, Severity.INFO),
    ],
)
def test_a_code_says_state_and_weight(code: int, grade: int, ne107: Ne107, severity: Severity) -> None:
    what = said(code)
    assert (what.grade, what.ne107, what.severity) == (grade, ne107, severity)


@pytest.mark.parametrize("code", [0, 0x80, 0xC0, 0xD8, 0x480, 0x002D0000])
def test_nothing_to_tell(code: int) -> None:
    assert said(code).grade == (3 if code == 0x80 else 0)


@pytest.mark.parametrize(("code", "grade"), [(0x18, 3), (0x04, 3), (0x40, 2), (0x54, 2), (0xC0, 0)])
def test_qualities_of_opc_da(code: int, grade: int) -> None:
    assert said(code).grade == grade
    assert "OPC DA" in said(code).name


def test_limit_bits_are_told_with_the_code() -> None:
    assert said(BAD | 0x700).limit == "value constant"
    assert said(BAD | 0x300).limit == "", "without the info type they mean nothing"
    (found,) = spells((4 * HOUR, 5 * HOUR, 1), code=quality.CODES["UncertainSubNormal"] | 0x600)
    assert "high limit reached" in found.message


def test_a_stretch_begins_and_ends_where_its_rows_do() -> None:
    (found,) = spells((4 * HOUR + 20 * SECOND, 4 * HOUR + 50 * MINUTE + 35 * SECOND, 1))
    assert abs(found.start - (4 * HOUR + 20 * SECOND)) <= SECOND
    assert found.end is not None
    assert abs(found.end - (4 * HOUR + 50 * MINUTE + 35 * SECOND)) <= SECOND
    assert found.message == "status BadSensorFailure (the sensor failed) for 50 min"
    assert found.severity is Severity.HIGH


@pytest.mark.parametrize(
    ("end", "each", "severity"),
    [(30 * SECOND, 1, Severity.LOW), (3 * MINUTE, 1, Severity.MEDIUM), (3 * MINUTE, 90, Severity.LOW)],
)
def test_blips_are_low_and_what_lasts_is_more(end: int, each: int, severity: Severity) -> None:
    (found,) = spells((4 * HOUR, 4 * HOUR + end, each))
    assert found.severity is severity


def test_what_comes_again_and_again_is_one_stretch() -> None:
    (found,) = spells((4 * HOUR, 6 * HOUR, 300))
    assert " on 24 rows within 1 h 5" in found.message


def test_it_lasts_where_no_good_row_follows() -> None:
    (found,) = spells((8 * HOUR, LENGTH, 1))
    assert found.end is None


def test_stretches_as_in_the_baseline_are_low() -> None:
    known = [(MINUTE * at, MINUTE * (at + 2), 1) for at in (20, 80)]
    found = spells(*known, (4 * HOUR, 4 * HOUR + 3 * MINUTE, 1), (6 * HOUR, 7 * HOUR, 1))
    assert [one.severity for one in found] == [*[Severity.LOW] * 3, Severity.HIGH]


def test_beside_a_usual_share_only_the_excess_counts() -> None:
    (found,) = spells((0, LENGTH, 15), (6 * HOUR, 8 * HOUR, 1))
    assert abs(found.start - 6 * HOUR) < 20 * MINUTE
    assert found.end is not None
    assert abs(found.end - 8 * HOUR) < 20 * MINUTE


def test_every_row() -> None:
    (found,) = spells((0, LENGTH, 1))
    assert (found.start, found.end) == (0, None)


def test_other_codes_of_a_stretch_are_named() -> None:
    clock = regular()
    codes = np.zeros(len(clock), np.uint32)
    codes[20_000:22_000] = BAD
    codes[22_000:22_500] = quality.BAD_TIMEOUT
    verdict = judge(seen(clock, quality=codes), Params())
    assert isinstance(verdict, Judged)
    assert verdict.spells[0].message.endswith("; also BadTimeout")
