"""Kepware (KEPServerEX): the CSV that a device's tag list is exported to.

Read from the device itself, a tag keeps its Modbus address (`400012`, `40012.3`, `400012.20H`, `400012 [4]`); read
from Kepware's own OPC UA server it is `ns=2;s=CHANNEL.DEVICE.TAG`. The export says nothing of the word order: it is
a setting of the device in Kepware (`First Word Low`, on by default, which is CDAB).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from iiotctl.site.address import ModbusAddress, Order, Table, parse_type
from iiotctl.site.exports.collect import LARGEST_ARRAY, Collection, Found, Protocol, linear, ordered
from iiotctl.site.exports.table import Row

TITLES: Final = frozenset({"tag name", "address", "data type"})
_NAMESPACE: Final = 2
_TYPES: Final = {
    "boolean": "bool",
    "char": "int8",
    "byte": "uint8",
    "short": "int16",
    "word": "uint16",
    "long": "int32",
    "dword": "uint32",
    "llong": "int64",
    "qword": "uint64",
    "float": "float32",
    "double": "float64",
    "bcd": "bcd16",
    "lbcd": "bcd32",
    "string": "string",
}
_TABLES: Final = {"0": Table.COIL, "1": Table.DISCRETE, "3": Table.INPUT, "4": Table.HOLDING}
_ADDRESS: Final = re.compile(
    r"(?P<table>[0134])(?P<item>\d{1,5})(?:\.(?P<after>\d{1,3})(?P<bytes>[HL])?)?"
    r"\s*(?:\[(?P<rows>\d{1,5})\])?(?:\[(?P<columns>\d{1,5})\])?",
    re.IGNORECASE,
)


def read(rows: Iterable[Row], into: Collection) -> None:
    """Every row of the export as tags."""
    protocol = into.options.protocol or Protocol.MODBUS
    for row in rows:
        name = row.get("tag name")
        if not name:
            if any(row.cells.values()):
                into.leave(row.where, "", "the row has no tag name")
            continue
        if protocol is Protocol.OPCUA:
            _over_opcua(row, name, into)
        else:
            _over_modbus(row, name, into)


def _common(row: Row, name: str, address: str) -> Found:
    return Found((name,), address, unit=row.get("eng units"), description=row.get("description"))


def _over_opcua(row: Row, name: str, into: Collection) -> None:
    """Kepware's server has scaled the value already."""
    found = _common(row, name, f"ns={_NAMESPACE};s={into.options.prefix}.{name}")
    span = _numbers(row, "scaled low", "scaled high") if _scaling(row) else None
    into.add(row.where, replace(found, span=span if span and span[0] < span[1] else None))


def _scaling(row: Row) -> str:
    word = row.get("scaling").lower()
    return "" if word in ("", "none") else word


def _numbers(row: Row, low: str, high: str) -> tuple[float, float] | None:
    try:
        return float(row.get(low).replace(",", ".")), float(row.get(high).replace(",", "."))
    except ValueError:
        return None


def _over_modbus(row: Row, name: str, into: Collection) -> None:
    text = row.get("address")
    match = _ADDRESS.fullmatch(text)
    if match is None:
        into.leave(
            row.where,
            name,
            f"`{text}` is no Modbus address; `--as opcua --prefix CHANNEL.DEVICE` reads it from Kepware's server",
        )
        return
    shaped = _shape(row, match)
    if isinstance(shaped, str):
        into.leave(row.where, name, shaped)
        return
    type_, address, order = shaped
    scaled = _scaled(row, replace(_common(row, name, str(address)), type=type_, order=order))
    if isinstance(scaled, str):
        into.leave(row.where, name, scaled)
        return
    if row.get("clamp low") == "1" or row.get("clamp high") == "1":
        into.note("values that Kepware clamps to their range are stored as the device sends them")
    _spread(row, match, scaled, address, into)


def _shape(row: Row, match: re.Match[str]) -> tuple[str, ModbusAddress, Order] | str:
    """Type, address and byte order of a row (the order of words is the caller's), or why there is none."""
    table, offset = _TABLES[match["table"]], int(match["item"]) - 1
    if offset < 0:
        return "items of Modbus tables count from 1"
    if match["bytes"]:
        return f"string({int(match['after'])})", ModbusAddress(table, offset), _bytes(match["bytes"])
    word = row.get("data type")
    type_ = "bool" if table.is_bits else _TYPES.get(word.lower().removesuffix(" array").strip())
    bit = None if match["after"] is None else int(match["after"])
    refused = "a string's address says its length, e.g. `400012.20H`" if type_ == "string" else ""
    if bit is not None and type_ != "bool":
        refused = f"a bit of a register is no `{word}`"
    if type_ is None:
        refused = f"the data type `{word}` has no counterpart"
    return refused or (type_ or "", ModbusAddress(table, offset, bit), Order.ABCD)


def _bytes(mark: str) -> Order:
    return Order.ABCD if mark.upper() == "H" else Order.BADC


def _scaled(row: Row, found: Found) -> Found | str:
    scaling = _scaling(row)
    sign = -1.0 if row.get("negate value") == "1" else 1.0
    if not scaling:
        return replace(found, scale=sign)
    if scaling != "linear":
        return f"{row.get('scaling')} scaling cannot be expressed: `scale` and `offset` make a straight line"
    raw, scaled = _numbers(row, "raw low", "raw high"), _numbers(row, "scaled low", "scaled high")
    line = linear(raw, scaled) if raw and scaled else None
    if line is None or scaled is None:
        return "its linear scaling has no two different raw and scaled values"
    span = (min(scaled), max(scaled)) if sign > 0 else (-max(scaled), -min(scaled))
    return replace(found, scale=sign * line[0], offset=sign * line[1], span=span)


def _spread(row: Row, match: re.Match[str], found: Found, address: ModbusAddress, into: Collection) -> None:
    """One row, or one an element of an array."""
    order = into.options.order or Order.CDAB
    if not found.type.startswith("string"):
        found = replace(found, order=ordered(found.type, order))
        if found.order is Order.CDAB and into.options.order is None:
            into.note(
                "the export does not say the word order; Kepware's default CDAB (first word low) is taken: "
                "`iiotctl guess` checks it, `--order ABCD` changes it"
            )
    if match["rows"] is None:
        into.add(row.where, found)
        return
    count = int(match["rows"]) * int(match["columns"] or 1)
    if not 1 <= count <= LARGEST_ARRAY:
        into.leave(row.where, found.names[0], f"an array of {count} elements; at most {LARGEST_ARRAY} become tags")
        return
    step = 1 if address.table.is_bits else parse_type(found.type).registers
    for index in range(count):
        place = replace(address, offset=address.offset + index * step)
        into.add(row.where, replace(found, names=(f"{found.names[0]}_{index}",), address=str(place)))
