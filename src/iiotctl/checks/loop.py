"""The 4-20 mA loop behind a value: NAMUR NE 43 levels, and the span that fits a value at one of them. Pure.

NE 43 (2003): a transmitter measures from 3.8 to 20.5 mA and says that it failed by 3.6 mA or less, or 21 mA or more. A
card that is told 4 … 20 mA shows these as -2.5 % or less and +106.25 % or more of the span.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

ZERO_MA: Final = 4.0
FULL_MA: Final = 16.0
FAILED_LOW: Final = -0.025
FAILED_HIGH: Final = 1.0625
"""Shares of the span from which on NE 43 calls it a failure."""
SATURATED_LOW: Final = -0.0125
SATURATED_HIGH: Final = 1.03125
"""Shares of the span to which NE 43 lets a transmitter measure."""
IMPOSSIBLE_LOW: Final = -0.26
IMPOSSIBLE_HIGH: Final = 1.19
"""Shares of the span that no loop and no card gives: no current is -25 %, 32767 of 27648 is 118.5 %."""

_LOW_MA: Final = (3.5, 3.6, 0.0, 4.0 - 16.0 * 4864 / 27648)
"""What a failed loop shows: by NE 43, without current, at the underrange of a card that counts to 27648."""
_HIGH_MA: Final = (21.0, 21.5, 22.0, 4.0 + 16.0 * 32511 / 27648)
_ROUND: Final = (1.0, 1.2, 1.25, 1.5, 1.6, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.5, 8.0, 10.0)
"""First digits of the spans that people choose."""
_COUNTS: Final = (27648, 32767, 4095, 16383, 65535)
"""Steps into which converters part a span."""
_FITS: Final = 0.01
_FITS_LSB: Final = 0.05
_WIDEST: Final = 50.0
"""Times the largest value seen that a span may be."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A value that is a failure current of a round span.

    Attributes:
        span: from 0 to this, tag's unit.
        current: mA.
        digitised: the tag's resolution is that of a converter over this span.
    """

    span: float
    current: float
    digitised: bool


def current_of(value: float, span: tuple[float, float]) -> float:
    """mA that a value stands for."""
    return ZERO_MA + FULL_MA * share_of(value, span)


def share_of(value: float, span: tuple[float, float]) -> float:
    """Where a value lies in a span: 0 at its beginning, 1 at its end."""
    low, high = span
    return (value - low) / (high - low)


def fitting(value: float, *, largest: float, resolution: float) -> Fit | None:
    """The round span from 0 of which a value is a failure current; None = no such span.

    Args:
        value: tag's unit.
        largest: what was measured at most; the span is no smaller.
        resolution: of the tag; NaN = not known.
    """
    found: list[Fit] = []
    for current in _LOW_MA if value < 0 else _HIGH_MA:
        span = value / ((current - ZERO_MA) / FULL_MA)
        near = _round(span, _FITS + (abs(resolution / value) if resolution > 0 and value else 0.0))
        if near is not None and 0.98 * largest <= near <= _WIDEST * largest:
            found.append(Fit(near, current, _digitised(near, resolution)))
    return min(found, key=lambda one: not one.digitised, default=None)


def _round(value: float, tolerance: float) -> float | None:
    if not (math.isfinite(value) and value > 0):
        return None
    decade = 10.0 ** math.floor(math.log10(value))
    near = min((first * decade for first in _ROUND), key=lambda one: abs(one - value))
    return near if abs(near - value) <= tolerance * near else None


def _digitised(span: float, resolution: float) -> bool:
    return resolution > 0 and any(abs(resolution * count - span) <= _FITS_LSB * span for count in _COUNTS)
