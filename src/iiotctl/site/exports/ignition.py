"""Ignition: tags as JSON (version 8) or CSV (version 7).

An OPC tag is read either from Ignition's own OPC UA server, by its item path (`ns=1;s=[Device]HR12`), or from the
device itself where the item path is one of Ignition's Modbus addresses (`HR12`, `HRF20`, `3.IR7`, `HR5.3`). Memory,
expression and query tags have no device and are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from iiotctl.errors import UsageError
from iiotctl.site.address import ModbusAddress, Order, Table
from iiotctl.site.exports.collect import Collection, Found, Protocol, linear, ordered
from iiotctl.site.exports.table import Row

TITLES: Final = frozenset({"opcitempath"})
_DEEPEST: Final = 100
_TABLES: Final = {"HR": Table.HOLDING, "IR": Table.INPUT, "C": Table.COIL, "DI": Table.DISCRETE}
_TYPES: Final = {
    "": "int16",
    "US": "uint16",
    "I": "int32",
    "UI": "uint32",
    "I_64": "int64",
    "UI_64": "uint64",
    "F": "float32",
    "D": "float64",
    "BCD": "bcd16",
    "BCD_32": "bcd32",
}
_ITEM: Final = re.compile(
    r"\[[^\]]*\](?:(?P<unit>\d{1,3})\.)?(?P<table>HR|IR|DI|C)(?P<type>UI_64|I_64|BCD_32|BCD|US|UI|I|F|D|S)?"
    r"(?P<number>\d{1,6})(?:\.(?P<bit>\d{1,2}))?(?::(?P<length>\d{1,3}))?",
    re.IGNORECASE,
)
_PATH: Final = re.compile(r"(?:nsu?=[^;]+;)?s=(?P<item>.+)", re.DOTALL)


def read_json(text: str, name: str, into: Collection) -> None:
    """Every tag of a JSON export.

    Raises:
        UsageError: `tag-export-broken`.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            "tag-export-broken", f"`{name}` is not valid JSON", where=name, cause=str(error)[:200]
        ) from None
    for path, tag in _walk(data, name):
        _tag(path, tag, f"{name} {'/'.join(path)}", into)


def _walk(data: Any, name: str) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Tags with their folders, in the order of the file."""
    waiting: list[tuple[tuple[str, ...], Any]] = [((), data)]
    while waiting:
        path, item = waiting.pop()
        if isinstance(item, list):
            waiting += [(path, child) for child in reversed(item)]
            continue
        if not isinstance(item, dict):
            continue
        own = str(item.get("name") or "")
        here = (*path, own) if own else path
        if len(here) > _DEEPEST:
            raise UsageError("tag-export-broken", f"`{name}` has folders more than {_DEEPEST} deep", where=name)
        kind = item.get("tagType")
        children = item.get("tags")
        if kind in ("Provider", "Folder") or (kind is None and isinstance(children, list)):
            waiting += [(here, child) for child in reversed(children if isinstance(children, list) else [])]
        elif own:
            yield here, item


def _tag(path: tuple[str, ...], tag: dict[str, Any], where: str, into: Collection) -> None:
    shown = "/".join(path)
    kind = tag.get("tagType")
    if kind == "UdtType":
        into.leave(where, shown, "the definition of a type, no tag")
        return
    if kind == "UdtInstance":
        into.leave(where, shown, "an instance of a type: its members are not in the export; browse them")
        return
    source = str(tag.get("valueSource") or ("opc" if tag.get("opcItemPath") else "memory"))
    if source != "opc":
        into.leave(where, shown, f"a tag of kind `{source}` is read from no device")
        return
    item = tag.get("opcItemPath")
    if not isinstance(item, str) or not item or "{" in item:
        into.leave(where, shown, "its item path is bound to a parameter; the export does not say the address")
        return
    found = Found(
        path,
        item,
        unit=str(tag.get("engUnit") or ""),
        description=str(tag.get("documentation") or tag.get("tooltip") or ""),
        span=_span(tag.get("engLow"), tag.get("engHigh")),
    )
    _place(where, found, _Scaling(tag.get), into)


def read_table(rows: Iterable[Row], into: Collection) -> None:
    """Every row of a CSV export."""
    for row in rows:
        name = row.get("name", "tag name")
        if not name:
            continue
        path = tuple(part for part in (*row.get("path").split("/"), name) if part)
        item = row.get("opcitempath")
        if not item:
            into.leave(row.where, "/".join(path), "no OPC item path: it is read from no device")
            continue
        found = Found(
            path,
            item,
            unit=row.get("engunit"),
            description=row.get("documentation", "tooltip"),
            span=_span(row.get("englow"), row.get("enghigh")),
        )
        _place(row.where, found, _Scaling(lambda key, cells=row.cells: cells.get(key.lower())), into)


class _Scaling:
    """Scaling of a tag by its keys in the export."""

    def __init__(self, get: Any) -> None:
        self.mode = str(get("scaleMode") or "").strip().lower()
        self.raw = (_number(get("rawLow"), 0.0), _number(get("rawHigh"), 10.0))
        self.scaled = (_number(get("scaledLow"), 0.0), _number(get("scaledHigh"), 10.0))
        self.factor = _number(get("scaleFactor"), 1.0)

    @property
    def is_none(self) -> bool:
        return self.mode in ("", "off", "none", "0")


def _number(value: object, default: float) -> float:
    try:
        return float(str(value))
    except ValueError:
        return default


def _span(low: object, high: object) -> tuple[float, float] | None:
    """A range that somebody set: Ignition's own default is 0 to 100, and says nothing."""
    span = _number(low, 0.0), _number(high, 0.0)
    return span if span[0] < span[1] and span != (0.0, 100.0) and all(map(_is_finite, span)) else None


def _is_finite(value: float) -> bool:
    return abs(value) < float("inf")


def _place(where: str, found: Found, scaling: _Scaling, into: Collection) -> None:
    """By its item path as it is, or from the device itself."""
    scaled = _scaled(found, scaling)
    if isinstance(scaled, str):
        into.leave(where, "/".join(found.names), scaled)
        return
    match = _PATH.fullmatch(found.address)
    item = match["item"] if match else found.address
    if (into.options.protocol or Protocol.OPCUA) is Protocol.OPCUA:
        address = found.address if match else f"ns=1;s={item}"
        into.add(where, replace(scaled, address=address))
        return
    placed = _modbus(item, scaled, into)
    if isinstance(placed, str):
        into.leave(where, "/".join(found.names), placed)
    else:
        into.add(where, placed)


def _scaled(found: Found, scaling: _Scaling) -> Found | str:
    if scaling.is_none:
        return found
    if scaling.mode == "linear":
        line = linear(scaling.raw, scaling.scaled)
        return (
            "its linear scaling has no two different values"
            if line is None
            else replace(found, scale=line[0], offset=line[1])
        )
    return f"the scale mode `{scaling.mode}` cannot be expressed: `scale` and `offset` make a straight line"


def _modbus(item: str, found: Found, into: Collection) -> Found | str:
    match = _ITEM.fullmatch(item)
    if match is None:
        return f"`{item}` is no Modbus address of Ignition; `--as opcua` reads it from Ignition's server"
    table, number = _TABLES[match["table"].upper()], int(match["number"]) - 1
    if number < 0:
        return "Ignition counts Modbus addresses from 1, and this is 0"
    word = (match["type"] or "").upper()
    if table.is_bits:
        type_ = "bool"
    elif word == "S":
        if not match["length"]:
            return "a string's address says its length, e.g. `HRS20:10`"
        type_ = f"string({match['length']})"
    else:
        type_ = _TYPES[word]
    bit = None if match["bit"] is None else int(match["bit"])
    if refused := _other_unit(match["unit"], into):
        return refused
    order = Order.ABCD if bit is not None else ordered(type_, into.options.order or Order.CDAB)
    if order is not Order.ABCD and into.options.order is None:
        order = Order.ABCD
        into.note(
            "the export does not say the word order; ABCD is taken, as with `Reverse Word Order` off: "
            "`iiotctl guess` checks it, `--order CDAB` changes it"
        )
    return replace(
        found,
        type="bool" if bit is not None else type_,
        order=order,
        address=str(ModbusAddress(table, number, bit)),
    )


def _other_unit(text: str | None, into: Collection) -> str:
    """Why a tag does not belong to the unit of the others, or "": a source of the site file is one unit."""
    unit = int(text or 0)
    if into.unit is None:
        into.unit = unit
        if unit:
            into.note(f"the tags are of unit {unit}: the source needs `unit = {unit}`")
    if unit != into.unit:
        return f"it belongs to unit {unit or 'of the device'}; `--unit {unit}` imports it for a source of its own"
    return ""
