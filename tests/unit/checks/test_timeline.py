"""Holes and doubled stretches that belong together are one clock that was wrong; others are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from iiotctl.checks import timeline
from iiotctl.checks.base import Judged
from iiotctl.checks.features.columns import HOUR, MINUTE, SECOND
from iiotctl.checks.sensors import clock_skew, duplicate_timestamp, gap, out_of_order, stale
from iiotctl.checks.tagdata import Disorder, TagData
from iiotctl.findings import Severity
from tests.unit.checks.sensors_times import LENGTH, regular, seen, shifted

START, END = 4 * HOUR, 7 * HOUR
OTHERS = (gap.CHECK, duplicate_timestamp.CHECK, out_of_order.CHECK, stale.CHECK)


def others(data: TagData) -> list[str]:
    """What the other checks of times say above `low`."""
    found = []
    for check in OTHERS:
        verdict = check.judge(data, check.params())  # type: ignore[arg-type]
        assert isinstance(verdict, Judged)
        loud = [one for one in verdict.spells if (one.severity or check.severity).reaches(Severity.MEDIUM)]
        found += [f"{check.id}: {one.message}" for one in loud]
    return found


@pytest.mark.parametrize("by", [381.0, -381.0, 47.0, -47.0, 3600.0, -3600.0])
@pytest.mark.parametrize("ordered", [True, False], ids=["as it came", "sorted"])
@pytest.mark.parametrize("jitter", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("every", [1.0, 10.0])
def test_a_shifted_clock_is_found_whatever_is_left_of_it(by: float, ordered: bool, jitter: float, every: float) -> None:
    clock = regular(every=every, jitter=jitter, lost=0.0005)
    data = seen(shifted(clock, START, END, by), ordered=ordered)
    (found,) = timeline.shifts(data)
    assert found.seconds == pytest.approx(by, abs=3 * every + 0.02 * abs(by))
    assert abs(found.start - START) < 2 * MINUTE
    assert found.end is not None
    assert abs(found.end - END) < 2 * MINUTE
    assert others(data) == []


@pytest.mark.parametrize("by", [381.0, -381.0])
@pytest.mark.parametrize("ordered", [True, False], ids=["as it came", "sorted"])
def test_at_rest_the_doubled_rows_look_repeated(by: float, ordered: bool) -> None:
    clock = regular()
    data = seen(shifted(clock, START, END, by), np.zeros(len(clock)), ordered=ordered)
    (found,) = timeline.shifts(data)
    assert found.seconds == pytest.approx(by, abs=4)
    assert others(data) == []


def test_until_the_end_of_the_data() -> None:
    clock = regular(lost=0.0005)
    behind = seen(shifted(clock, START, LENGTH, -300.0))
    (found,) = timeline.shifts(behind)
    assert (found.end, round(found.seconds)) == (None, -300)
    assert others(behind) == []
    ahead = seen(shifted(clock, START, LENGTH, 300.0))
    assert timeline.shifts(ahead) == [], "a hole that nothing answers is a gap"
    assert len(others(ahead)) == 1


def test_two_shifts_of_one_tag() -> None:
    ts = shifted(shifted(regular(), 3 * HOUR, 4 * HOUR, 200.0), 6 * HOUR, 8 * HOUR, -90.0)
    found = timeline.shifts(seen(ts))
    assert [round(one.seconds) for one in found] == [200, -90]
    assert others(seen(ts)) == []


@pytest.mark.parametrize("jitter", [0.0, 0.02, 0.4])
def test_lost_rows_and_jitter_are_nothing(jitter: float) -> None:
    data = seen(regular(jitter=jitter, lost=0.0005))
    assert timeline.shifts(data) == []
    assert others(data) == []


def test_a_gap_beside_repeated_rows_stays_a_gap() -> None:
    clock = regular()
    again = clock[(clock >= 6 * HOUR) & (clock < 6 * HOUR + 12 * MINUTE)][::5]
    clock = clock[(clock < START) | (clock >= START + 11 * MINUTE)]
    value = np.random.default_rng(1).normal(50, 1, len(clock))
    at = np.searchsorted(clock, again, side="right")
    data = seen(np.insert(clock, at, again), np.insert(value, at, value[at - 1]))
    assert timeline.shifts(data) == []
    assert [text.split(":")[0] for text in others(data)] == ["gap", "duplicate-timestamp"]


def test_a_block_that_was_sent_again_is_no_clock() -> None:
    clock = regular()
    value = np.random.default_rng(1).normal(50, 1, len(clock))
    first, stop = np.searchsorted(clock, [5 * HOUR, 5 * HOUR + 20 * MINUTE])
    data = seen(np.insert(clock, stop, clock[first:stop]), np.insert(value, stop, value[first:stop]))
    assert timeline.shifts(data) == []
    assert [text.split(":")[0] for text in others(data)] == ["duplicate-timestamp"]


def test_a_file_of_blocks_in_another_order_is_no_clock() -> None:
    clock = regular()
    half = len(clock) // 2
    data = seen(np.concatenate([clock[half:], clock[:half]]))
    assert timeline.shifts(data) == []
    assert others(data) == []


def test_only_the_start_of_a_step_back_may_be_known() -> None:
    data = seen(shifted(regular(), START, END, 381.0))
    bare = [replace(one, end=one.start) if one.kind == "backward" else one for one in data.disorder]
    (found,) = timeline.shifts(replace(data, disorder=bare))
    assert found.overlap.end - found.overlap.start == pytest.approx(380 * SECOND, abs=2 * SECOND)


def test_many_steps_back_without_holes_are_a_habit() -> None:
    data = seen(regular())
    noted = [Disorder(at * HOUR, at * HOUR + 60 * SECOND, "backward", 1, 60.0) for at in range(1, 9)]
    noted += [Disorder(one.start, one.end, "conflicting", 60) for one in noted]
    assert timeline.shifts(replace(data, disorder=noted)) == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (3600, "time zone or daylight saving"),
        (-3540, "time zone or daylight saving"),
        (7200, "time zone"),
        (19_800, "time zone"),
        (20_700, "time zone"),
        (-1800, "time zone"),
        (600, ""),
        (4500, ""),
        (15 * 3600, ""),
        (0, ""),
    ],
)
def test_offsets_of_time_zones_are_named(seconds: float, text: str) -> None:
    assert clock_skew.zone_text(seconds) == text
