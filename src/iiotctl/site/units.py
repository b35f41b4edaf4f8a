"""Durations and sizes as people write them: `500ms`, `15min`, `64MB`. A number without a unit is refused."""

from __future__ import annotations

import re
from typing import Final

_SECONDS: Final = {
    "us": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "min": 60.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
}
_BYTES: Final = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_NUMBER: Final = r"(\d+(?:\.\d+)?)"
DURATION_PATTERN: Final = rf"^(\d+(\.\d+)?({'|'.join([*_SECONDS, 'µs'])}) *)+$"
"""The form of a duration, for the JSON Schema."""
SIZE_PATTERN: Final = rf"^\d+(\.\d+)? *({'|'.join(_BYTES)})$"
"""The form of a size, for the JSON Schema."""


def parse_duration(text: str) -> float:
    """Seconds from text such as `500ms`, `1s`, `15min`, `1h30min`.

    Raises:
        ValueError: no unit, an unknown unit, or anything else in the text.
    """
    word = text.replace(" ", "")
    parts = re.findall(_NUMBER + r"([a-zA-Zµ]+)", word)
    if not parts or "".join(number + unit for number, unit in parts) != word:
        msg = f"`{text}` is not a duration; write a number and a unit, e.g. `500ms`, `1s`, `15min`, `1h30min`"
        raise ValueError(msg)
    total = 0.0
    for number, unit in parts:
        key = unit.replace("µ", "u")
        if key not in _SECONDS:
            msg = f"`{unit}` is not a unit of time; use us, ms, s, min, h, d or w"
            raise ValueError(msg)
        total += float(number) * _SECONDS[key]
    return total


def format_duration(seconds: float) -> str:
    """The shortest exact form: `500ms`, `1s`, `15min`, `1h30min`."""
    micros = round(seconds * 1e6)
    if micros == 0:
        return "0s"
    parts = []
    for unit in ("d", "h", "min", "s", "ms", "us"):
        size = round(_SECONDS[unit] * 1e6)
        count, micros = divmod(micros, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def parse_size(text: str) -> int:
    """Bytes from text such as `64MB` or `2GiB`.

    Raises:
        ValueError: no unit, an unknown unit, or anything else in the text.
    """
    match = re.fullmatch(_NUMBER + r"([a-zA-Z]+)", text.replace(" ", ""))
    if not match or match[2] not in _BYTES:
        msg = f"`{text}` is not a size; write a number and a unit, e.g. `64MB`, `2GB`, `512KiB`"
        raise ValueError(msg)
    return round(float(match[1]) * _BYTES[match[2]])


def _three_figures(value: float) -> str:
    digits = 0 if value >= 99.95 else 1 if value >= 9.995 else 2  # noqa: PLR2004 - where rounding gains a figure
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def format_count(number: int, thing: str) -> str:
    """A number and what it counts: `1 sample`, `0 samples`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def format_size(size: int) -> str:
    """A size in decimal units with up to three figures: `1.42 MB`."""
    if abs(size) < 1000:  # noqa: PLR2004 - decimal units
        return f"{size} B"
    value = float(size)
    for unit in ("kB", "MB", "GB", "TB"):  # noqa: B007 - the last one is used below
        value /= 1000
        if abs(value) < 999.5:  # noqa: PLR2004 - more would round to 1000
            break
    sign = "-" if value < 0 else ""
    return f"{sign}{_three_figures(abs(value))} {unit}"
