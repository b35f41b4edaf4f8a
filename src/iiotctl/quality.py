"""OPC UA status codes: the one vocabulary of quality in iiotctl (u32, OPC 10000-4 §7.39, 10000-6 §5.2.2.11).

The two top bits are the severity (00 Good, 01 Uncertain, 10 Bad); bits 16-27 the sub-code; the lower
16 bits carry info bits (limit, overflow, historian bits), which do not change the name.
Failures of Modbus sources are mapped onto the same codes in `sources/modbus`.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Final


class Severity(IntEnum):
    """Severity of a status code (its two top bits)."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2


GOOD: Final = 0x00000000
GOOD_CLAMPED: Final = 0x00300000
UNCERTAIN: Final = 0x40000000
BAD: Final = 0x80000000
BAD_NO_DATA: Final = 0x809B0000
BAD_TIMEOUT: Final = 0x800A0000
BAD_NO_COMMUNICATION: Final = 0x80310000
BAD_CONFIGURATION_ERROR: Final = 0x80890000
BAD_SENSOR_FAILURE: Final = 0x808C0000
BAD_DEVICE_FAILURE: Final = 0x808B0000
BAD_NOT_CONNECTED: Final = 0x808A0000
BAD_OUT_OF_RANGE: Final = 0x803C0000
BAD_DECODING_ERROR: Final = 0x80070000
BAD_TYPE_MISMATCH: Final = 0x80740000
BAD_NODE_ID_UNKNOWN: Final = 0x80340000

OVERFLOW_BIT: Final = 0x80
"""Info bit: the server's queue of this item overflowed (with info type DataValue, 0x400: 0x480)."""

INFO_TYPE_DATA_VALUE: Final = 0x400

# Names that data values and service results carry in practice; from the OPC Foundation's StatusCode.csv.
NAMES: Final[dict[int, str]] = {
    0x00000000: "Good",
    0x002D0000: "GoodSubscriptionTransferred",
    0x002E0000: "GoodCompletesAsynchronously",
    0x002F0000: "GoodOverload",
    0x00300000: "GoodClamped",
    0x00960000: "GoodLocalOverride",
    0x00A20000: "GoodEntryInserted",
    0x00A30000: "GoodEntryReplaced",
    0x00A50000: "GoodNoData",
    0x00A60000: "GoodMoreData",
    0x00BA0000: "GoodResultsMayBeIncomplete",
    0x00D90000: "GoodDataIgnored",
    0x40000000: "Uncertain",
    0x406C0000: "UncertainReferenceOutOfServer",
    0x408F0000: "UncertainNoCommunicationLastUsableValue",
    0x40900000: "UncertainLastUsableValue",
    0x40910000: "UncertainSubstituteValue",
    0x40920000: "UncertainInitialValue",
    0x40930000: "UncertainSensorNotAccurate",
    0x40940000: "UncertainEngineeringUnitsExceeded",
    0x40950000: "UncertainSubNormal",
    0x40A40000: "UncertainDataSubNormal",
    0x40BC0000: "UncertainReferenceNotDeleted",
    0x40C00000: "UncertainNotAllNodesAvailable",
    0x42080000: "UncertainTransducerInManual",
    0x42090000: "UncertainSimulatedValue",
    0x420A0000: "UncertainSensorCalibration",
    0x420F0000: "UncertainConfigurationError",
    0x80000000: "Bad",
    0x80010000: "BadUnexpectedError",
    0x80020000: "BadInternalError",
    0x80030000: "BadOutOfMemory",
    0x80040000: "BadResourceUnavailable",
    0x80050000: "BadCommunicationError",
    0x80060000: "BadEncodingError",
    0x80070000: "BadDecodingError",
    0x80080000: "BadEncodingLimitsExceeded",
    0x80090000: "BadUnknownResponse",
    0x800A0000: "BadTimeout",
    0x800B0000: "BadServiceUnsupported",
    0x800C0000: "BadShutdown",
    0x800D0000: "BadServerNotConnected",
    0x800E0000: "BadServerHalted",
    0x800F0000: "BadNothingToDo",
    0x80100000: "BadTooManyOperations",
    0x80120000: "BadCertificateInvalid",
    0x80130000: "BadSecurityChecksFailed",
    0x80140000: "BadCertificateTimeInvalid",
    0x80150000: "BadCertificateIssuerTimeInvalid",
    0x80160000: "BadCertificateHostNameInvalid",
    0x80170000: "BadCertificateUriInvalid",
    0x80180000: "BadCertificateUseNotAllowed",
    0x801A0000: "BadCertificateUntrusted",
    0x801B0000: "BadCertificateRevocationUnknown",
    0x801D0000: "BadCertificateRevoked",
    0x801F0000: "BadUserAccessDenied",
    0x80200000: "BadIdentityTokenInvalid",
    0x80210000: "BadIdentityTokenRejected",
    0x80220000: "BadSecureChannelIdInvalid",
    0x80250000: "BadSessionIdInvalid",
    0x80260000: "BadSessionClosed",
    0x80270000: "BadSessionNotActivated",
    0x80280000: "BadSubscriptionIdInvalid",
    0x80310000: "BadNoCommunication",
    0x80320000: "BadWaitingForInitialData",
    0x80330000: "BadNodeIdInvalid",
    0x80340000: "BadNodeIdUnknown",
    0x80350000: "BadAttributeIdInvalid",
    0x80360000: "BadIndexRangeInvalid",
    0x80370000: "BadIndexRangeNoData",
    0x80380000: "BadDataEncodingInvalid",
    0x80390000: "BadDataEncodingUnsupported",
    0x803A0000: "BadNotReadable",
    0x803B0000: "BadNotWritable",
    0x803C0000: "BadOutOfRange",
    0x803D0000: "BadNotSupported",
    0x803E0000: "BadNotFound",
    0x803F0000: "BadObjectDeleted",
    0x80400000: "BadNotImplemented",
    0x80410000: "BadMonitoringModeInvalid",
    0x80420000: "BadMonitoredItemIdInvalid",
    0x80430000: "BadMonitoredItemFilterInvalid",
    0x80440000: "BadMonitoredItemFilterUnsupported",
    0x80450000: "BadFilterNotAllowed",
    0x804A0000: "BadContinuationPointInvalid",
    0x804B0000: "BadNoContinuationPoints",
    0x80530000: "BadRequestTypeInvalid",
    0x80540000: "BadSecurityModeRejected",
    0x80550000: "BadSecurityPolicyRejected",
    0x80560000: "BadTooManySessions",
    0x80570000: "BadUserSignatureInvalid",
    0x80580000: "BadApplicationSignatureInvalid",
    0x80590000: "BadNoValidCertificates",
    0x80620000: "BadNodeIdExists",
    0x80710000: "BadHistoryOperationInvalid",
    0x80720000: "BadHistoryOperationUnsupported",
    0x80740000: "BadTypeMismatch",
    0x80770000: "BadTooManySubscriptions",
    0x80780000: "BadTooManyPublishRequests",
    0x80790000: "BadNoSubscription",
    0x807A0000: "BadSequenceNumberUnknown",
    0x807B0000: "BadMessageNotAvailable",
    0x80830000: "BadTcpEndpointUrlInvalid",
    0x80860000: "BadSecureChannelClosed",
    0x80890000: "BadConfigurationError",
    0x808A0000: "BadNotConnected",
    0x808B0000: "BadDeviceFailure",
    0x808C0000: "BadSensorFailure",
    0x808D0000: "BadOutOfService",
    0x808E0000: "BadDeadbandFilterInvalid",
    0x809B0000: "BadNoData",
    0x809D0000: "BadDataLost",
    0x809E0000: "BadDataUnavailable",
    0x80AB0000: "BadInvalidArgument",
    0x80AC0000: "BadConnectionRejected",
    0x80AD0000: "BadDisconnect",
    0x80AE0000: "BadConnectionClosed",
    0x80AF0000: "BadInvalidState",
    0x80D70000: "BadBoundNotFound",
    0x80D80000: "BadBoundNotSupported",
    0x80DB0000: "BadTooManyMonitoredItems",
}
CODES: Final[dict[str, int]] = {name: code for code, name in NAMES.items()}

_SEVERITY_NAMES: Final = {Severity.GOOD: "Good", Severity.UNCERTAIN: "Uncertain", Severity.BAD: "Bad"}


def severity(code: int) -> Severity:
    """Severity of a status code; the reserved pattern 11 counts as Bad."""
    return Severity(min(code >> 30, 2))


def is_good(code: int) -> bool:
    """True when the value may be used as it is."""
    return code >> 30 == 0


def is_bad(code: int) -> bool:
    """True when there is no usable value."""
    return code >> 31 == 1


def name(code: int) -> str:
    """Name of a status code, e.g. `BadTimeout`; an unlisted one as `Bad(0x80FF0000)`."""
    found = NAMES.get(code & 0xFFFF0000)
    if found is not None:
        return found
    return f"{_SEVERITY_NAMES[severity(code)]}(0x{code:08X})"


def parse(text: str) -> int:
    """Status code from a name or a decimal or hexadecimal number.

    Raises:
        ValueError: neither a listed name nor a number of 32 bits.
    """
    word = text.strip()
    if word in CODES:
        return CODES[word]
    lowered = {key.lower(): code for key, code in CODES.items()}
    if word.lower().replace("_", "") in lowered:
        return lowered[word.lower().replace("_", "")]
    if match := re.fullmatch(r"(?:Good|Uncertain|Bad)\((0x[0-9A-Fa-f]{8})\)", word):
        return int(match[1], 16)
    number = int(word, 0)
    if not 0 <= number < 1 << 32:
        msg = f"{number} does not fit 32 bits"
        raise ValueError(msg)
    return number


def worst(first: int, second: int) -> int:
    """The status of lower quality; of two equal severities the first, so that folding keeps the earliest cause."""
    return second if severity(second) > severity(first) else first
