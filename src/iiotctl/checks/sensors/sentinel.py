"""A number stands for "no value", and travels on as if it were measured.

## What it looks for

Numbers that software writes when it has nothing to say: the ends of integers (32767, -32768, 65535, 2147483647), the
largest float (3.4e38), -999, 9999 and their like, NaN and infinity with a status that is not Bad; and one far-off value
that comes again and again, always exactly the same.

## Why it matters in a plant

A sentinel is no measurement but enters averages, limits and controllers as one. It is the usual way in which a card or a
driver says "overflow", "not connected" or "division by zero".

## How it decides

*Known numbers*: a value equals one of the list (to 1e-6 of its size) and lies outside of the baseline's range (without one:
of the middle 98 % of the windows' medians) by more than `beyond` = 1 times this range. *Unknown ones*: a value outside by as
much, exactly the same in `again` = 3 stays of `rows` at least, each reached at once, and beyond all that the baseline saw, is
`low`; not where the values before or behind it are as far away, because then the process is there. *NaN and
infinity*: rows whose status is not Bad. `rows` = 3 rows or more are `medium`, fewer `low`; so is what the baseline already
had in one of a hundred rows.

## What to do

Find out who writes the number (card, PLC block, driver, gateway), and let it set a Bad status instead. Until then exclude
the value when reading.

## When it is wrong

The process really has that value, and the baseline never came near.

## References

OPC 10000-4 §7.39 (status codes instead of magic numbers); wetterdienst issue 1921 (a sentinel of -75.00 in years of data).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from iiotctl.checks.base import Check, Judged, Skipped, Spell, Verdict
from iiotctl.checks.conclude import amount, span
from iiotctl.checks.kinds import kind_of
from iiotctl.checks.series import runs
from iiotctl.findings import Confidence, Ne107, Severity

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.features.columns import Features
    from iiotctl.checks.tagdata import TagData

_POSITIVE: Final = (
    999.0,
    999.9,
    9999.0,
    9999.9,
    99999.0,
    999999.0,
    32767.0,
    65535.0,
    2147483647.0,
    4294967295.0,
    1e30,
    1e38,
    3.4028234663852886e38,
)
_NEGATIVE: Final = (
    -99.0,
    -99.9,
    -999.0,
    -999.9,
    -9999.0,
    -99999.0,
    -999999.0,
    -32768.0,
    -32767.0,
    -2147483648.0,
    -1e30,
    -1e38,
    -3.4028234663852886e38,
)
_SAME: Final = 1e-6
_USUAL: Final = 0.01
"""Share of the baseline's rows without a number from which on that is how the tag is."""
_JOIN: Final = 10
"""Windows between that make no second spell."""


@dataclass(frozen=True, slots=True)
class Params:
    """What counts as a sentinel.

    Attributes:
        rows: rows, fewer are `low`.
        beyond: times the baseline's range, outside of it.
        again: stays at the same value, where the number is none of the known ones.
    """

    rows: int = 3
    beyond: float = 1.0
    again: int = 3


def learn(data: TagData, params: Params) -> dict[str, Any]:  # noqa: ARG001 - the shape of a check's `learn`
    """What the learning period has.

    Returns:
        `low`, `high`: 1 % quantile of the windows' smallest and 99 % of their largest values; `least`, `most`: smallest
        and largest value; tag's unit. `odd`: share of rows without a number although not Bad.
    """
    import numpy as np

    features = data.features
    only = data.learning & (features["rows"] > 0)
    if not only.any():
        return {}
    found = {"odd": float(features["odd"][only].sum() / features["rows"][only].sum())}
    only &= features["n"] > 0
    if only.any():
        found["low"] = float(np.quantile(features["min"][only], 0.01))
        found["high"] = float(np.quantile(features["max"][only], 0.99))
        found["least"] = float(features["min"][only].min())
        found["most"] = float(features["max"][only].max())
    return found


def judge(data: TagData, params: Params) -> Verdict:
    """Stays at a sentinel.

    Args:
        data: columns `rows`, `n`, `odd`, `min`, `max`, `median`, `at_min`, `at_max`, `step_max`.
        params: limits.
    """
    kind = kind_of(data)
    if kind.text:
        return Skipped(kind.skip)
    spells = _without_number(data, params)
    if not kind.skip:
        for side in ("low", "high"):
            spells += _at_extreme(data, side, params)
    return Judged(tuple(sorted(spells, key=lambda one: one.start)))


def _without_number(data: TagData, params: Params) -> list[Spell]:
    features = data.features
    usual = data.learnt.get("odd", 0.0)
    always = isinstance(usual, float) and usual >= _USUAL
    spells = []
    for first, stop in runs(data.judged & (features["odd"] > 0), join=_JOIN):
        count = int(features["odd"][first:stop].sum())
        sure = count >= params.rows and not always
        rows = "1 row has" if count == 1 else f"{count} rows have"
        spells.append(
            Spell(
                start=features.time_of(first),
                end=_end(data, stop),
                statistic=float(count),
                limit=0.0,
                unit="rows",
                message=f"{rows} NaN or infinity for a value within {span((stop - first) * features.window)}, "
                "although the status is not Bad" + (", as in the baseline" if always else ""),
                severity=Severity.MEDIUM if sure else Severity.LOW,
                key="no-number",
            )
        )
    return spells


def _at_extreme(data: TagData, side: str, params: Params) -> list[Spell]:
    import numpy as np

    features = data.features
    value = features["min" if side == "low" else "max"]
    known = data.judged & (features["n"] > 0)
    usual = _usual(data)
    if usual is None or not known.any():
        return []
    low, high = usual
    width = max(high - low, 1e-9 * max(abs(low), abs(high), 1e-300))
    with np.errstate(invalid="ignore", over="ignore"):
        far = known & (
            (value < low - params.beyond * width) if side == "low" else (value > high + params.beyond * width)
        )
    spells = []
    for level in np.unique(value[far]).tolist():
        listed = _listed(level)
        hit = far & (value == level)
        stays = runs(hit, join=_JOIN)
        if not listed:
            away = low - level if side == "low" else level - high
            stays = [
                stay
                for stay in stays
                if _rows(features, hit, stay, side) >= params.rows
                and _jumps(features, stay, away)
                and not _is_there(features, stay, (low - width, high + width))
            ]
        if listed or (len(stays) >= params.again and not _known(data, level)):
            spells += [_spell(data, hit, stay, side, listed=listed, params=params) for stay in stays]
    return spells


def _usual(data: TagData) -> tuple[float, float] | None:
    """Where the tag usually is: as learnt, else the middle of what there is."""
    import numpy as np

    low, high = data.learnt.get("low"), data.learnt.get("high")
    if isinstance(low, float) and isinstance(high, float):
        return low, high
    level = data.features["median"]
    level = level[np.isfinite(level)]
    return (float(np.quantile(level, 0.01)), float(np.quantile(level, 0.99))) if len(level) else None


def _listed(value: float) -> bool:
    return any(abs(value - one) <= _SAME * abs(one) for one in (_POSITIVE if value > 0 else _NEGATIVE))


def _rows(features: Features, hit: npt.NDArray[np.bool_], stay: tuple[int, int], side: str) -> int:
    """Rows at the extreme in the windows of a stay that have it."""
    part = slice(*stay)
    return int(features["at_min" if side == "low" else "at_max"][part][hit[part]].sum())


def _jumps(features: Features, stay: tuple[int, int], away: float) -> bool:
    """Whether the tag comes there at once and not on a way that it goes anyway, such as cooling down."""
    import numpy as np

    first, stop = stay
    steps = features["step_max"][max(0, first - 1) : stop + 1]
    return bool(np.nanmax(steps, initial=0.0) >= away / 2)


def _is_there(features: Features, stay: tuple[int, int], near: tuple[float, float]) -> bool:
    """Whether the process is that far, before the stay or behind it."""
    import numpy as np

    beside = features["median"][[max(0, stay[0] - 1), min(stay[1], len(features) - 1)]]
    with np.errstate(invalid="ignore"):
        return bool(((beside < near[0]) | (beside > near[1])).any())


def _known(data: TagData, level: float) -> bool:
    """Whether the baseline came so far: an inrush that a card cuts off, say."""
    least, most = data.learnt.get("least"), data.learnt.get("most")
    return isinstance(least, float) and isinstance(most, float) and least <= level <= most


def _spell(
    data: TagData, hit: npt.NDArray[np.bool_], stay: tuple[int, int], side: str, *, listed: bool, params: Params
) -> Spell:
    features = data.features
    first, stop = stay
    inside = hit[first:stop]
    level = float(features["min" if side == "low" else "max"][first:stop][inside][0])
    count = _rows(features, hit, stay, side)
    sure = listed and count >= params.rows
    how = "a number that stands for no value" if listed else "exactly the same far-off value as at other times"
    return Spell(
        start=features.time_of(first),
        end=_end(data, stop),
        statistic=level,
        limit=float(params.rows),
        unit=data.info.unit,
        message=f"{_exact(level)} in {count} {'row' if count == 1 else 'rows'}, {how}",
        severity=Severity.MEDIUM if sure else Severity.LOW,
        confidence=Confidence.HIGH if listed else Confidence.LOW,
        key=_exact(level),
        evidence={"value": level, "rows_at_value": count, "known_sentinel": listed},
    )


def _exact(value: float) -> str:
    return f"{value:.10g}" if abs(value) < 1e12 else amount(value)  # noqa: PLR2004 - digits of a long integer


def _end(data: TagData, stop: int) -> int | None:
    features = data.features
    return features.time_of(stop) if (features["rows"][stop:] > 0).any() else None


CHECK = Check(
    id="sentinel",
    title="Sentinel value",
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    ne107=Ne107.FAILURE,
    params=Params,
    judge=judge,
    learn=learn,
    second_cause="the process really has that value, and the baseline never came near",
    action="find out who writes the number (card, PLC block, driver) and let it set a Bad status instead",
    references=("OPC 10000-4 status codes", "NAMUR NE 107"),
    learns=False,
    needs=frozenset({"rows", "n", "odd", "min", "max", "median", "at_min", "at_max", "step_max"}),
)
