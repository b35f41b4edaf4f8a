"""The other direction of `sources/modbus/decode`, written from the definition of the orders, not from its table."""

from __future__ import annotations

import struct

from iiotctl.site.address import DataType, Order

FORMATS = {
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


def arrange(big_endian: bytes, order: Order) -> bytes:
    """Words reversed for CDAB and DCBA, bytes of each word swapped for BADC and DCBA."""
    words = [big_endian[i : i + 2] for i in range(0, len(big_endian), 2)]
    if order in (Order.CDAB, Order.DCBA):
        words = words[::-1]
    if order in (Order.BADC, Order.DCBA):
        words = [word[::-1] for word in words]
    return b"".join(words)


def encode(value: float | str | bool, type_: DataType, order: Order) -> bytes:
    """Registers, as they stand on the wire, of a raw value."""
    name = type_.name
    if name == "string":
        assert isinstance(value, str)
        raw = value.encode().ljust(2 * type_.registers, b"\0")
        return b"".join(
            raw[i : i + 2][::-1] if order in (Order.BADC, Order.DCBA) else raw[i : i + 2] for i in range(0, len(raw), 2)
        )
    if name == "bool":
        return arrange(struct.pack(">H", int(value)), order)
    if name in ("int8", "uint8"):
        return arrange(b"\xaa" + struct.pack(">b" if name == "int8" else ">B", value), order)
    if name in ("bcd16", "bcd32"):
        return arrange(bytes.fromhex(f"{int(value):0{4 if name == 'bcd16' else 8}d}"), order)
    return arrange(struct.pack(FORMATS[name], value), order)
