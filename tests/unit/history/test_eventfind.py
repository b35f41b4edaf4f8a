"""Events in stored samples: what a block or a range is must not matter."""

from __future__ import annotations

import random
from pathlib import Path
from unittest import mock

import pytest

from iiotctl.errors import UsageError
from iiotctl.history import tagfacts
from iiotctl.history.events import eventfind
from iiotctl.history.events.latch import Found
from iiotctl.history.sql.reader import Reader, Selection
from iiotctl.site.events import EventDefinition
from tests.unit.history.press import RECIPE, STATE, T0, TEMPERATURE, S, Values, press


def found(
    root: Path, definition: EventDefinition, start: float | None = None, end: float | None = None, until: float = 0
) -> list[Found]:
    with Reader(Selection(root), lambda event: None) as reader:
        facts = {one.tag: one for one in tagfacts.find(reader, definition.watched)}
        asked = eventfind.question(reader, definition, facts)
        low, high = (None if at is None else T0 + round(at * S) for at in (start, end))
        return list(eventfind.find(reader, asked, low, high, T0 + round(until * S)))


def spans(root: Path, definition: EventDefinition, **options: float) -> list[tuple[float, float | None]]:
    """Seconds after T0, to the ms."""
    return [
        (round((one.start - T0) / S, 3), None if one.end is None else round((one.end - T0) / S, 3))
        for one in found(root, definition, **options)
    ]


def hot(**keys: object) -> EventDefinition:
    return EventDefinition.model_validate({"name": "hot", "start": f"{TEMPERATURE} > 60", **keys})


RAMP: Values = [(0, 50), (10, 70), (20, 50), (30, 70), (40, 70), (50, 40)]


def test_a_slope_crosses_between_samples(tmp_path: Path) -> None:
    root = press(tmp_path, temperature=RAMP)
    assert spans(root, hot()) == [(5, 15), (25, 43.333)]
    assert spans(root, hot(end=f"{TEMPERATURE} < 55")) == [(5, 17.5), (25, 45)]
    assert spans(root, hot(start=f"{TEMPERATURE} > 60 hysteresis 5")) == [(5, 17.5), (25, 45)]
    assert spans(root, hot(**{"for": "12s"})) == [(25, 43.333)]
    assert spans(root, hot(min_duration="11s")) == [(25, 43.333)]
    assert spans(root, hot(join="11s")) == [(5, 43.333)]
    assert spans(root, hot(end_for="11s")) == [(5, None)]


def test_a_range_cuts_no_event(tmp_path: Path) -> None:
    root = press(tmp_path, temperature=RAMP)
    whole = spans(root, hot())
    assert spans(root, hot(), start=12) == whole
    assert spans(root, hot(), start=12, end=14) == whole[:1]
    assert spans(root, hot(), start=16, end=24) == []
    assert spans(root, hot(), start=16, end=26) == whole[1:]
    assert spans(root, hot(), start=44) == []


def test_a_state_by_its_text_and_a_text(tmp_path: Path) -> None:
    states: Values = [(0, 0), (10, 2), (20, 1), (30, 2)]
    root = press(tmp_path, state=states, recipe=[(0, "alpha"), (15, "beta"), (25, "alpha")])
    running = EventDefinition(name="running", start=f"{STATE} = run")
    assert spans(root, running) == [(10, 20), (30, None)]
    beta = EventDefinition(name="beta", start=f"{RECIPE} = 'beta' and not {STATE} = idle")
    assert spans(root, beta) == [(15, 25)]
    batch = EventDefinition(name="batch", start=f"{RECIPE} changes", end=f"{STATE} changes")
    assert spans(root, batch) == [(15, 20), (25, 30)]
    with pytest.raises(UsageError, match="has no state `rum`") as caught:
        spans(root, EventDefinition(name="running", start=f"{STATE} = rum"))
    assert caught.value.hint == "did you mean `run`?"


def test_bad_quality_and_gaps_neither_begin_nor_end(tmp_path: Path) -> None:
    root = press(tmp_path, temperature=[(0, 70), (10, None), (20, 70), (30, 40), (40, 70)], gap=(32, 38))
    (first, second) = found(root, hot())
    assert ((first.start - T0) / S, first.is_start_known, first.uncertain_us) == (0, False, 10 * S)
    assert first.end == T0 + 20 * S + round(10 * S / 3)
    assert ((second.start - T0) / S, second.is_start_known) == (40, False)
    bad = EventDefinition(name="silent", start=f"{TEMPERATURE} is bad")
    assert spans(root, bad) == [(10, 20), (32, 40)]
    assert spans(root, hot(**{"for": "12s"})) == []


def test_nobody_knows_what_follows_the_last_sample(tmp_path: Path) -> None:
    root = press(tmp_path, state=[(0, 0), (10, 2)])
    running = EventDefinition.model_validate({"name": "running", "start": f"{STATE} = run", "for": "5s"})
    assert spans(root, running) == []
    assert spans(root, running, until=15) == [(10, None)]


@pytest.mark.parametrize("seed", range(2))
def test_blocks_and_ranges_do_not_matter(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    at, rows, states = 0.0, [], []
    for _ in range(80):
        at += rng.choice([0.5, 1, 7, 60])
        rows.append((at, rng.choice([None, 40, 52, 57, 61, 66, 70])))
        if rng.random() < 0.3:
            states.append((at + 0.25, rng.randrange(3)))
    root = press(tmp_path, temperature=rows, state=states)
    definition = hot(
        start=f"{TEMPERATURE} > 60 and {STATE} != idle",
        end=f"{TEMPERATURE} < 55 or {STATE} = idle",
        join=rng.choice(["0s", "5s"]),
        **{"for": rng.choice(["0s", "2s"]), "end_for": rng.choice(["0s", "1s"])},
    )
    whole = found(root, definition)
    assert len(whole) > 3
    with mock.patch.multiple(eventfind, BLOCK_ROWS=30, _FIRST_SPAN_US=120 * S):
        assert found(root, definition) == whole
        for _ in range(2):
            low = rng.uniform(0, at)
            high = rng.uniform(low + 1, at + 10)
            touching = [
                one
                for one in whole
                if one.start < T0 + round(high * S) and (one.end is None or one.end > T0 + round(low * S))
            ]
            assert found(root, definition, low, high) == touching
