"""Spells of one check and tag that are one and the same trouble: bad at once, good again only after a reward window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from iiotctl.checks.features.columns import HOUR
from iiotctl.findings import Severity

if TYPE_CHECKING:
    from iiotctl.checks.base import Check, Spell
    from iiotctl.checks.tagdata import TagData

REWARD: Final = 2 * HOUR
"""µs of good samples after which a tag counts as good again (penalty and reward windows of GE SmartSignal)."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One trouble, of one or more spells.

    Attributes:
        spell: the worst of them, from the start of the first to the end of the last; `end` None = not yet good again.
        until: µs UTC, where the last spell ended; the end of the data where it lasts.
        count: how many spells.
        bad: µs, their length together.
    """

    spell: Spell
    until: int
    count: int
    bad: int


def episodes(spells: Sequence[Spell], data: TagData, check: Check, *, reward: int = REWARD) -> list[Episode]:
    """Spells with less than `reward` of good samples between them are one episode.

    Only spells of the same kind are joined: the same `key`, the same tags taking part, the same sign of the statistic.
    Good samples are windows that were judged and have numbers (rows, for texts); a stop of the unit or of the link
    proves nothing and does not count.

    Args:
        spells: of one check and tag.
        data: as the check saw it.
        check: for the severity of spells that state none.
        reward: µs.
    """
    kinds: dict[tuple[str, tuple[str, ...], bool], list[Spell]] = {}
    for spell in sorted(spells, key=lambda one: (one.start, _end(one, data))):
        kinds.setdefault((spell.key, spell.tags, spell.statistic < 0), []).append(spell)
    good = _Good(data)
    found = []
    for of_kind in kinds.values():
        group: list[Spell] = []
        until = 0
        for spell in of_kind:
            if group and good.between(until, spell.start) >= reward:
                found.append(_joined(group, until, data, check, lasts=False))
                group = []
            until = max(until, _end(spell, data)) if group else _end(spell, data)
            group.append(spell)
        found.append(_joined(group, until, data, check, lasts=good.between(until, data.features.end) < reward))
    return sorted(found, key=lambda one: (one.spell.start, one.spell.key))


def severity_of(spell: Spell, check: Check) -> Severity:
    """Its own, or that of the check."""
    return spell.severity or check.severity


class _Good:
    """How much time with good samples lies between two instants."""

    def __init__(self, data: TagData) -> None:
        import numpy as np

        features = data.features
        self._features = features
        having = (features["rows"] if data.info.text or "n" not in features.columns else features["n"]) > 0
        self._before = np.concatenate([[0], np.cumsum(having & data.judged)])

    def between(self, start: int, end: int) -> int:
        features = self._features
        first, stop = -((features.start - start) // features.window), features.row_of(end)
        first, stop = (min(max(0, one), len(features)) for one in (first, stop))
        return int(self._before[max(first, stop)] - self._before[first]) * features.window


def _end(spell: Spell, data: TagData) -> int:
    return max(spell.start, data.features.end if spell.end is None else spell.end)


def _joined(group: Sequence[Spell], until: int, data: TagData, check: Check, *, lasts: bool) -> Episode:
    lasts = lasts or any(spell.end is None for spell in group)
    worst = min(group, key=lambda one: (severity_of(one, check).rank, -_excess(one)))
    spell = replace(worst, start=group[0].start, end=None if lasts else until)
    return Episode(spell, until, len(group), sum(_end(one, data) - one.start for one in group))


def _excess(spell: Spell) -> float:
    """How far beyond its limit, as a ratio."""
    ratio = abs(spell.statistic / spell.limit) if spell.limit else abs(spell.statistic)
    return ratio if math.isfinite(ratio) else 0.0
