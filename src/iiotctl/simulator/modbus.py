"""A Modbus TCP server for the simulated units: reads only, every refusal recorded, never a traceback.

Our own few hundred bytes of protocol instead of pymodbus's server, because it must do what devices do and
libraries do not: stay silent, answer late, reset connections, answer for a gateway (exception 0x0B), and
tell the truth log exactly what left in each answer. Modbus Application Protocol V1.1b3, Messaging on
TCP/IP V1.0b.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final, Literal

from iiotctl import __version__
from iiotctl.errors import SourceError
from iiotctl.simulator.faults import FaultBank
from iiotctl.simulator.image import UnitImage
from iiotctl.simulator.truth import TruthLog
from iiotctl.site.address import Table

UnknownUnit = Literal["gateway", "silent"]

_TABLES: Final = {1: Table.COIL, 2: Table.DISCRETE, 3: Table.HOLDING, 4: Table.INPUT}
_MOST: Final = {1: 2000, 2: 2000, 3: 125, 4: 125}
_ILLEGAL_FUNCTION, _ILLEGAL_ADDRESS, _ILLEGAL_VALUE, _NO_TARGET = 0x01, 0x02, 0x03, 0x0B
_IDENTIFICATION: Final = bytes((43, 14))
_CATEGORIES: Final = (1, 2, 3)
_READ_REQUEST: Final = 5
"""Bytes of a read request's PDU."""
_SHORTEST, _LONGEST = 2, 254
"""Length field of the header: unit and function at least, 253 bytes of PDU and the unit at most."""
_FUNCTIONS: Final = {
    5: "write single coil",
    6: "write single register",
    8: "diagnostics",
    15: "write multiple coils",
    16: "write multiple registers",
    21: "write file record",
    22: "mask write register",
    23: "read/write multiple registers",
    43: "encapsulated interface",
}


class ModbusServer:
    """Serves `UnitImage`s on one port, as a gateway with several units."""

    def __init__(
        self,
        units: Iterable[UnitImage],
        faults: FaultBank,
        truth: TruthLog,
        *,
        now_us: Callable[[], int],
        elapsed: Callable[[], float],
        unknown_unit: UnknownUnit = "gateway",
    ) -> None:
        """`now_us` is the wall clock, `elapsed` the simulation's time in s (for the faults)."""
        self.units = {unit.unit: unit for unit in units}
        self._faults, self._truth = faults, truth
        self._now_us, self._elapsed = now_us, elapsed
        self._unknown_unit = unknown_unit
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.accepted = 0
        self.requests = 0

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port.

        Raises:
            SourceError: the port is taken or may not be used.
        """
        try:
            self._server = await asyncio.start_server(self._accept, host, port)
        except OSError as error:
            raise port_error("Modbus", host, port, error, "--modbus-port") from error
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._server is not None:
            self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    def drop_faulty(self) -> None:
        """Reset every connection while a `disconnect` of one of the units is active: they share the port."""
        if self._disconnected():
            for task in list(self._connections):
                task.cancel()

    def _disconnected(self) -> bool:
        t = self._elapsed()
        return any("disconnect" in self._faults.links(unit.source, t) for unit in self.units.values())

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A plain callback: asyncio would log an exception of a coroutine handler as a traceback.
        self.accepted += 1
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = "{}:{}".format(*(writer.get_extra_info("peername") or ("?", 0))[:2])
        try:
            if not self._disconnected():
                await self._converse(reader, writer, peer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client went away
        except asyncio.CancelledError:
            writer.transport.abort()  # a reset: what a pulled plug behind a switch looks like after a while
        finally:
            with suppress(OSError):
                writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str) -> None:
        while True:
            header = await reader.readexactly(6)
            transaction, protocol, length = struct.unpack(">HHH", header)
            if protocol != 0 or not _SHORTEST <= length <= _LONGEST:
                what = f"header {header.hex()}"
                self._truth.write("malformed", self._now_us(), protocol="modbus", peer=peer, what=what)
                return
            body = await reader.readexactly(length)
            self.requests += 1
            unit, pdu = body[0], body[1:]
            links = self._faults.links(self.units[unit].source, self._elapsed()) if unit in self.units else {}
            if "delay" in links:
                await asyncio.sleep(links["delay"].durations["by"])
            if "silent" in links:
                self._log_read(unit, pdu, peer, "none")
                continue
            answer = self._forced(links["exception"], unit, pdu, peer) if "exception" in links else None
            answer = answer or self._answer(unit, pdu, peer)
            if answer is not None:
                writer.write(struct.pack(">HHHB", transaction, 0, len(answer) + 1, unit) + answer)
                await writer.drain()

    def _forced(self, fault: object, unit: int, pdu: bytes, peer: str) -> bytes | None:
        if pdu[0] not in _TABLES:
            return None  # a write is refused as ever
        code = int(fault.numbers["code"])  # type: ignore[attr-defined]
        self._log_read(unit, pdu, peer, f"exception {code}")
        return bytes((pdu[0] | 0x80, code))

    def _answer(self, unit: int, pdu: bytes, peer: str) -> bytes | None:
        function = pdu[0]
        if unit not in self.units:
            what = "exception 11" if self._unknown_unit == "gateway" else "none"
            self._log_read(unit, pdu, peer, what)
            return bytes((function | 0x80, _NO_TARGET)) if self._unknown_unit == "gateway" else None
        if pdu[:2] == _IDENTIFICATION:
            return self._identity(self.units[unit], pdu)
        if function not in _TABLES:
            name = _FUNCTIONS.get(function, "function")
            self._truth.write(
                "refused",
                self._now_us(),
                protocol="modbus",
                peer=peer,
                unit=unit,
                what=f"{name} (FC {function})",
                data=pdu.hex(),
            )
            return bytes((function | 0x80, _ILLEGAL_FUNCTION))
        return self._read(self.units[unit], pdu, peer)

    def _identity(self, image: UnitImage, pdu: bytes) -> bytes:
        """Read Device Identification (§6.21): the three basic objects."""
        if len(pdu) != len(_IDENTIFICATION) + 2 or pdu[2] not in _CATEGORIES:
            return bytes((pdu[0] | 0x80, _ILLEGAL_VALUE))
        texts = ("iiotctl simulator", image.source, __version__)
        objects = b"".join(bytes((key, len(text))) + text.encode() for key, text in enumerate(texts))
        return pdu[:3] + bytes((1, 0, 0, len(texts))) + objects

    def _read(self, image: UnitImage, pdu: bytes, peer: str) -> bytes:
        function = pdu[0]
        exception = 0
        first = count = 0
        if len(pdu) != _READ_REQUEST:
            exception = _ILLEGAL_VALUE
        else:
            first, count = struct.unpack(">HH", pdu[1:])
            exception = 0 if 1 <= count <= _MOST[function] else _ILLEGAL_VALUE
        table = _TABLES[function]
        cells = None if exception else image.read(table, first, count)
        if not exception:
            faulty = (image.served[tag.name].exception for tag in image.touching(table, first, count))
            exception = _ILLEGAL_ADDRESS if cells is None else next(filter(None, faulty), 0)
        if exception or cells is None:
            self._log_read(image.unit, pdu, peer, f"exception {exception}")
            return bytes((function | 0x80, exception))
        if table.is_bits:
            number = sum(bit << i for i, bit in enumerate(cells))
            data = number.to_bytes((count + 7) // 8, "little")
        else:
            data = struct.pack(f">{count}H", *cells)
        self._log_read(image.unit, pdu, peer, "ok", image.values(table, first, count) if self._truth.active else None)
        return bytes((function, len(data))) + data

    def _log_read(
        self, unit: int, pdu: bytes, peer: str, answer: str, values: dict[str, list[object]] | None = None
    ) -> None:
        if pdu[0] not in _TABLES:
            what = f"{_FUNCTIONS.get(pdu[0], 'function')} (FC {pdu[0]})"
            self._truth.write(
                "refused", self._now_us(), protocol="modbus", peer=peer, unit=unit, what=what, data=pdu.hex()
            )
            return
        first, count = struct.unpack(">HH", pdu[1:5]) if len(pdu) == _READ_REQUEST else (0, 0)
        self._truth.write(
            "modbus",
            self._now_us(),
            unit=unit,
            function=pdu[0],
            address=first,
            count=count,
            peer=peer,
            answer=answer,
            values=values or {},
        )


def port_error(protocol: str, host: str, port: int, error: OSError, flag: str) -> SourceError:
    """The error for a port that cannot be listened on."""
    hint = f"choose another with `iiotctl simulate {flag} {port % 1000 + 15_000}`"
    if port < 1024:  # noqa: PLR2004 - privileged ports
        hint = f"ports below 1024 need rights; use `iiotctl simulate {flag} {port + 5000}`"
    return SourceError(
        "port-unavailable",
        f"the simulator cannot listen on {host}:{port} for {protocol}",
        cause=error.strerror or str(error),
        hint=hint,
    )
