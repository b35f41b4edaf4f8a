"""Modbus addresses and data types as the site file writes them.

Addresses: `holding:11`, `input:0`, `coil:5`, `discrete:7` (zero-based, as on the wire), or the
traditional references `40012`, `400012`, `30001`, `00001` (one-based). A bit of a register:
`holding:11/3`, 0 = least significant bit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Table(StrEnum):
    """The four Modbus data tables (Modbus Application Protocol V1.1b3 §4.3)."""

    COIL = "coil"
    DISCRETE = "discrete"
    INPUT = "input"
    HOLDING = "holding"

    @property
    def function_code(self) -> int:
        """The read function code of the table."""
        return {"coil": 1, "discrete": 2, "holding": 3, "input": 4}[self.value]

    @property
    def is_bits(self) -> bool:
        """True for the tables of single bits."""
        return self in (Table.COIL, Table.DISCRETE)


_BY_DIGIT: Final = {"0": Table.COIL, "1": Table.DISCRETE, "3": Table.INPUT, "4": Table.HOLDING}
_LAST: Final = 65_535


@dataclass(frozen=True, slots=True, order=True)
class ModbusAddress:
    """A place in a Modbus data table."""

    table: Table
    offset: int
    """Zero-based, as on the wire."""
    bit: int | None = None

    def __str__(self) -> str:
        return f"{self.table}:{self.offset}" + ("" if self.bit is None else f"/{self.bit}")


def parse_address(text: str) -> ModbusAddress:
    """Address from its text.

    Raises:
        ValueError: not one of the forms in the module's docstring, or out of range.
    """
    word = text.strip().lower()
    match = re.fullmatch(r"(coil|discrete|input|holding):(\d+)(?:/(\d+))?", word)
    if match:
        table, offset, bit = Table(match[1]), int(match[2]), match[3]
    else:
        match = re.fullmatch(r"([0134])(\d{4}|\d{5})(?:/(\d+))?", word)
        if not match:
            msg = f"`{text}` is not a Modbus address; write e.g. `holding:11`, `input:0`, `coil:5`, `40012` or `holding:11/3`"
            raise ValueError(msg)
        table, offset, bit = _BY_DIGIT[match[1]], int(match[2]) - 1, match[3]
        if offset < 0:
            msg = f"`{text}` does not exist: traditional references start at 1, e.g. `{match[1]}{'1'.zfill(len(match[2]))}`"
            raise ValueError(msg)
    if offset > _LAST:
        msg = f"`{text}` is beyond the last address {_LAST}"
        raise ValueError(msg)
    if bit is None:
        return ModbusAddress(table, offset)
    if table.is_bits:
        msg = f"`{text}`: a {table} is one bit already"
        raise ValueError(msg)
    if int(bit) > 15:  # noqa: PLR2004 - bits of a register
        msg = f"`{text}`: a register has bits 0 to 15"
        raise ValueError(msg)
    return ModbusAddress(table, offset, int(bit))


def parse_range(text: str) -> tuple[Table, int, int]:
    """A range such as `holding:500-599` (both ends belong to it) or `holding:500`.

    Raises:
        ValueError: not of that form, or reversed.
    """
    match = re.fullmatch(r"(coil|discrete|input|holding):(\d+)(?:-(\d+))?", text.strip().lower())
    if not match:
        msg = f"`{text}` is not a range of addresses; write e.g. `holding:500-599`"
        raise ValueError(msg)
    first, last = int(match[2]), int(match[3] or match[2])
    if not first <= last <= _LAST:
        msg = f"`{text}` is empty or beyond {_LAST}"
        raise ValueError(msg)
    return Table(match[1]), first, last


class Order(StrEnum):
    """Byte and word order, named after where the bytes A (most significant) to D land on the wire.

    For 64 bits the pattern extends by word: ABCD = ABCDEFGH, CDAB = GHEFCDAB, BADC = BADCFEHG,
    DCBA = HGFEDCBA. 16-bit values and strings: ABCD and CDAB keep the bytes of a register, BADC and
    DCBA swap them.
    """

    ABCD = "ABCD"
    CDAB = "CDAB"
    BADC = "BADC"
    DCBA = "DCBA"

    @property
    def swaps_words(self) -> bool:
        """True when the least significant register comes first."""
        return self in (Order.CDAB, Order.DCBA)

    @property
    def swaps_bytes(self) -> bool:
        """True when the low byte of a register comes first."""
        return self in (Order.BADC, Order.DCBA)


_BITS: Final = {
    "bool": 1,
    "int8": 8,
    "uint8": 8,
    "int16": 16,
    "uint16": 16,
    "int32": 32,
    "uint32": 32,
    "int64": 64,
    "uint64": 64,
    "float16": 16,
    "float32": 32,
    "float64": 64,
    "bcd16": 16,
    "bcd32": 32,
}
DATA_TYPES: Final = (*_BITS, "string(n)")
_LONGEST_STRING: Final = 250


@dataclass(frozen=True, slots=True)
class DataType:
    """Type of a raw Modbus value; `name` without the length, `length` in bytes for strings."""

    name: str
    length: int = 0

    @property
    def registers(self) -> int:
        """Registers that a value takes (1 for bool and 8-bit types)."""
        if self.name == "string":
            return (self.length + 1) // 2
        return max(1, _BITS[self.name] // 16)

    def __str__(self) -> str:
        return f"string({self.length})" if self.name == "string" else self.name


def parse_type(text: str) -> DataType:
    """Data type from its text, e.g. `float32` or `string(16)` (n = bytes, two a register).

    Raises:
        ValueError: unknown type or impossible length.
    """
    word = text.strip().lower()
    if word in _BITS:
        return DataType(word)
    match = re.fullmatch(r"string\((\d+)\)", word)
    if not match:
        msg = f"`{text}` is not a type; use one of {', '.join(DATA_TYPES)}"
        raise ValueError(msg)
    if not 1 <= int(match[1]) <= _LONGEST_STRING:
        msg = f"`{text}`: a string has 1 to {_LONGEST_STRING} bytes (125 registers are one request)"
        raise ValueError(msg)
    return DataType("string", int(match[1]))
