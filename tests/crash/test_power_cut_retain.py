"""A power cut during retention or pushing: a date is there as samples or as roll-ups, never both and never neither."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import polars as pl
import pytest

from iiotctl.store.compact import compact
from iiotctl.store.push import push
from iiotctl.store.retain import Policy, retain
from iiotctl.store.snapshot import Snapshot
from iiotctl.store.verify import HARMLESS, verify
from tests.crash.power_cut import How, Operation, QuietDisk, Recorder, after
from tests.unit.store.making import NOON, SECOND, batch, open_writer, rows

pytestmark = pytest.mark.crash

DAY = 86_400 * SECOND
NOW = NOON + 9 * DAY
HOWS: tuple[How, ...] = ("nothing", "names", "content", "everything", "random", "random")
POLICY = Policy(raw_us=8 * DAY)
PUSH_SYNCS = ("sync in push._copy", "sync_dir in push._copy")
"""Retention has none of its own: a name that a cut takes back is given again by the next run."""


def _fill(root: Path, disk: Recorder | None = None) -> int:
    """Two dates of samples, of which one will expire; how many it has."""
    writer = open_writer(root, disk=disk)
    for day in (0, 5):
        writer.commit(batch(NOON + day * DAY, 20, day))
        writer.rotate()
        writer.seal()
    writer.close()
    return 60


@pytest.fixture(scope="module")
def retention(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Operation], int]:
    """A capture, then retention, killed after it has announced and gone on with; and where retention began."""
    base = tmp_path_factory.mktemp("story")
    disk = Recorder(base)
    root = base / "store"
    _fill(root, disk)
    begin = len(disk.trace)
    kept = disk.rename

    def killed(source: Path, target: Path) -> None:
        if source.suffix == ".expiring":
            raise KeyboardInterrupt
        kept(source, target)

    disk.rename = killed  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        retain(root, POLICY, now_us=lambda: NOW, disk=disk)
    disk.rename = kept  # type: ignore[method-assign]
    retain(root, POLICY, now_us=lambda: NOW, disk=disk)
    return disk.trace, begin


def _count(root: Path) -> tuple[int, int]:
    """(samples of the date that expires, samples in its roll-ups)."""
    first = sum(1 for _, ts, _ in rows(root) if ts < NOON + DAY)
    with Snapshot.open(root) as snapshot:
        found = [pl.read_parquet(path).select(pl.col("count") + pl.col("bad")) for path in snapshot.rollup_files]
    return first, sum(sum(frame["count"].to_list()) for frame in found)


def _check_retention(root: Path, *, again: bool) -> None:
    raw, rolled = _count(root)
    # between the announcement and the name the roll-ups stand in a scratch file, which readers know
    assert (raw, rolled) in ((60, 0), (0, 60))
    if again:
        retain(root, POLICY, now_us=lambda: NOW, disk=QuietDisk())
        assert _count(root) == (0, 60)
        assert {flaw.verdict for flaw in verify(root).flaws} <= HARMLESS


def test_any_cut_in_retention(retention: tuple[list[Operation], int], tmp_path: Path) -> None:
    trace, begin = retention
    for number, step in enumerate(range(begin + 1, len(trace) + 1)):
        for how in (HOWS[number % len(HOWS)], HOWS[(number + 2) % len(HOWS)]):
            base = tmp_path / f"{step}-{how}"
            after(trace, step).write_out(base, how, Random(step))
            _check_retention(base / "store", again=True)


@pytest.fixture(scope="module")
def pushing(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Operation], Path]:
    """A store that is pushed, compacted and pushed again; and its folder."""
    base = tmp_path_factory.mktemp("story")
    source = base / "source"
    _fill(source)
    push(source, base / "elsewhere", now_us=lambda: NOW, disk=QuietDisk())  # the store has its id from now on
    disk = Recorder(base / "disk")
    (base / "disk").mkdir()
    push(source, base / "disk" / "lake", now_us=lambda: NOW, disk=disk)
    compact(source, now_us=lambda: NOW, disk=QuietDisk())
    push(source, base / "disk" / "lake", now_us=lambda: NOW, disk=disk)
    shutil.rmtree(base / "elsewhere")
    return disk.trace, source


def _check_target(lake: Path, source: Path, *, again: bool) -> None:
    whole = rows(source)
    if (lake / "store.toml").exists():
        found = rows(lake)
        assert len(found) == len(set(found)), "a row counts twice"
        assert set(found) <= set(whole)
    if again:
        push(source, lake, now_us=lambda: NOW, disk=QuietDisk())
        assert rows(lake) == whole
        assert {flaw.verdict for flaw in verify(lake).flaws} <= HARMLESS


def test_any_cut_in_a_push(pushing: tuple[list[Operation], Path], tmp_path: Path) -> None:
    trace, source = pushing
    for number, step in enumerate(range(1, len(trace) + 1)):
        base = tmp_path / str(step)
        after(trace, step).write_out(base, HOWS[number % len(HOWS)], Random(step))
        _check_target(base / "lake", source, again=True)


@pytest.mark.parametrize("place", PUSH_SYNCS)
def test_no_sync_is_idle(pushing: tuple[list[Operation], Path], place: str, tmp_path: Path) -> None:
    trace, source = pushing
    first = next(number for number, step in enumerate(trace) if step.place == place)
    cuts = [(step, how) for step in range(first + 1, len(trace) + 1) for how in (*HOWS[:3], *HOWS[4:])]
    Random(7).shuffle(cuts)
    for number, (step, how) in enumerate(cuts):
        base = tmp_path / str(number)
        after(trace, step, place).write_out(base, how, Random(number))
        try:
            _check_target(base / "lake", source, again=True)
        except Exception:  # an assertion, or the store refusing what it finds
            after(trace, step).write_out(tmp_path / "intact", how, Random(number))
            _check_target(tmp_path / "intact" / "lake", source, again=True)
            return
    pytest.fail(f"{place} protects nothing, or this test is blind")
