"""A loop's commissioning judged from its samples: injections, range, unit, noise, response time, times, qualities. Pure.

When a loop is checked, a calibrator feeds 0, 50 and 100 % one after the other, and each is held for a while. Such
plateaus are found in the samples; nothing has to be noted by hand. What the samples cannot tell is `open`, with the
reason, never passed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from iiotctl import quality as codes
from iiotctl.checks.plateaus import GOALS, Plateau, injected, percent, plateaus
from iiotctl.findings import Severity

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.tagdata import TagData
    from iiotctl.findings import Finding

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

_SECOND: Final = 1e6
_NORMAL: Final = 1.4826
"""Standard deviation over median absolute deviation of a normal distribution."""


class Outcome(StrEnum):
    """Of an item or a loop."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    OPEN = "not verifiable"


@dataclass(frozen=True, slots=True)
class Params:
    """Thresholds; they stand on the sheet.

    Attributes:
        hold: s, a level that is held at least so long is a plateau.
        flat: % of span, from smallest to largest value of a plateau, behind a running median that takes the noise away.
        near: % of span, a plateau within it of 0, 50 or 100 % is taken for that injection.
        tolerance: % of span, largest error of an injection.
        noise: % of span, largest standard deviation of the sensor's noise on a plateau.
        response: s, longest time from 10 to 90 % of a step.
        step: % of span, smallest step whose response is measured.
        below, above: % of span, beyond 0 and 100 % that NE 43 still counts as measuring range.
        good: %, least share of rows with a Good status.
        interval: longest interval between rows, as a multiple of the median interval.
        delay: s, largest distance of arrival from the row's own time.
    """

    hold: float = 20.0
    flat: float = 1.0
    near: float = 5.0
    tolerance: float = 0.5
    noise: float = 0.25
    response: float = 15.0
    step: float = 15.0
    below: float = 1.25
    above: float = 3.125
    good: float = 99.9
    interval: float = 5.0
    delay: float = 5.0


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a loop.

    Attributes:
        name: what was looked at.
        outcome: pass, fail or not verifiable.
        found: what was measured, with unit; or "".
        limit: against what, with unit; or "".
        reason: why not verifiable, or what failed; or "".
    """

    name: str
    outcome: Outcome
    found: str = ""
    limit: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Loop:
    """One tag.

    Attributes:
        tag, description, unit: facts.
        span: engineering units, or None.
        items: lines in the order of the sheet.
        rows: rows looked at.
    """

    tag: str
    description: str
    unit: str
    span: tuple[float, float] | None
    items: tuple[Item, ...]
    rows: int

    @property
    def outcome(self) -> Outcome:
        """Fail if an item fails; pass only if every item passes."""
        outcomes = {item.outcome for item in self.items}
        return Outcome.FAIL if Outcome.FAIL in outcomes else Outcome.OPEN if Outcome.OPEN in outcomes else Outcome.PASS


def judge(
    data: TagData,
    ts: Ints,
    value: Floats,
    quality: npt.NDArray[np.uint32],
    *,
    findings: Sequence[Finding] = (),
    audited: bool = True,
    params: Params | None = None,
) -> Loop:
    """One loop's items.

    Args:
        data: facts, notes of the store about the order of times, and arrival.
        ts: (n,) µs UTC, ascending.
        value: (n,) NaN where there is no number.
        quality: (n,) OPC UA status codes.
        findings: of the audit over the same range.
        audited: the audit could judge this tag.
        params: thresholds; None = the defaults.
    """
    import numpy as np

    chosen = params or Params()
    info = data.info
    span = info.span if info.span and info.span[1] > info.span[0] else None
    usable = np.isfinite(value) & (quality < codes.BAD)
    ts_, value_ = ts[usable], value[usable]
    held = plateaus(ts_, value_, span, chosen) if span else []
    fed = injected(held, span, chosen) if span else []
    items = [
        *_injections(held, span, chosen, info.unit),
        _range(value_, span, chosen, info.unit),
        _unit(data),
        _noise(value_, fed, span, chosen, info.unit),
        _response(ts_, value_, fed, span, chosen),
        _times(data, ts, chosen),
        _good(quality, chosen),
        _audited(info.tag, findings, audited=audited),
    ]
    return Loop(info.tag, info.description, info.unit, span, tuple(items), len(ts))


_NOT_INJECTED: Final = "no injection seen: what moves here may be the process"


def _injections(held: Sequence[Plateau], span: tuple[float, float] | None, params: Params, unit: str) -> list[Item]:
    limit = f"± {params.tolerance:g} % of span"
    if span is None:
        reason = "the measuring range is not known: `span` of the tag in the site file"
        return [Item(f"{goal:g} %", Outcome.OPEN, limit=limit, reason=reason) for goal in GOALS]
    near = {goal: [p for p in held if abs(percent(p.level, span) - goal) <= params.near] for goal in GOALS}
    if not (near[0.0] and near[100.0]):
        reason = "no injection seen: 0 % and 100 % of the span were not both held"
        return [Item(f"{goal:g} %", Outcome.OPEN, limit=limit, reason=reason) for goal in GOALS]
    items = []
    for goal in GOALS:
        if not near[goal]:
            reason = f"{goal:g} % was not held for {params.hold:g} s"
            items.append(Item(f"{goal:g} %", Outcome.OPEN, limit=limit, reason=reason))
            continue
        level = min((p.level for p in near[goal]), key=lambda level: abs(percent(level, span) - goal))
        error = percent(level, span) - goal
        outcome = Outcome.PASS if abs(error) <= params.tolerance else Outcome.FAIL
        items.append(Item(f"{goal:g} %", outcome, f"{level:.5g} {unit}".strip() + f", error {error:+.2f} %", limit))
    return items


def _range(value: Floats, span: tuple[float, float] | None, params: Params, unit: str) -> Item:
    limit = f"-{params.below:g} to {100 + params.above:g} % of span (NE 43)"
    if not len(value):
        return Item("range", Outcome.OPEN, limit=limit, reason="no usable value")
    low, high = float(value.min()), float(value.max())
    found = f"{low:.5g} to {high:.5g} {unit}".strip()
    if span is None:
        return Item("range", Outcome.OPEN, found, limit, "the measuring range is not known")
    inside = percent(low, span) >= -params.below and percent(high, span) <= 100 + params.above
    return Item("range", Outcome.PASS if inside else Outcome.FAIL, found, limit)


def _unit(data: TagData) -> Item:
    seen = list(dict.fromkeys(unit for _, unit in data.info.units_seen if unit))
    if len(seen) > 1:
        return Item("unit", Outcome.FAIL, " then ".join(seen), "one unit", "the unit changed within the range")
    if not data.info.unit:
        return Item("unit", Outcome.OPEN, limit="one unit", reason="no unit is known")
    return Item("unit", Outcome.PASS, data.info.unit, "one unit")


def _noise(value: Floats, fed: Sequence[Plateau], span: tuple[float, float] | None, params: Params, unit: str) -> Item:
    import numpy as np

    limit = f"{params.noise:g} % of span"
    if span is None or not fed:
        reason = "the measuring range is not known" if span is None else _NOT_INJECTED
        return Item("noise", Outcome.OPEN, limit=limit, reason=reason)
    pieces = [value[p.first : p.stop] for p in fed]
    sigma = max(_NORMAL * float(np.median(np.abs(piece - np.median(piece)))) for piece in pieces)
    share = 100 * sigma / (span[1] - span[0])
    outcome = Outcome.PASS if share <= params.noise else Outcome.FAIL
    return Item("noise", outcome, f"{sigma:.3g} {unit}".strip() + f", {share:.2g} % of span", limit)


def _response(
    ts: Ints, value: Floats, fed: Sequence[Plateau], span: tuple[float, float] | None, params: Params
) -> Item:
    """The slowest of the steps from plateau to plateau, 10 to 90 % of the step."""
    limit = f"{params.response:g} s from 10 to 90 % of a step"
    if span is None:
        return Item("response time", Outcome.OPEN, limit=limit, reason="the measuring range is not known")
    least = params.step / 100 * (span[1] - span[0])
    steps = [(before, after) for before, after in itertools.pairwise(fed) if abs(after.level - before.level) >= least]
    if not steps:
        reason = f"no step of {params.step:g} % of span between injected levels" if fed else _NOT_INJECTED
        return Item("response time", Outcome.OPEN, limit=limit, reason=reason)
    took, fastest = max(_rise(ts, value, before, after) for before, after in steps)
    found = f"{took:.3g} s" if took > fastest else f"less than {fastest:.3g} s, the interval of the rows"
    if took > params.response and fastest > params.response:
        return Item("response time", Outcome.OPEN, found, limit, "rows come too seldom")
    return Item("response time", Outcome.PASS if took <= params.response else Outcome.FAIL, found, limit)


def _rise(ts: Ints, value: Floats, before: Plateau, after: Plateau) -> tuple[float, float]:
    """s from 10 to 90 % of a step, and the longest interval of the rows there."""
    import numpy as np

    first, stop = max(before.stop - 1, 0), min(after.first + 1, len(ts))
    # the plateau that follows begins within its width of the level: all of the step lies before
    share = (value[first:stop] - before.level) / (after.level - before.level)
    at = ts[first:stop] / _SECOND
    apart = float(np.max(np.diff(at))) if len(at) > 1 else 0.0
    above_10, above_90 = np.flatnonzero(share > 0.1), np.flatnonzero(share >= 0.9)  # noqa: PLR2004
    if not len(above_10) or not len(above_90):
        return apart, apart
    return max(_crossing(at, share, int(above_90[0]), 0.9) - _crossing(at, share, int(above_10[0]), 0.1), 0.0), apart


def _crossing(at: Floats, share: Floats, row: int, goal: float) -> float:
    """When a line from the row before crosses a share of the step."""
    if row == 0 or share[row] == share[row - 1]:
        return float(at[row])
    part = (goal - share[row - 1]) / (share[row] - share[row - 1])
    return float(at[row - 1] + min(max(part, 0.0), 1.0) * (at[row] - at[row - 1]))


def _times(data: TagData, ts: Ints, params: Params) -> Item:
    import numpy as np

    limit = (
        f"in order, each once; longest interval {params.interval:g} times the median; arrival within {params.delay:g} s"
    )
    if len(ts) < 3:  # noqa: PLR2004 - two intervals
        return Item("timestamps", Outcome.OPEN, limit=limit, reason="fewer than three rows")
    wrong = [f"{sum(d.rows for d in data.disorder if d.kind == kind)} {kind}" for kind in _kinds(data)]
    apart = np.diff(ts) / _SECOND
    median, longest = float(np.median(apart)), float(apart.max())
    found = f"every {median:.3g} s, longest {longest:.3g} s"
    if data.info.mode != "exception" and median > 0 and longest > params.interval * median:
        wrong.append(f"an interval of {longest:.3g} s")
    behind = _furthest(data, "behind")
    ahead = _furthest(data, "ahead")
    if behind is None or ahead is None:
        outcome, reason = Outcome.OPEN, "arrival was not kept, so the clock cannot be compared"
    else:
        worst = max(behind, -ahead)
        found += f", arrival within {worst:.3g} s"
        outcome, reason = Outcome.PASS, ""
        if worst > params.delay:
            wrong.append(f"arrival {worst:.3g} s off")
    if wrong:
        return Item("timestamps", Outcome.FAIL, found, limit, ", ".join(wrong))
    return Item("timestamps", outcome, found, limit, reason)


def _kinds(data: TagData) -> list[str]:
    return sorted({one.kind for one in data.disorder})


def _furthest(data: TagData, column: str) -> float | None:
    """Largest `behind` or smallest `ahead` of the judged windows, s; None where arrival was not kept."""
    import numpy as np

    if column not in data.features.columns:
        return None
    values: Any = data.features[column][data.judged]
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    found = float(values.max() if column == "behind" else values.min())
    return found if math.isfinite(found) else None


def _good(quality: npt.NDArray[np.uint32], params: Params) -> Item:
    import numpy as np

    limit = f"at least {params.good:g} % Good"
    if not len(quality):
        return Item("quality", Outcome.OPEN, limit=limit, reason="no row in the range")
    share = 100.0 * float(np.mean(quality < codes.UNCERTAIN))
    return Item("quality", Outcome.PASS if share >= params.good else Outcome.FAIL, f"{share:.4g} % Good", limit)


def _audited(tag: str, findings: Sequence[Finding], *, audited: bool) -> Item:
    """The checks of the audit; what it found of a loop under test belongs to the sheet."""
    mine = [one for one in findings if tag in (one.tag, *one.tags) and one.severity.reaches(Severity.MEDIUM)]
    limit = "no finding of medium or above"
    if mine:
        return Item("audit", Outcome.FAIL, ", ".join(sorted({one.check for one in mine})), limit, mine[0].message)
    if not audited:
        return Item("audit", Outcome.OPEN, limit=limit, reason="the audit could not judge this tag: no baseline yet")
    return Item("audit", Outcome.PASS, "nothing found", limit)


@dataclass(frozen=True, slots=True)
class Sheet:
    """All loops, for signature.

    Attributes:
        loops: by tag.
        params: thresholds that were used.
    """

    loops: tuple[Loop, ...]
    params: Params

    @property
    def counts(self) -> dict[Outcome, int]:
        """Loops by outcome."""
        return {outcome: sum(loop.outcome is outcome for loop in self.loops) for outcome in Outcome}
