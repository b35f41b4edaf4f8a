"""TIA Portal: PLC tag tables and HMI tag lists, XLSX or CSV, English or German titles.

An S7-1500 offers its tags over OPC UA as `ns=3;s="Tag"` and those of data blocks as `ns=3;s="DB"."tag"`; that is how
they are mapped. Memory and data-block addresses (`%MW100`, `%DB10.DBD4`) are no Modbus addresses; where the program
offers them through MB_SERVER, `--modbus-base` says what lies where.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from iiotctl.site.address import Order
from iiotctl.site.exports.absolute import Base, parse_absolute, parse_bases, place
from iiotctl.site.exports.collect import Collection, Found, Protocol, ordered
from iiotctl.site.exports.table import Row

TITLES: Final = (
    frozenset({"name", "data type", "logical address"}),
    frozenset({"name", "datentyp", "logische adresse"}),
    frozenset({"name", "plc tag"}),
    frozenset({"name", "plc-variable"}),
    frozenset({"name", "steuerungsvariable"}),
)
_NAMESPACE: Final = 3
_TYPES: Final = {
    "bool": "bool",
    "byte": "uint8",
    "sint": "int8",
    "usint": "uint8",
    "char": "uint8",
    "word": "uint16",
    "int": "int16",
    "uint": "uint16",
    "s5time": "",
    "date": "uint16",
    "dword": "uint32",
    "dint": "int32",
    "udint": "uint32",
    "real": "float32",
    "time": "int32",
    "time_of_day": "uint32",
    "tod": "uint32",
    "lword": "uint64",
    "lint": "int64",
    "ulint": "uint64",
    "lreal": "float64",
}
_PART: Final = re.compile(r'"[^"]*"(?:\[[^\]]*\])?|[^."\[]+(?:\[[^\]]*\])?')


def read(rows: Iterable[Row], into: Collection) -> None:
    """Every row of the export as a tag."""
    protocol = into.options.protocol or (Protocol.MODBUS if into.options.bases else Protocol.OPCUA)
    bases = parse_bases(into.options.bases)
    for row in rows:
        name = row.get("name")
        plc_name = row.get("plc tag", "plc-variable", "steuerungsvariable")
        if not name or not row.get(
            "logical address", "logische adresse", "address", "adresse", "plc tag", "plc-variable", "steuerungsvariable"
        ):
            if any(row.cells.values()) and name and "data type" in row.cells:
                into.leave(row.where, name, "no address: an internal tag of the panel, or a constant")
            continue
        if protocol is Protocol.OPCUA:
            _over_opcua(row, name, plc_name, into)
        else:
            _over_modbus(row, name, bases, into)


def _description(row: Row) -> str:
    return row.get("comment", "kommentar", "comment [en-us]", "comment [de-de]")


def _type(row: Row) -> str:
    return row.get("data type", "datentyp", "datatype").strip('"')


def _over_opcua(row: Row, name: str, plc_name: str, into: Collection) -> None:
    if plc_name in ("<No Value>", "<Undefined>"):
        into.leave(row.where, name, "an internal tag of the panel")
        return
    parts = _PART.findall(plc_name) if plc_name else [name]
    if not parts:
        into.leave(row.where, name, f"`{plc_name}` is no name of a tag")
        return
    path = ".".join(_quoted(part) for part in parts)
    if _type(row).lower() in ("timer", "counter"):
        into.leave(row.where, name, f"a `{_type(row)}` is no variable; name one of its members")
        return
    into.note(
        "OPC UA offers only tags that are marked `Accessible from HMI/OPC UA`: `iiotctl tags check --live` tries each"
    )
    names = tuple(part.replace('"', "") for part in parts)
    into.add(row.where, Found(names, f"ns={_NAMESPACE};s={path}", description=_description(row)))


def _quoted(part: str) -> str:
    """A level of a symbolic name as S7-1500 writes node ids: the name in quotes, an index behind them."""
    if part.startswith('"'):
        return part
    name, bracket, index = part.partition("[")
    return f'"{name}"{bracket}{index}'


def _over_modbus(row: Row, name: str, bases: list[Base], into: Collection) -> None:
    text = row.get("logical address", "logische adresse", "address", "adresse")
    at = parse_absolute(text)
    type_ = _TYPES.get(_type(row).lower(), "")
    if at is None:
        into.leave(row.where, name, f"`{text}` is no absolute address" if text else "it has no absolute address")
        return
    if not type_:
        into.leave(row.where, name, f"the data type `{_type(row)}` has no counterpart in registers")
        return
    placed = place(at, type_, bases, little_endian=False)
    if isinstance(placed, str):
        into.leave(row.where, name, placed)
        return
    order = placed.order
    if order is Order.ABCD and into.options.order is not None:
        order = ordered(type_, into.options.order)
    into.add(row.where, Found((name,), str(placed.address), type_, order, description=_description(row)))
