"""The checkpoint: what an earlier run left, quickly; and rebuilt when it is damaged or gone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from iiotctl.quality import BAD_TIMEOUT, GOOD
from iiotctl.samples import NULL_TIME, SampleBatch
from tests.unit.store.making import NOON, SECOND, TAGS, Clock, batch, gap, open_writer, tag_row


def _write(root: Path) -> None:
    writer = open_writer(root)
    writer.commit(batch(NOON, 5), [gap("a", NOON, None, NOON), gap("b", NOON, None, NOON)], {"plc": NOON + 9})
    writer.rotate()
    writer.seal()
    bad = SampleBatch(
        np.array([1], np.uint32), np.array([NOON + 50 * SECOND]), np.array([np.nan]), np.array([BAD_TIMEOUT], np.uint32)
    )
    writer.commit(bad, [gap("b", NOON, NOON + 5, NOON + 7)])
    writer.close()


@pytest.mark.parametrize("damage", ["none", "gone", "flipped", "empty", "zeros", "cut"])
def test_the_next_run_knows_what_was(tmp_path: Path, damage: str) -> None:
    root = tmp_path / "store"
    _write(root)
    path = root / "spool" / "checkpoint.bin"
    data = path.read_bytes()
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 4
    if damage == "gone":
        path.unlink()
    elif damage != "none":
        path.write_bytes({"flipped": bytes(flipped), "empty": b"", "zeros": bytes(len(data)), "cut": data[:-3]}[damage])
    writer = open_writer(root, Clock(NOON + 10**9), define=False)
    found = writer.recovered
    assert {tag: (row.ts, row.value, row.quality, row.good_ts) for tag, row in found.last.items()} == {
        "press.pressure": (NOON + 4 * SECOND, 12.0, GOOD, NOON + 4 * SECOND),
        "oven.temperature": (NOON + 50 * SECOND, None, BAD_TIMEOUT, NOON + 4 * SECOND),
        "line.count": (NOON + 4 * SECOND, 14.0, GOOD, NOON + 4 * SECOND),
    }
    assert [one.id for one in found.open_gaps] == ["a"]
    assert found.alive == {"plc": NOON + 4 * SECOND}
    assert found.run is not None
    assert found.clean is (damage == "none")
    assert ("checkpoint" in found.damaged) is (damage != "none")
    # an unchanged tag makes no second row of the history
    writer.define_tags([tag_row(code) for code in range(3)])
    writer.commit(batch(NOON + 100 * SECOND))
    writer.close()
    import polars as pl

    tags = pl.concat([pl.read_parquet(path, hive_partitioning=False) for path in (root / "tags").rglob("*.parquet")])
    assert tags.filter(tag="press.pressure").height == 1


def test_a_new_store_knows_nothing(tmp_path: Path) -> None:
    writer = open_writer(tmp_path / "store")
    assert (writer.recovered.run, writer.recovered.last, writer.recovered.damaged) == (None, {}, ())
    writer.close()


def test_a_run_that_was_killed_is_not_clean(tmp_path: Path) -> None:
    root = tmp_path / "store"
    _write(root)
    writer = open_writer(root, Clock(NOON + 10**9))
    writer.commit(batch(NOON + 100 * SECOND))
    writer._lock.release()  # as the system does for a killed process
    again = open_writer(root, Clock(NOON + 2 * 10**9), define=False)
    assert not again.recovered.clean
    assert again.recovered.run == writer.run
    assert again.recovered.last["line.count"].ts == NOON + 100 * SECOND
    again.close()


def test_the_devices_own_time_of_the_last_row_is_kept(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    plain = batch(NOON)
    own = np.array([NULL_TIME, NOON - SECOND, NOON], np.int64)
    writer.commit(replace(plain, ts_source=own))
    writer.close(seal=False)
    first = open_writer(tmp_path)  # from the segment
    first.close()
    second = open_writer(tmp_path)  # from the checkpoint
    second.close()
    (tmp_path / "spool" / "checkpoint.bin").unlink()
    third = open_writer(tmp_path)  # from the sealed files
    third.close()
    for recovered in (first.recovered, second.recovered, third.recovered):
        assert [recovered.last[tag].ts_source for tag in TAGS] == [None, NOON - SECOND, None]
