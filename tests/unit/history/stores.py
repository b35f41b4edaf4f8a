"""Stores with sealed and unsealed rows, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from iiotctl.eventframe import EventFrame
from iiotctl.history.sql.reader import Selection
from iiotctl.history.sql.result import Running
from iiotctl.history.sql.statement import Kind, Statement
from iiotctl.kept import Kept
from iiotctl.rollups import RollupBatch
from iiotctl.samples import Gap, GapReason, SampleBatch
from iiotctl.store import disorder
from iiotctl.store.bulk import BulkWriter
from iiotctl.store.schema import TagRow
from iiotctl.store.writer import StoreWriter

T0 = 1_795_000_000_000_000  # 2026-11-18T11:06:40Z
TAGS = ("press1.pressure", "press1.temperature", "oven.zone1", "oven.zone2")


def batch(
    tags: Sequence[int],
    ts: Sequence[int],
    values: Sequence[float],
    quality: Sequence[int] | None = None,
    text: list[str | None] | None = None,
) -> SampleBatch:
    return SampleBatch(
        tag=np.array(tags, np.uint32),
        ts=np.array(ts, np.int64),
        value=np.array(values, np.float64),
        quality=np.zeros(len(tags), np.uint32) if quality is None else np.array(quality, np.uint32),
        text=text,
    )


def writer(root: Path, now: int = T0) -> StoreWriter:
    opened = StoreWriter.open(root, site="plant1", run_info={}, now_us=lambda: now)
    opened.define_tags(
        [
            TagRow(code=code, tag=name, source=name.partition(".")[0], unit="bar" if code == 0 else "degC")
            for code, name in enumerate(TAGS)
        ]
    )
    return opened


def gap(
    id_: str, *, end: int | None = None, detected: int = T0, withdrawn: bool = False, tag: str | None = None
) -> Gap:
    return Gap(id_, "press1", tag, T0 - 10_000_000, end, GapReason.TIMEOUT, detected, withdrawn=withdrawn)


def rollup(
    tag: int, start: int, value: float, count: int = 1, *, closes: bool = True, **changes: object
) -> RollupBatch:
    """A part of a minute with `count` samples of one value at its very begin."""
    facts: dict[str, object] = {
        "tag": np.uint32(tag),
        "start": start,
        "end": start + 60_000_000,
        "count": count,
        "bad": 0,
        **dict.fromkeys(("min", "max", "mean", "first", "last"), value),
        "std": 0.0,
        **dict.fromkeys(("first_ts", "last_ts"), start),
        "quality": np.uint32(0),
        "partial": False,
        "closes": closes,
        **changes,
    }
    return RollupBatch(**{name: np.array([fact]) for name, fact in facts.items()})


def window(id_: str, *, end: int | None, detected: int = T0) -> Kept:
    """A kept window of all sources."""
    return Kept(id_, None, T0 - 1_000_000, end, "press1.trip rises", T0, detected)


def event(
    id_: str, start: int = T0, end: int | None = None, *, name: str = "hot", detected: int = T0, withdrawn: bool = False
) -> EventFrame:
    """An event of the press."""
    return EventFrame(
        id_,
        name,
        "press1",
        start,
        end,
        "high",
        condition=f"{TAGS[1]} > 60",
        until=f"{TAGS[1]} < 55",
        tags=(TAGS[1],),
        attributes={"duration_s": 1.5},
        detected_at=detected,
        definition_hash="f" * 16,
        tool_version="0.1.0",
        withdrawn=withdrawn,
    )


def with_events(root: Path, *found: EventFrame) -> Path:
    """The store with these events."""
    with BulkWriter.open(root, site="plant1", now_us=lambda: T0) as bulk:
        bulk.write_events(found)
    return root


def small_store(root: Path) -> Path:
    """Three sealed rows, two unsealed ones, three gaps of which one was taken back, a roll-up, a window, an event, disorder."""
    store = writer(root)
    store.commit(
        batch([0, 1, 2], [T0, T0 + 1, T0 + 2], [1.0, 2.0, 3.0]),
        [gap("open"), gap("closed"), gap("gone")],
        rollups=rollup(0, T0 // 60_000_000 * 60_000_000, 1.0, closes=False),
        kept=[window("w", end=None)],
    )
    store.rotate()
    store.seal()
    store.commit(
        batch([0, 1], [T0 + 1_000_000, T0 + 1_000_001], [1.5, float("nan")], [0, 0x800A0000]),
        [
            gap("closed", end=T0 - 5_000_001, detected=T0 + 5),
            gap("gone", detected=T0 + 5, withdrawn=True),
        ],
        rollups=rollup(0, T0 // 60_000_000 * 60_000_000, 3.0, 3, first_ts=T0, last_ts=T0),
        kept=[window("w", end=T0 + 2_000_000, detected=T0 + 5)],
    )
    store.close(seal=False)
    with BulkWriter.open(root, site="plant", now_us=lambda: T0) as bulk:
        bulk.write_disorder([disorder.of_rows(pl.DataFrame({"tag": [TAGS[0]], "ts": [T0]}), disorder.REPEATED)])
    return with_events(root, event("e"))


def ask(root: Path, sql: str, *, start: int | None = None, end: int | None = None) -> list[tuple[object, ...]]:
    """Rows of a SELECT that is trusted."""
    with Running(Selection(root, start, end), Statement(sql, Kind.SELECT), lambda event: None) as running:
        return [tuple(row) for row in running.rows()[1]]
