"""When an interval is over, what makes it partial, and what of a tag is stored beside its roll-ups."""

from __future__ import annotations

import numpy as np
import pytest

from iiotctl.capture.rollup import Rollups
from iiotctl.rollups import RollupBatch
from iiotctl.samples import Gap, GapReason, SampleBatch
from tests.unit.capture.scene import BAD, S, batch

MINUTE = 60 * S
HOUR = 60 * MINUTE


def rolled(*intervals: int, raw: bool = True, tags: str = "ab") -> Rollups:
    found = Rollups()
    for code, name in enumerate(tags):
        found.define(code, ("plc", name), intervals or (MINUTE,), raw=raw)
    return found


def rows(parts: list[RollupBatch]) -> list[tuple[int, float, float, int, int, bool, bool]]:
    """(tag, start s, end s, count, bad, partial, closes)."""
    return sorted(
        (
            int(p.tag[i]),
            p.start[i] / S,
            p.end[i] / S,
            int(p.count[i]),
            int(p.bad[i]),
            bool(p.partial[i]),
            bool(p.closes[i]),
        )
        for p in parts
        for i in range(len(p))
    )


def feed(found: Rollups, *seconds: float, code: int = 0, at: float | None = None) -> None:
    """One sample each, delivered at its time."""
    for second in seconds:
        found.add(batch((code, second)), round((second if at is None else at) * S))


def due(found: Rollups, at: float, *, ending: bool = False) -> list[tuple]:
    return rows(found.due(round(at * S), ending=ending))


def gap(start: float, end: float | None, tag: str | None = None) -> Gap:
    last = None if end is None else round(end * S)
    return Gap("g", "plc", tag, round(start * S), last, GapReason.TIMEOUT, 0)


def test_an_interval_is_written_when_its_lateness_is_over() -> None:
    found = rolled()
    feed(found, 60, 61, 119.9, 120.5)
    assert due(found, 129.9) == []
    assert due(found, 130) == [(0, 60, 120, 3, 0, False, True)]
    assert due(found, 131, ending=True) == [(0, 120, 180, 1, 0, False, False)]
    assert found.is_empty


def test_short_intervals_wait_half_their_length() -> None:
    found = rolled(S)
    feed(found, 1, 1.5, 2)
    assert due(found, 2.4) == []
    assert due(found, 2.5) == [(0, 1, 2, 2, 0, False, True)]


def test_a_late_sample_makes_a_part_of_its_own() -> None:
    found = rolled()
    feed(found, 60, 150)
    assert due(found, 150) == [(0, 60, 120, 1, 0, False, True)]
    feed(found, 70, at=151)
    assert (0, 60, 120, 1, 0, False, True) in due(found, 240)


def test_a_device_with_a_wrong_clock_still_has_whole_minutes() -> None:
    """Its samples carry times of an hour ago; what counts is how far its own clock has come."""
    found = rolled()
    out: list[tuple] = []
    for second in range(181):
        feed(found, 60 + second, at=3600 + second)
        out += due(found, 3600 + second)
    assert out == [(0, 60, 120, 60, 0, False, True), (0, 120, 180, 60, 0, False, True)]


def test_a_quiet_tag_is_closed_by_our_clock() -> None:
    found = rolled()
    feed(found, 60)
    assert due(found, 131) == [(0, 60, 120, 1, 0, False, True)]


def test_a_sample_far_ahead_does_not_close_what_follows() -> None:
    found = rolled()
    feed(found, 60)
    feed(found, 80_000, at=61)
    feed(found, 62, 63)
    assert due(found, 63) == []


def test_the_first_interval_is_partial_unless_it_was_seen_from_its_begin() -> None:
    found = rolled()
    feed(found, 61, 120, 200)
    feed(found, 60, 130, code=1)
    assert due(found, 300) == [
        (0, 60, 120, 1, 0, True, True),
        (0, 120, 180, 1, 0, False, True),
        (0, 180, 240, 1, 0, False, True),
        (1, 60, 120, 1, 0, False, True),
        (1, 120, 180, 1, 0, False, True),
    ]


def test_intervals_in_which_a_gap_begins_or_ends_are_partial() -> None:
    found = rolled()
    feed(found, 60, 100, 330)
    feed(found, 60, 330, code=1)
    found.gaps([gap(100, None, "a")])
    found.gaps([gap(100, 320, "a")])
    partial = {(tag, start) for tag, start, *_, is_partial, _ in due(found, 500) if is_partial}
    assert partial == {(0, 60), (0, 300)}
    feed(found, 600, 600)
    feed(found, 600, code=1)
    found.gaps([gap(610, 620)])
    assert {(tag, start) for tag, start, *_, is_partial, _ in due(found, 700) if is_partial} == {(0, 600), (1, 600)}


def test_a_gap_that_is_known_late_corrects_what_was_written() -> None:
    found = rolled()
    feed(found, 60, 180)
    assert due(found, 180) == [(0, 60, 120, 1, 0, False, True)]
    found.gaps([gap(70, 80, "a")])
    assert (0, 60, 120, 0, 0, True, True) in due(found, 190)


def test_a_long_interval_is_saved_in_parts() -> None:
    found = rolled(HOUR)
    out: list[tuple] = []
    for second in range(3600, 7200 + 20, 10):
        feed(found, second)
        out += due(found, second)
    out = [row for row in out if row[1] == 3600]
    assert [row[3] for row in out] == [31, *[30] * 10, 29, 0], "every five minutes, and the end"
    assert [row[-1] for row in out] == [False] * 12 + [True]
    assert not any(row[-2] for row in out)


def test_several_intervals_of_a_tag() -> None:
    found = rolled(MINUTE, 15 * MINUTE)
    feed(found, *range(900, 1800, 10))
    assert sorted(row[2] - row[1] for row in due(found, 1820, ending=True)) == [60] * 15 + [900]


def test_bad_and_infinite_samples_are_no_values() -> None:
    found = rolled()
    found.add(batch((0, 60, 5.0), (0, 61, float("nan"), BAD), (0, 62, float("inf")), (0, 63, 7.0, 0x40000000)), 63 * S)
    (part,) = found.due(200 * S)
    assert (part.count[0], part.bad[0], part.mean[0], part.std[0], part.last[0]) == (2, 2, 6.0, 1.0, 7.0)
    assert part.quality[0] == BAD


def test_samples_of_raw_false_are_not_stored() -> None:
    found = Rollups()
    found.define(1, ("plc", "b"), [MINUTE], raw=False)
    found.define(2, ("plc", "c"), [MINUTE], raw=True)
    three = batch((0, 1), (1, 1), (2, 1), (500, 1))
    assert found.raw(three).tag.tolist() == [0, 2, 500]
    found.add(three, S)
    assert [row[0] for row in due(found, 2, ending=True)] == [1, 2]
    assert found.absorbed == 1


def test_text_is_stored_and_told_once() -> None:
    found = rolled(raw=False)
    texts = SampleBatch(
        np.array([0, 1], np.uint32),
        np.array([S, S]),
        np.array([np.nan, 2.0**60]),
        np.zeros(2, np.uint32),
        ["run", str(2**60 + 1)],
    )
    found.add(texts, S)
    assert found.raw(texts).tag.tolist() == [0]
    assert found.new_texts() == {"a"}
    assert found.new_texts() == set()
    assert [row[0] for row in due(found, 2, ending=True)] == [1], "digits of a large integer are a number"


def test_other_intervals_after_a_reload() -> None:
    found = rolled()
    feed(found, 60)
    found.define(0, ("plc", "a"), [15 * MINUTE], raw=True)
    feed(found, 61)
    assert due(found, 62, ending=True) == [(0, 0, 900, 1, 0, True, False), (0, 60, 120, 1, 0, False, False)]
    found.define(0, ("plc", "a"), [], raw=True)
    feed(found, 63)
    assert found.is_empty


def test_wild_disorder_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iiotctl.capture.rollup._MOST_OPEN", 100)
    found = rolled()
    feed(found, *(60.0 * number for number in range(1000, 0, -1)), at=0)
    out = rows(found.due(0))
    assert sum(row[3] for row in out) + sum(row[3] for row in due(found, 0, ending=True)) == 1000
    assert len(out) > 800
