"""Times as typed: what each form means, also on the days of 23 and 25 hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from iiotctl.errors import UsageError
from iiotctl.events import Event
from iiotctl.history.time import sitetime, times
from iiotctl.history.time.sitetime import SiteTime

BERLIN = SiteTime("Europe/Berlin", sitetime.shifts_of(["22:00", "06:00", "14:00"]))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def us(text: str) -> int:
    """µs of a time with its offset."""
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)


NOW = us("2026-11-25T10:30:15+01:00")  # a Wednesday


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*", "2026-11-25T10:30:15+01:00"),
        ("NOW", "2026-11-25T10:30:15+01:00"),
        ("*-8h", "2026-11-25T02:30:15+01:00"),
        ("* - 1h30min", "2026-11-25T09:00:15+01:00"),
        ("*+250ms", "2026-11-25T10:30:15.250+01:00"),
        ("*-1d12h", "2026-11-23T22:30:15+01:00"),
        ("*-1d+12h", "2026-11-24T22:30:15+01:00"),
        ("*-90M", "2026-11-25T09:00:15+01:00"),
        ("*-2mo", "2026-09-25T10:30:15+02:00"),
        ("*-1y", "2025-11-25T10:30:15+01:00"),
        ("*-1 week", "2026-11-18T10:30:15+01:00"),
        ("t", "2026-11-25T00:00+01:00"),
        ("T", "2026-11-25T00:00+01:00"),
        ("today", "2026-11-25T00:00+01:00"),
        ("y", "2026-11-24T00:00+01:00"),
        ("t+6h", "2026-11-25T06:00+01:00"),
        ("Y+6h30min", "2026-11-24T06:30+01:00"),
        ("t 6:00", "2026-11-25T06:00+01:00"),
        ("y 24:00", "2026-11-25T00:00+01:00"),
        ("wed", "2026-11-25T00:00+01:00"),
        ("Thursday", "2026-11-19T00:00+01:00"),
        ("mon 06:00", "2026-11-23T06:00+01:00"),
        ("sun+14h", "2026-11-22T14:00+01:00"),
        ("mon-1w", "2026-11-16T00:00+01:00"),
        ("06:00", "2026-11-25T06:00+01:00"),
        ("6:00:30.5", "2026-11-25T06:00:30.500+01:00"),
        ("1-sep-26 06:00", "2026-09-01T06:00+02:00"),
        ("1-SEP-2026", "2026-09-01T00:00+02:00"),
        ("1. Oktober 2026 06:00", "2026-10-01T06:00+02:00"),
        ("01.09.2026 06:00", "2026-09-01T06:00+02:00"),
        ("1.9.26", "2026-09-01T00:00+02:00"),
        ("2026-09-01", "2026-09-01T00:00+02:00"),
        ("2026-09-01 06:00", "2026-09-01T06:00+02:00"),
        ("2026-09-01t06:00:00,25", "2026-09-01T06:00:00.250+02:00"),
        ("2026-09-01T06:00Z", "2026-09-01T06:00+00:00"),
        ("2026-09-01T06:00:00-05:00", "2026-09-01T06:00-05:00"),
        ("2026-09-01 06:00 +0530", "2026-09-01T06:00+05:30"),
        ("20260901T060000Z", "2026-09-01T06:00+00:00"),
        ("2026-09-01+6h", "2026-09-01T06:00+02:00"),
        ("2026-09-01T06:00Z-1h", "2026-09-01T05:00+00:00"),
        ("31-jan-2026+1mo", "2026-02-28T00:00+01:00"),
        ("29-feb-2024+1y", "2025-02-28T00:00+01:00"),
        ("shift", "2026-11-25T06:00+01:00"),
        ("shift-1", "2026-11-24T22:00+01:00"),
        ("Shift - 3 + 30min", "2026-11-24T06:30+01:00"),
        ("shift+1", "2026-11-25T14:00+01:00"),
    ],
)
def test_what_a_text_means(text: str, expected: str) -> None:
    assert times.parse(text, NOW, option="--from", zone=BERLIN) == us(expected)


def test_without_a_site_a_time_without_offset_is_utc() -> None:
    assert times.parse("2026-09-01 06:00", NOW, option="--from") == us("2026-09-01T06:00Z")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", None),
        ("gestern", None),
        ("*-8", "`8` has no unit"),
        ("*8h", "behind `*` comes"),
        ("-8h", "needs what it is counted from"),
        ("*-8 parsecs", "`parsecs` is not a unit"),
        ("t-8x", "`x` is not a unit"),
        ("*-1.5d", "write hours"),
        ("2026-13-01", "month must be in 1..12"),
        ("31.11.2026", "no such day"),
        ("1-foo-26", "`foo` is not a month"),
        ("1795000000", "a number alone is no time"),
        ("99999999999", "a number alone is no time"),
        ("2026x", None),
        ("25:00", "no such time"),
        ("24:01", "no such time"),
        ("01/02/2026", "day and month cannot be told apart"),
        ("*-999999y", None),
        ("*-" + "9" * 400 + "h", None),
        ("shift-", None),
        ("2026-09-01 06:00 lunch", None),
        ("*\x00", None),
    ],
)
def test_what_is_no_time(text: str, told: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        times.parse(text, NOW, option="--from", zone=BERLIN)
    assert caught.value.slug == "bad-time"
    assert caught.value.where == "--from"
    assert "`" in str(caught.value.hint)
    assert (told or "") in (caught.value.cause or "")
    assert "isoformat" not in (caught.value.cause or "")


@pytest.mark.parametrize("text", ["1795000000", "1795000000000", "1795000000000000"])
def test_what_counts_from_1970_is_shown_as_it_is_to_be_written(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        times.parse(text, NOW, option="--from", zone=BERLIN)
    assert caught.value.hint == "if it counts from 1970, write `2026-11-18T11:06:40Z`"


@pytest.mark.parametrize(("german", "english"), [("Fr", "fri"), ("freitag 14:00", "fri 14:00"), ("so-1h", "sun-1h")])
def test_weekdays_in_german(german: str, english: str) -> None:
    asked, same = (times.parse(text, NOW, option="--from", zone=BERLIN) for text in (german, english))
    assert asked == same


def test_a_day_is_stepped_by_the_clock_and_an_hour_is_an_hour() -> None:
    after_spring, after_autumn = us("2026-03-29T12:00+02:00"), us("2026-10-25T12:00+01:00")

    def at(text: str, now: int) -> int:
        return times.parse(text, now, option="--from", zone=BERLIN)

    assert after_spring - at("*-1d", after_spring) == 23 * 3600 * 10**6
    assert after_spring - at("*-24h", after_spring) == 24 * 3600 * 10**6
    assert after_autumn - at("*-1d", after_autumn) == 25 * 3600 * 10**6
    assert at("t+1d", after_spring) == us("2026-03-30T00:00+02:00")
    assert at("t+24h", after_spring) == us("2026-03-30T01:00+02:00")
    assert at("t+6h", after_spring) == us("2026-03-29T07:00+02:00")  # six hours after midnight, as a stopwatch has it
    assert at("t 06:00", after_spring) == us("2026-03-29T06:00+02:00")


def test_a_time_that_the_clock_jumps_over() -> None:
    with pytest.raises(UsageError) as caught:
        times.parse("2026-03-29 02:30", NOW, option="--to", zone=BERLIN)
    error = caught.value
    assert error.what == "`2026-03-29 02:30` does not exist in Europe/Berlin"
    assert error.cause == "the clock is put forward: after 01:59:59 (+01:00) comes 03:00:00 (+02:00)"
    assert "'2026-03-29 03:00:00'" in str(error.hint)
    assert "'2026-03-29 01:59:59'" in str(error.hint)


def test_a_time_that_occurs_twice() -> None:
    told: list[Event] = []
    found = times.parse("2026-10-25 02:30", NOW, option="--from", zone=BERLIN, notice=told.append)
    assert found == us("2026-10-25T02:30+02:00")
    assert [event.slug for event in told] == ["time-twice"]
    assert "2026-10-25T02:30:00+01:00" in told[0].text
    told.clear()
    second = times.parse("2026-10-25T02:30+01:00", NOW, option="--from", zone=BERLIN, notice=told.append)
    assert (second - found, told) == (3600 * 10**6, [])


def test_half_an_hour_of_lord_howe() -> None:
    island = SiteTime("Australia/Lord_Howe")
    assert times.parse("2026-04-05 12:00-1d", NOW, option="--from", zone=island) == us("2026-04-04T12:00+11:00")
    with pytest.raises(UsageError) as caught:
        times.parse("2026-10-04 02:15", NOW, option="--from", zone=island)
    assert "comes 02:30:00 (+11:00)" in str(caught.value.cause)


def test_a_day_whose_midnight_does_not_exist() -> None:
    cairo = SiteTime("Africa/Cairo")
    noon = us("2026-04-24T12:00+03:00")
    assert times.parse("t", noon, option="--from", zone=cairo) == us("2026-04-24T01:00+03:00")


def test_shifts_need_the_site_to_know_them() -> None:
    with pytest.raises(UsageError) as caught:
        times.parse("shift", NOW, option="--from")
    assert "shifts = [" in str(caught.value.hint)


def test_shifts_over_midnight_and_in_the_night_of_the_change() -> None:
    night = us("2026-10-25T03:00+01:00")
    assert BERLIN.shift(night) == us("2026-10-24T22:00+02:00")
    assert BERLIN.shift(night, 1) - BERLIN.shift(night) == 9 * 3600 * 10**6
    assert BERLIN.shift(us("2026-10-25T06:00+01:00") - 1) == us("2026-10-24T22:00+02:00")
    assert BERLIN.shift(us("2026-10-25T06:00+01:00")) == us("2026-10-25T06:00+01:00")


def test_ranges() -> None:
    assert times.parse_range(None, None, NOW) == times.Range()
    assert times.parse_range("t", "*", NOW, zone=BERLIN) == times.Range(us("2026-11-25T00:00+01:00"), NOW)
    assert times.parse_range("*", "t", NOW, zone=BERLIN) == times.Range(
        us("2026-11-25T00:00+01:00"), NOW, descending=True
    )
    with pytest.raises(UsageError) as caught:
        times.parse_range("*", "now", NOW)
    assert caught.value.slug == "empty-range"


@pytest.mark.parametrize(
    ("name", "meant"),
    [("Europe/Berln", "Europe/Berlin"), ("berlin", "Europe/Berlin"), ("New York", "America/New_York")],
)
def test_a_zone_that_was_misspelled(name: str, meant: str) -> None:
    with pytest.raises(UsageError) as caught:
        sitetime.named(name)
    assert meant in str(caught.value.hint)


@pytest.mark.parametrize("name", ["", "Mars", "/etc/passwd", "../UTC", "Europe", "a\x00b"])
def test_what_is_no_zone(name: str) -> None:
    with pytest.raises(UsageError):
        sitetime.named(name)
