"""Is the byte and word order of a live value believable, or does another one fit better?

A wrong order is the commonest mistake of a Modbus tag list and shows as a number that is almost always
absurd. The raw registers are decoded in all four orders; the declared one is doubted only when it is
implausible and another one is not.
"""

from __future__ import annotations

import math
import struct
from typing import Final

from iiotctl.site.address import DataType, Order
from iiotctl.site.model import Tag

_FLOATS: Final = {"float32": ">f", "float64": ">d"}
_INTEGERS: Final = {"int32": ">i", "uint32": ">I", "int64": ">q", "uint64": ">Q"}
_SMALLEST: Final = 1e-6
_LARGEST: Final = 1e9
_MARGIN: Final = 0.1
"""Share of the span by which a value may lie outside and still be believed."""


def decodings(raw: bytes, data_type: DataType, *, scale: float = 1.0, offset: float = 0.0) -> dict[Order, float]:
    """The value of raw registers in each order, in engineering units; empty for types that an order cannot garble so.

    Args:
        raw: bytes as on the wire.
        data_type: a float or integer of 32 or 64 bits.
        scale: value = raw x scale + offset.
        offset: see `scale`.
    """
    code = (_FLOATS | _INTEGERS).get(data_type.name)
    if code is None or len(raw) != struct.calcsize(code):
        return {}
    from iiotctl.sources.modbus.decode import byte_positions

    return {
        order: struct.unpack(code, bytes(raw[at] for at in byte_positions(data_type, order)))[0] * scale + offset
        for order in Order
    }


def plausible(value: float, span: tuple[float, float] | None) -> bool:
    """Whether a plant would show this value: near its span; without one, neither absurdly small nor large."""
    if not math.isfinite(value):
        return False
    if span is not None:
        margin = (span[1] - span[0]) * _MARGIN
        return span[0] - margin <= value <= span[1] + margin
    return value == 0 or _SMALLEST <= abs(value) <= _LARGEST


def better_orders(tag: Tag, raw_hex: str) -> dict[Order, float]:
    """Orders that fit better than the declared one, with the value each gives; empty when it is believable.

    Integers are judged only against a span: without one, any integer may be right.
    """
    if tag.data_type.name in _INTEGERS and tag.span is None:
        return {}
    try:
        raw = bytes.fromhex(raw_hex.replace(" ", ""))
    except ValueError:
        return {}
    values = decodings(raw, tag.data_type, scale=tag.scale, offset=tag.offset)
    if not values or plausible(values[tag.order], tag.span):
        return {}
    return {order: value for order, value in values.items() if plausible(value, tag.span)}
