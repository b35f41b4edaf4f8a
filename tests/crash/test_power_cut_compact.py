"""A power cut during compaction, deletion and gathering: every row is there, once, at any moment, and afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from iiotctl.store.compact import compact
from iiotctl.store.verify import HARMLESS, verify
from tests.crash.power_cut import How, Operation, QuietDisk, Recorder, after
from tests.unit.store.making import NOON, SECOND, Clock, batch, gap, open_writer, rows, rows_of, tag_row

pytestmark = pytest.mark.crash

HOUR = 3600 * SECOND
DAY = 24 * HOUR
HOWS: tuple[How, ...] = ("nothing", "names", "content", "everything", "random", "random")
BATCHES = [batch(NOON + minute * 60 * SECOND, 2, minute) for minute in (10, 59, 70, 130, 20)]
"""Two closed hours, one open, and a late one."""
SYNCS = (
    "sync in durable.write_file < gather.gather",
    "sync in manifest._write",
    "sync in merge.write",
    "sync_dir in compact._replace",
    "sync_dir in durable.write_file < gather.gather",
    "sync_dir in gather.gather",
    "sync_dir in manifest._write",
    "sync_dir in upkeep._clean",
)


def _compact(root: Path, disk: QuietDisk | Recorder, now: int) -> None:
    # a later run deletes although nobody can prove that no reader is left
    compact(root, now_us=lambda: now, disk=disk)
    compact(root, now_us=lambda: now + HOUR // 2, disk=disk)


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Operation], int]:
    """A capture, a compaction, a late row, another compaction; and where the first compaction began."""
    base = tmp_path_factory.mktemp("story")
    disk = Recorder(base)
    root = base / "store"
    writer = open_writer(root, disk=disk)
    for one in BATCHES[:4]:
        writer.commit(one, [gap(f"g{one.ts[0]}", NOON, NOON + 1, int(one.ts[0]))])
        writer.rotate()
        writer.seal()
    writer.close()
    begin = len(disk.trace)
    disk.ack(4)
    _compact(root, disk, NOON + 2 * HOUR + HOUR // 2)
    # by a clock that was set back: its run's name is not the newest
    writer = open_writer(root, Clock(NOON - DAY), disk=disk, define=False)
    writer.define_tags([tag_row(code) for code in range(3)])
    writer.commit(BATCHES[4])
    disk.ack(5)
    writer.rotate()
    writer.seal()
    writer._lock.release()  # killed: nobody syncs that the segment is gone
    _compact(root, disk, NOON + 2 * DAY)
    return disk.trace, begin


def _check(base: Path, trace: list[Operation], steps: int, *, again: bool) -> None:
    root = base / "store"
    acks = [step.payload for step in trace[:steps] if step.kind == "ack"]
    least, most = rows_of(BATCHES[: int(str(acks[-1]))]), rows_of(BATCHES)
    found = rows(root)
    assert found in (least, most), f"{len(found)} rows instead of {len(least)} or {len(most)}"
    if again:
        compact(root, now_us=lambda: NOON + 3 * DAY, disk=QuietDisk())
        compact(root, now_us=lambda: NOON + 3 * DAY + HOUR, disk=QuietDisk())
        assert rows(root) == found
        assert {flaw.verdict for flaw in verify(root).flaws} <= HARMLESS


def _cuts(trace: tuple[list[Operation], int]) -> Iterator[tuple[int, How]]:
    steps, begin = trace
    for number, step in enumerate(range(begin + 1, len(steps) + 1)):
        yield step, HOWS[number % len(HOWS)]


@pytest.mark.parametrize("share", range(4))
def test_any_cut(trace: tuple[list[Operation], int], share: int, tmp_path: Path) -> None:
    for number, (step, how) in enumerate(_cuts(trace)):
        if number % 4 == share:
            base = tmp_path / str(step)
            after(trace[0], step).write_out(base, how, Random(step))
            _check(base, trace[0], step, again=number % 3 == 0)


@pytest.mark.parametrize("place", SYNCS)
def test_no_sync_is_idle(trace: tuple[list[Operation], int], place: str, tmp_path: Path) -> None:
    steps, begin = trace
    first = next(number for number, step in enumerate(steps) if number >= begin and step.place == place)
    cuts = [(step, how) for step in range(first + 1, len(steps) + 1) for how in (*HOWS[:3], *HOWS[4:])]
    Random(7).shuffle(cuts)
    for number, (step, how) in enumerate(cuts):
        base = tmp_path / str(number)
        after(steps, step, place).write_out(base, how, Random(number))
        try:
            _check(base, steps, step, again=False)
            assert not any(flaw.verdict not in HARMLESS for flaw in verify(base / "store").flaws)
        except Exception:  # an assertion, or the store refusing what it finds
            after(steps, step).write_out(tmp_path / "intact", how, Random(number))
            _check(tmp_path / "intact", steps, step, again=False)
            return
    pytest.fail(f"{place} protects nothing, or this test is blind")


def test_every_sync_of_compaction_is_in_the_list(trace: tuple[list[Operation], int]) -> None:
    steps, begin = trace
    places = {step.place for step in steps[begin:] if step.place}
    ours = ("compact", "upkeep", "gather", "merge")
    assert {place for place in places if any(f" {name}." in place for name in ours)} <= set(SYNCS)
