"""Related tags made of arrays: a level a minute, no samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from iiotctl.checks.baseline.model import TagBaseline
from iiotctl.checks.features.columns import Features
from iiotctl.checks.relations import learnt as relations
from iiotctl.checks.relations.learnt import RELATIONS
from iiotctl.checks.relations.votes import Vote
from iiotctl.checks.tagdata import TagData
from tests.unit.checks import faketags

Floats = npt.NDArray[np.float64]
DAY = 1440
"""Windows."""


def process(days: int, seed: int = 1, size: float = 10.0) -> Floats:
    """(windows,) a level that goes to another set-point every four hours, slowly."""
    rng = np.random.default_rng(seed)
    goals = np.repeat(50 + size * rng.uniform(-1, 1, days * 6), 240)
    return lagged(goals, 15.0)


def lagged(level: Floats, windows: float) -> Floats:
    """First-order lag of so many windows."""
    share = 1 - np.exp(-1 / windows)
    state = float(level[0])
    out = np.empty(len(level))
    for at, goal in enumerate(level.tolist()):
        state += share * (goal - state)
        out[at] = state
    return out


def noisy(level: Floats, seed: int, sigma: float = 0.05) -> Floats:
    """With a sensor's noise."""
    return level + sigma * np.random.default_rng(seed).standard_normal(len(level))


def tag(name: str, level: Floats, learning: int = 2 * DAY, **facts: object) -> TagData:
    """A tag with these medians; the first so many windows are learnt from."""
    made = faketags.tag(name, windows=len(level), **facts)
    columns = dict(made.features.columns)
    columns["median"] = np.asarray(level, np.float64)
    columns["min"], columns["max"] = columns["median"] - 0.1, columns["median"] + 0.1
    columns["step_max"] = np.abs(np.diff(columns["median"], prepend=level[:1])) + 0.05
    first = np.arange(len(level)) < learning
    return replace(
        made,
        features=Features(made.features.window, made.features.start, columns),
        learning=first,
        judged=~first,
    )


def taught(tags: Sequence[TagData]) -> list[TagData]:
    """With a baseline that knows the relations, as a run makes it."""
    learnt = relations.learn(tags)
    return [replace(data, baseline=_baseline(data, learnt.get(data.info.tag, {}))) for data in tags]


def heard(tags: Sequence[TagData]) -> dict[str, TagData]:
    """Learnt from and heard, by name."""
    return {data.info.tag: data for data in relations.heard(taught(tags))}


def vote(size: Floats, limit: float = 1.0, voters: int = 3) -> Vote:
    """Witnesses that all see the same deviation, a number a cell of 10 min."""
    cells = len(size)
    beyond = np.abs(size) > limit
    many = np.full(cells, voters, np.int64)
    return Vote(
        start=faketags.START,
        cell=10 * 60 * 1_000_000,
        away=size,
        limit=np.full(cells, limit),
        supporters=np.where(beyond, many, 0),
        against=np.where(beyond, 0, many),
        strength=np.abs(size) / limit,
        able=many,
        names=tuple(f"W{at}" for at in range(voters)),
        range=100.0,
        deviations=np.repeat(size[None], voters, axis=0),
        strayed=np.zeros(cells, np.bool_),
    )


def _baseline(data: TagData, learnt: object) -> TagBaseline:
    from iiotctl.checks.baseline.learn import learn

    base = learn(data)
    assert base is not None
    return replace(base, learnt={RELATIONS: learnt})  # type: ignore[dict-item]
