"""Scenes of a plant, and the exact intervals that the ledger makes of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from iiotctl.capture.ledgerstate import LedgerTag
from iiotctl.samples import Gap, GapReason
from tests.unit.capture.scene import BAD, S, Scene


def test_a_source_that_fails_and_comes_back_is_one_gap() -> None:
    scene = Scene()
    scene.samples((0, 100), (1, 100), (2, 100))
    scene.failed(None, 101)
    scene.failed(None, 102)
    assert scene.gaps() == [(None, 100, None, "timeout")]
    assert scene.nulls == [("a", 101), ("b", 101), ("c", 101)]
    scene.samples((0, 110), (1, 110), (2, 110.02))
    assert scene.gaps() == [(None, 100, 110, "timeout")]


def test_one_tag_that_fails_costs_only_itself() -> None:
    scene = Scene()
    scene.samples((0, 100), (1, 100))
    scene.samples((0, 101))
    scene.failed("b", 101, GapReason.REFUSED)
    scene.samples((0, 102))
    scene.samples((0, 103), (1, 103))
    assert scene.gaps() == [("b", 100, 103, "refused")]
    assert scene.nulls == [("b", 101)]


def test_a_tag_never_read_is_missing_since_the_run_began() -> None:
    scene = Scene()
    scene.failed("a", 3)
    scene.failed(None, 4)
    assert [(tag, start) for tag, start, _, _ in scene.gaps()] == [(None, -0.000001)]


def test_a_second_failure_gets_its_own_null_row_and_gap() -> None:
    scene = Scene(tags="a")
    scene.samples((0, 100))
    scene.failed(None, 101)
    scene.samples((0, 105))
    scene.failed(None, 106)
    scene.samples((0, 109))
    assert scene.gaps() == [(None, 100, 105, "timeout"), (None, 105, 109, "timeout")]
    assert scene.nulls == [("a", 101), ("a", 106)]


def test_gaps_of_one_tag_never_overlap_when_tag_and_source_fail() -> None:
    scene = Scene()
    scene.samples((0, 100), (1, 100), (2, 100))
    scene.failed("b", 101, GapReason.REFUSED)
    scene.samples((0, 105), (2, 105))
    scene.failed(None, 106)
    scene.samples((0, 110), (2, 110))  # the source is back, b still fails
    scene.samples((0, 112), (1, 112), (2, 112))
    assert scene.gaps() == [
        ("b", 100, 105.000001, "refused"),
        (None, 105, 110, "timeout"),
        ("b", 109.999999, 112, "refused"),
    ]


def test_a_value_that_changed_meanwhile_cuts_the_gap_of_the_source() -> None:
    scene = Scene(exception=True)
    scene.samples((0, 100), (1, 100), (2, 100))
    scene.failed(None, 101, alive=101)
    # after reconnection: a is lively, b changed at 105 while we were away, c has not changed since 60
    scene.samples((0, 110), (1, 105), (2, 60), at=110.2)
    assert scene.gaps() == [("a", 100, 110, "timeout"), ("b", 100, 105, "timeout"), ("c", 100, 110, "timeout")]


def test_a_late_sample_cuts_a_gap_that_is_closed_already() -> None:
    scene = Scene(exception=True)
    scene.samples((0, 100), (1, 100), (2, 100))
    scene.failed(None, 101)
    scene.samples((0, 110), at=110)
    scene.samples((1, 104), at=110.1)
    scene.samples((1, 102), at=110.2)
    assert scene.gaps() == [("a", 100, 110, "timeout"), ("b", 100, 102, "timeout"), ("c", 100, 110, "timeout")]


def test_a_late_sample_of_a_polled_tag_leaves_both_sides() -> None:
    scene = Scene()
    scene.samples((0, 100))
    scene.failed("a", 101)
    scene.samples((0, 110))
    scene.samples((0, 105), at=111)
    assert scene.gaps() == [("a", 100, 105, "timeout"), ("a", 105, 110, "timeout")]


def test_bad_samples_do_not_cut() -> None:
    scene = Scene()
    scene.samples((0, 100))
    scene.failed("a", 101)
    scene.samples((0, 110))
    scene.samples((0, 105, float("nan"), BAD), at=111)
    assert scene.gaps() == [("a", 100, 110, "timeout")]


def test_unchanged_values_end_the_gap_when_they_are_received() -> None:
    scene = Scene(exception=True)
    scene.samples((0, 50), (1, 60), at=100)
    scene.failed(None, 101, alive=101)
    scene.samples((0, 50), (1, 60), at=110, stored=False)
    # silence of tags that report by exception means nothing: the gap begins when the source was heard last
    assert scene.gaps() == [(None, 100, 110, "timeout")]


def test_the_same_without_signs_of_life_begins_at_the_last_sample() -> None:
    scene = Scene()
    scene.samples((0, 59.5), (1, 60), at=100)
    scene.failed(None, 101)
    assert scene.gaps() == [(None, 60, None, "timeout")]


def test_a_tag_that_a_slow_scan_read_long_before_the_others_is_missing_since_then() -> None:
    scene = Scene()
    scene.samples((0, 50), (1, 60), at=100)
    scene.failed(None, 101)
    assert scene.gaps() == [("a", 50, 60.000001, "timeout"), (None, 60, None, "timeout")]


def test_a_source_never_heard_is_missing_since_the_run_began() -> None:
    for exception in (True, False):
        scene = Scene(exception=exception)
        scene.failed(None, 5)
        assert scene.gaps() == [(None, -0.000001, None, "timeout")]


def test_lost_samples_are_a_gap_between_stored_ones() -> None:
    scene = Scene()
    scene.samples((0, 100), (1, 100), (2, 100))
    scene.samples((0, 105), (1, 105), (2, 105))
    scene.lost(None, 101, 104)
    assert scene.gaps() == [(None, 100.999999, 104.000001, "overflow")]


def test_what_is_reported_lost_never_covers_a_stored_sample() -> None:
    scene = Scene()
    scene.samples((0, 100), (1, 100), (2, 100))
    scene.samples((1, 102))
    scene.lost(None, 101, 104)
    assert scene.gaps() == [
        ("a", 100.999999, 104.000001, "overflow"),
        ("b", 100.999999, 102, "overflow"),
        ("c", 100.999999, 104.000001, "overflow"),
        ("b", 102, 104.000001, "overflow"),
    ]


def test_lost_inside_a_gap_adds_nothing() -> None:
    scene = Scene()
    scene.samples((0, 100), (1, 100), (2, 100))
    scene.failed(None, 101)
    scene.lost(None, 102, 104)
    scene.lost("a", 102, 104)
    assert scene.gaps() == [(None, 100, None, "timeout")]


def test_dropping_goes_on_until_the_next_stored_sample() -> None:
    scene = Scene()
    scene.samples((0, 100), (1, 100))
    scene.note(scene.ledger.dropping("s", GapReason.DISK_FULL, 101 * S))
    scene.note(scene.ledger.dropping("s", GapReason.DISK_FULL, 102 * S))
    assert scene.nulls == []
    scene.samples((0, 107), (1, 107))
    assert scene.gaps() == [(None, 100, 107, "disk-full")]


def test_a_device_that_fails_while_the_disk_is_full_is_named_from_then_on() -> None:
    scene = Scene()
    scene.samples((0, 100), (1, 100), (2, 100))
    scene.note(scene.ledger.dropping("s", GapReason.DISK_FULL, 101 * S))
    scene.failed(None, 105)
    scene.note(scene.ledger.dropping("s", GapReason.DISK_FULL, 106 * S))
    scene.samples((0, 110), (1, 110), (2, 110))
    assert scene.gaps() == [(None, 100, 105, "disk-full"), (None, 104.999999, 110, "timeout")]


def test_a_clock_that_jumps_ahead_leaves_a_hole() -> None:
    scene = Scene()
    scene.samples((0, 100), (1, 100))
    scene.note(scene.ledger.stepped(3600 * S, 3701 * S))
    scene.samples((0, 3701), (1, 3701))
    assert scene.gaps() == [(None, 100, 3701, "clock-step")]


def test_a_clock_that_jumps_back_is_marked_and_covers_nothing() -> None:
    scene = Scene()
    scene.samples((0, 100), (1, 100))
    scene.note(scene.ledger.stepped(-50 * S, 51 * S))
    for second in range(51, 103):
        scene.samples((0, second), (1, second))
    assert scene.gaps() == [(None, 100, 100.000002, "clock-step")]


def test_after_a_clock_that_was_wrong_for_a_while_outages_are_gaps_again() -> None:
    scene = Scene(tags="a")
    scene.samples((0, 100))
    scene.note(scene.ledger.stepped(3600 * S, 3701 * S))
    scene.samples((0, 3701))
    scene.samples((0, 3702))
    scene.note(scene.ledger.stepped(-3600 * S, 103 * S))
    scene.samples((0, 103))
    scene.failed(None, 105)
    scene.samples((0, 110))
    found = scene.gaps()
    assert (None, 103, 110, "timeout") in found
    assert all(first[2] <= second[1] for first, second in pairwise(sorted(found, key=lambda row: row[1])))


def test_a_clock_that_was_behind_for_a_while_leaves_gaps_around_what_it_had_shown() -> None:
    scene = Scene(tags="a", since=99)
    scene.samples((0, 100))
    scene.note(scene.ledger.stepped(-50 * S, 51 * S))
    scene.samples((0, 51))
    scene.samples((0, 52))
    scene.note(scene.ledger.stepped(50 * S, 103 * S))
    scene.samples((0, 103))
    found = [(start, end) for _, start, end, _ in scene.gaps()]
    assert found == [(52, 99), (100, 100.000002), (100.000001, 103)]


def test_a_clock_step_does_not_touch_sources_with_their_own_clock() -> None:
    scene = Scene(stamped_here=False)
    scene.samples((0, 100))
    scene.note(scene.ledger.stepped(3600 * S, 3701 * S))
    assert scene.gaps() == []


def test_a_clean_stop_leaves_nothing_open_and_the_next_start_goes_on_there() -> None:
    scene = Scene()
    scene.samples((0, 100), (1, 100), (2, 99))
    scene.failed("c", 100)
    scene.note(scene.ledger.close(101 * S))
    assert scene.gaps() == [("c", 99, 100.000001, "timeout")]
    assert scene.ledger.accounts() == {"s": 100 * S}
    again = Scene()
    rows = again.ledger.resume(
        "s",
        previous_end=100 * S,
        last={0: 100 * S, 1: 100 * S},
        open_gaps=[],
        reason=GapReason.SHUTDOWN,
        at=200 * S,
    )
    again.note(rows)
    assert again.gaps() == [(None, 100, None, "shutdown")]
    again.samples((0, 201), (1, 201), (2, 201))
    assert again.gaps() == [(None, 100, 201, "shutdown")]


def test_a_stop_during_a_failure_hands_over_without_overlap() -> None:
    scene = Scene()
    scene.samples((0, 100), (1, 100))
    scene.failed(None, 101)
    scene.note(scene.ledger.close(105 * S))
    assert scene.gaps() == [(None, 100, 105.000001, "timeout")]
    assert scene.ledger.accounts() == {"s": 105 * S}


def _open(tag: str | None, start: float, reason: GapReason = GapReason.TIMEOUT) -> Gap:
    return Gap(f"old-{tag}", "s", tag, round(start * S) + 1, None, reason, round(start * S) + 2 * S)


def test_a_crash_during_a_failure_goes_on_with_the_open_gap() -> None:
    scene = Scene()
    old = _open(None, 100)
    scene.note([old])
    scene.note(
        scene.ledger.resume(
            "s", previous_end=100 * S, last={0: 100 * S}, open_gaps=[old], reason=GapReason.RESTART, at=200 * S
        )
    )
    scene.samples((0, 210), (1, 210), (2, 210))
    assert scene.gaps() == [(None, 100, 210, "timeout")]


def test_a_crash_while_one_tag_failed_covers_it_once() -> None:
    scene = Scene()
    old = _open("b", 90, GapReason.REFUSED)
    scene.note([old])
    scene.note(
        scene.ledger.resume(
            "s", previous_end=100 * S, last={0: 100 * S}, open_gaps=[old], reason=GapReason.RESTART, at=200 * S
        )
    )
    scene.samples((0, 210), (2, 210))
    scene.samples((1, 215))
    assert scene.gaps() == [
        ("b", 90, 100.000001, "refused"),
        (None, 100, 210, "restart"),
        ("b", 209.999999, 215, "refused"),
    ]


def test_a_tag_that_left_the_site_file_does_not_stay_open() -> None:
    scene = Scene()
    old = replace(_open("gone", 90), id="old")
    scene.note([old])
    scene.note(
        scene.ledger.resume("s", previous_end=100 * S, last={}, open_gaps=[old], reason=GapReason.RESTART, at=200 * S)
    )
    assert ("gone", 90, 100.000001, "timeout") in scene.gaps()


def test_removed_tags_and_sources_end_their_gaps() -> None:
    scene = Scene()
    scene.samples((0, 100), (1, 100))
    scene.failed("b", 101)
    scene.note(scene.ledger.remove([1], 105 * S))
    assert scene.gaps() == [("b", 100, 105.000001, "timeout")]
    scene.failed(None, 106)
    scene.note(scene.ledger.remove_source("s", 110 * S))
    assert (None, 100, 110.000001, "timeout") in scene.gaps()


def test_a_tag_added_later_is_not_missing_before() -> None:
    scene = Scene(tags="ab")
    scene.samples((0, 100), (1, 100))
    scene.ledger.define([LedgerTag(2, "c", "s", S, False, 150 * S)])
    scene.tags = "abc"
    scene.failed("c", 151)
    assert scene.gaps() == [("c", 149.999999, None, "timeout")]


def test_codes_beyond_the_first_columns_find_room() -> None:
    scene = Scene(tags="a")
    scene.ledger.define([LedgerTag(code, f"t{code}", "s", S, False, 0) for code in range(1, 500)])
    scene.samples(*((code, 100) for code in range(500)))
    scene.failed(None, 101)
    scene.samples(*((code, 103) for code in range(500)))
    assert scene.gaps() == [(None, 100, 103, "timeout")]


def test_figures_follow_the_rows() -> None:
    scene = Scene(exception=True)
    scene.samples((0, 100), (1, 100), (2, 100))
    scene.failed(None, 101, alive=101)
    scene.samples((0, 110), (1, 105), (2, 60), at=110.2)
    book = scene.ledger.book
    totals = book.totals(300 * S)[("s", GapReason.TIMEOUT)]
    assert totals.count == 1, "one gap, though it was split by tag"
    assert round(totals.us / S) == 10
    total = sum(row.end - row.start + 1 for row in scene.table() if row.end is not None)
    assert book.total("s", range(3), 300 * S).missing_us == total


def test_a_gap_that_lasts_counts_up_to_now() -> None:
    scene = Scene()
    scene.samples((0, 100), (1, 100), (2, 100))
    scene.failed("ab", 101)
    book = scene.ledger.book
    assert {key: (some.count, round(some.us / S)) for key, some in book.totals(160 * S).items()} == {
        ("s", GapReason.TIMEOUT): (1, 60)
    }, "two tags that fail together are one outage"
    assert round(book.total("s", range(3), 160 * S).missing_us / S) == 120
    scene.samples((0, 170), (1, 180), (2, 170))
    (some,) = book.totals(500 * S).values()
    assert (some.count, round(some.us / S)) == (1, 80)


@pytest.mark.parametrize("reason", [GapReason.SHUTDOWN, GapReason.RESTART])
def test_a_device_that_is_away_since_the_run_began_is_not_blamed_on_the_pause(reason: GapReason) -> None:
    """Else `--strict` would take a dead source for a planned stop."""
    scene = Scene(since=50)
    scene.note(scene.ledger.resume("s", previous_end=20 * S, last={0: 20 * S}, open_gaps=[], reason=reason, at=50 * S))
    scene.failed(None, 52, GapReason.TIMEOUT)
    scene.failed(None, 53, GapReason.TIMEOUT)
    assert [gap[3] for gap in scene.gaps()] == [str(reason), "timeout"]
    scene.samples((0, 60), (1, 60), (2, 60))
    (pause, silence) = scene.table()
    assert (pause.start, pause.end) == (20 * S + 1, 50 * S - 1)
    assert (silence.start, silence.end) == (50 * S, 60 * S - 1)


def test_tags_that_all_fail_on_their_own_since_the_run_began_are_not_blamed_on_the_pause() -> None:
    scene = Scene(since=50)
    scene.note(
        scene.ledger.resume(
            "s", previous_end=20 * S, last={0: 20 * S}, open_gaps=[], reason=GapReason.SHUTDOWN, at=50 * S
        )
    )
    scene.failed("ab", 52, GapReason.REFUSED)
    assert [gap[3] for gap in scene.gaps()] == ["shutdown"], "c may still come"
    scene.failed("c", 53, GapReason.REFUSED)
    assert [(gap[0], gap[3]) for gap in scene.gaps()] == [
        (None, "shutdown"),
        ("a", "refused"),
        ("b", "refused"),
        ("c", "refused"),
    ]
    assert {row.start for row in scene.table()[1:]} == {50 * S}
