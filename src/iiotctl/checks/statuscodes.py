"""What a status code says of a sensor: plain words, NE 107 state and weight by code; OPC DA qualities mapped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from iiotctl import quality
from iiotctl.findings import Ne107, Severity

_F, _C, _S, _M = Ne107.FAILURE, Ne107.CHECK, Ne107.SPECIFICATION, Ne107.MAINTENANCE

_SAID: Final[dict[str, tuple[str, Ne107, Severity]]] = {
    "BadSensorFailure": ("the sensor failed", _F, Severity.HIGH),
    "BadDeviceFailure": ("the device failed", _F, Severity.HIGH),
    "BadNotConnected": ("nothing is connected to the input", _F, Severity.MEDIUM),
    "BadNoCommunication": ("the source does not reach the device", _F, Severity.MEDIUM),
    "BadCommunicationError": ("the source does not reach the device", _F, Severity.MEDIUM),
    "BadTimeout": ("the device did not answer in time", _F, Severity.MEDIUM),
    "BadOutOfService": ("the device was taken out of service", _C, Severity.MEDIUM),
    "BadWaitingForInitialData": ("there is no first value yet", _F, Severity.MEDIUM),
    "BadConfigurationError": ("it is configured wrongly", _F, Severity.MEDIUM),
    "BadOutOfRange": ("the value lies outside of what can be shown", _S, Severity.MEDIUM),
    "BadNoData": ("there is no value", _F, Severity.MEDIUM),
    "BadNodeIdUnknown": ("the server does not know the variable any more", _F, Severity.MEDIUM),
    "UncertainNoCommunicationLastUsableValue": ("no link to the device: the last value is held", _F, Severity.MEDIUM),
    "UncertainLastUsableValue": ("it is not renewed: the last value is held", _F, Severity.MEDIUM),
    "UncertainSubstituteValue": ("the value was set by hand or by a program", _C, Severity.MEDIUM),
    "UncertainInitialValue": ("it is a start value, not a measured one", _C, Severity.MEDIUM),
    "UncertainSensorNotAccurate": ("the sensor is not accurate", _M, Severity.MEDIUM),
    "UncertainEngineeringUnitsExceeded": ("the value lies outside of its range", _S, Severity.MEDIUM),
    "UncertainSubNormal": ("fewer sources are good than needed", _S, Severity.MEDIUM),
    "UncertainDataSubNormal": ("part of what it was made of was not good", _S, Severity.MEDIUM),
    "UncertainTransducerInManual": ("the transmitter is in manual", _C, Severity.MEDIUM),
    "UncertainSimulatedValue": ("the value is simulated", _C, Severity.MEDIUM),
    "UncertainSensorCalibration": ("the sensor is being calibrated, or needs to be", _M, Severity.MEDIUM),
    "UncertainConfigurationError": ("it is configured wrongly", _F, Severity.MEDIUM),
    "GoodLocalOverride": ("the value was overridden by hand", _C, Severity.LOW),
    "GoodClamped": ("the value was limited to its range", _S, Severity.INFO),
}
"""The worst that each says; `quality` names all others."""
_BITS: Final = {1: "low limit reached", 2: "high limit reached", 3: "value constant"}
"""Limit bits of OPC 10000-4 §7.39.1, valid with info type DataValue."""
_DA_GOOD: Final = 0xC0
_DA_UNCERTAIN: Final = 0x40
_DA_END: Final = 0x100


@dataclass(frozen=True, slots=True)
class Said:
    """What a code says.

    Attributes:
        name: of the code, `BadSensorFailure`.
        words: in plain words, or "".
        grade: 0 nothing to tell, 1 a note on a Good value, 2 Uncertain, 3 Bad.
        ne107: of the sensor.
        severity: where it lasts.
        limit: what its limit bits say, or "".
    """

    name: str
    words: str
    grade: int
    ne107: Ne107
    severity: Severity
    limit: str = ""


def said(code: int) -> Said:
    """What a status code says; one below 0x100 is a quality of OPC DA (0xC0 Good, 0x40 Uncertain, below Bad)."""
    if 0 < code < _DA_END:
        return _da(code)
    name = quality.name(code)
    limit = _BITS.get(code >> 8 & 3, "") if code & 0xC00 == quality.INFO_TYPE_DATA_VALUE else ""
    words, ne107, severity = _SAID.get(name, ("", _F, Severity.MEDIUM))
    if quality.is_bad(code):
        return Said(name, words, 3, ne107, severity, limit)
    if not quality.is_good(code):
        return Said(name, words, 2, ne107 if words else _M, severity, limit)
    if words:
        return Said(name, words, 1, ne107, severity, limit)
    return Said(name, limit, 1 if limit else 0, _S, Severity.INFO, limit)


def _da(code: int) -> Said:
    if code >= _DA_GOOD:
        return Said(f"Good (OPC DA 0x{code:02X})", "", 0, Ne107.OK, Severity.INFO)
    if _DA_UNCERTAIN <= code < 2 * _DA_UNCERTAIN:
        return Said(f"Uncertain (OPC DA 0x{code:02X})", "", 2, _M, Severity.MEDIUM)
    return Said(f"Bad (OPC DA 0x{code:02X})", "", 3, _F, Severity.MEDIUM)
