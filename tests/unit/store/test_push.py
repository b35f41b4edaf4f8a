"""Pushing: whole files, once; a replacement at the source is one at the target; nothing that a person keeps is lost."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from iiotctl.errors import StoreError
from iiotctl.store import ledger
from iiotctl.store.compact import compact
from iiotctl.store.durable import Disk
from iiotctl.store.layout import Layout
from iiotctl.store.manifest import Manifest
from iiotctl.store.push import Pushed, ShareDisk, push
from iiotctl.store.snapshot import Snapshot
from iiotctl.store.verify import verify
from tests.unit.store.bulk_stores import NOW, samples, store

DAY = 86_400_000_000
START = NOW // DAY * DAY - 20 * DAY


def pushed(source: Path, target: Path, *, disk: Disk | None = None, dry_run: bool = False) -> Pushed:
    return push(source, target, now_us=lambda: NOW, disk=disk, dry_run=dry_run)


def fill(root: Path, day: int, value: float = 1.0, tags: int = 3) -> None:
    store(
        root,
        [(f"t{tag}", START + day * DAY + second * 1_000_000, value) for tag in range(tags) for second in range(20)],
    )


def rows(root: Path) -> list[tuple[object, ...]]:
    with Snapshot.open(root) as snapshot:
        if not snapshot.sample_files:
            return []
    return sorted(samples(root).select("tag", "ts", "value").rows())


def test_everything_once_then_what_is_new(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "share" / "lake"
    target.parent.mkdir()
    fill(source, 0)
    first = pushed(source, target)
    assert first.files >= 1
    assert rows(target) == rows(source)
    assert verify(target).sound
    assert pushed(source, target).files == 0
    fill(source, 1)
    again = pushed(source, target)
    assert again.files >= 1
    assert again.already == first.files
    assert rows(target) == rows(source)
    assert verify(target).sound


def test_many_stores_feed_one_folder(tmp_path: Path) -> None:
    fill(tmp_path / "a", 0)
    fill(tmp_path / "b", 0, value=2.0, tags=5)
    for name in "abab":
        pushed(tmp_path / name, tmp_path / "lake")
    assert rows(tmp_path / "lake") == sorted(rows(tmp_path / "a") + rows(tmp_path / "b"))
    assert verify(tmp_path / "lake").sound


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    fill(tmp_path / "a", 0)
    before = sorted(os.walk(tmp_path))
    assert pushed(tmp_path / "a", tmp_path / "lake", dry_run=True).files >= 1
    assert sorted(os.walk(tmp_path)) == before


def test_damaged_files_stay_and_are_named(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "lake"
    fill(source, 0)
    fill(source, 1)
    victim = sorted((source / "samples").rglob("*.parquet"))[0]
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    result = pushed(source, target)
    assert result.damaged == [victim.relative_to(source).as_posix()]
    assert len(rows(target)) == 60
    assert verify(target).sound


def test_what_the_target_let_go_does_not_come_again(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "lake"
    fill(source, 0)
    fill(source, 1)
    pushed(source, target)
    expired = sorted((target / "samples").rglob("*.parquet"))[0]
    manifest = Manifest(Disk(), Layout(target).manifest / "upkeep-x.log")
    manifest.remove([expired.relative_to(target).as_posix()], "expired", NOW)
    manifest.close()
    expired.unlink()
    assert pushed(source, target).files == 0
    assert not expired.exists()


def test_what_expired_here_stays_there(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "lake"
    fill(source, 0)
    pushed(source, target)
    before = rows(target)
    names = [name for name in ledger.ranges(Layout(source)) if name.startswith("samples/")]
    manifest = Manifest(Disk(), Layout(source).manifest / "upkeep-x.log")
    manifest.remove(names, "expired", NOW)
    manifest.close()
    store(source, [("t9", START + 5, 9.0)])  # a late row of a date that has expired
    pushed(source, target)
    assert rows(target) == sorted([*before, *rows(source)])


def let_go(root: Path, *parts: str) -> None:
    """As retention without roll-ups does, of the files whose names hold one of the parts."""
    layout = Layout(root)
    names = [name for name in ledger.ranges(layout) if name.startswith("samples/") and any(p in name for p in parts)]
    manifest = Manifest(Disk(), layout.manifest / f"upkeep-{len(list(layout.manifest.iterdir()))}.log")
    manifest.remove(names, "expired", NOW)
    manifest.close()
    for name in names:
        (root / name).unlink()


def compacted(root: Path) -> None:
    compact(root, now_us=lambda: NOW, daily_after_us=DAY)


def test_what_compaction_made_of_files_takes_their_place(tmp_path: Path) -> None:
    source, lake = tmp_path / "source", tmp_path / "lake"
    fill(source, 0)
    fill(source, 0, value=2.0, tags=5)
    pushed(source, lake)
    compacted(source)
    done = pushed(source, lake)
    assert (done.files, done.replaced) == (1, 2)
    assert rows(lake) == rows(source)
    store(source, [("late", START + 7, 7.0)])
    compacted(source)
    assert pushed(source, lake).replaced == 1
    assert rows(lake) == rows(source)
    assert verify(lake).sound


def test_generations_that_were_never_pushed_count_once(tmp_path: Path) -> None:
    source, lake = tmp_path / "source", tmp_path / "lake"
    fill(source, 0)
    pushed(source, lake)
    for tag in ("x", "y"):
        store(source, [(tag, START + 7, 7.0)])
        compacted(source)
    assert pushed(source, lake).replaced == 1
    assert rows(lake) == rows(source)


def test_other_rows_of_an_expired_date_replace_nothing(tmp_path: Path) -> None:
    source, lake = tmp_path / "source", tmp_path / "lake"
    fill(source, 0)
    pushed(source, lake)
    before = rows(lake)
    let_go(source, "samples/")
    fill(source, 0, value=2.0, tags=9)
    compacted(source)
    pushed(source, lake)
    assert rows(lake) == sorted([*before, *rows(source)])


def test_a_file_that_is_lost_here_stays_there_and_is_named(tmp_path: Path) -> None:
    source, lake = tmp_path / "source", tmp_path / "lake"
    fill(source, 0)
    pushed(source, lake)
    first = next((source / "samples").rglob("*.parquet"))
    fill(source, 0, tags=9)
    first.unlink()
    done = pushed(source, lake)
    assert done.missing == [first.relative_to(source).as_posix()]
    assert len(rows(lake)) == 60 + 120


def test_a_cloned_machine_takes_nothing_from_its_twin(tmp_path: Path) -> None:
    one, two, lake = tmp_path / "one", tmp_path / "two", tmp_path / "lake"
    fill(one, 0)
    pushed(one, lake)
    shutil.copytree(one, two)
    fill(one, 0, tags=4)
    fill(two, 0, value=3.0, tags=5)
    for root in (one, two, one, two):
        pushed(root, lake)
    assert len(rows(lake)) == 60 + 20 + 40
    compacted(one)
    compacted(two)
    for root in (one, two):
        pushed(root, lake)
    found = rows(lake)
    assert len(found) == len(set(found)) == 60 + 20 + 40


def test_what_was_let_go_there_does_not_come_back_in_another_form(tmp_path: Path) -> None:
    source, lake = tmp_path / "source", tmp_path / "lake"
    fill(source, 0)
    fill(source, 0, value=2.0, tags=5)
    pushed(source, lake)
    let_go(lake, "samples/")
    compacted(source)
    assert pushed(source, lake).files == 0
    assert rows(lake) == []
    store(source, [("late", START + 7, 7.0)])
    assert pushed(source, lake).files == 1, "what was never there may come"
    compacted(source)
    assert pushed(source, lake).withheld
    assert [row[0] for row in rows(lake)] == ["late"]


def test_files_of_others_are_named(tmp_path: Path) -> None:
    source = tmp_path / "source"
    fill(source, 0)
    known = next((source / "samples").rglob("*.parquet"))
    known.with_name("mine.parquet").write_bytes(known.read_bytes())
    done = pushed(source, tmp_path / "lake")
    assert [Path(name).name for name in done.unknown] == ["mine.parquet"]
    assert len(rows(tmp_path / "lake")) == 60


def test_a_damaged_manifest_is_no_reason_to_say_nothing(tmp_path: Path) -> None:
    source = tmp_path / "source"
    fill(source, 0)
    fill(source, 0, tags=5)
    compacted(source)
    log = next((source / "manifest").glob("gathered-*.log"))
    log.write_bytes(log.read_bytes()[:-10])
    assert len(pushed(source, tmp_path / "lake").unknown) == 1
    done = compact(source, now_us=lambda: NOW)
    assert [one.path for one in done.left] == [log]


def test_replaced_files_go_after_a_while(tmp_path: Path) -> None:
    source, lake = tmp_path / "source", tmp_path / "lake"
    fill(source, 0)
    fill(source, 0, value=2.0, tags=5)
    pushed(source, lake)
    compacted(source)
    pushed(source, lake)
    assert len(list((lake / "samples").rglob("*.parquet"))) == 3
    push(source, lake, now_us=lambda: NOW + 20 * 60_000_000)
    assert len(list((lake / "samples").rglob("*.parquet"))) == 1


@pytest.mark.parametrize("name", ["source", "source/inner", "file", "full", "other"])
def test_targets_that_cannot_be(tmp_path: Path, name: str) -> None:
    fill(tmp_path / "source", 0)
    (tmp_path / "file").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").touch()
    fill(tmp_path / "other", 0)
    with pytest.raises(StoreError) as caught:
        pushed(tmp_path / "source", tmp_path / name)
    assert caught.value.slug == "push-target"


class Full(ShareDisk):
    """Refuses after a number of bytes."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def write(self, descriptor: int, data: bytes) -> None:
        self.room -= len(data)
        if self.room < 0:
            raise OSError(28, "No space left on device")
        super().write(descriptor, data)


@pytest.mark.parametrize("room", [0, 500, 3000, 6000, 9000, 12_000])
def test_a_full_target_loses_nothing_and_goes_on_later(tmp_path: Path, room: int) -> None:
    source, target = tmp_path / "source", tmp_path / "lake"
    for day in range(4):
        fill(source, day)
    with pytest.raises(StoreError) as caught:
        pushed(source, target, disk=Full(room))
    assert caught.value.slug == "push-failed"
    pushed(source, target)
    assert rows(target) == rows(source)
    assert verify(target).sound
