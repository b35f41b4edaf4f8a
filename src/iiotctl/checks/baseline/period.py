"""From which part of its samples a tag is learnt where nobody says so. Pure."""

from __future__ import annotations

from typing import Final

from iiotctl.checks.features.columns import DAY, Features

LEARN: Final = 2 * DAY
"""µs; the first so long of a tag is learnt from where there is no baseline."""
FEWEST: Final = 60
"""Windows with rows that a learning period needs; a lone early row does not begin one."""


def learning_period(features: Features, start: int, end: int, judged_from: int) -> tuple[int, int]:
    """From when to when a tag is learnt from, µs UTC: two days from where its samples begin, at most half of them all.

    A few lone rows long before the others begin nothing: there must be `FEWEST` windows with rows in the two days.

    Args:
        features: of the tag, from the beginning of the store.
        start, end: µs UTC, what the store holds.
        judged_from: µs UTC, where the judged range begins.
    """
    import numpy as np

    having = np.flatnonzero(features["rows"] > 0)
    if not len(having):
        return start, start
    length = LEARN // features.window
    counts = np.searchsorted(having, having + length) - np.arange(len(having))
    dense = having[counts >= min(FEWEST, length // 2)]
    first = features.time_of(int(dense[0] if len(dense) else having[0]))
    half = first + (end - first) // 2
    return first, min(first + LEARN, max(half, judged_from))
