"""The same source against a second codebase: pyModbusTCP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest
from pyModbusTCP.server import DataBank, DataHandler, ModbusServer

from iiotctl import quality
from iiotctl.samples import GapReason
from iiotctl.sources.modbus.source import ModbusSource
from tests.integration.modbus_harness import Running, config, context, tags, until

pytestmark = pytest.mark.integration


class Spy(DataHandler):
    """Records the methods that were called."""

    def __init__(self, bank: DataBank) -> None:
        super().__init__(bank)
        self.writes = 0

    def write_coils(self, *arguments):
        self.writes += 1
        return super().write_coils(*arguments)

    def write_h_regs(self, *arguments):
        self.writes += 1
        return super().write_h_regs(*arguments)


@pytest.fixture
def served() -> Iterator[tuple[int, Spy]]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    spy = Spy(DataBank(h_regs_size=200))
    server = ModbusServer("127.0.0.1", port, no_block=True, data_hdl=spy)
    server.start()
    spy.data_bank.set_holding_registers(10, [0x42F6, 0xE979, 7])
    spy.data_bank.set_coils(3, [True])
    yield port, spy
    server.stop()
    assert spy.writes == 0


def test_values_and_refusals(served: tuple[int, Spy]) -> None:
    port, _ = served
    source = ModbusSource(
        "s", config(port), tags(["holding:10 float32", "holding:12", "coil:3", "holding:250"]), context()
    )

    async def main() -> None:
        async with Running(source) as sink:
            await until(lambda: len(sink.values(2)) >= 3 and bool(sink.failures))
        assert sink.values(0)[-1] == pytest.approx(123.456, rel=1e-6)
        assert (sink.values(1)[-1], sink.values(2)[-1]) == (7, 1)
        assert sink.failures == [((3,), GapReason.REFUSED, quality.BAD_CONFIGURATION_ERROR)]

    asyncio.run(main())
