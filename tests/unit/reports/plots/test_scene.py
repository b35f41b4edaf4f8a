"""Panels, stretches of line and quality: what a drawing must not hide, whatever draws it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from iiotctl import quality
from iiotctl.reports.plots import scene
from iiotctl.reports.plots.scene import Mark
from tests.unit.reports.plots.traces import END, GAP, HOUR, START, full, pressure, state, trace, trend

NAN = float("nan")
S = 1_000_000


def lines(*args: object, **more: object) -> list[list[tuple[int, float]]]:
    found = scene.stretches(trace(*args, **more))
    return [[(int(at), float(v)) for at, v in zip(ts, value, strict=True)] for ts, value in found]


def test_same_unit_shares_a_panel_and_states_stand_alone() -> None:
    first, second = scene.panels(full())
    assert [place for place, _ in first.traces] == [0, 1]
    assert (first.unit, second.unit) == ("bar", "")
    assert second.states == {0.0: "stopped", 1.0: "running", 2.0: "fault"}
    assert first.low < 40  # both limits and the spike
    assert first.high > 205


def test_a_far_limit_does_not_flatten_the_line() -> None:
    (panel,) = scene.panels(trend(trace([START, END], [10, 11], high=5000.0, low=9.5)))
    assert panel.high < 12
    assert panel.low < 9.5


@pytest.mark.parametrize(("values", "low", "high"), [([5, 5], 4.75, 5.25), ([0, 0], -1, 1), ([NAN], -0.05, 1.05)])
def test_a_flat_line_has_room(values: list[float], low: float, high: float) -> None:
    (panel,) = scene.panels(trend(trace(list(range(len(values))), values)))
    assert (panel.low, panel.high) == pytest.approx((low, high))


def test_a_value_no_axis_can_hold_leaves_the_others_visible() -> None:
    (panel,) = scene.panels(trend(trace([1, 2, 3], [1, 1.7e308, 2])))
    assert panel.high < 3


def test_no_line_across_a_bad_sample_or_a_gap() -> None:
    bad = [0, 0, quality.BAD, 0, 0]
    assert lines([1, 2, 3, 4, 5], [1, 2, 3, 4, 5], bad) == [[(1, 1), (2, 2)], [(4, 4), (5, 5)]]
    assert lines([1, 2, 3, 4, 5], [1, 2, NAN, 4, 5]) == [[(1, 1), (2, 2)], [(4, 4), (5, 5)]]
    # a gap between two Good samples, without a sample of its own
    assert lines([10, 20, 30], [1, 2, 3], gaps=((22, 28, "x"),)) == [[(10, 1), (20, 2)], [(30, 3)]]
    assert lines([10, 20, 30], [1, 2, 3], gaps=((20, 28, "x"),)) == [[(10, 1), (20, 2)], [(30, 3)]]
    assert lines([10, 20, 30], [1, 2, 3], gaps=((2, 8, "x"), (40, 50, "y"))) == [[(10, 1), (20, 2), (30, 3)]]
    assert lines([], []) == []


def test_uncertain_is_drawn() -> None:
    assert lines([1, 2], [1, 2], [0, quality.UNCERTAIN]) == [[(1, 1), (2, 2)]]


def test_a_step_holds_until_the_hole_begins() -> None:
    assert lines([1, 3], [1, 2], stepped=True) == [[(1, 1), (3, 1), (3, 2)]]
    assert lines([1, 3, 9], [1, 2, NAN], stepped=True) == [[(1, 1), (3, 1), (3, 2), (9, 2), (9, 2)]]
    assert lines([1, 3, 9], [1, 2, 5], stepped=True, gaps=((4, 8, "x"),)) == [
        [(1, 1), (3, 1), (3, 2), (4, 2), (4, 2)],
        [(9, 5)],
    ]


def test_lines_are_cut_at_the_range() -> None:
    ts, value = np.array([0, 10, 20]), np.array([0.0, 10.0, 20.0])
    cut = scene.clipped(ts, value, 5, 15)
    assert [part.tolist() for part in cut] == [[5, 10, 15], [5.0, 10.0, 15.0]]
    within = scene.clipped(ts, value, 12, 13)
    assert [part.tolist() for part in within] == [[12, 13], [12.0, 13.0]]
    assert scene.clipped(ts, value, 21, 30)[0].size == 0
    assert scene.clipped(ts, value, -9, -1)[0].size == 0
    assert scene.clipped(ts, value, 0, 20)[0].tolist() == [0, 10, 20]


def test_thinning_keeps_the_extremes_of_each_part() -> None:
    ts = np.arange(100_000)
    value = np.sin(ts / 3e3)
    value[54_321] = 9.0
    value[777] = -9.0
    few_ts, few = scene.thinned(ts, value, 0, 100_000, 100)
    assert few.size <= 400
    assert {9.0, -9.0} <= set(few.tolist())
    assert (np.diff(few_ts) > 0).all()
    assert (few_ts[0], few_ts[-1]) == (0, 99_999)


def test_cells_show_the_worst() -> None:
    row = scene.cells(pressure(), START, END, 96)  # five minutes a cell
    assert row[24:30] == [Mark.GAP] * 6
    assert row[50:52] == [Mark.UNCERTAIN] * 2
    assert row[66] is Mark.BAD
    assert row.count(Mark.GOOD) == 96 - 6 - 2 - 1


def test_one_bad_sample_among_many_is_a_cell() -> None:
    status = np.zeros(10_000, np.uint32)
    status[5_000] = quality.BAD
    row = scene.cells(trace(np.arange(10_000) * S, np.ones(10_000), status), 0, 10_000 * S, 10)
    assert row == [Mark.GOOD] * 5 + [Mark.BAD] + [Mark.GOOD] * 4


def test_before_and_after_the_samples_nothing_is_known() -> None:
    row = scene.cells(trace([20, 60], [1, 1]), 0, 100, 10)
    assert row == [Mark.NOTHING] * 2 + [Mark.GOOD] * 5 + [Mark.NOTHING] * 3
    held = scene.cells(trace([20 * S, 60 * S], [1, 1], period=20.0), 0, 100 * S, 10)
    assert held == [Mark.NOTHING] * 2 + [Mark.GOOD] * 6 + [Mark.NOTHING] * 2
    assert scene.cells(trace([], [], gaps=((0, 50, "x"),)), 0, 100, 4) == [Mark.GAP] * 2 + [Mark.NOTHING] * 2


def test_strips_join_equal_cells() -> None:
    found = scene.strips(trace([20, 60], [1, 1], gaps=((35, 48, "x"),)), 0, 100, 10)
    assert found == [(20, 30, Mark.GOOD), (30, 50, Mark.GAP), (50, 70, Mark.GOOD)]


def test_figures_count_time_not_samples() -> None:
    found = scene.figures(pressure(), START, END)
    assert (found.low, found.high) == pytest.approx((111.0, 205.0), abs=1)
    minutes = 480 - 30 - 10 - 1
    assert found.good_percent == pytest.approx(100 * minutes / 480)
    assert scene.figures(trace([], []), 0, 10).last is None


def test_figures_leave_neighbours_outside_the_range_out() -> None:
    found = scene.figures(trace([-5, 5, 15], [100, 1, 200]), 0, 10)
    assert (found.low, found.high, found.last, found.last_ts) == (1, 1, 1, 5)


def test_texts_break_the_line_and_are_no_good_numbers() -> None:
    mixed = replace(
        trace([0, 10, 20, 30, 40, 50], [1, 2, NAN, NAN, 5, NAN], [0, 0, 0, 0, 0, quality.BAD]),
        texts=2,
        text=np.array([None, None, "on", "off", None, None], dtype=object),
    )
    assert [line[0].tolist() for line in scene.stretches(mixed)] == [[0, 10], [40]]
    found = scene.figures(mixed, 0, 60)
    assert (found.low, found.high, found.last, found.last_ts) == (1, 5, 5.0, 40)
    assert found.good_percent == pytest.approx(50)
    assert scene.samples_text(mixed) == "6 (2 texts)"
    assert scene.figures(mixed, 0, 40).last == "off"
    assert scene.words(mixed, scene.figures(mixed, 0, 40)) == ("1", "2", "off")
    only = replace(trace([0], [NAN]), texts=1, text=np.array(["x\x1b"], dtype=object))
    assert scene.words(only, scene.figures(only, 0, 10)) == ("", "", "x\\x1b")


def test_gaps_of_one_source_stand_once() -> None:
    one, two = trace([], [], gaps=(GAP,)), trace([], [], gaps=(GAP, (END - HOUR, END + HOUR, "restart")))
    assert scene.gap_list(trend(one, two)) == [(*GAP, "AB"), (END - HOUR, END, "restart", "B")]


def test_values_of_states_have_words() -> None:
    assert scene.worded(state(), 2.0) == "fault"
    assert scene.worded(state(), 7.0) == "7"
    assert scene.worded(pressure(), 1.23456789) == "1.23457"
    assert scene.worded(pressure(), None) == ""
