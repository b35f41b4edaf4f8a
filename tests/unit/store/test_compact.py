"""Compaction: what becomes of which files, and that no row is touched."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest
from bench import mix

from iiotctl.errors import StoreError
from iiotctl.store import compact as core
from iiotctl.store import ledger, merge, plan, readers
from iiotctl.store.compact import Compaction, compact, preview
from iiotctl.store.layout import Layout
from iiotctl.store.schema import TagRow, dtypes
from iiotctl.store.snapshot import Snapshot
from iiotctl.store.standing import origin
from iiotctl.store.verify import HARMLESS, verify
from iiotctl.store.writer import StoreWriter
from tests.crash.power_cut import QuietDisk
from tests.unit.store import bulk_stores
from tests.unit.store.making import NOON, SECOND, Clock, batch, gap, open_writer, rows

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
DATE = "date=2026-11-23"


def captured(root: Path, *starts: int, clock: int = NOON) -> None:
    """One segment of 20 s (and a gap row) for each time."""
    writer = open_writer(root, Clock(clock))
    for number, start in enumerate(starts):
        writer.commit(batch(start, 20, number), [gap(f"g{start}", start, start + 1, start)])
        writer.rotate()
        writer.seal()
    writer.close()


def run(root: Path, now: int, **options: int) -> Compaction:
    """Compact at a time; nothing that a reader sees has changed."""
    before, tables = rows(root), other_rows(root)
    done = compact(root, now_us=lambda: now, disk=QuietDisk(), **options)
    assert rows(root) == before
    assert other_rows(root) == tables
    assert not [flaw for flaw in verify(root).flaws if flaw.verdict not in HARMLESS]
    return done


def other_rows(root: Path) -> list[list[tuple[object, ...]]]:
    with Snapshot.open(root) as view:
        parts = [[pl.read_parquet(path, hive_partitioning=False) for path in view.files[table]] for table in TABLES]
    return [sorted(pl.concat(part).rows(), key=str) if part else [] for part in parts]


TABLES = ("gaps", "tags", "rollups", "kept")


def names(root: Path, table: str = "samples") -> list[str]:
    """Kinds of files that are there, by date: `hour-12`, `day`, `raw`."""
    return sorted(
        "-".join(path.name.split("-")[: 2 if path.name.startswith("hour") else 1])
        for path in root.glob(f"{table}/date=*/*.parquet")
    )


def test_closed_hours_become_one_file_each_and_open_ones_wait(tmp_path: Path) -> None:
    captured(tmp_path, *(NOON + minute * MINUTE for minute in (0, 20, 59, 61, 90, 121, 140)))
    done = run(tmp_path, NOON + 2 * HOUR + 30 * MINUTE)
    assert names(tmp_path) == ["hour-12", "hour-13", "raw", "raw"]
    assert [(one.form, one.before, one.after, one.rows) for one in done.changes] == [
        ("hour", 3, 1, 180),
        ("hour", 2, 1, 120),
    ]
    assert done.deleted.files == 5
    assert run(tmp_path, NOON + 2 * HOUR + 30 * MINUTE).changes == []
    for path in (tmp_path / "samples" / DATE).glob("hour-*"):
        frame = pl.read_parquet(path, hive_partitioning=False)
        assert frame.select("tag", "ts").equals(frame.select("tag", "ts").sort("tag", "ts"))
        assert dict(frame.schema) == dtypes("samples")


def test_an_hour_is_closed_ten_minutes_after_its_end(tmp_path: Path) -> None:
    captured(tmp_path, NOON, NOON + MINUTE)
    assert not run(tmp_path, NOON + HOUR + 10 * MINUTE - 1).changes
    assert len(run(tmp_path, NOON + HOUR + 10 * MINUTE).changes) == 1


def test_a_file_of_two_hours_is_cut_and_its_rest_goes_on(tmp_path: Path) -> None:
    captured(tmp_path, NOON + MINUTE, NOON + HOUR - 10 * SECOND, NOON + HOUR + MINUTE)
    run(tmp_path, NOON + HOUR + 20 * MINUTE)
    assert names(tmp_path) == ["hour-12", "hour-13", "raw"], "ten seconds of the open hour stand alone"
    run(tmp_path, NOON + 3 * HOUR)
    assert names(tmp_path) == ["hour-12", "hour-13"]


def test_late_rows_open_an_hour_again(tmp_path: Path) -> None:
    captured(tmp_path, NOON, NOON + MINUTE)
    run(tmp_path, NOON + 2 * HOUR)
    captured(tmp_path, NOON + 30 * MINUTE, clock=NOON + 2 * HOUR)
    (change,) = run(tmp_path, NOON + 3 * HOUR).changes
    assert (change.before, change.after, change.rows) == (2, 1, 180)
    assert names(tmp_path) == ["hour-12"]


def test_other_tables_when_their_date_is_over(tmp_path: Path) -> None:
    captured(tmp_path, *(NOON + minute * MINUTE for minute in range(4)))
    run(tmp_path, NOON + 2 * HOUR)
    assert names(tmp_path, "gaps") == ["raw"] * 4
    run(tmp_path, NOON + DAY)
    assert names(tmp_path, "gaps") == ["day"]
    assert names(tmp_path, "tags") == ["raw"], "one file is one file"
    captured(tmp_path, NOON + 5 * MINUTE, clock=NOON + DAY)
    run(tmp_path, NOON + 2 * DAY)
    assert names(tmp_path, "gaps") == ["day"]


def test_old_dates_become_one_file(tmp_path: Path) -> None:
    captured(tmp_path, *(NOON + hour * HOUR + minute * MINUTE for hour in range(3) for minute in (1, 2)))
    run(tmp_path, NOON + 2 * DAY)
    assert names(tmp_path) == ["hour-12", "hour-13", "hour-14"]
    assert not run(tmp_path, NOON + 2 * DAY, daily_after_us=5 * DAY).changes
    run(tmp_path, NOON + 9 * DAY, daily_after_us=5 * DAY)
    assert names(tmp_path) == ["day"]
    captured(tmp_path, NOON + 5 * HOUR, NOON + HOUR, clock=NOON + DAY)
    run(tmp_path, NOON + 9 * DAY, daily_after_us=5 * DAY)
    assert names(tmp_path) == ["day"]
    captured(tmp_path, NOON + 4 * HOUR, clock=NOON + DAY)
    run(tmp_path, NOON + 9 * DAY)
    assert names(tmp_path) == ["day"], "what is whole is not cut again"


def test_an_import_of_a_quiet_plant_is_not_cut_into_hours(tmp_path: Path) -> None:
    start = bulk_stores.NOW // DAY * DAY - 5 * DAY
    bulk_stores.store(tmp_path, [("a", start + hour * HOUR, float(hour)) for hour in range(24)])
    assert not run(tmp_path, bulk_stores.NOW).changes
    bulk_stores.store(tmp_path, [("b", start + hour * HOUR, float(hour)) for hour in range(24)])
    assert len(run(tmp_path, bulk_stores.NOW).changes) == 1
    assert names(tmp_path) == ["day"]


def test_a_large_import_is_cut_into_hours_block_by_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "WORTH_ROWS", 100)
    monkeypatch.setattr(merge, "BLOCK_ROWS", 7)
    start = bulk_stores.NOW // DAY * DAY - 5 * DAY
    chance = random.Random(3)
    found = [(f"t{chance.randrange(3)}", start + number * MINUTE * 9, chance.random()) for number in range(160)]
    bulk_stores.store(tmp_path, [*found, *(("t9", start + 5 * HOUR + number, 1.0) for number in range(40))])
    run(tmp_path, bulk_stores.NOW)
    assert names(tmp_path) == [f"hour-{hour:02d}" for hour in range(24)]
    run(tmp_path, bulk_stores.NOW, daily_after_us=0)
    assert names(tmp_path) == ["day"]


def test_a_new_file_says_what_it_replaced_and_the_manifest_what_it_holds(tmp_path: Path) -> None:
    captured(tmp_path, NOON, NOON + MINUTE)
    old = {path.name for path in (tmp_path / "samples" / DATE).iterdir()}
    run(tmp_path, NOON + 2 * HOUR)
    (path,) = (tmp_path / "samples" / DATE).iterdir()
    said = origin(path)
    assert said is not None
    assert set(said.replaces) == old
    assert said.together == (path.name,)
    held = ledger.ranges(Layout(tmp_path))[ledger.path_of(Layout(tmp_path), path)]
    assert held == ("samples", 120, NOON, NOON + MINUTE + 19 * SECOND, "line.count", "press.pressure")


def test_value_is_plain_in_an_hour_of_the_mix(tmp_path: Path) -> None:
    import duckdb

    plant = mix.make(3600, shared=True)
    clock = Clock(mix.START_US)
    writer = StoreWriter.open(tmp_path, site="bench", now_us=clock, disk=QuietDisk())
    writer.define_tags([TagRow(code, name, "plc") for code, name in enumerate(mix.names())])
    for first in range(0, 3600, 900):
        writer.commit(plant.batch(first, first + 900))
        writer.rotate()
        writer.seal()
    writer.close()
    (change,) = compact(tmp_path, now_us=lambda: mix.START_US + 2 * HOUR, disk=QuietDisk()).changes
    assert change.size_after is not None
    assert change.size_after < change.size_before
    (path,) = (tmp_path / "samples").rglob("*.parquet")
    found = duckdb.sql(
        f"SELECT encodings, row_group_num_rows FROM parquet_metadata('{path}') WHERE path_in_schema = 'value'"
    )
    groups = found.fetchall()
    assert all("DICTIONARY" not in encodings for encodings, _ in groups)
    assert [count for _, count in groups] == [90_000, 90_000]


@pytest.mark.parametrize("harm", ["flipped", "cut", "foreign", "unreadable columns"])
def test_a_file_that_is_not_as_it_was_written_is_left_alone(tmp_path: Path, harm: str) -> None:
    captured(tmp_path, *(NOON + minute * MINUTE for minute in range(4)))
    folder = tmp_path / "samples" / DATE
    path = sorted(folder.iterdir())[1]
    data = bytearray(path.read_bytes())
    if harm == "flipped":
        data[200] ^= 1
        path.write_bytes(data)
    elif harm == "cut":
        path.write_bytes(data[:300])
    elif harm == "foreign":
        path = folder / "mine.parquet"
        pl.DataFrame({"a": [1]}).write_parquet(path)
    else:
        path = folder / "hour-12-mine.parquet"
        path.write_bytes(b"x" * 100)
    before = path.read_bytes()
    done = compact(tmp_path, now_us=lambda: NOON + 2 * HOUR, disk=QuietDisk())
    assert [left.path for left in done.left] == [path]
    assert path.read_bytes() == before
    assert done.changes[0].before == (3 if harm in ("flipped", "cut") else 4)
    again = compact(tmp_path, now_us=lambda: NOON + 2 * HOUR, disk=QuietDisk())
    assert again.changes == []
    assert [left.path for left in again.left] == [path]


def test_what_does_not_add_up_replaces_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    captured(tmp_path, NOON, NOON + MINUTE)
    before, files = rows(tmp_path), names(tmp_path)
    original = merge._fetch
    monkeypatch.setattr(merge, "_fetch", lambda *arguments: original(*arguments).with_columns(pl.col("value").shift(1)))
    with pytest.raises(StoreError) as caught:
        compact(tmp_path, now_us=lambda: NOON + 2 * HOUR, disk=QuietDisk())
    assert caught.value.slug == "compact-mismatch"
    assert rows(tmp_path) == before
    assert names(tmp_path) == files
    assert not list(tmp_path.rglob("*.compact"))


def test_one_at_a_time(tmp_path: Path) -> None:
    captured(tmp_path, NOON)
    with core.Upkeep.open(tmp_path, now_us=Clock()), pytest.raises(StoreError) as caught:
        compact(tmp_path, now_us=Clock())
    assert caught.value.slug == "upkeep-running"
    assert caught.value.exit_code == 5


def test_a_preview_changes_nothing(tmp_path: Path) -> None:
    captured(tmp_path, NOON, NOON + MINUTE, NOON + HOUR)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    seen = preview(tmp_path, now_us=NOON + DAY)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    done = compact(tmp_path, now_us=lambda: NOON + DAY, disk=QuietDisk())
    assert [(one.table, one.before, one.after, one.rows, one.size_before) for one in seen.changes] == [
        (one.table, one.before, one.after, one.rows, one.size_before) for one in done.changes
    ]


@pytest.mark.parametrize("folders", [(), ("samples",), ("manifest", "samples/date=x")])
def test_an_empty_store(tmp_path: Path, folders: tuple[str, ...]) -> None:
    (tmp_path / "store.toml").write_text("format = 1\n")
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    assert compact(tmp_path, now_us=Clock()) == Compaction()


def test_replaced_files_wait_for_readers(tmp_path: Path) -> None:
    captured(tmp_path, NOON, NOON + MINUTE)
    now = NOON + 2 * HOUR
    with Snapshot.open(tmp_path) as view:
        done = compact(tmp_path, now_us=lambda: now, disk=QuietDisk())
        assert (done.deleted.files, done.deleted.waiting) == (0, 2)
        assert sum(pl.read_parquet(path, hive_partitioning=False).height for path in view.sample_files) == 120
        assert len(rows(tmp_path)) == 120, "another reader takes the new file"
        early = compact(tmp_path, now_us=lambda: now + 15 * MINUTE - 1, disk=QuietDisk())
        assert early.deleted.waiting == 2
        late = compact(tmp_path, now_us=lambda: now + 15 * MINUTE, disk=QuietDisk())
        assert (late.deleted.files, late.deleted.waiting) == (2, 0)
    assert readers.nobody_reads(Layout(tmp_path))
    assert len(rows(tmp_path)) == 120
