"""In which state a tag's unit was: learnt from its levels, or by the site file's conditions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from iiotctl.checks.features.columns import MINUTE, Features
from iiotctl.checks.features.compute import table_of
from iiotctl.checks.states import assigned, declared_states, learn_rest, learnt_states
from iiotctl.checks.tagdata import State, TagData
from iiotctl.site.states import AssetStates
from tests.unit.checks.faketags import START, tag

_N = 2000


def _data(value: np.ndarray, name: str = "FT1", learning: int = 1000, **facts: Any) -> TagData:
    """A tag with the given 10 s values."""
    ts = START + np.arange(len(value), dtype=np.int64) * 10_000_000
    features = table_of(ts, value, np.zeros(len(value), np.uint32), window=MINUTE, start=START, count=len(value) // 6)
    data = tag(name, windows=len(value) // 6, learning=learning, **facts)
    return replace(data, features=features)


def _batches(seed: int = 1) -> np.ndarray:
    """Runs at about 50 for 4 h, then rests at exactly 0 for 1 h."""
    minute = np.repeat(np.arange(_N), 6)
    running = minute % 300 < 240
    noise = np.random.default_rng(seed).normal(0, 0.5, len(minute))
    return np.where(running, 50 + 10 * np.sin(minute / 200) + noise, 0.0)


def test_a_level_without_variation_is_rest() -> None:
    data = _data(_batches())
    rest = learn_rest(data)
    assert rest["levels"] == [0.0]
    found = learnt_states(data, rest)
    minute = np.arange(_N) % 300
    assert (found.state[minute >= 240] == State.OFF).all()
    assert (found.state[(minute > 20) & (minute < 220)] == State.STEADY).mean() > 0.9
    assert (found.state[minute < 240] != State.OFF).all()


def test_it_settles_for_ten_minutes_behind_a_rest() -> None:
    data = _data(_batches())
    found = learnt_states(data, learn_rest(data))
    assert not found.settled[300:310].any()
    assert found.settled[310:].reshape(-1)[:230].all()
    assert found.settled[:300].all()


@pytest.mark.parametrize(
    "value",
    [
        np.round(50 + 5 * np.sin(np.arange(_N * 6) / 3000), 1),
        np.full(_N * 6, 7.0),
        np.repeat(np.arange(_N) // 100 % 9, 6).astype(float),
        np.random.default_rng(3).normal(50, 1, _N * 6),
    ],
    ids=["slow and coarse", "constant", "nine levels", "noise"],
)
def test_what_only_looks_like_rest_is_none(value: np.ndarray) -> None:
    data = _data(value)
    rest = learn_rest(data)
    assert rest["levels"] == []
    assert (learnt_states(data, rest).state != State.OFF).all()


def test_a_ramp_moves_much_more_than_usual() -> None:
    minute = np.repeat(np.arange(_N), 6)
    level = np.interp(minute, [0, 500, 540, 1200, 1240, _N], [20, 20, 80, 80, 20, 20])
    data = _data(level + np.random.default_rng(4).normal(0, 0.3, len(level)))
    found = learnt_states(data, learn_rest(data))
    assert (found.state[505:535] == State.RAMP).all()
    assert (found.state[50:480] == State.STEADY).all()


def test_siblings_rest_with_a_tag_that_rests() -> None:
    flow = _data(_batches(), "FT1", asset="press1")
    pressure = _data(np.random.default_rng(5).normal(3, 0.1, _N * 6), "PT1", asset="press1")
    stranger = _data(np.random.default_rng(6).normal(3, 0.1, _N * 6), "PT2", asset="oven")
    tags = [flow, pressure, stranger]
    rests = {data.info.tag: learn_rest(data) for data in tags}
    found = assigned(tags, rests, declared={}, watched={}, enums={})
    assert (found[1].state[240:300] == State.OFF).all()
    assert not found[1].settled[300:310].any()
    assert (found[2].state != State.OFF).all()


def _watched(value: np.ndarray, quality: int = 0) -> Features:
    ts = START + np.arange(len(value), dtype=np.int64) * MINUTE
    codes = np.full(len(value), quality, np.uint32)
    return table_of(ts, value.astype(np.float64), codes, window=10 * MINUTE, start=START, count=-(-len(value) // 10))


def test_the_site_file_says_when_a_machine_is_off_or_in_maintenance() -> None:
    running = np.where(np.arange(1000) < 500, 1, 0)
    service = np.where((np.arange(1000) >= 800) & (np.arange(1000) < 900), 2, 0)
    states = AssetStates(off="pump = 0", maintenance="mode = 'service'", settle="20min", tags=("PT1",))
    watched = {"pump": _watched(running), "mode": _watched(service)}
    found = declared_states(tag(), states, watched, {"mode": {"2": "service"}})
    assert (found.state[:500] == State.STEADY).all()
    assert (found.state[500:800] == State.OFF).all()
    assert (found.state[800:900] == State.MAINTENANCE).all()
    assert (~found.settled).nonzero()[0].tolist() == [*range(500, 520), *range(800, 820), *range(900, 920)]


def test_what_nobody_knows_is_unknown() -> None:
    states = AssetStates(off="pump = 0", tags=("PT1",))
    assert (declared_states(tag(), states, {}, {}).state == State.UNKNOWN).all()
    late = {"pump": _watched(np.where(np.arange(1000) < 500, np.nan, 1.0))}
    found = declared_states(tag(), states, late, {})
    assert (found.state[:500] == State.UNKNOWN).all()
    assert (found.state[510:] == State.STEADY).all()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("pump > 0 and pump < 2", State.OFF),
        ("pump > 5 or pump = 1", State.OFF),
        ("not pump = 1", State.STEADY),
        ("pump is bad", State.STEADY),
        ("pump is good", State.OFF),
        ("pump != 1", State.STEADY),
        ("pump >= 1 and nix = 0", State.UNKNOWN),
        ("pump < 1 and nix = 0", State.STEADY),
        ("pump <= 1 or nix = 0", State.OFF),
    ],
)
def test_conditions(text: str, says: State) -> None:
    states = AssetStates(off=text, tags=("PT1",))
    found = declared_states(tag(), states, {"pump": _watched(np.ones(1000))}, {})
    assert (found.state == says).all()


@pytest.mark.parametrize("windows", [0, 1, 3])
def test_next_to_nothing_has_states_too(windows: int) -> None:
    data = tag(windows=windows, learning=windows)
    assert len(learnt_states(data, learn_rest(data)).state) == windows
    assert len(assigned([data], {}, declared={}, watched={}, enums={})[0].state) == windows


def test_a_text_has_no_state() -> None:
    assert (learnt_states(tag(text=True), {}).state == State.UNKNOWN).all()
