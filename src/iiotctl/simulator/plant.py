"""The whole plant: process, faults, truth log and servers, run at real time inside an event loop.

async with Plant(seed=1, modbus_port=0, opcua_port=0) as plant:
    plant.modbus_port, plant.opcua_port      # the real ports
    plant.site_toml()                        # the site file that fits
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from iiotctl.simulator.faults import Fault, FaultBank, parse_fault
from iiotctl.simulator.image import Measuring, UnitImage
from iiotctl.simulator.modbus import ModbusServer, UnknownUnit
from iiotctl.simulator.opcua import OpcUaServer
from iiotctl.simulator.process import TICK_S, TICK_US
from iiotctl.simulator.sitefile import site_toml
from iiotctl.simulator.tags import DEVICES, TAGS
from iiotctl.simulator.truth import TruthLog

_FLUSH_TICKS: Final = 10
_MOST_BEHIND: Final = 50
"""Ticks made up one by one after a stall; of a longer one (suspended laptop) only the last ones are served."""
OPCUA_USER: Final = "reader"
OPCUA_PASSWORD: Final = "press-line"  # noqa: S105 - of the simulator, printed in its docs


def _wall_us() -> int:
    return time.time_ns() // 1000


class Plant:
    """The simulated press line behind real Modbus TCP and OPC UA servers."""

    def __init__(
        self,
        *,
        seed: int = 1,
        host: str = "127.0.0.1",
        modbus_port: int | None = 0,
        opcua_port: int | None = 0,
        faults: Sequence[str | Fault] = (),
        truth: TruthLog | Path | None = None,
        unknown_unit: UnknownUnit = "gateway",
        pki: Path | None = None,
        opcua_user: str = OPCUA_USER,
        opcua_password: str = OPCUA_PASSWORD,
        now_us: Callable[[], int] = _wall_us,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Port 0 = any free port, None = this protocol is not served; `pki` keeps the OPC UA certificate.

        Raises:
            UsageError: a fault that does not exist, or a truth log that cannot be written.
        """
        self.seed, self.host = seed, host
        self.modbus_port, self.opcua_port = modbus_port, opcua_port
        self.faults = FaultBank([parse_fault(f) if isinstance(f, str) else f for f in faults], seed)
        self.truth = truth if isinstance(truth, TruthLog) else TruthLog(truth)
        self._pki = pki
        self._now_us, self._monotonic = now_us, monotonic
        self._measuring = Measuring(seed, self.faults)
        self._started = 0.0
        self._start_us = 0
        self._tick = 0
        self._active: set[int] = set()
        self._task: asyncio.Task[None] | None = None
        self.units = [UnitImage(d.source, d.unit, strict=d.strict) for d in DEVICES if d.protocol == "modbus"]
        self.modbus: ModbusServer | None = None
        self.opcua: OpcUaServer | None = None
        if modbus_port is not None:
            self.modbus = ModbusServer(
                self.units,
                self.faults,
                self.truth,
                now_us=now_us,
                elapsed=self.elapsed,
                unknown_unit=unknown_unit,
            )
        if opcua_port is not None:
            self.opcua = OpcUaServer(self.faults, self.truth, now_us=now_us, user=opcua_user, password=opcua_password)

    def elapsed(self) -> float:
        """s of simulated time."""
        return self._monotonic() - self._started

    @property
    def reachable_host(self) -> str:
        """The address that a client on this machine dials."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self.host, self.host)  # noqa: S104

    def site_toml(self) -> str:
        """The site file that decodes every tag exactly."""
        return site_toml(self.reachable_host, self.modbus_port, self.opcua_port)

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stop()
        if self._task is not None and not self._task.cancelled() and (failure := self._task.exception()):
            raise failure

    async def wait(self) -> None:
        """Until the simulation ends by itself, which it does only by a defect (raised here)."""
        assert self._task is not None
        await asyncio.shield(self._task)

    async def _start(self) -> None:
        self._started = self._monotonic()
        first = self._measuring.measure(0)
        for unit in self.units:
            unit.update(first)
        if self.modbus is not None and self.modbus_port is not None:
            self.modbus_port = await self.modbus.start(self.host, self.modbus_port)
        if self.opcua is not None and self.opcua_port is not None:
            from iiotctl.simulator.certificate import server_certificate

            certificate, key = await asyncio.to_thread(server_certificate, self._pki, self.host)
            self.opcua_port = await self.opcua.start(self.host, self.opcua_port, certificate, key, first)
        # building the address space takes a second; simulated time starts when everything answers
        self._started = self._monotonic()
        self._start_us = self._now_us()
        self.truth.write(
            "start", self._start_us, seed=self.seed, tags={tag.name: tag.source for tag in TAGS}, ports=self._ports()
        )
        await self._serve(0)
        self._task = asyncio.create_task(self._run())

    def _ports(self) -> dict[str, int | None]:
        return {"modbus": self.modbus_port, "opcua": self.opcua_port}

    async def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self.modbus is not None:
            await self.modbus.stop()
        if self.opcua is not None:
            await self.opcua.stop()
        if self._start_us:
            self.truth.write("end", self._now_us())
        self.truth.close()

    async def _run(self) -> None:
        while True:
            due = int(self.elapsed() / TICK_S)
            for skipped in range(self._tick + _MOST_BEHIND, due - _MOST_BEHIND, _MOST_BEHIND):
                self._measuring.process.advance(skipped)
                await asyncio.sleep(0)  # hours of physics take seconds; clients are answered in between
            for tick in range(max(self._tick + 1, due - _MOST_BEHIND), due + 1):
                await self._serve(tick)
            if self.modbus is not None:
                self.modbus.drop_faulty()
            await asyncio.sleep(max(0.0, (self._tick + 1) * TICK_S - self.elapsed()))

    async def _serve(self, tick: int) -> None:
        self._tick = tick
        at = self._start_us + tick * TICK_US
        self._log_faults(tick * TICK_S, at)
        measured = self._measuring.measure(tick)
        for unit in self.units:
            unit.update(measured)
        if self.opcua is not None:
            await self.opcua.update(tick, at, measured)
        if tick % _FLUSH_TICKS == 0:
            self.truth.flush()

    def _log_faults(self, t: float, at: int) -> None:
        if not self.faults.faults:
            return
        active = self.faults.active(t)
        for i in active ^ self._active:
            self.truth.write("fault", at, state="start" if i in active else "end", fault=self.faults.faults[i].text)
        self._active = active
