"""Gap, stale, order, arrival: what is told, how loud, and what is normal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from iiotctl.checks.base import Judged, Spell, Unjudged
from iiotctl.checks.baseline.model import ALL_BANDS, ALL_STATES
from iiotctl.checks.features.columns import HOUR, MINUTE, SECOND
from iiotctl.checks.sensors import clock_skew, duplicate_timestamp, gap, out_of_order, stale
from iiotctl.checks.tagdata import Hole, TagData, TagInfo
from iiotctl.findings import Severity
from tests.unit.checks.sensors_times import LENGTH, regular, seen, shifted

CHECKS = {one.CHECK.id: one.CHECK for one in (gap, stale, duplicate_timestamp, out_of_order, clock_skew)}


def spells(id_: str, data: TagData) -> list[Spell]:
    check = CHECKS[id_]
    verdict = check.judge(data, check.params())
    assert isinstance(verdict, Judged)
    return list(verdict.spells)


def without(start: int, end: int, every: float = 1.0) -> TagData:
    clock = regular(every=every, lost=0.0005)
    return seen(clock[(clock < start) | (clock >= end)])


@pytest.mark.parametrize("every", [1.0, 10.0])
@pytest.mark.parametrize("length", [90 * SECOND, 20 * MINUTE, 2 * HOUR])
def test_a_gap_is_exact_to_an_interval(every: float, length: int) -> None:
    start = 5 * HOUR + 17 * SECOND
    (found,) = spells("gap", without(start, start + length, every))
    assert found.end is not None
    slack = (2 * every + (60 if length < 2 * MINUTE else 0)) * SECOND
    assert abs(found.start - start) <= slack
    assert abs(found.end - start - length) <= slack


def test_a_gap_as_in_the_baseline_is_low() -> None:
    clock = regular()
    for start, length in ((5 * HOUR, 20 * MINUTE), (7 * HOUR, HOUR)):
        clock = clock[(clock < start) | (clock >= start + length)]
    data = seen(clock)
    assert data.baseline is not None
    key = ("apart", ALL_STATES, ALL_BANDS)
    had = np.append(data.baseline.table[key][:-1], 15 * 60.0)
    known = replace(data, baseline=replace(data.baseline, table={**data.baseline.table, key: had}))
    assert [one.severity for one in spells("gap", known)] == [Severity.LOW, None]


@pytest.mark.parametrize(
    ("reason", "severity", "words"),
    [
        ("shutdown", Severity.INFO, "stopped on purpose"),
        ("overflow", None, "overflowed"),
        ("solar-flare", None, "solar-flare"),
    ],
)
def test_a_recorded_reason_is_the_cause(reason: str, severity: Severity | None, words: str) -> None:
    data = replace(
        without(5 * HOUR, 6 * HOUR),
        holes=[Hole(5 * HOUR, 6 * HOUR, reason), Hole(6 * HOUR - SECOND, None, "restart")],
    )
    (found,) = spells("gap", data)
    assert found.severity is severity
    assert words in found.message


def test_a_hole_of_an_hour_may_be_daylight_saving() -> None:
    assert "daylight" in spells("gap", without(5 * HOUR, 6 * HOUR))[0].second_cause
    assert not spells("gap", without(5 * HOUR, 6 * HOUR + 5 * MINUTE))[0].second_cause


def test_rows_on_change_are_silent_by_nature() -> None:
    rng = np.random.default_rng(4)
    clock = np.cumsum(rng.exponential(60, 500) * SECOND).astype(np.int64)
    clock = clock[(clock < 5 * HOUR) | (clock > 5 * HOUR + 30 * MINUTE)]
    data = seen(clock[clock < LENGTH])
    assert [one for one in spells("gap", data) if one.severity is not Severity.LOW] == []
    beat = replace(data, info=TagInfo("T", mode="exception", heartbeat=300.0))
    assert [round((one.end or 0) - one.start) >= 30 * MINUTE for one in spells("gap", beat)] == [True]


@pytest.mark.parametrize("moment", [LENGTH + 30 * SECOND, LENGTH + 3 * HOUR])
def test_stopped_is_judged_against_now(moment: int) -> None:
    found = spells("stale", seen(regular(), now=moment))
    assert [one.end for one in found] == ([None] if moment > LENGTH + MINUTE else [])


def test_stopped_on_purpose_is_info() -> None:
    data = replace(seen(regular(), now=LENGTH + HOUR), holes=[Hole(LENGTH, None, "shutdown")])
    assert [one.severity for one in spells("stale", data)] == [Severity.INFO]


@pytest.mark.parametrize("by", [40.0, -40.0])
def test_by_arrival_a_shift_needs_no_order(by: float) -> None:
    clock = regular()
    arrived = clock + 2 * SECOND
    data = seen(shifted(clock, 4 * HOUR, 6 * HOUR, by), received=arrived, ordered=False)
    (found,) = spells("clock-skew", data)
    assert found.statistic == pytest.approx(by, abs=2)
    assert abs(found.start - 4 * HOUR) <= 2 * MINUTE
    assert found.end is not None
    assert abs(found.end - 6 * HOUR) <= 2 * MINUTE


def test_a_backlog_that_is_sent_at_once_is_no_clock() -> None:
    clock = regular()
    late = (clock >= 5 * HOUR) & (clock < 5 * HOUR + 30 * MINUTE)
    arrived = np.where(late, 5 * HOUR + 30 * MINUTE, clock) + SECOND
    assert spells("clock-skew", seen(clock, received=arrived)) == []


def test_an_old_value_that_is_sent_first_is_no_clock() -> None:
    clock = np.concatenate([[MINUTE], regular()[7 * 3600 :]])
    arrived = np.where(clock == MINUTE, 7 * HOUR, clock + SECOND)
    assert spells("clock-skew", seen(clock, received=arrived)) == []


@pytest.mark.parametrize("hours", [1.0, -1.0, 5.5, -8.0])
def test_local_time_instead_of_utc(hours: float) -> None:
    clock = regular(every=10.0)
    (found,) = spells("clock-skew", seen(clock, received=clock - round(hours * HOUR) + SECOND))
    assert (found.key, found.end) == ("zone", None)
    assert found.statistic == pytest.approx(hours * 3600, abs=2)
    assert "time zone" in found.message


def test_rows_in_the_future() -> None:
    data = seen(regular(), now=LENGTH - 2 * HOUR)
    (found,) = spells("clock-skew", data)
    assert (found.key, found.end) == ("future", None)
    assert "2 h in the future" in found.message


def test_repeats_as_in_the_baseline_are_nothing() -> None:
    clock = np.repeat(regular(), np.where(np.arange(LENGTH // SECOND) % 100 == 0, 2, 1))
    assert spells("duplicate-timestamp", seen(clock, np.zeros(len(clock)))) == []


def test_rows_of_one_time_that_were_stored_count_too() -> None:
    data = seen(regular())
    twice = data.features["twice"].copy()
    twice[300:305] = 3
    columns = {**data.features.columns, "twice": twice}
    data = replace(data, features=replace(data.features, columns=columns))
    (found,) = spells("duplicate-timestamp", data)
    assert found.message == "15 rows have the time of another row, within 5 min"


def test_outside_of_what_is_judged_nothing_is_said() -> None:
    clock = regular()
    ts = np.insert(clock, 20_000, clock[19_900:19_960])
    data = seen(ts[(ts < 7 * HOUR) | (ts > 8 * HOUR)], np.zeros(len(ts))[: len(ts[(ts < 7 * HOUR) | (ts > 8 * HOUR)])])
    assert [len(spells(id_, data)) for id_ in ("gap", "duplicate-timestamp")] == [1, 1]
    blind = replace(data, judged=data.features.times() < 3 * HOUR)
    assert [spells(id_, blind) for id_ in CHECKS] == [[]] * len(CHECKS)


def test_too_little_is_said_to_be_so() -> None:
    one = seen(np.array([HOUR]))
    for id_ in ("gap", "stale"):
        assert isinstance(CHECKS[id_].judge(one, CHECKS[id_].params()), Unjudged)


def test_times_cut_to_seconds_share_one_now_and_then() -> None:
    at = regular(every=1.003)
    clock = at // SECOND * SECOND
    fast = np.insert(clock, 10_000, clock[10_000])
    cut = np.sort(np.append(fast, clock[9_000:20_000:400]))
    assert [one.severity for one in spells("duplicate-timestamp", seen(cut))] == [Severity.LOW]


def test_a_gap_of_few_rows_is_low() -> None:
    found = [spells("gap", without(5 * HOUR, 5 * HOUR + 10 * length * SECOND, every=10.0)) for length in (8, 14)]
    assert [[one.severity for one in each] for each in found] == [[Severity.LOW], [None]]
