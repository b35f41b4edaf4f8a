"""Modbus TCP: requests a second and CPU per million registers, ours beside bare pymodbus and a raw loop.

10,000 registers in 80 requests of 125, against the C server of the tests on loopback, all in one run.
"Ours" is the source as `capture` runs it, scanning as fast as it can: plan, queue, checks, decode; then
the same with every sample committed to a spool once a second.
"""

from __future__ import annotations

import asyncio
import struct
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.integration.modbus_harness import Recorder, config, context, tags
from tests.integration.modbus_server import ModbusServer

REGISTERS = 10_000
BLOCK = 125
SECONDS = 3.0

Work = Callable[[int, float], Awaitable[tuple[int, float]]]
"""(port, seconds) -> requests answered, CPU seconds; setting up is not counted."""


async def pymodbus_bare(port: int, seconds: float) -> tuple[int, float]:
    """pymodbus's own client, nothing done with what it returns."""
    from pymodbus.client import AsyncModbusTcpClient

    client = AsyncModbusTcpClient("127.0.0.1", port=port, retries=0, reconnect_delay=0)
    await client.connect()
    requests, cpu = 0, time.process_time()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for address in range(0, REGISTERS, BLOCK):
            answer = await client.read_holding_registers(address, count=BLOCK)
            requests += not answer.isError()
    cpu = time.process_time() - cpu
    client.close()
    return requests, cpu


async def pymodbus_floats(port: int, seconds: float) -> tuple[int, float]:
    """The same with pymodbus's converter: 62 floats a block."""
    from pymodbus.client import AsyncModbusTcpClient

    client = AsyncModbusTcpClient("127.0.0.1", port=port, retries=0, reconnect_delay=0)
    await client.connect()
    requests, cpu = 0, time.process_time()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for address in range(0, REGISTERS, BLOCK):
            answer = await client.read_holding_registers(address, count=BLOCK)
            client.convert_from_registers(answer.registers[:124], client.DATATYPE.FLOAT32)
            requests += 1
    cpu = time.process_time() - cpu
    client.close()
    return requests, cpu


class _Raw(asyncio.Protocol):
    """The least a client can do in Python: fixed-size answers, no checks, `window` requests on their way."""

    def __init__(self, window: int) -> None:
        self.window = window
        self.requests = 0
        self._held = 0
        self._at = 0
        self._frames = [struct.pack(">HHHBBHH", 1, 0, 6, 1, 3, at, BLOCK) for at in range(0, REGISTERS, BLOCK)]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        for _ in range(self.window):
            self._send()

    def _send(self) -> None:
        self._transport.write(self._frames[self._at])
        self._at = (self._at + 1) % len(self._frames)

    def data_received(self, data: bytes) -> None:
        self._held += len(data)
        while self._held >= 9 + 2 * BLOCK:
            self._held -= 9 + 2 * BLOCK
            self.requests += 1
            self._send()


def raw(window: int) -> Work:
    """A raw asyncio loop."""

    async def work(port: int, seconds: float) -> tuple[int, float]:
        loop = asyncio.get_running_loop()
        cpu = time.process_time()
        transport, protocol = await loop.create_connection(lambda: _Raw(window), "127.0.0.1", port)
        await asyncio.sleep(seconds)
        transport.close()
        return protocol.requests, time.process_time() - cpu

    return work


class _Spool(Recorder):
    """Commits what came once a second, on the loop's thread: its CPU counts like ours."""

    def __init__(self, folder: Path | None, count: int) -> None:
        super().__init__()
        self.taken = 0
        self._writer = None
        self._next = time.monotonic() + 1.0
        if folder is not None:
            from iiotctl.store.schema import TagRow
            from iiotctl.store.writer import StoreWriter

            self._writer = StoreWriter.open(
                folder, site="bench", run_info={}, now_us=lambda: time.time_ns() // 1000, seal_size=10**9
            )
            self._writer.define_tags([TagRow(code, f"t{code}", "s") for code in range(count)])

    def samples(self, batch, on_commit=None) -> None:  # noqa: ARG002 - the contract of a sink
        self.taken += len(batch)
        if self._writer is None:
            return
        self.batches.append(batch)
        if time.monotonic() >= self._next:
            self.flush()
            self._next = time.monotonic() + 1.0

    def flush(self) -> None:
        if self._writer is not None and self.batches:
            from iiotctl.samples import concat

            self._writer.commit(concat(self.batches), [])
            self.batches.clear()

    def seal(self) -> None:
        """What was committed becomes Parquet."""
        if self._writer is not None:
            self._writer.rotate()
            self._writer.seal()


def ours(type_: str, width: int, *, spool: bool, seal: bool = False, window: int = 1) -> Work:
    """Our source; with `spool`, every sample goes to disk, with `seal` on to sealed Parquet."""

    async def work(port: int, seconds: float) -> tuple[int, float]:
        from iiotctl.sources.modbus.source import ModbusSource

        # a value never straddles two requests: 124 of 125 registers of a block carry floats
        places = [a for start in range(0, REGISTERS, BLOCK) for a in range(start, start + BLOCK - width + 1, width)]
        if width > 1:
            places += [start + BLOCK - 1 for start in range(0, REGISTERS, BLOCK)]
        made = tags(
            [f"holding:{a} {'uint16' if a % BLOCK == BLOCK - 1 else type_}" for a in sorted(places)], order="CDAB"
        )
        with tempfile.TemporaryDirectory() as folder:
            sink = _Spool(Path(folder) / "store" if spool else None, len(made))
            source = ModbusSource("s", config(port, period="10ms", timeout="2s", window=window), made, context())
            assert len(source.plan()) == REGISTERS // BLOCK
            task = asyncio.create_task(source.run(sink))
            await asyncio.sleep(0.1)  # connecting and building the decoder happen once
            before, cpu = source.status.cycles, time.process_time()
            await asyncio.sleep(seconds)
            requests = (source.status.cycles - before) * (REGISTERS // BLOCK)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            sink.flush()
            if seal:
                sink.seal()
            cpu = time.process_time() - cpu
            await source.close()
            return requests, cpu

    return work


CASES: dict[str, Work] = {
    "pymodbus, bare reads (yardstick)": pymodbus_bare,
    "pymodbus + its float converter": pymodbus_floats,
    "raw asyncio, 1 on its way": raw(1),
    "raw asyncio, 16 on their way": raw(16),
    "ours, float32": ours("float32", 2, spool=False),
    "ours, float32, 4 on their way": ours("float32", 2, spool=False, window=4),
    "ours, float32, 16 on their way": ours("float32", 2, spool=False, window=16),
    "ours, float32, spooled": ours("float32", 2, spool=True),
    "ours, float32, to sealed Parquet": ours("float32", 2, spool=True, seal=True),
    "ours, uint16": ours("uint16", 1, spool=False),
    "ours, uint16, spooled": ours("uint16", 1, spool=True),
}


def main() -> None:
    """Print the table."""
    print(f"{'':34}{'requests/s':>12}{'CPU s/M registers':>20}{'CPU ratio':>11}")
    yardstick = 0.0
    with ModbusServer() as server:
        asyncio.run(pymodbus_bare(server.port, 0.3))
        for name, work in CASES.items():
            requests, cpu = asyncio.run(work(server.port, SECONDS))
            cost = cpu / (requests * BLOCK) * 1e6
            yardstick = yardstick or cost
            print(f"{name:34}{requests / SECONDS:>12,.0f}{cost:>20.3f}{cost / yardstick:>10.2f}x", flush=True)


if __name__ == "__main__":
    main()
