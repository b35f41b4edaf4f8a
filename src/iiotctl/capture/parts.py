"""Sums over stretches of samples that can be put together: what roll-ups are made of.

A *part* holds count, mean and the sum of squared deviations (m2) of some samples of one key, with their
extremes and edges. Parts of one key combine exactly as if their samples had stood together (Chan, Golub and
LeVeque 1983). Means are taken relative to a value of their own group, so
that a small noise on a large offset keeps its digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iiotctl.quality import BAD

_LATEST: Final = int(np.iinfo(np.int64).max)
_EARLIEST: Final = int(np.iinfo(np.int64).min)


@dataclass(slots=True, eq=False)
class Parts:
    """n parts in columns.

    Attributes:
        key: int64[n], what a part belongs to.
        count: int64[n], usable samples: not Bad, and a finite number.
        bad: int64[n], the others.
        mean, m2: float64[n]; 0 where `count` is 0.
        min, max: float64[n]; inf and -inf where `count` is 0.
        first, last: float64[n], values at the edges; NaN where `count` is 0.
        first_ts, last_ts: int64[n], µs UTC; the largest and the smallest number where `count` is 0.
        quality: uint32[n], largest status code of all samples.
        partial: bool[n], something of the stretch was not observed.
    """

    key: NDArray[np.int64]
    count: NDArray[np.int64]
    bad: NDArray[np.int64]
    mean: NDArray[np.float64]
    m2: NDArray[np.float64]
    min: NDArray[np.float64]
    max: NDArray[np.float64]
    first: NDArray[np.float64]
    last: NDArray[np.float64]
    first_ts: NDArray[np.int64]
    last_ts: NDArray[np.int64]
    quality: NDArray[np.uint32]
    partial: NDArray[np.bool_]

    def __len__(self) -> int:
        return int(self.key.shape[0])

    def take(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> Parts:
        """The parts at `index` (positions or a mask), in that order."""
        return Parts(*(getattr(self, field.name)[index] for field in fields(self)))


def empty(key: NDArray[np.int64]) -> Parts:
    """Parts of no samples."""
    n = len(key)
    return Parts(
        key=key,
        count=np.zeros(n, np.int64),
        bad=np.zeros(n, np.int64),
        mean=np.zeros(n),
        m2=np.zeros(n),
        min=np.full(n, np.inf),
        max=np.full(n, -np.inf),
        first=np.full(n, np.nan),
        last=np.full(n, np.nan),
        first_ts=np.full(n, _LATEST, np.int64),
        last_ts=np.full(n, _EARLIEST, np.int64),
        quality=np.zeros(n, np.uint32),
        partial=np.zeros(n, np.bool_),
    )


def of_samples(
    key: NDArray[np.int64], ts: NDArray[np.int64], value: NDArray[np.float64], quality: NDArray[np.uint32]
) -> Parts:
    """One part a key of these samples, in the order of the keys; of equal times the earlier sample counts as earlier."""
    if (key[1:] < key[:-1]).any():
        order = np.argsort(key, kind="stable")
        key, ts, value, quality = key[order], ts[order], value[order], quality[order]
    begin = _begins(key)
    usable = np.isfinite(value) & (quality < BAD)
    if usable.all():
        return _of_usable(key, begin, ts, value, quality)
    good = np.flatnonzero(usable)
    bad = np.flatnonzero(~usable)
    others = empty(key[bad])
    others.bad[:] = 1
    others.quality[:] = quality[bad]
    parts = [others]
    if len(good):
        key = key[good]
        parts.append(_of_usable(key, _begins(key), ts[good], value[good], quality[good]))
    return combine(concat(parts))


def _begins(key: NDArray[np.int64]) -> NDArray[np.intp]:
    return np.flatnonzero(np.append(True, key[1:] != key[:-1]))


def _of_usable(
    key: NDArray[np.int64],
    begin: NDArray[np.intp],
    ts: NDArray[np.int64],
    value: NDArray[np.float64],
    quality: NDArray[np.uint32],
) -> Parts:
    """Samples that are all usable, sorted by key; `begin` = place of each key's first."""
    count = np.diff(np.append(begin, len(key)))
    least = np.minimum.reduceat(value, begin)
    away = value - np.repeat(least, count)
    mean = np.add.reduceat(away, begin) / count
    m2 = np.add.reduceat((away - np.repeat(mean, count)) ** 2, begin)
    first = begin
    last = begin + count - 1
    steps = ts[1:] < ts[:-1]
    steps[begin[1:] - 1] = False  # from one key to the next
    if steps.any():
        order = np.lexsort((ts, key))
        ts, value = ts[order], value[order]
    found = empty(key[begin])
    found.count, found.mean, found.m2 = count, least + mean, m2
    found.min, found.max = least, np.maximum.reduceat(value, begin)
    found.first, found.first_ts, found.last, found.last_ts = value[first], ts[first], value[last], ts[last]
    found.quality = np.maximum.reduceat(quality, begin)
    return found


def concat(parts: Sequence[Parts]) -> Parts:
    """All parts of several, in order."""
    if len(parts) == 1:
        return parts[0]
    return Parts(*(np.concatenate([getattr(one, field.name) for one in parts]) for field in fields(Parts)))


def combine(parts: Parts) -> Parts:
    """One part a key, in the order of the keys; of samples with equal times the earlier part counts as earlier."""
    if not len(parts):
        return parts
    if (parts.key[1:] < parts.key[:-1]).any():
        parts = parts.take(np.argsort(parts.key, kind="stable"))
    begin = _begins(parts.key)
    if len(begin) == len(parts):
        return parts
    group = np.repeat(np.arange(len(begin)), np.diff(np.append(begin, len(parts))))
    count = np.add.reduceat(parts.count, begin)
    least = np.minimum.reduceat(parts.min, begin)
    pivot = np.where(count > 0, least, 0.0)
    away = np.where(parts.count > 0, parts.mean - pivot[group], 0.0)
    mean = np.add.reduceat(parts.count * away, begin) / np.maximum(count, 1)
    m2 = np.add.reduceat(parts.m2 + parts.count * (away - mean[group]) ** 2, begin)
    first_ts = np.minimum.reduceat(parts.first_ts, begin)
    last_ts = np.maximum.reduceat(parts.last_ts, begin)
    place = np.arange(len(parts))
    first = np.minimum.reduceat(np.where(parts.first_ts == first_ts[group], place, len(parts)), begin)
    last = np.maximum.reduceat(np.where(parts.last_ts == last_ts[group], place, -1), begin)
    return Parts(
        key=parts.key[begin],
        count=count,
        bad=np.add.reduceat(parts.bad, begin),
        mean=np.where(count > 0, pivot + mean, 0.0),
        m2=np.where(count > 0, m2, 0.0),
        min=least,
        max=np.maximum.reduceat(parts.max, begin),
        first=parts.first[first],
        last=parts.last[last],
        first_ts=first_ts,
        last_ts=last_ts,
        quality=np.maximum.reduceat(parts.quality, begin),
        partial=np.logical_or.reduceat(parts.partial, begin),
    )
