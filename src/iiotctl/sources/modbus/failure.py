"""Why a request gave no data, and what that means for its tags: OPC UA status and reason of the gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from iiotctl import quality
from iiotctl.samples import GapReason

BAD_NOT_SUPPORTED: Final = quality.CODES["BadNotSupported"]
BAD_RESOURCE_UNAVAILABLE: Final = quality.CODES["BadResourceUnavailable"]
BAD_COMMUNICATION_ERROR: Final = quality.CODES["BadCommunicationError"]

ILLEGAL_ADDRESS: Final = (2, 3)
"""Exceptions that speak about the addresses of the request: 02 illegal address, 03 illegal value (count)."""

EXCEPTIONS: Final = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "server device failure",
    5: "acknowledge",
    6: "server device busy",
    7: "negative acknowledge",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target device failed to respond",
}


class Kind(StrEnum):
    """What went wrong."""

    TIMEOUT = "timeout"
    GATEWAY = "gateway"
    """A gateway answered 0A or 0B for its unit: a timeout that somebody else waited for."""
    REFUSED = "refused"
    """The device answered with any other exception."""
    GARBLED = "garbled"
    """An answer came that does not fit the request; nothing of it was used."""
    DISCONNECTED = "disconnected"
    UNASKED = "unasked"
    """The link had no time for the request."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A request without data.

    Attributes:
        kind: what went wrong.
        code: Modbus exception code; 0 = none.
        cause: what was seen, one clause.
        hint: what to try, where the cause calls for something of its own.
    """

    kind: Kind
    code: int = 0
    cause: str = ""
    hint: str = ""

    @property
    def silent(self) -> bool:
        """True when the unit itself said nothing."""
        return self.kind in (Kind.TIMEOUT, Kind.GATEWAY)

    @property
    def illegal(self) -> bool:
        """True when the device does not know some of the addresses."""
        return self.kind is Kind.REFUSED and self.code in ILLEGAL_ADDRESS

    @property
    def lasting(self) -> bool:
        """True when asking again next cycle is pointless: the device does not have this."""
        return self.kind is Kind.REFUSED and self.code in (1, *ILLEGAL_ADDRESS)

    @property
    def status(self) -> int:
        """OPC UA status code of the tags."""
        if self.kind is Kind.TIMEOUT:
            return quality.BAD_TIMEOUT
        if self.kind is Kind.DISCONNECTED:
            return quality.BAD_NO_COMMUNICATION
        if self.kind is Kind.UNASKED:
            return BAD_RESOURCE_UNAVAILABLE
        if self.kind is Kind.GARBLED:
            return BAD_COMMUNICATION_ERROR
        return _STATUS.get(self.code, quality.BAD_DEVICE_FAILURE)

    @property
    def reason(self) -> GapReason:
        """Reason of the gap."""
        if self.silent:
            return GapReason.TIMEOUT
        if self.kind is Kind.REFUSED:
            return GapReason.REFUSED
        if self.kind is Kind.UNASKED:
            return GapReason.OVERFLOW
        return GapReason.DISCONNECTED

    def __str__(self) -> str:
        if self.code:
            return f"exception {self.code:02d} ({EXCEPTIONS.get(self.code, 'unknown')})"
        return self.cause or self.kind.value


_STATUS: Final = {
    1: BAD_NOT_SUPPORTED,
    2: quality.BAD_CONFIGURATION_ERROR,
    3: quality.BAD_CONFIGURATION_ERROR,
    4: quality.BAD_DEVICE_FAILURE,
    5: BAD_RESOURCE_UNAVAILABLE,
    6: BAD_RESOURCE_UNAVAILABLE,
    10: quality.BAD_NO_COMMUNICATION,
    11: quality.BAD_TIMEOUT,
}


def in_words(names: Sequence[str]) -> tuple[str, str]:
    """Whom a line is about: the one tag that it is said of, or ` of …` for several."""
    if len(names) == 1:
        return names[0], ""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""  # noqa: PLR2004 - as many as fit a line
    return "", f" of {', '.join(f'`{name}`' for name in names[:3])}{more}"
