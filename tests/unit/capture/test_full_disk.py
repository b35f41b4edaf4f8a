"""A disk without a byte left: the gap, the status and the end of the run still find room."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from iiotctl.capture import control
from iiotctl.capture.ballast import SIZE, Ballast
from iiotctl.capture.session import Session
from iiotctl.samples import GapReason
from iiotctl.store.snapshot import Snapshot
from tests.crash import rig
from tests.unit.capture.fakes import FullDisk, Stage, run_session, until


def _unsealed_reasons(stage: Stage) -> list[str]:
    with Snapshot.open(stage.store) as view:
        table = view.unsealed_gaps()
    return [] if table is None else table["reason"].to_list()


class _LastRoom(FullDisk):
    """Full up to what the ballast holds."""

    def __init__(self, ballast: Ballast) -> None:
        super().__init__()
        self._ballast = ballast
        self.wants_full = False

    @property
    def is_full(self) -> bool:  # type: ignore[override]
        return self.wants_full and self._ballast.is_held


@pytest.mark.parametrize("stays_full", [True, False])
def test_a_disk_without_a_byte_left_still_holds_the_gap_and_the_end(tmp_path: Path, stays_full: bool) -> None:
    stage = Stage(tmp_path)
    ballast_file = stage.store / "run" / "ballast"

    async def act(session: Session) -> None:
        free = [10**9]
        session._ballast._usage = lambda _: (10**9, 0, free[0])
        disk = _LastRoom(session._ballast)
        session.writer._disk = disk
        session.writer.rotate()
        await until(lambda: session.recorder.figures.commits >= 2)
        assert ballast_file.stat().st_size == SIZE
        free[0], disk.wants_full = 0, True
        await until(lambda: session.recorder.blocked is GapReason.DISK_FULL)
        await until(lambda: session.recorder.figures.dropped > 0)
        done = session.recorder.figures.commits
        await until(lambda: session.recorder.figures.commits > done and session.recorder.waiting == 0)
        assert _unsealed_reasons(stage) == ["disk-full"], "the open gap is durable already"
        assert session.recorder.blocked is GapReason.DISK_FULL
        assert not ballast_file.exists()
        await until(lambda: ((control.read_status(stage.store) or {}).get("gaps") or []) != [])
        if not stays_full:
            free[0], disk.wants_full = 10**9, False
            await until(lambda: session.recorder.blocked is None)
            await until(ballast_file.exists)
            done = session.recorder.figures.commits
            await until(lambda: session.recorder.figures.commits > done + 1)
        session.stop("test")

    summary = run_session(stage.session(), act, seconds=30)
    assert summary.waiting == 0
    assert summary.stored + summary.dropped == summary.delivered
    again = run_session(stage.session())
    assert [gap.reason for gap in again.gaps] == [GapReason.SHUTDOWN], "the run before ended as it should"


def test_a_full_disk_at_the_seal_does_not_make_the_end_a_crash(tmp_path: Path) -> None:
    stage = Stage(tmp_path)

    async def act(session: Session) -> None:
        await until(lambda: session.recorder.figures.commits >= 2)

        def refuse() -> list[object]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        session.writer.seal = refuse  # type: ignore[assignment]
        session.stop("test")

    first = run_session(stage.session(), act, seconds=30)
    assert "seal-failed" in stage.slugs()
    again = run_session(stage.session())
    assert [gap.reason for gap in again.gaps] == [GapReason.SHUTDOWN]
    assert len(rig.samples(stage.store)) == first.stored + again.stored
