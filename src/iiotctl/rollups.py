"""Roll-ups: what the samples of a tag in an interval come to, in columns.

A row is a *part* of the interval [start, end): the samples that were at hand when it was written. Usually it
is all of them. A late sample, a restart inside the interval and the regular saving of a long interval give
further parts; parts add up exactly (Chan, Golub and LeVeque 1983), so whoever reads merges those of one tag
and interval. Intervals are aligned to 1970-01-01 UTC. Times are µs UTC in int64 as in `samples`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class RollupBatch:
    """n parts of intervals in columns.

    A *usable* sample is one that is not Bad (OPC UA status code) and whose value is a finite number.

    Attributes:
        tag: uint32[n], code of the tag in the run's tag table.
        start: int64[n], µs UTC, begin of the interval; it belongs to it.
        end: int64[n], µs UTC, end of the interval; it does not belong to it.
        count: int64[n], usable samples.
        bad: int64[n], the other samples.
        min, max, mean: float64[n], of the usable samples; NaN when there is none.
        std: float64[n], their standard deviation of the population (StandardDeviationPopulation of OPC UA
            Part 13: the interval's samples are all there are); NaN when there is none.
        first, last: float64[n], usable sample with the earliest and the latest time.
        first_ts, last_ts: int64[n], their times; NULL_TIME when there is none.
        quality: uint32[n], worst status code of all samples, the largest number.
        partial: bool[n], some of the stretch this part stands for was not observed.
        closes: bool[n], the interval was over when this was written; parts before it and late ones say false.
    """

    tag: NDArray[np.uint32]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    count: NDArray[np.int64]
    bad: NDArray[np.int64]
    min: NDArray[np.float64]
    max: NDArray[np.float64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    first: NDArray[np.float64]
    first_ts: NDArray[np.int64]
    last: NDArray[np.float64]
    last_ts: NDArray[np.int64]
    quality: NDArray[np.uint32]
    partial: NDArray[np.bool_]
    closes: NDArray[np.bool_]

    def __len__(self) -> int:
        return int(self.tag.shape[0])

    def take(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> RollupBatch:
        """The parts at `index` (positions or a mask), in that order."""
        return RollupBatch(*(getattr(self, field.name)[index] for field in fields(self)))


def concat(batches: Sequence[RollupBatch]) -> RollupBatch:
    """All parts of `batches` (at least one) in order, as one batch."""
    if len(batches) == 1:
        return batches[0]
    return RollupBatch(
        *(np.concatenate([getattr(batch, field.name) for batch in batches]) for field in fields(RollupBatch))
    )
