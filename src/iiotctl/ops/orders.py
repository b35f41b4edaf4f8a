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
_LARGEST: Final = 1e9
_MARGIN: Final = 0.1
"""Share of the span by which a value may lie outside and still be believed."""

_DOUBTED_BELOW: Final = 1e-9
_OFFERED_ABOVE: Final = 1e-6
"""Shares of the span (of 1 without span). The exponent of a garbled float is random, so that it is mostly next to
nothing, which lies inside many a span; a real value may be small too, so between the two nobody accuses."""


def decodings(raw: bytes, data_type: DataType) -> dict[Order, float]:
    """The unscaled value of raw registers in each order; empty for types that an order cannot garble so.

    Args:
        raw: bytes as on the wire.
        data_type: a float or integer of 32 or 64 bits.
    """
    code = (_FLOATS | _INTEGERS).get(data_type.name)
    if code is None or len(raw) != struct.calcsize(code):
        return {}
    from iiotctl.sources.modbus.decode import byte_positions

    return {order: struct.unpack(code, bytes(raw[at] for at in byte_positions(data_type, order)))[0] for order in Order}


def plausible(unscaled: float, tag: Tag, smallest: float) -> bool:
    """Whether a plant would show this value: near its span; without one, not absurdly large; never absurdly small.

    Args:
        unscaled: before `scale` and `offset` of the tag.
        tag: the tag.
        smallest: least magnitude of a float other than 0, as a share of the span.
    """
    value = unscaled * tag.scale + tag.offset
    if not math.isfinite(value):
        return False
    width = 1.0 if tag.span is None else tag.span[1] - tag.span[0]
    if tag.data_type.name in _FLOATS and 0 < abs(unscaled * tag.scale) < smallest * width:
        return False
    if tag.span is None:
        return abs(value) <= _LARGEST
    return tag.span[0] - _MARGIN * width <= value <= tag.span[1] + _MARGIN * width


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
    values = decodings(raw, tag.data_type)
    if not values or plausible(values[tag.order], tag, _DOUBTED_BELOW):
        return {}
    return {
        order: value * tag.scale + tag.offset
        for order, value in values.items()
        if plausible(value, tag, _OFFERED_ABOVE)
    }
