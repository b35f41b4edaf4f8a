"""EngineeringUnits and ranges of a variable as the site file writes them (OPC 10000-8 §5.6.3, §5.6.4).

A unit arrives as a display text and a number; in the usual namespace the number is the UN/CEFACT common code
(Recommendation 20), its up to three characters read as one big-endian integer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

UNECE: Final = "http://www.opcfoundation.org/UA/units/un/cefact"
_LONGEST_UNIT: Final = 32
_PRINTABLE: Final = range(0x21, 0x7F)

_KINDS: Final = {
    "CEL": "temperature", "KEL": "temperature", "FAH": "temperature",
    "BAR": "pressure", "MBR": "pressure", "PAL": "pressure", "KPA": "pressure", "MPA": "pressure",
    "AMP": "current", "4K": "current", "VLT": "voltage", "KVT": "voltage", "2Z": "voltage",
    "WTT": "power", "KWT": "power", "MAW": "power", "KWH": "energy", "WHR": "energy",
    "RPM": "speed", "MTS": "speed", "MQH": "flow", "L2": "flow", "LTR": "volume", "MTQ": "volume",
    "HTZ": "frequency", "NU": "torque", "C16": "vibration",
}  # fmt: skip
_KINDS_BY_TEXT: Final = {
    "°C": "temperature", "degC": "temperature", "K": "temperature", "°F": "temperature",
    "bar": "pressure", "mbar": "pressure", "Pa": "pressure", "kPa": "pressure", "MPa": "pressure",
    "A": "current", "mA": "current", "V": "voltage", "W": "power", "kW": "power", "kWh": "energy",
    "rpm": "speed", "1/min": "speed", "m/s": "speed", "m³/h": "flow", "l/min": "flow", "Hz": "frequency",
    "mm/s": "vibration",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of a variable.

    Attributes:
        text: display name, e.g. `°C`; "" when the server gives none.
        code: UN/CEFACT common code, e.g. `CEL`; "" when the number is not one.
    """

    text: str = ""
    code: str = ""

    @property
    def word(self) -> str:
        """What the site file gets: the text, else the code."""
        return self.text or self.code

    @property
    def kind(self) -> str:
        """Kind of tag that has such a unit, or ""."""
        return _KINDS.get(self.code) or _KINDS_BY_TEXT.get(self.text, "")


def unece_code(number: int) -> str:
    """The common code in a unit id: 4408652 is `CEL`; "" when the number holds no such characters."""
    if not 0 < number <= 0xFFFFFF:  # noqa: PLR2004 - three bytes
        return ""
    data = number.to_bytes(3, "big").lstrip(b"\0")
    return data.decode("ascii") if all(byte in _PRINTABLE for byte in data) else ""


def unit_of(namespace: str | None, unit_id: int | None, text: str | None) -> Unit:
    """Unit from the fields of EUInformation."""
    shown = " ".join((text or "").split())
    shown = shown if shown.isprintable() and len(shown) <= _LONGEST_UNIT else ""
    code = unece_code(unit_id) if namespace == UNECE and isinstance(unit_id, int) else ""
    return Unit(shown, code)


def span_of(low: Any, high: Any) -> tuple[float, float] | None:
    """A measuring range; None where it is no range (0 to 0, turned round, not finite), as many servers leave it."""
    if not isinstance(low, (int, float)) or not isinstance(high, (int, float)):
        return None
    if not (math.isfinite(low) and math.isfinite(high)) or low >= high:
        return None
    return float(low), float(high)
