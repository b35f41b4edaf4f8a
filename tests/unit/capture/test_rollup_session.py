"""Roll-ups in a capture as a whole: they agree with the samples, and a crash costs no more than is said."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from iiotctl.capture import unwritten
from iiotctl.capture.session import Session
from iiotctl.cli._completeness import store_rows
from iiotctl.history.completeness import records
from iiotctl.history.gaps import Wanted
from iiotctl.history.sql.reader import Selection
from iiotctl.history.sql.result import Running
from iiotctl.history.sql.statement import Kind, Statement
from iiotctl.samples import GapReason
from iiotctl.sources.base import Sink
from tests.crash import rig
from tests.unit.capture.fakes import BAD, FakeSource, Stage, run_session, until


def rollups(store: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """What a reader sees, by tag and start in µs."""
    sql = (
        'SELECT tag, epoch_us(start) AS start, epoch_us("end") AS until, "min", "max", mean, "count", bad,'
        " epoch_us(last_ts) AS last_ts, partial FROM rollups ORDER BY tag, start"
    )
    with Running(Selection(store), Statement(sql, Kind.SELECT), lambda event: None) as running:
        fields, rows = running.rows()
        return {(row[0], row[1]): dict(zip((field.name for field in fields), row, strict=True)) for row in rows}


def staged(folder: Path, rules: str) -> Stage:
    stage = Stage(folder)
    stage.site.write_text(stage.site.read_text() + rules)
    return stage


def check_against_samples(store: Path, tag: str) -> int:
    """Every roll-up of the tag is that of its stored samples; returns how many are whole."""
    found = rig.samples(store).filter(pl.col("tag") == tag)
    seen = 0
    for (name, start), row in rollups(store).items():
        if name != tag:
            continue
        inside = found.filter((pl.col("ts") >= start) & (pl.col("ts") < row["until"]))
        good = inside.filter(pl.col("quality") < 1 << 31)["value"]
        assert (row["count"], row["bad"]) == (len(good), len(inside) - len(good)), (name, start)
        if len(good):
            assert (row["min"], row["max"]) == (good.min(), good.max())
        seen += not row["partial"]
    return seen


def test_rollups_beside_and_instead_of_samples(tmp_path: Path) -> None:
    rules = """
[[reduction]]
tags = "*"
rollup = "1s"
[[reduction]]
tags = "b"
raw = false
"""
    stage = staged(tmp_path, rules)
    summary = run_session(stage.session(), seconds=3.2)
    assert set(rig.samples(stage.store)["tag"]) == {"a"}
    assert check_against_samples(stage.store, "a") >= 1
    found = rollups(stage.store)
    of_a = {start: row["count"] for (tag, start), row in found.items() if tag == "a"}
    of_b = {start: row["count"] for (tag, start), row in found.items() if tag == "b"}
    assert of_a == of_b
    assert summary.gap_count == 0
    assert summary.whole.percent == 100, "what a roll-up holds is not missing"
    assert summary.rolled_up == sum(of_b.values())
    assert summary.stored + summary.rolled_up == summary.delivered
    told = records(Selection(stage.store), Wanted(), lambda event: None, summary.durable_until)
    assert {one.tag: (one.samples > 0, one.rollups) for one in told} == {
        "a": (True, len(of_a)),
        "b": (False, len(of_b)),
    }
    assert [column.name for column in store_rows(told, brief=True).columns][4:6] == ["samples", "rollups"]


def test_a_failure_is_in_the_rollups_as_in_the_samples(tmp_path: Path) -> None:
    stage = staged(tmp_path, '[[reduction]]\ntags = "*"\nrollup = "1s"\n')

    def script(source: FakeSource, sink: Sink, number: int) -> None:
        source.silent = 100 <= number < 160
        if number == 100:
            sink.failed(None, GapReason.TIMEOUT, BAD, source.context.now_us())

    run_session(stage.session(script), seconds=3.2)
    check_against_samples(stage.store, "a")
    found = rollups(stage.store)
    assert sum(row["bad"] for row in found.values()) == 2, "one null row a tag"
    (start, end, _), *_ = rig.gaps_of(rig.gaps(stage.store), "one", "a")
    for (_, begin), row in found.items():
        if begin <= start < row["until"] or begin <= end < row["until"]:
            assert row["partial"]


def test_after_a_crash_a_gap_shortly_before_it_is_not_forgotten(tmp_path: Path) -> None:
    def script(source: FakeSource, sink: Sink, number: int) -> None:
        source.silent = number % 50 < 5
        if number % 50 == 0:
            sink.failed(None, GapReason.TIMEOUT, BAD, source.context.now_us())

    copy, _ = _crashed(tmp_path, '[[reduction]]\ntags = "*"\nrollup = "1s"\n', script)
    run_session(copy.session(), seconds=0.4)
    check_against_samples(copy.store, "a")
    found = [row for (tag, _), row in rollups(copy.store).items() if tag == "a"]
    assert len(found) >= 3
    assert all(row["partial"] for row in found), "a gap every half second"


def _crashed(
    tmp_path: Path, rules: str, script: Callable[[FakeSource, Sink, int], None] | None = None
) -> tuple[Stage, int]:
    """A store as it was two seconds after the begin of a capture, and when that was (µs)."""
    stage, copy = staged(tmp_path / "first", rules), staged(tmp_path / "second", rules)
    crashed: list[int] = []

    async def crash(session: Session) -> None:
        # a second is over, and not yet written
        await until(lambda: session.recorder.figures.commits >= 13 and 250_000 <= stage.now_us() % 1_000_000 < 400_000)
        shutil.copytree(stage.store, copy.store)
        crashed.append(stage.now_us())

    run_session(stage.session(script), crash, seconds=4.2)
    return copy, crashed[0]


def test_after_a_crash_the_rollups_of_stored_samples_go_on(tmp_path: Path) -> None:
    copy, crashed = _crashed(tmp_path, '[[reduction]]\ntags = "*"\nrollup = ["1s", "1min"]\n')
    run_session(copy.session(), seconds=0.4)
    assert check_against_samples(copy.store, "a") >= 1
    around = [
        row for (tag, start), row in rollups(copy.store).items() if tag == "a" and start <= crashed < row["until"]
    ]
    assert around
    assert all(row["partial"] for row in around)


def test_after_a_crash_the_gap_begins_where_the_rollups_end(tmp_path: Path) -> None:
    copy, crashed = _crashed(tmp_path, '[[reduction]]\ntags = "b"\nrollup = "1s"\nraw = false\n')
    run_session(copy.session(), seconds=0.4)
    table = rig.gaps_of(rig.gaps(copy.store), "one", "b")
    assert [reason for *_, reason in table] == ["restart", "restart"]
    (first, last, _), (begin, _, _) = table
    assert begin == last + 1
    ends = [row["until"] for row in rollups(copy.store).values() if row["until"] <= crashed]
    assert first == max(ends), "right behind the last roll-up that was written"
    assert rig.gaps_of(rig.gaps(copy.store), "one", "a")[0][0] == begin, "of stored samples nothing is lost"


def test_after_a_crash_the_long_rollup_is_made_again_of_the_short_ones(tmp_path: Path) -> None:
    copy, crashed = _crashed(tmp_path, '[[reduction]]\ntags = "b"\nrollup = ["1s", "1min"]\nraw = false\n')
    run_session(copy.session(), seconds=0.4)
    frames = [pl.read_parquet(path) for path in sorted((copy.store / "rollups").rglob("*.parquet"))]
    rows = pl.concat(frames).with_columns(
        minute=pl.col("start").dt.truncate("1m"), long=pl.col("end") - pl.col("start")
    )
    short = rows.filter(pl.col("long") == pl.duration(seconds=1))
    minutes = rows.filter(pl.col("long") == pl.duration(minutes=1))
    assert short.filter(pl.col("end").dt.epoch("us") <= crashed)["count"].sum() > 0, (
        "some were written before the crash"
    )
    for column in ("count", "bad"):
        sums = [dict(some.group_by("minute").agg(pl.col(column).sum()).iter_rows()) for some in (short, minutes)]
        assert sums[0] == sums[1]
    found = minutes.group_by("minute").agg(pl.col("min").min(), pl.col("max").max()).sort("minute")
    assert found.rows() == short.group_by("minute").agg(pl.col("min").min(), pl.col("max").max()).sort("minute").rows()
    first, *_ = rig.gaps_of(rig.gaps(copy.store), "one", "b")
    before = short.filter((pl.col("end").dt.epoch("us") <= crashed) & (pl.col("count") > 0))["end"].dt.epoch("us").max()
    assert first[0] == before, "right behind the last short roll-up that was written"


def test_where_long_rollups_cannot_be_made_of_short_ones_the_gap_begins_with_the_long_one() -> None:
    second = 1_000_000
    of_short = {second: 10 * second - 1, 60 * second: -1}
    assert unwritten.safe_until({second: 10 * second, 60 * second: 0}) == 10 * second
    assert unwritten.safe_until({2 * second: 10 * second, 3 * second: 9 * second}) == 9 * second
    assert unwritten.safe_until({60 * second: 0}) == 0
    assert unwritten.first_unwritten(list(of_short), 12 * second, of_short) == {second: 10 * second, 60 * second: 0}


def test_what_was_rolled_up_is_not_counted_again_after_a_restart(tmp_path: Path) -> None:
    """A server tells its static value again with its old time."""
    rules = '[[reduction]]\ntags = "*"\nrollup = "1s"\nraw = false\n'
    stage = staged(tmp_path, rules)
    stage.site.write_text(
        stage.site.read_text()
        .replace("modbus-tcp", "opcua")
        .replace("host = ", "url = ")
        .replace("127.0.0.1", "opc.tcp://127.0.0.1")
        .replace("127.0.0.2", "opc.tcp://127.0.0.2")
        .replace("holding:", "ns=2;i=")
    )
    old = stage.now_us() - 3_600_000_000

    def script(source: FakeSource, sink: Sink, number: int) -> None:
        source.silent = True
        if number % 10 == 1:
            source.rounds = 1
            source.deliver(sink, old)

    for _ in range(2):
        run_session(stage.session(script), seconds=0.5)
    assert [row["count"] for row in rollups(stage.store).values()] == [1, 1]
