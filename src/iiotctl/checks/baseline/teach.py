"""The learning periods of all tags -> their baselines, with what every check learnt beside the quantiles. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from iiotctl.checks import kinds
from iiotctl.checks.base import Check, Learnt
from iiotctl.checks.baseline.learn import learn
from iiotctl.checks.guard import Guard
from iiotctl.checks.relations import learnt as relations
from iiotctl.checks.relations.learnt import RELATIONS
from iiotctl.checks.tagdata import TagData

LEARNING: Final = "learn"
"""Stands in the place of a check where the learning of quantiles itself crashed."""


def taught(
    tags: Sequence[TagData],
    checks: Mapping[str, Check],
    guard: Guard,
    known: Mapping[str, Mapping[str, Learnt]] = MappingProxyType({}),
) -> list[TagData]:
    """Give each tag that has windows to learn from a baseline; the others keep the one that they have, if any.

    Args:
        tags: `learning` says from which windows.
        checks: by id; one whose `learn` crashes has learnt nothing of that tag.
        guard: notes the crashes.
        known: by tag, what else was learnt and is to be kept (levels of rest).
    """
    learners: dict[str, TagData] = {}
    for data in tags:
        tag = data.info.tag
        base = guard.call(LEARNING, tag, partial(learn, data), None) if data.learning.any() else None
        if base is not None:
            learner = replace(data, baseline=base)
            nothing: dict[str, float] = {}
            sort = guard.call(LEARNING, tag, partial(kinds.learn_kind, learner), nothing)
            learners[tag] = _with(learner, {kinds.KIND: sort, **known.get(tag, {})})
    if any(RELATIONS in check.needs for check in checks.values()):
        apart: dict[str, Learnt] = {}
        related = guard.call(RELATIONS, "", partial(relations.learn, list(learners.values())), apart)
        learners = {tag: _with(of, {RELATIONS: related.get(tag, {})}) for tag, of in learners.items()}
    learnt: dict[str, dict[str, Learnt]] = {tag: {} for tag in learners}
    for check in checks.values():
        for tag, of_tag in _by(check, list(learners.values()), guard).items():
            learnt[tag][check.id] = of_tag
    return [
        _with(learners[data.info.tag], learnt[data.info.tag])
        if data.info.tag in learners
        else replace(data, baseline=None)
        if data.learning.any()
        else data
        for data in tags
    ]


def _by(check: Check, tags: Sequence[TagData], guard: Guard) -> Mapping[str, Learnt]:
    """What one check learns of each tag."""
    if check.learn is None:
        return {}
    teach: Any = check.learn
    params = check.params()
    if check.scope == "group":
        of_all: Mapping[str, Learnt] | None = guard.call(check.id, "", partial(teach, tags, params), None)
        return {} if of_all is None else {data.info.tag: of_all.get(data.info.tag, {}) for data in tags}
    found: dict[str, Learnt] = {}
    for data in tags:
        of_tag = guard.call(check.id, data.info.tag, partial(teach, data, params), None)
        if of_tag is not None:
            found[data.info.tag] = of_tag
    return found


def _with(data: TagData, learnt: Mapping[str, Learnt]) -> TagData:
    assert data.baseline is not None
    return replace(data, baseline=replace(data.baseline, learnt={**data.baseline.learnt, **learnt}))
