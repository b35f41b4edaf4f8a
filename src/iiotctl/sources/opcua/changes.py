"""A DataChangeNotification straight from its bytes into columns, without a Python object a value.

*Stride path*: a message whose items all have the mask byte and the type byte of the first one has items of one
size, so it is a numpy record array. All masks and types are compared before a value is believed; by induction
each item then begins where the record says.
*Walk*: otherwise one look-up of (mask, type) an item gives its size; items of one layout are gathered together.
Only an item of variable size (text, array, no value) is read on its own, by `wire.Reader`.

100-ns ticks stay integers; `book.Book` turns them into the store's microseconds at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from iiotctl.sources.opcua.wire import SCALARS, MalformedError, Reader

_EXACT: Final = 1 << 53
_INT64: Final = 8
_UINT64: Final = 9
_BOOLEAN: Final = 1
_ITEM_LEAST: Final = 5
_HANDLE: Final = 4
_MASK_BITS: Final = 0x3F


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """n changed values in columns, in the server's order.

    Attributes:
        handle: uint32[n], client handle of the monitored item.
        kind: uint8[n], built-in type of a single Boolean or number (1 to 11), else 0.
        value: float64[n], the number as float; NaN where `kind` is 0.
        status: uint32[n], status code.
        source: int64[n], 100-ns ticks since 1601; 0 = none.
        server: likewise.
        odd: what is no plain number, by position: text, datetime, list, `UNSUPPORTED`, None (no value), and
            integers beyond 2^53 with all their digits.
    """

    handle: NDArray[np.uint32]
    kind: NDArray[np.uint8]
    value: NDArray[np.float64]
    status: NDArray[np.uint32]
    source: NDArray[np.int64]
    server: NDArray[np.int64]
    odd: dict[int, Any]

    def __len__(self) -> int:
        return int(self.handle.shape[0])

    def take(self, mask: NDArray[np.bool_]) -> Changes:
        """The rows where `mask` is true."""
        places = np.flatnonzero(mask)
        odd = {new: self.odd[old] for new, old in enumerate(places.tolist()) if old in self.odd} if self.odd else {}
        return Changes(
            self.handle[places],
            self.kind[places],
            self.value[places],
            self.status[places],
            self.source[places],
            self.server[places],
            odd,
        )

    def plain(self, place: int) -> Any:
        """The value of a row as a Python number, text …"""
        if place in self.odd:
            return self.odd[place]
        number = float(self.value[place])
        kind = int(self.kind[place])
        return bool(number) if kind == _BOOLEAN else int(number) if kind <= _UINT64 else number


@cache
def _layout(key: int) -> np.dtype[Any] | None:
    """Record of an item by mask and type byte (mask | type << 8); None when its size is not fixed."""
    mask, kind = key & _MASK_BITS, key >> 8
    if not mask & 0x01 or kind not in SCALARS:
        return None
    fields: list[tuple[str, str]] = [("handle", "<u4"), ("mask", "u1"), ("kind", "u1"), ("value", SCALARS[kind])]
    optional = ((0x02, "status", "<u4"), (0x04, "source", "<i8"), (0x10, "", "<u2"), (0x08, "server", "<i8"), (0x20, "", "<u2"))  # fmt: skip
    fields += [(name or f"pico{bit}", form) for bit, name, form in optional if mask & bit]
    return np.dtype(fields)


@cache
def _sizes() -> list[int]:
    """Size of an item by mask and type byte; 0 = not fixed."""
    layouts = (_layout(key) for key in range(1 << 16))
    return [0 if layout is None else layout.itemsize for layout in layouts]


def decode(data: bytes, start: int, end: int) -> Changes:
    """The items of a DataChangeNotification; what its diagnostics say is ignored.

    Args:
        data: the message.
        start: where the body begins.
        end: where it ends.

    Raises:
        MalformedError: counts or lengths are not those of the bytes.
    """
    reader = Reader(data, start, end)
    number = reader.count(_ITEM_LEAST)
    if number == 0:
        return _empty(0)
    return _stride(data, reader.at, end, number) or walk(data, reader.at, end, number)


def _check_tail(data: bytes, at: int, end: int) -> None:
    """Behind the items stand diagnostics and nothing else; otherwise the items were not what they seemed.

    Without a signature these bytes are all that tells of damage within the message.
    """
    if at == end:  # a server that leaves the empty array out
        return
    reader = Reader(data, at, end)
    for _ in range(reader.count(1)):
        reader.diagnostics()
    if reader.left:
        raise MalformedError(f"{reader.left} bytes behind the items")


def _empty(number: int) -> Changes:
    return Changes(
        np.zeros(number, np.uint32),
        np.zeros(number, np.uint8),
        np.full(number, np.nan),
        np.zeros(number, np.uint32),
        np.zeros(number, np.int64),
        np.zeros(number, np.int64),
        {},
    )


def _stride(data: bytes, start: int, end: int, number: int) -> Changes | None:
    """All items if they are of one layout, else None."""
    if end - start < _HANDLE + 2:
        return None
    layout = _layout(data[start + _HANDLE] | data[start + _HANDLE + 1] << 8)
    if layout is None or number * layout.itemsize > end - start:
        return None
    record = np.frombuffer(data, layout, number, start)
    if not ((record["mask"] == record["mask"][0]).all() and (record["kind"] == record["kind"][0]).all()):
        return None
    _check_tail(data, start + number * layout.itemsize, end)
    out = _empty(number)
    _fill(out, slice(None), record)
    return out


def walk(data: bytes, start: int, end: int, number: int) -> Changes:
    """The items one behind the other, whatever their layouts; see the module's docstring.

    Raises:
        MalformedError: see `decode`.
    """
    sizes = _sizes()
    out = _empty(number)
    begins: list[int] = [0] * number
    keys: list[int] = [0] * number
    at = start
    for place in range(number):
        if at + _ITEM_LEAST > end:
            raise MalformedError("items end early")
        key = data[at + 4] | data[at + 5] << 8 if at + 5 < end else 0
        size = sizes[key]
        if size:
            begins[place], keys[place] = at, key
            at += size
        else:
            at = _read_odd(out, place, Reader(data, at, end))
    if at > end:
        raise MalformedError("items end early")
    _check_tail(data, at, end)
    column = np.array(keys, np.uint32)
    offsets = np.array(begins, np.int64)
    raw = np.frombuffer(data, np.uint8)
    for key in set(keys):
        layout = _layout(key)
        if layout is None:
            continue
        places = np.flatnonzero(column == key)
        gathered = raw[offsets[places][:, None] + np.arange(layout.itemsize)]
        _fill(out, places, gathered.view(layout)[:, 0])
    return out


def _read_odd(out: Changes, place: int, reader: Reader) -> int:
    out.handle[place] = reader.u4()
    found = reader.data_value()
    out.status[place], out.source[place], out.server[place] = found.status, found.source, found.server
    out.odd[place] = found.value
    return reader.at


def _fill(out: Changes, places: Any, record: NDArray[Any]) -> None:
    """Copy the fields of records to their rows."""
    kind = int(record["kind"][0])
    out.handle[places] = record["handle"]
    out.kind[places] = kind
    raw = record["value"] != 0 if kind == _BOOLEAN else record["value"]
    out.value[places] = raw
    if kind in (_INT64, _UINT64):
        large = (raw > _EXACT) if kind == _UINT64 else (raw > _EXACT) | (raw < -_EXACT)
        if large.any():
            rows = np.arange(len(out))[places]
            out.odd.update(zip(rows[large].tolist(), raw[large].tolist(), strict=True))
    for name, column in (("status", out.status), ("source", out.source), ("server", out.server)):
        if record.dtype.names is not None and name in record.dtype.names:
            column[places] = record[name]
