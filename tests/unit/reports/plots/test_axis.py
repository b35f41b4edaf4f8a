"""Marks of axes: round values, and times that are round on the plant's clock."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from iiotctl.reports.plots import axis

BERLIN = ZoneInfo("Europe/Berlin")


def us(text: str, zone: ZoneInfo = BERLIN) -> int:
    moment = datetime.fromisoformat(text)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() * 1e6)


def texts(start: str, end: str, most: int = 9, zone: ZoneInfo = BERLIN) -> list[str]:
    return [
        tick.text + (f" {tick.day}" if tick.day else "") for tick in axis.time_ticks(us(start), us(end), zone, most)
    ]


@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [
        (
            "2026-11-20T22:10",
            "2026-11-21T06:10",
            "23:00 2026-11-20|00:00 2026-11-21|01:00|02:00|03:00|04:00|05:00|06:00",
        ),
        # 02:00 to 03:00 does not exist, then it exists twice
        ("2026-03-29T01:00", "2026-03-29T04:00", "01:00 2026-03-29|01:15|01:30|01:45|03:00|03:15|03:30|03:45|04:00"),
        ("2026-10-25T01:30", "2026-10-25T03:30", "01:30 2026-10-25|02:00|02:30|02:00|02:30|03:00|03:30"),
        ("2026-10-25", "2026-10-26", "00:00 2026-10-25|03:00|06:00|09:00|12:00|15:00|18:00|21:00|00:00 2026-10-26"),
        ("2026-03-29", "2026-03-30", "00:00 2026-03-29|03:00|06:00|09:00|12:00|15:00|18:00|21:00|00:00 2026-03-30"),
        ("2026-10-28", "2026-11-17", "11-01 2026|11-06|11-11|11-16"),
        ("2026-11-01T10:00:00", "2026-11-01T10:00:01", "00.000 2026-11-01|00.200|00.400|00.600|00.800|01.000"),
        ("2025-11-01", "2026-11-02", "2025-11|2026-01|2026-03|2026-05|2026-07|2026-09|2026-11"),
        ("1996-01-01", "2026-01-01", "2000|2005|2010|2015|2020|2025"),
    ],
)
def test_times(start: str, end: str, shown: str) -> None:
    assert "|".join(texts(start, end)) == shown


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"])
@pytest.mark.parametrize("hours", [0.01, 1, 8, 30, 24 * 9, 24 * 40, 24 * 400, 24 * 4000])
def test_times_lie_inside_rise_and_are_few(zone: str, hours: float) -> None:
    start = us("2026-03-27T11:07:31", ZoneInfo(zone))
    end = start + round(hours * 3.6e9)
    at = [tick.at for tick in axis.time_ticks(start, end, ZoneInfo(zone), 10)]
    assert 2 <= len(at) <= 13
    assert start <= at[0]
    assert at[-1] <= end
    assert at == sorted(set(at))


def test_offsets_change_at_the_second() -> None:
    found = axis.offsets(us("2026-01-01"), us("2026-12-31"), BERLIN)
    assert found[1:] == [(us("2026-03-29T01:00+00:00"), 7200), (us("2026-10-25T01:00+00:00"), 3600)]


@pytest.mark.parametrize(
    ("start", "end", "zone", "text"),
    [
        ("2026-11-21T06:00", "2026-11-21T14:00", BERLIN, "2026-11-21 06:00 to 14:00 Europe/Berlin (UTC+01:00)"),
        (
            "2026-10-24T06:00",
            "2026-10-25T06:00:05",
            BERLIN,
            "2026-10-24 06:00:00 to 2026-10-25 06:00:05 Europe/Berlin (UTC+02:00 to UTC+01:00)",
        ),
        ("2026-11-21T06:00", "2026-11-21T14:00", UTC, "2026-11-21 05:00 to 13:00 UTC"),
    ],
)
def test_range_in_words(start: str, end: str, zone: ZoneInfo, text: str) -> None:
    assert axis.span_text(us(start), us(end), zone) == text


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [
        (0, 1, "0.00 0.25 0.50 0.75 1.00"),
        (-3.2, 97, "0 20 40 60 80"),
        (99.99, 100.01, "99.990 99.995 100.000 100.005 100.010"),
        (-1e12, 1e12, "-1000000000000 -500000000000 0 500000000000 1000000000000"),
        (-2e15, 2e15, "-2e+15 -1e+15 0 1e+15 2e+15"),
        (0.9e16, 1e16, "9.00e+15 9.25e+15 9.50e+15 9.75e+15 1.000e+16"),
        (0, 1e-9, "0 2.5e-10 5.0e-10 7.5e-10 1.00e-09"),
        (1e9, 1e9 + 6e-6, "1000000000.000000 1000000000.000002 1000000000.000004 1000000000.000006"),
        (12345675, 12345740, "12345680 12345700 12345720 12345740"),
        (-0.2, 0.2, "-0.2 -0.1 0.0 0.1 0.2"),
    ],
)
def test_round_values(low: float, high: float, shown: str) -> None:
    assert " ".join(text for _, text in axis.value_ticks(low, high, 5)) == shown


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (-1.7e308, 1.7e308), (0.0, 5e-324), (0.0, 3e-322)])
def test_hopeless_ranges_end_quietly(low: float, high: float) -> None:
    assert len(axis.value_ticks(low, high, 5)) <= 5


@pytest.mark.parametrize("low", [1.0, 1e9, -1e15, 1e300])
def test_no_two_marks_are_the_same_double(low: float) -> None:
    found = axis.value_ticks(low, low + 3 * math.ulp(low), 5)
    assert found
    assert len({value for value, _ in found}) == len({text for _, text in found}) == len(found)
