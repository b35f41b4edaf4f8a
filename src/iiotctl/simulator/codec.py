"""Engineering values to raw values to registers: what a device's firmware does.

Written apart from `sources/modbus/decode.py` on purpose: a mistake in one would not be mirrored in the other.
"""

from __future__ import annotations

import struct
from typing import Final

from iiotctl.simulator.tags import SimTag
from iiotctl.site.address import DataType, Order

Raw = int | float | str
_INTEGER_LIMITS: Final = {
    "bool": (0, 1),
    "int8": (-(2**7), 2**7 - 1),
    "uint8": (0, 2**8 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "uint16": (0, 2**16 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
    "bcd16": (0, 9_999),
    "bcd32": (0, 99_999_999),
}
_PACK: Final = {
    "int16": ">h",
    "uint16": ">H",
    "int32": ">i",
    "uint32": ">I",
    "int64": ">q",
    "uint64": ">Q",
    "float16": ">e",
    "float32": ">f",
    "float64": ">d",
}


def to_raw(tag: SimTag, value: float | str) -> Raw:
    """What the transmitter makes of a value: rounded to its resolution, kept inside the type."""
    if isinstance(value, str):
        return value
    if tag.resolution:
        value = round(round(value / tag.resolution) * tag.resolution, 9)
    kind = tag.data_type.name
    if kind in _INTEGER_LIMITS:
        low, high = _INTEGER_LIMITS[kind]
        return min(high, max(low, round((value - tag.offset) / tag.scale)))
    raw: float = struct.unpack(_PACK[kind], struct.pack(_PACK[kind], (value - tag.offset) / tag.scale))[0]
    return raw


def to_engineering(tag: SimTag, raw: Raw) -> float | str | None:
    """What a correct client stores for a raw value; None for a broken sensor."""
    if isinstance(raw, str):
        return raw
    if raw in tag.broken or raw != raw:  # noqa: PLR0124 - NaN
        return None
    return raw * tag.scale + tag.offset


def to_registers(kind: DataType, order: Order, raw: Raw) -> list[int]:
    """The registers of a raw value, as on the wire."""
    if isinstance(raw, str):
        data = raw.encode("ascii", "replace")[: kind.length].ljust(2 * kind.registers, b"\0")
    elif kind.name in ("bcd16", "bcd32"):
        digits = 4 * kind.registers
        data = bytes.fromhex(f"{int(raw):0{digits}d}")
    elif kind.name in ("bool", "int8", "uint8"):
        data = bytes((0, int(raw) & 0xFF))
    else:
        data = struct.pack(_PACK[kind.name], raw)
    words = [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2)]
    if order.swaps_bytes:
        words = [(word >> 8) | ((word & 0xFF) << 8) for word in words]
    if order.swaps_words and kind.name != "string":
        words.reverse()
    return words
