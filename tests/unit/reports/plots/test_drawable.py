"""What is refused before it is drawn, and how long a silent tag keeps its value."""

from __future__ import annotations

from dataclasses import replace

import pytest

from iiotctl import quality
from iiotctl.errors import IncompleteError, UsageError
from iiotctl.history.tagfacts import TagFacts
from iiotctl.history.trenddata import Trace
from iiotctl.reports.plots.drawable import check_count, check_something, held
from tests.unit.reports.plots.traces import END, HOUR, START, state, trace, trend

ALIVE = END - HOUR


def kept(one: Trace, alive: int | None = ALIVE) -> list[tuple[int, float, int]]:
    (found,) = held(replace(trend(one), alive=alive)).traces
    return list(zip(found.ts.tolist(), found.value.tolist(), found.quality.tolist(), strict=True))


def test_a_silent_tag_keeps_its_value_while_the_store_is_fed() -> None:
    assert kept(trace([START - HOUR], [2.0], mode="exception")) == [(START - HOUR, 2.0, 0), (ALIVE, 2.0, 0)]
    assert kept(trace([START], [1.0], [quality.UNCERTAIN], mode="exception"))[1] == (ALIVE, 1.0, quality.UNCERTAIN)


@pytest.mark.parametrize(
    "one",
    [
        trace([START], [2.0], mode="polled"),
        trace([START], [2.0], mode="imported"),
        trace([START], [2.0], mode="exception", gaps=((START + 1, START + 9, "disconnected"),)),
        trace([ALIVE], [2.0], mode="exception"),
    ],
)
def test_of_others_nothing_is_claimed(one: Trace) -> None:
    assert len(kept(one)) == 1


def test_nothing_is_claimed_beyond_the_range_or_without_knowledge() -> None:
    one = trace([START], [2.0], mode="exception")
    assert kept(one, END + HOUR)[-1][0] == END
    assert len(kept(one, None)) == 1
    assert kept(trace([], [], mode="exception")) == []


def test_too_many() -> None:
    check_count([TagFacts(f"t{n}", unit="bar") for n in range(24)])
    check_count([TagFacts(f"t{n}", unit=f"u{n}") for n in range(12)])
    with pytest.raises(UsageError, match="25 tags of 1 units match"):
        check_count([TagFacts(f"t{n}", unit="bar") for n in range(25)])
    with pytest.raises(UsageError) as caught:
        check_count([TagFacts(f"t{n}", unit=f"u{n}") for n in range(13)])
    assert caught.value.slug == "too-many-tags"


def test_nothing_to_draw_names_the_neighbours_and_the_gap() -> None:
    beside = trace([START - HOUR, END + HOUR], [1, 2], gaps=((START - HOUR, END + HOUR, "shutdown"),))
    with pytest.raises(IncompleteError) as caught:
        check_something(trend(replace(beside, count=0)))
    assert caught.value.slug == "no-samples"
    assert caught.value.cause == (
        "the last one before it is of 2026-11-21 05:00:00; the first one after it of 2026-11-21 15:00:00; "
        "a gap: shutdown"
    )


def test_a_line_through_the_range_is_something() -> None:
    check_something(trend(replace(trace([START - HOUR, END + HOUR], [1, 2]), count=0)))
    check_something(trend(replace(trace([], []), count=0), state()))
    check_something(trend(trace([START], [float("nan")], [quality.BAD])))  # a Bad sample is worth a band
