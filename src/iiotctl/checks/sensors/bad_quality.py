"""The source itself says that the value is Bad or Uncertain.

## What it looks for

Rows whose status code is Bad or Uncertain, short blips apart from what lasts; and what Good values are said to be: overridden
by hand, clamped, at a limit, constant.

## Why it matters in a plant

Transmitter, card and server often know better than any statistic that something is wrong, and hardly anybody reads it: the
status is lost on the way into a spreadsheet, and the number beside it looks as good as any.

## How it decides

By window, worst code first. Rows less than `join` = 10 min apart are one stretch; the code that most of it has is named and
gives severity and NE 107 state: F for failures of sensor, device and link, C for out of service, override, substituted and
simulated values, S for what lies outside of its range, M for calibration and accuracy. A stretch with fewer than `fewest` = 3
rows or less than `least` = 60 s of such rows is a blip: `low`. Failures of sensor or device that last for `long` = 10 min are
`high`. Codes below 0x100 are qualities of OPC DA: 0xC0 Good, 0x40 Uncertain, less is Bad. Limit bits are `info`.

What the baseline has, too, is normal. Where at least `habit` = 5 % of its windows hold such rows, only the excess counts: a
share of rows over 30 windows above 1.5 · the largest one of the baseline + 5 %. Where it has at least two such stretches,
one that is not 1.5 · longer than they are is `low`. A tag of which every row is so is named all the same.

## What to do

As the code says: sensor and wiring for a sensor failure, the link for a communication error, the list of overrides for
substituted values.

## When it is wrong

The source marks values of a stopped machine as Bad on purpose; a collector maps codes wrongly.

## References

OPC 10000-4 §7.39 (status codes, limit bits); OPC 10000-8 §7.3 (codes of data access); OPC DA 2.05a §6.8 (quality flags);
NAMUR NE 107.
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
from iiotctl.checks.statuscodes import Said, said
from iiotctl.findings import Confidence, Ne107, Severity

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.tagdata import TagData

_SHARE_WINDOWS: Final = 30
_EXCESS: Final = 1.5
_MORE: Final = 0.05
_SOLID: Final = 0.8
"""With such rows for less of a stretch than this they are scattered over it."""
_ALL: Final = 0.99
_KEYS: Final = {3: "", 2: "uncertain", 1: "note"}


@dataclass(frozen=True, slots=True)
class Params:
    """What counts as lasting.

    Attributes:
        join: min, rows less far apart are one stretch.
        fewest: rows, fewer are a blip.
        least: s, less is a blip.
        long: min, from when on a failure of sensor or device is `high`.
        habit: share of windows of the baseline from which on such rows are normal.
    """

    join: float = 10.0
    fewest: int = 3
    least: float = 60.0
    long: float = 10.0
    habit: float = 0.05


@dataclass(frozen=True, slots=True)
class _Grade:
    """Windows whose worst row is of one grade.

    Attributes:
        grade: of `statuscodes.Said`.
        count: (n,) rows of this grade.
        rows: (n,) all rows.
        code: (n,) worst code.
    """

    grade: int
    count: npt.NDArray[np.float64]
    rows: npt.NDArray[np.float64]
    code: npt.NDArray[np.int64]

    @property
    def is_all(self) -> bool:
        """Whether hardly any row is otherwise."""
        return bool(self.count.sum() >= _ALL * self.rows.sum())

    def codes(self, first: int, stop: int) -> list[int]:
        """Codes of a stretch, the most frequent first."""
        import numpy as np

        of = self.count[first:stop] > 0
        codes, which = np.unique(self.code[first:stop][of], return_inverse=True)
        weight = np.bincount(which, self.count[first:stop][of])
        return [int(code) for code in codes[np.argsort(-weight, kind="stable")]]


def judge(data: TagData, params: Params) -> Verdict:
    """Stretches of rows that are not simply Good.

    Args:
        data: columns `rows`, `bad`, `uncertain`, `worst`, `apart_med` (s).
        params: limits.
    """
    if not (data.features["rows"] > 0).any():
        return Unjudged("no rows")
    found: list[Spell] = []
    for one in _grades(data):
        stretches, known = _stretches(data, one, params)
        for first, stop in stretches:
            if timeline.is_judged(data, data.features.time_of(first), data.features.time_of(stop) - 1):
                found.append(_spell(data, one, (first, stop), known, params))
    return Judged(tuple(sorted(found, key=lambda spell: spell.start)))


def _grades(data: TagData) -> list[_Grade]:
    import numpy as np

    features = data.features
    rows = features["rows"].astype(np.float64)
    worst = np.nan_to_num(features["worst"]).astype(np.int64)
    codes, which = np.unique(worst, return_inverse=True)
    grade = np.array([said(int(code)).grade for code in codes])[which]
    # of what the counts do not know (OPC DA, notes on Good) all rows of the window are taken
    counted = {3: features["bad"], 2: features["uncertain"], 1: np.zeros(len(rows))}
    return [
        _Grade(of, np.where(grade == of, np.where(count > 0, count, rows), 0.0), rows, worst)
        for of, count in counted.items()
        if (grade == of).any()
    ]


def _stretches(data: TagData, one: _Grade, params: Params) -> tuple[list[tuple[int, int]], float]:
    """Stretches of windows, and how many rows a stretch may have that the baseline knows."""
    having, mask = one.rows > 0, one.count > 0
    if one.is_all:
        return runs(having, join=len(having)), 0.0
    join = round(params.join * MINUTE / data.features.window)
    learning = data.learning & having
    usual = mask & learning
    if learning.any() and usual.sum() >= params.habit * learning.sum():
        return runs(mask & _excess(one, learning), join=join), 0.0
    before = [float(one.count[first:stop].sum()) for first, stop in runs(usual, join=join)]
    return runs(mask, join=join), _EXCESS * max(before) if len(before) > 1 else 0.0


def _excess(one: _Grade, learning: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Windows around which the share of such rows is larger than ever in the baseline."""
    import numpy as np

    def around(column: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        summed = np.concatenate([[0.0], np.cumsum(column)])
        at = np.arange(len(column))
        half = _SHARE_WINDOWS // 2
        return np.asarray(summed[np.minimum(at + half, len(column))] - summed[np.maximum(at - half, 0)])

    share = around(one.count) / np.maximum(around(one.rows), 1.0)
    return np.asarray(share > _EXCESS * share[learning].max() + _MORE)


def _spell(data: TagData, one: _Grade, at: tuple[int, int], known: float, params: Params) -> Spell:
    first, stop = at
    interval = timeline.interval_of(data)
    count, rows = float(one.count[first:stop].sum()), float(one.rows[first:stop].sum())
    codes = one.codes(first, stop)
    what = said(codes[0])
    seconds = count * interval if math.isfinite(interval) else 0.0
    start, end = _edges(data, one, at, interval)
    blip = count < params.fewest or seconds < params.least
    severity = what.severity
    if severity is Severity.HIGH and seconds < params.long * MINUTE / SECOND:
        severity = Severity.MEDIUM
    if (blip or count <= known) and severity.reaches(Severity.LOW):
        severity = Severity.LOW
    lasting = not blip and not (one.rows[stop:] > 0).any()
    return Spell(
        start=start,
        end=None if lasting else end,
        statistic=count,
        limit=round(max(float(params.fewest), known), 3),
        unit="rows",
        message=_message(
            what, int(count), end - start, solid=seconds * SECOND >= _SOLID * (end - start), also=codes[1:4]
        ),
        severity=severity,
        confidence=Confidence.HIGH,
        ne107=what.ne107,
        evidence={"code": f"0x{codes[0]:08X}", "name": what.name, "share": round(count / rows, 4)},
        key=_KEYS[one.grade],
    )


def _edges(data: TagData, one: _Grade, at: tuple[int, int], interval: float) -> tuple[int, int]:
    """From when to when: in its first window such rows stand at the end, in its last one at the beginning."""
    features, (first, stop) = data.features, at
    start, end = features.time_of(first), features.time_of(stop)
    if stop - first > 1 and math.isfinite(interval):
        lengths = [round(float(one.count[row]) * interval * SECOND) for row in (first, stop - 1)]
        head, tail = (min(length, features.window) for length in lengths)
        return start + features.window - head, end - features.window + tail
    return start, end


def _message(what: Said, count: int, length: int, *, solid: bool, also: list[int]) -> str:
    text = f"status {what.name}" + (f" ({what.words})" if what.words else "")
    if what.limit and what.limit != what.words:
        text += f", {what.limit}"
    if count == 1:
        text += " on 1 row"
    else:
        text += f" for {span(length)}" if solid else f" on {count} rows within {span(length)}"
    return text + (f"; also {', '.join(said(code).name for code in also)}" if also else "")


CHECK = Check(
    id="bad-quality",
    title="Bad quality",
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    ne107=Ne107.FAILURE,
    params=Params,
    judge=judge,
    second_cause="the source marks values of a stopped machine so on purpose, or a collector maps codes wrongly",
    action="follow the code: sensor and wiring, the link, or the list of overrides",
    references=("OPC 10000-4 §7.39", "OPC 10000-8 §7.3", "NAMUR NE 107"),
    learns=False,
    needs=frozenset({"rows", "bad", "uncertain", "worst", "apart_med"}),
)
