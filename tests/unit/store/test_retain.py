"""Retention: whole dates by age or size, roll-ups in their place, and never a row counted twice or lost unsaid."""

from __future__ import annotations

import statistics
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from iiotctl.errors import StoreError
from iiotctl.history.sql.reader import Reader, Selection
from iiotctl.samples import Gap, GapReason
from iiotctl.store.bulk import BulkWriter
from iiotctl.store.durable import Disk
from iiotctl.store.lasting import CALCULATED
from iiotctl.store.layout import Layout
from iiotctl.store.push import push
from iiotctl.store.retain import Policy, Retained, plan, retain
from iiotctl.store.schema import TagRow
from iiotctl.store.snapshot import Snapshot
from iiotctl.store.verify import verify
from tests.unit.store.bulk_stores import NOW, coded, samples, store
from tests.unit.store.making import NOON, batch, open_writer

DAY = 86_400_000_000
HOUR = 3_600_000_000
TODAY = NOW // DAY * DAY
START = TODAY - 20 * DAY


def fill(root: Path, day: int, values: list[float] | None = None, tag: str = "t") -> None:
    """Three hours of ten samples each on the n-th date."""
    numbers = values or [float(number) for number in range(30)]
    store(root, [(tag, START + day * DAY + n // 10 * HOUR + n % 10 * 1_000_000, v) for n, v in enumerate(numbers)])


def keep(root: Path, *, disk: Disk | None = None, now: int = NOW, **policy: int | None) -> Retained:
    return retain(root, Policy(**policy), now_us=lambda: now, disk=disk)


def rollups(root: Path) -> pl.DataFrame:
    with Snapshot.open(root) as snapshot:
        assert not snapshot.missing
        files = snapshot.rollup_files
        return pl.concat([pl.read_parquet(path) for path in files]).sort("tag", "start") if files else pl.DataFrame()


def days(root: Path) -> list[int]:
    return sorted({(ts - START) // DAY for ts in samples(root)["ts"].dt.epoch("us")})


def test_old_dates_go_and_their_roll_ups_stay(tmp_path: Path) -> None:
    for day in range(4):
        fill(tmp_path, day)
    done = keep(tmp_path, raw_us=18 * DAY - DAY // 2, rollup_us=HOUR)
    assert [(expiry.day, expiry.rows, expiry.rollups) for expiry in done.expired] == [
        (date(2026, 10, 29), 30, 3),
        (date(2026, 10, 30), 30, 3),
    ]
    assert days(tmp_path) == [2, 3]
    found = rollups(tmp_path)
    assert found.height == 6
    first = found.row(1, named=True)
    values = [float(number) for number in range(10, 20)]
    assert first["start"] == datetime.fromtimestamp(START / 1e6, UTC) + timedelta(hours=1)
    assert first["end"] == first["start"] + timedelta(hours=1)
    assert (first["min"], first["max"], first["first"], first["last"], first["count"], first["bad"]) == (
        10,
        19,
        10,
        19,
        10,
        0,
    )
    assert first["mean"] == pytest.approx(statistics.fmean(values))
    assert first["std"] == pytest.approx(statistics.pstdev(values))
    assert (first["quality"], first["partial"], first["closes"]) == (CALCULATED, False, True)
    assert verify(tmp_path).sound
    assert not keep(tmp_path, raw_us=18 * DAY - DAY // 2).expired


def test_files_go_when_nobody_reads(tmp_path: Path) -> None:
    fill(tmp_path, 0)
    with Snapshot.open(tmp_path) as snapshot:
        files = snapshot.sample_files
        done = keep(tmp_path, raw_us=DAY)
        assert done.deleted.waiting == len(files)
        assert all(path.exists() for path in files)
    assert keep(tmp_path, raw_us=DAY).deleted.files == len(files)
    assert not any(path.exists() for path in files)
    assert verify(tmp_path).sound


def test_the_oldest_go_until_the_rest_fits(tmp_path: Path) -> None:
    for day in range(4):
        fill(tmp_path, day)
    sizes = [path.stat().st_size for path in sorted((tmp_path / "samples").rglob("*.parquet"))]
    done = keep(tmp_path, max_size=sum(sizes[2:]))
    assert [expiry.why for expiry in done.expired] == ["size", "size"]
    assert days(tmp_path) == [2, 3]


def test_today_stays_whatever_the_limit(tmp_path: Path) -> None:
    store(tmp_path, [("t", TODAY + 5, 1.0)])
    done = keep(tmp_path, max_size=1, raw_us=1)
    assert not done.expired
    assert done.over > 0
    assert samples(tmp_path).height == 1


def test_roll_ups_of_several_files_add_up(tmp_path: Path) -> None:
    fill(tmp_path, 0, [1.0] * 30)
    store(tmp_path, [("t", START + 500_000, 7.0), ("t", START + HOUR + 500_000, -5.0)])
    keep(tmp_path, raw_us=DAY)
    assert rollups(tmp_path).select("min", "max", "count").rows() == [(1.0, 7.0, 11), (-5.0, 1.0, 11), (1.0, 1.0, 10)]


def test_late_rows_of_a_capture_add_a_part(tmp_path: Path) -> None:
    for count in (3, 1):
        writer = open_writer(tmp_path)
        writer.commit(batch(NOON, count))
        writer.close()
        keep(tmp_path, raw_us=DAY, now=NOON + 3 * DAY)
    found = rollups(tmp_path).filter(pl.col("tag") == "line.count")
    assert sorted(found["count"]) == [1, 3], "a part of its own, which readers add"


@pytest.mark.parametrize("rollup", [HOUR, 900_000_000])
def test_what_expired_does_not_come_again(tmp_path: Path, rollup: int) -> None:
    fill(tmp_path, 0)
    fill(tmp_path, 1)
    keep(tmp_path, raw_us=19 * DAY, rollup_us=rollup)
    before = [counted(tmp_path, day) for day in (0, 1)]
    assert before == [(0, 30), (30, 0)]
    again: list[tuple[str, int, float | None]] = [
        *(
            ("t", START + day * DAY + n // 10 * HOUR + n % 10 * 1_000_000, float(n))
            for day in (0, 1)
            for n in range(30)
        ),
        ("t", START + 77, -1.0),  # late or again: nobody can tell
        ("t", START + 20 * HOUR, 1.0),  # nothing stands for this hour
        ("new", START, 1.0),
    ]
    done = store(tmp_path, again)
    assert (done.rows, done.already, done.expired, done.conflicts) == (2, 30, 31, 0)
    assert done.expired_dates == {date(2026, 10, 29)}
    keep(tmp_path, raw_us=19 * DAY, rollup_us=rollup)
    assert counted(tmp_path, 0) == (0, 32)
    assert store(tmp_path, again).expired == 33


def test_bad_and_text_rows(tmp_path: Path) -> None:
    with BulkWriter.open(tmp_path, site="plant", now_us=lambda: NOW) as writer:
        for more in (
            coded(writer, [("t", START, 1.0), ("t", START + 1, None)], quality=np.uint32(0x80000000)),
            coded(writer, [("t", START + 2, 5.0)], quality=np.uint32(0x40000000)),
            coded(writer, [("name", START, None)], text="batch 7", quality=np.uint32(0)),
        ):
            writer.add(more)
            writer.flush()
    keep(tmp_path, raw_us=DAY)
    assert rollups(tmp_path).select("tag", "count", "bad", "min", "quality").rows() == [
        ("t", 1, 2, 5.0, 0x80000000 | CALCULATED)
    ]


def test_a_gap_makes_its_intervals_partial(tmp_path: Path) -> None:
    fill(tmp_path, 0)
    gap = Gap("g1", "plc", None, START + HOUR + 1, START + HOUR + 2, GapReason.TIMEOUT, NOW)
    with BulkWriter.open(tmp_path, site="plant", now_us=lambda: NOW) as writer:
        writer.write_tags([(TagRow(0, "t", "plc"), START)])
        writer.write_gaps([gap])
    keep(tmp_path, raw_us=DAY)
    assert rollups(tmp_path)["partial"].to_list() == [False, True, False]


def test_without_roll_ups_on_request_and_they_age_on_their_own(tmp_path: Path) -> None:
    fill(tmp_path, 0)
    keep(tmp_path, raw_us=DAY, rollup_us=None)
    assert rollups(tmp_path).is_empty()
    fill(tmp_path, 1)
    keep(tmp_path, raw_us=DAY)
    assert rollups(tmp_path).height == 3
    assert keep(tmp_path, rollups_us=15 * DAY).expired[0].table == "rollups"
    assert rollups(tmp_path).is_empty()


def test_damaged_and_foreign_files_stay(tmp_path: Path) -> None:
    for day in range(2):
        fill(tmp_path, day)
    one, other = sorted((tmp_path / "samples").rglob("*.parquet"))
    data = bytearray(one.read_bytes())
    data[len(data) // 2] ^= 1
    one.write_bytes(data)
    foreign = other.with_name("mine.parquet")
    foreign.write_bytes(other.read_bytes())
    done = keep(tmp_path, raw_us=DAY)
    assert {Path(name).name for name, _ in done.kept_back} == {one.name, "mine.parquet"}
    assert one.exists()
    assert foreign.exists()


def test_what_went_is_told_without_what_stayed(tmp_path: Path) -> None:
    fill(tmp_path, 0)
    store(tmp_path, [("u", START + 5, 1.0)])
    other, one = sorted((tmp_path / "samples").rglob("*.parquet"), key=lambda path: pl.read_parquet(path).height)
    size = one.stat().st_size
    data = bytearray(other.read_bytes())
    data[len(data) // 2] ^= 1
    other.write_bytes(data)
    (expiry,) = keep(tmp_path, raw_us=DAY).expired
    assert (expiry.files, expiry.rows, expiry.size) == ((one.relative_to(tmp_path).as_posix(),), 30, size)


@pytest.mark.parametrize("table", ["gaps", "tags", "rollups"])
def test_files_that_are_none_of_ours_do_not_stop_it(tmp_path: Path, table: str) -> None:
    fill(tmp_path, 0)
    with BulkWriter.open(tmp_path, site="plant", now_us=lambda: NOW) as writer:
        writer.write_gaps([Gap("g1", "plc", "t", START + HOUR + 1, START + HOUR + 2, GapReason.TIMEOUT, NOW)])
    folder = tmp_path / table / f"date={date(2026, 10, 29)}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cut.parquet").write_bytes(b"PAR1 and no more")
    (folder / "link.parquet").symlink_to("nowhere")
    (folder / "folder.parquet").mkdir()
    pl.DataFrame({"tag": ["t"], "start": [1]}).write_parquet(folder / "foreign.parquet")
    done = keep(tmp_path, raw_us=DAY)
    assert {Path(name).name for name in done.left_out} == {
        "cut.parquet",
        "link.parquet",
        "folder.parquet",
        "foreign.parquet",
    }
    assert [expiry.rollups for expiry in done.expired] == [3]
    found = pl.read_parquet(next((tmp_path / "rollups").rglob("raw-*.parquet")))
    assert found["partial"].to_list() == [False, True, False]


def test_gaps_without_any_tags_file(tmp_path: Path) -> None:
    fill(tmp_path, 0)
    with BulkWriter.open(tmp_path, site="plant", now_us=lambda: NOW) as writer:
        writer.write_gaps([Gap("g1", "plc", None, START, None, GapReason.TIMEOUT, NOW)])
    assert keep(tmp_path, raw_us=DAY).expired[0].rollups == 3


def test_a_target_keeps_the_roll_ups_of_its_source(tmp_path: Path) -> None:
    source, lake = tmp_path / "source", tmp_path / "lake"
    fill(source, 0)
    push(source, lake, now_us=lambda: NOW)
    keep(source, raw_us=DAY)
    push(source, lake, now_us=lambda: NOW)
    assert keep(lake, raw_us=DAY).expired[0].rollups == 0
    assert counted(lake, 0) == (0, 30)


def test_a_plan_changes_nothing(tmp_path: Path) -> None:
    fill(tmp_path, 0)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert plan(Layout(tmp_path), Policy(raw_us=DAY), NOW).expired
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


class Cut(Disk):
    """Ends after a number of changes, as a kill does."""

    def __init__(self, changes: int) -> None:
        super().__init__()
        self.changes = changes

    def _one(self) -> None:
        self.changes -= 1
        if self.changes < 0:
            raise KeyboardInterrupt

    def write(self, descriptor: int, data: bytes) -> None:
        self._one()
        super().write(descriptor, data)

    def rename(self, source: Path, target: Path) -> None:
        self._one()
        super().rename(source, target)

    def unlink(self, path: Path) -> None:
        self._one()
        super().unlink(path)


def test_cut_off_anywhere_every_sample_counts_once(tmp_path: Path) -> None:
    for changes in range(40):
        root = tmp_path / str(changes)
        fill(root, 0)
        fill(root, 1)
        try:
            keep(root, raw_us=DAY, disk=Cut(changes))
        except KeyboardInterrupt:
            for day in (0, 1):
                assert counted(root, day) in ((30, 0), (0, 30)), "as samples or as roll-ups"
            keep(root, raw_us=DAY)
            is_last = False
        else:
            is_last = True
        assert rollups(root)["count"].sum() == 60
        assert samples_left(root) == 0
        assert verify(root).sound
        if is_last:
            return
    pytest.fail("never came to an end")


def counted(root: Path, day: int) -> tuple[int, int]:
    """(samples, samples in roll-ups) of a date, as a query counts them."""
    first = START + day * DAY
    sql = f"""
        SELECT (SELECT count(*) FROM samples WHERE epoch_us(ts) // {DAY} = {first // DAY}),
               (SELECT coalesce(sum("count"), 0)::BIGINT FROM rollups WHERE epoch_us("start") // {DAY} = {first // DAY})
    """
    with Reader(Selection(root), lambda _: None) as reader:
        ((raw, rolled),) = reader.ask(lambda connection: connection.execute(sql).fetchall())
    return raw, rolled


def samples_left(root: Path) -> int:
    with Snapshot.open(root) as snapshot:
        return len(snapshot.sample_files)


def test_only_one_at_a_time(tmp_path: Path) -> None:
    from iiotctl.store.upkeep import Upkeep

    fill(tmp_path, 0)
    with Upkeep.open(tmp_path, now_us=lambda: NOW), pytest.raises(StoreError) as caught:
        keep(tmp_path, raw_us=DAY)
    assert caught.value.slug == "upkeep-running"
