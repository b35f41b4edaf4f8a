"""The clock of the source is wrong: ahead, behind, in another time zone, or in the future.

## What it looks for

Times that are off by some seconds to some hours for a while, or for ever; with their sign, amount and beginning.

## Why it matters in a plant

Samples of two sources can be compared only on one time. An hour of difference between two controllers hides the cause of a
trip behind its effect; a clock that is set back writes two histories of the same minutes, and one that is set forward
leaves a hole that no cable caused.

## How it decides

*By arrival*, where it was kept: the offset is `ts_received` - `ts`. All rows of a window below the baseline's p0.1 minus
`least` = 5 s mean a clock that is ahead, all above its p99.9 plus `least` one that is behind, when the offset is steady
(a backlog that is sent at once has offsets that shrink row by row) for `minutes` = 3 min and three windows at least.

*By order and density* else: a clock that is ahead by g leaves a hole of g when it is set forward, and doubles a stretch of
g when it is set back; one that is behind does so the other way round. A doubled stretch is a step back of the time that an
import noted in the view `disorder` together with rows that are there twice or were left out as repeated or conflicting;
without order it is rows that were left out one after the other, or windows with more than 1.2 · the usual rows. It needs a
hole of the same length (to 3 intervals + 2 %, for weaker evidence 4 intervals + 5 … 10 %) unless the step back was seen.
Steps below 5 s or 3.5 intervals cannot be told from late rows.

*Whole hours* (and the half and three-quarter hours of time zones, to 90 s) are called time zone or daylight saving, also
when they were so from the beginning.

*Future*: the newest row lies more than `future` = 60 s after now.

## What to do

Compare the source's clock with a good one; turn on NTP in the controller; set it to UTC.

## When it is wrong

Rows that were buffered for always the same time look like a clock that is behind. Two exports of one tag that overlap look
like a step back.

## References

OPC 10000-4 §7.11 (source and server timestamp); IEC 62443-3-3 SR 2.11 (timestamps, time synchronisation).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from iiotctl.checks import timeline
from iiotctl.checks.base import Check, Judged, Spell, Unjudged, Verdict
from iiotctl.checks.conclude import span
from iiotctl.checks.features.columns import MINUTE, SECOND
from iiotctl.checks.series import runs
from iiotctl.findings import Confidence, Ne107, Severity

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.tagdata import TagData

_FEWEST: Final = 3
"""Windows; the old value that a server sends first says nothing of its clock."""
_LEARNT: Final = 30
"""Windows; a baseline of fewer does not know the offset."""
_ZONE_TOLERANCE_S: Final = 90.0
_HALF_HOUR_S: Final = 1800.0
_QUARTERS_S: Final = (20_700.0, 31_500.0, 45_900.0)
"""5:45, 8:45 and 12:45 h."""
_FURTHEST_S: Final = 14 * 3600.0
_TEN_MINUTES_S: Final = 600


@dataclass(frozen=True, slots=True)
class Params:
    """What counts as a wrong clock.

    Attributes:
        least: s, beyond the learnt range of the offset.
        minutes: min, for so long at least, by arrival.
        future: s, after now.
    """

    least: float = 5.0
    minutes: float = 3.0
    future: float = 60.0


def judge(data: TagData, params: Params) -> Verdict:
    """Times of a wrong clock, by arrival where it was kept, and by order and density.

    Args:
        data: columns `behind`, `ahead` (s) and those of `timeline`; `disorder`, `last_row`, `now`.
        params: limits.
    """
    if data.last_row is None:
        return Unjudged("it never delivered a row")
    found = _by_arrival(data, params)
    for shift in timeline.shifts(data):
        until = data.now if shift.end is None else shift.end
        seen = any(one.start <= until and (one.end is None or one.end >= shift.start) for one in found)
        if not seen and timeline.is_judged(data, shift.start, until):
            found.append(_shifted(data, shift))
    if data.last_row > data.now + params.future * SECOND:
        found += [] if any(one.end is None for one in found) else [_future(data, data.last_row, params)]
    return Judged(tuple(sorted(found, key=lambda one: one.start)))


def zone_text(seconds: float) -> str:
    """What an offset of so many s looks like: a time zone or daylight saving; "" where it looks like neither."""
    size = abs(seconds)
    near = [round(size / _HALF_HOUR_S) * _HALF_HOUR_S, *_QUARTERS_S]
    fits = any(_HALF_HOUR_S <= one <= _FURTHEST_S and abs(size - one) <= _ZONE_TOLERANCE_S for one in near)
    if not fits:
        return ""
    hour = 2 * _HALF_HOUR_S
    return "time zone or daylight saving" if abs(size - hour) <= _ZONE_TOLERANCE_S else "time zone"


def _by_arrival(data: TagData, params: Params) -> list[Spell]:
    import numpy as np

    features = data.features
    late, early = features["behind"].astype(np.float64), features["ahead"].astype(np.float64)
    known = np.isfinite(late) & np.isfinite(early)
    if not known.any():
        return []
    base = data.baseline if data.baseline is not None and data.baseline.windows >= _LEARNT else None
    low, high = (base.quantile("ahead", 0.001), base.quantile("behind", 0.999)) if base else (math.nan, math.nan)
    if not (math.isfinite(low) and math.isfinite(high)):
        low, high = float(np.nanquantile(early, 0.001)), float(np.nanquantile(late, 0.999))
    steady = known & (late - early <= max(params.least, 2 * (high - low)))
    centre = (low + high) / 2
    zone = _zone(data, steady, (late + early) / 2)
    if zone is not None:
        return [zone]
    found = []
    for mask in (late < low - params.least, early > high + params.least):
        for first, stop in runs(mask & steady, join=1 + round(5 * MINUTE / features.window)):
            start, end = features.time_of(first), features.time_of(stop)
            within = (mask & steady)[first:stop]
            few = np.count_nonzero(within) < _FEWEST or end - start < params.minutes * MINUTE
            if few or not timeline.is_judged(data, start, end - 1):
                continue
            offset = float(np.median((late + early)[first:stop][within])) / 2
            found.append(_shown(start, None if _lasts(data, stop) else end, centre - offset, params.least))
    return found


def _lasts(data: TagData, stop: int) -> bool:
    """Whether no row came after a window."""
    return not (data.features["rows"][stop:] > 0).any()


def _zone(data: TagData, steady: npt.NDArray[np.bool_], offset: npt.NDArray[np.float64]) -> Spell | None:
    """All of the range is off by the difference of a time zone."""
    import numpy as np

    if np.count_nonzero(steady) < max(_FEWEST, 0.5 * np.count_nonzero(data.features["rows"] > 0)):
        return None
    usual = float(np.median(offset[steady]))
    whole = np.abs(offset[steady] - usual) <= _ZONE_TOLERANCE_S
    if not zone_text(usual) or whole.mean() < 0.9 or not data.judged.any():  # noqa: PLR2004
        return None
    return _shown(data.features.start, None, -usual, _HALF_HOUR_S, always=True)


def _shown(start: int, end: int | None, seconds: float, limit: float, *, always: bool = False) -> Spell:
    where = "ahead of" if seconds > 0 else "behind"
    zone = zone_text(seconds)
    return Spell(
        start=start,
        end=end,
        statistic=round(seconds, 3),
        limit=limit,
        unit="s",
        message=f"its clock is {_length(seconds)} {where} the time of arrival"
        + (", all the time" if always else "")
        + (f": {zone}" if zone else ""),
        confidence=Confidence.HIGH if zone or seconds > 0 else Confidence.MEDIUM,
        second_cause="" if seconds > 0 else "its rows arrive late by always the same time",
        key="zone" if always else _key(seconds),
    )


def _shifted(data: TagData, shift: timeline.Shift) -> Spell:
    zone = zone_text(shift.seconds)
    if shift.hole is None:
        message = f"its clock was set back by {_length(shift.seconds)}, and was not seen to be set forward"
    else:
        how = "ahead" if shift.seconds > 0 else "behind"
        edges = ("a hole", "rows that are there twice")
        first, last = edges if shift.seconds > 0 else edges[::-1]
        message = f"its clock ran {_length(shift.seconds)} {how}: {first} when it began"
        message += f", {last} when it ended" if shift.end is not None else ", and it still does"
    return Spell(
        start=shift.start,
        end=shift.end,
        statistic=round(shift.seconds, 3),
        limit=round(timeline.least(data), 3),
        unit="s",
        message=message + (f" ({zone})" if zone else ""),
        confidence=Confidence.MEDIUM if shift.hole is None else Confidence.HIGH,
        key=_key(shift.seconds),
        evidence={"twice_from": shift.overlap.start, "twice_to": shift.overlap.end, "step_seen": shift.overlap.stepped},
    )


def _future(data: TagData, last: int, params: Params) -> Spell:
    import numpy as np

    seconds = (last - data.now) / SECOND
    rows = np.flatnonzero((data.features["rows"] > 0) & (data.features.times() >= data.now))
    start = data.features.time_of(int(rows[0])) if len(rows) else data.now
    zone = zone_text(seconds)
    message = f"its newest row is {_length(seconds)} in the future" + (f": {zone}" if zone else "")
    return Spell(start, None, seconds, params.future, message, unit="s", key="future")


def _key(seconds: float) -> str:
    return "ahead" if seconds > 0 else "behind"


def _length(seconds: float) -> str:
    size = round(abs(seconds))
    if size >= _TEN_MINUTES_S or size % 60 == 0:
        return span(size * SECOND)
    return f"{size // 60} min {size % 60} s" if size > 60 else f"{abs(seconds):.3g} s"  # noqa: PLR2004 - a minute


CHECK = Check(
    id="clock-skew",
    title="Clock wrong",
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    ne107=Ne107.MAINTENANCE,
    params=Params,
    judge=judge,
    second_cause="two exports of the tag that overlap, or a buffer that was sent late",
    action="compare the source's clock with a good one, turn on NTP there, and set it to UTC",
    references=("OPC 10000-4 §7.11", "IEC 62443-3-3 SR 2.11"),
    learns=False,
    needs=frozenset({"rows", "apart", "apart_med", "behind", "ahead"}),
)
