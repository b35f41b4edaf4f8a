"""When the cause of a gap that lasts becomes another one. Pure."""

from __future__ import annotations

from typing import Final

from iiotctl.capture.gapbook import OpenGap
from iiotctl.samples import GapReason

_OURS: Final = (GapReason.DISK_FULL, GapReason.DISK_RESERVE, GapReason.OVERFLOW)
_PAUSES: Final = (GapReason.SHUTDOWN, GapReason.RESTART)


def is_past(gap: OpenGap, since: int) -> bool:
    """Whether a gap tells of the time before this run (`since`, µs UTC), in which nobody captured."""
    return gap.reason in _PAUSES and gap.start < since


def turning(gap: OpenGap, reason: GapReason, since: int, at: int) -> int | None:
    """Where the gap of a source ends because another cause takes over.

    Args:
        gap: lasts.
        reason: of a failure that is reported now.
        since: µs UTC, begin of the run.
        at: µs UTC, of the failure.

    Returns:
        µs UTC, first instant of the new cause; None = the gap goes on as it is.
    """
    if reason in _PAUSES:
        return None
    if gap.reason in _PAUSES:
        # while nobody captured, that was the cause; from the begin of this run it is the device
        return max(since, gap.start) if is_past(gap, since) else at
    # samples were thrown away here; now the device gives none either
    return at if gap.reason in _OURS and reason not in _OURS else None
