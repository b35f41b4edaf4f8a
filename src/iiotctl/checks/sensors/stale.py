"""Nothing new comes any more: never delivered, stopped since, or heartbeats only.

## What it looks for

A tag that says nothing at this moment. A silence that ended is a `gap`; a value that is measured again and again and does
not move is a `flat-line`.

## Why it matters in a plant

A display that holds the last value looks healthy. A subscription that died, a renamed variable or a transmitter without
power is found only by asking how old the newest row is, compared with *now*.

## How it decides

- *Never delivered*: the tag is known and has no row at all.
- *Stopped*: the newest row is older than the limit of `gap`: max(`least` = 60 s, `factor` = 3 · p99.9 of the time between
  rows in the baseline). A tag that reports on change is judged by three of its heartbeats; without a heartbeat its
  silence proves nothing, and what exceeds three times its longest silence in the baseline is `low`.
- *Heartbeats only*: a tag with deadband and heartbeat sends rows at the pace of the heartbeat alone and no change for more
  than `quiet` = 10 · the longest such time in the baseline and for an hour at least.

*Now* is the end of the range that was asked about, or the clock; for tags of an imported file the newest row of all that
was imported. An open gap that the capture recorded is the cause; a capture that was stopped on purpose is `info`.

## What to do

Is the source there (`iiotctl capture status`), does it still know the tag (`iiotctl tags check --live`), has the
transmitter power?

## When it is wrong

The machine was taken out of use; an export of one tag ends earlier than that of the others.

## References

PI System Management Tools (its list of stale and bad tags); OPC 10000-4 §7.22.2
(data change filter: what does not change is not reported); NAMUR NE 107.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iiotctl.checks import timeline
from iiotctl.checks.base import Check, Judged, Spell, Unjudged, Verdict
from iiotctl.checks.conclude import instant, span
from iiotctl.checks.features.columns import HOUR, SECOND
from iiotctl.checks.series import runs
from iiotctl.findings import Confidence, Ne107, Severity
from iiotctl.samples import GapReason

if TYPE_CHECKING:
    from iiotctl.checks.tagdata import TagData


@dataclass(frozen=True, slots=True)
class Params:
    """How long a tag may be silent.

    Attributes:
        least: s, a shorter silence is none.
        factor: times the p99.9 of the time between rows in the baseline, or the heartbeat.
        quiet: times the longest time of the baseline in which nothing but heartbeats came.
    """

    least: float = 60.0
    factor: float = 3.0
    quiet: float = 10.0


def judge(data: TagData, params: Params) -> Verdict:
    """Judge the newest row and the newest change against now.

    Args:
        data: `last_row`, `last_change`, `now`; columns `rows`, `apart` (s), `apart_med` (s), `same`, `steps`.
        params: limits.
    """
    if data.last_row is None:
        return _never(data)
    allowed = timeline.silence(data, params.least, params.factor)
    if allowed is None:
        return Unjudged("fewer than two rows: nothing tells how often it reports")
    if data.now - data.last_row > allowed.limit * SECOND:
        if timeline.explained(timeline.shifts(data), data.last_row, data.now):
            return Judged()
        return Judged((_stopped(data, data.last_row, allowed),))
    return Judged(tuple(_heartbeats(data, data.last_row, params)))


def _never(data: TagData) -> Verdict:
    start = data.features.start
    known = timeline.cause(data, start, data.now)
    message = "it never delivered a row" + (f": {timeline.cause_text(known)}" if known else "")
    seconds = max(0, data.now - start) / SECOND
    return Judged((Spell(start, None, seconds, 0.0, message, unit="s", key="never"),))


def _stopped(data: TagData, last: int, allowed: timeline.Silence) -> Spell:
    now = data.now
    message = f"no row since {instant(last)}, {span(now - last)} ago"
    severity, confidence, second = None, None, ""
    known = timeline.cause(data, last, now)
    if known is not None and (known.end is None or known.end >= now):
        message += f": {timeline.cause_text(known)}"
        severity = Severity.INFO if known.reason == GapReason.SHUTDOWN else None
    elif not allowed.sure:
        severity, confidence = Severity.LOW, Confidence.LOW
        second = "it reports on change without a heartbeat, and its value does not change"
    return Spell(
        start=last,
        end=None,
        statistic=(now - last) / SECOND,
        limit=round(allowed.limit, 3),
        unit="s",
        message=message,
        severity=severity,
        confidence=confidence,
        second_cause=second,
        evidence={"reason": known.reason if known else None},
    )


def _heartbeats(data: TagData, last: int, params: Params) -> list[Spell]:
    """Rows come at the pace of the heartbeat and bring nothing new, where they used to."""
    import numpy as np

    info, features, changed = data.info, data.features, data.last_change
    if not info.heartbeat or changed is None or "same" not in features.columns:
        return []
    idle = (features["rows"] > 0) & (features["same"] == features["steps"])
    before = data.learning if data.learning.any() else features.times() < changed
    longest = max((stop - first for first, stop in runs(idle & before)), default=0) * features.window
    limit = max(HOUR, params.quiet * longest)
    if last - changed <= limit:
        return []
    since = features["apart_med"][max(0, features.row_of(changed) + 1) :]
    pace = float(np.nanmedian(since)) if np.isfinite(since).any() else 0.0
    if pace < 0.8 * info.heartbeat:
        return []
    return [
        Spell(
            start=changed,
            end=None,
            statistic=(last - changed) / SECOND,
            limit=limit / SECOND,
            unit="s",
            message=f"nothing but heartbeats for {span(last - changed)}: no change since {instant(changed)}",
            severity=Severity.MEDIUM if longest else Severity.LOW,
            confidence=Confidence.LOW,
            second_cause="the process rests for longer than ever in the baseline",
            key="heartbeats",
        )
    ]


CHECK = Check(
    id="stale",
    title="Stale",
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    ne107=Ne107.FAILURE,
    params=Params,
    judge=judge,
    second_cause="the machine was taken out of use, or the tag was renamed at its source",
    action="see whether the source is there (`iiotctl capture status`) and still knows the tag (`iiotctl tags check --live`)",
    references=("OPC 10000-4 §7.22.2", "NAMUR NE 107"),
    learns=False,
    needs=frozenset({"rows", "apart", "apart_med", "same", "steps"}),
)
