"""Gathered manifests say what the many said, at every step of gathering, and forget what is gone on purpose."""

from __future__ import annotations

from pathlib import Path

import pytest

from iiotctl.store import gather, ledger, manifest
from iiotctl.store.layout import Layout, is_capture_log
from iiotctl.store.lock import Lock
from iiotctl.store.manifest import Manifest, SealedFile
from tests.crash.power_cut import QuietDisk

NAME = "samples/date=2026-11-23/raw-{}.parquet"
RUNS = [f"20261123T1200{number:02d}Z-0000000{number}" for number in range(4)]
LATER = "20261123T120009Z-00000009"


def entry(name: str, rows: int = 1, low: int | None = 0, high: int | None = 9) -> SealedFile:
    return SealedFile(NAME.format(name), "samples", f"{rows:064x}", 10, rows, 5, "a", "b", low, high)


def write(layout: Layout, run: str, names: list[str], removed: tuple[str, ...] = (), prefix: str = "") -> None:
    log = Manifest(QuietDisk(), layout.manifest / f"{prefix}{run}.log")
    for name in names:
        log.append([entry(name)])
    if removed:
        log.remove([NAME.format(name) for name in removed], "compacted", 7)
    log.close()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Logs of three captures and an upkeep, which removed two files; one of them is still there."""
    found = Layout(tmp_path)
    found.manifest.mkdir()
    for number, run in enumerate(RUNS[:3]):
        write(found, run, [f"{number}a", f"{number}b"])
    write(found, RUNS[3], ["new"], ("0a", "1a"), prefix="upkeep-")
    (tmp_path / NAME.format("1a")).parent.mkdir(parents=True)
    (tmp_path / NAME.format("1a")).touch()
    return found


def known(layout: Layout) -> tuple[object, ...]:
    book = ledger.read(layout)
    return book.ranges, {name: book.removed[name] for name in book.removed if (layout.root / name).exists()}


def test_the_truth_is_the_same_and_what_is_gone_is_forgotten(layout: Layout) -> None:
    before, entries = known(layout), ledger.read_all(layout)
    assert gather.gather(QuietDisk(), layout, "x") == 3
    assert known(layout) == before
    assert ledger.read_all(layout) == entries
    logs = sorted(log.name for log in layout.manifest.iterdir())
    assert logs == [f"{RUNS[2]}.log", "gathered-x.log"], "the newest capture's stays: it says that there was one"
    assert set(ledger.read(layout).removed) == {NAME.format("1a")}
    assert gather.gather(QuietDisk(), layout, "y") == 0
    (layout.root / NAME.format("1a")).unlink()
    assert gather.gather(QuietDisk(), layout, "z") == 1
    assert ledger.read(layout).removed == {}
    assert known(layout)[0] == before[0]
    assert set(ledger.hashes(layout)) == set(before[0])  # type: ignore[call-overload]


class Stopped(Exception):
    pass


class Stopping(QuietDisk):
    """A disk whose process ends before its `steps`-th change."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def _step(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise Stopped

    def write(self, descriptor: int, data: bytes) -> None:
        self._step()
        super().write(descriptor, data)

    def rename(self, source: Path, target: Path) -> None:
        self._step()
        super().rename(source, target)

    def unlink(self, path: Path) -> None:
        self._step()
        super().unlink(path)


@pytest.mark.parametrize("steps", range(6))
def test_stopped_anywhere_and_repeated(layout: Layout, steps: int) -> None:
    before = known(layout)
    try:
        gather.gather(Stopping(steps), layout, "x")
    except Stopped:
        assert known(layout) == before
        gather.gather(QuietDisk(), layout, "y")
    else:
        assert steps == 5
    assert known(layout) == before
    assert len(list(layout.manifest.glob("*.log"))) == 2


def test_a_log_that_may_still_grow_is_not_touched(layout: Layout) -> None:
    lock = Lock(layout.lock)
    lock.acquire()
    lock.note(RUNS[0])  # the clock was set back: the newest name is not that of the running capture
    gather.gather(QuietDisk(), layout, "x")
    left = {log.name for log in layout.manifest.iterdir()}
    assert left == {f"{RUNS[0]}.log", f"{RUNS[2]}.log", "gathered-x.log"}
    assert NAME.format("0a") in ledger.read(layout).removed, "its log still names the file"
    lock.release()
    lock.acquire()  # says nothing about itself
    write(layout, LATER, ["later"])
    gather.gather(QuietDisk(), layout, "y")
    left = {log.name for log in layout.manifest.iterdir() if is_capture_log(log)}
    assert left == {f"{RUNS[0]}.log", f"{RUNS[2]}.log", f"{LATER}.log"}
    lock.release()


def test_a_long_run_goes_on_in_another_log_that_can_be_gathered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "MOST_ENTRIES", 3)
    layout = Layout(tmp_path)
    layout.manifest.mkdir()
    lock = Lock(layout.lock)
    lock.acquire()
    lock.note(RUNS[0])
    log = Manifest(QuietDisk(), layout.manifest / f"{RUNS[0]}.log")
    for number in range(8):
        log.append([entry(str(number))])
    assert gather.gather(QuietDisk(), layout, "x") == 2
    log.append([entry("more")])
    assert len(ledger.ranges(layout)) == 9
    assert {each.name for each in layout.manifest.iterdir()} == {f"{RUNS[0]}.2.log", "gathered-x.log"}
    log.close()
    lock.release()


def test_of_two_entries_of_one_file_the_ranges_are_those_of_both(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.manifest.mkdir()
    log = Manifest(QuietDisk(), layout.manifest / f"{RUNS[0]}.log")
    log.append([entry("a", 1, 5, 9)])
    log.append([entry("a", 2, 7, 20)])
    log.append([entry("b", 1, 5, 9)])
    log.append([entry("b", 2, None, None)])
    log.close()
    held = ledger.ranges(layout)
    assert held[NAME.format("a")][:4] == ("samples", 2, 5, 20)
    assert held[NAME.format("b")][:4] == ("samples", 2, None, None)


def test_a_reader_looks_again_when_logs_were_gathered_under_it(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    before, original, seen = known(layout), Path.read_bytes, []

    def read(path: Path) -> bytes:
        if not seen:
            seen.append(path)
            gather.gather(QuietDisk(), layout, "x")
        return original(path)

    monkeypatch.setattr(Path, "read_bytes", read)
    assert known(layout) == before
    assert seen
