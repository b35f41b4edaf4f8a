"""Roll-ups and kept windows: in the same commit as their samples, sealed, verified, counted, read; old segments too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from iiotctl.errors import StoreError
from iiotctl.kept import Kept
from iiotctl.samples import empty_batch
from iiotctl.store import frames, spool
from iiotctl.store.layout import CAPTURED, SEGMENT_FORMAT, Layout, SegmentName
from iiotctl.store.schema import dtypes
from iiotctl.store.snapshot import Snapshot
from iiotctl.store.status import status
from iiotctl.store.verify import Verdict, verify
from iiotctl.store.writer import StoreWriter
from tests.unit.history.stores import rollup
from tests.unit.store.making import NOON, SECOND, batch, gap, open_writer

DAY = 86_400 * SECOND
WINDOW = Kept("w", None, NOON, None, "trip rises", NOON + 1, NOON + 2)


def filled(root: Path) -> StoreWriter:
    """A commit with rows of every table, over two dates."""
    writer = open_writer(root)
    writer.commit(
        batch(NOON, 2), [gap("g", NOON, None, NOON)], {"plc": NOON}, rollups=rollup(0, NOON, 1.5), kept=[WINDOW]
    )
    writer.commit(empty_batch(), rollups=rollup(1, NOON + DAY, 2.5, closes=False))
    return writer


def test_every_table_reads_the_same_sealed_and_unsealed(tmp_path: Path) -> None:
    writer = filled(tmp_path)
    with Snapshot.open(tmp_path) as view:
        before = {table: view.unsealed(table) for table in CAPTURED}
        assert view.unsealed_rows == 6
    writer.close()
    with Snapshot.open(tmp_path) as view:
        assert not view.has_unsealed
        after = {
            table: pl.concat([pl.read_parquet(path, hive_partitioning=False) for path in view.files[table]])
            for table in CAPTURED
        }
        assert [len(view.rollup_files), len(view.kept_files)] == [2, 1]
    for table in CAPTURED:
        found = before[table]
        assert found is not None
        assert dict(found.schema) == dtypes(table)
        assert found.sort(pl.all()).equals(after[table].sort(pl.all())), table


def test_they_are_verified_and_counted(tmp_path: Path) -> None:
    writer = filled(tmp_path)
    assert (status(tmp_path).rollups, status(tmp_path).kept) == (2, 1)
    writer.close()
    found = status(tmp_path)
    assert (found.rollups, found.kept, found.rows) == (2, 1, 6)
    assert verify(tmp_path).sound
    (path,) = (tmp_path / "kept").rglob("*.parquet")
    path.unlink()
    (damaged, _) = (tmp_path / "rollups").rglob("*.parquet")
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(bytes(data))
    assert {flaw.verdict for flaw in verify(tmp_path).flaws} == {Verdict.MISSING, Verdict.DAMAGED}


def test_a_range_needs_only_the_files_of_its_dates(tmp_path: Path) -> None:
    filled(tmp_path).close()
    with Snapshot.open(tmp_path, start=NOON + DAY) as view:
        assert [path.parent.name for path in view.rollup_files] == ["date=2026-11-24"]
        assert len(view.kept_files) == 1


def test_the_next_run_knows_what_was_rolled_and_kept(tmp_path: Path) -> None:
    writer = filled(tmp_path)
    writer.close(seal=False)
    for _ in range(2):  # from the segment, then from the checkpoint
        again = open_writer(tmp_path, define=False)
        assert again.recovered.open_kept == [WINDOW]
        assert again.recovered.rolled == {
            "press.pressure": {60 * SECOND: NOON + 60 * SECOND - 1},
            "oven.temperature": {60 * SECOND: NOON + DAY},
        }
        again.close(ended=False)


def test_the_last_value_of_a_rollup_is_the_tags_latest_row(tmp_path: Path) -> None:
    """So a tag whose samples are not stored goes on after a restart; a stored sample of the same time stays."""
    writer = filled(tmp_path)
    writer.commit(empty_batch(), rollups=rollup(0, NOON, 9.0, last_ts=NOON + SECOND))
    writer.close()
    last = open_writer(tmp_path, define=False).recovered.last
    assert (last["press.pressure"].ts, last["press.pressure"].value) == (NOON + SECOND, 3.0)
    assert (last["oven.temperature"].ts, last["oven.temperature"].value) == (NOON + DAY, 2.5)


def test_codes_of_rollups_must_be_defined(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="tag code 7"):
        open_writer(tmp_path).commit(empty_batch(), rollups=rollup(7, NOON, 1.0))


def _segment(root: Path) -> tuple[SegmentName, Path, bytes]:
    ((name, path),) = Layout(root).segments()
    return name, path, path.read_bytes()


def test_a_commit_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    filled(tmp_path).close(seal=False)
    name, path, data = _segment(tmp_path)
    ends = [frame.end for frame in frames.scan(data)]
    for size in range(ends[1], len(data) + 1, 7):
        found = spool.parse(name, path, data[:size])
        assert len({bool(found.rows), bool(found.gaps), bool(found.kept), bool(found.rollups)}) == 1


def test_segments_of_before_are_read_and_newer_ones_refused(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    writer.commit(batch(NOON), [gap("g", NOON, None, NOON)])
    writer.close(seal=False)
    name, path, data = _segment(tmp_path)

    def with_format(number: int) -> bytes:
        first = next(iter(frames.scan(data)))
        header = {**spool._unpack_json(first.payload), "format": number}
        return frames.pack(frames.Kind.HEADER, spool._pack_json(header)) + data[first.end :]

    old = spool.parse(name, path, with_format(1))
    assert (old.rows, len(old.gaps), old.rollup_rows, old.kept) == (3, 1, 0, [])
    assert spool.parse(name, path, data).header["format"] == SEGMENT_FORMAT == 2
    with pytest.raises(StoreError) as caught:
        spool.parse(name, path, with_format(3))
    assert caught.value.slug == "store-format"
    assert "has format 3, this iiotctl reads format 2" in caught.value.what


def test_nothing_of_a_rollup_without_values_is_a_number(tmp_path: Path) -> None:
    nothing = dict.fromkeys(("min", "max", "mean", "std", "first", "last"), np.nan)
    edges = dict.fromkeys(("first_ts", "last_ts"), np.iinfo(np.int64).min)
    writer = open_writer(tmp_path)
    writer.commit(empty_batch(), rollups=rollup(0, NOON, 0.0, 0, bad=3, **nothing, **edges))
    with Snapshot.open(tmp_path) as view:
        found = view.unsealed_rollups()
    assert found is not None
    assert found.select(*nothing, *edges).null_count().sum_horizontal().item() == 8
    writer.close()
