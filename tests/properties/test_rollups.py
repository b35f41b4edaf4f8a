"""Roll-ups of any split of a stream into batches, commits and runs are those of the whole stream, read back by SQL."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from iiotctl.capture.rollup import Rollups
from iiotctl.history.sql.reader import Selection
from iiotctl.history.sql.result import Running
from iiotctl.history.sql.statement import Kind, Statement
from iiotctl.quality import BAD
from iiotctl.samples import SampleBatch, empty_batch
from iiotctl.store.schema import TagRow
from iiotctl.store.writer import StoreWriter
from tests.crash.power_cut import QuietDisk

T0 = 1_795_000_000_000_000 - 1_795_000_000_000_000 % 60_000_000
MINUTE = 60_000_000
INTERVALS = ((MINUTE,), (MINUTE, 15 * MINUTE))
NAMES = ("press1.pressure", "oven.temperature")

values = st.one_of(
    st.floats(-1e6, 1e6),
    st.floats(1e9, 1e9 + 1),  # small noise on a large offset
    st.sampled_from([math.nan, math.inf, -math.inf, 0.0]),
)
samples = st.tuples(
    st.integers(0, 1),
    st.integers(0, 20 * MINUTE),
    values,
    st.sampled_from([0, 0, 0, 0x480, 0x40000000, 0x408F0000, BAD, 0x800A0000]),
)
cuts = st.sampled_from(["", "", "", "batch", "commit", "late", "restart"])
"""What happens before a sample: nothing, or the batch ends, the commit, the interval, the run."""


@dataclass
class Stream:
    """Samples and where they are cut; the times run up with some disorder."""

    rows: list[tuple[int, int, float, int]]
    cuts: list[str]


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    rows = draw(st.lists(samples, min_size=1, max_size=60))
    mess = draw(st.integers(0, 3))
    ordered = sorted(rows, key=lambda row: row[1] // (10 ** (mess + 5)))
    # of two samples of one time it depends on who came first which is the edge: leave that out
    unique = {(tag, ts): (tag, T0 + ts, value, quality) for tag, ts, value, quality in ordered}
    found = list(unique.values())
    return Stream(found, draw(st.lists(cuts, min_size=len(found), max_size=len(found))))


def _batch(rows: Sequence[tuple[int, int, float, int]]) -> SampleBatch:
    tag, ts, value, quality = zip(*rows, strict=True)
    return SampleBatch(np.array(tag, np.uint32), np.array(ts, np.int64), np.array(value), np.array(quality, np.uint32))


class _Capture:
    """Roll-ups between samples and a store, through commits and restarts."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.steady = 0
        self._start()

    def _start(self) -> None:
        self.rollups = Rollups()
        for code, name in enumerate(NAMES):
            self.rollups.define(code, ("plc", name), INTERVALS[code], raw=False)
        self.writer = StoreWriter.open(self.root, site="test", now_us=lambda: T0, disk=QuietDisk())
        self.writer.define_tags([TagRow(code, name, "plc") for code, name in enumerate(NAMES)])

    def batch(self, rows: list[tuple[int, int, float, int]]) -> None:
        if rows:
            self.rollups.add(_batch(rows), self.steady)
        rows.clear()

    def write(self, parts: Sequence[Any]) -> None:
        for part in parts:
            self.writer.commit(empty_batch(), rollups=part)

    def commit(self, later_us: int = 1_000_000) -> None:
        self.steady += later_us
        self.write(self.rollups.due(self.steady))

    def end(self, *, seal: bool = True) -> None:
        self.write(self.rollups.due(self.steady, ending=True))
        self.writer.close(seal=seal)

    def restart(self) -> None:
        self.end()
        self._start()


def _run(root: Path, stream: Stream) -> None:
    capture = _Capture(root)
    waiting: list[tuple[int, int, float, int]] = []
    for row, cut in zip(stream.rows, stream.cuts, strict=True):
        if cut:
            capture.batch(waiting)
        if cut == "commit":
            capture.commit()
        elif cut == "late":
            capture.commit(40 * MINUTE)
        elif cut == "restart":
            capture.restart()
        waiting.append(row)
    capture.batch(waiting)
    capture.end(seal=len(stream.rows) % 2 == 0)


def _found(root: Path) -> dict[tuple[str, int, int], tuple[Any, ...]]:
    sql = (
        'SELECT tag, epoch_us(start), epoch_us("end"), "min", "max", mean, std, "count", bad, "first",'
        ' epoch_us(first_ts), "last", epoch_us(last_ts), quality, partial FROM rollups'
    )
    with Running(Selection(root), Statement(sql, Kind.SELECT), lambda event: None) as running:
        rows = [tuple(row) for row in running.rows()[1]]
    keys = [row[:3] for row in rows]
    assert len(set(keys)) == len(keys), "one row a tag and interval"
    return {row[:3]: row[3:] for row in rows}


def _expected(stream: Stream) -> dict[tuple[str, int, int], tuple[Any, ...]]:
    of: dict[tuple[str, int, int], list[tuple[int, float, int]]] = {}
    for code, ts, value, quality in stream.rows:
        for interval in INTERVALS[code]:
            start = ts - ts % interval
            of.setdefault((NAMES[code], start, start + interval), []).append((ts, value, quality))
    found = {}
    for key, rows in of.items():
        usable = sorted((ts, value) for ts, value, quality in rows if math.isfinite(value) and quality < BAD)
        worst = max(quality for _, _, quality in rows)
        bad = len(rows) - len(usable)
        if not usable:
            found[key] = (None, None, None, None, 0, bad, None, None, None, None, worst)
            continue
        numbers = np.array([value for _, value in usable])
        (first_ts, first), (last_ts, last) = usable[0], usable[-1]
        figures = (numbers.min(), numbers.max(), math.fsum(numbers) / len(numbers), numbers.std())
        found[key] = (*figures, len(numbers), bad, first, first_ts, last, last_ts, worst)
    return found


@given(streams())
@example(Stream([(0, T0 + n, 1e9 + n % 2, 0) for n in range(20)], ["", "commit", "late", "restart"] * 5))
@settings(max_examples=60)
def test_any_split_gives_the_rollups_of_the_whole(stream: Stream) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _run(Path(folder), stream)
        found = _found(Path(folder))
    expected = _expected(stream)
    assert set(found) == set(expected)
    for key, wanted in expected.items():
        *figures, partial = found[key]
        exact = [0, 1, *range(4, 11)]
        assert [figures[place] for place in exact] == [wanted[place] for place in exact]
        if wanted[2] is not None:
            scale = max(abs(wanted[0]), abs(wanted[1]))
            spread = wanted[1] - wanted[0]
            assert figures[2] == pytest.approx(wanted[2], abs=1e-14 * scale + 1e-300)
            assert figures[3] == pytest.approx(wanted[3], abs=1e-9 * spread + 2e-15 * scale)
        assert isinstance(partial, bool)


@given(st.lists(st.integers(1, 59), min_size=1, max_size=20), st.integers(1, 10))
def test_a_stream_without_holes_has_whole_intervals_but_for_its_ends(sizes: list[int], minutes: int) -> None:
    """One sample a second from inside a minute to inside another; whatever the batches are."""
    rollups = Rollups()
    rollups.define(0, ("plc", NAMES[0]), [MINUTE], raw=True)
    seconds = np.arange(30, 60 * minutes + 30)
    out, place, turn = [], 0, 0
    while place < len(seconds):
        some = seconds[place : place + sizes[turn % len(sizes)]]
        n = len(some)
        rollups.add(
            SampleBatch(np.zeros(n, np.uint32), T0 + some * 1_000_000, some * 1.0, np.zeros(n, np.uint32)),
            int(some[-1]) * 1_000_000,
        )
        out += rollups.due(int(some[-1]) * 1_000_000)
        place, turn = place + n, turn + 1
    out += rollups.due(int(seconds[-1]) * 1_000_000, ending=True)
    rows = {
        int(start): (int(count), bool(partial), bool(closes))
        for part in out
        for start, count, partial, closes in zip(part.start, part.count, part.partial, part.closes, strict=True)
    }
    assert sum(len(part) for part in out) == len(rows) == minutes + 1, "one part each: nothing came late"
    for number in range(minutes + 1):
        count, partial, closes = rows[T0 + number * MINUTE]
        if number == 0:
            assert (count, partial) == (30, True)
        elif number == minutes:
            assert (count, closes) == (30, False)
        else:
            assert (count, partial, closes) == (60, False, True)
