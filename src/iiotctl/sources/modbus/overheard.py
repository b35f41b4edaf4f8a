"""What an overheard exchange means for the tags of a unit, and why nothing is understood at all. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from iiotctl import quality
from iiotctl.site.address import Table
from iiotctl.sources.modbus.failure import Failure, Kind
from iiotctl.sources.modbus.layout import Layout, ModbusTag
from iiotctl.sources.modbus.plan import Block

if TYPE_CHECKING:
    from iiotctl.sources.modbus.ear import Ear
    from iiotctl.sources.modbus.sniff import Read

_MOST_LAYOUTS: Final = 500
_TABLES: Final = {table.function_code: table for table in Table}

BAD_NO_DATA: Final = quality.CODES["BadNoData"]
NOT_READ: Final = Failure(Kind.TIMEOUT, cause="the master reads no block that holds all of it")


class Layouts:
    """Which tags of a unit a read of the master covers.

    Args:
        tags: by code.
        unit: unit identifier.
    """

    def __init__(self, tags: Mapping[int, ModbusTag], unit: int) -> None:
        self._tags = tags
        self._unit = unit
        self._known: dict[Read, Layout] = {}

    def of(self, read: Read) -> Layout | None:
        """The decoder of a read's answer; None for another unit. It may hold no tag."""
        if read.unit != self._unit:
            return None
        layout = self._known.get(read)
        if layout is None:
            table, end = _TABLES[read.function], read.address + read.quantity
            inside = tuple(
                code
                for code, tag in self._tags.items()
                if tag.extent.table is table and read.address <= tag.extent.offset and tag.extent.end <= end
            )
            block = Block(table, read.address, read.quantity, 0.0, inside)
            layout = Layout((block,), self._tags, self._unit)
            if len(self._known) >= _MOST_LAYOUTS:
                self._known.clear()
            self._known[read] = layout
        return layout


def deafness(ear: Ear, now: float, patience: float) -> Failure | None:
    """Why nothing at all is understood, for so many seconds now; None when something is."""
    if ear.last_byte is None or now - ear.last_byte > patience:
        cause = f"nothing was heard on the bus for {patience:.3g} s: the master is off, or the tap is not connected"
        return Failure(Kind.DISCONNECTED, cause=cause)
    if not ear.seen.reads:
        cause = f"what is heard are no Modbus RTU reads at {ear.settings}: speed, parity, or the two wires swapped"
        return Failure(Kind.GARBLED, cause=cause)
    return None
