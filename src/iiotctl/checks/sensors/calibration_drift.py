"""A sensor was found beyond its tolerance, or will be before long, as its calibrations say.

## What it looks for

Records of calibrations (as found, as left, tolerance) that show a sensor beyond its tolerance, left so, or drifting so fast
that the tolerance is used up by now or within the next months.

## Why it matters in a plant

Between two calibrations nobody sees how wrong a sensor is. What was made with one that was found beyond its tolerance is in
doubt since the calibration before, and a fixed interval is too long for some sensors and a waste for others.

## How it decides

Records come from a CSV file (`--calibrations`, or `calibrations` under `[audit]`). Errors are what the sensor showed less what
the reference showed, in the tag's unit or in % of its span.

- *Found beyond its tolerance*: |as found| > tolerance at the last calibration. `medium`; `high` from `far` = 2 tolerances, or
  where it was left beyond the tolerance.
- *Drift*: each calibration and the one before it give a rate, the median of the last `intervals` = 5 counts:

      rate = (as found - as left before) / time between,   unit a year
      tolerance used up at:  last calibration + (±tolerance - as left) / rate,   with the sign of the rate

  `medium` when that date is past (`low` where rates have different signs), `low` when it comes within `ahead` = 90 days.
  One interval gives low confidence, from three of one sign on it is high.

## What to do

Beyond tolerance: adjust or replace the sensor, and judge what was made with it. Due: calibrate by the date; shorten the interval.

## When it is wrong

An error of the reference, a record with the wrong sign or unit, a sensor that was exchanged under the same tag.

## References

ISO 9001:2015 7.1.5.2 (what was measured before, when equipment is found unfit); ILAC-G24 / OIML D 10 (intervals from drift);
ISO/IEC 17025.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Final

from iiotctl.checks.base import Check, Judged, Skipped, Spell, Unjudged, Verdict
from iiotctl.checks.conclude import amount, day
from iiotctl.checks.features.columns import DAY
from iiotctl.findings import Confidence, Ne107, Severity

if TYPE_CHECKING:
    from iiotctl.checks.tagdata import Calibration, TagData, TagInfo

_YEAR: Final = 365.25
"""Days."""
_SURE: Final = 3
"""Rates of one sign that make it sure."""
_NEVER: Final = 200 * _YEAR
"""Days; who drifts so slowly does not drift."""


@dataclass(frozen=True, slots=True)
class Params:
    """What is far and what is soon.

    Attributes:
        far: tolerances, an error found as large as that is `high`.
        intervals: newest times between calibrations that a rate is taken from.
        ahead: days before the tolerance is used up from which it is told.
    """

    far: float = 2.0
    intervals: int = 5
    ahead: float = 90.0


@dataclass(frozen=True, slots=True)
class _Drift:
    """What the errors of many calibrations say.

    Attributes:
        per_year: unit a year.
        rates: that it is the median of.
        crossing: µs UTC, when the tolerance is used up; None = never.
    """

    per_year: float
    rates: Sequence[float]
    crossing: int | None

    @property
    def agrees(self) -> bool:
        return all((one > 0) == (self.per_year > 0) for one in self.rates)

    @property
    def confidence(self) -> Confidence:
        if len(self.rates) == 1 or not self.agrees:
            return Confidence.LOW
        return Confidence.HIGH if len(self.rates) >= _SURE else Confidence.MEDIUM


def judge(data: TagData, params: Params) -> Verdict:
    """Judge the last calibration, and what the drift between calibrations makes of it by now.

    Args:
        data: `info.calibrations`, by date; `now`.
        params: limits.
    """
    if not data.info.calibrations:
        return Skipped("no calibration record")
    unit = data.info.unit or next((one.unit for one in reversed(data.info.calibrations) if one.unit), "")
    records = []
    for one in data.info.calibrations:
        factor = _factor(one, data.info, unit)
        if isinstance(factor, str):
            return Unjudged(factor)
        records.append(_scaled(one, factor))
    drift = _drift(records, params)
    spells = [_beyond(records, drift, unit, params), _due(records, drift, unit, params, now=data.now)]
    return Judged(tuple(spell for spell in spells if spell is not None))


def _factor(one: Calibration, info: TagInfo, unit: str) -> float | str:
    """What brings a record's numbers to the tag's unit, or why nothing does."""
    if one.unit in ("", unit):
        return 1.0
    if one.unit == "%":
        return (
            (info.span[1] - info.span[0]) / 100 if info.span else f"{one.where} is in % of its span, which is not known"
        )
    whose = "the tag" if info.unit else "another record"
    return (
        f"its calibration of {day(one.at)} is in `{one.unit}`, {whose} in `{unit}`: correct {one.where or 'the record'}"
    )


def _scaled(one: Calibration, factor: float) -> Calibration:
    """In the tag's unit."""
    found, left = (None if error is None else error * factor for error in (one.as_found, one.as_left))
    return replace(one, as_found=found, as_left=left, tolerance=one.tolerance * factor)


def _left(one: Calibration) -> float:
    """The error with which it went back to work."""
    return one.as_left if one.as_left is not None else one.as_found or 0.0


def _drift(records: Sequence[Calibration], params: Params) -> _Drift | None:
    rates = [
        (after.as_found - _left(before)) / (after.at - before.at) * DAY * _YEAR
        for before, after in pairwise(records)
        if after.as_found is not None and after.at > before.at
    ][-params.intervals :]
    if not rates:
        return None
    last, rate = records[-1], median(rates)
    crossing = None
    if rate and abs(_left(last)) <= last.tolerance:
        days = ((last.tolerance if rate > 0 else -last.tolerance) - _left(last)) / rate * _YEAR
        crossing = None if days > _NEVER else last.at + round(days * DAY)
    return _Drift(rate, rates, crossing)


def _beyond(records: Sequence[Calibration], drift: _Drift | None, unit: str, params: Params) -> Spell | None:
    """The last calibration found or left it beyond its tolerance."""
    last = records[-1]
    left = _left(last)
    found = left if last.as_found is None else last.as_found
    still = abs(left) > last.tolerance
    worst = left if still and abs(left) > abs(found) else found
    if abs(worst) <= last.tolerance:
        return None
    before = records[-2] if len(records) > 1 else None
    allowed = f"its tolerance is {amount(last.tolerance, unit)}"
    if still:
        off = f"off by {_signed(left, unit)}"
        how = f"left it {off}" if last.as_left is not None else f"found it {off} and did not adjust it"
        message = f"the calibration of {day(last.at)} {how}: {allowed}"
        action = "adjust or replace the sensor, and judge what was made with it"
    else:
        since = f"since {day(before.at)}" if before else "before"
        message = (
            f"the calibration of {day(last.at)} found it off by {_signed(found, unit)}: {allowed};"
            f" adjusted to {_signed(left, unit)}, what it showed {since} is in doubt"
        )
        action = f"judge what was made with it {since}{_shorter(last, drift)}"
    far = abs(worst) >= params.far * last.tolerance
    return Spell(
        start=last.at if still or before is None else _crossed(before, last),
        end=None if still else last.at,
        statistic=worst,
        limit=last.tolerance,
        unit=unit,
        message=message,
        severity=Severity.HIGH if still or far else Severity.MEDIUM,
        confidence=Confidence.HIGH,
        ne107=Ne107.SPECIFICATION if still else None,
        evidence=_evidence(last, drift),
        action=action,
        key="found",
    )


def _due(records: Sequence[Calibration], drift: _Drift | None, unit: str, params: Params, *, now: int) -> Spell | None:
    """Its drift has used the tolerance up since, or soon will have."""
    if drift is None or drift.crossing is None or drift.crossing > now + params.ahead * DAY:
        return None
    last = records[-1]
    over = drift.crossing <= now
    years = max(now - last.at, 0) / DAY / _YEAR
    by_now = _left(last) + drift.per_year * years
    rate = f"it drifts by {drift.per_year:+.3g}{f' {unit}' if unit else ''} a year, as {len(drift.rates) + 1} calibrations show"
    tolerance = f"its tolerance of {amount(last.tolerance, unit)}"
    message = (
        f"{rate}: past {tolerance} since about {day(drift.crossing)}, last calibrated {day(last.at)}"
        if over
        else f"{rate}: past {tolerance} from about {day(drift.crossing)} on"
    )
    return Spell(
        start=drift.crossing if over else last.at,
        end=None,
        statistic=by_now,
        limit=last.tolerance,
        unit=unit,
        message=message,
        severity=Severity.MEDIUM if over and drift.agrees else Severity.LOW,
        confidence=drift.confidence,
        ne107=Ne107.SPECIFICATION if over else None,
        evidence=_evidence(last, drift) | {"days_until_tolerance": round((drift.crossing - now) / DAY, 1)},
        action="calibrate it now" if over else f"calibrate it before {day(drift.crossing)}",
        second_cause="it drifts no more as it did: exchanged, or repaired, since the records were made",
        key="due",
    )


def _crossed(before: Calibration, last: Calibration) -> int:
    """µs UTC, when a straight line from as left to as found leaves the tolerance."""
    start, found = _left(before), last.as_found or 0.0
    if abs(start) >= last.tolerance or abs(found) <= last.tolerance:
        return before.at
    edge = last.tolerance if found > 0 else -last.tolerance
    return before.at + round((last.at - before.at) * (edge - start) / (found - start))


def _shorter(last: Calibration, drift: _Drift | None) -> str:
    """How often it needs a calibration, where that is less often than daily nonsense."""
    if drift is None or not drift.per_year:
        return ""
    months = int(last.tolerance / abs(drift.per_year) * 12)
    return f", and calibrate it every {months} months" if months >= 1 else ", and find out why it drifts so fast"


def _evidence(last: Calibration, drift: _Drift | None) -> dict[str, float | str | int | None]:
    return {
        "calibrated": day(last.at),
        "as_found": last.as_found,
        "as_left": _left(last),
        "tolerance": last.tolerance,
        "drift_per_year": drift.per_year if drift else None,
        "intervals": len(drift.rates) if drift else 0,
        "tolerance_used_up": day(drift.crossing) if drift and drift.crossing is not None else None,
        "record": last.where,
        # no samples were looked at
        **dict.fromkeys(("rows", "window_s", "bad_s", "spells")),
    }


def _signed(value: float, unit: str) -> str:
    return f"{value:+.4g} {unit}".rstrip()


CHECK = Check(
    id="calibration-drift",
    title="Drift between calibrations",
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    ne107=Ne107.MAINTENANCE,
    params=Params,
    judge=judge,
    second_cause="the reference was wrong, or the record has a wrong sign or unit",
    action="calibrate it, and note as found and as left",
    references=("ISO 9001:2015 7.1.5.2", "ILAC-G24 / OIML D 10", "NAMUR NE 107"),
    learns=False,
)
