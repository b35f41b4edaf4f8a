"""Totals of gaps: what overlaps is one outage, its time counts once."""

from __future__ import annotations

from iiotctl.capture import outages
from iiotctl.capture.outages import Tally, by_reason, of_source
from iiotctl.outages import Outages, merged
from iiotctl.samples import GapReason

TIMEOUT, REFUSED = GapReason.TIMEOUT, GapReason.REFUSED


def test_intervals_that_overlap_or_touch_are_one() -> None:
    assert merged([]) == Outages()
    assert merged([(1, 10), (5, 8), (8, 12), (13, 20)]) == Outages(1, 20)
    assert merged([(1, 10), (12, 20)]) == Outages(2, 19)


def test_sources_and_reasons_add_up() -> None:
    tally = Tally()
    tally.add("one", TIMEOUT, "a", 1, 10)
    tally.add("one", TIMEOUT, "b", 5, 20)
    tally.add("two", TIMEOUT, "c", 1, 10)
    tally.add("two", REFUSED, "d", 1, 10)
    totals = tally.totals([("two", REFUSED, 8)], 30)
    assert by_reason(totals) == {TIMEOUT: Outages(2, 30), REFUSED: Outages(1, 30)}
    assert of_source(totals, "two") == 2
    tally.remove("two", TIMEOUT, "c")
    assert by_reason(tally.totals([], 0)) == {TIMEOUT: Outages(1, 20), REFUSED: Outages(1, 10)}


def test_a_device_that_flaps_for_months_is_counted_in_bounded_memory() -> None:
    tally = Tally()
    for number in range(3 * outages._KEPT):
        tally.add("one", TIMEOUT, str(number), 10 * number, 10 * number + 4)
    assert sum(len(spans) for spans in tally._spans.values()) <= outages._KEPT
    assert by_reason(tally.totals([], 0)) == {TIMEOUT: Outages(3 * outages._KEPT, 15 * outages._KEPT)}
