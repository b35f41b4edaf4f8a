"""Steps back of a file's times: found across chunks, and none of a file that is sorted otherwise by design."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from iiotctl.imports.order import OrderBook

SECOND = 1_000_000
NAMES = {0: "a", 1: "b"}


def found(ts: npt.NDArray[Any], tag: npt.NDArray[Any] | int = 0, chunk: int = 1000) -> list[tuple[object, ...]]:
    frame = pl.DataFrame({"tag": np.broadcast_to(tag, len(ts)).astype(np.uint32), "ts": ts.astype(np.int64) * SECOND})
    book = OrderBook()
    for first in range(0, len(frame), chunk):
        book.take(frame[first : first + chunk])
    return book.found(NAMES).with_columns(pl.col("start", "end") // SECOND).rows()


@pytest.mark.parametrize("chunk", [7, 500, 100_000])
def test_a_clock_that_was_set_back(chunk: int) -> None:
    seconds = np.arange(10_000)
    ts = np.where((seconds >= 2000) & (seconds < 5000), seconds + 300, seconds)
    assert found(ts, chunk=chunk) == [("a", "backward", 5000, 5299, 1, 299.0)]


@pytest.mark.parametrize("chunk", [7, 100_000])
def test_tags_that_take_turns(chunk: int) -> None:
    seconds = np.repeat(np.arange(1000), 2)
    ts = seconds.copy()
    ts[501] = 240
    assert found(ts, np.tile([0, 1], 1000), chunk) == [("b", "backward", 240, 249, 1, 9.0)]


@pytest.mark.parametrize("order", ["newest first", "shuffled"])
def test_a_file_that_is_sorted_otherwise(order: str) -> None:
    ts = np.arange(5000)[::-1] if order == "newest first" else np.random.default_rng(1).permutation(5000)
    assert found(ts, chunk=300) == []


def test_many_tags_of_a_file_sorted_otherwise_take_no_room() -> None:
    book = OrderBook()
    back = np.arange(60_000)[::-1] * SECOND
    for _ in range(4):
        book.take(pl.DataFrame({"tag": np.zeros(60_000, np.uint32), "ts": back}))
    assert book._held <= 60_000
    assert not book.found(NAMES).height


def test_late_rows_close_together_are_one_stretch() -> None:
    ts = np.arange(20_000)
    ts[[100, 150, 9000]] -= 5
    assert [(start, rows, step) for _, _, start, _, rows, step in found(ts)] == [(95, 2, 4.0), (8995, 1, 4.0)]


def test_a_clock_is_not_lost_among_late_rows() -> None:
    ts = np.arange(20_000)
    ts[5000:9000] += 600
    ts[8000:10_000:150] -= 2
    steps = [(start, step) for _, _, start, _, _, step in found(ts) if isinstance(step, float) and step > 10]
    assert steps == [(9000, 599.0)]


def test_nothing() -> None:
    assert found(np.empty(0)) == []
    assert OrderBook().found({}).height == 0
