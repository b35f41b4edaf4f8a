"""Replay: formats, times, order, back-pressure, bad files."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from iiotctl import quality
from iiotctl.errors import SourceError
from iiotctl.events import Event
from iiotctl.samples import GapReason, SampleBatch, concat
from iiotctl.site.model import Tag
from iiotctl.site.sources import ReplaySource as ReplayConfig
from iiotctl.sources import replay_file
from iiotctl.sources.base import CapturedTag, SourceContext, SourceState
from iiotctl.sources.registry import create
from iiotctl.sources.replay import ReplaySource

START = 1_790_000_000_000_000


class _Sink:
    def __init__(self) -> None:
        self.batches: list[SampleBatch] = []
        self.arrived: list[float] = []
        self.failures: list[tuple[tuple[int, ...], GapReason, int]] = []
        self.events: list[Event] = []
        self.room = asyncio.Event()
        self.room.set()
        self.waits = 0

    def samples(self, batch: SampleBatch, on_commit: Callable[[], None] | None = None) -> None:
        self.batches.append(batch)
        self.arrived.append(time.monotonic())

    def failed(self, tags: Sequence[int] | None, reason: GapReason, quality: int, at: int) -> None:
        self.failures.append((tuple(tags or ()), reason, quality))

    def lost(self, tags: Sequence[int] | None, reason: GapReason, start: int, end: int) -> None:
        raise AssertionError

    def bridged(self) -> None:
        raise AssertionError

    def event(self, event: Event) -> None:
        self.events.append(event)

    async def ready(self) -> None:
        self.waits += 1
        await self.room.wait()

    @property
    def all(self) -> SampleBatch:
        return concat(self.batches)


def _source(path: Path, tags: list[Tag] | int, speed: str = "fast") -> ReplaySource:
    declared = [_tag(f"t{i}") for i in range(tags)] if isinstance(tags, int) else tags
    config = ReplayConfig(type="replay", file=path.name, speed=speed)
    context = SourceContext(now_us=lambda: time.time_ns() // 1000, monotonic=time.monotonic, folder=path.parent)
    source = create("file", config, [CapturedTag(i, tag) for i, tag in enumerate(declared)], context)
    assert isinstance(source, ReplaySource)
    return source


def _tag(name: str, **more: object) -> Tag:
    return Tag(name=name, source="file", address=str(more.pop("address", name)), **more)


def _play(source: ReplaySource) -> _Sink:
    async def main() -> _Sink:
        sink = _Sink()
        await asyncio.wait_for(source.run(sink), 60)
        return sink

    return asyncio.run(main())


def _frame(rows: int, tags: int = 3, step: int = 1000) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "ts": pl.Series([START + i * step for i in range(rows)]).cast(pl.Datetime("us", "UTC")),
            "tag": [f"t{i % tags}" for i in range(rows)],
            "value": [float(i) for i in range(rows)],
        }
    )


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_fast_gives_every_row_with_its_own_time(tmp_path: Path, kind: str) -> None:
    frame = _frame(1000)
    path = tmp_path / f"history.{kind}"
    frame.write_parquet(path) if kind == "parquet" else frame.write_csv(path)
    source = _source(path, 3)
    batch = _play(source).all
    assert batch.ts.tolist() == [START + i * 1000 for i in range(1000)]
    assert batch.value.tolist() == [float(i) for i in range(1000)]
    assert batch.tag.tolist() == [i % 3 for i in range(1000)]
    assert set(batch.quality.tolist()) == {quality.GOOD}
    assert source.status.state is SourceState.ENDED


def test_only_declared_tags_scaled_and_by_their_name_in_the_file(tmp_path: Path) -> None:
    _frame(9).write_parquet(tmp_path / "h.parquet")
    tags = [_tag("a", address="t1", scale=2.0, offset=1.0), _tag("b", address="t1"), _tag("c", address="t9")]
    sink = _play(_source(tmp_path / "h.parquet", tags))
    by_code = {code: sink.all.value[sink.all.tag == code].tolist() for code in (0, 1, 2)}
    assert by_code == {0: [3.0, 9.0, 15.0], 1: [1.0, 4.0, 7.0], 2: []}
    assert sink.failures == [((2,), GapReason.REFUSED, quality.BAD_NODE_ID_UNKNOWN)]
    assert any(event.slug == "tag-missing" and event.tag == "c" for event in sink.events)


CSV = """ts,tag,value,quality,text,comment
2026-11-21T07:00:00Z,t0,1.5,Good,,x
2026-11-21T08:00:01.5+01:00,t0,2.5,0x800A0000,,x
2026-11-21 07:00:02,t0,,BadSensorFailure,,x
1795244403000000,t0,4.5,,,x
2026-11-21T07:00:04.123456Z,t1,,Good,run,x
2026-11-21T07:00:05Z,t0,NaN,0,,x
"""


def test_times_qualities_and_texts_of_a_csv(tmp_path: Path) -> None:
    (tmp_path / "h.csv").write_text(CSV)
    batch = _play(_source(tmp_path / "h.csv", 2)).all
    base = 1_795_244_400_000_000
    assert [int(ts) - base for ts in batch.ts] == [0, 1_500_000, 2_000_000, 3_000_000, 4_123_456, 5_000_000]
    assert [quality.name(int(code)) for code in batch.quality] == [
        "Good", "BadTimeout", "BadSensorFailure", "Good", "Good", "BadNoData",
    ]  # fmt: skip
    np.testing.assert_array_equal(batch.value, [1.5, np.nan, np.nan, 4.5, np.nan, np.nan])
    assert batch.text == [None, None, None, None, "run", None]


def test_numeric_quality_and_other_time_units(tmp_path: Path) -> None:
    frame = _frame(2, tags=1).with_columns(
        pl.col("ts").dt.convert_time_zone("Europe/Berlin").dt.cast_time_unit("ns"),
        quality=pl.Series([0, quality.UNCERTAIN], dtype=pl.Int64),
        value=pl.Series([1, 2], dtype=pl.Int16),
    )
    frame.write_parquet(tmp_path / "h.parquet")
    batch = _play(_source(tmp_path / "h.parquet", 1)).all
    assert batch.ts.tolist() == [START, START + 1000]
    assert batch.quality.tolist() == [0, quality.UNCERTAIN]
    assert batch.value.tolist() == [1.0, 2.0]


def test_realtime_keeps_the_spacing_and_starts_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_file, "WINDOW_ROWS", 4)
    frame = _frame(12, step=50_000).sort("tag", "ts")  # a store's file is sorted by tag first
    frame.write_parquet(tmp_path / "h.parquet")
    before = time.time_ns() // 1000
    sink = _play(_source(tmp_path / "h.parquet", 3, "realtime"))
    batch = sink.all
    assert batch.value.tolist() == [float(i) for i in range(12)]
    assert np.diff(batch.ts).tolist() == [50_000] * 11
    assert before <= batch.ts[0] <= time.time_ns() // 1000
    assert len(sink.batches) > 2
    for one, arrived in zip(sink.batches, sink.arrived, strict=True):
        assert arrived - sink.arrived[0] >= (one.ts[-1] - sink.batches[0].ts[-1]) / 1e6 - 0.11


def test_fast_waits_for_room(tmp_path: Path) -> None:
    _frame(200_000).write_parquet(tmp_path / "h.parquet", row_group_size=10_000)
    source = _source(tmp_path / "h.parquet", 3)

    async def main() -> None:
        sink = _Sink()
        sink.room.clear()
        running = asyncio.create_task(source.run(sink))
        while not sink.waits:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert not sink.batches
        sink.room.set()
        await asyncio.wait_for(running, 60)
        assert len(sink.all) == 200_000
        assert max(len(batch) for batch in sink.batches) <= replay_file.CHUNK_ROWS

    asyncio.run(main())


def test_tags_can_change_while_it_plays(tmp_path: Path) -> None:
    _frame(40, tags=2, step=20_000).write_parquet(tmp_path / "h.parquet")
    source = _source(tmp_path / "h.parquet", [_tag("t0")], "realtime")

    async def main() -> _Sink:
        sink = _Sink()
        running = asyncio.create_task(source.run(sink))
        while not sink.batches:
            await asyncio.sleep(0.01)
        await source.update([CapturedTag(0, _tag("t0")), CapturedTag(7, _tag("t1"))])
        await asyncio.wait_for(running, 60)
        return sink

    batch = asyncio.run(main()).all
    assert batch.value[batch.tag == 0].tolist() == [float(i) for i in range(0, 40, 2)]
    joined = batch.value[batch.tag == 7].tolist()
    assert joined
    assert joined == [float(i) for i in range(int(joined[0]), 40, 2)]


def test_read_once_gives_the_latest_row(tmp_path: Path) -> None:
    (tmp_path / "h.csv").write_text(CSV)
    source = _source(tmp_path / "h.csv", 3)
    first, text, missing = asyncio.run(source.read_once([CapturedTag(i, _tag(f"t{i}")) for i in range(3)]))
    assert (first.value, quality.name(first.quality)) == (None, "BadNoData")
    assert (text.value, text.ts) == ("run", 1_795_244_404_123_456)
    assert (missing.value, missing.quality) == (None, quality.BAD_NODE_ID_UNKNOWN)
    assert source.plan()[0].tags == ("t0", "t1", "t2")


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("h.txt", b"x", "neither Parquet nor CSV"),
        ("h.csv", b"", "is empty"),
        ("h.parquet", b"PAR1 this is not one PAR1", "cannot be read"),
        ("h.csv", b"time,tag,value\n1,t0,1\n", "has no column `ts`"),
        ("h.csv", bytes(range(256)) * 50, "has no column"),
        ("missing.csv", None, "there is no file"),
    ],
)
def test_a_file_that_is_none_is_refused_at_once(tmp_path: Path, name: str, content: bytes | None, what: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError) as caught:
        _source(tmp_path / name, 1)
    assert caught.value.slug == "replay-file"
    assert what in caught.value.what
    assert caught.value.where == str(tmp_path / name)


@pytest.mark.parametrize("speed", ["fast", "realtime"])
@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"ts,tag,value\n2026-11-21T07:00:00Z,t0,1\nyesterday,t0,1\n", "1 rows without a readable time"),
        (b"ts,tag,value\n2026-11-21T07:00:00Z,t0,1,5\n", "cannot be read"),
        (b"ts,tag,value\n2026-11-21T07:00:00Z,t0,high\n", "without a readable number"),
        (b"ts,tag,value\n1795244403,t0,1\n", "before the year 2000"),
        (b"ts,tag,value,quality\n2026-11-21T07:00:00Z,t0,1,fine\n", "no OPC UA status code"),
    ],
)
def test_a_wrong_row_ends_it_before_anything_is_played(tmp_path: Path, content: bytes, what: str, speed: str) -> None:
    (tmp_path / "h.csv").write_bytes(content)
    source = _source(tmp_path / "h.csv", 1, speed)
    sink = _play(source)
    assert not sink.batches
    assert sink.failures == [((), GapReason.REFUSED, quality.BAD_DECODING_ERROR)]
    assert what in source.status.detail
    assert [(event.slug, event.level.name) for event in sink.events] == [("replay-file", "ERROR")]
    assert source.status.state is SourceState.DOWN


def test_keys_that_a_file_cannot_have() -> None:
    config = ReplayConfig(type="replay", file="h.xls", speed="fast")
    problems = ReplaySource.check(config, [_tag("t0", element=1), _tag("t1", invalid=(5,)), _tag("t2")])
    assert [problem.slug for problem in problems] == ["replay-kind", "replay-tag", "replay-tag"]


def test_memory_stays_flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks, not the file: no batch grows with the number of rows."""
    monkeypatch.setattr(replay_file, "CHUNK_ROWS", 1000)
    _frame(30_000).write_csv(tmp_path / "h.csv")
    sink = _play(_source(tmp_path / "h.csv", 3))
    assert len(sink.all) == 30_000
    assert max(len(batch) for batch in sink.batches) <= 1000
