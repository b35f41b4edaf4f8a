"""Rows are missing for a while, and come again.

## What it looks for

A stretch in which the tag sent nothing, with a beginning and an end. A tag that sends nothing until now is `stale`.

## Why it matters in a plant

What happened in a gap nobody knows: an average over it, a total or a trained model fills it with a guess. A gap of one
tag is its cable, its card or its subscription; one of many tags at the same time is a link, a server or the recorder
(then it is one finding with a list of tags).

## How it decides

The time from one row (of any quality) to the next is more than

    limit = max(`least` = 60 s, `factor` = 3 · p99.9 of the longest such time in a window of the baseline)

Rows that are lost one by one stay silent; a gap of fewer than `few` = 10 rows is `low`. Where the capture recorded a gap,
its reason is the cause; a capture that was stopped on purpose is `info`. Silence of a tag that reports only on change is no
gap: what counts there is three heartbeats, else three times the longest silence of the baseline, and then it is only `low`.
So is a hole no longer than 1.5 times the longest one in the baseline. A hole to which a stretch of doubled rows of the same
length belongs is a clock that was set: `clock-skew`.

## What to do

Read the cause. Without one: look at the link's and the card's diagnostics at that time, and at what else is missing then.

## When it is wrong

The device was switched off on purpose, or an export left the time out.

## References

QARTOD gap test (IOOS, *Manual for Real-Time Quality Control*, test 1); OPC 10000-13 (a missing value is no last value).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from iiotctl.checks import timeline
from iiotctl.checks.base import Check, Judged, Spell, Unjudged, Verdict
from iiotctl.checks.conclude import span
from iiotctl.checks.features.columns import SECOND
from iiotctl.checks.tagdata import TagData
from iiotctl.findings import Confidence, Ne107, Severity
from iiotctl.samples import GapReason

_HOUR_S: Final = 3600
_KNOWN: Final = 1.5
"""So many times the longest hole of the baseline is nothing new."""


@dataclass(frozen=True, slots=True)
class Params:
    """What counts as a gap.

    Attributes:
        least: s, a shorter gap is none.
        factor: times the p99.9 of the time between rows in the baseline.
        few: rows, where fewer are missing it is `low`.
    """

    least: float = 60.0
    factor: float = 3.0
    few: int = 10


def judge(data: TagData, params: Params) -> Verdict:
    """Holes that have an end and that no clock explains.

    Args:
        data: columns `rows`, `apart` (s), `apart_med` (s).
        params: limits.
    """
    allowed = timeline.silence(data, params.least, params.factor)
    if allowed is None:
        return Unjudged("fewer than two rows: nothing tells how often it reports")
    shifts = timeline.shifts(data)
    holes = [
        one
        for one in timeline.breaks(data, allowed.limit)
        if timeline.is_judged(data, one.start, one.end) and not timeline.explained(shifts, one.start, one.end)
    ]
    return Judged(tuple(_spell(data, one, allowed, params) for one in holes))


def _spell(data: TagData, hole: timeline.Break, allowed: timeline.Silence, params: Params) -> Spell:
    known = timeline.cause(data, hole.start, hole.end)
    interval = timeline.interval_of(data)
    missing = round(hole.seconds / interval) - 1
    usual = "it reports on change" if allowed.by_exception else f"usually one every {_short(interval)}"
    message = f"no rows for {span(hole.end - hole.start)} ({usual})"
    severity, confidence, second = None, Confidence.HIGH, ""
    if known is not None:
        message += f": {timeline.cause_text(known)}"
    elif not allowed.sure:
        severity, confidence = Severity.LOW, Confidence.LOW
        second = "its value did not change for so long, and it has no heartbeat"
    elif abs(hole.seconds - interval - _HOUR_S) <= 2 * interval:
        second = "a clock was set forward an hour for daylight saving"
    if known is not None and known.reason == GapReason.SHUTDOWN:
        severity = Severity.INFO
    elif data.baseline is not None and hole.seconds <= _KNOWN * timeline.learnt(data, "apart", 1.0):
        severity = Severity.LOW
        message += ", as it happened in the baseline"
    elif missing < params.few:
        severity = Severity.LOW
    return Spell(
        start=hole.start,
        end=hole.end,
        statistic=round(hole.seconds, 3),
        limit=round(allowed.limit, 3),
        unit="s",
        message=message,
        severity=severity,
        confidence=confidence,
        second_cause=second,
        evidence={"missing_rows": missing, "reason": known.reason if known else None},
    )


def _short(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds < 60 else span(round(seconds * SECOND))  # noqa: PLR2004 - a minute


CHECK = Check(
    id="gap",
    title="Gap",
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    ne107=Ne107.FAILURE,
    params=Params,
    judge=judge,
    second_cause="the device was switched off on purpose, or the export left this time out",
    action="look at the diagnostics of link, card and server at that time, and at what else is missing then",
    references=("QARTOD gap test", "NAMUR NE 107"),
    learns=False,
    needs=frozenset({"rows", "apart", "apart_med"}),
)
