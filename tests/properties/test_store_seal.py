"""Seal and snapshot: from every state in between, and whoever looks meanwhile, each row is there exactly once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from iiotctl.store import layout as places
from iiotctl.store import spool
from iiotctl.store.layout import Layout
from iiotctl.store.verify import verify
from iiotctl.store.writer import StoreWriter
from tests.crash.power_cut import QuietDisk
from tests.unit.store.making import NOON, SECOND, Clock, batch, gap, open_writer, rows, rows_of

MIDNIGHT = NOON + 12 * 3600 * SECOND
BATCHES = [batch(MIDNIGHT - 3 * SECOND, 6), batch(NOON, 20), batch(NOON + 300 * SECOND, 20)]
CALLS = ("make_dir", "create", "write", "sync", "sync_dir", "rename", "unlink")


class Stop(BaseException):
    """The process is gone."""


class WatchedDisk(QuietDisk):
    """Calls `on_step` before each change of the disk."""

    def __init__(self) -> None:
        super().__init__()
        self.on_step: Callable[[], None] = lambda: None


def _watched(name: str) -> Callable[..., object]:
    real = getattr(QuietDisk, name)

    def call(self: WatchedDisk, *args: object) -> object:
        self.on_step()
        return real(self, *args)

    return call


for _name in CALLS:
    setattr(WatchedDisk, _name, _watched(_name))


def _filled(root: Path, disk: WatchedDisk) -> StoreWriter:
    """Two closed segments over two dates, and one commit in a third."""
    writer = open_writer(root, disk=disk)
    writer.commit(BATCHES[0], [gap("a", NOON, None, NOON)])
    writer.rotate()
    writer.commit(BATCHES[1])
    writer.rotate()
    writer.commit(BATCHES[2])
    return writer


def _steps_of_a_seal(folder: Path) -> int:
    disk = WatchedDisk()
    writer = _filled(folder, disk)
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    disk.on_step = count
    writer.close()
    return steps


def test_seal_is_idempotent_from_every_intermediate_state(tmp_path: Path) -> None:
    steps = _steps_of_a_seal(tmp_path / "whole")
    assert steps > 40
    for stop_at in range(steps):
        root = tmp_path / str(stop_at)
        disk = WatchedDisk()
        writer = _filled(root, disk)
        left = iter(range(stop_at))

        def step(left: object = left) -> None:
            if next(left, None) is None:  # type: ignore[call-overload]
                raise Stop

        disk.on_step = step
        with pytest.raises(Stop):
            writer.close()
        assert rows(root) == rows_of(BATCHES), f"a reader after step {stop_at}"
        assert verify(root).sound, "an interrupted seal is no damage"
        writer._lock.release()  # as the system does for a killed process
        for _ in range(2):
            open_writer(root, Clock(NOON + 10**11), define=False).close()
            assert rows(root) == rows_of(BATCHES), f"recovered after step {stop_at}"
        assert verify(root).flaws == []
        assert not list((root / "spool").glob("*.seg"))


def test_a_reader_at_every_step_of_a_seal_sees_each_row_once(tmp_path: Path) -> None:
    root = tmp_path / "store"
    disk = WatchedDisk()
    writer = _filled(root, disk)
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1
        assert rows(root) == rows_of(BATCHES)

    disk.on_step = look
    writer.seal()
    disk.on_step = lambda: None
    writer.close()
    assert looks > 40


@pytest.mark.parametrize("between", ["spool listed", "segment opened", "spool read", "date listed"])
def test_a_seal_between_two_steps_of_a_reader_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, between: str
) -> None:
    """The whole seal happens while the reader is in the middle of opening its snapshot."""
    root = tmp_path / "store"
    writer = _filled(root, WatchedDisk())
    done = False

    def seal_once() -> None:
        nonlocal done
        if not done:
            done = True
            writer.rotate()
            writer.seal()

    def after_call(real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **named: object) -> object:
            result = real(*args, **named)
            seal_once()
            return result

        return call

    if between == "spool listed":
        monkeypatch.setattr(Layout, "segments", after_call(Layout.segments))
    elif between == "segment opened":
        monkeypatch.setattr(spool, "read", after_call(spool.read))
    elif between == "spool read":
        monkeypatch.setattr(spool, "read_spool", after_call(spool.read_spool))
    else:
        monkeypatch.setattr(places, "date_of", after_call(places.date_of))
        (root / "samples" / "date=2026-11-20").mkdir(parents=True)
    assert rows(root) == rows_of(BATCHES)
    assert done
    writer.close()
    assert rows(root) == rows_of(BATCHES)


def test_racing_readers_see_a_beginning_of_what_is_committed_each_row_once(tmp_path: Path) -> None:
    """Commits, seals and three readers at once; a reader sees all that was committed before it looked."""
    root = tmp_path / "store"
    writer = open_writer(root)
    committed = 0
    ended = threading.Event()
    problems: list[str] = []
    looks = 0

    def read() -> None:
        nonlocal looks
        while not ended.is_set():
            before = committed
            found = rows(root)
            looks += 1
            values = [value for _, _, value in found]
            if len(set(values)) != len(values):
                problems.append("a row twice")
            if sorted(v for v in values if v is not None) != [float(v) for v in range(len(values))]:
                problems.append("not a beginning")
            if len(values) < before:
                problems.append(f"{len(values)} of {before}")

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(60):
        writer.commit(batch(NOON + number * SECOND, 1, 3.0 * number))
        committed = 3 * (number + 1)
        if number % 4 == 3:
            writer.rotate()
            writer.seal()
    ended.set()
    for reader in readers:
        reader.join()
    writer.close()
    assert problems == []
    assert looks >= 3
