"""Relations as plain numbers: what a baseline keeps says the same afterwards."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from iiotctl.checks.features.columns import Features
from iiotctl.checks.relations import learnt as relations
from iiotctl.checks.relations.learnt import RELATIONS, related
from tests.unit.checks.relations.relatives import DAY, lagged, noisy, process, tag, taught

X = process(4)
TAGS = [tag("A", noisy(X, 1)), tag("B", noisy(2 * X, 2)), tag("C", noisy(X**2 / 50, 3))]


def test_a_baseline_written_and_read_hears_the_same() -> None:
    before = taught(TAGS)
    after = []
    for data in before:
        assert data.baseline is not None
        kept = json.loads(json.dumps(dict(data.baseline.learnt)))
        after.append(replace(data, baseline=replace(data.baseline, learnt=kept)))
    for one, other in zip(relations.heard(before), relations.heard(after), strict=True):
        assert one.vote is not None
        assert other.vote is not None
        assert one.vote.names == other.vote.names
        assert np.array_equal(one.vote.away, other.vote.away, equal_nan=True)
        assert np.array_equal(one.vote.limit, other.vote.limit, equal_nan=True)


def test_who_is_related_and_how_well() -> None:
    base = taught([*TAGS, tag("SLOW", noisy(lagged(X, 60.0), 4))])[0].baseline
    assert base is not None
    close = [one for one in related(base) if one.tag in "BC"]
    assert [one.tag for one in close] == ["B", "C"]
    assert all(one.explained > 0.99 and one.lag == 0 and 0 < one.limit < 1 for one in close)
    assert related(replace(base, learnt={})) == []


def test_a_lag_is_told_in_seconds() -> None:
    base = taught([tag("SLOW", noisy(lagged(X, 60.0), 4)), TAGS[0]])[0].baseline
    assert base is not None
    (one,) = related(base)
    assert 2700 <= one.lag <= 5400


def test_without_a_baseline_nobody_is_heard() -> None:
    assert [data.vote for data in relations.heard(TAGS)] == [None, None, None]


def test_a_witness_that_is_not_in_the_run_is_not_heard() -> None:
    found = {data.info.tag: data for data in relations.heard(taught(TAGS)[:2])}
    assert found["A"].vote is not None
    assert found["A"].vote.names == ("B",)


def test_tags_with_other_windows_are_heard_among_themselves() -> None:
    slow = [
        replace(data, features=Features(10 * data.features.window, data.features.start, data.features.columns))
        for data in (tag("S", noisy(X, 4)), tag("T", noisy(X, 5)))
    ]
    learnt = relations.learn([*TAGS, *slow])
    assert learnt["S"]["tags"] == ["T"]
    assert "S" not in learnt["A"]["tags"]  # type: ignore[operator]


def test_states_and_tags_that_are_too_short_take_no_part() -> None:
    state = tag("STATE", np.where(X > 50, 1.0, 0.0), kind="state")
    short = tag("SHORT", np.arange(5.0))
    learnt = relations.learn([*TAGS, state, short])
    assert sorted(learnt) == ["A", "B", "C"]
    assert {data.info.tag: data.vote for data in relations.heard(taught([*TAGS, state, short]))}["STATE"] is None


def test_names_under_relations_are_what_a_baseline_shows() -> None:
    from iiotctl.checks.baseline.summary import summary

    base = taught(TAGS)[0].baseline
    assert base is not None
    assert set(summary(base).related) == {"B", "C"}
    assert RELATIONS in base.learnt
    assert DAY == 1440


def test_tags_that_report_every_minute_have_a_window_a_cell() -> None:
    x = process(60)
    every = [
        replace(data, features=Features(10 * data.features.window, data.features.start, data.features.columns))
        for data in (tag(name, noisy(x, at)[::10], learning=288) for at, name in enumerate("ABC"))
    ]
    found = relations.heard(taught(every))
    for data in found:
        assert data.vote is not None
        assert len(data.vote.names) == 2
        assert (data.vote.cell, len(data.vote.away)) == (data.features.window, len(data.features))
