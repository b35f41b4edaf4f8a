"""A changed site file taken over while capture runs, or at the next start."""

from __future__ import annotations

import asyncio
from pathlib import Path

import polars as pl
import pytest

from iiotctl.capture import control
from iiotctl.capture.control import Action
from iiotctl.capture.session import Session
from iiotctl.samples import GapReason
from iiotctl.store.snapshot import Snapshot
from tests.crash import rig
from tests.unit.capture.fakes import Stage, run_session, until


def test_reload_adds_removes_and_changes_without_touching_the_others(tmp_path: Path) -> None:
    stage = Stage(tmp_path, one="a b", two="c")
    first = stage.site.read_text()

    async def act(session: Session) -> None:
        await until(lambda: session.recorder.figures.commits >= 2)
        stage.site.write_text(first.replace('name = "b"', 'name = "d"'))
        answer = await asyncio.to_thread(control.ask, stage.store, Action.RELOAD)
        assert answer.ok, answer.message
        assert (answer.details["added"], answer.details["removed"], answer.details["changed"]) == (1, 1, 0)
        done = session.recorder.figures.commits
        await until(lambda: session.recorder.figures.commits > done + 1)
        told = (await asyncio.to_thread(control.ask, stage.store, Action.TAGS)).details
        assert told["captured_s"] == pytest.approx(sum(tag["captured_s"] for tag in told["tags"]))
        # `d` joined later
        assert session.summary().whole.captured / 1e6 == pytest.approx(told["captured_s"], abs=0.3)
        first_two = max(tag["captured_s"] for tag in told["tags"])
        assert told["captured_s"] < 2.9 * first_two
        session.stop("test")

    summary = run_session(stage.session(), act, seconds=30)
    assert summary.gap_count == 0
    found = rig.samples(stage.store)
    last_b, first_d = found.filter(found["tag"] == "b")["ts"].max(), found.filter(found["tag"] == "d")["ts"].min()
    assert last_b < first_d
    for tag in "ac":
        values = found.filter(found["tag"] == tag)["value"].to_list()
        assert values == [float(number) for number in range(1, len(values) + 1)], "not a single scan is missing"


def test_reload_starts_and_stops_sources(tmp_path: Path) -> None:
    stage = Stage(tmp_path, one="a", two="c")
    first = stage.site.read_text()

    async def act(session: Session) -> None:
        await until(lambda: session.recorder.figures.commits >= 2)
        stage.site.write_text(first.replace('source = "two"', 'source = "one"').replace('"holding:0"', '"holding:9"'))
        answer = await session.reload()
        assert answer.ok, answer.message
        assert list(session.keepers) == ["one"]
        done = session.recorder.figures.commits
        await until(lambda: session.recorder.figures.commits > done + 1)
        stage.site.write_text(first)
        assert (await session.reload()).ok
        await until(lambda: "two" in session.keepers and session.recorder.figures.by_source["two"] > 100)
        session.stop("test")

    run_session(stage.session(), act, seconds=30)
    assert {"a", "c"} == set(rig.samples(stage.store)["tag"])


def _modes(store: Path) -> list[tuple[str, str, str]]:
    with Snapshot.open(store) as view:
        parts = [pl.read_parquet(path, hive_partitioning=False) for path in view.tag_files]
    return pl.concat(parts).sort("valid_from", maintain_order=True).select("tag", "mode", "address").rows()


def test_a_tag_that_leaves_while_running_is_ended_in_the_history(tmp_path: Path) -> None:
    stage = Stage(tmp_path, one="a b")
    first = stage.site.read_text()

    async def act(session: Session) -> None:
        await until(lambda: session.recorder.figures.commits >= 1)
        stage.site.write_text(first.replace('name = "b"', 'name = "d"'))
        assert (await session.reload()).ok
        stage.site.write_text(first)
        assert (await session.reload()).ok
        session.stop("test")

    run_session(stage.session(), act, seconds=30)
    known = _modes(stage.store)
    assert known[:2] == [("a", "polled", "holding:0"), ("b", "polled", "holding:1")]
    assert sorted(known[2:4]) == [("b", "removed", "holding:1"), ("d", "polled", "holding:1")]
    assert sorted(known[4:]) == [("b", "polled", "holding:1"), ("d", "removed", "holding:1")]


def test_a_tag_that_is_gone_at_the_next_start_is_ended_once(tmp_path: Path) -> None:
    Stage(tmp_path, one="a b")
    for tags in ("a b", "a", "a", "a b"):
        run_session(Stage(tmp_path, one=tags).session(), seconds=0.3)
    assert _modes(tmp_path / "store") == [
        ("a", "polled", "holding:0"),
        ("b", "polled", "holding:1"),
        ("b", "removed", "holding:1"),
        ("b", "polled", "holding:1"),
    ]


def test_a_changed_ring_is_told_to_wait_for_the_next_start(tmp_path: Path) -> None:
    stage = Stage(tmp_path, one="a")
    rules = '[[reduction]]\ntags = "a"\nrollup = "1s"\nraw = false\n'
    stage.site.write_text(stage.site.read_text() + rules)

    async def act(session: Session) -> None:
        await until(lambda: session.recorder.figures.commits >= 1)
        stage.site.write_text(stage.site.read_text() + '[ring]\nkeep = "1min"\ntriggers = ["a rises"]\n')
        for notes in (["what changed in `[ring]` takes effect at the next start of capture"], []):
            answer = await session.reload()
            assert answer.ok
            assert answer.details["notes"] == notes
        session.stop("test")

    run_session(stage.session(), act, seconds=30)
    assert [event.slug for event in stage.events if event.slug.startswith("reload")] == [
        "reload-later",
        "reloaded",
        "reloaded",
    ]


def test_a_changed_source_is_restarted_with_its_reason(tmp_path: Path) -> None:
    stage = Stage(tmp_path, one="a", two="c")
    first = stage.site.read_text()

    async def act(session: Session) -> None:
        await until(lambda: session.recorder.figures.commits >= 1)
        stage.site.write_text(
            first.replace('host = "127.0.0.1"\nperiod = "10ms"', 'host = "127.0.0.1"\nperiod = "20ms"')
        )
        assert (await session.reload()).ok
        done = session.recorder.figures.commits
        await until(lambda: session.recorder.figures.commits > done + 1)
        session.stop("test")

    summary = run_session(stage.session(), act, seconds=30)
    (event,) = [event for event in stage.events if event.slug == "source-restarted"]
    assert event.text == "source `one` restarted: `period` changed"
    assert [(gap.reason, gap.count) for gap in summary.gaps] == [(GapReason.SHUTDOWN, 1)]
    assert summary.planned_gaps == 0, "this one counts with --strict"
    again = run_session(stage.session(), seconds=0.3)
    assert (again.gap_count, again.planned_gaps) == (2, 2)
