"""What live registers may mean, under every type and order, the most believable reading first. Pure; for `guess`.

A value is believable when it is of a size that plants show, changes smoothly from reading to reading, and fits what
the user knows: the display beside the machine (`near`), the measuring range (`span`). What the user knows outweighs
everything else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iiotctl import quality
from iiotctl.ops.orders import plausible
from iiotctl.site.address import DataType, Order, parse_type
from iiotctl.site.model import Tag
from iiotctl.sources.modbus.decode import Decoder, Field

COUNTS: Final = (1, 2, 4)
"""Registers that can be looked at."""

_TYPES: Final = {
    1: ("uint16", "int16", "float16", "bcd16"),
    2: ("float32", "uint32", "int32", "bcd32"),
    4: ("float64", "uint64", "int64"),
}
_FLOATS: Final = ("float16", "float32", "float64")
_PRIOR: Final = {
    "float32": 0.97,
    "uint16": 0.9,
    "int16": 0.88,
    "float64": 0.9,
    "int32": 0.86,
    "uint32": 0.85,
    "int64": 0.6,
    "uint64": 0.6,
    "bcd16": 0.4,
    "bcd32": 0.4,
    "float16": 0.3,
    "string": 1.0,
}
"""How common a type is in plants; decides only between readings that are equally believable."""
_ORDER_PRIOR: Final = {Order.ABCD: 1.0, Order.CDAB: 0.98, Order.DCBA: 0.95, Order.BADC: 0.93}
_SCALES: Final = (1.0, 0.1, 0.01, 0.001, 10.0)
_SCALED_TO_NEAR: Final = 0.9
_SCALED_INTO_SPAN: Final = 0.5
"""What an integer loses when it needs a scale to fit: a display is strong evidence, a range is weak."""
_PART: Final = 0.7
"""What a type loses for each halving of the registers that it leaves unused; not when the user's knowledge decides."""
_DECADE: Final = 0.04
"""What an integer loses for each decade: of two orders the one that gives the smaller number is likelier."""
_USUAL: Final = (1e-3, 1e6)
_POSSIBLE: Final = (1e-6, 1e9)
_POSSIBLE_WORTH: Final = 0.3
_LARGE_WORTH: Final = 0.5
_ZERO_WORTH: Final = 0.6
_SMALLEST: Final = 1e-6
_NEAR: Final = 0.02
"""A display rounds and lags: this relative distance counts as the same value."""
_STEADY: Final = 0.05
_WILD: Final = 1.0
"""Change from reading to reading as a share of the value: up to the first it is smooth, from the second on noise."""
_HINT_FLOOR: Final = 0.02
_FAR_WORTH: Final = 0.4
_ROUNDED: Final = 0.3
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/+-]{3,}")

UNITS: Final = {
    "degC": (-50.0, 1500.0),
    "°C": (-50.0, 1500.0),
    "degF": (-60.0, 2700.0),
    "K": (200.0, 1800.0),
    "bar": (-1.0, 1000.0),
    "mbar": (-1000.0, 10_000.0),
    "kPa": (-100.0, 100_000.0),
    "MPa": (-0.1, 100.0),
    "psi": (-15.0, 15_000.0),
    "%": (0.0, 100.0),
    "Hz": (0.0, 1000.0),
    "V": (0.0, 1500.0),
    "mA": (0.0, 1000.0),
    "A": (0.0, 6300.0),
    "kW": (-10_000.0, 10_000.0),
    "W": (-1e6, 1e6),
    "rpm": (0.0, 30_000.0),
    "mm/s": (0.0, 200.0),
    "m/s": (0.0, 100.0),
    "m3/h": (0.0, 10_000.0),
    "l/min": (0.0, 10_000.0),
    "mm": (-10_000.0, 10_000.0),
    "pH": (0.0, 14.0),
}
"""Values that a plant shows in a unit; wide on purpose. Ours: no standard gives them."""


@dataclass(frozen=True, slots=True)
class Hints:
    """What the user knows of the value.

    Attributes:
        near: what the display shows now; None = unknown.
        span: measuring range; None = unknown.
    """

    near: float | None = None
    span: tuple[float, float] | None = None

    @property
    def are_given(self) -> bool:
        """Whether the user knows anything."""
        return self.near is not None or self.span is not None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One reading of the registers.

    Attributes:
        registers: registers it takes, from the first on.
        type: data type as the tag list writes it.
        order: byte and word order.
        value: newest value after `scale`; None when the bytes are no such value.
        text: of a string, or `NaN` and the like; "" for none.
        scale: 1, or what makes the value fit what the user knows.
        score: 0 (cannot be) to 1.
        why: what speaks for or against it, in a few words.
    """

    registers: int
    type: str
    order: Order
    value: float | None
    text: str
    scale: float
    score: float
    why: str

    @property
    def keys(self) -> str:
        """The keys of a `[[tags]]` row, ready to paste."""
        order = f', order = "{self.order}"' if self.order is not Order.ABCD else ""
        scale = f", scale = {self.scale:g}" if self.scale != 1 else ""
        return f'type = "{self.type}"{order}{scale}'


def candidates(readings: Sequence[bytes], hints: Hints | None = None) -> list[Candidate]:
    """Every type and order that fits into the registers, the most believable first.

    Args:
        readings: answer bytes of the same registers, oldest first; 2, 4 or 8 bytes each.
        hints: what the user knows.
    """
    count = len(readings[-1]) // 2
    shapes = list(_shapes(count))
    decoder = Decoder([Field(0, type_, order) for type_, order in shapes])
    decoded = [decoder.decode(raw) for raw in readings]
    values = np.array([each.value for each in decoded])
    found = []
    for index, (type_, order) in enumerate(shapes):
        text = decoded[-1].text
        word = (text[index] or "") if text is not None else ""
        good = not any(quality.is_bad(int(each.quality[index])) for each in decoded)
        if type_.name == "string":
            found.append(_string(type_, order, word, hints or Hints()))
        else:
            found.append(_judge(type_, order, values[:, index], word, hints or Hints(), decodes=good, count=count))
    found.sort(key=lambda each: -each.score)
    return found


def _shapes(count: int) -> Iterator[tuple[DataType, Order]]:
    """Types and orders worth showing: those that fill the registers first, then those of the first ones alone."""
    for registers in (size for size in reversed(COUNTS) if size <= count):
        orders = tuple(Order) if registers > 1 else (Order.ABCD, Order.BADC)
        for name in _TYPES[registers]:
            yield from ((parse_type(name), order) for order in orders)
    for order in (Order.ABCD, Order.BADC):
        yield DataType("string", 2 * count), order


def _string(type_: DataType, order: Order, text: str, hints: Hints) -> Candidate:
    is_word = _WORD.fullmatch(text) is not None
    worth = _PRIOR["string"] * _ORDER_PRIOR[order] if is_word and not hints.are_given else 0.0
    return Candidate(type_.registers, str(type_), order, None, text, 1.0, worth, "readable text" if is_word else "")


def _judge(
    type_: DataType, order: Order, values: NDArray[np.float64], text: str, hints: Hints, *, decodes: bool, count: int
) -> Candidate:
    if not decodes:
        return Candidate(type_.registers, str(type_), order, None, text, 1.0, 0.0, text or "no such number")
    scale, fit, why = _fit(type_, values, hints)
    latest = float(values[-1]) * scale
    steady, jump = _steadiness(values)
    part = 1.0 if hints.are_given else _PART ** math.log2(count / type_.registers)
    worth = fit * steady * part * _PRIOR[type_.name] * _ORDER_PRIOR[order]
    reasons = [reason for reason in (why, jump) if reason]
    return Candidate(type_.registers, str(type_), order, latest, "", scale, round(worth, 4), ", ".join(reasons))


def _fit(type_: DataType, values: NDArray[np.float64], hints: Hints) -> tuple[float, float, str]:
    """Scale, worth and reason by what the user knows; by size alone where that is nothing."""
    latest = float(values[-1])
    if not hints.are_given:
        return (1.0, *_by_size(latest, type_))
    scaled = _SCALED_TO_NEAR if hints.near is not None else _SCALED_INTO_SPAN
    tries = []
    for scale in (1.0,) if type_.name in _FLOATS else _SCALES:
        worth, why = _by_hints(latest * scale, type_, hints)
        tries.append((worth if scale == 1 else worth * scaled, scale, why))
    worth, scale, why = max(tries, key=lambda each: each[0])
    if worth <= _HINT_FLOOR and hints.span is None:
        return 1.0, _HINT_FLOOR * _by_size(latest, type_)[0], tries[0][2]
    return scale, worth, why


def _by_hints(value: float, type_: DataType, hints: Hints) -> tuple[float, str]:
    worth, reasons = 1.0, []
    if hints.near is not None:
        distance = abs(value - hints.near) / max(abs(hints.near), _SMALLEST)
        if distance <= _NEAR:
            worth *= 1.0 - _ROUNDED * distance / _NEAR
        else:
            worth *= max(0.0, 1.0 - distance) ** 4 * _FAR_WORTH
        reasons.append(f"near {hints.near:g}" if distance <= _NEAR else f"not {hints.near:g}")
    if hints.span is not None:
        judged = Tag(name="x", source="x", address="holding:0", type=str(type_), span=hints.span)
        low, high = hints.span  # what lies outside cannot be; what lies inside may still be next to nothing
        is_inside = low <= value <= high and plausible(value, judged, _SMALLEST)
        worth *= 1.0 if is_inside else 0.0
        reasons.append("in the span" if is_inside else "outside the span")
    return worth, ", ".join(reasons)


def _by_size(value: float, type_: DataType) -> tuple[float, str]:
    size = abs(value)
    if size == 0:
        return _ZERO_WORTH, "zero says little"
    if type_.name not in _FLOATS:
        worth = 1.0 - _DECADE * math.log10(max(size, 1.0))
        return (worth, "") if size <= _USUAL[1] else (worth * _LARGE_WORTH, "large")
    if _USUAL[0] <= size <= _USUAL[1]:
        return 1.0, ""
    if _POSSIBLE[0] <= size <= _POSSIBLE[1]:
        return _POSSIBLE_WORTH, "small" if size < 1 else "large"
    return 0.0, "next to nothing" if size < 1 else "absurdly large"


def _steadiness(values: NDArray[np.float64]) -> tuple[float, str]:
    """1 for a value that moves smoothly or stands still, down to 0.1 for one that jumps about its own size."""
    if len(values) < 2:  # noqa: PLR2004 - one reading cannot move
        return 1.0, ""
    size = float(np.max(np.abs(values)))
    with np.errstate(all="ignore"):
        step = float(np.max(np.abs(np.diff(values))))
    if not step or not math.isfinite(step) or not size:
        return (1.0, "") if not step else (0.1, "jumps")
    share = step / size
    if share <= _STEADY:
        return 1.0, "moves smoothly"
    if share >= _WILD:
        return 0.1, "jumps"
    return 1.0 - 0.9 * (share - _STEADY) / (_WILD - _STEADY), ""
