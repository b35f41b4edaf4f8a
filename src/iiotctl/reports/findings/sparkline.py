"""A trend in one line of text: the level around a finding, its own stretch told apart."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from iiotctl.checks.features.columns import Features
    from iiotctl.findings import Finding

CELLS: Final = 60
_BARS: Final = "▁▂▃▄▅▆▇█"
_ASCII: Final = "_.-:=+*#"
_AROUND: Final = 0.6
"""Of the finding's length, before and behind it."""
_LEAST_US: Final = 30 * 60_000_000


@dataclass(frozen=True, slots=True)
class Spark:
    """Cells of equal length.

    Attributes:
        levels: mean of the windows' medians, None where nothing came.
        first, stop: the cells of the finding: [first, stop).
        start, end: µs UTC, of all cells.
    """

    levels: tuple[float | None, ...]
    first: int
    stop: int
    start: int
    end: int


def around(features: Features, finding: Finding, cells: int = CELLS) -> Spark | None:
    """The level of a tag around a finding; None where there is nothing to show."""
    if finding.start is None or not len(features) or "median" not in features.columns:
        return None
    import numpy as np

    over = features.end if finding.end is None else finding.end
    margin = max(int(_AROUND * (over - finding.start)), _LEAST_US)
    low, high = max(finding.start - margin, features.start), min(over + margin, features.end)
    if high <= low:
        return None
    part = features.between(low, high)
    if not len(part) or not np.isfinite(part["median"]).any():
        return None
    cells = min(cells, len(part))
    edges = np.arange(cells + 1) * len(part) // cells
    pieces = [part["median"][a:b] for a, b in itertools.pairwise(edges.tolist())]
    levels = tuple(float(np.nanmean(piece)) if np.isfinite(piece).any() else None for piece in pieces)
    length = part.end - part.start
    first = min(max((finding.start - part.start) * cells // length, 0), cells - 1)
    stop = min(max(-(-(over - part.start) * cells // length), first + 1), cells)
    return Spark(levels, first, stop, part.start, part.end)


def bars(levels: Sequence[float | None], *, unicode: bool = True) -> str:
    """One letter a cell; a blank where there is no value."""
    letters = _BARS if unicode else _ASCII
    known = [value for value in levels if value is not None and math.isfinite(value)]
    if not known:
        return ""
    low, high = min(known), max(known)
    if high <= low or not math.isfinite(high - low):
        return "".join(" " if value is None else letters[3] for value in levels)
    most = len(letters) - 1
    return "".join(
        " "
        if value is None or not math.isfinite(value)
        else letters[min(most, int((value - low) / (high - low) * (most + 0.999)))]
        for value in levels
    )
