"""Intervals: fixed ones count from the start, those of the calendar follow the clock on the wall."""

from __future__ import annotations

import numpy as np
import pytest

from iiotctl.errors import UsageError
from iiotctl.history.time import sitetime
from iiotctl.history.time.intervals import Intervals, intervals
from iiotctl.history.time.sitetime import SiteTime
from tests.unit.history.test_times import BERLIN, us

HOUR = 3600 * 10**6


def hours(found: Intervals) -> list[float]:
    return [float(length) for length in (found.ends - found.starts) / HOUR]


def test_fixed_intervals_begin_at_the_start() -> None:
    start = us("2026-11-25T10:07:30Z")
    found = intervals(start, start + HOUR, "25min")
    assert ((found.starts - start) // 60_000_000).tolist() == [0, 25, 50]
    assert found.partial.tolist() == [False, False, True]
    assert found.ends[-1] == start + HOUR


def test_backwards_they_begin_at_the_later_end() -> None:
    start = us("2026-11-25T10:00Z")
    found = intervals(start, start + HOUR, "25min", descending=True)
    assert ((found.ends - start) // 60_000_000).tolist() == [60, 35, 10]
    assert ((found.starts - start) // 60_000_000).tolist() == [35, 10, 0]
    assert found.partial.tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("zone", "start", "end", "lengths"),
    [
        ("Europe/Berlin", "2026-03-28T00:00+01:00", "2026-03-31T00:00+02:00", [24, 23, 24]),
        ("Europe/Berlin", "2026-10-24T00:00+02:00", "2026-10-27T00:00+01:00", [24, 25, 24]),
        ("America/New_York", "2026-11-01T00:00-04:00", "2026-11-03T00:00-05:00", [25, 24]),
        ("Australia/Lord_Howe", "2026-04-05T00:00+11:00", "2026-04-07T00:00+10:30", [24.5, 24]),
        ("Australia/Lord_Howe", "2026-10-04T00:00+10:30", "2026-10-06T00:00+11:00", [23.5, 24]),
        ("Asia/Kolkata", "2026-03-28T00:00+05:30", "2026-03-30T00:00+05:30", [24, 24]),
    ],
)
def test_days(zone: str, start: str, end: str, lengths: list[float]) -> None:
    found = intervals(us(start), us(end), "1d", SiteTime(zone))
    assert hours(found) == lengths
    assert not found.partial.any()


def test_24_hours_are_no_day() -> None:
    found = intervals(us("2026-03-28T00:00+01:00"), us("2026-03-31T00:00+02:00"), "24h", BERLIN)
    assert hours(found) == [24, 24, 23]
    assert found.partial.tolist() == [False, False, True]


def test_the_range_cuts_the_first_and_the_last_day() -> None:
    start, end = us("2026-11-20T06:00+01:00"), us("2026-11-22T18:00+01:00")
    found = intervals(start, end, "1d", BERLIN)
    assert hours(found) == [18, 24, 18]
    assert found.partial.tolist() == [True, False, True]
    back = intervals(start, end, "1d", BERLIN, descending=True)
    assert back.starts.tolist() == found.starts.tolist()[::-1]
    assert intervals(start, start + HOUR, "1d", BERLIN).partial.tolist() == [True]


@pytest.mark.parametrize(
    ("every", "first", "second"),
    [
        ("1w", "2026-11-23T00:00+01:00", "2026-11-30T00:00+01:00"),
        ("1mo", "2026-11-01T00:00+01:00", "2026-12-01T00:00+01:00"),
        ("3mo", "2026-10-01T00:00+02:00", "2027-01-01T00:00+01:00"),
        ("1y", "2026-01-01T00:00+01:00", "2027-01-01T00:00+01:00"),
        ("shift", "2026-11-25T06:00+01:00", "2026-11-25T14:00+01:00"),
    ],
)
def test_units_of_the_calendar(every: str, first: str, second: str) -> None:
    found = intervals(us(first), us(second) + 1, every, BERLIN)
    assert found.starts.tolist() == [us(first), us(second)]
    assert found.partial.tolist() == [False, True]
    inside = intervals(us(second) - 1, us(second) + 1, every, BERLIN)
    assert inside.ends.tolist() == [us(second), us(second) + 1]


def test_shifts_on_the_nights_of_the_change() -> None:
    spring = intervals(us("2026-03-28T06:00+01:00"), us("2026-03-29T06:00+02:00"), "shift", BERLIN)
    assert hours(spring) == [8, 8, 7]
    autumn = intervals(us("2026-10-24T06:00+02:00"), us("2026-10-25T06:00+01:00"), "shift", BERLIN)
    assert hours(autumn) == [8, 8, 9]
    one = SiteTime("Europe/Berlin", sitetime.shifts_of(["07:00"]))
    assert hours(intervals(us("2026-10-24T07:00+02:00"), us("2026-10-25T07:00+01:00"), "shift", one)) == [25]


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"])
@pytest.mark.parametrize("every", ["1d", "1w", "1mo", "shift"])
def test_a_year_has_no_holes(name: str, every: str) -> None:
    zone = SiteTime(name, sitetime.shifts_of(["00:00", "02:30", "12:00"]))
    start, end = us("2026-01-01T03:00Z"), us("2027-01-01T03:00Z")
    found = intervals(start, end, every, zone)
    assert (found.starts[0], found.ends[-1]) == (start, end)
    assert np.array_equal(found.starts[1:], found.ends[:-1])
    assert (found.ends > found.starts).all()


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("", "bad-interval"),
        ("0s", "bad-interval"),
        ("0d", "bad-interval"),
        ("15", "bad-interval"),
        ("-1h", "bad-interval"),
        ("1d12h", "bad-interval"),
        ("1.5d", "bad-interval"),
        ("0.1us", "bad-interval"),
        ("fortnight", "bad-interval"),
        ("9" * 400 + "h", "bad-interval"),
        ("1us", "too-many-intervals"),
    ],
)
def test_what_is_no_interval(text: str, slug: str) -> None:
    with pytest.raises(UsageError) as caught:
        intervals(0, HOUR, text, BERLIN)
    assert caught.value.slug == slug
    assert caught.value.where == "--every"


def test_shifts_that_nobody_knows() -> None:
    with pytest.raises(UsageError) as caught:
        intervals(0, HOUR, "shift")
    assert caught.value.slug == "no-shifts"
