"""Listening on a bus of libmodbus: the values are those of its master, and not one byte comes from us."""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path

import pytest

from iiotctl import quality
from iiotctl.errors import SourceError
from iiotctl.samples import GapReason
from iiotctl.site.sources import ModbusRtuListenSource
from iiotctl.sources.base import SourceState
from iiotctl.sources.modbus import listen
from iiotctl.sources.modbus.listen import ListenSource
from tests.integration.modbus_harness import Running, context, tags, until
from tests.integration.rtu_bus import RtuBus

pytestmark = pytest.mark.integration


def config(port: str, **rest: object) -> ModbusRtuListenSource:
    data = {"type": "modbus-rtu-listen", "port": port, "baudrate": 115200, "parity": "none", "period": "500ms"} | rest
    return ModbusRtuListenSource.model_validate(data)


def is_part(part: list[float], whole: list[list[int]], index: int = 0) -> bool:
    """Whether what was heard is an unbroken part of what the master got."""
    got = [float(values[index]) for values in whole]
    return any(got[start : start + len(part)] == part for start in range(len(got) - len(part) + 1))


def test_values_are_those_that_the_master_got() -> None:
    with RtuBus() as bus:
        tap = bus.port()
        bus.server(1)
        bus.server(7)
        master = bus.master(
            20, "1:3:0:20", "1:6:400:5", "7:4:100:5", "1:1:0:20", "7:2:3:9", "1:16:402:9", "7:3:0:120", "7:3:600:2"
        )
        mine = tags(["holding:0", "holding:2 uint32", "coil:3", "coil:4", "holding:18 float32"])
        others = tags(["input:102", "discrete:11", "holding:0", "holding:119"], first=10)
        world = context()

        async def run() -> list[list[float]]:
            one = ListenSource("one", config(tap), mine, world)
            seven = ListenSource("seven", config(tap, unit=7), others, world)
            running = Running(one, seven)  # type: ignore[arg-type]
            one_sink, other_sink = running.sinks
            async with running:
                await until(
                    lambda: min(len(sink.values(code)) for sink, code in ((one_sink, 0), (other_sink, 10))) >= 20
                )
            assert one.status.state is SourceState.RUNNING
            for sink in running.sinks:
                assert (sink.failures, sink.losses, sink.events) == ([], [], [])
                assert {status for *_, status in sink.rows()} == {quality.GOOD}
            assert world.shared == {}, "the port is let go"
            return [running.sinks[0].values(0), running.sinks[1].values(12)]

        first, second = asyncio.run(run())
        # the master prints what it got a moment later than the bus carries it
        assert is_part(first[:-2], master.values("1:3:0:20"))
        assert is_part(second[:-2], master.values("7:3:0:120"))
        assert len(set(first)) == len(first), "the first register counts"
        assert bus.sent[tap] == b""


def test_blocks_decode_as_if_we_had_read_them() -> None:
    with RtuBus() as bus:
        tap = bus.port()
        bus.server(1)
        bus.master(20, "1:3:0:20", "1:1:0:20", "1:2:3:9")
        mine = tags(["holding:2 uint32", "coil:3", "coil:4", "discrete:11", "holding:19", "holding:5/0"])

        async def run() -> list[float]:
            async with Running(ListenSource("s", config(tap), mine, context())) as sink:  # type: ignore[arg-type]
                await until(lambda: all(sink.values(tag.code) for tag in mine))
                return [sink.values(tag.code)[0] for tag in mine]

        assert asyncio.run(run()) == [1002 * 65536 + 1003, 1.0, 0.0, 1.0, 1019.0, 1005 & 1]
        assert bus.sent[tap] == b""


def test_the_port_is_open_for_reading_alone() -> None:
    modes: list[int] = []

    async def run(tap: str) -> None:
        async with Running(ListenSource("s", config(tap), tags(["holding:0"]), context())) as sink:  # type: ignore[arg-type]
            await until(lambda: bool(sink.values(0)))
            modes.extend(
                fcntl.fcntl(int(link.name), fcntl.F_GETFL) & os.O_ACCMODE
                for link in Path("/proc/self/fd").iterdir()
                if os.path.exists(link) and os.readlink(link) == tap
            )

    with RtuBus() as bus:
        tap = bus.port()
        bus.server(1)
        bus.master(20, "1:3:0:5")
        asyncio.run(run(tap))
    assert sorted(modes) == [os.O_RDONLY, os.O_RDWR], "ours, and the one by which the bus keeps the port alive"


def test_what_the_master_does_not_read_is_named_and_missing_from_the_start() -> None:
    with RtuBus() as bus:
        tap = bus.port()
        bus.server(1)
        bus.master(20, "1:3:0:10", "1:3:10:10")
        mine = tags(["holding:0", "holding:9 uint32", "holding:30"])  # the second spans two reads

        async def run() -> None:
            source = ListenSource("s", config(tap), mine, context())
            async with Running(source) as sink:  # type: ignore[arg-type]
                await until(lambda: bool(sink.failures))
                await asyncio.sleep(1.0)
            assert sink.failures == [((1, 2), GapReason.TIMEOUT, quality.CODES["BadNoData"])]
            [event] = [event for event in sink.events if event.slug == "tags-not-read"]
            assert event.data["tags"] == ["t1", "t2"]
            assert source.status.state is SourceState.DEGRADED

        asyncio.run(run())


def test_a_unit_that_is_off_an_exception_and_a_silent_bus_are_gaps_that_end() -> None:
    with RtuBus() as bus:
        tap = bus.port()
        device = bus.server(1)
        master = bus.master(20, "1:3:0:10", "1:3:600:2")
        mine = tags(["holding:0", "holding:600"])
        absent = tags(["holding:0"], first=5)
        world = context()

        async def run() -> None:
            one = ListenSource("one", config(tap), mine, world)
            nine = ListenSource("nine", config(tap, unit=9), absent, world)
            running = Running(one, nine)  # type: ignore[arg-type]
            async with running:
                sink, other = running.sinks
                await until(lambda: bool(sink.values(0)) and bool(other.failures) and bool(sink.failures))
                assert sink.failures == [((1,), GapReason.REFUSED, quality.BAD_CONFIGURATION_ERROR)]
                assert other.failures == [(None, GapReason.TIMEOUT, quality.BAD_TIMEOUT)]
                assert "does not read unit 9" in nine.status.detail
                bus.cut(device)
                await until(lambda: len(sink.failures) >= 2)
                assert sink.failures[1][1:] == (GapReason.TIMEOUT, quality.BAD_TIMEOUT)
                assert one.status.state is SourceState.DOWN
                before = len(sink.values(0))
                bus.join(device)
                await until(lambda: len(sink.values(0)) > before)
                bus.cut(master.path)
                await until(lambda: sink.failures[-1][1] is GapReason.DISCONNECTED)
                assert "nothing was heard on the bus" in one.status.detail
                before = len(sink.values(0))
                bus.join(master.path)
                await until(lambda: len(sink.values(0)) > before)
                await until(lambda: sink.failures[-1][:2] == ((1,), GapReason.REFUSED))
            assert sink.said("source-up")

        asyncio.run(run())
        assert bus.sent[tap] == b""


def test_reading_once_waits_for_the_master(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "_ONCE_S", 1.0)
    with RtuBus() as bus:
        tap = bus.port()
        bus.server(1)
        bus.master(100, "1:3:0:10", "1:3:600:2")
        mine = tags(["holding:3", "holding:600", "holding:700"])
        source = ListenSource("s", config(tap), [], context())
        found = asyncio.run(source.read_once(mine))
        assert [(item.value, item.quality) for item in found] == [
            (1003.0, quality.GOOD),
            (None, quality.BAD_CONFIGURATION_ERROR),
            (None, quality.CODES["BadNoData"]),
        ]
        assert bus.sent[tap] == b""


def test_reading_once_on_a_silent_bus_or_without_a_port_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "_ONCE_S", 1.0)
    with RtuBus() as bus:
        tap = bus.port()
        with pytest.raises(SourceError) as error:
            asyncio.run(ListenSource("s", config(tap), [], context()).read_once(tags(["holding:3"])))
        assert error.value.slug == "source-silent"
        assert "nothing was heard" in str(error.value.cause)
    with pytest.raises(SourceError) as error:
        asyncio.run(ListenSource("s", config("/dev/ttyNONE"), [], context()).read_once(tags(["holding:3"])))
    assert error.value.slug == "serial-port-missing"
