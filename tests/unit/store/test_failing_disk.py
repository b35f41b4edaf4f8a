"""A full or failing disk: an error in our form, never a wrong state."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from iiotctl.errors import StoreError
from iiotctl.store.verify import verify
from tests.unit.store.making import NOON, SECOND, Clock, FailingDisk, batch, open_writer, rows, rows_of, tag_row

FIRST, SECOND_ONE, THIRD = batch(NOON), batch(NOON + SECOND, 30), batch(NOON + 60 * SECOND)


@pytest.mark.parametrize("call", ["write", "sync"])
def test_a_commit_that_fails_leaves_nothing(tmp_path: Path, call: str) -> None:
    disk = FailingDisk()
    writer = open_writer(tmp_path / "store", disk=disk)
    writer.commit(FIRST)
    disk.failing = {call}
    with pytest.raises(StoreError) as caught:
        writer.commit(SECOND_ONE)
    assert caught.value.slug == "store-full"
    assert caught.value.retriable
    disk.failing = set()
    assert rows(tmp_path / "store") == rows_of([FIRST])
    writer.commit(SECOND_ONE)
    assert rows(tmp_path / "store") == rows_of([FIRST, SECOND_ONE])
    writer.close()
    assert rows(tmp_path / "store") == rows_of([FIRST, SECOND_ONE])
    assert verify(tmp_path / "store").flaws == []


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("call", ["write", "sync"])
def test_a_failed_commit_that_cannot_be_taken_back_is_never_there_twice(tmp_path: Path, call: str, crash: bool) -> None:
    root = tmp_path / "store"
    disk = FailingDisk(errno.EIO, partly=10_000_000)
    writer = open_writer(root, disk=disk)
    writer.commit(FIRST)
    disk.failing = {call, "truncate"}
    with pytest.raises(StoreError) as caught:
        writer.commit(SECOND_ONE)
    assert caught.value.slug == "spool-write-failed"
    disk.failing = set()
    writer.commit(SECOND_ONE)
    writer.commit(THIRD)
    expected = rows_of([FIRST, SECOND_ONE, THIRD])
    assert rows(root) == expected
    writer.close(seal=not crash)
    assert rows(root) == expected
    open_writer(root, Clock(NOON + 10**9)).close()
    assert rows(root) == expected


@pytest.mark.parametrize("call", ["create", "write", "sync", "rename"])
def test_a_seal_that_fails_loses_nothing_and_works_later(tmp_path: Path, call: str) -> None:
    root = tmp_path / "store"
    disk = FailingDisk()
    writer = open_writer(root, disk=disk)
    writer.commit(FIRST)
    writer.rotate()
    writer.seal()
    writer.commit(SECOND_ONE)
    writer.rotate()
    disk.failing = {call}
    with pytest.raises(StoreError) as caught:
        writer.seal()
    assert caught.value.slug == "seal-failed"
    assert not list(root.rglob("*.parquet.tmp")) or call == "rename", "the space is given back"
    assert rows(root) == rows_of([FIRST, SECOND_ONE])
    disk.failing = set()
    writer.commit(THIRD)
    writer.close()
    assert rows(root) == rows_of([FIRST, SECOND_ONE, THIRD])
    assert verify(root).flaws == []


def test_the_manifest_survives_a_write_that_stops_in_the_middle(tmp_path: Path) -> None:
    """What is appended after a torn entry must be readable, or good files pass for foreign ones."""
    root = tmp_path / "store"

    class OnlyManifest(FailingDisk):
        def create(self, path: Path) -> int:
            descriptor = super().create(path)
            if path.suffix == ".log":
                self.log = descriptor
            return descriptor

        def write(self, descriptor: int, data: bytes) -> None:
            if "log" in self.failing and descriptor == self.log:
                self.failing = {"write"}
            super().write(descriptor, data)

    disk = OnlyManifest()
    writer = open_writer(root, disk=disk)
    writer.commit(FIRST)
    writer.rotate()
    writer.seal()
    writer.commit(SECOND_ONE)
    writer.rotate()
    disk.failing = {"log"}
    with pytest.raises(StoreError):
        writer.seal()
    disk.failing = set()
    writer.seal()
    writer.commit(THIRD)
    writer.close()
    assert verify(root).flaws == []


def test_a_store_can_be_opened_when_the_disk_is_too_full_to_seal(tmp_path: Path) -> None:
    root = tmp_path / "store"
    writer = open_writer(root)
    writer.commit(FIRST)
    writer.close(seal=False)
    disk = FailingDisk()
    disk.failing = {"write"}
    again = open_writer(root, disk=disk, define=False)
    assert again.recovered.last["press.pressure"].ts == NOON
    with pytest.raises(StoreError):
        again.define_tags([tag_row(code) for code in range(3)])
    disk.failing = set()
    again.define_tags([tag_row(code) for code in range(3)])
    again.commit(SECOND_ONE)
    again.close()
    assert rows(root) == rows_of([FIRST, SECOND_ONE])


def test_a_code_that_was_never_defined_is_refused_before_it_is_written(tmp_path: Path) -> None:
    root = tmp_path / "store"
    writer = open_writer(root, define=False)
    writer.define_tags([tag_row(0)])
    with pytest.raises(ValueError, match="code 2 was never defined"):
        writer.commit(FIRST)
    writer.close()
    assert rows(root) == []
