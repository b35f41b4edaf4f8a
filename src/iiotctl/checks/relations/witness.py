"""What one tag tells about another: a small model, learnt from the learning period and tested on parts held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from iiotctl.checks.relations.coarse import LAGS, Coarse

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

TERMS: Final = 4
"""Terms of a model: 1, u, u², u³ at once; or 1 and the lags of u, u² and of rest."""
AT_ONCE: Final = -1
"""Lag number of a model without lag."""
_BLOCKS: Final = 6
"""Parts of the learning period; each is predicted by the others."""
_FEWEST: Final = 60
"""Cells that a model is learnt from: 10 h."""
_WORTH: Final = 0.6
"""Least share of the variance that a witness explains in parts that it did not see."""
_CHANGE: Final = 6
"""Cells over which a change is looked at: 1 h."""
_MOVES: Final = 0.5
"""Least share of the changes that a witness explains."""
_CLOSER: Final = 0.9
"""A model with one more term, or with a lag, must be so much better."""
_RIDGE: Final = 1e-4
_OFF: Final = 1e9
_MARGIN: Final = 1.3
"""Limit: so many times the 99 % quantile of the errors in parts held out …"""
_FLOOR: Final = 0.006
"""… and at least this share of the tag's range."""
_STRANGE: Final = 8.0
"""Beyond so many times the usual leverage nothing was learnt, and nothing is said."""
_CLOSELY: Final = 4
"""Models of a tag that are looked at closely."""
_TRANSIENTS: Final = 20
"""Cells of transients that it takes to say that a witness holds in them."""
MOST: Final = 8
"""Witnesses of a tag, and candidates that are tried."""


@dataclass(frozen=True, slots=True)
class Witness:
    """A tag by which another one is predicted.

    Attributes:
        tag: the witness.
        lag: number in `LAGS`, or `AT_ONCE`.
        weights: (TERMS,) of the terms, unit of the predicted tag.
        limit: unit of the predicted tag; larger deviations do not come from the model.
        explained: share of the variance that it explains in parts it did not see.
        spread: (TERMS, TERMS) inverse of the terms' second moments, for the leverage.
        leverage: 95 % quantile of the leverage in the learning period.
        always: it holds in transients too, as a twin does.
    """

    tag: str
    lag: int
    weights: npt.NDArray[np.float64]
    limit: float
    explained: float
    spread: npt.NDArray[np.float64]
    leverage: float
    always: bool = False


def terms(tag: Coarse, lag: int) -> npt.NDArray[np.float64]:
    """(n, TERMS) what a model of that lag sums up."""
    import numpy as np

    one = np.ones(len(tag.level))
    if lag == AT_ONCE:
        u = tag.unit_level
        return np.stack([one, u, u * u, u**3], axis=1)
    return np.concatenate([one[:, None], tag.lagged[lag].T], axis=1)


def deviation(of: Coarse, by: Coarse, witness: Witness) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """How far a tag is from what its witness says, and by how much it may be.

    Returns:
        (n,) deviation and (n,) limit, unit of the tag; NaN where the witness cannot say: a transient, a level that the
        learning period did not see. The limit widens with the distance from what was learnt (leverage).
    """
    import numpy as np

    seen = terms(by, witness.lag)
    leverage = np.einsum("ij,jk,ik->i", seen, witness.spread, seen) / witness.leverage
    limit = max(witness.limit, _FLOOR * of.scale.range) * widened(leverage)
    with np.errstate(invalid="ignore"):
        # the level of a witness that has fallen silent is held for the lags, and says nothing by itself
        says = (leverage < _STRANGE) & by.inside & np.isfinite(by.level)
    if not witness.always:
        says &= of.steady if witness.lag != AT_ONCE else of.steady & by.steady
    away = of.level - seen @ witness.weights
    return np.where(says, away, np.nan), np.where(says, limit, np.nan)


def widened(leverage: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """By how much a limit widens at a leverage (in units of the usual one)."""
    import numpy as np

    return np.asarray(np.maximum(1.0, leverage) ** 0.75)


def learn(tags: Sequence[Coarse], declared: Mapping[str, Sequence[str]]) -> dict[str, list[Witness]]:
    """The witnesses of every tag, the closest first.

    Args:
        tags: on one grid.
        declared: by tag, the twin and siblings that the site file names; where there are some, no others are tried.
    """
    by_name = {one.tag: one for one in tags}
    found: dict[str, list[Witness]] = {}
    likely = _candidates(tags)
    for one in tags:
        named = [by_name[name] for name in declared.get(one.tag, ()) if name in by_name and name != one.tag]
        tried = [(other, lag) for other in named for lag in range(AT_ONCE, len(LAGS))] or likely[one.tag]
        made = sorted(_fitted(one, tried), key=lambda witness: witness.limit)
        found[one.tag] = made[:MOST]
    return found


def _candidates(tags: Sequence[Coarse]) -> dict[str, list[tuple[Coarse, int]]]:
    """For each tag the (tag, lag) that go most with it while it is learnt from: at most MOST tags, three lags each."""
    import numpy as np

    learning = np.logical_or.reduce([one.learning for one in tags]) if tags else np.zeros(0, np.bool_)
    if np.count_nonzero(learning) < _FEWEST:
        return {one.tag: [] for one in tags}

    def standard(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        known = np.isfinite(rows)
        mean = np.where(known, rows, 0).sum(-1, keepdims=True) / np.maximum(known.sum(-1, keepdims=True), 1)
        rows = np.where(known, rows - mean, 0)
        size = np.sqrt((rows**2).sum(-1, keepdims=True))
        return np.asarray(rows / np.where(size > 0, size, 1), np.float32)

    plain = standard(np.stack([one.unit_level[learning] for one in tags]))
    lags = standard(np.stack([one.lagged[:, 0][:, learning] for one in tags]))
    everything = np.concatenate([plain[:, None], lags], axis=1)
    found: dict[str, list[tuple[Coarse, int]]] = {}
    for at, one in enumerate(tags):
        closeness = np.abs(everything @ plain[at])
        order = np.argsort(closeness.max(axis=1))[::-1]
        order = order[order != at][:MOST]
        pairs: list[tuple[Coarse, int]] = []
        for other in order.tolist():
            best = int(closeness[other, 1:].argmax())
            near = range(max(0, best - 2), min(len(LAGS), best + 3))
            pairs += [(tags[other], AT_ONCE), *((tags[other], lag) for lag in near)]
        found[one.tag] = pairs
    return found


def _fitted(of: Coarse, tried: Sequence[tuple[Coarse, int]]) -> list[Witness]:
    """The best model of each tag that is tried; nothing of those that are not worth it."""
    import numpy as np

    cells = np.flatnonzero(of.learning & of.steady)
    if len(cells) < _FEWEST or not tried:
        return []
    level = of.level[cells]
    shapes = [(other, lag, count) for other, lag in tried for count in (_counts(lag))]
    seen = {(other.tag, lag): terms(other, lag)[cells] for other, lag in tried}
    block = np.stack([seen[other.tag, lag] for other, lag, _ in shapes])
    usable = np.stack(
        [
            np.isfinite(seen[other.tag, lag]).all(axis=1)
            & other.learning[cells]
            & (other.steady[cells] if lag == AT_ONCE else True)
            for other, lag, _ in shapes
        ]
    )
    used = np.array([count for _, _, count in shapes])
    fits = _held_out(np.where(usable[..., None], block, 0.0), level, usable, used)
    variance = float(level.var())
    if variance <= 0:
        return []
    best: dict[str, tuple[float, int, Witness]] = {}
    for at in _promising(np.where(usable, np.abs(fits.away), np.nan), [other.tag for other, _, _ in shapes]):
        (other, lag, count), mine = shapes[at], usable[at]
        rows = block[at][mine]
        leverage = float(np.quantile(np.einsum("ij,jk,ik->i", rows, fits.spread[at], rows), 0.95))
        # an error far from what the other parts show is what the leverage is for, and none of the model
        strange = fits.strange[at][mine] / max(leverage, 1e-12)
        away = np.abs(fits.away[at][mine]) / widened(strange)
        near = strange < _STRANGE
        if np.count_nonzero(near) < _FEWEST:
            continue
        error = float(np.mean(np.minimum(away[near] ** 2, 9 * variance)))
        if not _moves_together(cells[mine], level[mine], fits.away[at][mine]):
            continue
        incumbent = best.get(other.tag)
        if incumbent is None or error < incumbent[0] * _handicap((lag, count), shapes[incumbent[1]][1:]):
            limit = _MARGIN * float(np.quantile(away[near], 0.99, method="lower"))
            made = Witness(
                other.tag, lag, fits.weights[at], limit, 1 - error / variance, fits.spread[at], max(leverage, 1e-12)
            )
            best[other.tag] = (error, at, made)
    by_name = {other.tag: other for other, _ in tried}
    found = [made for _, _, made in best.values() if made.explained >= _WORTH]
    return [replace(made, always=_holds(of, by_name[made.tag], made)) for made in found]


def _promising(away: npt.NDArray[np.float64], tags: Sequence[str]) -> list[int]:
    """The models of each tag that are nearest most of the time, in their order; the others are not looked at closely.

    Args:
        away: (m, n) size of the errors, NaN where there is none.
        tags: (m,) of the models.
    """
    import numpy as np

    known = np.count_nonzero(np.isfinite(away), axis=1)
    ordered = np.sort(away, axis=1)
    middle = ordered[np.arange(len(away)), np.maximum(known - 1, 0) // 2]
    found: list[int] = []
    by_tag: dict[str, list[int]] = {}
    for at in np.argsort(middle).tolist():
        mine = by_tag.setdefault(tags[at], [])
        if known[at] >= _FEWEST and len(mine) < _CLOSELY:
            mine.append(at)
            found.append(at)
    return sorted(found)


def _holds(of: Coarse, by: Coarse, witness: Witness) -> bool:
    """Whether a witness is right in the transients of the learning period as well, which it was not learnt from."""
    import numpy as np

    calm = of.steady & by.steady if witness.lag == AT_ONCE else of.steady
    away, limit = deviation(of, by, replace(witness, always=True))
    ratio = np.abs(away / limit)[of.learning & by.learning & ~calm]
    ratio = ratio[np.isfinite(ratio)]
    return len(ratio) >= _TRANSIENTS and float(np.quantile(ratio, 0.98)) <= 1.0


def _moves_together(
    cells: npt.NDArray[np.int64], level: npt.NDArray[np.float64], away: npt.NDArray[np.float64]
) -> bool:
    """Whether the witness explains how the tag changes, and not by chance the few levels that it had."""
    import numpy as np

    after = np.searchsorted(cells, cells + _CHANGE)
    there = after < len(cells)
    before = np.flatnonzero(there)[cells[after[there]] - cells[there] == _CHANGE]
    after = after[before]
    changed = level[after] - level[before]
    missed = away[after] - away[before]
    return bool(np.sum(missed**2) <= (1 - _MOVES) * np.sum(changed**2))


def _handicap(model: tuple[int, int], incumbent: tuple[int, int]) -> float:
    """A richer model (with a lag, or with more terms) has to earn its place; (lag, terms) of both."""
    richer = (model[0] != AT_ONCE, model[1]) > (incumbent[0] != AT_ONCE, incumbent[1])
    return _CLOSER**2 if richer else 1.0


def _counts(lag: int) -> tuple[int, ...]:
    return (2, 3, 4) if lag == AT_ONCE else (3, 4)


@dataclass(frozen=True, slots=True)
class _Fits:
    """Many models.

    Attributes:
        away: (m, n) errors of the parts held out.
        strange: (m, n) leverage of those rows, by the model that did not see them, for as many rows as the whole has.
        weights: (m, TERMS) of all parts.
        spread: (m, TERMS, TERMS) inverse second moments of all parts.
    """

    away: npt.NDArray[np.float64]
    strange: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]
    spread: npt.NDArray[np.float64]


def _held_out(
    block: npt.NDArray[np.float64],
    level: npt.NDArray[np.float64],
    usable: npt.NDArray[np.bool_],
    used: npt.NDArray[np.int64],
) -> _Fits:
    """Ridge regression of many models at once, each part of time predicted by the others.

    Args:
        block: (m, n, TERMS), 0 where not usable.
        level: (n,) what is predicted.
        usable: (m, n).
        used: (m,) how many terms each model uses.
    """
    import numpy as np

    size = np.sqrt((block**2).sum(axis=1) / np.maximum(usable.sum(axis=1), 1)[:, None])
    size = np.where(size > 0, size, 1.0)
    scaled = block / size[:, None]
    target = np.where(usable, level, 0.0)
    part = np.arange(len(level)) * _BLOCKS // len(level)
    inside = part[None] == np.arange(_BLOCKS)[:, None]
    gram = np.stack([np.einsum("mni,mnj->mij", scaled[:, of], scaled[:, of]) for of in inside], axis=1)
    moment = np.stack([np.einsum("mni,mn->mi", scaled[:, of], target[:, of]) for of in inside], axis=1)
    count = np.stack([usable[:, of].sum(axis=1) for of in inside], axis=1)
    unused = np.arange(TERMS)[None] >= used[:, None]
    penalty = np.where(unused, _OFF, _RIDGE)
    penalty[:, 0] = _RIDGE * 1e-3
    every = np.concatenate([gram.sum(axis=1, keepdims=True) - gram, gram.sum(axis=1, keepdims=True)], axis=1)
    right = np.concatenate([moment.sum(axis=1, keepdims=True) - moment, moment.sum(axis=1, keepdims=True)], axis=1)
    number = np.concatenate([count.sum(axis=1, keepdims=True) - count, count.sum(axis=1, keepdims=True)], axis=1)
    every = every + np.einsum("mi,mb,ij->mbij", penalty, np.maximum(number, 1), np.eye(TERMS))
    solved = np.linalg.solve(every, right[..., None])[..., 0]
    away = np.empty(usable.shape)
    for at, of in enumerate(inside):
        away[:, of] = level[of] - np.einsum("mni,mi->mn", scaled[:, of], solved[:, at])
    inverse = np.linalg.inv(every)
    strange = np.empty(usable.shape)
    for at, of in enumerate(inside):
        strange[:, of] = np.einsum("mni,mij,mnj->mn", scaled[:, of], inverse[:, at], scaled[:, of])
    spread = inverse[:, -1] / (size[:, :, None] * size[:, None, :])
    return _Fits(away, strange * (_BLOCKS - 1) / _BLOCKS, solved[:, -1] / size, spread)
