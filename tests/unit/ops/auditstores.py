"""Stores of a few tags and days, and checks that a test sets, for audits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iiotctl.checks import registry
from iiotctl.checks.base import Check, Judged, Skipped, Spell, Unjudged, Verdict
from iiotctl.checks.features.columns import DAY, SECOND
from iiotctl.checks.tagdata import TagData
from iiotctl.samples import SampleBatch
from iiotctl.store.schema import TagRow
from iiotctl.store.writer import StoreWriter
from tests.unit.checks.faketags import check

T0 = 20514 * DAY
"""µs UTC, the first row: 2 March 2026."""
NOW = T0 + 30 * DAY


@dataclass(frozen=True, slots=True)
class Rows:
    """Samples of one tag."""

    ts: np.ndarray
    value: np.ndarray
    quality: np.ndarray
    text: list[str | None] | None = None


def rows(
    days: float = 4, *, level: float = 50.0, start: float = 0.0, period: float = 10.0, seed: int = 1, quality: int = 0
) -> Rows:
    """Noise around a level, from `start` days behind T0 on."""
    count = max(1, round(days * 86_400 / period))
    ts = T0 + round(start * DAY) + np.arange(count, dtype=np.int64) * round(period * SECOND)
    value = np.round(level + np.random.default_rng(seed).normal(0, 1, count), 2)
    return Rows(ts, value, np.full(count, quality, np.uint32))


def store(root: Path, tags: Mapping[str, Rows], *, now: int = NOW, **facts: Any) -> Path:
    """A store with these tags; `facts` of `TagRow` for all of them, or for one by its name."""
    own = {name: facts.pop(name, {}) for name in list(facts) if name in tags}
    opened = StoreWriter.open(root, site="plant1", run_info={}, now_us=lambda: now)
    opened.define_tags(
        [
            TagRow(
                code=code,
                tag=name,
                **({"source": "plc1", "unit": "bar", "mode": "imported"} | facts | own.get(name, {})),
            )
            for code, name in enumerate(tags)
        ]
    )
    for code, (_, of) in enumerate(tags.items()):
        opened.commit(SampleBatch(np.full(len(of.ts), code, np.uint32), of.ts, of.value, of.quality, text=of.text))
    opened.close()
    return root


def installed(monkeypatch: pytest.MonkeyPatch, *checks: Check) -> None:
    """These are the checks that there are."""
    by_id = {one.id: one for one in checks}
    monkeypatch.setattr(registry, "chosen", lambda select=(), ignore=(): by_id)
    monkeypatch.setattr(registry, "names", lambda: sorted(by_id))


def _judge(data: TagData, params: Any) -> Verdict:
    del params
    if data.info.text:
        return Skipped("a text")
    if data.baseline is None:
        return Unjudged("no baseline")
    limit = data.baseline.quantile("median", 1.0)
    above = np.flatnonzero(data.judged & (data.features["median"] > limit + 5))
    if not len(above):
        return Judged()
    start, end = data.features.time_of(int(above[0])), data.features.time_of(int(above[-1]) + 1)
    level = float(np.nanmax(data.features["median"][above]))
    return Judged((Spell(start, end, level, limit, f"at {level:g} {data.info.unit}", data.info.unit),))


HIGH = check(_judge, "level-high", learns=True, learn=lambda data, params: {"seen": float(data.features["n"].sum())})
"""Fires while a tag is 5 above all that it learnt."""
MOVING = replace(HIGH, id="moving-high", moving_only=True)


def raised(of: Rows, first: float, last: float, by: float = 20.0) -> Rows:
    """Higher between two days behind T0."""
    higher = (of.ts >= T0 + first * DAY) & (of.ts < T0 + last * DAY)
    return Rows(of.ts, np.where(higher, of.value + by, of.value), of.quality, of.text)


def days(at: int) -> float:
    """Days behind T0."""
    return (at - T0) / DAY
