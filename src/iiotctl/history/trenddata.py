"""What a trend is made of: of each tag the samples to draw, where it has gaps, and what they say of it.

`ops/trend.py` makes it by a mode of retrieval, `reports/plots/` draws it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from iiotctl.history.tagfacts import TagFacts


@dataclass(frozen=True, slots=True)
class Trace:
    """One tag.

    Attributes:
        facts: name, unit, limits, texts of values.
        ts: (n,) int64, µs UTC, ascending whatever the order of the range; some may lie outside of it.
        value: (n,) float64; NaN where there is no number.
        quality: (n,) uint32, OPC UA status codes.
        gaps: (start, end, reason) in µs UTC by start; of the tag or its source, not filled; an open one ends with
            the range.
        stepped: the value holds until the next sample; else a straight line.
        count: samples of the store in the range, of which the arrays may hold fewer.
        texts: how many of these are texts, which no line can show.
        text: (n,) objects, str or None; None when there are none.
    """

    facts: TagFacts
    ts: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint32]
    gaps: list[tuple[int, int, str]]
    stepped: bool
    count: int
    texts: int = 0
    text: npt.NDArray[np.object_] | None = None


@dataclass(frozen=True, slots=True)
class TrendData:
    """Tags over one range.

    Attributes:
        start: µs UTC.
        end: µs UTC, after `start`.
        zone: in which people read its times.
        descending: newest first, as the range was typed; for rows, not for drawings.
        traces: in the order asked for.
        alive: until when the store is known to have been fed, by any tag; µs UTC, None = was not looked up. Until then
            a tag that is stored by exception still has its last value.
    """

    start: int
    end: int
    zone: tzinfo
    descending: bool
    traces: list[Trace]
    alive: int | None = None
