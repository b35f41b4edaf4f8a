"""Rows as a file brings them -> what the checks of times get to see, by way of a real import's bookkeeping."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from iiotctl.checks.baseline.learn import learn
from iiotctl.checks.features.columns import HOUR, MINUTE, SECOND
from iiotctl.checks.features.compute import table_of
from iiotctl.checks.tagdata import Disorder, TagData, TagInfo
from iiotctl.imports.order import OrderBook
from iiotctl.store import disorder

LEARNING = 2 * HOUR
LENGTH = 10 * HOUR
Ints = npt.NDArray[np.int64]


def regular(*, every: float = 1.0, jitter: float = 0.0, lost: float = 0.0, seed: int = 1) -> Ints:
    """µs, times of a tag that reports regularly: `jitter` s (standard deviation), a share of rows `lost`."""
    rng = np.random.default_rng(seed)
    at = np.arange(0, LENGTH, round(every * SECOND), dtype=np.int64)
    at = at + np.round(rng.normal(0, jitter, len(at)) * SECOND).astype(np.int64)
    kept: Ints = at[rng.random(len(at)) >= lost]
    return kept


def shifted(clock: Ints, start: int, end: int, by: float) -> Ints:
    """The times that a clock says which is wrong by so many s for a while."""
    return np.where((clock >= start) & (clock < end), clock + round(by * SECOND), clock)


def seen(
    ts: Ints,
    value: npt.NDArray[np.float64] | None = None,
    quality: npt.NDArray[np.uint32] | None = None,
    *,
    ordered: bool = True,
    received: Ints | None = None,
    **more: Any,
) -> TagData:
    """What a check sees of rows that came in this order.

    Args:
        ts: µs, as the rows say.
        value: None = noise.
        quality: None = Good.
        ordered: whether the file kept the order of arrival; else it was sorted by time.
        received: µs, arrival.
        more: fields of `TagData`, and `info`.
    """
    value = np.random.default_rng(2).normal(50, 1, len(ts)) if value is None else value
    quality = np.zeros(len(ts), np.uint32) if quality is None else quality
    order = np.argsort(ts, kind="stable")
    book = OrderBook()
    book.take(pl.DataFrame({"tag": np.zeros(len(ts), np.uint32), "ts": ts if ordered else ts[order]}))
    at, level = ts[order], value[order]
    first = np.diff(at, prepend=-1) != 0
    same = np.diff(level, prepend=np.nan) == 0
    parts = [
        book.found({0: "T"}),
        disorder.of_rows(pl.DataFrame({"tag": "T", "ts": at[~first & same]}), disorder.REPEATED),
        disorder.of_rows(pl.DataFrame({"tag": "T", "ts": at[~first & ~same]}), disorder.CONFLICTING),
    ]
    noted = disorder.together(parts).select("start", "end", "kind", "rows", "step").rows()
    count = LENGTH // MINUTE
    table = table_of(
        at[first],
        level[first],
        quality[order][first],
        window=MINUTE,
        start=0,
        count=count,
        received=None if received is None else received[order][first],
    )
    data = TagData(
        info=more.pop("info", TagInfo("T")),
        features=table,
        learning=table.times() < LEARNING,
        judged=np.ones(count, np.bool_),
        state=np.full(count, 3, np.uint8),
        settled=np.ones(count, np.bool_),
        now=more.pop("now", LENGTH),
        disorder=[Disorder(*row) for row in noted],
        last_row=int(at[-1]) if len(at) else None,
        **more,
    )
    return replace(data, baseline=learn(data))
