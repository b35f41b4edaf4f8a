"""Whatever comes in whatever order: what the ring stores is what the definition says, each sample once."""

from __future__ import annotations

import math
from unittest import mock

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from iiotctl.capture import ring as ring_
from iiotctl.capture.keeping import Keeping, KeptTag
from iiotctl.capture.trigger import Watch
from iiotctl.samples import SampleBatch
from iiotctl.site.condition import Condition
from iiotctl.site.ring import RingSettings
from iiotctl.site.trigger import Trigger, parse_trigger

S = 1_000_000
BAD = 0x80310000
TRIGGERS = ("a rises", "b > 3 hysteresis 1", "a changes", "c bad", "b <= 0 for 3s")

Sample = tuple[int, int, float, int]
"""code, ts, value, quality"""

STREAM = st.lists(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(-4, 4), st.integers(-1, 5), st.sampled_from([0, 0, 0, 0, BAD])),
        min_size=1,
        max_size=6,
    ),
    min_size=1,
    max_size=60,
)
"""Batches, one a second: code, seconds before or after the tick, value, quality."""


def batches(stream: list[list[tuple[int, int, int, int]]]) -> list[tuple[int, list[Sample]]]:
    """Each with the time of its receipt; every sample has a time of its own, so that it can be told apart."""
    number = 0
    found = []
    for second, rows in enumerate(stream):
        part = []
        for code, off, value, quality in rows:
            number += 1
            ts = (100 + second) * S + off * S // 2 + number
            part.append((code, ts, math.nan if quality else float(value), quality))
        found.append(((100 + second) * S + 900_000, part))
    return found


def made(rows: list[Sample]) -> SampleBatch:
    columns = list(zip(*rows, strict=True))
    return SampleBatch(
        np.array(columns[0], np.uint32),
        np.array(columns[1], np.int64),
        np.array(columns[2], np.float64),
        np.array(columns[3], np.uint32),
    )


def settings(triggers: list[str], *, before: int, after: int, memory: int = 200_000_000) -> RingSettings:
    return RingSettings.model_construct(
        keep=10_000.0, before=float(before), after=float(after), triggers=tuple(triggers), tags=("*",), memory=memory
    )


def times_of(stream: list[tuple[int, list[Sample]]], trigger: Trigger) -> list[int]:
    """When a trigger fires, by its definition, said as plainly as possible."""
    code = "abcd".index(trigger.tag)
    fired: list[int] = []
    on: bool | None = None
    known: float | None = None
    since: int | None = None
    spent, last = False, -1
    for received, rows in stream:
        for _, ts, value, quality in sorted((row for row in rows if row[0] == code), key=lambda row: row[1]):
            if ts < last:
                continue
            last = ts
            if since is not None and not spent and ts - since >= trigger.hold_s * S:
                fired.append(since + round(trigger.hold_s * S))
                spent = True
            if trigger.condition is Condition.BAD:
                now_on = quality >= BAD
                first = False
            elif quality >= BAD:
                since = None
                continue
            elif trigger.condition is Condition.CHANGES:
                if known is not None and value != known:
                    fired.append(ts)
                known = value
                continue
            elif trigger.condition is Condition.RISES:
                now_on, first = value != 0, known is None
            elif trigger.condition is Condition.ABOVE:
                stays = bool(on) and value > trigger.threshold - trigger.hysteresis
                now_on, first = value > trigger.threshold or stays, False
            else:
                stays = bool(on) and value <= trigger.threshold + trigger.hysteresis
                now_on, first = value <= trigger.threshold or stays, False
            known = value
            if not now_on:
                on, spent, since = False, False, None
                continue
            if not on:
                on, spent = True, first
            if not spent and since is None:
                since = ts
                if not trigger.hold_s:
                    fired.append(ts)
                    spent = True
        if since is not None and not spent and received - _received(stream, code, since) >= trigger.hold_s * S:
            fired.append(since + round(trigger.hold_s * S))
            spent = True
    return sorted(fired)


def _received(stream: list[tuple[int, list[Sample]]], code: int, ts: int) -> int:
    return next(received for received, rows in stream if any(row[0] == code and row[1] == ts for row in rows))


def played(
    stream: list[tuple[int, list[Sample]]], wanted: RingSettings, *, on_change: bool = False
) -> tuple[list[int], Keeping]:
    """Times of what is stored, in the order of storing."""
    numbers = iter(range(1_000_000))
    keeping = Keeping(wanted, lambda: str(next(numbers)), 0, lambda _: None)
    keeping.define(KeptTag(code, name, "s", on_change=on_change) for code, name in enumerate("abcd"))
    stored: list[int] = []
    for received, rows in stream:
        batch = made(rows)
        keeping.watch(batch, received, received)
        stored += keeping.sift(batch, received, received).ts.tolist()
        keeping.tick(received, received)
        while keeping.is_waiting:
            stored += keeping.pull().ts.tolist()
    return stored, keeping


@given(STREAM, st.sampled_from(TRIGGERS))
def test_a_trigger_fires_when_its_definition_says(stream: list[list[tuple[int, int, int, int]]], text: str) -> None:
    trigger = parse_trigger(text)
    plain = batches(stream)
    watch = Watch(trigger)
    fired = []
    code = "abcd".index(trigger.tag)
    for received, rows in plain:
        for _, ts, value, quality in sorted((row for row in rows if row[0] == code), key=lambda row: row[1]):
            if (at := watch.feed(ts, value, quality, received)) is not None:
                fired.append(at)
        if (at := watch.tick(received)) is not None:
            fired.append(at)
    assert sorted(fired) == times_of(plain, trigger)


@given(
    STREAM,
    st.lists(st.sampled_from(TRIGGERS), min_size=1, max_size=4, unique=True),
    st.integers(0, 20),
    st.integers(0, 8),
    st.sampled_from([3, 10_000]),
)
def test_what_is_stored_is_what_lies_in_a_window_and_each_once(
    stream: list[list[tuple[int, int, int, int]]], triggers: list[str], before: int, after: int, part: int
) -> None:
    plain = batches(stream)
    with mock.patch.object(ring_, "PART", part):
        stored, _ = played(plain, settings(triggers, before=before, after=after))
    windows = [(at - before * S, at + after * S) for text in triggers for at in times_of(plain, parse_trigger(text))]
    expected = [row[1] for _, rows in plain for row in rows if any(low <= row[1] <= high for low, high in windows)]
    assert len(stored) == len(set(stored)), "stored twice"
    assert sorted(stored) == sorted(expected)


@given(STREAM, st.integers(1, 8))
def test_kept_rows_tell_the_truth(stream: list[list[tuple[int, int, int, int]]], every: int) -> None:
    """Every delivered sample inside a row is stored, whenever the capture is cut off."""
    numbers = iter(range(1_000_000))
    keeping = Keeping(settings(["a rises", "c bad"], before=7, after=3), lambda: str(next(numbers)), 0, lambda _: None)
    keeping.define(KeptTag(code, name, "s", on_change=False) for code, name in enumerate("abcd"))
    rows: dict[str, tuple[int, int]] = {}
    stored: set[int] = set()
    delivered: list[int] = []
    for number, (received, samples) in enumerate(batches(stream)):
        batch = made(samples)
        keeping.watch(batch, received, received)
        stored |= set(keeping.sift(batch, received, received).ts.tolist())
        delivered += batch.ts.tolist()
        if number % every == 0:
            stored |= set(keeping.pull().ts.tolist())
        rows |= {row.id: (row.start, row.end or 0) for row in keeping.rows(received)}
        for start, end in rows.values():
            missing = [ts for ts in delivered if start <= ts <= end and ts not in stored]
            assert not missing, (start, end)


@given(
    STREAM,
    st.lists(st.sampled_from(TRIGGERS), min_size=1, max_size=3, unique=True),
    st.integers(0, 6),
    st.sampled_from([3, 10_000]),
    st.sampled_from([2, 10_000]),
)
def test_of_tags_that_report_on_change_the_value_at_the_begin_of_a_window_is_known(
    stream: list[list[tuple[int, int, int, int]]], triggers: list[str], before: int, part: int, keep: int
) -> None:
    """In order, so that "the last one before" is plain; with a short ring too it was remembered when it left."""
    plain = batches([[(code, 0, value, quality) for code, _, value, quality in rows] for rows in stream])
    wanted = settings(triggers, before=before, after=3).model_copy(update={"keep": float(max(keep, before))})
    with mock.patch.object(ring_, "PART", part):
        stored, keeping = played(plain, wanted, on_change=True)
    assert len(stored) == len(set(stored)), "stored twice"
    delivered = [(row[1], row[0]) for _, rows in plain for row in rows]
    for row in keeping.rows(plain[-1][0]):
        for code in range(4):
            earlier = [ts for ts, tag in delivered if tag == code and ts < row.start]
            assert not earlier or max(earlier) in stored, (row, code)
