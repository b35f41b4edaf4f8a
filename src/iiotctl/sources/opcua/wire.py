"""OPC UA binary encoding, read with suspicion: every length and count is checked against the bytes that are there.

For the bytes that arrive thousands of times a second, and from whoever listens at the address: a wrong length
ends in `MalformedError`, never in a wait, in memory without bound or in a value from somewhere else
(OPC 10000-6 §5.2). What capture has no use for (structures, node ids …) is measured, not decoded.
"""

from __future__ import annotations

import datetime as dt
import math
import struct
from dataclasses import dataclass
from typing import Any, Final

TICKS_1970: Final = 116_444_736_000_000_000
"""100-ns ticks from 1601-01-01, where OPC UA begins to count, to 1970-01-01."""
LAST_TICK: Final = 2_650_467_743_990_000_000
"""9999-12-31 23:59:59; what is later means "the latest time there is" (OPC 10000-6 §5.2.2.5)."""
_1601: Final = dt.datetime(1601, 1, 1, tzinfo=dt.UTC)
_DEEPEST: Final = 16
"""Variants in variants and the like; deeper nesting is an attack, not a value."""
_MOST_DIMENSIONS: Final = 32
_IS_ARRAY: Final = 0x80
_HAS_DIMENSIONS: Final = 0x40

SCALARS: Final = {1: "u1", 2: "i1", 3: "u1", 4: "<i2", 5: "<u2", 6: "<i4", 7: "<u4", 8: "<i8", 9: "<u8", 10: "<f4", 11: "<f8"}  # fmt: skip
"""numpy formats of Boolean and the numbers, by built-in type."""
_FORMATS: Final = {1: "?", 2: "b", 3: "B", 4: "h", 5: "H", 6: "i", 7: "I", 8: "q", 9: "Q", 10: "f", 11: "d"}
_SIZES: Final = {number: struct.calcsize("<" + code) for number, code in _FORMATS.items()}
_LEAST: Final = {0: 1, **_SIZES, 13: 8, 14: 16, 17: 2, 18: 2, 19: 4, 20: 6, 21: 1, 22: 3, 23: 1, 24: 1, 25: 1}
"""Bytes that a value takes at least; 4 (a length) for the types that are not listed."""

_U2: Final = struct.Struct("<H")
_U4: Final = struct.Struct("<I")
_I4: Final = struct.Struct("<i")
_I8: Final = struct.Struct("<q")


class MalformedError(ValueError):
    """Bytes that are no OPC UA message, or one whose lengths contradict each other."""


class Unsupported:
    """Stands for a value of a type that capture cannot store."""


UNSUPPORTED: Final = Unsupported()


@dataclass(frozen=True, slots=True)
class DataValue:
    """A value with status and times.

    Attributes:
        value: number, bool, str, datetime, list of these, None, or `UNSUPPORTED`.
        kind: built-in type of a single number or bool, else 0.
        status: status code, 0 = Good.
        source: 100-ns ticks since 1601, 0 = none.
        server: likewise.
    """

    value: Any
    kind: int
    status: int
    source: int
    server: int


def time_of(ticks: int) -> dt.datetime:
    """The time of ticks, cut to microseconds and to the years 1601 to 9999."""
    return _1601 + dt.timedelta(microseconds=min(max(ticks, 0), LAST_TICK) // 10)


class Reader:
    """Reads forward through bytes; each method takes one thing and raises `MalformedError` when it is not there.

    Args:
        data: a whole message, or a part that ends at `end`.
        at: position of the first byte.
        end: position after the last byte.
    """

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes, at: int = 0, end: int | None = None) -> None:
        self.data = data
        self.at = at
        self.end = len(data) if end is None else end

    @property
    def left(self) -> int:
        """Bytes that remain."""
        return self.end - self.at

    def skip(self, size: int) -> int:
        """Pass over `size` bytes; returns where they begin."""
        start = self.at
        if size < 0 or size > self.end - start:
            raise MalformedError(f"{size} bytes announced, {self.end - start} there")
        self.at = start + size
        return start

    def u1(self) -> int:
        """One byte."""
        return self.data[self.skip(1)]

    def u2(self) -> int:
        """UInt16."""
        return int(_U2.unpack_from(self.data, self.skip(2))[0])

    def u4(self) -> int:
        """UInt32."""
        return int(_U4.unpack_from(self.data, self.skip(4))[0])

    def i4(self) -> int:
        """Int32."""
        return int(_I4.unpack_from(self.data, self.skip(4))[0])

    def i8(self) -> int:
        """Int64."""
        return int(_I8.unpack_from(self.data, self.skip(8))[0])

    def count(self, least: int) -> int:
        """Length of an array whose elements take at least `least` bytes; a null array is empty."""
        number = self.i4()
        if number < -1 or number * least > self.left:
            raise MalformedError(f"{number} elements announced, {self.left} bytes there")
        return max(0, number)

    def blob(self) -> bytes | None:
        """ByteString; None for null."""
        size = self.i4()
        if size == -1:
            return None
        start = self.skip(size)
        return self.data[start : self.at]

    def text(self) -> str | None:
        """String; bytes that are no UTF-8 become U+FFFD, which every file can hold."""
        raw = self.blob()
        return None if raw is None else raw.decode("utf-8", "replace")

    def u4s(self) -> list[int]:
        """Array of UInt32 or StatusCode."""
        number = self.count(4)
        start = self.skip(4 * number)
        return list(struct.unpack_from(f"<{number}I", self.data, start))

    def node_id(self) -> tuple[int, int] | None:
        """NodeId or ExpandedNodeId; (namespace, number) of a numeric one, None for another."""
        form = self.u1()
        found: tuple[int, int] | None = None
        match form & 0x3F:
            case 0:
                found = 0, self.u1()
            case 1:
                space = self.u1()
                found = space, self.u2()
            case 2:
                space = self.u2()
                found = space, self.u4()
            case 3 | 5:
                self.skip(2)
                self.blob()
            case 4:
                self.skip(2 + 16)
            case other:
                raise MalformedError(f"no form {other} of a node id")
        if form & 0x80:
            self.blob()
        if form & 0x40:
            self.skip(4)
        return found

    def extension(self) -> tuple[tuple[int, int] | None, int, int]:
        """ExtensionObject, passed over; its type and where the body begins and ends."""
        kind = self.node_id()
        encoding = self.u1()
        if encoding == 0:
            return kind, self.at, self.at
        size = self.i4()
        start = self.skip(max(0, size) if size >= -1 else size)
        return kind, start, self.at

    def diagnostics(self, depth: int = 0) -> None:
        """Pass over a DiagnosticInfo."""
        if depth > _DEEPEST:
            raise MalformedError("diagnostics nested without end")
        mask = self.u1()
        self.skip(4 * (mask & 0x0F).bit_count())
        if mask & 0x10:
            self.blob()
        if mask & 0x20:
            self.skip(4)
        if mask & 0x40:
            self.diagnostics(depth + 1)

    def variant(self, depth: int = 0) -> tuple[Any, int]:
        """A value and the built-in type of a single number or bool, else 0."""
        if depth > _DEEPEST:
            raise MalformedError("variants nested without end")
        form = self.u1()
        kind = form & 0x3F
        if not form & _IS_ARRAY:
            if form & _HAS_DIMENSIONS:
                raise MalformedError("dimensions without an array")
            return self._single(kind, depth), kind if kind in _SIZES else 0
        return self._array(kind, depth, dimensioned=bool(form & _HAS_DIMENSIONS)), 0

    def _array(self, kind: int, depth: int, *, dimensioned: bool) -> list[Any] | Unsupported | None:
        number = self.i4()
        if number < -1 or (kind == 0 and number > 0) or number * _LEAST.get(kind, 4) > self.left:
            raise MalformedError(f"{number} elements announced, {self.left} bytes there")
        values: list[Any]
        if kind in _SIZES:
            start = self.skip(_SIZES[kind] * max(0, number))
            values = list(struct.unpack_from(f"<{max(0, number)}{_FORMATS[kind]}", self.data, start))
        else:
            values = [self._single(kind, depth) for _ in range(number)]
        if dimensioned:
            sizes = self.u4s()
            if number >= 0 and len(sizes) > 1:
                return _folded(values, sizes)
        return None if number == -1 else values

    def _single(self, kind: int, depth: int) -> Any:
        if kind in _SIZES:
            return struct.unpack_from("<" + _FORMATS[kind], self.data, self.skip(_SIZES[kind]))[0]
        match kind:
            case 0:
                value: Any = None
            case 12:
                value = self.text()
            case 13:
                value = time_of(self.i8())
            case 21:
                value = self._localized()
            case 14 | 17 | 18 | 19 | 20 | 22 | 23 | 24 | 25:
                self._pass(kind, depth + 1)
                value = UNSUPPORTED
            case _:  # ByteString, XmlElement, and what has no name yet (OPC 10000-6 §5.2.2.16)
                value = None if self.blob() is None else UNSUPPORTED
        return value

    def _pass(self, kind: int, depth: int) -> None:
        match kind:
            case 14:  # Guid
                self.skip(16)
            case 17 | 18:
                self.node_id()
            case 19:  # StatusCode
                self.skip(4)
            case 20:  # QualifiedName
                self.skip(2)
                self.blob()
            case 22:
                self.extension()
            case 23:
                self.data_value(depth)
            case 24:
                self.variant(depth)
            case _:
                self.diagnostics(depth)

    def _localized(self) -> str:
        mask = self.u1()
        if mask & 1:
            self.blob()
        return (self.text() or "") if mask & 2 else ""

    def data_value(self, depth: int = 0) -> DataValue:
        """A DataValue (OPC 10000-6 §5.2.2.17); picoseconds are passed over.

        asyncua expects both picoseconds behind both times and reads wrong times where a server sends them.
        """
        mask = self.u1()
        value, kind = self.variant(depth) if mask & 0x01 else (None, 0)
        status = self.u4() if mask & 0x02 else 0
        source = self.i8() if mask & 0x04 else 0
        if mask & 0x10:
            self.skip(2)
        server = self.i8() if mask & 0x08 else 0
        if mask & 0x20:
            self.skip(2)
        return DataValue(value, kind, status, source, server)


def _folded(values: list[Any], sizes: list[int]) -> list[Any]:
    """An array of several dimensions: as long as its first one, of elements that cannot be captured."""
    if len(sizes) > _MOST_DIMENSIONS or math.prod(sizes) != len(values):
        raise MalformedError("the dimensions of an array contradict its length")
    return [UNSUPPORTED] * min(sizes[0], len(values))
