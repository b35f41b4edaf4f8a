"""Whatever tags show, relations are learnt, heard and judged without an error."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from iiotctl.checks.base import Judged, Unjudged
from iiotctl.checks.relations import learnt as relations
from iiotctl.checks.sensors import bias, drift, relation_break
from tests.unit.checks.relations.relatives import Floats, noisy, process, tag, taught

_CHECKS = (bias, drift, relation_break)
_DAYS = 3
_X = process(_DAYS)
# a feature table has no infinities: its columns are of finite numbers
_ODD = st.sampled_from([np.nan, 0.0, 1e300, -1e300, 1e-300, 50.0])


@st.composite
def _levels(draw: st.DrawFn) -> Floats:
    """A good tag with stretches of rubbish, or rubbish alone."""
    level = noisy(_X, draw(st.integers(0, 5))) if draw(st.booleans()) else np.full(len(_X), draw(_ODD))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(level) - 1))
        level[at : at + draw(st.integers(1, 3000))] = draw(_ODD)
    return level


def _judged(levels: list[Floats], learning: int) -> None:
    tags = [tag(f"T{at}", level, learning=learning) for at, level in enumerate(levels)]
    made = taught(tags) if learning and len(levels[0]) else list(tags)
    for data in relations.heard(made):
        for check in _CHECKS:
            assert isinstance(check.judge(data, check.Params()), Judged | Unjudged)


@settings(max_examples=12, deadline=None)
@given(st.lists(_levels(), min_size=1, max_size=3))
def test_rubbish_never_raises(levels: list[Floats]) -> None:
    _judged(levels, 2 * 1440)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.lists(_ODD, min_size=1, max_size=3))
def test_tables_of_a_few_windows_never_raise(windows: int, learning: int, values: list[float]) -> None:
    levels = [np.resize(np.array([value, *values]), windows) for value in values]
    if windows:
        tags = [tag(f"T{at}", level, learning=learning) for at, level in enumerate(levels)]
        relations.learn(tags)
        for data in relations.heard(tags):
            for check in _CHECKS:
                check.judge(data, check.Params())


def test_a_witness_that_falls_silent_is_no_error() -> None:
    levels = [noisy(_X, at) for at in range(3)]
    tags = taught([tag(f"T{at}", level) for at, level in enumerate(levels)])
    columns = dict(tags[1].features.columns)
    columns["median"] = np.where(np.arange(len(_X)) < 2 * 1440, columns["median"], np.nan)
    tags[1] = replace(tags[1], features=replace(tags[1].features, columns=columns))
    vote = relations.heard(tags)[0].vote
    assert vote is not None
    assert vote.able[-50:].max() == 1
