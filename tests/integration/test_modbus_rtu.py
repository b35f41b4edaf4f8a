"""RTU: over TCP and on a serial port, against libmodbus on a bus of pseudo terminals and a gateway that is late."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from iiotctl.errors import SourceError
from iiotctl.events import Event
from iiotctl.samples import GapReason
from iiotctl.site.sources import ModbusRtuSource
from iiotctl.sources.modbus.source import ModbusSource
from tests.integration.modbus_harness import Running, context, rtu_over_tcp, tags, until
from tests.integration.rtu_bus import RtuBus
from tests.integration.rtu_gateway import LateGateway, SerialServer
from tests.properties.rtu_model import Behaviour

pytestmark = pytest.mark.integration

SAME = ["holding:100 uint32", "holding:200 uint32", "holding:300 uint32"]
TRUE = [[(a << 16) + a + 1.0] for a in (100, 200, 300)]


def serial(port: str, **rest: object) -> ModbusRtuSource:
    """A source on a serial port that listens for a moment instead of the 5 s that the site file asks for at least."""
    data = {"type": "modbus-rtu", "port": port, "baudrate": 115200, "parity": "none", "period": "50ms", "timeout": "3s"}
    return ModbusRtuSource.model_validate(data | rest).model_copy(update={"listen": 0.1})


@pytest.mark.parametrize(
    "behave",
    [
        lambda n: Behaviour(0.45 if n % 11 == 3 else 0.005),
        lambda n: Behaviour(0.7 if n % 17 == 3 else 0.005),
        lambda n: Behaviour(None if n % 13 == 3 else 0.005),
        lambda n: Behaviour(0.005, (0.0,)),
        lambda n: Behaviour(0.005, (0.004,)),
        lambda n: Behaviour(0.45 if n % 17 == 3 else 0.005, (0.002,) * (n % 3)),
    ],
    ids=["late", "later", "lost", "twice", "twice apart", "all of it"],
)
def test_late_and_repeated_answers_give_no_wrong_value(behave: Callable[[int], Behaviour]) -> None:
    async def main(port: int) -> list[list[float]]:
        source = ModbusSource("s", rtu_over_tcp(port, timeout="300ms"), tags(SAME), context())
        async with Running(source) as sink:
            await until(lambda: min(len(sink.values(code)) for code in range(3)) >= 8)
            return [sorted(set(sink.values(code))) for code in range(3)]

    with LateGateway(behave) as gateway:
        assert asyncio.run(main(gateway.port)) == TRUE


def test_what_is_owed_is_still_owed_on_the_next_connection() -> None:
    """A transparent serial server hands over what the bus says to whoever is connected."""

    async def main(gateway: LateGateway) -> list[list[float]]:
        source = ModbusSource("s", rtu_over_tcp(gateway.port, timeout="2s"), tags(SAME), context())
        async with Running(source) as sink:
            await until(lambda: len(gateway.seen) == 4)
            gateway.drop()
            await until(lambda: min(len(sink.values(code)) for code in range(3)) >= 4)
            assert source.status.reconnects == 1
            return [sorted(set(sink.values(code))) for code in range(3)]

    with LateGateway(lambda n: Behaviour(0.3 if n == 3 else 0.005)) as gateway:
        assert asyncio.run(main(gateway)) == TRUE


@pytest.mark.parametrize("piece", [1, 3, 4096])
def test_libmodbus_behind_a_serial_server(piece: int) -> None:
    """Whatever pieces the bytes come in."""
    with RtuBus(star=True) as bus:
        bus.server(1)
        bus.server(7)
        with SerialServer(bus.port(), piece) as server:
            world = context()
            first = ModbusSource(
                "a", rtu_over_tcp(server.port), tags(["holding:2 uint32", "coil:3", "input:40", "discrete:8"]), world
            )
            second = ModbusSource("b", rtu_over_tcp(server.port, unit=7), tags(["holding:9"], first=10), world)

            async def main() -> None:
                running = Running(first, second)
                one, two = running.sinks
                async with running:
                    await until(lambda: len(one.values(0)) >= 5 and len(two.values(10)) >= 5)
                assert [set(one.values(code)) for code in range(4)] == [{(1002 << 16) + 1003.0}, {1}, {1040}, {0}]
                assert set(two.values(10)) == {7009.0}
                if piece > 1:  # a byte at a time, this machine's scheduling may put more than `resync` into a frame
                    assert one.failures == two.failures == []

            asyncio.run(main())


def test_a_dead_unit_of_a_bus_does_not_make_the_others_late() -> None:
    with RtuBus(star=True) as bus:
        dead = bus.server(3)
        bus.server(1)
        bus.server(2)
        port = bus.port()
        world = context()
        sources = [
            ModbusSource(f"u{u}", serial(port, unit=u, timeout="400ms"), tags(["holding:5"], first=u), world)
            for u in (1, 2, 3)
        ]

        async def main() -> None:
            running = Running(*sources)
            one, two, three = running.sinks
            async with running:
                await until(lambda: all(sink.batches for sink in running.sinks))
                bus.cut(dead)
                await until(lambda: bool(three.failures))
                assert three.failures[0][1] is GapReason.TIMEOUT
                count = len(one.values(1))
                await until(lambda: len(one.values(1)) >= count + 20 and len(two.values(2)) >= count + 20)
                bus.join(dead)
                got = len(three.values(3))
                await until(lambda: len(three.values(3)) > got + 3, 40)
            assert (set(one.values(1)), set(two.values(2)), set(three.values(3))) == ({1005.0}, {2005.0}, {3005.0})
            assert one.failures == two.failures == []

        asyncio.run(main())
        assert _units(bytes(bus.sent[port])) <= {1, 2, 3}


def _units(sent: bytes) -> set[int]:
    return {sent[at] for at in range(0, len(sent), 8)}


def test_a_port_that_is_unplugged_is_a_gap_and_opened_again(tmp_path: Path) -> None:
    stable = tmp_path / "ttyRS485"
    with RtuBus() as bus:
        bus.server(1)
        stable.symlink_to(bus.port())
        source = ModbusSource("s", serial(str(stable)), tags(["holding:5"]), context())

        async def main() -> None:
            async with Running(source) as sink:
                await until(lambda: len(sink.values(0)) >= 3)
                old = os.readlink(stable)
                stable.unlink()
                bus.unplug(old)
                await until(lambda: bool(sink.failures))
                assert sink.failures[0] == (None, GapReason.DISCONNECTED, sink.failures[0][2])
                await until(
                    lambda: source.status.error is not None and "serial-port-missing" in source.status.error.slug
                )
                got = len(sink.values(0))
                stable.symlink_to(bus.port())
                await until(lambda: len(sink.values(0)) >= got + 3)
                assert source.status.error is None
            assert set(sink.values(0)) == {1005.0}

        asyncio.run(main())


def test_a_bus_with_a_master_sees_no_byte_from_us() -> None:
    with RtuBus() as bus:
        bus.server(1)
        port = bus.port()
        bus.master(20, "1:3:0:10")
        slow = serial(port).model_copy(update={"listen": 0.5})
        source = ModbusSource("s", slow, tags(["holding:5"]), context())

        async def once() -> None:
            try:
                await source.read_once(tags(["holding:5"]))
            finally:
                await source.close()

        with pytest.raises(SourceError) as caught:
            asyncio.run(once())
        assert caught.value.slug == "bus-has-master"
        assert "modbus-rtu-listen" in str(caught.value.hint)
        assert bus.sent[port] == b""


def test_a_master_that_appears_later_silences_us_until_it_is_gone() -> None:
    with RtuBus(star=True) as bus:
        bus.server(5)
        bus.server(9)
        port = bus.port()
        patient = serial(port, unit=5).model_copy(update={"listen": 0.6})
        source = ModbusSource("s", patient, tags(["holding:5", "holding:50"]), context())

        async def main() -> None:
            async with Running(source) as sink:
                await until(lambda: len(sink.values(1)) >= 3)
                master = bus.master(30, "9:3:0:10")
                await until(lambda: bool(sink.failures))
                assert {failure[:2] for failure in sink.failures} == {(None, GapReason.REFUSED)}
                assert source.status.error is not None
                assert source.status.error.slug == "bus-has-master"
                (said,) = sink.said("source-down")
                assert "another master speaks on the bus" in said
                assert "`unit 9 FC 3 0-9`" in said
                sent = len(bus.sent[port])
                await asyncio.sleep(2)
                assert len(bus.sent[port]) == sent
                got = len(sink.values(1))
                bus.cut(master.path)
                await until(lambda: len(sink.values(1)) >= got + 3)
                assert source.status.error is None
            assert set(sink.values(1)) == {5050.0}

        asyncio.run(main())


def test_a_person_who_vouched_is_told_of_a_later_master_and_reading_goes_on() -> None:
    with RtuBus(star=True) as bus:
        bus.server(5)
        bus.server(9)
        world = context()
        world.sole_master = "A. Person"
        source = ModbusSource("s", serial(bus.port(), unit=5), tags(["holding:5"]), world)

        async def main() -> None:
            async with Running(source) as sink:
                await until(lambda: len(sink.values(0)) >= 3)
                bus.master(300, "9:3:0:10")
                await until(lambda: bool(sink.said("bus-has-master")))
                got = len(sink.values(0))
                await until(lambda: len(sink.values(0)) >= got + 10)
            (said,) = sink.said("bus-has-master")
            assert "A. Person" in said
            assert {reason for _, reason, _ in sink.failures} <= {GapReason.TIMEOUT}

        asyncio.run(main())


def test_behind_a_serial_server_another_master_is_told() -> None:
    with RtuBus(star=True) as bus:
        bus.server(5)
        bus.server(9)
        port = bus.port()
        with SerialServer(port) as server:
            config = rtu_over_tcp(server.port, unit=5, timeout="400ms")
            source = ModbusSource("s", config, tags(["holding:5"]), context())

            async def main() -> None:
                async with Running(source) as sink:
                    await until(lambda: len(sink.values(0)) >= 3)
                    assert sink.said("bus-has-master") == []
                    bus.master(1500, "9:3:0:10")
                    await until(lambda: bool(sink.said("bus-has-master")))
                    sent = len(bus.sent[port])
                    await until(lambda: len(bus.sent[port]) > sent)
                    assert source.status.reconnects == 0

            asyncio.run(main())


def test_who_vouches_for_a_bus_is_told() -> None:
    events: list[Event] = []
    with RtuBus() as bus:
        bus.server(1)
        world = context()
        world.sole_master = "A. Person"
        source = ModbusSource("s", serial(bus.port()), tags(["holding:5"]), world)

        async def main() -> None:
            async with Running(source) as sink:
                await until(lambda: bool(sink.values(0)))
                events.extend(sink.events)

        asyncio.run(main())
    (event,) = [event for event in events if event.slug == "sole-master-confirmed"]
    assert event.data["name"] == "A. Person"
    assert event.source == "s"


def test_requests_keep_their_distance() -> None:
    """`max_rate` over all sources of a link, the strictest of them."""
    with LateGateway(lambda n: Behaviour(0.001)) as gateway:
        world = context()
        fast = ModbusSource("a", rtu_over_tcp(gateway.port, max_rate=1000.0), tags(SAME), world)
        slow = ModbusSource("b", rtu_over_tcp(gateway.port, unit=2, max_rate=20.0), tags(SAME, first=10), world)

        async def main() -> float:
            async with Running(fast, slow):
                start, before = time.monotonic(), len(gateway.seen)
                await until(lambda: len(gateway.seen) >= before + 10)
                return time.monotonic() - start

        assert asyncio.run(main()) >= 9 / 20
