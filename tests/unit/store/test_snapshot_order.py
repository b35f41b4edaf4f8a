"""The order of reading is the proof that each row is seen once: seal at every moment in between and count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from iiotctl.store.layout import Layout
from iiotctl.store.snapshot import Snapshot
from tests.unit.store.making import NOON, SECOND, batch, open_writer

STEPS = ("segments", "files")


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_sealing_between_two_looks_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, moment: str
) -> None:
    writer = open_writer(tmp_path)
    writer.commit(batch(NOON, 3))
    writer.rotate()
    writer.commit(batch(NOON + 100 * SECOND, 4))
    original = getattr(Layout, step)
    sealed: list[object] = []

    def look(*arguments: Any) -> Any:
        if moment == "before" and not sealed:
            writer.rotate()
            sealed.extend(writer.seal())
        found = list(original(*arguments))
        if moment == "after" and not sealed:
            writer.rotate()
            sealed.extend(writer.seal())
        return found

    monkeypatch.setattr(Layout, step, look)
    with Snapshot.open(tmp_path) as snapshot:
        monkeypatch.undo()
        assert sealed
        unsealed = snapshot.unsealed_samples()
        import polars as pl

        seen = [pl.read_parquet(path, hive_partitioning=False) for path in snapshot.sample_files]
        seen += [] if unsealed is None else [unsealed]
        rows = pl.concat(seen)
    writer.close()
    expected = len(batch(NOON, 3)) + len(batch(NOON + 100 * SECOND, 4))
    assert rows.height == expected
    assert rows.unique(["tag", "ts"]).height == expected
