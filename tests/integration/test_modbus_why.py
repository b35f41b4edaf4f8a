"""Why `sources/modbus/transport` keeps only pymodbus's connections: what its own client does on the same server.

Each test shows one reason. When one fails after an upgrade of pymodbus, that reason is gone: look again.
"""

from __future__ import annotations

import asyncio

import pytest

from iiotctl.sources.modbus.source import ModbusSource
from tests.integration.modbus_harness import Running, config, context, rtu_over_tcp, tags, until
from tests.integration.modbus_server import ModbusServer
from tests.integration.rtu_gateway import LateGateway
from tests.properties.rtu_model import Behaviour

pytestmark = pytest.mark.integration


def _client(port: int):
    from pymodbus.client import AsyncModbusTcpClient

    return AsyncModbusTcpClient("127.0.0.1", port=port, retries=0, reconnect_delay=0, timeout=0.1)


def test_pymodbus_closes_the_connection_of_all_units_after_a_few_silent_ones() -> None:
    from pymodbus.exceptions import ModbusIOException

    with ModbusServer(units=2) as server:
        server.tell("dead 2")

        async def theirs() -> bool:
            client = _client(server.port)
            await client.connect()
            for _ in range(6):
                if not client.connected:
                    break
                with pytest.raises(ModbusIOException):
                    await client.read_holding_registers(0, count=1, device_id=2)
            connected = client.connected
            client.close()
            return connected

        assert not asyncio.run(theirs())

        source = ModbusSource("s", config(server.port, unit=2, timeout="50ms"), tags(["holding:0"]), context())

        async def ours() -> None:
            before = server.stats()
            async with Running(source):
                await until(lambda: server.stats()["requests"] >= before["requests"] + 8)
            assert server.stats()["accepts"] == before["accepts"] + 1

        asyncio.run(ours())


def test_pymodbus_makes_a_python_int_of_every_register() -> None:
    """Which is why its answers cost seven times the bytes they came in (`bench/bench_modbus.py` measures it)."""
    with ModbusServer() as server:

        async def theirs() -> object:
            client = _client(server.port)
            await client.connect()
            answer = await client.read_holding_registers(0, count=125)
            client.close()
            return answer.registers

        registers = asyncio.run(theirs())
    assert isinstance(registers, list)
    assert all(type(register) is int for register in registers)


def test_pymodbus_folds_refused_and_unknown_hosts_into_false() -> None:
    async def theirs() -> tuple[bool, bool]:
        from pymodbus.client import AsyncModbusTcpClient

        refused = AsyncModbusTcpClient("127.0.0.1", port=1, retries=0, reconnect_delay=0, timeout=1)
        unknown = AsyncModbusTcpClient("no-such-host.invalid", retries=0, reconnect_delay=0, timeout=5)
        return await refused.connect(), await unknown.connect()

    assert asyncio.run(theirs()) == (False, False)


def test_pymodbus_takes_a_late_answer_on_rtu_for_the_next_one() -> None:
    """Asked for register 200 it returns the value of 100, without an error."""

    def behave(number: int) -> Behaviour:
        return Behaviour(0.65 if number == 0 else 0.01)

    async def theirs(port: int) -> list[list[int] | None]:
        from pymodbus import FramerType
        from pymodbus.client import AsyncModbusTcpClient
        from pymodbus.exceptions import ModbusIOException

        client = AsyncModbusTcpClient(
            "127.0.0.1", port=port, framer=FramerType.RTU, retries=0, reconnect_delay=0, timeout=0.5
        )
        await client.connect()
        got: list[list[int] | None] = []
        for address in (100, 200, 300):
            try:
                answer = await client.read_holding_registers(address, count=2)
            except ModbusIOException:
                got.append(None)
                continue
            got.append(answer.registers)
        client.close()
        return got

    with LateGateway(behave) as gateway:
        assert asyncio.run(theirs(gateway.port))[:2] == [None, [100, 101]]

    async def ours(port: int) -> list[list[float]]:
        source = ModbusSource(
            "s",
            rtu_over_tcp(port, period="1s", timeout="500ms"),
            tags(["holding:100", "holding:101", "holding:200", "holding:201", "holding:300", "holding:301"]),
            context(),
        )
        async with Running(source) as sink:
            await until(lambda: len(sink.values(0)) >= 2)
            return [sorted(set(sink.values(code))) for code in range(6)]

    with LateGateway(behave) as gateway:
        assert asyncio.run(ours(gateway.port)) == [[100.0], [101.0], [200.0], [201.0], [300.0], [301.0]]
