"""Relations as plain numbers for the baseline, and back; votes of all tags of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from iiotctl.checks.features.columns import SECOND
from iiotctl.checks.relations import witness as witnesses
from iiotctl.checks.relations.coarse import LAGS, Scale, coarse, per_cell
from iiotctl.checks.relations.votes import vote
from iiotctl.checks.relations.witness import AT_ONCE, TERMS, Witness

if TYPE_CHECKING:
    from iiotctl.checks.base import Learnt
    from iiotctl.checks.baseline.model import TagBaseline
    from iiotctl.checks.tagdata import TagData

RELATIONS: Final = "relations"
"""Under this name `TagBaseline.learnt` keeps what `learn` found; in `Check.needs`: the check looks at `TagData.vote`."""


def learn(tags: Sequence[TagData]) -> dict[str, Learnt]:
    """Scale and witnesses of every tag that is measured, from the learning windows.

    Returns:
        By tag: `low`, `range`, `spread` (tag's unit), and one entry for each witness in `tags`, `lags`, `limits`,
        `explained`, `leverage`, `always`; `weights` and `moments` hold 4 and 16 numbers for each.
    """
    import numpy as np

    found: dict[str, Learnt] = {}
    for group in _together(tags):
        grid = coarse(group)
        declared = {data.info.tag: [data.info.twin, *data.info.siblings] for data in group}
        made = witnesses.learn(grid, {tag: [name for name in names if name] for tag, names in declared.items()})
        for one in grid:
            mine = made[one.tag]
            found[one.tag] = {
                "low": one.scale.low,
                "range": one.scale.range,
                "spread": one.scale.spread,
                "tags": [each.tag for each in mine],
                "lags": [float(each.lag) for each in mine],
                "limits": [each.limit for each in mine],
                "explained": [each.explained for each in mine],
                "leverage": [each.leverage for each in mine],
                "always": [float(each.always) for each in mine],
                "weights": np.concatenate([each.weights for each in mine]).tolist() if mine else [],
                "moments": np.concatenate([each.spread.ravel() for each in mine]).tolist() if mine else [],
            }
    return found


@dataclass(frozen=True, slots=True)
class Relation:
    """A tag that tells what another one should show.

    Attributes:
        tag: the witness.
        limit: unit of the other tag; what differs by less is as usual.
        explained: share of the other tag's variance that it explains.
        lag: s, time constant of the first-order lag between them; 0 = at once.
    """

    tag: str
    limit: float
    explained: float
    lag: float


def related(base: TagBaseline) -> list[Relation]:
    """The witnesses of a tag, the closest first."""
    learnt: Mapping[str, Any] = base.learnt.get(RELATIONS, {})
    keys = ("tags", "limits", "explained", "lags")
    rows = zip(*(learnt.get(key, ()) for key in keys), strict=True)
    cell = per_cell(base.window) * base.window / SECOND
    return [
        Relation(tag, limit, explained, 0.0 if lag == AT_ONCE else LAGS[int(lag)] * cell)
        for tag, limit, explained, lag in rows
    ]


def heard(tags: Sequence[TagData]) -> list[TagData]:
    """The tags, each with the vote of its witnesses (`TagData.vote`) where it has some."""
    votes: dict[str, Any] = {}
    for group in _together(tags):
        known = {data.info.tag: _known(data) for data in group}
        scales = {tag: Scale(of["low"], of["range"], of["spread"]) for tag, of in known.items() if "range" in of}
        grid = {one.tag: one for one in coarse(group, scales)}
        features = group[0].features
        for tag, one in grid.items():
            votes[tag] = vote(
                one, _witnesses(known[tag]), grid, features.start, per_cell(features.window) * features.window
            )
    return [replace(data, vote=votes.get(data.info.tag)) for data in tags]


def _known(data: TagData) -> Mapping[str, Any]:
    return {} if data.baseline is None else data.baseline.learnt.get(RELATIONS, {})


def _witnesses(learnt: Mapping[str, Any]) -> list[Witness]:
    import numpy as np

    count = len(learnt.get("tags", ()))
    weights = np.asarray(learnt.get("weights", ()), np.float64).reshape(count, TERMS)
    moments = np.asarray(learnt.get("moments", ()), np.float64).reshape(count, TERMS, TERMS)
    return [
        Witness(
            learnt["tags"][at],
            int(learnt["lags"][at]),
            weights[at],
            float(learnt["limits"][at]),
            float(learnt["explained"][at]),
            moments[at],
            float(learnt["leverage"][at]),
            bool(learnt["always"][at]),
        )
        for at in range(count)
    ]


def _together(tags: Sequence[TagData]) -> list[list[TagData]]:
    """Measured tags in groups with the same grid of windows."""
    from iiotctl.checks.kinds import kind_of

    groups: dict[tuple[int, int, int], list[TagData]] = {}
    for data in tags:
        features = data.features
        if "median" in features.columns and len(features) >= per_cell(features.window) and not kind_of(data).skip:
            groups.setdefault((features.window, features.start, len(features)), []).append(data)
    return list(groups.values())
