"""Rows of one tag -> what the checks of values get to see, with its baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from iiotctl.checks.base import Check, Judged, Spell, Verdict
from iiotctl.checks.baseline.learn import learn
from iiotctl.checks.features.columns import HOUR, MINUTE, SECOND
from iiotctl.checks.features.compute import table_of
from iiotctl.checks.tagdata import TagData, TagInfo

LENGTH = 24 * HOUR
LEARNING = 12 * HOUR
Floats = npt.NDArray[np.float64]


def rows(every: float = 10.0, length: int = LENGTH) -> Floats:
    """s since the beginning."""
    return np.arange(0, length / SECOND, every)


def measured(*, noise: float = 0.2, lsb: float = 0.01, every: float = 10.0, seed: int = 1) -> Floats:
    """A healthy value around 50 that follows the hours."""
    t = rows(every)
    value = 50 + 4 * np.sin(2 * np.pi * t / 28_800) + np.random.default_rng(seed).normal(0, noise, len(t))
    found: Floats = np.round(np.round(value / lsb) * lsb, 9)
    return found


def place(hours: float, every: float = 10.0) -> int:
    """The row at so many hours."""
    return round(hours * 3600 / every)


def seen(value: Floats, *, every: float = 10.0, quality: npt.NDArray[np.uint32] | None = None, **facts: Any) -> TagData:
    """What a check sees of rows that come regularly; `facts` are those of `TagInfo`."""
    ts = np.round(rows(every) * SECOND).astype(np.int64)[: len(value)]
    count = LENGTH // MINUTE
    status = np.zeros(len(value), np.uint32) if quality is None else quality
    table = table_of(ts, value, status, window=MINUTE, start=0, count=count)
    data = TagData(
        info=TagInfo("T", **facts),
        features=table,
        learning=table.times() < LEARNING,
        judged=np.ones(count, np.bool_),
        state=np.full(count, 3, np.uint8),
        settled=np.ones(count, np.bool_),
        now=LENGTH,
        last_row=int(ts[-1]) if len(ts) else None,
    )
    return replace(data, baseline=learn(data))


def verdict(check: Check, data: TagData, **params: Any) -> Verdict:
    """As a run judges."""
    given: Any = check.params(**params)
    teach: Any = check.learn
    judge: Any = check.judge
    learnt: Mapping[str, Any] = teach(data, given) if teach else {}
    left = data.judged & ~data.learning if check.learns else data.judged
    found: Verdict = judge(replace(data, learnt=learnt, judged=left), given)
    return found


def spells(check: Check, data: TagData, **params: Any) -> list[Spell]:
    """What a check finds."""
    found = verdict(check, data, **params)
    assert isinstance(found, Judged), found
    return list(found.spells)
