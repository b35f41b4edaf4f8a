"""Writing in bulk: once, whatever is repeated; beside a capture; and whole wherever it is cut off."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from iiotctl.errors import StoreError
from iiotctl.samples import Gap, GapReason, SampleBatch
from iiotctl.store.bulk import BulkWriter
from iiotctl.store.durable import Disk
from iiotctl.store.known import known_tags
from iiotctl.store.layout import PART_SUFFIX
from iiotctl.store.schema import IMPORTED, TagRow
from iiotctl.store.stage import Stage
from iiotctl.store.verify import HARMLESS, verify
from iiotctl.store.writer import StoreWriter
from tests.unit.store.bulk_stores import NOW, coded, samples, store

DAY = 86_400_000_000
START = NOW // DAY * DAY - 20 * DAY
Rows = list[tuple[str, int, float | None]]
ROWS: Rows = [(f"t{i % 3}", START + i * DAY // 7, float(i)) for i in range(60)]


def _keys(root: Path) -> Rows:
    frame = samples(root).select("tag", pl.col("ts").dt.epoch("us"), "value")
    return frame.rows()


def test_what_goes_in_comes_out_sorted_and_sound(tmp_path: Path) -> None:
    done = store(tmp_path, list(reversed(ROWS)))
    assert (done.rows, done.already, done.conflicts) == (60, 0, 0)
    assert _keys(tmp_path) == sorted(ROWS)
    assert verify(tmp_path).sound
    assert set(samples(tmp_path)["site"]) == {"plant"}
    assert not list(tmp_path.rglob("*.part"))


def test_the_same_rows_again_are_nothing_new(tmp_path: Path) -> None:
    store(tmp_path, ROWS[:40])
    done = store(tmp_path, ROWS + ROWS[:5])
    assert (done.rows, done.already) == (20, 45)
    assert _keys(tmp_path) == sorted(ROWS)


def test_null_and_nan_are_the_same_no_value(tmp_path: Path) -> None:
    assert store(tmp_path, [("a", START, None)]).rows == 1
    assert store(tmp_path, [("a", START, float("nan"))]).already == 1


@pytest.mark.parametrize("wish", [False, True])
def test_another_value_at_the_same_time_is_a_conflict(tmp_path: Path, wish: bool) -> None:
    store(tmp_path, [("a", START, 1.0)])
    for fresh in (True, False):
        done = store(tmp_path, [("a", START, 2.0)], store_conflicts=wish)
        assert done.conflicts == (not wish or fresh)
        assert done.rows == (wish and fresh)
        if done.disputes:
            assert done.disputes[0].select("tag", "value").rows() == [("a", 2.0)]
    assert len(_keys(tmp_path)) == (2 if wish else 1)


def test_conflicts_within_one_go_keep_the_first(tmp_path: Path) -> None:
    done = store(tmp_path, [("a", START, 1.0), ("a", START, 3.0), ("a", START, 2.0)])
    assert (done.rows, done.conflicts) == (1, 2)
    assert _keys(tmp_path) == [("a", START, 1.0)]


def test_beside_a_running_capture(tmp_path: Path) -> None:
    capture = StoreWriter.open(tmp_path, site="plant", now_us=lambda: NOW)
    capture.define_tags([TagRow(0, "t0", "plc")])
    at = np.array([ts for tag, ts, _ in ROWS if tag == "t0"][:3], np.int64)
    capture.commit(SampleBatch(np.zeros(3, np.uint32), at, np.array([0.0, 3.0, 99.0]), np.zeros(3, np.uint32)))
    # two of the rows stand unsealed in the spool, a third one with another value
    done = store(tmp_path, ROWS)
    assert (done.rows, done.already, done.conflicts) == (57, 2, 1)
    capture.rotate()
    capture.seal()
    capture.close()
    assert verify(tmp_path).sound
    assert samples(tmp_path).height == 60
    again = StoreWriter.open(tmp_path, site="plant", now_us=lambda: NOW + DAY)
    assert again.recovered.damaged == ()
    assert again.recovered.clean
    again.close()


def test_the_first_capture_after_an_import_finds_nothing_damaged(tmp_path: Path) -> None:
    store(tmp_path, ROWS)
    capture = StoreWriter.open(tmp_path, site="plant", now_us=lambda: NOW)
    assert capture.recovered.damaged == ()
    assert capture.recovered.run is None
    capture.close()


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    with BulkWriter.open(tmp_path, now_us=lambda: NOW), pytest.raises(StoreError) as caught:
        BulkWriter.open(tmp_path, now_us=lambda: NOW)
    assert caught.value.slug == "import-running"


def test_a_folder_of_something_newer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store.toml").write_text("format = 99\n")
    with pytest.raises(StoreError):
        BulkWriter.open(tmp_path, now_us=lambda: NOW)


def test_tags_and_gaps(tmp_path: Path) -> None:
    with BulkWriter.open(tmp_path, site="plant", now_us=lambda: NOW) as writer:
        writer.write_tags([(TagRow(0, "t1", "import", unit="bar", mode=IMPORTED), START)])
        writer.write_gaps([Gap("g", "plc", None, START, START + 5, GapReason.TIMEOUT, NOW, "backfill")])
    assert set(known_tags(tmp_path)) == {"t1"}
    assert verify(tmp_path).sound


class _Killed(BaseException):
    """As a SIGKILL: no handler of ours runs on it."""


class _DyingDisk(Disk):
    """Does `steps` changes, then the process is gone."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.left = steps

    def _step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise _Killed

    def create(self, path: Path) -> int:
        self._step()
        return super().create(path)

    def write(self, descriptor: int, data: bytes) -> None:
        self._step()
        super().write(descriptor, data[: len(data) // 2] if self.left == 0 else data)

    def sync(self, descriptor: int) -> None:
        self._step()

    def sync_dir(self, path: Path) -> None:
        self._step()

    def rename(self, source: Path, target: Path) -> None:
        self._step()
        super().rename(source, target)

    def unlink(self, path: Path) -> None:
        self._step()
        super().unlink(path)


def test_killed_at_every_step_and_repeated(tmp_path: Path) -> None:
    """After each kill the store is sound, and the next import completes it without a duplicate."""
    rows = ROWS[::20]
    steps = died = 0
    while True:
        root = tmp_path / str(steps)
        disk = _DyingDisk(steps)
        try:
            with BulkWriter.open(root, site="plant", now_us=lambda: NOW, disk=disk) as writer:
                writer.add(coded(writer, rows))
                writer.flush()
                writer.write_tags([(TagRow(0, "t1", "import"), START)])
        except _Killed:
            died += 1
        if (root / "store.toml").exists():
            found = verify(root)
            assert {flaw.verdict for flaw in found.flaws} <= HARMLESS, (steps, found.flaws)
            part = _keys(root) if list(root.glob("samples/*/*.parquet")) else []
            assert len(part) == len(set(part))
            assert set(part) <= set(rows)
        store(root, rows)
        assert _keys(root) == sorted(rows), steps
        assert verify(root).flaws == []
        if died < steps + 1:
            break
        steps += 1
    assert died > 15


def test_a_file_that_the_manifest_knows_is_finished_not_removed(tmp_path: Path) -> None:
    store(tmp_path, ROWS)
    one = next(tmp_path.glob("samples/*/*.parquet"))
    one.rename(one.with_name(one.name + PART_SUFFIX))  # killed before the rename
    stray = one.with_name(f"raw-20260101T000000Z-00000000-000001.parquet{PART_SUFFIX}")
    stray.write_bytes(b"half a file")
    assert {flaw.verdict for flaw in verify(tmp_path).flaws} <= HARMLESS
    with BulkWriter.open(tmp_path, now_us=lambda: NOW):
        pass
    assert one.exists()
    assert not stray.exists()
    assert _keys(tmp_path) == sorted(ROWS)


def test_a_damaged_file_of_the_same_date_stops_the_import(tmp_path: Path) -> None:
    store(tmp_path, ROWS)
    one = sorted(tmp_path.glob("samples/*/*.parquet"))[3]
    one.write_bytes(b"PAR1" + b"x" * 100 + b"PAR1")
    with pytest.raises(StoreError) as caught:
        store(tmp_path, ROWS)
    assert caught.value.slug == "store-damaged"


@pytest.mark.parametrize(("memory", "block"), [(10, 1000), (10, 20), (1000, 20), (1000, 1000)])
def test_rows_wait_in_memory_or_on_disk_in_the_order_of_arrival(tmp_path: Path, memory: int, block: int) -> None:
    stage = Stage(tmp_path, "run", memory_rows=memory, block_rows=block)
    rows = [(0, START + (i * 37 % 50) * DAY // 25, float(i)) for i in range(100)]
    for start in range(0, 100, 7):
        part = rows[start : start + 7]
        stage.add(pl.DataFrame(part, schema={"tag": pl.UInt32, "ts": pl.Int64, "value": pl.Float64}, orient="row"))
    found = list(stage.blocks())
    assert [day for day, _ in found] == sorted(day for day, _ in found)
    assert all(frame.height <= max(block, 60) for _, frame in found)
    back = [row for _, frame in found for row in frame.rows()]
    assert sorted(back) == sorted(rows)
    for _, frame in found:
        same = frame.filter(pl.col("ts").is_duplicated()).sort("ts", maintain_order=True)
        assert same["value"].to_list() == same.sort("ts", "value")["value"].to_list()
    assert not list(tmp_path.iterdir())
