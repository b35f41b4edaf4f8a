"""Raw answer bytes -> engineering values, vectorised over all tags of a scan.

One `Decoder` is built per layout (which tag's bytes stand where in the buffer of a scan) and called once
per scan: one gather puts the bytes of every numeric tag in order, each group of equal type is then one
numpy view. No Python runs per value, except for strings and for values that are out of the ordinary.

Byte positions come from one table for all types and orders (`byte_positions`):

    order  16 bits / strings   32 bits   64 bits
    ABCD   A B                 A B C D   A B C D E F G H
    CDAB   A B                 C D A B   G H E F C D A B
    BADC   B A                 B A D C   B A D C F E H G
    DCBA   B A                 D C B A   H G F E D C B A

(A = most significant byte, or first character; the row says in which order they stand on the wire.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from iiotctl import quality
from iiotctl.site.address import DataType, Order

_EXACT: Final = 2.0**53
_VIEWS: Final = {
    "int8": ">i1",
    "uint8": ">u1",
    "int16": ">i2",
    "uint16": ">u2",
    "int32": ">i4",
    "uint32": ">u4",
    "int64": ">i8",
    "uint64": ">u8",
    "float16": ">f2",
    "float32": ">f4",
    "float64": ">f8",
    "bcd16": ">u2",
    "bcd32": ">u4",
}
_FLOATS: Final = ("float16", "float32", "float64")
_BCD: Final = ("bcd16", "bcd32")


@dataclass(frozen=True, slots=True)
class Field:
    """Where a tag stands in the buffer of a scan and what its bytes mean.

    Attributes:
        at: byte in the buffer where the tag's first register (or its bit's byte) starts.
        type: raw data type.
        order: byte and word order.
        bit: bit of the register (0 = least significant), or of the byte for coils; None = none.
        packed: true for coils and discrete inputs (eight a byte).
        scale: engineering value = raw * scale + offset.
        offset: see `scale`.
        invalid: raw values that mean a broken sensor, in either reading, signed or unsigned; for floats
            bit patterns or values.
    """

    at: int
    type: DataType
    order: Order = Order.ABCD
    bit: int | None = None
    packed: bool = False
    scale: float = 1.0
    offset: float = 0.0
    invalid: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """Values in the order of the fields.

    Attributes:
        value: float64[n], NaN = null.
        quality: uint32[n], OPC UA status codes.
        text: n texts or None for none; None when no field has text.
    """

    value: NDArray[np.float64]
    quality: NDArray[np.uint32]
    text: list[str | None] | None


def byte_positions(type_: DataType, order: Order) -> list[int]:
    """Where the bytes of a value stand on the wire, most significant byte (or first character) first.

    8-bit types are the low byte of their register; a bool in a register has the positions of `uint16`.
    """
    swap = 1 if order.swaps_bytes else 0
    if type_.name == "string":
        return [position ^ swap for position in range(type_.length)]
    if type_.name in ("int8", "uint8"):
        return [1 ^ swap]
    registers = list(range(type_.registers))
    if order.swaps_words:
        registers.reverse()
    return [2 * register + (byte ^ swap) for register in registers for byte in (0, 1)]


@dataclass(slots=True, eq=False)
class _Group:
    """Fields of one type: places `into` the result, bytes `span` of the gathered buffer."""

    type: str
    members: list[int] = field(default_factory=list)
    positions: list[list[int]] = field(default_factory=list)
    span: slice = field(default_factory=lambda: slice(0))
    into: slice | NDArray[np.intp] = field(default_factory=lambda: slice(0))
    invalid: NDArray[np.unsignedinteger[Any]] | None = None
    """[m, k] raw patterns as unsigned integers, rows padded with their first; rows without any masked by `watched`."""
    watched: NDArray[np.bool_] | None = None
    marks: NDArray[np.float64] | None = None
    """[m, k] the same numbers as values, floats only."""


class Decoder:
    """Decodes buffers of one layout.

    Args:
        fields: the tags, in the order in which results are wanted.
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        self._fields = tuple(fields)
        self._n = len(self._fields)
        groups: dict[str, _Group] = {}
        bits: list[tuple[int, int, int]] = []
        self._strings: list[tuple[int, NDArray[np.intp]]] = []
        for index, item in enumerate(self._fields):
            positions = [item.at + p for p in byte_positions(item.type, item.order)]
            if item.type.name == "string":
                self._strings.append((index, np.array(positions, np.intp)))
            elif item.packed and item.bit is not None:
                bits.append((index, item.at, item.bit))
            elif item.bit is not None:
                # bits 0-7 are in the low byte, the last of the positions
                bits.append((index, positions[1 - item.bit // 8], item.bit % 8))
            else:
                name = item.type.name
                group = groups.setdefault(name, _Group(name))
                group.members.append(index)
                group.positions.append(_register(item) if name == "bool" else positions)
        self._bit_into = _places([index for index, _, _ in bits])
        self._bit_bytes = np.array([byte for _, byte, _ in bits], np.intp)
        self._bit_shifts = np.array([bit for _, _, bit in bits], np.uint8)
        self._groups = list(groups.values())
        gathered: list[int] = []
        for group in self._groups:
            group.span = slice(len(gathered), len(gathered) + sum(map(len, group.positions)))
            gathered += [p for positions in group.positions for p in positions]
            group.into = _places(group.members)
            self._watch(group)
        self._gather = np.array(gathered, np.intp)
        self._scale = np.array([f.scale for f in self._fields], np.float64)
        # x + -0.0 is x for every x, also for -0.0, which x + 0.0 would lose
        self._offset = np.array([f.offset or -0.0 for f in self._fields], np.float64)
        self._scales = any(f.scale != 1.0 for f in self._fields)
        self._offsets = any(f.offset for f in self._fields)
        self._wide = [g for g in self._groups if g.type in ("int64", "uint64")]
        self._bcd = [g for g in self._groups if g.type in _BCD]

    def _watch(self, group: _Group) -> None:
        rows = [self._fields[index].invalid for index in group.members]
        if not any(rows) or group.type == "bool":
            return
        view = np.dtype(_VIEWS[group.type])
        wrap = 1 << (8 * view.itemsize)
        most = max(map(len, rows))
        padded = [row + (row[0],) * (most - len(row)) if row else (0,) * most for row in rows]
        group.invalid = np.array([[number % wrap for number in row] for row in padded], f"u{view.itemsize}")
        group.watched = np.array([bool(row) for row in rows])
        if group.type in _FLOATS:
            group.marks = np.array(padded, np.float64)

    def decode(self, buffer: bytes | bytearray) -> Decoded:
        """Values of one scan from its bytes (all answers' data, back to back)."""
        raw = np.frombuffer(buffer, np.uint8)
        gathered = raw[self._gather]
        # signalling NaNs and scales that overflow set flags of the processor; both are dealt with by value
        with np.errstate(all="ignore"):
            value = self._numbers(raw, gathered)
            status = np.zeros(self._n, np.uint32)
            text: list[str | None] | None = None
            if self._wide and any((np.abs(value[g.into]) >= _EXACT).any() for g in self._wide):
                text = self._digits(gathered)
            unscaled = None if np.isfinite(value).all() else value.copy()
            if self._scales:
                value *= self._scale
            if self._offsets:
                value += self._offset
        if unscaled is not None:
            text = self._name_odd(unscaled, value, status, text)
        if self._scales:
            overflowed = np.isinf(value)
            status[overflowed] = quality.BAD_OUT_OF_RANGE
            value[overflowed] = np.nan
        for group in self._groups:
            if group.invalid is not None:
                self._mark_invalid(group, gathered, value, status)
        if self._strings:
            text = [None] * self._n if text is None else text
            for index, positions in self._strings:
                text[index] = read_text(raw[positions].tobytes())
                value[index] = np.nan
        return Decoded(value, status, text)

    def _numbers(self, raw: NDArray[np.uint8], gathered: NDArray[np.uint8]) -> NDArray[np.float64]:
        value = np.zeros(self._n, np.float64)
        if self._bit_bytes.size:
            value[self._bit_into] = (raw[self._bit_bytes] >> self._bit_shifts) & 1
        for group in self._groups:
            part = gathered[group.span]
            if group.type == "bool":
                value[group.into] = part.view(">u2") != 0
            elif group.type in _BCD:
                value[group.into] = _bcd(part.view(_VIEWS[group.type]))
            else:
                value[group.into] = part.view(_VIEWS[group.type])
        return value

    def _name_odd(
        self,
        names: NDArray[np.float64],
        value: NDArray[np.float64],
        status: NDArray[np.uint32],
        text: list[str | None] | None,
    ) -> list[str | None]:
        """Null, with a status and a name, for what the device sent as NaN, infinity or no BCD number."""
        odd = ~np.isfinite(names)
        text = [None] * self._n if text is None else text
        status[odd] = quality.BAD_SENSOR_FAILURE
        for index in np.flatnonzero(odd):
            text[index] = "NaN" if np.isnan(names[index]) else str(names[index])
        for group in self._bcd:
            wrong = np.zeros(self._n, np.bool_)
            wrong[group.into] = True
            for index in np.flatnonzero(wrong & odd):
                status[index] = quality.BAD_DECODING_ERROR
                text[index] = None
        value[odd] = np.nan
        return text

    def _mark_invalid(
        self, group: _Group, gathered: NDArray[np.uint8], value: NDArray[np.float64], status: NDArray[np.uint32]
    ) -> None:
        assert group.invalid is not None
        view = np.dtype(_VIEWS[group.type])
        part = gathered[group.span]
        hit = (part.view(f">u{view.itemsize}")[:, None] == group.invalid).any(axis=1)
        if group.marks is not None:
            hit |= (part.view(view)[:, None] == group.marks).any(axis=1)
        hit &= group.watched
        if hit.any():
            places = np.arange(self._n)[group.into][hit]
            value[places] = np.nan
            status[places] = quality.BAD_SENSOR_FAILURE

    def _digits(self, gathered: NDArray[np.uint8]) -> list[str | None]:
        """Exact digits of integers that a float64 cannot hold."""
        text: list[str | None] = [None] * self._n
        for group in self._wide:
            for index, number in zip(group.members, gathered[group.span].view(_VIEWS[group.type]), strict=True):
                whole = int(number)
                if abs(whole) > int(_EXACT):
                    text[index] = _exact(whole, self._fields[index].scale, self._fields[index].offset)
        return text


def _exact(raw: int, scale: float, offset: float) -> str:
    if scale == 1.0 and offset == 0.0:
        return str(raw)
    return format(Decimal(raw) * Decimal(repr(scale)) + Decimal(repr(offset)), "f")


def _register(item: Field) -> list[int]:
    return [item.at, item.at + 1]


def _places(members: list[int]) -> slice | NDArray[np.intp]:
    """A slice where the members follow one another (much cheaper to assign to), else their indexes."""
    if members and members == list(range(members[0], members[0] + len(members))):
        return slice(members[0], members[0] + len(members))
    return np.array(members, np.intp)


def _bcd(raw: NDArray[np.unsignedinteger[Any]]) -> NDArray[np.float64]:
    """Decimal numbers of BCD words; NaN where a nibble is no digit."""
    nibbles = 2 * raw.dtype.itemsize
    shifts = np.arange(4 * (nibbles - 1), -1, -4, np.uint32)
    digits = (raw.astype(np.uint32)[:, None] >> shifts) & 0xF
    number: NDArray[np.float64] = digits @ (10.0 ** np.arange(nibbles - 1, -1, -1))
    number[(digits > 9).any(axis=1)] = np.nan  # noqa: PLR2004 - decimal digits
    return number


def read_text(raw: bytes) -> str:
    """Text of a string tag: up to the first NUL, without spaces at its ends.

    UTF-8 where the bytes are UTF-8, else Latin-1, which gives every byte a character: no string is refused.
    """
    cut = raw.split(b"\0", 1)[0]
    try:
        return cut.decode("utf-8").strip(" ")
    except UnicodeDecodeError:
        return cut.decode("latin-1").strip(" ")
