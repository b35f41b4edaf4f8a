"""CounterDelta by hand: each kind of fall, the borders, and what the status says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from iiotctl import quality
from iiotctl.history.aggregates.base import Configuration, Outcome
from iiotctl.history.aggregates.counter import counter_delta
from iiotctl.history.aggregates.frame import Frame
from iiotctl.history.series import Series

Reading = tuple[int, float] | tuple[int, float, int]
GOOD, UNSURE, NOTHING = "Good", "UncertainDataSubNormal", "BadNoData"


def delta(
    readings: Sequence[Reading],
    borders: Sequence[int],
    *,
    rollover: float | None = None,
    stepped: bool = False,
    backward: bool = False,
    configuration: Configuration | None = None,
) -> Outcome:
    ts = np.array([reading[0] for reading in readings], np.int64) * 1_000_000
    codes = np.array([reading[2] if len(reading) > 2 else quality.GOOD for reading in readings], np.uint32)
    low = np.array(borders[:-1], np.int64) * 1_000_000
    high = np.array(borders[1:], np.int64) * 1_000_000
    frame = Frame.of(
        Series("meter", ts, np.array([reading[1] for reading in readings], float), codes),
        low,
        high,
        backward=backward,
        stepped=stepped,
        configuration=configuration,
        rollover=rollover,
    )
    return counter_delta(frame)


def row(found: Outcome) -> tuple[list[float], list[str]]:
    return found.value.tolist(), [quality.name(int(code) & 0xFFFF0000) for code in found.quality]


def faults(found: Outcome) -> tuple[int, int, int]:
    """Roll-overs, resets, glitches over all intervals."""
    rollovers, resets, glitches = (int(counts.sum()) for counts in found.extra)
    return rollovers, resets, glitches


def at_ten(*values: float) -> list[Reading]:
    """Readings every 10 s from 0 s on."""
    return [(10 * place, value) for place, value in enumerate(values)]


def test_borders_lie_on_the_line_between_readings_and_nothing_is_lost_between_intervals() -> None:
    # 100 at 0 s, 110 at 10, 130 at 20, 160 at 30: at 5 s 105, at 15 s 120, at 25 s 145
    found = delta(at_ten(100, 110, 130, 160), [5, 15, 25])
    assert row(found) == ([15.0, 25.0], [GOOD, GOOD])
    assert row(delta(at_ten(100, 110, 130, 160), [5, 25])) == ([40.0], [GOOD])


def test_a_stepped_counter_counts_when_it_changes() -> None:
    # at 5 s still 100, at 15 s 110, at 25 s 130
    assert row(delta(at_ten(100, 110, 130, 160), [5, 15, 25], stepped=True)) == ([10.0, 20.0], [GOOD, GOOD])


def test_roll_over_where_it_was_said() -> None:
    # 65530, then 4: 6 to the end and 4 from zero
    found = delta(at_ten(65520, 65530, 4, 14), [0, 30], rollover=65536)
    assert (row(found), faults(found)) == (([30.0], [GOOD]), (1, 0, 0))


def test_the_same_fall_is_a_reset_where_no_roll_over_was_said() -> None:
    # 10 up to 65530, 4 since the reset, 10 more; what was counted between 65530 and the reset is not known
    found = delta(at_ten(65520, 65530, 4, 14), [0, 30])
    assert (row(found), faults(found)) == (([24.0], [UNSURE]), (0, 1, 0))


def test_a_reset_far_from_the_end_is_no_roll_over() -> None:
    found = delta(at_ten(700, 720, 5, 15), [0, 30], rollover=1000)
    assert (row(found), faults(found)) == (([35.0], [UNSURE]), (0, 1, 0))


def test_a_roll_over_across_a_long_pause_is_one_but_unsure() -> None:
    # from 800 to 300 of 1000: more than half the range down and not near zero
    found = delta(at_ten(790, 800, 290, 300), [0, 30], rollover=1000)
    assert (row(found), faults(found)) == (([510.0], [UNSURE]), (1, 0, 0))


def test_a_single_lower_reading_is_left_out() -> None:
    found = delta(at_ten(100, 110, 0, 130, 140), [0, 40])
    assert (row(found), faults(found)) == (([40.0], [UNSURE]), (0, 0, 1))


def test_a_slightly_lower_reading_is_left_out() -> None:
    found = delta(at_ten(1000, 1010, 1008, 1030), [0, 30])
    assert (row(found), faults(found)) == (([30.0], [UNSURE]), (0, 0, 1))


def test_three_zeros_in_a_row_are_one_glitch() -> None:
    found = delta(at_ten(100, 110, 0, 0, 0, 150, 160), [0, 60])
    assert (row(found), faults(found)) == (([60.0], [UNSURE]), (0, 0, 1))


def test_a_single_higher_reading_is_left_out() -> None:
    found = delta(at_ten(100, 110, 9000, 130, 140), [0, 40])
    assert (row(found), faults(found)) == (([40.0], [UNSURE]), (0, 0, 1))


def test_a_spike_of_a_young_counter_is_no_reset() -> None:
    found = delta(at_ten(2, 3, 65535, 4, 5), [0, 40])
    assert (row(found), faults(found)) == (([3.0], [UNSURE]), (0, 0, 1))


def test_a_batch_counter_that_is_emptied_each_time_is_reset_and_has_no_spikes() -> None:
    # 0 to 50, emptied, 3, 48, emptied, 2, 51: 50 + 3 + 45 + 2 + 49
    found = delta(at_ten(0, 50, 3, 48, 2, 51), [0, 50])
    assert (row(found), faults(found)) == (([149.0], [UNSURE]), (0, 2, 0))


def test_a_meter_exchanged_for_one_that_stands_elsewhere_counts_nothing_for_the_step() -> None:
    # 10 before, 20 after; 500 to 300 is neither near zero nor a roll-over
    found = delta(at_ten(490, 500, 300, 310, 320), [0, 40])
    assert (row(found), faults(found)) == (([30.0], [UNSURE]), (0, 1, 0))


def test_only_the_intervals_that_a_judgement_touches_are_uncertain() -> None:
    found = delta(at_ten(100, 110, 120, 3, 13, 23, 33), [0, 20, 40, 60])
    assert row(found) == ([20.0, 13.0, 20.0], [GOOD, UNSURE, GOOD])
    assert [counts.tolist() for counts in found.extra] == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]


def test_a_fall_seen_on_a_border_happened_before_it() -> None:
    # 110 at 10 s, reset, 5 at 20 s: somewhere between 10 s and 20 s
    found = delta(at_ten(100, 110, 5, 15), [0, 20, 30])
    assert row(found) == ([15.0, 10.0], [UNSURE, GOOD])
    assert found.extra[1].tolist() == [1, 0]


def test_counting_goes_on_while_readings_are_bad() -> None:
    readings: list[Reading] = [(0, 100), (10, np.nan, quality.BAD_TIMEOUT), (20, 140), (30, 150)]
    # 100 to 140 in 20 s; the border at 10 s lies on that line
    assert row(delta(readings, [0, 10, 20, 30])) == ([20.0, 20.0, 10.0], [UNSURE, UNSURE, GOOD])


@pytest.mark.parametrize(("as_bad", "expected"), [(True, 30.0), (False, 30.0)])
def test_uncertain_readings_make_it_uncertain(as_bad: bool, expected: float) -> None:
    readings: list[Reading] = [(0, 100), (10, 112, quality.UNCERTAIN), (20, 130)]
    found = delta(readings, [0, 20], configuration=Configuration(treat_uncertain_as_bad=as_bad))
    assert row(found) == ([expected], [UNSURE])


def test_where_data_begin_and_end() -> None:
    # readings from 10 s to 30 s: nothing before and behind, and what is known of the intervals between
    found = delta([(10, 5), (20, 7), (30, 10)], [-10, 5, 15, 25, 35, 45])
    assert row(found)[1] == [NOTHING, UNSURE, GOOD, UNSURE, NOTHING]
    assert found.value[1:4].tolist() == [1.0, 2.5, 1.5]
    assert (found.quality & 4 > 0).tolist() == [False, True, False, True, False]  # Partial


def test_no_readings_at_all() -> None:
    found = delta([(0, np.nan, quality.BAD), (10, np.nan, quality.BAD)], [0, 5])
    assert row(found)[1] == [NOTHING]
    assert faults(found) == (0, 0, 0)


def test_backwards_in_time_the_same_is_counted() -> None:
    found = delta(at_ten(100, 110, 5, 15), [0, 20, 30], backward=True)
    assert row(found) == ([15.0, 10.0], [UNSURE, GOOD])
    assert found.extra[1].tolist() == [1, 0]
