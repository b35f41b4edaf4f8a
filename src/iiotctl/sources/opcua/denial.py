"""Data values that are no data: the server says that it does not give the value, rather than what the value is.

A sensor that failed is news from the plant and becomes a null row with its status; a node that may not be read
is a refusal, and the tag is in a gap until the server gives it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from iiotctl import quality
from iiotctl.samples import NULL_TIME
from iiotctl.sources.opcua.convert import time_or_null
from iiotctl.sources.opcua.resolve import GONE, Item, Refused
from iiotctl.sources.opcua.session import Session

if TYPE_CHECKING:
    from asyncua import ua

    from iiotctl.sources.base import CapturedTag

_CODE: Final = 0xFFFF0000

_ACCESS: Final = frozenset(
    quality.CODES[name]
    for name in (
        "BadAttributeIdInvalid",
        "BadDataEncodingInvalid",
        "BadDataEncodingUnsupported",
        "BadIndexRangeInvalid",
        "BadNotReadable",
        "BadUserAccessDenied",
    )
)
"""Operation results of Read (OPC 10000-4 §5.11.2.4) that no sensor has; some servers stamp them like values."""

_EITHER: Final = frozenset(quality.CODES[name] for name in ("BadIndexRangeNoData", "BadNotSupported"))
"""About the access only where the server gives no source time."""

SUSPECTS: Final = GONE | _ACCESS | _EITHER
"""Status codes (without info bits) for which `denial` is worth asking."""


def denial(data: ua.DataValue) -> int:
    """The status with which the server denies the value; 0 when it gave one, however bad."""
    status = 0 if data.StatusCode is None else int(data.StatusCode.value)
    return denial_of(status, time_or_null(data.SourceTimestamp))


def denial_of(status: int, source: int) -> int:
    """As `denial`, by status code and source time (µs UTC, NULL_TIME = none)."""
    code = status & _CODE
    if code in GONE:
        return quality.BAD_NODE_ID_UNKNOWN
    return code if code in _ACCESS or (code in _EITHER and source == NULL_TIME) else 0


def denied(captured: CapturedTag, status: int) -> Refused:
    """The tag of a denied value, with the reason in words."""
    if status == quality.BAD_NODE_ID_UNKNOWN:
        return Refused(captured, status, "the node vanished from the server")
    return Refused(captured, status, f"the server does not give its value ({quality.name(status)})")


async def probe_values(session: Session, items: Sequence[Item]) -> tuple[list[Item], list[Refused]]:
    """Items whose value the server gives, and those it denies.

    Raises:
        ServiceError, SessionLostError: see `Session.call`.
    """
    ranges = [item.index_range if item.rule.ranged else None for item in items]
    values = await session.read([item.node for item in items], ranges=ranges)
    given: list[Item] = []
    refused: list[Refused] = []
    for item, value in zip(items, values, strict=True):
        if status := denial(value):
            refused.append(denied(item.captured, status))
        else:
            given.append(item)
    return given, refused
