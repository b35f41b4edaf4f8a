"""Absolute addresses of controllers (`%MW100`, `%DB10.DBD4`, `%QX3.1`) and where they lie in Modbus.

Modbus has no such addresses: which register a memory word is depends on the controller's program. A *base* says it
(`MW100=holding:0`: the word at byte 100 is register 0), and everything of that area follows from there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from iiotctl.errors import UsageError
from iiotctl.site.address import ModbusAddress, Order, parse_address, parse_type

_BITS: Final = {"X": 1, "B": 8, "W": 16, "D": 32, "L": 64}
_ADDRESS: Final = re.compile(
    r"%?(?:(?P<area>[MIQEA])(?P<size>[XBWDL])?|DB(?P<db>\d{1,5})\.DB(?P<dbsize>[XBWD]))(?P<at>\d{1,6})(?:\.(?P<bit>[0-7]))?",
    re.IGNORECASE,
)
_GERMAN: Final = {"E": "I", "A": "Q"}


@dataclass(frozen=True, slots=True)
class Absolute:
    """A place in a controller's memory.

    Attributes:
        area: `M`, `I`, `Q` or `DB10`.
        byte: first byte.
        bit: 0 to 7, or None.
        size: bits that the address spans.
    """

    area: str
    byte: int
    bit: int | None
    size: int


def parse_absolute(text: str, *, words_count: bool = False) -> Absolute | None:
    """The place, or None when the text is no absolute address.

    Args:
        text: `%MW100`, `MW100`, `%M3.1`, `%DB10.DBW4`; German `%E`, `%A` too.
        words_count: the number counts things of the size (IEC 61131-3 as CODESYS reads it: `%MW5` is byte 10)
            instead of bytes (Siemens: `%MW5` is byte 5).
    """
    match = _ADDRESS.fullmatch(text.strip())
    if match is None:
        return None
    size = _BITS[(match["size"] or match["dbsize"] or "X").upper()]
    bit = None if match["bit"] is None else int(match["bit"])
    if (bit is not None) != (size == 1):
        return None
    letter = (match["area"] or "").upper()
    area = f"DB{int(match['db'])}" if match["db"] else _GERMAN.get(letter, letter)
    number = int(match["at"])
    return Absolute(area, number * size // 8 if words_count and size > 8 else number, bit, size)  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class Base:
    """`start` of an area lies at `register`."""

    start: Absolute
    register: ModbusAddress


def parse_bases(texts: tuple[str, ...], *, words_count: bool = False) -> list[Base]:
    """Bases from `MW100=holding:0`; without `=…` the first holding register is meant.

    Raises:
        UsageError: not of that form.
    """
    found = []
    for text in texts:
        place, _, register = text.partition("=")
        start = parse_absolute(place, words_count=words_count)
        try:
            address = parse_address(register or "holding:0")
        except ValueError as error:
            raise UsageError("bad-value", str(error), where=f"--modbus-base {text}") from error
        if start is None or address.bit is not None:
            raise UsageError(
                "bad-value",
                f"`{text}` is not a base",
                where="--modbus-base",
                hint="write e.g. `MW100=holding:0`, `DB10.DBW0=holding:0`, `I0.0=discrete:0` or `QW0=input:0`",
            )
        found.append(Base(start, address))
    return found


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a value of a controller's memory stands in Modbus."""

    address: ModbusAddress
    order: Order


def place(at: Absolute, type_: str, bases: list[Base], *, little_endian: bool) -> Placed | str:
    """Where a value lies in Modbus, or why it lies nowhere.

    Args:
        at: where it is in the controller.
        type_: data type, as in the tag list.
        bases: what the user said of the areas.
        little_endian: the controller stores the low byte first and hands registers over as they are.
    """
    for base in bases:
        if base.start.area != at.area:
            continue
        offset = at.byte - base.start.byte
        if base.register.table.is_bits:
            if at.bit is not None and (bits := 8 * offset + at.bit - (base.start.bit or 0)) >= 0:
                return Placed(ModbusAddress(base.register.table, base.register.offset + bits), Order.ABCD)
            continue
        if offset >= 0:
            return _in_registers(offset, at, type_, base.register, little_endian=little_endian)
    area = at.area if at.area.startswith("DB") else f"%{at.area}"
    return f"`{area}` is no Modbus address; `--modbus-base {at.area}…=holding:0` says where it lies"


def _in_registers(offset: int, at: Absolute, type_: str, first: ModbusAddress, *, little_endian: bool) -> Placed | str:
    is_high = offset % 2 == (1 if little_endian else 0)
    register = first.offset + offset // 2
    if at.bit is not None:
        return Placed(ModbusAddress(first.table, register, at.bit + (8 if is_high else 0)), Order.ABCD)
    if type_ in ("int8", "uint8"):
        return Placed(ModbusAddress(first.table, register), Order.BADC if is_high else Order.ABCD)
    if offset % 2:
        return "it begins in the middle of a register"
    several = parse_type(type_).registers > 1 and not type_.startswith("string")
    order = Order.CDAB if little_endian and several else Order.ABCD
    return Placed(ModbusAddress(first.table, register), order)
