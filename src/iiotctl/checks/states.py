"""In which operating state a tag's unit was, window by window: from the site file's conditions, else learnt. Pure.

Without `[states]` a tag that rests says so itself: a level at which it stands without any variation for long, again and
again, and which is none of the levels at which it works (a flow of exactly 0); and its siblings rest with it. Where it
does not rest, a window is a ramp while the level moves much more than usual, and steady otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from iiotctl.checks.features.columns import MINUTE, SECOND, Features
from iiotctl.checks.tagdata import State, TagData
from iiotctl.site.condition import AllOf, AnyOf, Claim, Condition, Expression, Not
from iiotctl.site.states import AssetStates, number_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

REST: Final = "rest"
"""Under this name `TagBaseline.learnt` keeps what `learn_rest` found."""
_STANDS: Final = 10 * MINUTE
"""µs that a tag stands still at a level of rest, at least once."""
_SHARE: Final = 0.01
"""Least share of the windows that a level of rest has."""
_APART: Final = 0.02
"""No other work goes on this close to a level of rest, as a share of the tag's range."""
_MOST: Final = 3
"""Levels of rest that a tag has at most; more are no rest but coarse steps."""
_OTHERWISE: Final = 0.2
"""A tag that stands still at other levels for more than this share of its windows is coarse or slow and shows no rest."""
_AHEAD: Final = 5
"""Windows before and after, between which a ramp moves."""
_RAMP: Final = 6.0
"""A ramp moves so many times as much as the median of the learning period …"""
_RAMP_RANGE: Final = 0.05
"""… and at least this share of the range."""
_SETTLE: Final = 10 * MINUTE
"""µs after a learnt rest in which nothing of motion is judged."""
_NO: Final = -1
_YES: Final = 1


def learn_rest(data: TagData) -> dict[str, Any]:
    """Levels at which the tag rests and how much it moves, from its learning windows.

    Returns:
        `levels` (tag's unit), `ramp` (least movement over 10 windows that is a ramp, tag's unit).
    """
    import numpy as np

    features = data.features
    at = np.flatnonzero(data.learning & (features["n"] > 0))
    if len(at) < _AHEAD:
        return {"levels": [], "ramp": float("inf")}
    low, high = features["min"][at], features["max"][at]
    level = features["median"][at].astype(np.float64)
    finite = level[np.isfinite(level)]
    if not len(finite):
        return {"levels": [], "ramp": float("inf")}
    span = float(np.quantile(finite, 0.999) - np.quantile(finite, 0.001))
    moved = _moved(features)[at]
    usual = float(np.nanmedian(moved)) if np.isfinite(moved).any() else float("inf")
    ramp = max(_RAMP * usual, _RAMP_RANGE * span)
    still = low == high
    return {"levels": _levels(level, still, at, features.window, span), "ramp": ramp if ramp > 0 else float("inf")}


def learnt_states(data: TagData, rest: Mapping[str, Any]) -> TagData:
    """The tag with the states that its own levels tell.

    Args:
        data: of the tag.
        rest: see `learn_rest`.
    """
    import numpy as np

    features = data.features
    state = np.full(len(features), State.UNKNOWN, np.uint8)
    if data.info.text or not len(features):
        return replace(data, state=state)
    known = features["n"] > 0
    state[known] = State.STEADY
    with np.errstate(invalid="ignore"):
        state[known & (_moved(features) > float(rest.get("ramp") or float("inf")))] = State.RAMP
    still = known & (features["min"] == features["max"])
    at_rest = still & np.isin(features["median"], np.asarray(rest.get("levels") or [], np.float64))
    state[at_rest] = State.OFF
    return replace(data, state=state, settled=_settled(state == State.OFF, _SETTLE // features.window))


def declared_states(
    data: TagData,
    declared: AssetStates,
    watched: Mapping[str, Features],
    enums: Mapping[str, Mapping[str, str]],
) -> TagData:
    """The tag with the states of the site file; where no condition is known it is steady if any is declared, else unknown.

    Args:
        data: of the tag.
        declared: the conditions.
        watched: feature tables of the tags that they name; a tag that is missing makes its claims unknown.
        enums: texts of values, by tag.
    """
    import numpy as np

    grid = data.features
    state = np.full(len(grid), State.STEADY, np.uint8)
    open_ = np.ones(len(grid), np.bool_)
    unsure = np.zeros(len(grid), np.bool_)
    for name, expression in declared.conditions().items():
        says = _judge(expression, grid, watched, enums)
        state[open_ & (says == _YES)] = State[name.upper()]
        open_ &= says != _YES
        unsure |= says == 0
    state[open_ & unsure] = State.UNKNOWN
    changes = np.zeros(len(grid), np.bool_)
    changes[1:] = state[1:] != state[:-1]
    count = -(-round(declared.settle * SECOND) // grid.window)
    return replace(data, state=state, settled=~_soon_after(changes, count))


def assigned(
    tags: Sequence[TagData],
    rests: Mapping[str, Mapping[str, Any]],
    *,
    declared: Mapping[str, AssetStates],
    watched: Mapping[str, Features],
    enums: Mapping[str, Mapping[str, str]],
) -> list[TagData]:
    """Every tag with its states: those of the site file where it has some, else the learnt ones.

    Args:
        tags: of a run.
        rests: by tag, see `learn_rest`.
        declared: `[states]` by name of the asset.
        watched, enums: see `declared_states`.
    """
    found: dict[str, TagData] = {}
    for data in tags:
        info = data.info
        tables = (of for asset, of in declared.items() if of.holds_for(asset, info.tag, info.asset))
        table = next(tables, None)
        if table is None:
            found[info.tag] = learnt_states(data, rests.get(info.tag, {}))
        else:
            found[info.tag] = declared_states(data, table, watched, enums)
    resting = {tag: of for tag, of in found.items() if rests.get(tag, {}).get("levels")}
    return [
        data if tag in resting or data.info.text else _with_siblings(data, list(_siblings(data, resting)))
        for tag, data in found.items()
    ]


def _siblings(data: TagData, resting: Mapping[str, TagData]) -> Iterator[TagData]:
    """Tags with a level of rest that stand at the same machine, as far as somebody said so."""
    info = data.info
    for tag, other in resting.items():
        same_asset = info.asset != "" and info.asset == other.info.asset
        if (same_asset or tag == info.twin or tag in info.siblings) and other.features.window == data.features.window:
            yield other


def _with_siblings(data: TagData, siblings: Sequence[TagData]) -> TagData:
    """The tag, at rest also where all siblings that can tell are."""
    import numpy as np

    if not siblings or any(len(other.features) != len(data.features) for other in siblings):
        return data
    off = np.logical_and.reduce([other.state == State.OFF for other in siblings]) & (data.state != State.MAINTENANCE)
    state = np.where(off, np.uint8(State.OFF), data.state)
    settled = data.settled & _settled(off, _SETTLE // data.features.window)
    return replace(data, state=state, settled=settled)


def _levels(
    level: npt.NDArray[np.float64], still: npt.NDArray[np.bool_], at: npt.NDArray[Any], window: int, span: float
) -> list[float]:
    import numpy as np

    if still.all():
        return []  # a constant does not rest: nothing tells that it could move
    values, counts = np.unique(level[still], return_counts=True)
    found = []
    for value in values[counts >= max(_SHARE * len(level), _STANDS / window)]:
        here = still & (level == value)
        near = ~here & (np.abs(level - value) <= _APART * span)
        runs = np.flatnonzero(np.diff(np.concatenate([[0], (here & _together(at)).astype(np.int8), [0]])))
        longest = int((runs[1::2] - runs[::2]).max(initial=0)) + 1
        if np.count_nonzero(near) <= 0.2 * np.count_nonzero(here) and longest * window >= _STANDS:
            found.append(float(value))
    elsewhere = np.count_nonzero(still & ~np.isin(level, found))
    return found if len(found) <= _MOST and elsewhere <= _OTHERWISE * len(level) else []


def _together(at: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Windows that follow directly on the one before."""
    import numpy as np

    follows: npt.NDArray[np.bool_] = np.diff(at, prepend=at[0] - 1) == 1
    return follows


def _moved(features: Features) -> npt.NDArray[np.float64]:
    """|change of the median| over ten windows around each; NaN at the ends and where there are no numbers."""
    import numpy as np

    level = features["median"].astype(np.float64)
    moved = np.full(len(level), np.nan)
    if len(level) > 2 * _AHEAD:
        moved[_AHEAD:-_AHEAD] = np.abs(level[2 * _AHEAD :] - level[: -2 * _AHEAD])
    return moved


def _settled(resting: npt.NDArray[np.bool_], count: int) -> npt.NDArray[np.bool_]:
    """False in the windows behind the end of a rest."""
    import numpy as np

    ends = np.zeros(len(resting), np.bool_)
    ends[1:] = resting[:-1] & ~resting[1:]
    return ~_soon_after(ends, count)


def _soon_after(changes: npt.NDArray[np.bool_], count: int) -> npt.NDArray[np.bool_]:
    """Windows of a change and so many behind it (`count` with that of the change)."""
    import numpy as np

    place = np.arange(len(changes))
    last = np.maximum.accumulate(np.where(changes, place, -count - 1)) if len(changes) else place
    return place - last < count


def _judge(
    expression: Expression,
    grid: Features,
    watched: Mapping[str, Features],
    enums: Mapping[str, Mapping[str, str]],
) -> npt.NDArray[np.int8]:
    """(n,) yes 1, no -1, unknown 0 in each window, after Kleene."""
    import numpy as np

    match expression:
        case Claim():
            return _claim(expression, grid, watched, enums)
        case Not(of):
            return -_judge(of, grid, watched, enums)
        case AllOf(parts) | AnyOf(parts):
            combine = np.minimum if isinstance(expression, AllOf) else np.maximum
            found: npt.NDArray[np.int8] = combine.reduce([_judge(part, grid, watched, enums) for part in parts])
            return found


def _claim(
    claim: Claim, grid: Features, watched: Mapping[str, Features], enums: Mapping[str, Mapping[str, str]]
) -> npt.NDArray[np.int8]:
    import numpy as np

    says = np.zeros(len(grid), np.int8)
    table = watched.get(claim.tag)
    wanted = number_of(claim, enums.get(claim.tag, {}))
    if table is None or not len(table) or wanted is None:
        return says
    at = np.clip((grid.times() + grid.window - 1 - table.start) // table.window, 0, len(table) - 1)
    if claim.condition in (Condition.BAD, Condition.GOOD):
        bad = _held(np.where(table["rows"] > 0, (table["bad"] > 0).astype(np.float64), np.nan))[at]
        found = bad == (claim.condition is Condition.BAD)
        return np.where(np.isnan(bad), 0, np.where(found, _YES, _NO)).astype(np.int8)
    value = _held(table["last"].astype(np.float64))[at]
    compared = {
        Condition.ABOVE: value > wanted,
        Condition.AT_LEAST: value >= wanted,
        Condition.BELOW: value < wanted,
        Condition.AT_MOST: value <= wanted,
        Condition.EQUAL: value == wanted,
        Condition.UNEQUAL: value != wanted,
    }[claim.condition]
    return np.where(np.isnan(value), 0, np.where(compared, _YES, _NO)).astype(np.int8)


def _held(value: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Each value until the next one: a state is reported when it changes."""
    import numpy as np

    place = np.maximum.accumulate(np.where(np.isnan(value), -1, np.arange(len(value))))
    return np.where(place >= 0, value[np.maximum(place, 0)], np.nan)
