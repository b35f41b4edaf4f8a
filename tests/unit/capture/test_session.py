"""A capture as a whole, over sources that do as told and a real store."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from iiotctl.capture import control
from iiotctl.capture.control import Action
from iiotctl.capture.disk import Reserve
from iiotctl.capture.session import Session
from iiotctl.capture.wishes import check_names
from iiotctl.errors import SiteError, StoreError, UsageError
from iiotctl.samples import GapReason
from iiotctl.sources.base import Sink
from tests.crash import rig
from tests.unit.capture.fakes import BAD, FakeSource, FullDisk, Stage, run_session, until


def test_what_is_delivered_is_stored_and_sealed(tmp_path: Path) -> None:
    stage = Stage(tmp_path, one="a b", two="c")
    summary = run_session(stage.session())
    found = rig.samples(stage.store)
    assert len(found) == summary.stored == summary.delivered > 0
    assert set(found["tag"]) == {"a", "b", "c"}
    assert summary.gap_count == 0
    assert summary.whole.percent == 100
    assert summary.stopped_by == "duration"
    assert summary.sealed_files > 0
    assert not list(stage.store.glob("spool/*.seg"))


def test_the_next_start_accounts_for_the_pause(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    run_session(stage.session())
    summary = run_session(stage.session())
    assert [(gap.reason, gap.count) for gap in summary.gaps] == [(GapReason.SHUTDOWN, 1)]
    times = sorted(set(rig.samples(stage.store)["ts"]))
    (gap,) = rig.gaps_of(rig.gaps(stage.store), "one", "a")
    before = max(ts for ts in times if ts < gap[0])
    after = min(ts for ts in times if ts > gap[0])
    assert gap[:2] == (before + 1, after - 1)


def test_two_captures_refuse_each_other(tmp_path: Path) -> None:
    stage = Stage(tmp_path)

    async def second(_: Session) -> None:
        with pytest.raises(StoreError) as caught:
            await stage.session().open()
        assert caught.value.slug == "store-locked"

    run_session(stage.session(), second)


def test_a_source_with_a_bug_is_started_again_and_costs_nobody_else(tmp_path: Path) -> None:
    stage = Stage(tmp_path, one="a", two="c")

    def script(source: FakeSource, _: Sink, number: int) -> None:
        if source.name == "one" and number == 10 and "source-fault" not in stage.slugs():
            raise ZeroDivisionError("a bug")

    summary = run_session(stage.session(script), seconds=1.8)
    assert stage.slugs().count("source-fault") == 1
    assert {gap.reason for gap in summary.gaps} == {GapReason.RESTART}
    table = rig.gaps(stage.store)
    assert table["source"].to_list() == ["one"]
    good = rig.samples(stage.store)
    assert good.filter((good["tag"] == "a") & (good["ts"] > table["end"][0])).height > 0, "it runs again"
    assert good.filter((good["tag"] == "a") & (good["quality"] >= 1 << 31)).height == 1, "one null row"
    (fault,) = [event for event in stage.events if event.slug == "source-fault"]
    assert "ZeroDivisionError: a bug" in fault.text


def test_a_full_disk_is_said_counted_and_survived(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    disk = FullDisk()

    async def act(session: Session) -> None:
        session.writer._disk = disk
        session.writer.rotate()  # so that the next segment is written through the disk of the test
        await until(lambda: session.recorder.figures.commits >= 2)
        disk.is_full = True
        await until(lambda: session.recorder.blocked is GapReason.DISK_FULL)
        await until(lambda: session.recorder.figures.dropped > 10)
        disk.is_full = False
        await until(lambda: session.recorder.blocked is None)
        done = session.recorder.figures.commits
        await until(lambda: session.recorder.figures.commits > done + 1)
        session.stop("test")

    summary = run_session(stage.session(), act, seconds=30)
    assert stage.slugs().count("disk-full") == 1
    assert "storing-again" in stage.slugs()
    _check_one_gap(stage, GapReason.DISK_FULL)
    assert summary.stored + summary.dropped == summary.delivered, "every sample is accounted for"


def test_the_reserve_is_left_alone(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    free = [10**9]

    async def act(session: Session) -> None:
        session.recorder._reserve = Reserve(stage.store, 10**6, usage=lambda _: (10**9, 0, free[0]))
        await until(lambda: session.recorder.figures.commits >= 2)
        free[0] = 10**5
        await until(lambda: session.recorder.figures.dropped > 10)
        size = sum(path.stat().st_size for path in stage.store.glob("spool/*.seg"))
        await asyncio.sleep(0.5)
        assert sum(path.stat().st_size for path in stage.store.glob("spool/*.seg")) - size < 1000
        free[0] = 10**9
        await until(lambda: session.recorder.blocked is None)
        done = session.recorder.figures.commits
        await until(lambda: session.recorder.figures.commits > done + 1)
        session.stop("test")

    summary = run_session(stage.session(), act, seconds=30)
    assert stage.slugs().count("disk-reserve") == 1
    _check_one_gap(stage, GapReason.DISK_RESERVE)
    assert summary.stored + summary.dropped == summary.delivered


def _check_one_gap(stage: Stage, reason: GapReason) -> None:
    table = rig.gaps(stage.store)
    assert table["reason"].to_list() == [str(reason)]
    times = sorted(set(rig.samples(stage.store)["ts"]))
    start, end = table["start"][0], table["end"][0]
    assert max(ts for ts in times if ts < start) + 1 == start
    assert min(ts for ts in times if ts > end) - 1 == end
    assert not [ts for ts in times if start <= ts <= end]


def test_a_disk_that_stays_full_to_the_end_loses_only_what_it_says(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    disk = FullDisk()

    async def act(session: Session) -> None:
        session.writer._disk = disk
        session.writer.rotate()
        await until(lambda: session.recorder.figures.commits >= 2)
        disk.is_full = True
        await until(lambda: session.recorder.blocked is not None)
        session.stop("test")

    summary = run_session(stage.session(), act, seconds=30)
    assert "last-commit-failed" in stage.slugs()
    assert summary.waiting > 0
    again = run_session(stage.session())
    assert [gap.reason for gap in again.gaps] in ([GapReason.RESTART], [GapReason.SHUTDOWN])
    assert len(rig.samples(stage.store)) == summary.stored + again.stored


def test_a_backlog_that_overflows_is_counted(tmp_path: Path) -> None:
    stage = Stage(tmp_path, one="a b c d e f g h")

    async def act(session: Session) -> None:
        session.recorder._max_backlog = 100
        session.recorder.commit_s = 1.0
        await until(lambda: session.recorder.figures.dropped > 0)
        session.recorder._max_backlog = 10**6
        session.recorder.commit_s = 0.2
        await until(lambda: session.recorder.blocked is None)
        done = session.recorder.figures.commits
        await until(lambda: session.recorder.figures.commits > done + 1)
        session.stop("test")

    summary = run_session(stage.session(), act, seconds=30)
    assert "backlog-overflow" in stage.slugs()
    assert summary.stored + summary.dropped == summary.delivered
    _check_one_gap(stage, GapReason.OVERFLOW)


@pytest.mark.parametrize(("step_s", "gaps"), [(3600, 1), (-3600, 1), (0.5, 0)])
def test_steps_of_the_clock(tmp_path: Path, step_s: float, gaps: int) -> None:
    jump = [0]
    stage = Stage(tmp_path, lambda: time.time_ns() // 1000 + jump[0], one="a")

    def script(_: FakeSource, __: Sink, number: int) -> None:
        if number == 20:
            jump[0] = round(step_s * 1e6)

    run_session(stage.session(script))
    table = rig.gaps(stage.store)
    assert table["reason"].to_list() == ["clock-step"] * gaps
    assert stage.slugs().count("clock-step") == gaps
    found = rig.samples(stage.store)
    assert found["value"].sort().to_list() == [float(number) for number in range(1, len(found) + 1)], "nothing is lost"
    if gaps:
        seconds = (table["end"][0] - table["start"][0]) / 1e6
        assert seconds == pytest.approx(3600, abs=2) if step_s > 0 else seconds == 0
        inside = found.filter((found["ts"] >= table["start"][0]) & (found["ts"] <= table["end"][0]))
        assert inside.height == 0
    if step_s < 0:
        # which times come twice is in the row: from what the clock showed then to what it had shown before
        assert (table["start"][0] - table["detected_at"].dt.epoch("us")[0]) / 1e6 == pytest.approx(3600, abs=2)


def test_an_outage_in_times_that_come_twice_leaves_its_null_rows(tmp_path: Path) -> None:
    """Samples of the first pass stand at these times: no gap may cover them, but the Bad rows tell."""
    jump = [0]
    stage = Stage(tmp_path, lambda: time.time_ns() // 1000 + jump[0], one="a")

    def script(source: FakeSource, sink: Sink, number: int) -> None:
        if number == 20:
            jump[0] = -3_600_000_000
        source.silent = 40 <= number < 50
        if source.silent:
            sink.failed(None, GapReason.TIMEOUT, BAD, stage.now_us())

    run_session(stage.session(script), seconds=0.9)
    found = rig.samples(stage.store)
    good = found.filter(found["quality"] == 0)
    assert set(range(1, 61)) - set(good["value"]) <= set(range(40, 50)), "nothing else is lost"
    assert len(good) == len(good.unique(["tag", "ts", "value"]))
    (null,) = found.filter(found["quality"] >= 1 << 31)["ts"]
    first = good.filter(good["value"] == 1)["ts"][0]
    assert first - 3_600_000_000 < null < first
    for start, end, _ in rig.gaps_of(rig.gaps(stage.store), "one", "a"):
        assert not good.filter((good["ts"] >= start) & (good["ts"] <= end)).height


def test_a_wrong_site_file_is_refused_and_the_old_one_goes_on(tmp_path: Path) -> None:
    stage = Stage(tmp_path, one="a b")
    first = stage.site.read_text()

    async def act(session: Session) -> None:
        await until(lambda: session.recorder.figures.commits >= 1)
        stage.site.write_text(first.replace("[sources.one]", "[sources.one]\nspeed = 3"))
        answer = await session.reload()
        assert not answer.ok
        assert "speed" in answer.message
        assert answer.details["errors"][0]["where"].startswith("site.toml:")
        stage.site.write_text("schema = 1\n")
        assert not (await session.reload()).ok
        before = session.recorder.figures.delivered
        await until(lambda: session.recorder.figures.delivered > before + 10)
        session.stop("test")

    summary = run_session(stage.session(), act, seconds=30)
    assert summary.gap_count == 0
    assert stage.slugs().count("reload-refused") == 2


def test_status_and_requests_from_outside(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    with pytest.raises(StoreError) as caught:
        control.ask(stage.store, Action.SEAL)
    assert caught.value.slug == "capture-not-running"
    assert control.read_status(stage.store) is None

    async def act(session: Session) -> None:
        await until(lambda: session.recorder.figures.commits >= 1)
        answer = await asyncio.to_thread(control.ask, stage.store, Action.SEAL)
        assert answer.ok
        assert answer.details["files"] > 0
        assert list(stage.store.glob("samples/date=*/*.parquet"))
        await until(lambda: (control.read_status(stage.store) or {}).get("stored", 0) > 0)
        status = control.read_status(stage.store)
        assert status is not None
        assert status["running"]
        assert status["fresh"]
        assert status["sources"][0]["name"] == "one"
        assert (await asyncio.to_thread(control.ask, stage.store, Action.STOP)).ok

    summary = run_session(stage.session(), act, seconds=30)
    assert summary.stopped_by == "request"
    status = control.read_status(stage.store)
    assert status is not None
    assert not status["running"]
    assert status["state"] == "stopped"


def test_nothing_to_capture_and_unknown_sources_are_clear_errors(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    session = stage.session()
    with pytest.raises(UsageError, match="no source `oen`") as caught:
        check_names(["oen"], session.loaded)
    assert caught.value.hint == "did you mean `one`?"
    stage.site.write_text("schema = 1\n")
    with pytest.raises(SiteError, match="no source with tags"):
        asyncio.run(stage.session().open())


def test_problems_of_tags_are_found_before_the_store_is_touched(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    session = stage.session()
    session.wishes.check = lambda _config, _tags: [SiteError("x", "wrong")]
    with pytest.raises(SiteError):
        asyncio.run(session.open())
    assert not stage.store.exists()


def test_a_store_that_breaks_ends_the_capture_with_its_error(tmp_path: Path) -> None:
    stage = Stage(tmp_path)

    def broken(*_: object, **__: object) -> None:
        raise StoreError("x", "broken")

    async def act(session: Session) -> None:
        await until(lambda: session.recorder.figures.commits >= 1)
        session.writer.commit = broken  # type: ignore[method-assign, assignment]

    with pytest.raises(StoreError, match="broken"):
        run_session(stage.session(), act, seconds=30)
    run_session(stage.session(), seconds=0.3)  # the lock is free again, and what was durable is there
    assert rig.samples(stage.store).height > 0


def test_a_bug_in_the_view_does_not_pass_as_a_good_end(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    session = stage.session()

    def fail(_: Session) -> None:
        raise ZeroDivisionError

    session.wishes.on_tick = fail
    with pytest.raises(ZeroDivisionError):
        run_session(session, seconds=30)
    assert rig.samples(stage.store).height >= 0
    assert not list(stage.store.glob("spool/*.seg"))


def test_a_source_that_cannot_be_made_leaves_the_store_unlocked(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    session = stage.session()

    def fail(*_: object) -> None:
        raise SiteError("x", "cannot")

    session.wishes.create = fail  # type: ignore[assignment]
    with pytest.raises(SiteError):
        asyncio.run(session.open())
    assert run_session(stage.session(), seconds=0.3).stored > 0


def test_a_failure_is_one_null_row_and_one_gap(tmp_path: Path) -> None:
    stage = Stage(tmp_path, one="a b")

    def script(source: FakeSource, sink: Sink, number: int) -> None:
        source.silent = 10 <= number < 20
        if source.silent:
            sink.failed(None, GapReason.TIMEOUT, BAD, source.context.now_us())

    run_session(stage.session(script))
    found = rig.samples(stage.store)
    nulls = found.filter(found["quality"] == BAD)
    assert nulls["tag"].to_list() == ["a", "b"]
    assert nulls["value"].null_count() == 2
    good = found.filter((found["tag"] == "a") & (found["quality"] == 0))["ts"].to_list()
    (gap,) = rig.gaps_of(rig.gaps(stage.store), "one", "a")
    assert gap == (good[8] + 1, good[9] - 1, "timeout")


def test_a_segment_damaged_since_the_last_run_is_told(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    run_session(stage.session(), seconds=0.3)
    left = stage.store / "spool" / "20261121T000000Z-0123abcd-000001.seg"
    left.write_bytes(b"this is no frame")
    run_session(stage.session(), seconds=0.3)
    (event,) = [event for event in stage.events if event.slug == "segment-damaged"]
    assert left.stem in event.text
    assert str(stage.store / "spool" / "damaged") in event.text
    assert (stage.store / "spool" / "damaged" / left.name).exists()
