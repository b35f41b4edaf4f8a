"""What a reader sees: files by date, unsealed rows, damage by name, and no polars unless it is needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from iiotctl.errors import StoreError
from iiotctl.store.schema import dtypes
from iiotctl.store.snapshot import Snapshot
from tests.unit.store.making import NOON, SECOND, batch, gap, open_writer, rows, rows_of

DAY = 24 * 3600 * SECOND
DAYS = [batch(NOON + number * DAY, 2) for number in range(3)]


def _three_days(root: Path) -> None:
    writer = open_writer(root)
    for one in DAYS:
        writer.commit(one, [gap(f"g{one.ts[0]}", NOON, NOON + 1, int(one.ts[0]))])
        writer.rotate()
        writer.seal()
    writer.close()


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        (None, None, 3),
        (NOON + DAY, None, 2),
        (None, NOON + DAY, 2),
        (NOON + DAY, NOON + DAY, 1),
        (NOON + 9 * DAY, None, 0),
    ],
)
def test_sample_files_are_chosen_by_date_and_gaps_never(tmp_path: Path, start: int, end: int, days: int) -> None:
    _three_days(tmp_path)
    with Snapshot.open(tmp_path, start=start, end=end) as view:
        assert len(view.sample_files) == days
        assert len(view.gap_files) == 3
        assert len(view.tag_files) == 1
        assert not view.has_unsealed
        assert view.unsealed_samples() is None
        assert view.unsealed_gaps() is None
        assert view.unsealed_tags() is None


def test_unsealed_rows_have_the_columns_of_the_files(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    writer.commit(DAYS[0], [gap("a", NOON, None, NOON)])
    with Snapshot.open(tmp_path) as view:
        assert view.has_unsealed
        assert view.unsealed_rows == 6
        frames = {"samples": view.unsealed_samples(), "gaps": view.unsealed_gaps(), "tags": view.unsealed_tags()}
    for table, frame in frames.items():
        assert frame is not None
        assert dict(frame.schema) == dtypes(table)
    writer.close()


@pytest.mark.parametrize("damage", ["empty", "cut", "no end"])
def test_a_damaged_file_is_named_and_left_out(tmp_path: Path, damage: str) -> None:
    _three_days(tmp_path)
    (path,) = (tmp_path / "samples" / "date=2026-11-24").glob("*.parquet")
    data = path.read_bytes()
    path.write_bytes({"empty": b"", "cut": data[:-9], "no end": data[:-4] + b"\0" * 4}[damage])
    with Snapshot.open(tmp_path) as view:
        assert [bad.path for bad in view.bad_files] == [path]
        assert view.bad_files[0].cause
        assert len(view.sample_files) == 2
    assert rows(tmp_path) == rows_of([DAYS[0], DAYS[2]])


def test_no_store_and_a_newer_one(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        Snapshot.open(tmp_path)
    assert caught.value.slug == "store-missing"
    (tmp_path / "store.toml").write_text("format = 99\n")
    with pytest.raises(StoreError) as caught:
        Snapshot.open(tmp_path)
    assert caught.value.slug == "store-format"


@pytest.mark.parametrize("sealed", [True, False])
def test_polars_is_loaded_only_for_unsealed_rows(tmp_path: Path, sealed: bool) -> None:
    writer = open_writer(tmp_path)
    writer.commit(DAYS[0])
    writer.close(seal=sealed)
    code = (
        "import sys; from pathlib import Path; from iiotctl.store.snapshot import Snapshot\n"
        f"view = Snapshot.open(Path({str(tmp_path)!r})); view.unsealed_samples(); view.unsealed_gaps(); view.unsealed_tags()\n"
        "print('polars' in sys.modules, 'duckdb' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(not sealed), "False"]
