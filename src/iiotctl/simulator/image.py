"""The process image: what every device holds at one tick, after noise, faults and the transmitters' rounding."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from iiotctl import quality
from iiotctl.simulator.codec import Raw, to_engineering, to_raw, to_registers
from iiotctl.simulator.faults import FaultBank, Measured
from iiotctl.simulator.process import TICK_S, Process
from iiotctl.simulator.randomness import Noise
from iiotctl.simulator.tags import TAGS, SimTag
from iiotctl.site.address import Table

_NEVER_NEGATIVE: Final = frozenset({"flow", "current", "vibration", "speed", "position", "level", "duration"})
_INTEGERS: Final = frozenset({"Int32", "UInt32", "UInt16"})


@dataclass(frozen=True, slots=True)
class Served:
    """What a device serves for a tag: raw, and what a correct client makes of it (None = no value)."""

    raw: Raw | None
    value: float | str | None
    quality: int
    exception: int = 0


class Measuring:
    """Process + noise + faults = the values that the transmitters deliver, tick by tick."""

    def __init__(self, seed: int, faults: FaultBank) -> None:
        self.process = Process(seed)
        self.faults = faults
        self._noise = Noise(seed, len(TAGS))
        self._sigma = [tag.noise for tag in TAGS]

    def measure(self, tick: int) -> list[Measured]:
        """One value a tag, in the order of `TAGS`; ticks must not go back."""
        self.process.advance(tick)
        variables = self.process.variables()
        noise = self._noise.at(tick)
        t = tick * TICK_S
        measured = []
        for i, tag in enumerate(TAGS):
            value = variables[tag.variable]
            number: float | str
            if isinstance(value, str):
                number = value
            else:
                number = float(value) + self._sigma[i] * float(noise[i])
                if tag.kind in _NEVER_NEGATIVE and number < 0.0:
                    number = 0.0
            measured.append(self.faults.apply(tag, t, tick, number))
        return measured


def serve_modbus(tag: SimTag, measured: Measured) -> Served:
    """What a Modbus unit holds for a tag."""
    if measured.sentinel is not None:
        raw: Raw = float("nan") if tag.type.startswith("float") else to_raw(tag, _engineering(tag, measured.sentinel))
        broken = to_engineering(tag, raw) is None
        return Served(raw, to_engineering(tag, raw), quality.BAD_SENSOR_FAILURE if broken else quality.GOOD)
    if measured.value is None:
        return Served(None, None, measured.quality, measured.exception)
    raw = to_raw(tag, measured.value)
    return Served(raw, to_engineering(tag, raw), quality.GOOD)


def _engineering(tag: SimTag, raw: int) -> float:
    return raw * tag.scale + tag.offset


def serve_opcua(tag: SimTag, measured: Measured) -> Served:
    """What the OPC UA server holds for a tag; `raw` is the value in its built-in type."""
    if measured.value is None:
        return Served(None, None, measured.quality)
    value = measured.value
    if isinstance(value, str):
        return Served(value, value, quality.GOOD)
    if tag.type == "Boolean":
        return Served(bool(value), float(bool(value)), quality.GOOD)
    if tag.type in _INTEGERS:
        whole = max(0, round(value))
        return Served(whole, float(whole), quality.GOOD)
    if tag.resolution:
        value = round(round(value / tag.resolution) * tag.resolution, 9)
    if tag.type == "Float":
        value = struct.unpack("<f", struct.pack("<f", value))[0]
    return Served(value, value, quality.GOOD)


class UnitImage:
    """The four tables of one Modbus unit; undeclared places read 0, or do not exist in a strict unit."""

    def __init__(self, source: str, unit: int, *, strict: bool) -> None:
        self.source, self.unit, self.strict = source, unit, strict
        self.tags = [(i, tag) for i, tag in enumerate(TAGS) if tag.source == source]
        self.tables: dict[Table, list[int]] = {}
        self.declared: dict[Table, set[int]] = {table: set() for table in Table}
        self.places: dict[Table, list[tuple[int, int, SimTag]]] = {table: [] for table in Table}
        for _, tag in self.tags:
            place, width = tag.modbus_address, tag.data_type.registers
            self.places[place.table].append((place.offset, place.offset + width, tag))
            self.declared[place.table].update(range(place.offset, place.offset + width))
        for table in Table:
            self.places[table].sort(key=lambda item: item[0])
            self.tables[table] = [0] * (max(self.declared[table], default=-1) + 1)
        self.served: dict[str, Served] = {}

    def update(self, measured: list[Measured]) -> None:
        """Take the values of a tick."""
        for i, tag in self.tags:
            served = serve_modbus(tag, measured[i])
            self.served[tag.name] = served
            if served.raw is None:
                continue
            place = tag.modbus_address
            cells = self.tables[place.table]
            if place.table.is_bits:
                cells[place.offset] = int(served.raw)
            elif place.bit is not None:
                mask = 1 << place.bit
                cells[place.offset] = cells[place.offset] & ~mask | (mask if served.raw else 0)
            else:
                words = to_registers(tag.data_type, tag.order, served.raw)
                cells[place.offset : place.offset + len(words)] = words

    def read(self, table: Table, first: int, count: int) -> list[int] | None:
        """The cells, or None when some do not exist."""
        cells = self.tables[table]
        if first + count > len(cells):
            return None
        if self.strict and not self.declared[table].issuperset(range(first, first + count)):
            return None
        return cells[first : first + count]

    def touching(self, table: Table, first: int, count: int) -> list[SimTag]:
        """Tags of which the range holds at least a part."""
        end = first + count
        return [tag for start, stop, tag in self.places[table] if start < end and stop > first]

    def values(self, table: Table, first: int, count: int) -> dict[str, list[object]]:
        """{tag: [raw, engineering value]} of the tags wholly inside the range; NaN becomes None."""
        end = first + count
        inside: dict[str, list[object]] = {}
        for start, stop, tag in self.places[table]:
            if start >= first and stop <= end and tag.name in self.served:
                served = self.served[tag.name]
                raw = None if served.raw != served.raw else served.raw
                inside[tag.name] = [raw, served.value]
        return inside
