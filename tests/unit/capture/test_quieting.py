"""What a source says again and again is told once a minute, with a count."""

from __future__ import annotations

from iiotctl.capture.quieting import MOST, Quieting
from iiotctl.events import Event, Level

DOWN = Event(Level.WARNING, "source-down", "no answer", source="one")


def _quieting() -> tuple[list[float], Quieting]:
    now = [0.0]
    return now, Quieting(lambda: now[0])


def test_a_flapping_source_is_told_of_once_a_minute_with_a_count() -> None:
    now, quieting = _quieting()
    assert quieting.take(DOWN) is DOWN
    for now[0] in range(1, 60):
        assert quieting.take(DOWN) is None
    now[0] = 61
    told = quieting.take(DOWN)
    assert told is not None
    assert told.text == "no answer (59 times more in the last 61 s)"
    now[0] = 130
    assert quieting.take(DOWN) is DOWN


def test_other_sources_kinds_and_the_run_itself_are_told() -> None:
    _, quieting = _quieting()
    others = [
        DOWN,
        Event(Level.WARNING, "source-down", "no answer", source="two"),
        Event(Level.NOTICE, "source-up", "answers", source="one"),
        Event(Level.WARNING, "source-down", "the certificate is refused", source="one"),
    ]
    assert [quieting.take(event) for event in others] == others
    run = Event(Level.WARNING, "clock-step", "jumped")
    detail = Event(Level.DEBUG, "commit", "done", source="one")
    assert [quieting.take(event) for event in (run, run, detail, detail)] == [run, run, detail, detail]


def test_figures_in_the_text_are_no_other_cause() -> None:
    _, quieting = _quieting()
    events = [Event(Level.WARNING, "source-down", f"no answer after {number} ms", source="one") for number in range(9)]
    assert [quieting.take(event) for event in events] == [events[0], *[None] * 8]


def test_hundreds_of_tags_do_not_flood_either() -> None:
    now, quieting = _quieting()
    events = [Event(Level.WARNING, "tag-failed", "no value", source="one", tag=f"t{number}") for number in range(500)]
    assert len([event for event in events if quieting.take(event)]) == MOST
    now[0] = 61
    told = quieting.take(events[400])
    assert told is not None
    assert told.text == f"no value (and {500 - MOST} others of this kind)"
