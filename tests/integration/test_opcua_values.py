"""OPC UA against node-opcua: what arrives is what the server wrote, by subscription and by polling."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from iiotctl import quality
from iiotctl.samples import GapReason
from iiotctl.sources.base import CapturedTag, SourceState
from tests.integration.opcua_peer import URI, Server, Watcher, captured, config, context, running, source, until, watch

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("opcua"), maxRead=7, maxItems=5, period=150) as started:
        yield started


TYPES = (
    "Flag", "Float", "Byte", "Int64", "UInt64", "Name", "Text", "Time", "Nan", "Old", "Static", "Bad", "State", "Duration",
)  # fmt: skip


@pytest.mark.parametrize("mode", ["subscribe", "poll"])
def test_counter_arrives_complete(server: Server, tmp_path: Path, mode: str) -> None:
    made = source(config(server.url, mode=mode, period="20ms"), captured("Counter", "Ramp"), context(tmp_path))

    async def steps(seen: Watcher) -> None:
        await until(lambda: len({*seen.of(0).value.tolist()}) > 12)

    seen = asyncio.run(watch(made, steps))
    got = dict(zip(seen.of(0).ts.tolist(), seen.of(0).value.tolist(), strict=True))
    truth = {ts: value for ts, value in server.truth("Counter") if min(got) <= ts <= max(got)}
    assert got.items() <= truth.items()
    holes = [(start, end) for codes, _, start, end in seen.losses if codes == [0]]
    missing = truth.keys() - got.keys()
    assert all(any(start <= ts <= end for start, end in holes) for ts in missing)
    assert not any(start <= ts <= end for ts in got for start, end in holes)
    assert len(missing) <= 3, "only a machine under load misses any"
    assert not seen.failures
    ramp = dict(zip(seen.of(1).ts.tolist(), seen.of(1).value.tolist(), strict=True))
    assert all(math.isclose(ramp[ts], got[ts] / 10) for ts in got.keys() & ramp.keys())
    assert made.status.state is SourceState.RUNNING
    assert made.status.clock_offset_s is not None
    assert abs(made.status.clock_offset_s) < 5


@pytest.mark.parametrize("mode", ["subscribe", "poll"])
def test_every_type(server: Server, tmp_path: Path, mode: str) -> None:
    tags = captured(*TYPES)
    tags.append(CapturedTag(50, tags[0].tag.model_copy(update={"address": f"nsu={URI};s=Array", "element": 1})))
    made = source(config(server.url, mode=mode), tags, context(tmp_path))

    async def steps(seen: Watcher) -> None:
        await until(lambda: len({*(code for batch in seen.batches for code in batch.tag.tolist())}) == len(tags))

    seen = asyncio.run(watch(made, steps))
    codes = {name: code for code, name in enumerate(TYPES)}

    def first(name: str) -> tuple[float, str | None, int]:
        batch = seen.of(codes[name])
        return float(batch.value[0]), None if batch.text is None else batch.text[0], int(batch.quality[0])

    assert first("Flag") == (1.0, None, 0)
    assert first("Float") == (1.5, None, 0)
    assert first("Byte") == (200.0, None, 0)
    assert first("Int64") == (float(2**63 - 2), str(0x7FFFFFFFFFFFFFFE), 0)
    assert first("UInt64") == (42.0, None, 0)
    assert first("State") == (2.0, "Running", 0)
    assert first("Duration") == (12.5, None, 0)
    assert first("Static") == (3.0, None, 0)
    assert int(seen.of(codes["Static"]).ts[0]) == 1746421505000000
    for name, text in (("Name", "Halle 3 ü"), ("Text", "läuft"), ("Time", "2026-01-02T03:04:05.678000Z")):
        value, got, status = first(name)
        assert math.isnan(value)
        assert (got, status) == (text, 0)
    value, got, status = first("Nan")
    assert math.isnan(value)
    assert (got, status) == ("NaN", quality.BAD_SENSOR_FAILURE)
    value, _, status = first("Bad")
    assert math.isnan(value)
    assert status == quality.BAD_SENSOR_FAILURE
    old = seen.of(codes["Old"])
    assert (float(old.value[0]), int(old.quality[0])) == (7.0, quality.UNCERTAIN)
    assert old.ts_source is not None
    assert old.ts_received is not None
    assert int(old.ts_source[0]) == 915148800000000
    assert int(old.ts[0]) == int(old.ts_received[0])
    assert float(seen.of(50).value[0]) == 20.0
    assert not seen.failures


def test_what_cannot_be_captured_is_refused_with_a_reason(server: Server, tmp_path: Path) -> None:
    tags = captured("Guid", "Bytes", "Array", "Nowhere", "nsu=urn:absent;s=X", "i=2253", "Counter")
    scalar = CapturedTag(7, tags[6].tag.model_copy(update={"element": 3}))
    made = source(config(server.url), [*tags, scalar], context(tmp_path))
    readings = asyncio.run(made.read_once([*tags, scalar]))
    notes = [reading.note for reading in readings]
    assert "Guid cannot be captured" in notes[0]
    assert "ByteString cannot be captured" in notes[1]
    assert "give `element`" in notes[2]
    assert "no such node" in notes[3]
    assert "no namespace `urn:absent`" in notes[4]
    assert "no variable" in notes[5]
    assert notes[6] == ""
    assert isinstance(readings[6].value, float)
    assert readings[6].raw.startswith("Int32 ")
    assert "single value" in notes[7]
    assert [reading.quality for reading in readings[3:5]] == [quality.BAD_NODE_ID_UNKNOWN] * 2


@pytest.mark.parametrize("mode", ["subscribe", "poll"])
def test_bad_tags_cost_only_themselves_and_come_back(server: Server, tmp_path: Path, mode: str) -> None:
    name = f"Late{mode}"
    made = source(config(server.url, mode=mode), captured("Counter", name), context(tmp_path))

    async def steps(seen: Watcher) -> None:
        await until(lambda: len(seen.of(0)) > 3)
        assert len(seen.of(1)) == 0
        assert made.status.state is SourceState.DEGRADED
        server.command("add", name=name)
        await until(lambda: len(seen.of(1)) > 0)
        assert made.status.state is SourceState.RUNNING
        server.command("remove", name=name)
        await until(lambda: made.status.state is SourceState.DEGRADED)
        server.command("add", name=name)
        before = len(seen.of(1))
        await until(lambda: len(seen.of(1)) > before and made.status.state is SourceState.RUNNING)

    seen = asyncio.run(watch(made, steps))
    assert seen.failures[0][:3] == ([1], GapReason.REFUSED, quality.BAD_NODE_ID_UNKNOWN)
    assert {tuple(codes or ()) for codes, *_ in seen.failures} == {(1,)}
    assert seen.slugs().count("tag-refused") <= 3
    assert "tag-back" in seen.slugs()


@pytest.mark.parametrize("mode", ["subscribe", "poll"])
def test_a_value_that_must_not_be_read_is_refused_once(server: Server, tmp_path: Path, mode: str) -> None:
    name = f"Locked{mode}"
    server.command("add", name=name)
    server.command("access", name=name, level="CurrentWrite")
    made = source(config(server.url, mode=mode), captured("Counter", name), context(tmp_path))

    async def steps(seen: Watcher) -> None:
        await until(lambda: made.status.state is SourceState.DEGRADED)
        await until(lambda: len(seen.of(0)) > 10)
        assert len(seen.of(1)) == 0
        assert seen.slugs().count("tag-refused") == 1
        server.command("access", name=name, level="CurrentRead")
        await until(lambda: len(seen.of(1)) > 0 and made.status.state is SourceState.RUNNING)

    seen = asyncio.run(watch(made, steps))
    assert {failure[:3] for failure in map(_hashable, seen.failures)} == {
        ((1,), GapReason.REFUSED, quality.CODES["BadNotReadable"])
    }
    assert (seen.slugs().count("tag-refused"), seen.slugs().count("tag-back")) == (1, 1)
    assert seen.of(1).value.tolist() == [5.0], "the value has not changed since"


def _hashable(failure: tuple[list[int] | None, GapReason, int, int]) -> tuple[tuple[int, ...], GapReason, int, int]:
    return (tuple(failure[0] or ()), *failure[1:])


def test_overflow_is_reported_between_the_values_around_it(server: Server, tmp_path: Path) -> None:
    made = source(config(server.url, queue=4, period="10ms", publish="1s"), captured("Fast"), context(tmp_path))

    async def steps(seen: Watcher) -> None:
        await until(lambda: len(seen.of(0)) > 0)
        server.command("burst", name="Fast", count=200)
        await until(lambda: seen.losses)
        await until(lambda: len(seen.of(0)) > 3)

    seen = asyncio.run(watch(made, steps))
    codes, reason, start, end = seen.losses[0]
    assert (codes, reason) == ([0], GapReason.OVERFLOW)
    assert not any(start <= ts <= end for ts in seen.of(0).ts.tolist())
    assert "queue-overflow" in seen.slugs()
    assert "sampling-revised" in seen.slugs()  # node-opcua samples every 50 ms at best
    assert len(seen.of(0)) < 100


def test_update_leaves_the_other_tags_alone(server: Server, tmp_path: Path) -> None:
    tags = captured("Counter", "Ramp", "Flag")
    made = source(config(server.url, period="20ms"), tags[:2], context(tmp_path))

    async def steps(seen: Watcher) -> None:
        await until(lambda: len(seen.of(0)) > 3)
        await made.update([tags[0], tags[2]])
        await until(lambda: len(seen.of(2)) > 0)
        before = len(seen.of(0))
        ramps = len(seen.of(1))
        await until(lambda: len(seen.of(0)) > before + 5)
        assert len(seen.of(1)) <= ramps + 1

    seen = asyncio.run(watch(made, steps))
    steps_seen = seen.of(0).value.tolist()
    assert steps_seen == list(range(int(steps_seen[0]), int(steps_seen[-1]) + 1))


def test_deadband_on_the_server(server: Server, tmp_path: Path) -> None:
    tags = captured("Ramp", deadband=1.0)
    made = source(config(server.url, period="20ms"), tags, context(tmp_path))

    async def steps(seen: Watcher) -> None:
        await until(lambda: len(seen.of(0)) > 3)

    seen = asyncio.run(watch(made, steps))
    values = seen.of(0).value.tolist()
    assert all(after - before > 1.0 for before, after in itertools.pairwise(values))
