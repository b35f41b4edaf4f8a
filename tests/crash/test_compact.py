"""Compaction killed at any step, beside a capture, and under the eyes of readers: each row once, at all times."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from random import Random

import pytest

from iiotctl.history.sql.reader import Reader, Selection
from iiotctl.store.compact import compact
from iiotctl.store.verify import HARMLESS, verify
from tests.crash.power_cut import QuietDisk
from tests.crash.rig import SOAK
from tests.unit.store.making import NOON, SECOND, Clock, batch, gap, open_writer, rows

pytestmark = pytest.mark.crash

HOUR = 3600 * SECOND
KILLS = 60 if SOAK else 4
COUNT = "SELECT count(*), count(DISTINCT (tag, ts)) FROM samples"

CHILD = """
import sys, time
from pathlib import Path
from iiotctl.store.compact import compact
from tests.crash.power_cut import QuietDisk
print("ready", flush=True)
sys.stdin.readline()
print(compact(Path(sys.argv[1]), now_us=lambda: int(sys.argv[2]), daily_after_us=0, disk=QuietDisk()), flush=True)
"""


def _fill(root: Path, segments: int, start: int = NOON) -> int:
    """Ten seconds of three tags in each segment, a segment a minute; the number of rows."""
    writer = open_writer(root, Clock(start))
    for number in range(segments):
        at = start + number * 60 * SECOND
        writer.commit(batch(at, 10, number), [gap(f"g{at}", at, at + 1, at)])
        writer.rotate()
        writer.seal()
    writer.close()
    return segments * 30


class Killed(BaseException):
    """Stands for SIGKILL: nothing is cleaned up."""


class Deadly(QuietDisk):
    """A disk whose process is gone before its `steps`-th change."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def _step(self) -> None:
        if self.steps <= 0:
            raise Killed
        self.steps -= 1

    def create(self, path: Path) -> int:
        self._step()
        return super().create(path)

    def write(self, descriptor: int, data: bytes) -> None:
        self._step()
        super().write(descriptor, data)

    def rename(self, source: Path, target: Path) -> None:
        self._step()
        super().rename(source, target)

    def unlink(self, path: Path) -> None:
        self._step()
        super().unlink(path)


def test_ended_before_each_step_and_repeated(tmp_path: Path) -> None:
    root = tmp_path / "store"
    expected = _fill(root, 3)
    now, steps, ended = NOON + 4 * HOUR, 0, 0
    while True:
        try:
            compact(root, now_us=lambda: now, disk=Deadly(steps))
        except Killed:
            ended += 1
        else:
            break
        found = rows(root)
        assert len(found) == len(set(found)) == expected, f"after {steps} steps"
        assert {flaw.verdict for flaw in verify(root).flaws} <= HARMLESS
        steps += 1
        if steps % 5 == 0:  # not all steps of one compaction: late rows keep it busy
            expected += _fill(root, 1, NOON + steps * 61 * SECOND)
        assert steps < 200
    assert ended >= 8
    assert not list(root.rglob("*.compact"))


def _compacting(root: Path, now: int) -> subprocess.Popen[str]:
    """A process that has just begun to compact."""
    line = [sys.executable, "-c", CHILD, str(root), str(now)]
    process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.stdin.write("\n")
    process.stdin.flush()
    return process


def test_killed(tmp_path: Path) -> None:
    root = tmp_path / "store"
    expected, chance, killed = _fill(root, 40), Random(5), 0
    shutil.copytree(root, tmp_path / "whole")
    process = _compacting(tmp_path / "whole", NOON + 9 * HOUR)
    begun = time.monotonic()
    assert process.stdout is not None
    assert process.stdout.readline(), "to its end, to know how long that takes"
    took = time.monotonic() - begun
    process.communicate()
    for number in range(KILLS):
        process = _compacting(root, NOON + 9 * HOUR + number * 24 * HOUR)
        time.sleep(chance.uniform(0, took))
        process.kill()
        killed += process.wait() == -9
        process.communicate()
        found = rows(root)
        assert len(found) == len(set(found)) == expected
        assert {flaw.verdict for flaw in verify(root).flaws} <= HARMLESS
        expected += _fill(root, 5, NOON + (number + 1) * 3 * HOUR)
    assert killed
    compact(root, now_us=lambda: NOON + 900 * HOUR, daily_after_us=0)
    assert len(set(rows(root))) == len(rows(root)) == expected
    assert len(list(root.glob("samples/*/*.parquet"))) <= 3
    assert verify(root).flaws == []


def test_readers_see_each_row_once_while_capture_seals_and_compaction_replaces(tmp_path: Path) -> None:
    root = tmp_path / "store"
    total = _fill(root, 30)
    clock = Clock(NOON + 20 * HOUR)
    writer = open_writer(root, clock)
    counts = {"least": total, "most": total, "sealed": 0, "replaced": 0}
    stop = threading.Event()
    errors: list[BaseException] = []

    def capture() -> None:
        try:
            for number in range(400):
                if stop.is_set():
                    break
                counts["most"] += 30
                writer.commit(batch(NOON + (100 + number) * 60 * SECOND, 10, number))
                counts["least"] += 30
                if number % 2:
                    writer.rotate()
                    counts["sealed"] += len(writer.seal())
                time.sleep(0.02)
        except BaseException as error:
            errors.append(error)

    def tidy() -> None:
        later = Clock(NOON + 30 * HOUR)
        try:
            while not stop.is_set():
                later.now += HOUR
                done = compact(root, now_us=later, disk=QuietDisk())
                counts["replaced"] += sum(change.before for change in done.changes)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for work in (capture, tidy)]
    for thread in threads:
        thread.start()
    try:
        for number in range(12):
            at_least = counts["least"]
            if number % 3:
                found = rows(root)
                count, distinct = len(found), len(set(found))
            else:
                with Reader(Selection(root), lambda event: None) as reader:
                    count, distinct = reader.ask(lambda session: session.execute(COUNT).fetchall()[0])
            assert count == distinct
            assert at_least <= count <= counts["most"]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        writer.close()
    assert not errors
    assert counts["replaced"] > 30
    assert counts["sealed"] > 2
    assert len(set(rows(root))) == len(rows(root)) == counts["least"]


def test_a_segment_that_was_opened_and_compacted_meanwhile_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from iiotctl.store import spool

    writer = open_writer(tmp_path)
    for number in range(2):
        writer.commit(batch(NOON + number * 60 * SECOND, 10, number))
        writer.rotate()
    original, done = spool.read_spool, []

    def read(layout: object) -> list[spool.Segment]:
        found = original(layout)  # type: ignore[arg-type]
        if not done:
            done.append(len(found))
            writer.seal()
            compact(tmp_path, now_us=lambda: NOON + 3 * HOUR, disk=QuietDisk())
        return found

    monkeypatch.setattr(spool, "read_spool", read)
    found = rows(tmp_path)
    monkeypatch.undo()
    assert done == [2]
    assert len(found) == len(set(found)) == 60
    writer.close()


@pytest.mark.parametrize("deleted", [0, 1, 3])
def test_without_manifests_each_row_counts_once(tmp_path: Path, deleted: int) -> None:
    expected = _fill(tmp_path, 3)
    for name in ("manifest", "kept"):
        (tmp_path / name).mkdir(exist_ok=True)
    folder = next((tmp_path / "samples").iterdir())
    old = {path: path.read_bytes() for path in folder.iterdir()}
    compact(tmp_path, now_us=lambda: NOON + 3 * HOUR, disk=QuietDisk())
    for path in sorted(old)[deleted:]:
        path.write_bytes(old[path])
    for log in (tmp_path / "manifest").iterdir():
        log.unlink()
    found = rows(tmp_path)
    assert len(found) == len(set(found)) == expected


def test_an_old_file_brought_back_is_told(tmp_path: Path) -> None:
    _fill(tmp_path, 3)
    folder = next((tmp_path / "samples").iterdir())
    old = {path: path.read_bytes() for path in folder.iterdir()}
    compact(tmp_path, now_us=lambda: NOON + 3 * HOUR, disk=QuietDisk())
    _fill(tmp_path, 1, NOON + 24 * HOUR)  # the first capture's manifest may be gathered now, and forgets them
    compact(tmp_path, now_us=lambda: NOON + 30 * HOUR, disk=QuietDisk())
    back = min(old)
    back.write_bytes(old[back])
    (flaw,) = (flaw for flaw in verify(tmp_path).flaws if "twice" in flaw.detail)
    assert flaw.path.endswith(back.name)
