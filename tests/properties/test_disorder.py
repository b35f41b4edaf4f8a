"""What is noted of rows out of order, against the plainest way to find it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from iiotctl.imports.order import OrderBook
from iiotctl.store import disorder

Rows = list[tuple[int, int]]
ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5_000_000_000)), max_size=60)


@given(rows=ROWS, cuts=st.lists(st.integers(0, 60), max_size=5))
def test_steps_back_whatever_the_chunks(rows: Rows, cuts: list[int]) -> None:
    book = OrderBook()
    edges = sorted({0, len(rows), *(min(cut, len(rows)) for cut in cuts)})
    for first, stop in pairwise(edges):
        part = rows[first:stop]
        book.take(pl.DataFrame({"tag": np.array([r[0] for r in part], np.uint32), "ts": [r[1] for r in part]}))
    found = book.found({tag: str(tag) for tag in range(3)})
    for tag in range(3):
        times = [ts for of, ts in rows if of == tag]
        steps = [(before - ts) / 1e6 for before, ts in pairwise(times) if ts < before]
        mine = found.filter(pl.col("tag") == str(tag))
        if len(steps) > 10:
            assert mine.height == 0, "so many of so few rows are sorted otherwise"
        else:
            assert mine["rows"].sum() == len(steps)
            assert mine["step"].max() == (max(steps) if steps else None)


@given(rows=ROWS)
def test_stretches_hold_every_row_and_do_not_touch(rows: Rows) -> None:
    frame = pl.DataFrame(
        {"tag": [str(tag) for tag, _ in rows], "ts": [ts for _, ts in rows]}, schema={"tag": pl.String, "ts": pl.Int64}
    )
    found = disorder.of_rows(frame, disorder.REPEATED)
    assert found["rows"].sum() == len(rows)
    for tag, ts in rows:
        assert found.filter((pl.col("tag") == str(tag)) & (pl.col("start") <= ts) & (pl.col("end") >= ts)).height == 1
    for mine in found.partition_by("tag"):
        apart = mine["start"].to_numpy()[1:] - mine["end"].to_numpy()[:-1]
        assert (apart >= disorder.TOGETHER_US).all()
    assert disorder.together([found]).equals(found)
