"""How many digits of a number a reader needs: as many as tell the values of a drawing apart, and no exponent among them
that an engineer would have to count out."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Final

_DIGITS: Final = 6
_OF_SPAN: Final = 4
"""Digits of the difference between the largest and the smallest value."""
_EXACT: Final = 16
"""From so many digits on the shortest text that names the double."""
_PLAIN: Final = (-5, 15)
"""Powers of ten of the first digit between which a number stands without exponent."""


def needed(value: float, span: float = 0.0) -> int:
    """Significant digits of a value among values that lie `span` apart."""
    if not math.isfinite(value) or value == 0:
        return _DIGITS
    first = _power(value)
    whole = first + 1 if first < _PLAIN[1] else 0  # a totaliser is read to its last digit
    fine = first - _power(span) + _OF_SPAN if span > 0 and math.isfinite(span) else 0
    return min(max(_DIGITS, whole, fine), _EXACT)


def number(value: float, span: float = 0.0) -> str:
    """A value among values that lie `span` apart."""
    if not math.isfinite(value):
        return str(value)
    digits = needed(value, span)
    short = repr(float(value)) if digits >= _EXACT else f"{value:.{digits}g}"
    if value == 0:
        return "0"
    if not _PLAIN[0] <= _power(value) < _PLAIN[1]:
        return short
    plain = format(Decimal(short), "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def mark(value: float, last: int, largest: float) -> str:
    """A mark of an axis.

    Args:
        value: where it stands.
        last: power of ten of the digit from which on the marks differ; all of an axis have it.
        largest: the end of the axis that is farther from 0, which says for all whether they need an exponent.
    """
    if _PLAIN[0] <= _power(largest) < _PLAIN[1]:
        return f"{value or 0.0:.{max(0, -last)}f}"  # no -0
    if value == 0:
        return "0"
    return f"{value:.{min(max(_power(value) - last, 0), _EXACT)}e}"


def percent(share: float) -> str:
    """A share in percent: what is not nothing is never 0 %, what is not all never 100 %."""
    if 0 < share < 0.01:  # noqa: PLR2004 - the second decimal
        return "< 0.01 %"
    if 99.99 < share < 100:  # noqa: PLR2004
        return "> 99.99 %"
    return f"{share:.4g} %"


def _power(value: float) -> int:
    return math.floor(math.log10(abs(value)))
