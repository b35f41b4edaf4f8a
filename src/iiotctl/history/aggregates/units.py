"""Units of results: those of the tag, times seconds, squared, or none; and totals per hour instead of per second."""

from __future__ import annotations

from typing import Final

from iiotctl.errors import UsageError
from iiotctl.history.aggregates.base import Function, Unit

RATES: Final = {"s": 1.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}
"""Seconds of the time units that a rate may be meant in."""


def check_rate(name: str | None) -> str:
    """The time unit of `--rate-unit`; seconds where none is given, as the standard has it.

    Raises:
        UsageError: `bad-value`.
    """
    if name is None:
        return "s"
    if name in RATES:
        return name
    raise UsageError(
        "bad-value",
        f"`{name}` is no time unit of a rate",
        where="--rate-unit",
        hint=f"one of {', '.join(RATES)}: `h` where the tag is in kW or m3/h, `s` where it is in l/s",
    )


def unit_of(function: Function, unit: str, rate: str) -> str:
    """Unit of a result.

    Args:
        function: which.
        unit: of the tag, or "".
        rate: key of `RATES`; of totals.
    """
    if function.unit is Unit.SAME:
        return unit
    if function.unit is Unit.TIMES_SECONDS:
        return f"{unit}·{rate}" if unit else rate
    if function.unit is Unit.SQUARED:
        return f"({unit})²" if unit and not unit.isalnum() else f"{unit}²" if unit else ""
    return {Unit.MILLISECONDS: "ms", Unit.PERCENT: "%"}.get(function.unit, "")


def factor(function: Function, rate: str) -> float:
    """What a result is divided by."""
    return RATES[rate] if function.unit is Unit.TIMES_SECONDS else 1.0
