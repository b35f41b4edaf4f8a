"""Readers against the writer and the sealer: never a row twice, never a committed row missing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

import numpy as np
import pytest

from iiotctl.errors import StoreError
from iiotctl.history.sql.reader import Selection
from iiotctl.history.sql.result import Running
from iiotctl.history.sql.statement import Kind, Statement
from iiotctl.ops.last import last
from iiotctl.samples import SampleBatch
from iiotctl.store.snapshot import Snapshot
from tests.unit.history.stores import T0, ask, small_store, writer

QUERIES = 100
ROWS = 20
COUNT = Statement("SELECT count(*), count(DISTINCT (tag, ts)), max(ts) FROM samples", Kind.SELECT)


class Plant:
    """Commits in one thread and seals in another, a little with each query, so that the store stays small."""

    def __init__(self, root: Path) -> None:
        self.store = writer(root)
        self.begun = self.committed = self.sealed = 0
        self._stop = threading.Event()
        self._turns = [threading.Semaphore(0), threading.Semaphore(0)]
        self._threads = [
            threading.Thread(target=self._loop, args=(turn, work))
            for turn, work in zip(self._turns, (self._write, self._seal), strict=True)
        ]

    def _loop(self, turn: threading.Semaphore, work: Callable[[], None]) -> None:
        while turn.acquire() and not self._stop.is_set():
            work()

    def _write(self) -> None:
        for _ in range(3):
            ts = T0 + (self.begun + np.arange(ROWS)) * 1000
            self.begun += ROWS
            self.store.commit(
                SampleBatch((np.arange(ROWS) % 4).astype(np.uint32), ts, np.zeros(ROWS), np.zeros(ROWS, np.uint32))
            )
            self.committed += ROWS

    def _seal(self) -> None:
        self.store.rotate()
        self.sealed += len(self.store.seal())

    def turn(self) -> None:
        """Let both work while the caller reads."""
        for turn in self._turns:
            turn.release()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.turn()
        for thread in self._threads:
            thread.join()
        self.store.close()


def test_every_committed_row_is_counted_once_while_segments_are_sealed(tmp_path: Path) -> None:
    root = tmp_path / "store"
    sealed_before: set[int] = set()
    with Plant(root) as plant:
        for number in range(QUERIES):
            plant.turn()
            at_least = plant.committed
            if number % 10 == 0:
                rows = last(root, ["press1.*", "oven.*"], lambda event: None) if at_least else []
                newest = max((row.ts for row in rows if row.ts is not None), default=None)
                if newest is not None:
                    assert newest.timestamp() * 1e6 >= T0 + (at_least - 1) * 1000 - 1
                continue
            with Running(Selection(root), COUNT, lambda event: None) as running:
                ((count, distinct, _),) = running.rows()[1]
            at_most = plant.begun
            assert count == distinct
            assert at_least <= int(str(count)) <= at_most
            sealed_before.add(plant.sealed)
    assert ask(root, "SELECT count(*) FROM samples") == [(plant.committed,)]
    assert len(sealed_before) > 5, "the race did not happen"


def _vanishing(root: Path, times: int) -> tuple[list[int], object]:
    """A way to open snapshots of which the first ones name a file that has gone."""
    opened: list[int] = []

    def open_(path: Path, start: int | None, end: int | None) -> Snapshot:
        snapshot = Snapshot.open(path, start=start, end=end)
        opened.append(1)
        if len(opened) <= times:
            snapshot.sample_files.append(snapshot.sample_files[0].with_name("raw-compacted-away.parquet"))
        return snapshot

    return opened, open_


def test_a_file_that_vanished_before_the_first_row_is_planned_again_once(tmp_path: Path) -> None:
    root = small_store(tmp_path / "store")
    opened, open_ = _vanishing(root, 1)
    with Running(Selection(root), COUNT, lambda event: None, opened=open_) as running:  # type: ignore[arg-type]
        assert next(iter(running.rows()[1]))[0] == 5
    assert len(opened) == 2


def test_files_that_keep_vanishing_are_an_error(tmp_path: Path) -> None:
    root = small_store(tmp_path / "store")
    opened, open_ = _vanishing(root, 99)
    with (
        pytest.raises(StoreError) as caught,
        Running(Selection(root), COUNT, lambda event: None, opened=open_) as running,  # type: ignore[arg-type]
    ):
        running.rows()
    assert caught.value.slug == "store-changed"
    assert len(opened) == 2


def test_a_file_that_vanishes_after_output_has_begun_is_an_error(tmp_path: Path) -> None:
    root = tmp_path / "store"
    store = writer(root)
    for day in range(60):
        ts = T0 + day * 86_400_000_000 + np.arange(30_000) * 1000
        store.commit(
            SampleBatch(
                np.zeros(30_000, np.uint32), ts, np.random.default_rng(day).random(30_000), np.zeros(30_000, np.uint32)
            )
        )
    store.close()
    statement = Statement("SELECT * FROM samples", Kind.SELECT)
    with Running(Selection(root), statement, lambda event: None) as running:
        rows = running.rows()[1]
        next(iter(rows))
        for path in (root / "samples").rglob("*.parquet"):
            path.unlink()
        with pytest.raises(StoreError) as caught:
            list(rows)
    assert caught.value.slug == "store-changed"
    assert caught.value.exit_code == 5
