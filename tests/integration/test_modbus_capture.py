"""Modbus sources against libmodbus: values, isolation of bad addresses, reload; see `test_modbus_units` for units."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path

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


def test_all_tables_and_several_types_come_right() -> None:
    with ModbusServer() as server:
        for at, word in enumerate(struct.unpack(">4H", struct.pack(">fi", 21.5, -70_000)), start=100):
            server.tell(f"set holding 1 {at} {word}")
        source = ModbusSource(
            "s",
            config(server.port),
            tags(
                [
                    "holding:100 float32",
                    "holding:102 int32",
                    "input:7",
                    "coil:3",
                    "coil:4",
                    "discrete:9",
                    "holding:5/0",
                    "holding:5/3",
                ]
            ),
            context(),
        )

        async def main() -> list[float]:
            async with Running(source) as sink:
                await until(lambda: len(sink.batches) >= 3)
            assert not sink.failures
            return [sink.values(code)[-1] for code in range(8)]

        # register 5 of unit 1 holds 1005 = 0b1111101101
        assert asyncio.run(main()) == [21.5, -70_000.0, 1007.0, 1.0, 0.0, 1.0, 1.0, 1.0]
        assert set(server.stats()["functions"]) == {"1", "2", "3", "4"}


def test_answers_of_one_scan_share_their_time() -> None:
    with ModbusServer() as server:
        source = ModbusSource("s", config(server.port), tags(["holding:0", "input:0", "holding:50"]), context())

        async def main() -> None:
            async with Running(source) as sink:
                await until(lambda: len(sink.batches) >= 3)
            assert all(len(set(batch.ts.tolist())) == 1 for batch in sink.batches)

        asyncio.run(main())


def test_one_illegal_address_costs_only_its_own_tag_and_is_remembered(tmp_path: Path) -> None:
    addresses = [f"holding:{at}" for at in range(60)]

    async def capture(port: int) -> tuple[ModbusSource, object]:
        source = ModbusSource("s", config(port), tags(addresses), context(tmp_path))
        async with Running(source) as sink:
            await until(lambda: len(sink.values(59)) >= 5)
        return source, sink

    with ModbusServer() as server:
        server.tell("illegal 17")
        source, sink = asyncio.run(capture(server.port))
        assert sink.failures == [((17,), GapReason.REFUSED, quality.BAD_CONFIGURATION_ERROR)]
        assert sink.said("tag-refused") == ["no value: exception 02 (illegal data address)"]
        assert len(sink.said("request-split")) == 1
        for code in range(60):
            assert sink.values(code) == ([] if code == 17 else [1000.0 + code] * len(sink.values(0)))
        assert source.status.state is SourceState.DEGRADED
        before = server.stats()["requests"]

        again, sink = asyncio.run(capture(server.port))
        assert sink.failures == [((17,), GapReason.REFUSED, quality.BAD_CONFIGURATION_ERROR)]
        assert not sink.said("request-split")
        # known from the start: three requests in the first scan, the bad one asleep afterwards
        assert server.stats()["requests"] - before == 2 * len(sink.batches) + 1

    planned = ModbusSource("s", config(server.port), tags(addresses), context(tmp_path)).plan()
    assert [(p.request, p.note) for p in planned] == [
        ("unit 1 FC 3 holding:0-16", ""),
        ("unit 1 FC 3 holding:17", "split after exception 02, remembered"),
        ("unit 1 FC 3 holding:18-59", "split after exception 02, remembered"),
    ]
    assert [p.request for p in again.plan()] == [p.request for p in planned]


def test_a_hole_that_max_gap_reads_over_is_parted_without_losing_a_tag() -> None:
    with ModbusServer() as server:
        server.tell("illegal 5")
        source = ModbusSource(
            "s", config(server.port, max_gap=10), tags(["holding:0", "holding:9", "holding:30"]), context()
        )
        assert [p.request for p in source.plan()] == ["unit 1 FC 3 holding:0-9", "unit 1 FC 3 holding:30"]

        async def main() -> None:
            async with Running(source) as sink:
                await until(lambda: all(len(sink.values(code)) >= 3 for code in range(3)))
            assert not sink.failures

        asyncio.run(main())
        assert [p.request for p in source.plan()] == [f"unit 1 FC 3 holding:{at}" for at in (0, 9, 30)]


def test_a_device_that_answers_fewer_registers_than_allowed_is_learnt() -> None:
    with ModbusServer(most=40) as server:
        source = ModbusSource("s", config(server.port), tags([f"holding:{at}" for at in range(100)]), context())

        async def main() -> None:
            async with Running(source) as sink:
                await until(lambda: all(len(sink.values(code)) >= 3 for code in (0, 50, 99)))
            assert not sink.failures

        asyncio.run(main())
        assert all(p.registers <= 40 for p in source.plan())


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        (1, "BadNotSupported", GapReason.REFUSED),
        (4, "BadDeviceFailure", GapReason.REFUSED),
        (6, "BadResourceUnavailable", GapReason.REFUSED),
        (10, "BadNoCommunication", GapReason.TIMEOUT),
        (11, "BadTimeout", GapReason.TIMEOUT),
    ],
)
def test_exceptions_have_their_status(code: int, status: str, reason: GapReason) -> None:
    with ModbusServer() as server:
        server.tell(f"fault 1 {code}")
        source = ModbusSource("s", config(server.port), tags(["holding:0", "holding:1"]), context())

        async def main() -> None:
            async with Running(source) as sink:
                await until(lambda: bool(sink.failures))
                if code != 1:  # 01 is asked again after a minute only
                    server.tell("fault 1 0")
                    await until(lambda: bool(sink.batches))
            (_, seen, bad), *rest = sink.failures
            assert (seen, quality.name(bad), rest) == (reason, status, [])

        asyncio.run(main())


def test_reload_leaves_untouched_tags_alone() -> None:
    with ModbusServer() as server:
        source = ModbusSource("s", config(server.port), tags(["holding:0", "holding:1", "holding:2"]), context())

        async def main() -> None:
            async with Running(source) as sink:
                await until(lambda: len(sink.batches) >= 5)
                kept = tags(["holding:0", "holding:1"])
                added = tags(["holding:9"], first=7) + tags(["holding:10"], first=8, period="150ms")
                await source.update(kept + added)
                mark = len(sink.batches)
                await until(lambda: len(sink.values(7)) >= 5 and len(sink.values(8)) >= 3)
            assert all(2 not in batch.tag for batch in sink.batches[mark + 1 :])
            assert not sink.failures
            assert all(0 in batch.tag for batch in sink.batches if 8 not in batch.tag)
            assert len(sink.values(8)) < len(sink.values(7))

        asyncio.run(main())
    assert [(p.period_s, p.request) for p in source.plan()] == [
        (0.05, "unit 1 FC 3 holding:0-1"),
        (0.05, "unit 1 FC 3 holding:9"),
        (0.15, "unit 1 FC 3 holding:10"),
    ]


def test_a_device_slower_than_the_period_loses_scans_and_says_so() -> None:
    with ModbusServer() as server:
        server.tell("delay 1 130")
        source = ModbusSource("s", config(server.port, timeout="1s"), tags(["holding:0"]), context())

        async def main() -> None:
            async with Running(source) as sink:
                await until(lambda: len(sink.batches) >= 6)
            assert not sink.failures
            assert sink.losses
            stored = sink.times(0) * 1e6
            for codes, reason, start, end in sink.losses:
                assert codes is None
                assert reason is GapReason.OVERFLOW
                assert not ((stored >= start) & (stored <= end)).any()
                # the gap is the whole hole: it begins right after a sample and ends right before the next
                assert np.isclose(stored, start - 1, rtol=0, atol=1).any()
                assert np.isclose(stored, end + 1, rtol=0, atol=1).any()

        asyncio.run(main())
    assert source.status.late_cycles > 0


def test_never_read_ranges_are_never_on_the_wire() -> None:
    with ModbusServer() as server, TcpProxy(("127.0.0.1", server.port)) as proxy:
        server.tell("illegal 21")
        source = ModbusSource(
            "s",
            config(proxy.port, max_gap=100, never_read=["holding:10-19", "holding:30"]),
            tags(["holding:0", "holding:9", "holding:12", "holding:20", "holding:21", "holding:31"]),
            context(),
        )

        async def main() -> None:
            async with Running(source) as sink:
                await until(lambda: len(sink.values(5)) >= 3)
            readings = await source.read_once(tags(["holding:12", "holding:9"]))
            await source.close()
            assert [(r.value, r.note) for r in readings] == [(None, "in a `never_read` range; not read"), (1009.0, "")]

        asyncio.run(main())
        wire = b"".join(proxy.requests)
    asked = set()
    for at in range(0, len(wire), 12):
        _, _, length, _, function, address, count = struct.unpack(">HHHBBHH", wire[at : at + 12])
        assert (length, function) == (6, 3)
        asked.update(range(address, address + count))
    assert not asked & {*range(10, 20), 30}
    assert {0, 9, 20, 31} <= asked


def test_an_address_that_appears_later_is_found_by_the_slow_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iiotctl.sources.modbus.scanner.FIRST_RETRY_S", 0.3)
    with ModbusServer() as server:
        server.tell("illegal 3")
        source = ModbusSource("s", config(server.port), tags([f"holding:{at}" for at in range(6)]), context())

        async def main() -> None:
            async with Running(source) as sink:
                await until(lambda: bool(sink.failures) and len(sink.batches) > 8)
                server.tell("legal 3")
                await until(lambda: len(sink.values(3)) >= 3)
            assert sink.failures == [((3,), GapReason.REFUSED, quality.BAD_CONFIGURATION_ERROR)]
            assert sink.said("tag-back") == ["values again"]

        asyncio.run(main())
    assert source.status.state is SourceState.RUNNING


def test_after_an_outage_refused_tags_are_reported_again() -> None:
    """The gap of the outage covers the whole source and ends with its first sample; a refused tag is still lost."""
    with ModbusServer() as server, TcpProxy(("127.0.0.1", server.port)) as proxy:
        server.tell("illegal 3")
        source = ModbusSource("s", config(proxy.port), tags([f"holding:{at}" for at in range(6)]), context())

        async def main() -> None:
            async with Running(source) as sink:
                await until(lambda: len(sink.values(5)) >= 5)
                proxy.refuse = True
                proxy.reset()
                await until(lambda: len(sink.failures) >= 2)
                proxy.refuse = False
                mark = len(sink.batches)
                await until(lambda: len(sink.batches) >= mark + 3)
            refused = ((3,), GapReason.REFUSED, quality.BAD_CONFIGURATION_ERROR)
            assert sink.failures[0] == sink.failures[-1] == refused
            assert (None, GapReason.DISCONNECTED, quality.BAD_NO_COMMUNICATION) in sink.failures[1:-1]

        asyncio.run(main())


def test_several_connections_share_the_work() -> None:
    with ModbusServer() as server, TcpProxy(("127.0.0.1", server.port)) as proxy:
        proxy.delay = 0.03
        places = [f"holding:{at}" for at in range(0, 40, 5)]
        source = ModbusSource(
            "s", config(proxy.port, connections=4, period="150ms", timeout="1s"), tags(places), context()
        )

        async def main() -> None:
            async with Running(source) as sink:
                await until(lambda: len(sink.batches) >= 6)
            assert not sink.failures
            assert {sink.values(code)[-1] for code in range(8)} == {1000.0 + at for at in range(0, 40, 5)}

        asyncio.run(main())
        assert proxy.accepts == 4
    # eight answers of 30 ms one after the other would not fit into 150 ms
    assert source.status.requests >= 48


def test_several_requests_on_their_way_bring_the_same_values() -> None:
    """With two units, one of which falls silent: the other's answers keep their requests."""
    with ModbusServer(units=2) as server:
        world = context()
        mine = tags([f"holding:{a}" for a in range(0, 400, 10)])
        keys = {"window": 8, "max_gap": 0, "timeout": "500ms"}
        first = ModbusSource("a", config(server.port, **keys), mine, world)
        second = ModbusSource("b", config(server.port, unit=2, **keys), tags(["holding:3"], first=100), world)
        assert len(first.plan()) == 40

        async def main() -> None:
            running = Running(first, second)
            one, two = running.sinks
            async with running:
                await until(lambda: len(one.values(39)) >= 3 and bool(two.values(100)))
                server.tell("dead 2")
                await until(lambda: bool(two.failures))
                got = len(one.values(39))
                await until(lambda: len(one.values(39)) >= got + 3)
            assert [set(one.values(code)) for code in range(40)] == [{1000.0 + 10 * code} for code in range(40)]
            assert one.failures == []

        asyncio.run(main())
