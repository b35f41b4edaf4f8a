"""A capture with a trigger ring: what is stored, what is stated, what is a gap."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl

from iiotctl.capture.session import Session
from iiotctl.samples import GapReason
from iiotctl.site.ring import RingSettings
from iiotctl.sources.base import Sink
from tests.crash import rig
from tests.unit.capture.fakes import BAD, FakeSource, Stage, run_session, until


def ring(
    *triggers: str, keep: str = "30s", before: str = "300ms", after: str = "200ms", **more: object
) -> RingSettings:
    return RingSettings.model_validate(
        {"keep": keep, "before": before, "after": after, "triggers": list(triggers), **more}
    )


def session_of(stage: Stage, wanted: RingSettings, script: object = None) -> Session:
    session = stage.session(script)  # type: ignore[arg-type]
    session.wishes.ring = wanted
    return session


def kept(store: Path) -> list[dict[str, object]]:
    files = sorted(store.glob("kept/date=*/*.parquet"))
    if not files:
        return []
    rows = pl.concat([pl.read_parquet(file, hive_partitioning=False) for file in files])
    latest = rows.sort("detected_at", maintain_order=True).unique("id", keep="last", maintain_order=True)
    times = pl.col("start", "end", "fired_at", "detected_at").dt.epoch("us")
    return latest.with_columns(times).sort("start").to_dicts()


def test_only_what_is_around_a_trigger_is_stored(tmp_path: Path) -> None:
    """Tags count rounds of 10 ms; the trigger is the sixtieth."""
    stage = Stage(tmp_path, one="a b", two="c")
    summary = run_session(session_of(stage, ring("a > 60 for 10ms")), seconds=1.6)
    found = rig.samples(stage.store)
    (window,) = kept(stage.store)
    assert summary.stored == len(found) < summary.delivered
    assert set(found["tag"]) == {"a", "b", "c"}, "of all sources"
    assert found["ts"].min() >= window["start"]
    assert found["ts"].max() <= window["end"]
    assert window["trigger"] == "a > 60 for 10ms"
    assert window["source"] is None
    assert window["fired_at"] - window["start"] <= 300_000
    assert window["end"] - window["fired_at"] == 200_000
    assert len(found) == len(found.unique(["tag", "ts"]))
    before = found.filter((found["tag"] == "a") & (found["ts"] < window["fired_at"]))
    assert before["value"].min() < 55, "also what came before it fired"
    assert summary.gap_count == 0, "not kept is no gap"
    modes = pl.read_parquet(next(stage.store.glob("tags/date=*/*.parquet")))["mode"]
    assert set(modes) == {"ring"}


def test_tags_that_no_glob_names_are_stored_as_usual(tmp_path: Path) -> None:
    stage = Stage(tmp_path, one="a b", two="c")
    run_session(session_of(stage, ring("a < -1", tags=["a", "c*"])), seconds=0.5)
    assert set(rig.samples(stage.store)["tag"]) == {"b"}
    tags = pl.read_parquet(next(stage.store.glob("tags/date=*/*.parquet")))
    assert dict(zip(tags["tag"], tags["mode"], strict=True)) == {"a": "ring", "b": "polled", "c": "ring"}


def test_an_outage_is_a_gap_though_nothing_is_kept(tmp_path: Path) -> None:
    stage = Stage(tmp_path)

    def script(source: FakeSource, sink: Sink, number: int) -> None:
        source.silent = 20 <= number < 40
        if source.silent:
            sink.failed(None, GapReason.TIMEOUT, BAD, stage.now_us())

    summary = run_session(session_of(stage, ring("a < -1"), script), seconds=0.9)
    assert summary.stored == 0
    assert [(gap.reason, gap.count) for gap in summary.gaps] == [(GapReason.TIMEOUT, 1)]
    assert kept(stage.store) == []


def test_a_trigger_on_bad_quality_keeps_the_way_into_the_outage(tmp_path: Path) -> None:
    stage = Stage(tmp_path)

    def script(source: FakeSource, sink: Sink, number: int) -> None:
        source.silent = 40 <= number < 60
        if source.silent:
            sink.failed(None, GapReason.TIMEOUT, BAD, stage.now_us())

    run_session(session_of(stage, ring("b bad"), script), seconds=1.2)
    found = rig.samples(stage.store)
    (window,) = kept(stage.store)
    assert found.filter(found["quality"] >= 1 << 31).height == 2, "the null rows"
    assert found.filter(found["ts"] < window["fired_at"]).height > 20
    ((start, end, _),) = rig.gaps_of(rig.gaps(stage.store), "one", "a")
    good = found.filter(found["quality"] < 1 << 31)
    assert not good.filter((good["ts"] >= start) & (good["ts"] <= end)).height


def test_after_a_crash_the_gap_begins_where_the_ring_was_still_watching(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "first")
    copy = Stage(tmp_path / "second")
    crashed: list[int] = []

    async def crash(session: Session) -> None:
        await until(lambda: session.recorder.figures.commits >= 3)
        shutil.copytree(stage.store, copy.store)
        crashed.append(stage.now_us())

    began = stage.now_us()
    run_session(session_of(stage, ring("a < -1")), crash, seconds=1.2)
    summary = run_session(session_of(copy, ring("a < -1")), seconds=0.4)
    assert [(gap.reason, gap.count) for gap in summary.gaps] == [(GapReason.RESTART, 1)]
    ((start, _, _),) = rig.gaps_of(rig.gaps(copy.store), "one", "a")
    assert began + 200_000 < start <= crashed[0]
