"""Units behind one link, against libmodbus: dead, silent, unknown and returning ones cost only themselves."""

from __future__ import annotations

import asyncio
import itertools

import numpy as np
import pytest

from iiotctl import quality
from iiotctl.samples import GapReason
from iiotctl.sources.base import SourceState
from iiotctl.sources.modbus.source import ModbusSource
from tests.integration.modbus_harness import Running, config, context, tags, until
from tests.integration.modbus_server import ModbusServer
from tests.integration.proxy import TcpProxy

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("unknown", ["gateway", "silent"])
def test_an_unknown_unit_is_a_timeout_and_the_known_one_goes_on(unknown: str) -> None:
    with ModbusServer(units=1, unknown=unknown, limit=1) as server:
        shared = context()
        known = ModbusSource("a", config(server.port), tags(["holding:0"]), shared)
        other = ModbusSource("b", config(server.port, unit=9), tags(["holding:0"], first=1), shared)

        async def main() -> None:
            running = Running(known, other)
            async with running as sink:
                await until(lambda: bool(running.sinks[1].failures) and len(sink.batches) > 20)
            assert not sink.failures
            assert running.sinks[1].failures == [(None, GapReason.TIMEOUT, quality.BAD_TIMEOUT)]
            assert not running.sinks[1].batches

        asyncio.run(main())
        assert server.stats()["accepts"] == 1
        assert server.stats()["refused"] == 0


def test_twenty_units_five_of_them_dead_behind_one_connection() -> None:
    period, seconds = 1.0, 14.0
    dead = {3, 7, 11, 16, 20}
    with ModbusServer(units=20, limit=1) as server:
        for unit in dead:
            server.tell(f"dead {unit}")
        shared = context()
        sources = [
            ModbusSource(
                f"u{unit}",
                config(server.port, unit=unit, period=f"{period}s", timeout="1s"),
                tags(["holding:0", "holding:40"], first=10 * unit),
                shared,
            )
            for unit in range(1, 21)
        ]

        # a second server with nobody dead behind it tells stalls of this machine from lateness of ours
        with ModbusServer() as other:
            control = ModbusSource("control", config(other.port, period=f"{period}s"), tags(["holding:0"]), shared)

            async def main() -> Running:
                running = Running(control, *sources)
                async with running:
                    await asyncio.sleep(seconds)
                return running

            running = asyncio.run(main())
        stats = server.stats()
    assert (stats["accepts"], stats["refused"]) == (1, 0)
    stalls = _holes(running.sinks[0].times(0), 1.2 * period)
    late = scans = 0
    for source, sink in zip(sources, running.sinks[1:], strict=True):
        unit = int(source.name[1:])
        if unit in dead:
            assert not sink.batches
            assert sink.failures == [(None, GapReason.TIMEOUT, quality.BAD_TIMEOUT)]
            # three silences, then silence from us: not one request a period
            assert stats["units"][str(unit)] <= 4
            continue
        assert not sink.failures
        assert set(sink.values(10 * unit)) == {1000.0 * unit % 65536}
        scans += source.status.cycles
        for start, end in _holes(sink.times(10 * unit), 1.5 * period):
            late += not any(start < stalled_end and stalled_start < end for stalled_start, stalled_end in stalls)
    assert scans > 15 * 5
    assert late < 0.01 * scans


def _holes(times: np.ndarray, longest: float) -> list[tuple[float, float]]:
    """Pairs of neighbouring times that lie further apart."""
    return [(a, b) for a, b in itertools.pairwise(times.tolist()) if b - a > longest]


def test_a_unit_that_comes_back_is_found_by_its_probe_and_alone_on_a_link_at_once() -> None:
    with ModbusServer() as server:
        server.tell("dead 1")
        source = ModbusSource("s", config(server.port, timeout="100ms"), tags(["holding:0"]), context())

        async def main() -> None:
            async with Running(source) as sink:
                await until(lambda: server.stats()["requests"] >= 6)
                server.tell("alive 1")
                await until(lambda: bool(sink.batches), 3)
            assert sink.failures == [(None, GapReason.TIMEOUT, quality.BAD_TIMEOUT)]
            assert len(sink.said("source-up")) == 1

        asyncio.run(main())
        assert server.stats()["accepts"] == 1


def test_a_dead_host_does_not_delay_another() -> None:
    with ModbusServer() as server, TcpProxy(("127.0.0.1", server.port)) as proxy:
        proxy.blackhole = True
        shared = context()
        live = ModbusSource("live", config(server.port), tags(["holding:0"]), shared)
        dead = ModbusSource("dead", config(proxy.port), tags(["holding:0"], first=1), shared)

        async def main() -> None:
            running = Running(live, dead)
            async with running as sink:
                await until(lambda: bool(proxy.requests))
                mark = len(sink.batches)
                await until(lambda: len(sink.batches) >= mark + 15 or bool(running.sinks[1].failures))
                # fifteen scans of 50 ms while one request to the dead host waits for its 3 s
                assert not running.sinks[1].failures
                await until(lambda: bool(running.sinks[1].failures))
            assert not sink.failures

        asyncio.run(main())


def test_a_demoted_unit_is_shown_and_announced_once() -> None:
    with ModbusServer(units=2) as server:
        server.tell("dead 2")
        shared = context()
        live = ModbusSource("live", config(server.port, period="200ms"), tags(["holding:0"]), shared)
        dead = ModbusSource(
            "dead", config(server.port, unit=2, timeout="100ms", period="200ms"), tags(["holding:0"], first=1), shared
        )

        async def main() -> None:
            running = Running(dead, live)
            async with running as sink:
                await until(lambda: bool(sink.said("unit-demoted")))
                asked = server.stats()["units"]["2"]
                await asyncio.sleep(0.8)
                assert server.stats()["units"]["2"] == asked == 3
            assert len(sink.said("unit-demoted")) == 1

        asyncio.run(main())
    assert dead.status.detail.startswith("unit 2 does not answer; asked again in ")
    assert dead.status.state is SourceState.DOWN
