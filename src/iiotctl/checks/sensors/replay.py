"""A stretch of values comes a second time, exactly.

## What it looks for

The same long sequence of values as some time before, digit for digit, at a constant distance in time. A real measurement
never repeats itself exactly: its noise does not.

## Why it matters in a plant

A buffer that is sent again with new times, a gateway that loops over old data, a historian that was filled with a copy,
a simulator left on, or somebody who wants the control room to see a quiet plant while something else goes on. Whatever it
is, what is shown is not what the process does.

## How it decides

Of every 32 consecutive values a hash is made, about one in 32 of them is kept (chosen by the hash itself, so that equal
stretches keep the same ones), unless the values hardly change. The same hash at two times is a match. It fires where at
least `matches` = 5 of them follow each other within 10 min (or 320 rows) at the same distance in time, to `tolerance` =
2 s, and the distance is more than `apart` = 5 min. Later rows are the repeat. Hashes that the baseline has more than once,
or the data more than eight times, belong to a value that repeats itself by nature and are ignored. From 10 matches it is
`high`, below `medium`. Smooth values in coarse steps come again by chance: where the baseline shows the same hash twice, it
takes `chance` = 3 times the longest such stretch of the baseline, and up to twice of that, or of 10 matches, it is `low`.

## What to do

Find out what sent these rows: buffer, gateway, copy of a historian, simulator. If nothing explains it, treat it as a
security incident: keep the raw data and tell those who are responsible for it.

## When it is wrong

A computed or simulated value with an exact period that the baseline did not see. Values that hardly change, or few rows,
cannot be told from a repeat and are not judged.

## References

Karp and Rabin 1987 (rolling hash); Schleimer, Wilkerson and Aiken, *Winnowing* (SIGMOD 2003); MITRE ATT&CK for ICS T0856
(spoof reporting message).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from iiotctl.checks.base import Check, Judged, Skipped, Spell, Unjudged, Verdict
from iiotctl.checks.conclude import instant, span
from iiotctl.checks.features.columns import HOUR, MINUTE, SECOND
from iiotctl.checks.kinds import kind_of
from iiotctl.checks.timeline import interval_of
from iiotctl.findings import Confidence, Ne107, Severity

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.tagdata import Anchors, TagData

_LENGTH: Final = 32
"""Rows that a hash is made of."""
_EARLIER: Final = 3
"""So many earlier places of a hash are looked at."""
_NEAR: Final = 10 * MINUTE
_NEAR_ROWS: Final = 320
_MOST: Final = 1000
"""Repeated hashes that a baseline keeps; more are a value that repeats itself by nature."""
_REST: Final = 2 * HOUR
"""A rest of the process within a repeat, in which nothing can match."""
_OFTEN: Final = 8
"""A hash that is there more often belongs to a period, not to a repeat."""
_SURE: Final = 10


@dataclass(frozen=True, slots=True)
class Params:
    """What counts as a repeat.

    Attributes:
        matches: equal hashes at one distance.
        tolerance: s, by which the distance may differ.
        apart: s, least distance.
        chance: times the longest repeat of the baseline.
    """

    matches: int = 5
    tolerance: float = 2.0
    apart: float = 300.0
    chance: float = 3.0


@dataclass(frozen=True, slots=True)
class _Repeat:
    """µs UTC of the first and last match of the later stretch, distance to the earlier one, matches."""

    start: int
    end: int
    distance: int
    matches: int


def learn(data: TagData, params: Params) -> dict[str, Any]:
    """Hashes that occur more than once in the learning period.

    Args:
        data: with `anchors`.
        params: `tolerance`, `apart`.

    Returns:
        `repeated`: hexadecimal, at most 1000 of `count`; `run`: matches of the longest repeat.
    """
    import numpy as np

    from iiotctl.checks.tagdata import Anchors

    if data.anchors is None:
        return {"repeated": [], "count": 0.0, "run": 0.0}
    inside = _within(data, data.learning)
    hashes, often = np.unique(data.anchors.hash[inside], return_counts=True)
    repeated = hashes[often > 1]
    run = 0
    if 0 < len(repeated) <= _MOST:
        found = _repeats(
            Anchors(data.anchors.ts[inside], data.anchors.hash[inside]), replace(params, matches=1), _near(data)
        )
        run = max((one.matches for one in found), default=0)
    return {
        "repeated": [f"{one:x}" for one in repeated[:_MOST].tolist()],
        "count": float(len(repeated)),
        "run": float(run),
    }


def judge(data: TagData, params: Params) -> Verdict:
    """Stretches that were there before.

    Args:
        data: with `anchors`.
        params: limits.
    """
    import numpy as np

    kind = kind_of(data)
    if kind.skip:
        return Skipped(kind.skip)
    if data.anchors is None:
        return Unjudged("no hashes were made of its values")
    if data.learnt and float(data.learnt["count"]) > _MOST:  # type: ignore[arg-type]
        return Unjudged("it repeats itself by nature: the baseline is full of equal stretches")
    if len(data.anchors.ts) < params.matches:
        return Unjudged("its values change too little, or are too few, to tell a repeat")
    anchors = _counting(data)
    judged = _within(data, data.judged)
    by_chance = params.chance * float(data.learnt.get("run", 0.0))  # type: ignore[arg-type]
    limit = max(params.matches, math.ceil(by_chance))
    repeats = _repeats(anchors, replace(params, matches=limit), _near(data))
    times = data.anchors.ts[judged]
    begun = [
        one for one in repeats if np.searchsorted(times, one.start) < np.searchsorted(times, one.end, side="right")
    ]
    sure = _SURE if not by_chance else 2 * max(_SURE, limit)
    return Judged(
        tuple(_spell(data, one, limit, sure, by_chance=by_chance > 0) for one in _merged(begun, params.tolerance))
    )


def _counting(data: TagData) -> Anchors:
    """Those that neither the baseline has more than once nor the whole of it again and again."""
    import numpy as np

    from iiotctl.checks.tagdata import Anchors

    assert data.anchors is not None
    told: Any = data.learnt.get("repeated", [])
    usual = np.array([int(one, 16) for one in told], np.uint64)
    _, code, often = np.unique(data.anchors.hash, return_inverse=True, return_counts=True)
    new = ~np.isin(data.anchors.hash, usual) & (often[code] <= _OFTEN)
    return Anchors(data.anchors.ts[new], data.anchors.hash[new])


def _within(data: TagData, windows: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Anchors that lie in some of the windows."""
    import numpy as np

    assert data.anchors is not None
    row = (data.anchors.ts - data.features.start) // data.features.window
    inside = (row >= 0) & (row < len(windows))
    found: npt.NDArray[np.bool_] = inside.copy()
    found[inside] = windows[row[inside]]
    return np.asarray(found, np.bool_)


def _repeats(anchors: Anchors, params: Params, near: int) -> list[_Repeat]:
    """Matches that follow each other at one distance."""
    import numpy as np

    order = np.lexsort((anchors.ts, anchors.hash))
    at, code = anchors.ts[order], anchors.hash[order]
    later, distance = [], []
    for places in range(1, _EARLIER + 1):
        same = np.flatnonzero(code[places:] == code[:-places]) if len(code) > places else np.empty(0, np.int64)
        later.append(at[same + places])
        distance.append(at[same + places] - at[same])
    ts, shift = np.concatenate(later), np.concatenate(distance)
    far = shift > params.apart * SECOND
    ts, shift = ts[far], shift[far]
    order = np.argsort(shift, kind="stable")
    ts, shift = ts[order], shift[order]
    found = []
    for unordered in np.split(np.arange(len(ts)), np.flatnonzero(np.diff(shift) > params.tolerance * SECOND) + 1):
        of_shift = unordered[np.argsort(ts[unordered], kind="stable")]
        for group in np.split(of_shift, np.flatnonzero(np.diff(ts[of_shift]) > near) + 1):
            if len(group) >= params.matches:
                first, last = int(ts[group[0]]), int(ts[group[-1]])
                found.append(_Repeat(first, last, int(np.median(shift[group])), len(group)))
    return found


def _merged(repeats: list[_Repeat], tolerance: float) -> list[_Repeat]:
    """As one: overlapping ones (what was there twice before), and those of one distance with a rest in between.

    The distance is that of the one with most matches.
    """
    found: list[_Repeat] = []
    for one in sorted(repeats, key=lambda each: each.start):
        last = found[-1] if found else None
        if last is None or one.start > last.end + _REST:
            found.append(one)
            continue
        same = abs(one.distance - last.distance) <= tolerance * SECOND
        if same or one.start <= last.end:
            best = max(last, one, key=lambda each: each.matches)
            matches = last.matches + one.matches if same else best.matches
            found[-1] = _Repeat(last.start, max(last.end, one.end), best.distance, matches)
        else:
            found.append(one)
    return found


def _near(data: TagData) -> int:
    """µs within which matches follow each other."""
    return max(_NEAR, int(_NEAR_ROWS * _interval(data)))


def _interval(data: TagData) -> float:
    """µs between two rows; 0 = not known."""
    interval = interval_of(data) * SECOND
    return interval if interval > 0 else 0.0


def _spell(data: TagData, one: _Repeat, limit: int, enough: int, *, by_chance: bool) -> Spell:
    start = one.start - round((_LENGTH - 1) * _interval(data))
    sure = one.matches >= enough
    doubtful = Severity.LOW if by_chance else Severity.MEDIUM
    return Spell(
        start=start,
        end=one.end,
        statistic=float(one.matches),
        limit=float(limit),
        unit="matches",
        message=(
            f"the values of {span(one.end - start)} are exactly those from {instant(start - one.distance)} on, "
            f"{span(one.distance)} before"
        ),
        severity=Severity.HIGH if sure else doubtful,
        confidence=Confidence.HIGH if sure else Confidence.LOW if by_chance else Confidence.MEDIUM,
        evidence={"distance_s": one.distance / SECOND, "from": instant(start - one.distance)},
        second_cause="the same data was imported with another time zone" if one.distance % HOUR < 2 * SECOND else "",
    )


CHECK = Check(
    id="replay",
    title="Replay",
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    ne107=Ne107.FAILURE,
    params=Params,
    judge=judge,
    learn=learn,
    second_cause="a simulated or computed value with an exact period that the baseline did not see",
    action="find out what sent these rows (buffer, gateway, copy); if nothing explains it, report a security incident",
    references=("Karp and Rabin 1987", "Winnowing (SIGMOD 2003)", "MITRE ATT&CK for ICS T0856"),
    needs=frozenset({"anchors"}),
)
